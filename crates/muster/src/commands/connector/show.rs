//! `muster connector show`.

use super::list::Shown;
use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Format, Row, moment, or_dash, print_json, print_rows};
use crate::session::Session;
use clap::Args;
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::Connector;
use muster_domain::resource::ResourceKind;
use muster_domain::{OrganizationId, OrganizationName};
use muster_store::assessments::AssessmentFilter;
use muster_store::{Store, StoreError};
use serde::Serialize;
use std::collections::BTreeMap;

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
            let credential = match session.store.credentials().get(connector.credential_id).await {
                Ok(credential) => Some(credential.name),
                Err(StoreError::NotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            let connected_organizations = organizations(&session.store, &connector).await?;
            let details = Details { connector: Shown::of(connector, credential), connected_organizations };
            match global.output {
                Format::Json => print_json(&details),
                format => print_rows(format, &details.fields()),
            }
        })
        .await
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

/// One line of a table of one connector.
#[derive(Debug, Serialize)]
struct Field(&'static str, String);

impl Row for Field {
    const COLUMNS: &'static [&'static str] = &["field", "value"];

    fn cells(&self) -> Vec<String> {
        vec![self.0.to_owned(), self.1.clone()]
    }
}

impl Details {
    fn fields(&self) -> Vec<Field> {
        let connector = &self.connector;
        let mut fields = vec![
            Field("name", connector.name.clone()),
            Field("id", connector.id.to_string()),
            Field("state", connector.state.to_string()),
            Field("reason", or_dash(connector.state_reason.as_ref())),
            Field("since", moment(connector.state_since)),
            Field("provisioning state", connector.provisioning_state.to_owned()),
            Field("credential", or_dash(connector.credential.as_ref())),
            Field("plan", connector.plan.as_str().to_owned()),
            Field("subscription", connector.subscription_id.clone()),
            Field("resource group", connector.resource_group.clone()),
            Field("region", connector.region.clone()),
            Field("tenant", or_dash(connector.tenant_id)),
            Field("created", moment(connector.created_at)),
            Field("organizations", connector.choice()),
        ];
        fields.extend(self.connected_organizations.iter().map(|found| Field("organization", found.line())));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::connector;
    use super::*;
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
        Details { connector: shown, connected_organizations: vec![found] }
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
        let last = fields.last().unwrap();
        assert_eq!(last.0, "organization");
        assert!(
            last.1.contains("30 repositories") && last.1.contains("4 unhealthy, 1 unknown"),
            "{}",
            last.1
        );
    }
}
