//! The onboarding request as it is written, and what it must be like.

use super::{OnboardingRequested, RejectedRequest, checks};
use muster_domain::connector::{OrganizationsChoice, Plan};
use muster_domain::{OrganizationName, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Connect organizations of Azure DevOps.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OnboardingDocument {
    /// Name of the connector, unique within subscription and resource group.
    #[schemars(length(min = 1, max = checks::NAME_CHARACTERS_MAX), regex(pattern = checks::NAME_PATTERN))]
    name: String,
    /// Azure subscription id.
    #[schemars(with = "uuid::Uuid")]
    subscription_id: String,
    /// Name of the Azure resource group.
    #[schemars(length(min = 1, max = checks::RESOURCE_GROUP_CHARACTERS_MAX))]
    resource_group: String,
    /// Azure region; `Central US` is read as `centralus`.
    #[schemars(extend("examples" = muster_domain::connector::REGIONS))]
    region: String,
    /// Tenant that the organizations must belong to; learnt from the first organization where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<uuid::Uuid>")]
    tenant_id: Option<TenantId>,
    /// What is paid for; `Foundational` where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::optional_plan")]
    plan: Option<Plan>,
    /// Name of a stored credential; never the credential itself.
    #[schemars(
        length(min = 1, max = checks::CREDENTIAL_NAME_CHARACTERS_MAX),
        regex(pattern = checks::NAME_PATTERN)
    )]
    credential: String,
    /// `Enabled`: all organizations that the credential reaches, now and later. `Disabled`: the named ones, or,
    /// when none is named, all that exist now.
    auto_discovery: AutoDiscovery,
    /// Names of organizations; ignored where `autoDiscovery` is `Enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::optional_organization_names")]
    organizations: Option<Vec<OrganizationName>>,
}

/// Whether organizations that come later are connected too.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum AutoDiscovery {
    Enabled,
    Disabled,
}

/// Checks an onboarding request and brings its region into the short form.
pub(super) fn check(request: &mut OnboardingRequested) -> Result<(), RejectedRequest> {
    checks::connector_name(&request.name)?;
    checks::subscription(&request.subscription_id)?;
    checks::resource_group(&request.resource_group)?;
    request.region = checks::region(&request.region)?;
    checks::credential(&request.credential)?;
    if let OrganizationsChoice::Selected { organizations } = &request.organizations {
        for (index, organization) in organizations.iter().enumerate() {
            checks::organization(&format!("data.organizations[{index}]"), organization)?;
        }
    }
    Ok(())
}

impl From<OnboardingDocument> for OnboardingRequested {
    fn from(document: OnboardingDocument) -> Self {
        // Azure ignores the list where auto-discovery is enabled (`topLevelInventoryList`, securityConnectorsDevOps).
        let organizations = match document.auto_discovery {
            AutoDiscovery::Enabled => OrganizationsChoice::AllExistingAndFuture,
            AutoDiscovery::Disabled => {
                OrganizationsChoice::Selected { organizations: document.organizations.unwrap_or_default() }
            }
        };
        Self {
            name: document.name,
            subscription_id: document.subscription_id,
            resource_group: document.resource_group,
            region: document.region,
            tenant_id: document.tenant_id,
            plan: document.plan,
            credential: document.credential,
            organizations,
        }
    }
}

impl From<OnboardingRequested> for OnboardingDocument {
    fn from(request: OnboardingRequested) -> Self {
        let (auto_discovery, organizations) = match request.organizations {
            OrganizationsChoice::AllExistingAndFuture => (AutoDiscovery::Enabled, None),
            OrganizationsChoice::Selected { organizations } => (AutoDiscovery::Disabled, Some(organizations)),
        };
        Self {
            name: request.name,
            subscription_id: request.subscription_id,
            resource_group: request.resource_group,
            region: request.region,
            tenant_id: request.tenant_id,
            plan: request.plan,
            credential: request.credential,
            auto_discovery,
            organizations,
        }
    }
}
