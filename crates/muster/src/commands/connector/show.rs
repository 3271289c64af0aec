//! `muster connector show`.

use super::list::Shown;
use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Fields, Format, moment, or_dash, print_json, print_rows};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::Args;
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::{Connector, OrganizationAccess};
use muster_domain::resource::ResourceKind;
use muster_domain::{OrganizationId, OrganizationName};
use muster_store::assessments::AssessmentFilter;
use muster_store::connectors::OrganizationStanding;
use muster_store::{Store, StoreError};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster connector show contoso
  muster connector show contoso -o json |
    jq '.organizationAccess[] | select(.access != \"connected\")'";

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name or id of the connector.
    #[arg(value_name = "NAME|ID")]
    connector: String,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let connector = lookup::connector(&session.store, &self.connector).await?;
            let credential = credential_name(&session.store, &connector).await?;
            let connected_organizations = organizations(&session.store, &connector).await?;
            let access = session.store.connectors().organizations(Some(connector.id)).await?;
            let mut shown = Shown::of(connector, credential);
            for standing in &access {
                *shown.access.entry(standing.access.as_str()).or_default() += 1;
            }
            let organization_access = access.into_iter().map(Access::from).collect();
            let details = Details { connector: shown, connected_organizations, organization_access };
            match global.output {
                Format::Json => print_json(&details),
                format => print_rows(format, details.fields().rows()),
            }
        })
        .await
    }
}

/// Name of the credential of a connector; absent where it was deleted.
pub(super) async fn credential_name(store: &Store, connector: &Connector) -> Result<Option<String>, Failed> {
    match store.credentials().get(connector.credential_id).await {
        Ok(credential) => Ok(Some(credential.name)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn organizations(store: &Store, connector: &Connector) -> Result<Vec<Organization>, Failed> {
    let resources = store.inventory().counts_by_organization(connector.id).await?;
    let filter = AssessmentFilter { connector: Some(connector.id), ..AssessmentFilter::default() };
    let mut judged: BTreeMap<OrganizationId, BTreeMap<AssessmentState, u64>> = BTreeMap::new();
    for group in store.assessments().groups(&filter).await? {
        *judged.entry(group.organization_id).or_default().entry(group.state).or_default() += group.count;
    }
    let known = store.inventory().organizations(connector.id).await?;
    let organization = |id, name| {
        let count = |kind| resources.get(&(id, kind)).copied().unwrap_or_default();
        let judged = judged.get(&id);
        Organization {
            id,
            name,
            projects: count(ResourceKind::Project),
            repositories: count(ResourceKind::Repository),
            // A state without assessments is told too: nothing is left to guess.
            assessments: AssessmentState::ALL
                .map(|state| {
                    (state, judged.and_then(|states| states.get(&state)).copied().unwrap_or_default())
                })
                .into(),
        }
    };
    Ok(known.into_iter().map(|known| organization(known.id, known.name)).collect())
}

/// A connector with what it found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(flatten)]
    connector: Shown,
    connected_organizations: Vec<Organization>,
    /// How every organization stands that it asks for.
    organization_access: Vec<Access>,
}

/// How an organization stands with the connector.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Access {
    organization: OrganizationName,
    organization_id: Option<OrganizationId>,
    access: OrganizationAccess,
    onboarding_state: &'static str,
    reason: Option<String>,
    since: DateTime<Utc>,
    checked_at: DateTime<Utc>,
}

impl From<OrganizationStanding> for Access {
    fn from(standing: OrganizationStanding) -> Self {
        Self {
            organization: standing.organization,
            organization_id: standing.organization_id,
            access: standing.access,
            onboarding_state: standing.access.onboarding_state(),
            reason: standing.reason,
            since: standing.since,
            checked_at: standing.checked_at,
        }
    }
}

impl Access {
    fn line(&self) -> String {
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{} {} since {}{reason}", self.organization, self.access, moment(self.since))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Organization {
    id: OrganizationId,
    name: OrganizationName,
    projects: u64,
    repositories: u64,
    assessments: BTreeMap<AssessmentState, u64>,
}

impl Organization {
    fn line(&self) -> String {
        let count = |state| self.assessments.get(&state).copied().unwrap_or_default();
        format!(
            "{}: {} projects, {} repositories; assessments: {} unhealthy, {} unknown, {} healthy, {} not applicable",
            self.name,
            self.projects,
            self.repositories,
            count(AssessmentState::Unhealthy),
            count(AssessmentState::Unknown),
            count(AssessmentState::Healthy),
            count(AssessmentState::NotApplicable)
        )
    }
}

impl Details {
    fn fields(&self) -> Fields {
        let connector = &self.connector;
        let mut fields = Fields::default();
        fields
            .add("name", &connector.name)
            .add("id", connector.id)
            .add("state", connector.state)
            .add("reason", or_dash(connector.state_reason.as_ref()))
            .add("since", moment(connector.state_since))
            .add("provisioning state", connector.provisioning_state)
            .add("credential", or_dash(connector.credential.as_ref()))
            .add("plan", connector.plan.as_str())
            .add("subscription", &connector.subscription_id)
            .add("resource group", &connector.resource_group)
            .add("region", &connector.region)
            .add("tenant", or_dash(connector.tenant_id))
            .add("created", moment(connector.created_at))
            .add("organizations", connector.choice())
            .add_all("access", self.organization_access.iter().map(Access::line));
        for found in &self.connected_organizations {
            fields.add("organization", found.line());
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::connector;
    use super::*;
    use crate::output::Row;
    use muster_domain::ConnectorId;
    use muster_domain::connector::OrganizationsChoice;
    use uuid::Uuid;

    fn details() -> Details {
        let found = Organization {
            id: OrganizationId(Uuid::nil()),
            name: OrganizationName::new("contoso"),
            projects: 2,
            repositories: 30,
            assessments: [(AssessmentState::Unhealthy, 4), (AssessmentState::Unknown, 1)].into(),
        };
        let shown = Shown::of(connector(OrganizationsChoice::AllExistingAndFuture), None);
        let access = Access::from(OrganizationStanding {
            connector_id: ConnectorId(Uuid::nil()),
            organization: OrganizationName::new("labs"),
            organization_id: None,
            access: OrganizationAccess::Refused,
            reason: Some("not admitted".to_owned()),
            since: DateTime::UNIX_EPOCH,
            checked_at: DateTime::UNIX_EPOCH,
        });
        Details { connector: shown, connected_organizations: vec![found], organization_access: vec![access] }
    }

    #[test]
    fn json_adds_what_was_found_to_what_lists_say() {
        let json = serde_json::to_value(details()).unwrap();
        assert_eq!(json["name"], "contoso");
        assert_eq!(json["organizations"], serde_json::json!([]));
        let expected = serde_json::json!([{
            "id": Uuid::nil(), "name": "contoso", "projects": 2, "repositories": 30,
            "assessments": {"Unhealthy": 4, "Unknown": 1},
        }]);
        assert_eq!(json["connectedOrganizations"], expected);
    }

    #[test]
    fn a_table_has_a_line_for_each_organization() {
        let fields = details().fields();
        let cells: Vec<Vec<String>> = fields.rows().iter().map(Row::cells).collect();
        let last = cells.last().unwrap();
        assert_eq!(last[0], "organization");
        assert!(
            last[1].contains("30 repositories") && last[1].contains("4 unhealthy, 1 unknown"),
            "{}",
            last[1]
        );
        let refused = cells.iter().find(|cells| cells[0] == "access").unwrap();
        assert!(
            refused[1].starts_with("labs refused") && refused[1].ends_with("not admitted"),
            "{refused:?}"
        );
    }
}
