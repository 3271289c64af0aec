//! What each request does, once its caller has looked up what it names.

use crate::changes::ConnectorTransition;
use crate::connectors::NewConnector;
use crate::inbox::RequestEffects;
use crate::ledger::{NewJob, REQUESTED_PRIORITY};
use muster_domain::connector::{Connector, ConnectorEvent};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::{CredentialId, OrganizationName, ProjectId};
use muster_messages::TraceContext;
use muster_messages::request::{OnboardingRequested, ProjectSyncRequested, RefreshRequested};
use std::time::Duration;

/// Who asks, for the jobs that follow.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The id of the event, or what else asked.
    pub cause: String,
    /// Where in a trace it was asked for.
    pub trace: Option<TraceContext>,
}

impl Asked {
    /// A job that somebody waits for.
    pub fn job(&self, kind: JobKind, subject: JobSubject, credential_id: Option<CredentialId>) -> NewJob {
        NewJob {
            kind,
            subject,
            credential_id,
            delay: Duration::ZERO,
            priority: REQUESTED_PRIORITY,
            cause: self.cause.clone(),
            trace: self.trace.clone(),
        }
    }
}

impl RequestEffects {
    /// Connects organizations: a new connector, and the proof of its credential.
    pub fn onboard(request: &OnboardingRequested, credential_id: CredentialId, asked: &Asked) -> Self {
        Self::create(NewConnector::from_request(request, credential_id), asked)
    }

    /// Creates a connector, and proves its credential.
    pub fn create(connector: NewConnector, asked: &Asked) -> Self {
        let subject = JobSubject::connector(connector.id);
        let job = asked.job(JobKind::ConnectorAuthorize, subject, Some(connector.credential_id));
        Self { connectors: vec![connector], jobs: vec![job], ..Self::default() }
    }

    /// Takes a connector apart. Its other jobs are cancelled.
    pub fn offboard(connector: &Connector, asked: &Asked) -> Self {
        let subject = JobSubject::connector(connector.id);
        Self {
            transitions: vec![ConnectorTransition {
                connector_id: connector.id,
                event: ConnectorEvent::Remove,
                reason: None,
                tenant_id: None,
            }],
            jobs: vec![asked.job(JobKind::ConnectorRemove, subject, None)],
            ..Self::default()
        }
    }

    /// Stops a connector: its jobs wait until it goes on.
    pub fn pause(connector: &Connector) -> Self {
        Self {
            transitions: vec![ConnectorTransition {
                connector_id: connector.id,
                event: ConnectorEvent::Pause,
                reason: None,
                tenant_id: None,
            }],
            ..Self::default()
        }
    }

    /// Finds organizations, projects and repositories now.
    pub fn discover(connector: &Connector, asked: &Asked) -> Self {
        let subject = JobSubject::connector(connector.id);
        let job = asked.job(JobKind::ConnectorDiscover, subject, Some(connector.credential_id));
        Self { jobs: vec![job], ..Self::default() }
    }

    /// Reads one project now.
    pub fn sync_project(request: &ProjectSyncRequested, connector: &Connector, asked: &Asked) -> Self {
        let subject = JobSubject::project(connector.id, request.organization.clone(), request.project);
        let job = asked.job(JobKind::ProjectSync, subject, Some(connector.credential_id));
        Self { jobs: vec![job], ..Self::default() }
    }

    /// Judges anew: `projects` are those that the request reaches, `organizations` those that it reaches whole.
    pub fn refresh(
        request: &RefreshRequested,
        organizations: &[OrganizationName],
        projects: &[(OrganizationName, ProjectId)],
        asked: &Asked,
    ) -> Self {
        let connector = request.connector_id;
        let of_organizations = organizations.iter().map(|organization| {
            let subject = JobSubject::organization(connector, organization.clone());
            asked.job(JobKind::OrganizationRefresh, subject, None)
        });
        let of_projects = projects.iter().map(|(organization, project)| {
            let subject = JobSubject::project(connector, organization.clone(), *project);
            asked.job(JobKind::ProjectRefresh, subject, None)
        });
        Self { jobs: of_organizations.chain(of_projects).collect(), ..Self::default() }
    }

    /// Proves the credential of a connector anew, after a pause or with a renewed secret.
    pub fn resume(connector: &Connector, asked: &Asked) -> Self {
        let subject = JobSubject::connector(connector.id);
        Self {
            transitions: vec![ConnectorTransition {
                connector_id: connector.id,
                event: ConnectorEvent::Resume,
                reason: None,
                tenant_id: None,
            }],
            jobs: vec![asked.job(JobKind::ConnectorAuthorize, subject, Some(connector.credential_id))],
            ..Self::default()
        }
    }
}
