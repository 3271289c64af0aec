//! `connector.preflight`: asks what the credential may read, and says where the connector stands.

use crate::follow_up::priority_of;
use crate::organization_access::{Organizations, Ownership, organizations_of, ownership};
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::{AzureDevOps, CallError, PageRequest};
use muster_domain::OrganizationName;
use muster_domain::connector::ConnectorEvent;
use muster_domain::job::{JobKind, JobSubject};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::ClaimedJob;

/// Asks what credentials may read.
pub struct PreflightConnector {
    client: AzureDevOps,
}

impl PreflightConnector {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Handler for PreflightConnector {
    fn kind(&self) -> JobKind {
        JobKind::ConnectorPreflight
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(work) = Work::begin(job, slice, &self.client).await? else {
            return Ok(Outcome::cancelled());
        };
        let organizations = match organizations_of(&work).await {
            Ok(Organizations::Named(organizations)) => organizations,
            Ok(Organizations::CannotBeListed(reason)) => {
                return Ok(stands(&work, ConnectorEvent::PermissionMissing, Some(reason)));
            }
            Err(error) => return Err(work.fail(error).await),
        };
        let mut findings = Vec::new();
        for organization in &organizations {
            match look_at(&work, organization).await? {
                Finding::Readable => return Ok(readable(&work)),
                finding => findings.push(finding),
            }
        }
        Ok(verdict(&work, findings))
    }
}

enum Finding {
    Readable,
    Refused(String),
    Taken(String),
}

async fn look_at(work: &Work<'_>, organization: &OrganizationName) -> Result<Finding, HandlerError> {
    let refused = |error: &CallError| match error {
        CallError::Unauthorized { .. } | CallError::Forbidden { .. } | CallError::NotFound { .. } => {
            Some(Finding::Refused(error.to_string()))
        }
        _ => None,
    };
    let data = match work.session.connection_data(organization).await {
        Ok(data) => data,
        Err(error) => match refused(&error) {
            Some(finding) => return Ok(finding),
            None => return Err(work.fail(error).await),
        },
    };
    match ownership(work, organization, &data).await? {
        Ownership::Free => (),
        Ownership::ClaimedElsewhere(reason) => return Ok(Finding::Taken(reason)),
        Ownership::OtherTenant(reason) => return Ok(Finding::Refused(reason)),
    }
    match work.session.projects(organization, PageRequest::first()).await {
        Ok(_) => Ok(Finding::Readable),
        Err(error) => match refused(&error) {
            Some(finding) => Ok(finding),
            None => Err(work.fail(error).await),
        },
    }
}

fn readable(work: &Work<'_>) -> Outcome {
    let discover = work.next_job(
        JobKind::ConnectorDiscover,
        JobSubject::connector(work.connector.id),
        priority_of(&work.job.cause),
    );
    let transition = work.transition(ConnectorEvent::Authorized, None);
    Outcome::done(Changes { connectors: vec![transition], jobs: vec![discover], ..Changes::default() })
}

fn verdict(work: &Work<'_>, findings: Vec<Finding>) -> Outcome {
    let all_taken = findings.iter().all(|finding| matches!(finding, Finding::Taken(_)));
    let event = if all_taken {
        ConnectorEvent::OrganizationsClaimedElsewhere
    } else {
        ConnectorEvent::PermissionMissing
    };
    let reasons: Vec<String> = findings
        .into_iter()
        .map(|finding| match finding {
            Finding::Refused(reason) | Finding::Taken(reason) => reason,
            Finding::Readable => String::new(),
        })
        .collect();
    stands(work, event, Some(reasons.join("; ")))
}

fn stands(work: &Work<'_>, event: ConnectorEvent, reason: Option<String>) -> Outcome {
    let connectors = vec![work.transition(event, reason)];
    Outcome::done(Changes { connectors, ..Changes::default() })
}
