//! Where clients look up what they call: `OPTIONS` on `_apis`, and `ResourceAreas`. Both answer without a token, cost
//! nothing and are never throttled: they are looked up once per process.

mod areas;
mod table;

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::path::{percent_decoded, percent_encoded};
use crate::http::refusal::Refusal;
use crate::options::ResourceAreasMode;
use crate::state::SimulatorState;
use crate::world::{OrganizationIndex, View};

/// What the look-ups are called in statistics.
pub(crate) const OPTIONS: &str = "options";
const RESOURCE_AREAS: &str = "resourceAreas";

/// What the official Python client asks the resource areas with.
const RESOURCE_AREAS_VERSION: &str = "7.1-preview.1";

/// On which level of the service a location or an area is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Below every organization.
    Organization,
    /// Beside the organizations: accounts and profiles.
    Deployment,
}

/// A look-up, read from its path.
enum Lookup {
    /// The locations, of one area where it is named.
    Locations { area: Option<String> },
    /// The areas, or one of them.
    Areas { id: Option<String> },
}

impl Lookup {
    /// The look-up that a request is, and the organization's segment.
    fn read(method: &Method, path: &str) -> Option<(Self, Option<String>)> {
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(percent_decoded);
        let segments = segments.collect::<Option<Vec<String>>>()?;
        let marker = segments.iter().position(|segment| segment.eq_ignore_ascii_case("_apis"))?;
        let organization = match &segments[..marker] {
            [] => None,
            [organization] => Some(organization.clone()),
            _ => return None,
        };
        let lookup = match &segments[marker + 1..] {
            [] if method == Method::OPTIONS => Self::Locations { area: None },
            [area, ..] if method == Method::OPTIONS => Self::Locations { area: Some(area.clone()) },
            [areas, rest @ ..] if method == Method::GET && areas.eq_ignore_ascii_case(RESOURCE_AREAS) => {
                Self::Areas { id: rest.first().cloned() }
            }
            _ => return None,
        };
        Some((lookup, organization))
    }
}

/// Answers a look-up; `None` for every other request.
pub(crate) fn answer(
    state: &SimulatorState,
    method: &Method,
    uri: &Uri,
    asked: &HeaderMap,
) -> Option<(Response, Option<OrganizationIndex>)> {
    let (lookup, segment) = Lookup::read(method, uri.path())?;
    state.count_request(match lookup {
        Lookup::Locations { .. } => OPTIONS,
        Lookup::Areas { .. } => RESOURCE_AREAS,
    });
    let view = state.view();
    let organization = match segment.map(|name| find(&view, &name)).transpose() {
        Ok(organization) => organization,
        Err(refusal) => return Some((refusal.into_response(), None)),
    };
    let organization = match (organization, host_id(uri)) {
        (None, Some(id)) => match of_id(&view, &id) {
            Some(index) => Some(index),
            None => return Some((StatusCode::NOT_FOUND.into_response(), None)),
        },
        (organization, _) => organization,
    };
    let response = match lookup {
        Lookup::Locations { area } => locations(organization.is_some(), area.as_deref(), asked),
        Lookup::Areas { id } => areas(state, &view, organization, id.as_deref(), asked),
    };
    Some((response, organization))
}

/// The organization whose place is asked for: by an id that stays when it gets another name.
fn host_id(uri: &Uri) -> Option<String> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case("hostId")).map(|(_, id)| id.to_owned())
}

fn of_id(view: &View, id: &str) -> Option<OrganizationIndex> {
    let mut all = view.organizations();
    all.find(|(_, organization)| organization.id.to_string().eq_ignore_ascii_case(id)).map(|(index, _)| index)
}

fn find(view: &View, name: &str) -> Result<OrganizationIndex, Refusal> {
    let index = view.find_organization(name);
    let index = index.ok_or_else(|| Refusal::UnknownOrganization { name: name.to_owned() })?;
    if view.changes.stopped_organizations.contains(&index) {
        return Err(Refusal::OrganizationStopped { name: view.organization(index).name.clone() });
    }
    Ok(index)
}

