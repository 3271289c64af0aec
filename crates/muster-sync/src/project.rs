//! `project.sync`: reads the settings of a project.

use crate::SyncSettings;
use crate::cross_check::{self, Reached};
use crate::pass::Pass;
use crate::reads::{ReadError, read};
use crate::refusal;
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
            if let Err(error) = read_believed(one, &mut pass).await
                && settle(one, error, &mut pass).await? == Settled::NothingAnswers
            {
                self.nothing_is_known(&mut pass);
                return Ok(pass.finish(self.catalogue));
            }
            pass.progress.done.insert(one);
        }
        match cross_check::run(&mut pass, &self.checked).await {
            Ok(Reached::End) => (),
            Ok(Reached::SliceEnd) => return Ok(pass.carry_on()),
            Err(error) => {
                settle(Read::PipelinePermissions, error, &mut pass).await?;
            }
        }
        refusal::note_answer(&mut pass);
        Ok(pass.finish(self.catalogue))
    }
}

impl SyncProject {
    /// What was not read in this pass cannot be.
    fn nothing_is_known(&self, pass: &mut Pass<'_>) {
        for &one in &self.reads {
            if !pass.progress.done.contains(&one) {
                pass.unknown(one, UnknownReason::Forbidden);
            }
        }
    }
}

/// Makes one read. One that refuses the credential is made once more where the organization still admits it: a single
/// 401 is no refusal.
async fn read_believed(one: Read, pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let is_first = !pass.progress.admitted_after_refusal;
    match read(one, pass).await {
        Err(ReadError::Call(error @ CallError::Unauthorized { .. })) if is_first => {
            if refusal::is_refused_alone(pass, &error).await? {
                read(one, pass).await
            } else {
                Err(error.into())
            }
        }
        outcome => outcome,
    }
}

/// What a failed read means for the rest of the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    /// A gap, which is said; the other reads are made.
    Gap,
    /// The project answers nothing at all.
    NothingAnswers,
}

/// What a failed read means: a gap that is said, or the end of this run.
async fn settle(one: Read, error: ReadError, pass: &mut Pass<'_>) -> Result<Settled, HandlerError> {
    let error = match error {
        ReadError::Call(error) => error,
        ReadError::Handler(error) => return Err(error),
    };
    if refusal::is_project_absent(&error) {
        refusal::is_listed_all_the_same(pass, &error).await?;
        return Ok(Settled::NothingAnswers);
    }
    let is_refused_alone = match refusal::is_refused_alone(pass, &error).await {
        Ok(is_refused_alone) => is_refused_alone,
        Err(ReadError::Handler(error)) => return Err(error),
        Err(ReadError::Call(error)) => return Err(pass.keep_and_fail(CallFailure::from(error)).await),
    };
    match error {
        CallError::Forbidden { .. } | CallError::Unauthorized { .. } if is_refused_alone => {
            tracing::info!(read = %one, error = %error, "a read is refused, what depends on it is unknown");
            pass.unknown(one, UnknownReason::Forbidden);
            Ok(Settled::Gap)
        }
        // Once may be an accident; a second time the gap is said and the rest goes on.
        CallError::Unexpected { .. } if pass.job.attempt > 1 => {
            tracing::warn!(read = %one, error = %error, "an answer is not understood, what depends on it is unknown");
            pass.unknown(one, UnknownReason::ContractViolation);
            Ok(Settled::Gap)
        }
        CallError::NotFound { .. } => {
            tracing::info!(read = %one, error = %error, "a read is not offered, what depends on it is unknown");
            pass.unknown(one, UnknownReason::NotOffered);
            Ok(Settled::Gap)
        }
        // Every project of it would be told the same: its organization is asked once a day, by discovery.
        CallError::OrganizationStopped { .. } => {
            pass.note_stopped(error.to_string());
            pass.keep().await?;
            Err(HandlerError::Gone { message: error.to_string() })
        }
        error => Err(pass.keep_and_fail(CallFailure::from(error)).await),
    }
}
