//! What every job of discovery begins with: its connector and a session of its credential.

use crate::ownership::Claimant;
use crate::settings::DiscoverySettings;
use crate::step::StepError;
use muster_azdo::{AzureDevOps, CallError, Session};
use muster_domain::connector::{Connector, ConnectorEvent, ConnectorState, OrganizationAccess};
use muster_domain::credential::Credential;
use muster_domain::failure::CallFailure;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::{OrganizationId, OrganizationName};
use muster_runtime::{HandlerError, Slice};
use muster_store::changes::{ConnectorTransition, OrganizationWrite};
use muster_store::ledger::{ClaimedJob, NewJob};
use std::time::Duration;

/// A connector with a session of its credential.
pub(crate) struct Work<'a> {
    pub job: &'a ClaimedJob,
    pub slice: &'a Slice<'a>,
    pub settings: &'a DiscoverySettings,
    pub connector: Connector,
    pub credential: Credential,
    pub session: Session,
}

impl<'a> Work<'a> {
    /// Reads connector and credential; `None` where the connector is no more. What proves a credential anew works in a
    /// connector that waits for that; all else waits with it.
    pub(crate) async fn begin(
        job: &'a ClaimedJob,
        slice: &'a Slice<'a>,
        client: &AzureDevOps,
        settings: &'a DiscoverySettings,
    ) -> Result<Option<Self>, HandlerError> {
        let store = slice.store();
        let connector = store.connectors().get(job.subject.connector_id).await?;
        let Some(connector) = connector else { return Ok(None) };
        match connector.state {
            ConnectorState::Removing | ConnectorState::Removed => return Ok(None),
            ConnectorState::NeedsAuth if job.kind == JobKind::ConnectorAuthorize => (),
            state if !state.may_work() => return Err(HandlerError::ConnectorWaits { state }),
            _ => (),
        }
        let credentials = store.credentials();
        let credential = credentials.get(connector.credential_id).await?;
        let secret = credentials.reveal(connector.credential_id).await?;
        let session = client.session_of(&credential, secret, job.caller());
        Ok(Some(Self { job, slice, settings, connector, credential, session }))
    }

    /// Who wants the organizations.
    pub(crate) fn claimant(&self) -> Claimant {
        Claimant { connector: Some(self.connector.id), tenant: self.connector.tenant_id }
    }

    /// A job that follows from this one, asked for by whatever asked for this one.
    pub(crate) fn next_job(&self, kind: JobKind, subject: JobSubject, priority: i16) -> NewJob {
        NewJob {
            kind,
            subject,
            credential_id: kind.spends_budget().then_some(self.connector.credential_id),
            delay: Duration::ZERO,
            priority,
            cause: self.job.cause.clone(),
            trace: self.job.trace.clone(),
        }
    }

    /// Something happened to the connector.
    pub(crate) fn transition(&self, event: ConnectorEvent, reason: Option<String>) -> ConnectorTransition {
        ConnectorTransition { connector_id: self.connector.id, event, reason, tenant_id: None }
    }

    /// How an organization stands with the connector.
    pub(crate) fn stands(
        &self,
        organization: &OrganizationName,
        organization_id: Option<OrganizationId>,
        access: OrganizationAccess,
        reason: Option<String>,
    ) -> OrganizationWrite {
        OrganizationWrite::Stands {
            connector_id: self.connector.id,
            organization: organization.clone(),
            organization_id,
            access,
            reason,
        }
    }

    /// What a failed call means for this job.
    pub(crate) async fn fail(&self, error: CallError) -> HandlerError {
        match self.slice.store().now().await {
            Ok(now) => HandlerError::from_call(CallFailure::from(error), now),
            Err(error) => error.into(),
        }
    }

    /// What a failed step means for this job, where no failure of a call means anything else.
    pub(crate) async fn give_up(&self, error: StepError) -> HandlerError {
        match error {
            StepError::Call(error) => self.fail(error).await,
            StepError::Handler(error) => error,
        }
    }
}
