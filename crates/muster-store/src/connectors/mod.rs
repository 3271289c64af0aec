//! Connectors: created, moved through their states, removed.

mod organizations;
mod row;
mod transition;
mod update;

pub use organizations::OrganizationStanding;
pub use update::ConnectorUpdate;

pub(crate) use transition::{transition_by_person, transition_of_job};

use crate::Store;
use crate::apply::Applied;
use crate::changes::ConnectorTransition;
use crate::error::StoreError;
use crate::ledger::NewJob;
use crate::ledger::enqueue::enqueue;
use crate::outbox;
use crate::session::{Session, padded, places, values};
use muster_domain::connector::{Connector, ConnectorState, OrganizationsChoice, Plan, normalize_region};
use muster_domain::{ConnectorId, CredentialId, TenantId, arm};
use muster_messages::Fact;
use muster_messages::fact::{ConnectorStateChanged, FactPayload};
use muster_messages::request::OnboardingRequested;
use row::{COLUMNS, connector, scope};
use sea_orm::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// The connectors of a store.
#[derive(Clone, Debug)]
pub struct Connectors {
    pub(crate) store: Store,
}

/// A connector that does not exist yet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewConnector {
    /// Its id for its whole life.
    pub id: ConnectorId,
    /// Name, unique within subscription and resource group among connectors that are not removed.
    pub name: String,
    /// Azure subscription id.
    pub subscription_id: String,
    /// Azure resource group.
    pub resource_group: String,
    /// Azure region.
    pub region: String,
    /// Tenant that the organizations must belong to.
    pub tenant_id: Option<TenantId>,
    /// What is paid for.
    pub plan: Plan,
    /// Credential of its calls.
    pub credential_id: CredentialId,
    /// Which organizations.
    pub organizations: OrganizationsChoice,
}

impl NewConnector {
    /// The connector that a request asks for, once its credential was looked up.
    pub fn from_request(request: &OnboardingRequested, credential_id: CredentialId) -> Self {
        Self {
            id: ConnectorId(Uuid::now_v7()),
            name: request.name.clone(),
            subscription_id: request.subscription_id.clone(),
            resource_group: request.resource_group.clone(),
            region: normalize_region(&request.region),
            tenant_id: request.tenant_id,
            plan: request.plan.unwrap_or_default(),
            credential_id,
            organizations: request.organizations.clone(),
        }
    }
}

/// Which connectors to list. Absent and empty conditions hold for all.
#[derive(Clone, Debug, Default)]
pub struct ConnectorFilter {
    /// Of this name, compared without case.
    pub name: Option<String>,
    /// Of this subscription.
    pub subscription_id: Option<String>,
    /// Of this resource group; only together with the subscription.
    pub resource_group: Option<String>,
    /// In these states.
    pub states: Vec<ConnectorState>,
    /// With this credential.
    pub credential_id: Option<CredentialId>,
    /// Those that are removed too.
    pub include_removed: bool,
}

impl Connectors {
    /// Creates a connector, pending, with the jobs that follow and the fact of its creation.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] naming the connector that has the name.
    pub async fn create(&self, new: &NewConnector, jobs: &[NewJob]) -> Result<Connector, StoreError> {
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let applied = Applied { installation, now_ms: session.now_ms().await?, max_attempts };
                let connector = create(&session, &applied, new).await?;
                enqueue(&session, jobs.iter(), max_attempts).await?;
                Ok(connector)
            })
            .await
    }

    /// One connector, whatever its state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get(&self, id: ConnectorId) -> Result<Option<Connector>, StoreError> {
        get(&self.store.reader(), id, "").await
    }

    /// The connector of that name that is not removed; names are compared without case.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get_by_name(
        &self,
        subscription_id: &str,
        resource_group: &str,
        name: &str,
    ) -> Result<Option<Connector>, StoreError> {
        by_name(&self.store.reader(), subscription_id, resource_group, name).await
    }

    /// All connectors that are not removed, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self) -> Result<Vec<Connector>, StoreError> {
        self.find(&ConnectorFilter::default()).await
    }

    /// Connectors that a filter lets through, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn find(&self, filter: &ConnectorFilter) -> Result<Vec<Connector>, StoreError> {
        let (conditions, parameters) = conditions(filter);
        let statement =
            format!("SELECT {COLUMNS} FROM connector WHERE {conditions} ORDER BY name_folded, created_at_ms");
        self.store.reader().all("connector", &statement, parameters).await?.iter().map(connector).collect()
    }

    /// Tells a connector what happened to it, with the jobs that follow. Subscribers are told where its state or
    /// reason changes; jobs are held back or let go with its credential.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Transition`] where its state does not know the event.
    pub async fn transition(
        &self,
        transition: &ConnectorTransition,
        jobs: &[NewJob],
    ) -> Result<Connector, StoreError> {
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let applied = Applied { installation, now_ms: session.now_ms().await?, max_attempts };
                let fact = transition_by_person(&session, &applied, transition).await?;
                let facts: Vec<_> = fact.into_iter().map(|fact| (fact, None)).collect();
                outbox::put(&session, &applied, &facts).await?;
                enqueue(&session, jobs.iter(), max_attempts).await?;
                get(&session, transition.connector_id, "")
                    .await?
                    .ok_or_else(|| StoreError::not_found("connector", &transition.connector_id))
            })
            .await
    }
}

