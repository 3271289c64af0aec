//! Requests: events that ask Muster for work.

use muster_domain::connector::{OrganizationsChoice, Plan};
use muster_domain::{ConnectorId, OrganizationName, ProjectId, TenantId};
use serde::{Deserialize, Serialize};

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

/// Connect organizations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnboardingRequested {
    /// Name of the connector.
    pub name: String,
    /// Azure subscription id.
    pub subscription_id: String,
    /// Azure resource group.
    pub resource_group: String,
    /// Azure region.
    pub region: String,
    /// Tenant that the organizations must belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// What is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Name of a stored credential; never the credential itself.
    pub credential: String,
    /// Which organizations.
    #[serde(flatten)]
    pub organizations: OrganizationsChoice,
}

/// A connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorReference {
    /// The connector.
    pub connector_id: ConnectorId,
}

/// Read one project now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSyncRequested {
    /// The connector.
    pub connector_id: ConnectorId,
    /// Name of the organization.
    pub organization: OrganizationName,
    /// The project.
    pub project: ProjectId,
}

/// Judge anew what is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshRequested {
    /// The connector.
    pub connector_id: ConnectorId,
    /// Only this organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationName>,
    /// Only this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
}
