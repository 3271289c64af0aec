//! `muster connector list`.

use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Format, Row, Snapshot, Sorting, Watch, moment, or_dash, rows_text};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use muster_domain::connector::{Connector, ConnectorState, OrganizationsChoice, Plan};
use muster_domain::{ConnectorId, CredentialId, OrganizationName, TenantId};
use muster_store::Store;
use muster_store::connectors::ConnectorFilter;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster connector list --state needs_auth --state needs_permission
  muster connector list --sort since:desc --watch";

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those in this state; may be given several times. Without it, all but removed ones.
    #[arg(long = "state", value_name = "STATE", value_parser = lookup::connector_state(), ignore_case = true)]
    states: Vec<ConnectorState>,
    /// Only those of this Azure subscription.
    #[arg(long, value_name = "GUID")]
    subscription_id: Option<String>,
    /// Only those with this credential.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// What comes first: name, state, since or created, each also with `:desc`.
    #[arg(long, default_value = "name", value_name = "KEY[:desc]")]
    sort: Sorting<Key>,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    Name,
    State,
    Since,
    Created,
}

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let credential_id = match &self.credential {
                Some(name) => Some(lookup::credential(store, name).await?.id),
                None => None,
            };
            let filter = ConnectorFilter {
                states: self.states.clone(),
                subscription_id: self.subscription_id.clone(),
                credential_id,
                ..ConnectorFilter::default()
            };
            self.watch.show(async || self.snapshot(store, &filter, global.output).await).await
        })
        .await
    }

    async fn snapshot(
        &self,
        store: &Store,
        filter: &ConnectorFilter,
        format: Format,
    ) -> Result<Snapshot, Failed> {
        let connectors = store.connectors().find(filter).await?;
        let credentials = store.credentials().list().await?;
        let names: HashMap<CredentialId, String> =
            credentials.into_iter().map(|credential| (credential.id, credential.name)).collect();
        let mut rows: Vec<Shown> = connectors
            .into_iter()
            .map(|connector| {
                let credential = names.get(&connector.credential_id).cloned();
                Shown::of(connector, credential)
            })
            .collect();
        for standing in store.connectors().organizations(None).await? {
            if let Some(row) = rows.iter_mut().find(|row| row.id == standing.connector_id) {
                *row.access.entry(standing.access.as_str()).or_default() += 1;
            }
        }
        self.sort.apply(&mut rows, compare);
        Ok(Snapshot { data: rows_text(format, &rows)?, note: None })
    }
}

fn compare(key: Key, left: &Shown, right: &Shown) -> Ordering {
    let place = |row: &Shown| ConnectorState::ALL.iter().position(|state| *state == row.state);
    let by = match key {
        Key::Name => Ordering::Equal,
        Key::State => place(left).cmp(&place(right)),
        Key::Since => left.state_since.cmp(&right.state_since),
        Key::Created => left.created_at.cmp(&right.created_at),
    };
    by.then_with(|| left.name.to_lowercase().cmp(&right.name.to_lowercase()))
        .then_with(|| left.id.cmp(&right.id))
}

/// A connector as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) id: ConnectorId,
    pub(super) name: String,
    pub(super) subscription_id: String,
    pub(super) resource_group: String,
    pub(super) region: String,
    pub(super) tenant_id: Option<TenantId>,
    pub(super) plan: Plan,
    pub(super) state: ConnectorState,
    pub(super) state_reason: Option<String>,
    pub(super) state_since: DateTime<Utc>,
    pub(super) provisioning_state: &'static str,
    /// Absent where the credential of a removed connector was deleted.
    pub(super) credential: Option<String>,
    pub(super) auto_discovery: &'static str,
    /// Those that were named; none where all are connected.
    pub(super) organizations: Vec<OrganizationName>,
    pub(super) created_at: DateTime<Utc>,
    /// How many organizations stand how with it.
    pub(super) access: BTreeMap<&'static str, u64>,
}