fn conditions(filter: &ConnectorFilter) -> (String, Vec<Value>) {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut parameters: Vec<Value> = Vec::new();
    let mut add = |condition: &str, value: Value| {
        parameters.push(value);
        conditions.push(format!("{condition} ${}", parameters.len()));
    };
    if let Some(name) = &filter.name {
        add("name_folded =", name.to_lowercase().into());
    }
    match (&filter.subscription_id, &filter.resource_group) {
        (Some(subscription), Some(group)) => add("scope_folded =", scope(subscription, group).into()),
        (Some(subscription), None) => add("lower(subscription_id) =", subscription.to_lowercase().into()),
        (None, _) => {}
    }
    if let Some(credential) = filter.credential_id {
        add("credential_id =", credential.0.into());
    }
    if !filter.states.is_empty() {
        let names: Vec<String> = filter.states.iter().map(|state| format!("'{state}'")).collect();
        conditions.push(format!("state IN ({})", names.join(", ")));
    } else if !filter.include_removed {
        conditions.push("state <> 'removed'".to_owned());
    }
    (conditions.join(" AND "), parameters)
}

pub(crate) async fn get(
    session: &Session,
    id: ConnectorId,
    lock: &str,
) -> Result<Option<Connector>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM connector WHERE id = $1 {lock}");
    session.one("connector", &statement, values![id.0]).await?.as_ref().map(connector).transpose()
}

/// Connectors by id, whatever their state.
pub(crate) async fn get_many(
    session: &Session,
    ids: &[ConnectorId],
) -> Result<HashMap<ConnectorId, Connector>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = padded(ids);
    let statement = format!("SELECT {COLUMNS} FROM connector WHERE id IN ({})", places(1, ids.len()));
    let parameters = ids.iter().map(|id| Value::from(id.0)).collect();
    let rows = session.all("connector", &statement, parameters).await?;
    rows.iter().map(|row| connector(row).map(|connector| (connector.id, connector))).collect()
}

async fn by_name(
    session: &Session,
    subscription_id: &str,
    resource_group: &str,
    name: &str,
) -> Result<Option<Connector>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM connector WHERE scope_folded = $1 AND name_folded = $2 AND state <> 'removed'"
    );
    let parameters = values![scope(subscription_id, resource_group), name.to_lowercase()];
    session.one("connector", &statement, parameters).await?.as_ref().map(connector).transpose()
}

/// Creates a connector in the transaction of the caller, with the fact of its creation.
pub(crate) async fn create(
    session: &Session,
    applied: &Applied,
    new: &NewConnector,
) -> Result<Connector, StoreError> {
    let existing = by_name(session, &new.subscription_id, &new.resource_group, &new.name).await?;
    if let Some(existing) = existing {
        return Err(StoreError::conflict(format!(
            "the name {} is taken by the connector {} ({})",
            new.name,
            existing.id,
            arm::connector_id(&existing)
        )));
    }
    session.run(INSERT, insert_values(applied, new)?).await?;
    let connector =
        get(session, new.id, "").await?.ok_or_else(|| StoreError::not_found("connector", &new.id))?;
    let fact = state_fact(applied, &connector, None);
    outbox::put(session, applied, &[(fact, None)]).await?;
    Ok(connector)
}

const INSERT: &str = "
    INSERT INTO connector (id, name, name_folded, subscription_id, resource_group, scope_folded, region, tenant_id,
        plan, credential_id, organizations, state, state_since_ms, change_sequence, created_at_ms, updated_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending', $12, 1, $12, $12)";

fn insert_values(applied: &Applied, new: &NewConnector) -> Result<Vec<Value>, StoreError> {
    let organizations = serde_json::to_value(&new.organizations)
        .map_err(|error| StoreError::Invalid(format!("organizations: {error}")))?;
    Ok(values![
        new.id.0,
        new.name.as_str(),
        new.name.to_lowercase(),
        new.subscription_id.as_str(),
        new.resource_group.as_str(),
        scope(&new.subscription_id, &new.resource_group),
        normalize_region(&new.region),
        new.tenant_id.map(|id| id.0),
        new.plan.as_str(),
        new.credential_id.0,
        organizations,
        applied.now_ms
    ])
}

/// The fact that a connector entered its present state.
fn state_fact(applied: &Applied, connector: &Connector, from: Option<ConnectorState>) -> Fact {
    Fact {
        subject: arm::connector_id(connector),
        sequence: connector.change_sequence,
        time: applied.now(),
        payload: FactPayload::ConnectorStateChanged(ConnectorStateChanged {
            connector_id: connector.id,
            name: connector.name.clone(),
            from,
            to: connector.state,
            reason: connector.state_reason.clone(),
        }),
    }
}
