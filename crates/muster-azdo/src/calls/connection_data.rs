//! `GET /{organization}/_apis/connectionData`: who am I, which organization is this.

use crate::call::Call;
use crate::error::{CallError, UnauthorizedReason};
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::{OrganizationId, OrganizationName, TenantId};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;

/// Header with the tenant that an organization is linked to; all zeros for one that is linked to none.
const RESOURCE_TENANT: &str = "x-vss-resourcetenant";

/// Beginning of the descriptor of a caller without credentials. Organizations with public projects answer so, with
/// 200, to credentials that are not valid.
const ANONYMOUS: &str = "System:PublicAccess;";

/// What an organization says about itself and about us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionData {
    /// Immutable id of the organization.
    pub organization_id: OrganizationId,
    /// Whom the credential acts as: the key of its consumption budget.
    pub subject_descriptor: String,
    /// Name of that identity, for people.
    pub display_name: Option<String>,
    /// Tenant that the organization is linked to.
    pub tenant_id: Option<TenantId>,
    /// Page of the organization, without a trailing slash.
    pub web_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionDataWire {
    instance_id: Uuid,
    authenticated_user: IdentityWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdentityWire {
    #[serde(default)]
    subject_descriptor: Option<String>,
    #[serde(default)]
    descriptor: Option<String>,
    #[serde(default)]
    provider_display_name: Option<String>,
    #[serde(default)]
    custom_display_name: Option<String>,
}

impl Session {
    /// Who we are in `organization`, and its id and tenant. Needs no scope: the cheapest probe of a credential.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.connectionData", skip_all, fields(ado.organization = %organization))]
    pub async fn connection_data(
        &self,
        organization: &OrganizationName,
    ) -> Result<ConnectionData, CallError> {
        let call =
            Call::in_organization(Read::ConnectionData, organization, "_apis/connectionData").preview();
        let Some(web_url) = self.client.inner.urls.organization(organization) else {
            let detail = "no organization can have this name".to_owned();
            return Err(CallError::NotFound { call: call.target, detail });
        };
        let answer = self.send(call).await?;
        let tenant_id = tenant(answer.headers());
        let target = answer.call.clone();
        let wire: ConnectionDataWire = answer.object().await?;
        let user = wire.authenticated_user;
        let is_anonymous = user.descriptor.as_deref().is_some_and(|text| text.starts_with(ANONYMOUS));
        match user.subject_descriptor {
            _ if is_anonymous => {
                let reason = UnauthorizedReason::TreatedAsAnonymous;
                Err(CallError::Unauthorized { call: target, reason, detail: String::new() })
            }
            Some(subject_descriptor) if !subject_descriptor.is_empty() => Ok(ConnectionData {
                organization_id: OrganizationId(wire.instance_id),
                subject_descriptor,
                display_name: user.custom_display_name.or(user.provider_display_name),
                tenant_id,
                web_url,
            }),
            _ => {
                let detail = "the identity has no subject descriptor".to_owned();
                Err(CallError::Unexpected { call: target, detail })
            }
        }
    }
}

fn tenant(headers: &HeaderMap) -> Option<TenantId> {
    let text = headers.get(RESOURCE_TENANT)?.to_str().ok()?;
    Uuid::parse_str(text.trim()).ok().filter(|id| !id.is_nil()).map(TenantId)
}
