//! The database: reachable, which server, which schema, whose clock; and whether the key opens its credentials.

use super::check::Report;
use crate::session::Session;
use muster_domain::credential::Credential;
use muster_domain::{Clock as _, SystemClock};
use muster_store::StoreError;

const AREA: &str = "database";
/// More than a slow answer explains: leases and budgets live on the clock of the database, people on theirs.
const MOST_SKEW_SECONDS: i64 = 5;

/// Looks at the database; false where nothing can be read from it.
pub(super) async fn examine(session: &Session, report: &mut Report) -> bool {
    let store = &session.store;
    match store.server_version().await {
        Ok(version) => report.ok(AREA, "reachable", version),
        Err(error) => {
            report.failed(
                AREA,
                "reachable",
                error.to_string(),
                "check MUSTER_DATABASE_URL, and that the server takes connections",
            );
            return false;
        }
    }
    skew(session, report).await;
    let embedded = session.configuration.database_url.is_none();
    match store.check_schema().await {
        Ok(()) => {
            report.ok(AREA, "schema", "as this binary knows it");
            true
        }
        // As every command does it at its first use.
        Err(StoreError::SchemaUnknown(_)) if embedded && store.migrate().await.is_ok() => {
            report.ok(AREA, "schema", "brought up to this binary now");
            true
        }
        Err(error) => {
            report.failed(
                AREA,
                "schema",
                error.to_string(),
                "run `muster migrate` with the newest binary of this installation",
            );
            false
        }
    }
}

async fn skew(session: &Session, report: &mut Report) {
    let before = SystemClock.now();
    let Ok(there) = session.store.now().await else { return };
    let after = SystemClock.now();
    // The answer is from some moment between the two.
    let seconds = if there < before {
        (before - there).num_seconds()
    } else if there > after {
        (there - after).num_seconds()
    } else {
        0
    };
    if seconds <= MOST_SKEW_SECONDS {
        report.ok(AREA, "clock", format!("{seconds} s from the clock of this machine"));
    } else {
        report.warning(
            AREA,
            "clock",
            format!("{seconds} s from the clock of this machine"),
            "let both machines take their time from a time server (NTP)",
        );
    }
}

/// Looks whether the key opens every credential. Nothing of them is shown.
pub(super) async fn examine_credentials(session: &Session, report: &mut Report) -> Vec<Credential> {
    const CHECK: &str = "encryption key";
    let credentials = match session.store.credentials().list().await {
        Ok(credentials) => credentials,
        Err(error) => {
            report.failed(AREA, CHECK, error.to_string(), "see the message");
            return Vec::new();
        }
    };
    let mut closed = Vec::new();
    let mut reason = String::new();
    for credential in &credentials {
        if let Err(error) = session.store.credentials().reveal(credential.id).await {
            reason = error.to_string();
            closed.push(credential.name.clone());
        }
    }
    if closed.is_empty() {
        report.ok(AREA, CHECK, format!("opens all {} credentials", credentials.len()));
    } else {
        report.failed(
            AREA,
            CHECK,
            format!("does not open {} of {} ({}): {reason}", closed.len(), credentials.len(), closed.join(", ")),
            "set MUSTER_ENCRYPTION_KEY to the key that they were stored with, or store them anew with `muster \
             credential set`",
        );
    }
    credentials
}
