//! Changes of jobs become rows, in the transaction of the caller.

mod assessments;
mod claims;
mod endings;
mod naming;
mod organizations;
mod presence;
mod readings;
mod refusals;
mod resources;
mod told;

pub(crate) use claims::release_all;
pub(crate) use endings::REMOVED;
pub(crate) use organizations::reason_of;
pub(crate) use readings::reading_id;

use crate::changes::Changes;
use crate::error::StoreError;
use crate::ledger::enqueue::enqueue;
use crate::session::Session;
use crate::{connectors, credentials, outbox};
use muster_domain::InstallationId;
use muster_messages::{Fact, TraceContext};

/// What is known at the moment of the change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applied {
    pub(crate) installation: InstallationId,
    pub(crate) now_ms: i64,
    pub(crate) max_attempts: u32,
}

impl Applied {
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp_millis(self.now_ms).unwrap_or_default()
    }
}

/// Writes the changes of a group of jobs, each with the trace of its job: few statements, however many jobs.
pub(crate) async fn apply(
    session: &Session,
    applied: &Applied,
    group: &[(&Changes, Option<&TraceContext>)],
) -> Result<(), StoreError> {
    let mut facts: Vec<(Fact, Option<&TraceContext>)> = Vec::new();
    for (changes, trace) in group {
        for transition in &changes.connectors {
            let fact = connectors::transition_of_job(session, applied, transition).await?;
            facts.extend(fact.map(|fact| (fact, *trace)));
        }
        let told = refusals::write(session, applied, &changes.refused_credentials).await?;
        facts.extend(told.into_iter().map(|fact| (fact, *trace)));
        organizations::settle(session, applied, &changes.choices).await?;
        let told = organizations::write(session, applied, &changes.organizations).await?;
        facts.extend(told.into_iter().map(|fact| (fact, *trace)));
        for claim in &changes.claims {
            claims::write(session, applied, claim).await?;
        }
        for identity in &changes.identities {
            credentials::set_identity(session, applied, identity).await?;
        }
    }
    let all = || group.iter().map(|(changes, _)| *changes);
    let mut happened = presence::write(session, applied, traced(group, |changes| &changes.presence)).await?;
    happened.extend(resources::write(session, applied, traced(group, |changes| &changes.resources)).await?);
    let withdrawn = traced(group, |changes| &changes.withdrawn_assessments);
    happened.extend(endings::withdraw(session, applied, withdrawn).await?);
    facts.extend(told::facts(session, applied, happened).await?);
    resources::write_relations(session, all().flat_map(|changes| &changes.relations)).await?;
    readings::forget(session, all().flat_map(|changes| &changes.forgotten_readings)).await?;
    readings::write(session, applied, all().flat_map(|changes| &changes.readings)).await?;
    let raised = assessments::write(session, applied, all().flat_map(|changes| &changes.assessments)).await?;
    enqueue(session, all().flat_map(|changes| &changes.jobs), applied.max_attempts).await?;
    for (changes, trace) in group {
        facts.extend(changes.facts.iter().map(|fact| (fact.clone(), *trace)));
    }
    assessments::raise_facts(session, &raised, &mut facts).await?;
    outbox::put(session, applied, &facts).await
}

/// One kind of writes of a whole group, each with the trace of its job.
fn traced<'a, T: 'a>(
    group: &'a [(&'a Changes, Option<&'a TraceContext>)],
    writes: impl Fn(&'a Changes) -> &'a Vec<T>,
) -> impl Iterator<Item = (&'a T, Option<&'a TraceContext>)> {
    group.iter().flat_map(move |(changes, trace)| writes(changes).iter().map(|write| (write, *trace)))
}
