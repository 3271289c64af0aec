//! Parts of a connector that change while it lives.

use super::{Connectors, get};
use crate::error::StoreError;
use crate::ledger::NewJob;
use crate::ledger::enqueue::enqueue;
use crate::session::{Session, values};
use muster_domain::connector::{Connector, ConnectorState, OrganizationsChoice, Plan};
use muster_domain::{ConnectorId, CredentialId};
use sea_orm::Value;
use std::collections::BTreeSet;

/// What may be changed of a connector; absent parts stay.
#[derive(Clone, Debug, Default)]
pub struct ConnectorUpdate {
    /// What is paid for.
    pub plan: Option<Plan>,
    /// Credential of its calls.
    pub credential_id: Option<CredentialId>,
    /// Which organizations.
    pub organizations: Option<OrganizationsChoice>,
}

/// Longest name of an organization.
/// Source: Microsoft's page on naming restrictions of Azure DevOps (organizations: 1 to 50 characters).
const ORGANIZATION_CHARACTERS_MAX: usize = 50;

impl Connectors {
    /// Changes parts of a connector, with the jobs that follow. Its waiting jobs go on with a new credential.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a connector or a credential that does not exist; [`StoreError::Conflict`] where
    /// the connector is being removed; [`StoreError::Invalid`] for a choice of organizations that cannot be.
    pub async fn update(
        &self,
        id: ConnectorId,
        update: &ConnectorUpdate,
        jobs: &[NewJob],
    ) -> Result<Connector, StoreError> {
        let max_attempts = self.store.inner.max_attempts;
        let organizations = update.organizations.as_ref().map(choice).transpose()?;
        let organizations = &organizations;
        self.store
            .transaction(|session| async move {
                let before = alive(&session, id).await?;
                session.run(UPDATE, update_values(id, update, organizations.clone())).await?;
                if let Some(credential) = update.credential_id {
                    change_credential(&session, &before, credential).await?;
                }
                enqueue(&session, jobs.iter(), max_attempts).await?;
                get(&session, id, "").await?.ok_or_else(|| StoreError::not_found("connector", &id))
            })
            .await
    }
}

async fn alive(session: &Session, id: ConnectorId) -> Result<Connector, StoreError> {
    let connector = get(session, id, "{for_update}").await?;
    let connector = connector.ok_or_else(|| StoreError::not_found("connector", &id))?;
    match connector.state {
        ConnectorState::Removing | ConnectorState::Removed => Err(StoreError::conflict(format!(
            "the connector {} is {}: it cannot be changed",
            connector.name, connector.state
        ))),
        _ => Ok(connector),
    }
}

async fn change_credential(
    session: &Session,
    connector: &Connector,
    credential: CredentialId,
) -> Result<(), StoreError> {
    let known = "SELECT id FROM credential WHERE id = $1 {for_share}";
    if session.one("credential", known, values![credential.0]).await?.is_none() {
        return Err(StoreError::not_found("credential", &credential));
    }
    let of_waiting_jobs = "UPDATE job SET credential_id = $3, updated_at_ms = {now} \
         WHERE connector_id = $1 AND credential_id = $2 AND state IN ('pending', 'dispatched')";
    let parameters = values![connector.id.0, connector.credential_id.0, credential.0];
    session.run(of_waiting_jobs, parameters).await?;
    Ok(())
}

/// A choice as it is kept: every organization once, none without a name.
fn choice(choice: &OrganizationsChoice) -> Result<serde_json::Value, StoreError> {
    if let OrganizationsChoice::Selected { organizations } = choice {
        let mut seen = BTreeSet::new();
        for organization in organizations {
            let name = organization.as_str();
            if name.is_empty() || name.chars().count() > ORGANIZATION_CHARACTERS_MAX {
                return Err(StoreError::Invalid(format!(
                    "{name:?} is no name of an organization: it has 1 to {ORGANIZATION_CHARACTERS_MAX} characters"
                )));
            }
            if !seen.insert(organization) {
                return Err(StoreError::Invalid(format!("the organization {name} is named twice")));
            }
        }
    }
    serde_json::to_value(choice).map_err(|error| StoreError::Invalid(format!("organizations: {error}")))
}

const UPDATE: &str = "
    UPDATE connector SET plan = COALESCE($2, plan), credential_id = COALESCE($3, credential_id),
        organizations = COALESCE($4, organizations), change_sequence = change_sequence + 1, updated_at_ms = {now}
    WHERE id = $1";

fn update_values(
    id: ConnectorId,
    update: &ConnectorUpdate,
    organizations: Option<serde_json::Value>,
) -> Vec<Value> {
    values![
        id.0,
        update.plan.map(|plan| plan.as_str().to_owned()),
        update.credential_id.map(|credential| credential.0),
        organizations
    ]
}
