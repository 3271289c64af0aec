//! `project.sync`: reads the settings of a project.

use crate::SyncSettings;
use crate::cross_check::{self, Reached};
use crate::pass::Pass;
use crate::reads::{self, read};
use async_trait::async_trait;
use muster_azdo::{AzureDevOps, CallError};
use muster_domain::failure::CallFailure;
use muster_domain::job::JobKind;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::ContentHash;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::ledger::ClaimedJob;
use std::collections::BTreeSet;

/// Code of Azure DevOps' answer (404) where the project itself is not there.
const PROJECT_DOES_NOT_EXIST: &str = "TF200016";

/// Reads the settings of projects.
pub struct SyncProject {
    client: AzureDevOps,
    reads: BTreeSet<Read>,
    /// Types of resources for which rules ask which pipelines may use them.
    checked: Vec<ProtectedResource>,
    catalogue: ContentHash,
}

impl SyncProject {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps, settings: &SyncSettings) -> Self {
        let checked = cross_check::types_of(&settings.rule_reads);
        Self { client, reads: settings.project_reads(), checked, catalogue: settings.catalogue }
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
        match cross_check::run(&mut pass, &self.checked).await {
            Ok(Reached::End) => (),
            Ok(Reached::SliceEnd) => return Ok(pass.carry_on()),
            Err(error) => settle(Read::PipelinePermissions, error, &mut pass).await?,
        }
        Ok(pass.finish(self.catalogue))
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
        CallError::NotFound { ref detail, .. } if detail.contains(PROJECT_DOES_NOT_EXIST) => {
            Err(HandlerError::Gone { message: error.to_string() })
        }
        CallError::NotFound { .. } => {
            tracing::info!(read = %one, error = %error, "a read is not offered, what depends on it is unknown");
            pass.unknown(one, UnknownReason::NotOffered);
            Ok(())
        }
        error => {
            let failure = CallFailure::from(error);
            Err(pass.keep_and_fail(failure).await)
        }
    }
}
