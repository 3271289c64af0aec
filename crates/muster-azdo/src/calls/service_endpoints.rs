//! `GET /{organization}/{project}/_apis/serviceendpoint/endpoints`: service connections of a project.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Violation, Wire, lowercase_guid};
use crate::session::Session;
use muster_domain::properties::ServiceConnectionProperties;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use reqwest::Url;
use serde::Deserialize;
use tracing::instrument;

/// A service connection as it is listed in a project. A shared one is listed in each of its projects, with one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConnectionItem {
    /// Its immutable id.
    pub id: String,
    /// Its present name.
    pub name: String,
    /// What is kept of it; parameters of the authorization are not.
    pub properties: ServiceConnectionProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointWire {
    id: String,
    name: String,
    r#type: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    authorization: Option<AuthorizationWire>,
    #[serde(default)]
    is_shared: Option<bool>,
    #[serde(default)]
    is_ready: Option<bool>,
}

#[derive(Deserialize)]
struct AuthorizationWire {
    #[serde(default)]
    scheme: Option<String>,
}

impl Wire for EndpointWire {
    type Item = ServiceConnectionItem;

    fn into_item(self) -> Result<ServiceConnectionItem, Violation> {
        Ok(ServiceConnectionItem {
            id: lowercase_guid(self.id),
            name: self.name,
            properties: ServiceConnectionProperties {
                connection_type: self.r#type,
                authorization_scheme: self.authorization.and_then(|authorization| authorization.scheme),
                is_shared: self.is_shared.unwrap_or(false),
                is_ready: self.is_ready.unwrap_or(false),
                target_url: self.url.as_deref().and_then(without_secrets),
            },
        })
    }
}

/// The URL without the parts in which credentials hide, the path among them: that of a webhook is its secret. Nothing
/// where it cannot be told apart.
fn without_secrets(text: &str) -> Option<String> {
    let mut url = Url::parse(text).ok()?;
    if url.cannot_be_a_base() {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    Some(url.to_string())
}

impl Session {
    /// The service connections of `project` that the credential may see, failed ones too.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.serviceEndpoints", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn service_endpoints(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
    ) -> Result<Vec<ServiceConnectionItem>, CallError> {
        let path = "_apis/serviceendpoint/endpoints";
        let call = Call::in_project(Read::ServiceEndpoints, organization, project, path)
            .with("includeFailed", "true");
        self.list_of::<EndpointWire>(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_keeps_no_credentials() {
        for (text, kept) in [
            ("https://user:secret@host.example/path?sig=secret#secret", Some("https://host.example/")),
            ("https://hooks.example:8443/services/T0SECRET/secret", Some("https://hooks.example:8443/")),
            ("https://management.azure.com/", Some("https://management.azure.com/")),
            ("user:secret@host", None),
            ("not a url", None),
            ("data:secret", None),
        ] {
            assert_eq!(without_secrets(text).as_deref(), kept, "{text}");
        }
    }
}
