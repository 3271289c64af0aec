//! `GET /_apis/resourceAreas/{core}?hostId=`: by which name an organization goes now.

use crate::call::Call;
use crate::error::CallError;
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::{OrganizationId, OrganizationName};
use reqwest::Url;
use serde::Deserialize;
use tracing::instrument;

/// The area of projects and collections: its location is that of the organization itself. Source: Microsoft, "Work with
/// URLs in extensions and integrations", which looks an organization up by its id so.
const CORE_AREA: &str = "_apis/resourceAreas/79134c72-4a58-4b42-976c-04e7115f32bf";
/// Version of that look-up.
const VERSION: &str = "5.0-preview.1";
/// Hosts on which the organization is the first part of the name instead of the path.
const HOST_PER_ORGANIZATION: &str = ".visualstudio.com";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AreaWire {
    #[serde(default)]
    location_url: Option<String>,
}

impl Session {
    /// The present name of the organization with that id; `None` where there is none any more. Ids stay when names
    /// change.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.organizationName", skip_all, fields(ado.organization.id = %organization))]
    pub async fn organization_name(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<OrganizationName>, CallError> {
        let call = Call::of_credential(Read::ConnectionData, CORE_AREA)
            .version(VERSION)
            .with("hostId", organization.to_string());
        let answer = match self.send(call).await {
            Ok(answer) => answer,
            Err(CallError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let target = answer.call.clone();
        let wire: AreaWire = answer.object().await?;
        let Some(location) = wire.location_url.filter(|location| !location.is_empty()) else {
            return Ok(None);
        };
        name_in(&location).map(Some).ok_or_else(|| {
            let detail = "the location of the organization names none".to_owned();
            CallError::Unexpected { call: target, detail }
        })
    }
}

fn name_in(location: &str) -> Option<OrganizationName> {
    let url = Url::parse(location).ok()?;
    let of_host = url.host_str().and_then(|host| host.strip_suffix(HOST_PER_ORGANIZATION));
    let name = match of_host {
        Some(name) => name.to_owned(),
        None => percent_decoded(url.path_segments()?.rfind(|segment| !segment.is_empty())?)?,
    };
    (!name.is_empty()).then(|| OrganizationName::new(name))
}

/// `%20` and the like as what they stand for; `None` where that is no text.
fn percent_decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = after;
            }
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_both_forms_of_the_location() {
        for (location, name) in [
            ("https://dev.azure.com/contoso/", Some("contoso")),
            ("https://dev.azure.com/contoso%20eu", Some("contoso eu")),
            ("https://contoso.visualstudio.com/", Some("contoso")),
            ("http://127.0.0.1:8080/tfs/contoso/", Some("contoso")),
            ("https://dev.azure.com/", None),
            ("https://dev.azure.com/%ff/", None),
            ("no url", None),
        ] {
            let found = name_in(location);
            assert_eq!(found.as_ref().map(OrganizationName::as_str), name, "{location}");
        }
    }
}
