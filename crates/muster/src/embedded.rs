//! The data folder of one machine: database file, encryption key, lock.

use crate::exit::{Exit, Failed};
use muster_store::KeyRing;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// File of the embedded database.
const DATABASE_FILE: &str = "muster.db";
/// File of the generated key.
pub(crate) const KEY_FILE: &str = "encryption.key";
/// File that the one process with worker roles holds.
const LOCK_FILE: &str = "muster.lock";
/// Only the owner reads and writes what is secret.
const OWNER_ONLY: u32 = 0o600;
/// Only the owner looks into a folder that Muster makes: what is badly protected is nobody else's business.
const OWNER_ONLY_FOLDER: u32 = 0o700;

/// The data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// Opens the folder, and makes it where it is missing, for its owner only.
    pub(crate) fn open(path: &Path) -> Result<Self, Failed> {
        DirBuilder::new().recursive(true).mode(OWNER_ONLY_FOLDER).create(path).map_err(|error| {
            Failed::usage(format!(
                "the data folder {} cannot be made: {error}; set MUSTER_DATA_DIR to a folder that can be written",
                path.display()
            ))
        })?;
        Ok(Self(path.to_owned()))
    }

    /// Address of the database file.
    pub(crate) fn database_url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.0.join(DATABASE_FILE).display())
    }

    /// The key, generated at first use and readable by the owner only.
    pub(crate) fn encryption_key(&self) -> Result<SecretString, Failed> {
        let path = self.0.join(KEY_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(SecretString::from(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => generate_key(&path),
            Err(error) => {
                Err(Failed::new(Exit::Failure, format!("the key {} cannot be read: {error}", path.display())))
            }
        }
    }

    /// Takes the lock of the process that holds the worker roles; kept until the process ends, however it ends.
    pub(crate) fn lock(&self) -> Result<File, Failed> {
        let path = self.0.join(LOCK_FILE);
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Failed::new(
                Exit::Conflict,
                format!(
                    "another process works on {}: an embedded database has one process with workers; stop it, choose \
                     another MUSTER_DATA_DIR, or use PostgreSQL for a fleet",
                    self.0.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

fn generate_key(path: &Path) -> Result<SecretString, Failed> {
    let key = KeyRing::generate_key();
    let file = OpenOptions::new().create_new(true).write(true).mode(OWNER_ONLY).open(path);
    match file {
        Ok(mut file) => {
            file.write_all(key.expose_secret().as_bytes())?;
            file.sync_all()?;
            Ok(key)
        }
        // Another process generated it at the same moment.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Ok(SecretString::from(fs::read_to_string(path)?.trim().to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_and_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let first = data.encryption_key().unwrap();
        let second = data.encryption_key().unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        let mode = fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, OWNER_ONLY);
    }

    #[test]
    fn a_folder_that_is_made_is_the_owners() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("muster");
        DataFolder::open(&path).unwrap();
        DataFolder::open(&path).unwrap();
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, OWNER_ONLY_FOLDER);
    }

    #[test]
    fn a_second_process_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let held = data.lock().unwrap();
        let refused = data.lock().unwrap_err();
        assert_eq!(refused.exit, Exit::Conflict);
        assert!(refused.message.contains("MUSTER_DATA_DIR"), "{refused}");
        drop(held);
        assert!(data.lock().is_ok());
    }
}