impl Shown {
    pub(super) fn of(connector: Connector, credential: Option<String>) -> Self {
        let (auto_discovery, organizations) = match connector.organizations {
            OrganizationsChoice::AllExistingAndFuture => ("Enabled", Vec::new()),
            OrganizationsChoice::Selected { organizations } => ("Disabled", organizations),
        };
        Self {
            id: connector.id,
            name: connector.name,
            subscription_id: connector.subscription_id,
            resource_group: connector.resource_group,
            region: connector.region,
            tenant_id: connector.tenant_id,
            plan: connector.plan,
            state: connector.state,
            state_reason: connector.state_reason,
            state_since: connector.state_since,
            provisioning_state: connector.state.provisioning_state(),
            credential,
            auto_discovery,
            organizations,
            created_at: connector.created_at,
            access: BTreeMap::new(),
        }
    }

    /// How many organizations stand how, for people.
    fn access_text(&self) -> String {
        let words: Vec<String> =
            self.access.iter().map(|(access, count)| format!("{count} {access}")).collect();
        if words.is_empty() { "-".to_owned() } else { words.join(", ") }
    }

    /// Which organizations were chosen, for people.
    pub(super) fn choice(&self) -> String {
        match (self.auto_discovery, self.organizations.as_slice()) {
            ("Enabled", _) => "all, now and later".to_owned(),
            (_, []) => "all at creation".to_owned(),
            (_, named) => named.iter().map(OrganizationName::as_str).collect::<Vec<_>>().join(", "),
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "state",
        "since",
        "organizations",
        "access",
        "credential",
        "plan",
        "resource group",
        "region",
        "id",
        "reason",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.state.to_string(),
            moment(self.state_since),
            self.choice(),
            self.access_text(),
            or_dash(self.credential.as_ref()),
            self.plan.as_str().to_owned(),
            self.resource_group.clone(),
            self.region.clone(),
            self.id.to_string(),
            or_dash(self.state_reason.as_ref()),
        ]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use uuid::Uuid;

    pub(crate) fn connector(organizations: OrganizationsChoice) -> Connector {
        Connector {
            id: ConnectorId(Uuid::nil()),
            name: "contoso".to_owned(),
            subscription_id: Uuid::nil().to_string(),
            resource_group: "rg-security".to_owned(),
            region: "centralus".to_owned(),
            tenant_id: None,
            plan: Plan::Foundational,
            credential_id: CredentialId(Uuid::nil()),
            organizations,
            state: ConnectorState::NeedsAuth,
            state_reason: Some("the credential is refused; store a new one".to_owned()),
            state_since: DateTime::UNIX_EPOCH,
            change_sequence: 2,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn json_says_where_a_connector_stands_and_what_it_was_asked_for() {
        let organizations = vec![OrganizationName::new("Contoso")];
        let shown =
            Shown::of(connector(OrganizationsChoice::Selected { organizations }), Some("reader".to_owned()));
        let expected = serde_json::json!({
            "id": Uuid::nil(), "name": "contoso", "subscriptionId": Uuid::nil(), "resourceGroup": "rg-security",
            "region": "centralus", "tenantId": null, "plan": "Foundational", "state": "needs_auth",
            "stateReason": "the credential is refused; store a new one", "stateSince": "1970-01-01T00:00:00Z",
            "provisioningState": "Failed", "credential": "reader", "autoDiscovery": "Disabled",
            "organizations": ["Contoso"], "createdAt": "1970-01-01T00:00:00Z", "access": {},
        });
        assert_eq!(serde_json::to_value(&shown).unwrap(), expected);
        assert_eq!(shown.cells().len(), Shown::COLUMNS.len());
    }

    #[test]
    fn the_choice_of_organizations_is_told_in_words() {
        let named = |names: &[&str]| OrganizationsChoice::Selected {
            organizations: names.iter().map(|name| OrganizationName::new(*name)).collect(),
        };
        for (choice, words) in [
            (OrganizationsChoice::AllExistingAndFuture, "all, now and later"),
            (named(&[]), "all at creation"),
            (named(&["a", "b"]), "a, b"),
        ] {
            assert_eq!(Shown::of(connector(choice), None).choice(), words);
        }
    }
}
