//! What every job of discovery begins with: its connector and a session of its credential.

use muster_azdo::{AzureDevOps, CallError, Session};
use muster_domain::budget::ConsumptionClass;
use muster_domain::connector::{Connector, ConnectorEvent};
use muster_domain::credential::Credential;
use muster_domain::failure::CallFailure;
use muster_domain::job::{JobKind, JobSubject};
use muster_runtime::{HandlerError, Slice};
use muster_store::changes::ConnectorTransition;
use muster_store::ledger::{ClaimedJob, NewJob};
use std::time::Duration;

/// A connector with a session of its credential.
pub(crate) struct Work<'a> {
    pub job: &'a ClaimedJob,
    pub slice: &'a Slice<'a>,
    pub connector: Connector,
    pub credential: Credential,
    pub session: Session,
}

impl<'a> Work<'a> {
    /// Reads connector and credential; `None` where the connector does not work (any more).
    pub(crate) async fn begin(
        job: &'a ClaimedJob,
        slice: &'a Slice<'a>,
        client: &AzureDevOps,
    ) -> Result<Option<Self>, HandlerError> {
        let store = slice.store();
        let connector = store.connectors().get(job.subject.connector_id).await?;
        let Some(connector) = connector.filter(|connector| connector.state.may_work()) else {
            return Ok(None);
        };
        let credentials = store.credentials();
        let credential = credentials.get(connector.credential_id).await?;
        let secret = credentials.reveal(connector.credential_id).await?;
        let session = client.session_of(&credential, secret, ConsumptionClass::Background);
        Ok(Some(Self { job, slice, connector, credential, session }))
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

    /// What a failed call means for this job.
    pub(crate) async fn fail(&self, error: CallError) -> HandlerError {
        match self.slice.store().now().await {
            Ok(now) => HandlerError::from_call(CallFailure::from(error), now),
            Err(error) => error.into(),
        }
    }
}
