//! The database: reachable, which server, which schema, whose clock; and whether the key opens its credentials.

use super::check::Report;
use crate::session::Session;
use muster_domain::credential::Credential;
use muster_domain::{Clock as _, SystemClock};
use muster_store::StoreError;
use std::time::Duration;
use tokio::time::Instant;

const AREA: &str = "database";
/// More than a slow answer explains: leases and budgets live on the clock of the database, people on theirs.
const MOST_SKEW_SECONDS: i64 = 5;

/// Looks at the database whose mean counts.
const PINGS: u32 = 5;
/// An answer that takes longer slows every job down.
const SLOW_ANSWER: Duration = Duration::from_millis(50);
/// One more worker takes about so many.
const FEWEST_FREE_CONNECTIONS: u64 = 12;

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
    speed(session, report).await;
    room(session, report).await;
    let embedded = session.configuration.database_url.is_none();
    match store.check_schema().await {
        Ok(()) => {
            let newer = store.schema().await.map(|standing| standing.newer).unwrap_or_default();
            if newer.is_empty() {
                report.ok(AREA, "schema", "as this binary knows it");
            } else {
                report.warning(
                    AREA,
                    "schema",
                    format!("migrated by a newer release, which added {}", newer.join(", ")),
                    "run the newest release of this installation everywhere",
                );
            }
            writable(session, report).await;
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

async fn writable(session: &Session, report: &mut Report) {
    match session.store.check_writable().await {
        Ok(()) => report.ok(AREA, "writable", "it takes changes"),
        Err(error) => report.failed(
            AREA,
            "writable",
            error.to_string(),
            "point MUSTER_DATABASE_URL to the primary, or see to the disk and the rights of the user",
        ),
    }
}

/// Every call to Azure DevOps asks the database first.
async fn speed(session: &Session, report: &mut Report) {
    let began = Instant::now();
    for _ in 0..PINGS {
        if session.store.ping().await.is_err() {
            return;
        }
    }
    let each = began.elapsed() / PINGS;
    let detail = format!("{:.1} ms to its answer", each.as_secs_f64() * 1_000.0);
    if each > SLOW_ANSWER {
        report.warning(
            AREA,
            "latency",
            detail,
            "let it run near the workers: every call asks it several times",
        );
    } else {
        report.ok(AREA, "latency", detail);
    }
}

async fn room(session: &Session, report: &mut Report) {
    let Ok(Some((present, most))) = session.store.server_connections().await else { return };
    let detail = format!("{present} of {most} are taken");
    if most.saturating_sub(present) < FEWEST_FREE_CONNECTIONS {
        report.warning(
            AREA,
            "connections",
            detail,
            "raise max_connections of the server, or run fewer processes with fewer slots (worker.slots)",
        );
    } else {
        report.ok(AREA, "connections", detail);
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
