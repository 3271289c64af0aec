//! `/api/v1/consumption` and `…/connectors/{connectorId}[/organizations/{organization}]/consumption`: pause, share and
//! quiet hours that people set.

use crate::Api;
use crate::http::body::JsonBody;
use crate::http::caller::Caller;
use crate::http::errors::ApiError;
use crate::http::paging::whole;
use crate::http::path::InPath;
use crate::scopes::organization_of;
use crate::views::consumption::ConsumptionDocument;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use muster_domain::connector::Connector;
use muster_domain::consumption_control::{ControlChange, ControlScope, QuietHours, Setting, Share};
use muster_domain::{ConnectorId, OrganizationName};
use serde::{Deserialize, Deserializer};

/// A change of what is set. A member that is absent stays as it is, one that is null is taken away.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default, deserialize_with = "given")]
    paused: Setting<bool>,
    #[serde(default, deserialize_with = "given")]
    share: Setting<Share>,
    #[serde(default, deserialize_with = "given")]
    quiet_hours: Setting<QuietHours>,
    reason: Option<String>,
}

/// Everything that is set.
pub(crate) async fn list(State(api): State<Api>) -> Result<Response, ApiError> {
    let store = api.store();
    let now = store.now().await?;
    let connectors = store.connectors().list().await?;
    let controls = store.consumption_controls().list().await?.into_iter();
    let documents = controls.filter_map(|control| {
        let connector = connectors.iter().find(|connector| connector.id == control.scope.connector_id)?;
        Some(ConsumptionDocument::of(connector, control, now))
    });
    Ok(whole(documents.collect()))
}

/// What is set for a connector.
pub(crate) async fn show_connector(
    State(api): State<Api>,
    InPath(id): InPath<ConnectorId>,
) -> Result<Json<ConsumptionDocument>, ApiError> {
    show(&api, place(&api, id, None).await?).await
}

/// What is set for an organization.
pub(crate) async fn show_organization(
    State(api): State<Api>,
    InPath((id, organization)): InPath<(ConnectorId, OrganizationName)>,
) -> Result<Json<ConsumptionDocument>, ApiError> {
    show(&api, place(&api, id, Some(organization)).await?).await
}

/// Changes what is set for a connector.
pub(crate) async fn set_connector(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<ConnectorId>,
    JsonBody(change): JsonBody<Change>,
) -> Result<Json<ConsumptionDocument>, ApiError> {
    set(&api, &caller, place(&api, id, None).await?, change).await
}

/// Changes what is set for an organization.
pub(crate) async fn set_organization(
    State(api): State<Api>,
    caller: Caller,
    InPath((id, organization)): InPath<(ConnectorId, OrganizationName)>,
    JsonBody(change): JsonBody<Change>,
) -> Result<Json<ConsumptionDocument>, ApiError> {
    set(&api, &caller, place(&api, id, Some(organization)).await?, change).await
}

/// Takes away what is set for a connector.
pub(crate) async fn clear_connector(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<ConnectorId>,
) -> Result<StatusCode, ApiError> {
    clear(&api, &caller, &ControlScope::connector(id)).await
}

/// Takes away what is set for an organization; also for one that the connector does not have any more.
pub(crate) async fn clear_organization(
    State(api): State<Api>,
    caller: Caller,
    InPath((id, organization)): InPath<(ConnectorId, OrganizationName)>,
) -> Result<StatusCode, ApiError> {
    clear(&api, &caller, &ControlScope::organization(id, organization)).await
}

struct Place {
    connector: Connector,
    scope: ControlScope,
}

/// The connector, and the organization in its own spelling.
async fn place(
    api: &Api,
    id: ConnectorId,
    organization: Option<OrganizationName>,
) -> Result<Place, ApiError> {
    let connector = api
        .store()
        .connectors()
        .get(id)
        .await?
        .ok_or_else(|| ApiError::not_found("connectorId", format!("there is no connector {id}")))?;
    let Some(organization) = organization else {
        return Ok(Place { connector, scope: ControlScope::connector(id) });
    };
    match organization_of(api.store(), &connector, &organization).await? {
        Some(known) => Ok(Place { connector, scope: ControlScope::organization(id, known) }),
        None => {
            let name = &connector.name;
            let message = format!("the connector {name} has no organization {organization}");
            Err(ApiError::not_found("organization", message))
        }
    }
}

async fn show(api: &Api, place: Place) -> Result<Json<ConsumptionDocument>, ApiError> {
    let store = api.store();
    Ok(Json(match store.consumption_controls().get(&place.scope).await? {
        Some(control) => ConsumptionDocument::of(&place.connector, control, store.now().await?),
        None => ConsumptionDocument::nothing(&place.connector, place.scope),
    }))
}

async fn set(
    api: &Api,
    caller: &Caller,
    place: Place,
    change: Change,
) -> Result<Json<ConsumptionDocument>, ApiError> {
    let change = ControlChange {
        paused: match change.paused {
            Setting::Keep => None,
            Setting::Clear => Some(false),
            Setting::Set(paused) => Some(paused),
        },
        share: change.share,
        quiet_hours: change.quiet_hours,
        reason: change.reason,
    };
    if change == ControlChange::default() {
        let message = "nothing is changed; give paused, share, quietHours or reason";
        return Err(ApiError::invalid("body", message));
    }
    let store = api.store();
    let control = store.consumption_controls().set(&place.scope, change, &caller.actor).await?;
    api.work_was_made();
    Ok(Json(ConsumptionDocument::of(&place.connector, control, store.now().await?)))
}

async fn clear(api: &Api, caller: &Caller, scope: &ControlScope) -> Result<StatusCode, ApiError> {
    api.store().consumption_controls().clear(scope, &caller.actor).await?;
    api.work_was_made();
    Ok(StatusCode::NO_CONTENT)
}

/// A member that is there: null takes away.
fn given<'de, D, T>(deserializer: D) -> Result<Setting<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.map_or(Setting::Clear, Setting::Set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_stays_null_clears_and_a_value_is_set() {
        let read = |text: &str| serde_json::from_str::<Change>(text);
        let change = read(r#"{"share":null}"#).unwrap();
        assert_eq!((change.paused, change.share), (Setting::Keep, Setting::Clear));
        let change = read(r#"{"paused":true,"share":0.25}"#).unwrap();
        assert_eq!(change.paused, Setting::Set(true));
        assert_eq!(change.share, Setting::Set(Share::new(0.25).unwrap()));
        assert_eq!(change.quiet_hours, Setting::Keep);
        assert!(read(r#"{"share":0}"#).unwrap_err().to_string().contains("share"));
        let wrong = r#"{"quietHours":{"timeZone":"Mars","weekdays":["mon"],"from":"1:00","to":"2:00"}}"#;
        assert!(read(wrong).unwrap_err().to_string().contains("Europe/Berlin"));
    }
}
