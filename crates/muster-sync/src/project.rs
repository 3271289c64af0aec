//! `project.sync`: reads the settings of a project.

use crate::pass::Pass;
use crate::reads::{self, read};
use crate::{INVENTORY_READS, cross_check};
use async_trait::async_trait;
use muster_azdo::{AzureDevOps, CallError};
use muster_domain::failure::CallFailure;
use muster_domain::job::JobKind;
use muster_domain::read::{Read, ReadScope, UnknownReason};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::ledger::ClaimedJob;
use std::collections::BTreeSet;

/// Reads the settings of projects.
pub struct SyncProject {
    client: AzureDevOps,
    reads: Vec<Read>,
}

impl SyncProject {
    /// A handler that makes the union of `rule_reads` and what the inventory needs, as far as they are read per
    /// project.
    pub fn new(client: AzureDevOps, rule_reads: &BTreeSet<Read>) -> Self {
        let union: BTreeSet<Read> = rule_reads.iter().copied().chain(INVENTORY_READS).collect();
        // The order of the enumeration: authorized resources after the connections that they are about.
        let reads = union.into_iter().filter(|read| read.scope() == ReadScope::Project).collect();
        Self { client, reads }
    }
}

#[async_trait]
impl Handler for SyncProject {
    fn kind(&self) -> JobKind {
        JobKind::ProjectSync
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(mut pass) = Pass::begin(job, slice, &self.client).await? else {
            return Ok(Outcome::cancelled());
        };
        for &one in &self.reads {
            if pass.progress.done.contains(&one) {
                continue;
            }
            if slice.is_over() {
                return Ok(pass.carry_on());
            }
            if let Err(error) = read(one, &mut pass).await {
                settle(one, error, &mut pass).await?;
            }
            pass.progress.done.insert(one);
        }
        if self.reads.contains(&Read::AuthorizedResources)
            && let Err(error) = cross_check::run(&mut pass).await
        {
            settle(Read::PipelinePermissions, error, &mut pass).await?;
        }
        Ok(pass.finish())
    }
}

/// What a failed read means: a gap that is said, or the end of this run.
async fn settle(one: Read, error: reads::ReadError, pass: &mut Pass<'_>) -> Result<(), HandlerError> {
    let error = match error {
        reads::ReadError::Call(error) => error,
        reads::ReadError::Handler(error) => return Err(error),
    };
    match error {
        CallError::Forbidden { .. } => {
            tracing::info!(read = %one, error = %error, "a read is refused, what depends on it is unknown");
            pass.unknown(one, UnknownReason::Forbidden);
            Ok(())
        }
        // Once may be an accident; a second time the gap is said and the rest goes on.
        CallError::Unexpected { .. } if pass.job.attempt > 1 => {
            tracing::warn!(read = %one, error = %error, "an answer is not understood, what depends on it is unknown");
            pass.unknown(one, UnknownReason::ContractViolation);
            Ok(())
        }
        error => {
            let failure = CallFailure::from(error);
            Err(pass.keep_and_fail(failure).await)
        }
    }
}
