//! Where the configuration comes from, and whether it is understood.

use super::check::Report;
use crate::cli::Global;
use muster_runtime::configuration::{Configuration, Environment, load};

const AREA: &str = "configuration";

/// The configuration, where it is understood.
pub(super) fn examine(global: &Global, report: &mut Report) -> Option<Configuration> {
    let file = match &global.config {
        Some(path) => format!("file {}", path.display()),
        None => "no file (--config, MUSTER_CONFIG)".to_owned(),
    };
    report.ok(AREA, "sources", format!("{file}; environment: {}", variables()));
    match load(global.config.as_deref(), &Environment::of_process()) {
        Ok(loaded) => {
            if loaded.warnings.is_empty() {
                report.ok(AREA, "keys", "every key is known");
            }
            for warning in loaded.warnings {
                report.warning(AREA, "keys", warning, "correct the name, or remove the variable");
            }
            Some(loaded.configuration)
        }
        Err(error) => {
            report.failed(AREA, "keys", error.to_string(), "correct what the message names");
            None
        }
    }
}

/// Names of the variables that are set, never their values.
fn variables() -> String {
    let mut names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("MUSTER_"))
        .collect();
    names.sort();
    if names.is_empty() { "no MUSTER_ variable".to_owned() } else { names.join(", ") }
}
