//! What the fleet is doing: who gives signs of life, what waits for too long, what waits for a person.

use super::check::Report;
use crate::process::budget_settings;
use crate::session::Session;
use muster_domain::job::Role;
use muster_domain::{Clock as _, SystemClock};
use muster_store::StoreError;
use std::time::Duration;

const AREA: &str = "operations";
/// Three signs of life that did not come.
const SILENT_AFTER: Duration = Duration::from_secs(45);
/// Work that nothing holds back is taken within seconds.
const DUE_FOR_TOO_LONG: Duration = Duration::from_secs(15 * 60);
/// Facts are published within seconds.
const FACTS_WAIT_TOO_LONG: Duration = Duration::from_secs(5 * 60);
/// Name of the scheduler among the heartbeats.
const SCHEDULER: &str = "scheduler";

/// Looks at what the fleet is doing.
pub(super) async fn examine(session: &Session, report: &mut Report) {
    let looks = [
        ("heartbeats", heartbeats(session, report).await),
        ("due work", due_work(session, report).await),
        ("newer work", newer_work(session, report).await),
        ("dead letters", dead_letters(session, report).await),
        ("facts", facts(session, report).await),
        ("identities", identities(session, report).await),
    ];
    for (check, looked) in looks {
        if let Err(error) = looked {
            report.failed(AREA, check, error.to_string(), "see the message");
        }
    }
}

async fn heartbeats(session: &Session, report: &mut Report) -> Result<(), StoreError> {
    let alive = session.store.heartbeats().list(SILENT_AFTER).await?;
    let has_connectors = !session.store.connectors().list().await?.is_empty();
    for role in std::iter::once(SCHEDULER).chain(Role::ALL.iter().map(|role| role.as_str())) {
        let of_role: Vec<_> = alive.iter().filter(|known| known.heartbeat.role == role).collect();
        let check = format!("heartbeats: {role}");
        if of_role.is_empty() {
            let command = if role == SCHEDULER {
                "muster scheduler".to_owned()
            } else {
                format!("muster worker {role}")
            };
            let detail = format!("no process gave a sign of life within {} s", SILENT_AFTER.as_secs());
            if has_connectors {
                report.warning(
                    AREA,
                    check,
                    detail,
                    format!("start `{command}`, or `muster up` on one machine"),
                );
            } else {
                report.ok(AREA, check, format!("{detail}; there is nothing to do"));
            }
            continue;
        }
        let versions: std::collections::BTreeSet<&str> =
            of_role.iter().map(|known| known.heartbeat.version.as_str()).collect();
        let versions: Vec<&str> = versions.into_iter().collect();
        report.ok(AREA, check, format!("{} alive (release {})", of_role.len(), versions.join(" and ")));
    }
    Ok(())
}

async fn due_work(session: &Session, report: &mut Report) -> Result<(), StoreError> {
    for role in Role::ALL {
        let age = session.store.ledger().oldest_due_age(role).await?.unwrap_or_default();
        let check = format!("due work: {role}");
        if age > DUE_FOR_TOO_LONG {
            report.failed(
                AREA,
                check,
                format!("the oldest job that nothing holds back is due for {} min", age.as_secs() / 60),
                format!("see that `muster scheduler` and `muster worker {role}` run, and start more workers"),
            );
        } else {
            report.ok(AREA, check, format!("the oldest is due for {} s", age.as_secs()));
        }
    }
    Ok(())
}

async fn newer_work(session: &Session, report: &mut Report) -> Result<(), StoreError> {
    let unknown = session.store.ledger().unknown_kinds().await?;
    if unknown.is_empty() {
        report.ok(AREA, "newer work", "every kind of job is known to this binary");
        return Ok(());
    }
    let kinds: Vec<String> =
        unknown.iter().map(|unknown| format!("{} {}", unknown.jobs, unknown.kind)).collect();
    report.warning(
        AREA,
        "newer work",
        format!("jobs of kinds that this binary does not know: {}", kinds.join(", ")),
        "run the newest release of this installation everywhere, and look with it",
    );
    Ok(())
}

async fn dead_letters(session: &Session, report: &mut Report) -> Result<(), StoreError> {
    let open = session.store.dead_letters().count().await?;
    if open == 0 {
        report.ok(AREA, "dead letters", "none is open");
    } else {
        report.warning(
            AREA,
            "dead letters",
            format!("{open} are open"),
            "see `muster dead-letter list`, then replay or discard them",
        );
    }
    Ok(())
}

async fn facts(session: &Session, report: &mut Report) -> Result<(), StoreError> {
    let backlog = session.store.outbox().backlog().await?;
    let age = backlog.oldest_age.unwrap_or_default();
    let detail = format!("{} wait, the oldest for {} s", backlog.pending, age.as_secs());
    if age > FACTS_WAIT_TOO_LONG {
        report.failed(
            AREA,
            "facts",
            detail,
            "see that `muster scheduler` runs and reaches the broker; facts that wait for longer than \
             retention.unpublished_fact_days are forgotten",
        );
    } else {
        report.ok(AREA, "facts", detail);
    }
    Ok(())
}

async fn identities(session: &Session, report: &mut Report) -> Result<(), StoreError> {
    let budgets = session.store.budget(budget_settings(&session.configuration)).list().await?;
    let now = session.store.now().await.unwrap_or_else(|_| SystemClock.now());
    let mut paused = 0;
    for budget in &budgets {
        let Some(until) = budget.view.blocked_until.filter(|until| *until > now) else { continue };
        paused += 1;
        report.warning(
            AREA,
            format!("identity {}", budget.identity.as_str()),
            format!("paused for another {} s", (until - now).num_seconds()),
            "its work goes on by itself then; see `muster budget` and lower consumption.share where people share it",
        );
    }
    if paused == 0 {
        report.ok(AREA, "identities", format!("none of {} is paused", budgets.len()));
    }
    Ok(())
}