fn locations(has_organization: bool, area: Option<&str>, asked: &HeaderMap) -> Response {
    let level = if has_organization { Level::Organization } else { Level::Deployment };
    let found: Vec<_> = table::LOCATIONS
        .iter()
        .filter(|location| location.is_on(level))
        .filter(|location| area.is_none_or(|wanted| location.area.eq_ignore_ascii_case(wanted)))
        .collect();
    json_answer(&list(&found), asked)
}

/// The areas of the service. **None is named unless the option says so**: both official clients take an empty list for
/// an Azure DevOps Server and send every call to the URL that they were given. To a list that lacks an area, the Node
/// client answers with an error, but the Python client asks the public service for it, with the credential at hand; and
/// even the list of the real service lacks areas that clients ask for. Nobody can keep a list complete for clients that
/// are to come, so an empty one is the safe one.
fn areas(
    state: &SimulatorState,
    view: &View,
    organization: Option<OrganizationIndex>,
    id: Option<&str>,
    asked: &HeaderMap,
) -> Response {
    let base = &view.world.base_url;
    let organization_url = match organization {
        Some(index) => format!("{base}/{}/", percent_encoded(&view.organization(index).name)),
        None => format!("{base}/"),
    };
    let entry = |area: &areas::Area| {
        let url = match area.level {
            Level::Organization => organization_url.clone(),
            Level::Deployment => format!("{base}/"),
        };
        json!({"id": area.id, "name": area.name, "locationUrl": url})
    };
    match (id, state.options.resource_areas) {
        (Some(id), _) => match areas::AREAS.iter().find(|area| area.id.eq_ignore_ascii_case(id)) {
            Some(area) => json_answer(&entry(area), asked),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (None, ResourceAreasMode::Empty) => json_answer(&list::<Value>(&[]), asked),
        (None, ResourceAreasMode::Listed) => {
            json_answer(&list(&areas::AREAS.iter().map(entry).collect::<Vec<_>>()), asked)
        }
    }
}

fn list<T: Serialize>(values: &[T]) -> Value {
    json!({"count": values.len(), "value": values})
}

fn json_answer(value: &Value, asked: &HeaderMap) -> Response {
    let version = crate::http::version_from_accept(asked);
    let version = version.as_deref().unwrap_or(RESOURCE_AREAS_VERSION);
    let content_type = format!("application/json; charset=utf-8; api-version={version}");
    ([(header::CONTENT_TYPE, content_type)], value.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let locations: BTreeSet<Uuid> =
            table::LOCATIONS.iter().map(|location| location.id.parse().unwrap()).collect();
        assert_eq!(locations.len(), table::LOCATIONS.len());
        let areas: BTreeSet<Uuid> = areas::AREAS.iter().map(|area| area.id.parse().unwrap()).collect();
        assert_eq!(areas.len(), areas::AREAS.len());
    }

    #[test]
    fn a_look_up_is_told_from_other_requests() {
        let read = |method: Method, path| {
            Lookup::read(&method, path).map(|(lookup, organization)| match lookup {
                Lookup::Locations { area } => (OPTIONS, area, organization),
                Lookup::Areas { id } => (RESOURCE_AREAS, id, organization),
            })
        };
        let contoso = Some("contoso".to_owned());
        assert_eq!(read(Method::OPTIONS, "/_apis"), Some((OPTIONS, None, None)));
        assert_eq!(read(Method::OPTIONS, "/contoso/_APIS/"), Some((OPTIONS, None, contoso.clone())));
        let git = Some("git".to_owned());
        assert_eq!(read(Method::OPTIONS, "/contoso/_apis/git"), Some((OPTIONS, git, contoso.clone())));
        let areas = read(Method::GET, "/contoso/_apis/resourceareas/7");
        assert_eq!(areas, Some((RESOURCE_AREAS, Some("7".to_owned()), contoso)));
        assert_eq!(read(Method::GET, "/contoso/_apis/projects"), None);
        assert_eq!(read(Method::GET, "/_apis"), None);
    }
}
