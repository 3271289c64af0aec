//! `muster project show`.

use super::list::Shown;
use crate::cli::Global;
use crate::commands::inventory::{Coverage, CoverageCounts, Details, every_state};
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Fields, Format, or_dash, print_json, print_rows};
use crate::session::Session;
use clap::Args;
use muster_domain::properties::Properties;
use muster_domain::resource::Presence;
use muster_domain::snapshot::encode_path_segment;
use muster_store::StoreError;
use muster_store::inventory::{CountFilter, CountLevel};
use serde::Serialize;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster project show Payments --organization contoso
  muster project show Payments --organization contoso -o json | jq .details.gaps";

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name or id of the project.
    #[arg(value_name = "NAME|ID")]
    project: String,
    /// In this organization.
    #[arg(long, value_name = "NAME|ID")]
    organization: Option<String>,
    /// In the inventory of this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let found = lookup::project(
                store,
                self.connector.as_deref(),
                self.organization.as_deref(),
                &self.project,
            )
            .await?;
            let (connector, organization) = (&found.place.connector, &found.place.organization);
            let detail =
                store.inventory().detail(found.project.stored.id).await?.ok_or_else(|| {
                    StoreError::NotFound { what: "project", key: found.project.id.to_string() }
                })?;
            let snapshot = store.snapshots().project(connector.id, organization.id, found.project.id).await?;
            let mut coverage = CoverageCounts::default();
            if let Some(snapshot) = &snapshot {
                let known = snapshot.advanced_security.known().ok();
                for repository in &snapshot.repositories {
                    let state = known.and_then(|known| known.repositories.get(&repository.id));
                    coverage.count(Coverage::of(state), 1);
                }
            }
            let mut details = Details::of(&detail, session.configuration.scheduling.sync_hours);
            let filter = CountFilter {
                connector: Some(connector.id),
                organization_id: Some(organization.id),
                level: CountLevel::Project,
            };
            let counts = store.inventory().scope_counts(&filter).await?;
            if let Some(counts) = counts.iter().find(|counts| counts.project_id == Some(found.project.id)) {
                details.assessments = every_state(&counts.assessments);
            }
            let mut project = Shown::from(&detail.view);
            project.web_url = web_url(Some(&organization.stored.resource.properties), &found.project.name);
            project.assessments.clone_from(&details.assessments);
            project.gaps = details.gaps.len() as u64;
            project.last_read_at = details.last_read_at;
            project.next_due_at = details.next_due_at;
            let document = Document {
                advanced_security: coverage,
                advanced_security_coverage: coverage.overall(),
                project,
                details,
            };
            match global.output {
                Format::Json => print_json(&document),
                format => print_rows(format, document.fields().rows()),
            }
        })
        .await
    }
}

/// The page of a project, below that of its organization.
pub(super) fn web_url(organization: Option<&Properties>, project: &str) -> Option<String> {
    match organization {
        Some(Properties::Organization(organization)) => {
            Some(format!("{}/{}", organization.web_url, encode_path_segment(project)))
        }
        _ => None,
    }
}

/// A project with everything around it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(flatten)]
    project: Shown,
    advanced_security: CoverageCounts,
    advanced_security_coverage: Coverage,
    details: Details,
}

impl Document {
    fn fields(&self) -> Fields {
        let project = &self.project;
        let mut fields = Fields::default();
        fields
            .add("name", &project.identity.name)
            .add("id", &project.identity.id)
            .add("organization", &project.identity.organization)
            .add("connector", &project.identity.connector)
            .add("visibility", project.visibility_text())
            .add("state", or_dash(project.state.as_ref()))
            .add("presence", Presence::as_str(project.identity.presence))
            .add("web", or_dash(project.web_url.as_ref()))
            .add("Advanced Security", self.advanced_security.text());
        self.details.add_to(&mut fields);
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::properties::OrganizationProperties;

    #[test]
    fn the_page_of_a_project_is_encoded() {
        let organization = Properties::Organization(OrganizationProperties {
            tenant_id: None,
            web_url: "https://dev.azure.com/contoso".to_owned(),
        });
        let url = web_url(Some(&organization), "Web Shop");
        assert_eq!(url.as_deref(), Some("https://dev.azure.com/contoso/Web%20Shop"));
        assert_eq!(web_url(None, "Web Shop"), None);
    }
}
