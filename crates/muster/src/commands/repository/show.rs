//! `muster repository show`.

use super::list::Shown;
use crate::cli::Global;
use crate::commands::inventory::{Coverage, Details};
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Fields, Format, or_dash, print_json, print_rows};
use crate::session::Session;
use clap::Args;
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::snapshot::AdvancedSecurityState;
use muster_domain::{ConnectorId, OrganizationId, ProjectId, RepositoryId};
use muster_store::Store;
use muster_store::StoreError;
use muster_store::inventory::{InventoryFilter, ResourceView};
use serde::Serialize;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster repository show payments-api --project Payments
  muster repository show payments-api --organization contoso -o json | jq -r .webUrl";

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name or id of the repository.
    #[arg(value_name = "NAME|ID")]
    repository: String,
    /// In this project.
    #[arg(long, value_name = "NAME|ID")]
    project: Option<String>,
    /// In this organization.
    #[arg(long, value_name = "NAME|ID")]
    organization: Option<String>,
    /// In the inventory of this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
}

/// Candidates that are told: more would not help.
const MOST_CANDIDATES: u32 = 20;

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let view = self.find(store).await?;
            let missing = || StoreError::NotFound { what: "repository", key: self.repository.clone() };
            let detail = store.inventory().detail(view.stored.id).await?.ok_or_else(missing)?;
            let state = advanced_security(store, &view).await?;
            let document = Document {
                repository: Shown::from(&detail.view),
                advanced_security: state,
                advanced_security_coverage: Coverage::of(state.as_ref()),
                details: Details::of(&detail, session.configuration.scheduling.sync_hours),
            };
            match global.output {
                Format::Json => print_json(&document),
                format => print_rows(format, document.fields().rows()),
            }
        })
        .await
    }

    async fn find(&self, store: &Store) -> Result<ResourceView, Failed> {
        let selection = crate::commands::inventory::Selection {
            connector: self.connector.clone(),
            organization: self.organization.clone(),
            ..Default::default()
        };
        let filter = InventoryFilter {
            name: Some(self.repository.clone()),
            limit: MOST_CANDIDATES,
            ..selection.filter(store, ResourceKind::Repository, self.project.as_deref()).await?
        };
        let found = store.inventory().browse(&filter).await?.resources;
        if found.is_empty() {
            return Err(Failed::not_found(format!(
                "no connector has found a repository {}; list them with `muster repository list --name {}`",
                self.repository, self.repository
            )));
        }
        let candidates: Vec<String> = found
            .iter()
            .map(|view| {
                let project = view.project.as_deref().unwrap_or("-");
                format!(
                    "{} ({} / {project}, connector {})",
                    view.stored.resource.key.external_id, view.organization, view.connector
                )
            })
            .collect();
        let remedy = "give --project, --organization, --connector or the id";
        lookup::one(found, &candidates, &self.repository, "repositories", remedy)
    }
}

async fn advanced_security(
    store: &Store,
    view: &ResourceView,
) -> Result<Option<AdvancedSecurityState>, Failed> {
    let key = &view.stored.resource.key;
    let place: (ConnectorId, OrganizationId, Option<ProjectId>) =
        (view.stored.connector_id, key.organization_id, key.project_id);
    let (connector, organization, Some(project)) = place else { return Ok(None) };
    let snapshot = store.snapshots().project(connector, organization, project).await?;
    let id = key.external_id.parse::<RepositoryId>().ok();
    Ok(snapshot.zip(id).and_then(|(snapshot, id)| {
        snapshot.advanced_security.known().ok().and_then(|known| known.repositories.get(&id).copied())
    }))
}

/// A repository with everything around it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(flatten)]
    repository: Shown,
    /// Absent where it could not be read.
    advanced_security: Option<AdvancedSecurityState>,
    advanced_security_coverage: Coverage,
    details: Details,
}

impl Document {
    fn fields(&self) -> Fields {
        let repository = &self.repository;
        let identity = &repository.identity;
        let mut fields = Fields::default();
        fields
            .add("name", &identity.name)
            .add("id", &identity.id)
            .add("project", or_dash(identity.project.as_ref()))
            .add("organization", &identity.organization)
            .add("connector", &identity.connector)
            .add("default branch", or_dash(repository.default_branch.as_ref()))
            .add("disabled", or_dash(repository.is_disabled))
            .add("in maintenance", or_dash(repository.is_in_maintenance))
            .add("fork", or_dash(repository.is_fork))
            .add("size in bytes", or_dash(repository.size_bytes))
            .add("presence", Presence::as_str(identity.presence))
            .add("web", or_dash(repository.web_url.as_ref()))
            .add("Advanced Security", self.advanced_security_coverage)
            .add(
                "blocks pushes with secrets",
                or_dash(self.advanced_security.and_then(|state| state.block_pushes)),
            );
        self.details.add_to(&mut fields);
        fields
    }
}
