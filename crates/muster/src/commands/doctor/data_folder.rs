//! The data folder of this machine: can it be written, who holds it, who can read the key.

use super::check::Report;
use crate::embedded::{DataFolder, KEY_FILE};
use crate::exit::Exit;
use muster_runtime::configuration::Configuration;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const AREA: &str = "data folder";
/// Bits of groups and others: none of them may be set for what is secret.
const NOT_THE_OWNER: u32 = 0o077;

pub(super) fn examine(configuration: &Configuration, report: &mut Report) {
    let path = configuration.data_folder();
    let shown = path.display().to_string();
    let existed = path.is_dir();
    let folder = match DataFolder::open(&path) {
        Ok(folder) => folder,
        Err(failed) => {
            report.failed(
                AREA,
                "folder",
                failed.message,
                "set MUSTER_DATA_DIR to a folder that can be written",
            );
            return;
        }
    };
    // A file of its own says whether it can be written: permissions alone do not (read-only file systems).
    match tempfile::Builder::new().prefix(".doctor-").tempfile_in(&path) {
        Ok(_) if existed => report.ok(AREA, "folder", shown),
        Ok(_) => report.ok(AREA, "folder", format!("{shown} (made now)")),
        Err(error) => report.failed(
            AREA,
            "folder",
            format!("{shown} cannot be written: {error}"),
            "give this user the right to write, or set MUSTER_DATA_DIR",
        ),
    }
    match folder.lock() {
        Ok(_) => report.ok(AREA, "lock", "no process with workers runs on it"),
        Err(failed) if failed.exit == Exit::Conflict => {
            report.ok(AREA, "lock", "a process with workers runs on it");
        }
        Err(failed) => report.warning(
            AREA,
            "lock",
            failed.message,
            "see to the rights of the folder; an embedded database needs the lock",
        ),
    }
    key_file(&path.join(KEY_FILE), report);
}

fn key_file(path: &Path, report: &mut Report) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let mode = metadata.permissions().mode();
    if mode & NOT_THE_OWNER == 0 {
        report.ok(AREA, "key file", "only its owner can read it");
    } else {
        report.failed(
            AREA,
            "key file",
            format!("others can read {} (mode {:o})", path.display(), mode & 0o777),
            format!("chmod 600 {}; if anybody may have read it, renew the credentials", path.display()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::super::statuses;
    use super::*;

    #[test]
    fn a_key_that_others_can_read_fails() {
        let folder = tempfile::tempdir().unwrap();
        let configuration =
            Configuration { data_dir: Some(folder.path().to_owned()), ..Configuration::default() };
        let key = folder.path().join(KEY_FILE);
        std::fs::write(&key, "secret-key").unwrap();
        let examined = |mode: u32| {
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
            let mut report = Report::default();
            examine(&configuration, &mut report);
            assert!(!format!("{report:?}").contains("secret-key"));
            statuses(&report).into_iter().find(|(check, _)| check == "key file").unwrap().1
        };
        assert_eq!(examined(0o600), Status::Ok);
        assert_eq!(examined(0o644), Status::Failed);
    }

    #[test]
    fn a_lock_that_is_held_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let configuration =
            Configuration { data_dir: Some(folder.path().to_owned()), ..Configuration::default() };
        let held = DataFolder::open(folder.path()).unwrap().lock().unwrap();
        let mut report = Report::default();
        examine(&configuration, &mut report);
        drop(held);
        let lock = report.checks().iter().find(|check| check.check == "lock").unwrap();
        assert_eq!(lock.status, Status::Ok);
        assert!(lock.detail.starts_with("a process"), "{lock:?}");
    }
}
