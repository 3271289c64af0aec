//! What a request does, once what it names was looked up.

use muster_domain::connector::{Connector, ConnectorState};
use muster_domain::{ConnectorId, OrganizationName};
use muster_messages::Request;
use muster_messages::request::{RefreshRequested, RejectedRequest, RejectionKind};
use muster_store::inbox::RequestEffects;
use muster_store::requests::Asked;
use muster_store::{Store, StoreError};

/// Why a request has no effects.
pub(super) enum NotPossible {
    /// It names something that does not exist.
    Rejected(RejectedRequest),
    /// The database cannot be asked.
    Store(StoreError),
}

impl From<StoreError> for NotPossible {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Something stands in the way of a request.
pub(super) fn conflict(field: &str, reason: impl Into<String>, remedy: impl Into<String>) -> RejectedRequest {
    RejectedRequest {
        kind: RejectionKind::Invalid,
        field: Some(field.to_owned()),
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// What `request` does.
pub(super) async fn of(
    store: &Store,
    request: &Request,
    asked: &Asked,
) -> Result<RequestEffects, NotPossible> {
    match request {
        Request::Onboard(onboarding) => {
            let name = &onboarding.credential;
            let Some(credential) = store.credentials().get_by_name(name).await? else {
                return Err(NotPossible::Rejected(conflict(
                    "data.credential",
                    "names no stored credential",
                    "store it first with `muster credential set NAME --pat-file PATH`, then send its name",
                )));
            };
            Ok(RequestEffects::onboard(onboarding, credential.id, asked))
        }
        Request::Offboard(reference) => {
            let connector = connector(store, reference.connector_id).await?;
            Ok(RequestEffects::offboard(&connector, asked))
        }
        Request::Discover(reference) => {
            let connector = working_connector(store, reference.connector_id).await?;
            Ok(RequestEffects::discover(&connector, asked))
        }
        Request::SyncProject(sync) => {
            let connector = working_connector(store, sync.connector_id).await?;
            Ok(RequestEffects::sync_project(sync, &connector, asked))
        }
        Request::Refresh(refresh) => refresh_effects(store, refresh, asked).await,
    }
}

async fn refresh_effects(
    store: &Store,
    refresh: &RefreshRequested,
    asked: &Asked,
) -> Result<RequestEffects, NotPossible> {
    let connector = connector(store, refresh.connector_id).await?;
    let stored = store.inventory().organizations(connector.id).await?;
    let organizations: Vec<_> = stored
        .into_iter()
        .map(|known| (known.name, known.id))
        .filter(|(name, _)| refresh.organization.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    if organizations.is_empty() {
        let remedy = "list them with `muster recommendation list`, or leave the field out to judge all";
        let reason = "names no organization of the connector";
        return Err(NotPossible::Rejected(conflict("data.organization", reason, remedy)));
    }
    let Some(project) = refresh.project else {
        let names: Vec<OrganizationName> = organizations.into_iter().map(|(name, _)| name).collect();
        return Ok(RequestEffects::refresh(refresh, &names, &[], asked));
    };
    for (name, id) in organizations {
        let projects = store.inventory().projects(connector.id, id).await?;
        if projects.iter().any(|known| known.id == project) {
            return Ok(RequestEffects::refresh(refresh, &[], &[(name, project)], asked));
        }
    }
    let remedy = "have the connector discovered first, or check the id";
    Err(NotPossible::Rejected(conflict("data.project", "names no project of the connector", remedy)))
}

async fn connector(store: &Store, id: ConnectorId) -> Result<Connector, NotPossible> {
    let found = store.connectors().get(id).await?;
    found.filter(|connector| connector.state != ConnectorState::Removed).ok_or_else(|| {
        let remedy = "list them with `muster connector list`";
        NotPossible::Rejected(conflict("data.connectorId", "names no connector", remedy))
    })
}

async fn working_connector(store: &Store, id: ConnectorId) -> Result<Connector, NotPossible> {
    let connector = connector(store, id).await?;
    if connector.state.may_work() {
        return Ok(connector);
    }
    Err(NotPossible::Rejected(conflict(
        "data.connectorId",
        format!("names a connector that is {} and does not work", connector.state),
        "see why with `muster connector show`, and send the request again when it works",
    )))
}
