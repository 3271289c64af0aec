//! Requests: events that ask Muster for work.

pub(crate) mod checks;
mod onboarding;
mod payload;
mod rejected;
mod spelling;

pub use rejected::{RejectedRequest, RejectionKind};

pub(crate) use onboarding::OnboardingDocument;

use crate::event::{CloudEvent, JSON_CONTENT_TYPE, SPEC_VERSION};
use crate::trace::TraceContext;
use chrono::{DateTime, Utc};
use muster_domain::connector::{OrganizationsChoice, Plan};
use muster_domain::{ConnectorId, OrganizationName, ProjectId, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Type of [`OnboardingRequested`].
pub const ONBOARDING_REQUESTED: &str = "muster.connector.onboarding-requested.v1";
/// Type of a request to remove a connector.
pub const OFFBOARDING_REQUESTED: &str = "muster.connector.offboarding-requested.v1";
/// Type of a request to discover anew.
pub const DISCOVERY_REQUESTED: &str = "muster.connector.discovery-requested.v1";
/// Type of [`ProjectSyncRequested`].
pub const PROJECT_SYNC_REQUESTED: &str = "muster.project.sync-requested.v1";
/// Type of [`RefreshRequested`].
pub const REFRESH_REQUESTED: &str = "muster.recommendations.refresh-requested.v1";
/// Every type that is taken.
pub const REQUEST_TYPES: [&str; 5] = [
    ONBOARDING_REQUESTED,
    OFFBOARDING_REQUESTED,
    DISCOVERY_REQUESTED,
    PROJECT_SYNC_REQUESTED,
    REFRESH_REQUESTED,
];

/// A request that was read and found valid.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `muster.connector.onboarding-requested.v1`
    Onboard(OnboardingRequested),
    /// `muster.connector.offboarding-requested.v1`
    Offboard(ConnectorReference),
    /// `muster.connector.discovery-requested.v1`
    Discover(ConnectorReference),
    /// `muster.project.sync-requested.v1`
    SyncProject(ProjectSyncRequested),
    /// `muster.recommendations.refresh-requested.v1`
    Refresh(RefreshRequested),
}

/// What stands around a request when it is published.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestEnvelope {
    /// Who asks: a URI.
    pub source: String,
    /// Unique within `source`; publishing the same id again has no further effect.
    pub id: String,
    /// When it is asked.
    pub time: DateTime<Utc>,
    /// In which trace it is asked.
    pub trace: Option<TraceContext>,
}

impl Request {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// [`RejectedRequest`] names the field, what is wrong with it and what to do.
    pub fn from_event(event: &CloudEvent) -> Result<Self, RejectedRequest> {
        let data = &event.data;
        match event.event_type.as_str() {
            ONBOARDING_REQUESTED => payload::read(data).map(Self::Onboard),
            OFFBOARDING_REQUESTED => payload::read(data).map(Self::Offboard),
            DISCOVERY_REQUESTED => payload::read(data).map(Self::Discover),
            PROJECT_SYNC_REQUESTED => payload::read(data).map(Self::SyncProject),
            REFRESH_REQUESTED => payload::read(data).map(Self::Refresh),
            other => Err(RejectedRequest::unreadable_type(other)),
        }
    }

    /// The event type, which is also the routing key.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::Onboard(_) => ONBOARDING_REQUESTED,
            Self::Offboard(_) => OFFBOARDING_REQUESTED,
            Self::Discover(_) => DISCOVERY_REQUESTED,
            Self::SyncProject(_) => PROJECT_SYNC_REQUESTED,
            Self::Refresh(_) => REFRESH_REQUESTED,
        }
    }

    /// The event that asks for it.
    pub fn to_event(&self, envelope: RequestEnvelope) -> CloudEvent {
        let data = match self {
            Self::Onboard(payload) => serde_json::to_value(payload),
            Self::Offboard(payload) | Self::Discover(payload) => serde_json::to_value(payload),
            Self::SyncProject(payload) => serde_json::to_value(payload),
            Self::Refresh(payload) => serde_json::to_value(payload),
        };
        let (traceparent, tracestate) =
            envelope.trace.map_or((None, None), |trace| (Some(trace.traceparent), trace.tracestate));
        CloudEvent {
            specversion: SPEC_VERSION.to_owned(),
            id: envelope.id,
            source: envelope.source,
            event_type: self.event_type().to_owned(),
            subject: None,
            time: Some(envelope.time),
            datacontenttype: Some(JSON_CONTENT_TYPE.to_owned()),
            dataschema: None,
            traceparent,
            tracestate,
            // Payloads are plain structs: they always serialise.
            data: data.unwrap_or_default(),
        }
    }
}

/// True where a message, which may be anything, holds a word that looks like a secret: nobody keeps it then.
pub fn holds_secret(bytes: &[u8]) -> bool {
    checks::holds_secret_word(bytes)
}

/// Checks the name of a credential as every request that names one is checked; a secret is no name.
///
/// # Errors
/// [`RejectedRequest`], which never repeats the name.
pub fn check_credential_name(name: &str) -> Result<(), RejectedRequest> {
    checks::credential_name(name)
}

/// Connect organizations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OnboardingDocument", into = "OnboardingDocument")]
pub struct OnboardingRequested {
    /// Name of the connector.
    pub name: String,
    /// Azure subscription id.
    pub subscription_id: String,
    /// Azure resource group.
    pub resource_group: String,
    /// Azure region, in its short form once it was checked.
    pub region: String,
    /// Tenant that the organizations must belong to.
    pub tenant_id: Option<TenantId>,
    /// What is paid for.
    pub plan: Option<Plan>,
    /// Name of a stored credential; never the credential itself.
    pub credential: String,
    /// Which organizations.
    pub organizations: OrganizationsChoice,
}

/// A connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorReference {
    /// The connector.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
}

/// Read one project now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSyncRequested {
    /// The connector.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
    /// Name of the organization.
    #[schemars(schema_with = "crate::schema::organization_name")]
    pub organization: OrganizationName,
    /// The project: its Azure DevOps id.
    #[schemars(with = "uuid::Uuid")]
    pub project: ProjectId,
}

/// Judge anew what is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshRequested {
    /// The connector.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
    /// Only this organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::optional_organization_name")]
    pub organization: Option<OrganizationName>,
    /// Only this project: its Azure DevOps id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<uuid::Uuid>")]
    pub project: Option<ProjectId>,
}

#[cfg(test)]
mod tests;
