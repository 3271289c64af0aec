//! `muster organization show`.

use super::list::{Shown, rows};
use crate::cli::Global;
use crate::commands::inventory::{Coverage, CoverageCounts, Details, Selection};
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Fields, Format, moment, or_dash, print_json, print_rows};
use crate::session::Session;
use clap::Args;
use muster_domain::organization_settings::{DISALLOW_OAUTH, OrganizationPolicies, OrganizationPolicy};
use muster_domain::read::Read;
use muster_domain::resource::{Presence, ResourceKey};
use muster_domain::{ConnectorId, OrganizationId};
use muster_store::Store;
use muster_store::changes::{ReadingKey, ReadingKind};
use muster_store::snapshots::ProjectReference;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster organization show contoso
  muster organization show contoso -o json | jq -r '.details.gaps[].tokenScope'";

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name or id of the organization.
    #[arg(value_name = "NAME|ID")]
    organization: String,
    /// In the inventory of this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let selection = Selection {
                connector: self.connector.clone(),
                organization: Some(self.organization.clone()),
                ..Selection::default()
            };
            let found = in_an_inventory(rows(session, &selection).await?);
            let candidates: Vec<String> =
                found.iter().map(|row| format!("{} of connector {}", row.name, row.connector)).collect();
            let organization =
                lookup::one(found, &candidates, &self.organization, "organizations", "give --connector")?;
            let document = Document::of(session, organization).await?;
            match global.output {
                Format::Json => print_json(&document),
                format => print_rows(format, document.fields().rows()),
            }
        })
        .await
    }
}

/// A name that several connectors ask for is that of the one which has the organization.
fn in_an_inventory(rows: Vec<Shown>) -> Vec<Shown> {
    let is_in = |row: &Shown| row.presence.is_some();
    if rows.iter().filter(|row| is_in(row)).count() == 1 {
        rows.into_iter().filter(is_in).collect()
    } else {
        rows
    }
}

/// An organization with everything around it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(flatten)]
    organization: Shown,
    policies: Policies,
    advanced_security: CoverageCounts,
    advanced_security_coverage: Coverage,
    /// Absent where it never was in the inventory.
    details: Option<Details>,
}

/// Policies of an organization. Whether third-party access by OAuth matters depends on the credential: Entra
/// applications are not affected.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Policies {
    /// Raw value of `Policy.DisallowOAuthAuthentication`: true means refused.
    disallow_oauth_authentication: Option<bool>,
    /// All that were read; absent where they were not.
    all: Option<Vec<OrganizationPolicy>>,
}

impl Policies {
    fn of(document: Option<OrganizationPolicies>) -> Self {
        match document {
            None => Self::default(),
            Some(policies) => Self {
                disallow_oauth_authentication: policies.value(DISALLOW_OAUTH),
                all: Some(policies.policies),
            },
        }
    }

    fn oauth_text(&self) -> String {
        let (meaning, raw) = match (&self.all, self.disallow_oauth_authentication) {
            (None, _) => return "unknown (the policies have not been read)".to_owned(),
            (Some(_), None) => return format!("unknown ({DISALLOW_OAUTH} is not in the answer)"),
            (Some(_), Some(true)) => ("refused", true),
            (Some(_), Some(false)) => ("allowed", false),
        };
        format!("{meaning} ({DISALLOW_OAUTH} = {raw})")
    }
}

impl Document {
    async fn of(session: &Session, organization: Shown) -> Result<Self, Failed> {
        let store = &session.store;
        let connector = organization.connector_id;
        let Some(id) = organization.organization_id.filter(|_| organization.presence.is_some()) else {
            let nothing = CoverageCounts::default();
            return Ok(Self {
                organization,
                policies: Policies::default(),
                advanced_security: nothing,
                advanced_security_coverage: nothing.overall(),
                details: None,
            });
        };
        let counts = coverage(store, connector, id).await?;
        let detail = store.inventory().detail(ResourceKey::organization(id).resource_id(connector)).await?;
        let hours = session.configuration.scheduling.discovery_hours;
        Ok(Self {
            policies: Policies::of(document(store, connector, id, Read::OrganizationPolicies).await?),
            advanced_security: counts,
            advanced_security_coverage: counts.overall(),
            details: detail.map(|detail| Details {
                assessments: organization.assessments.clone(),
                ..Details::of(&detail, hours)
            }),
            organization,
        })
    }

    fn fields(&self) -> Fields {
        let organization = &self.organization;
        let mut fields = Fields::default();
        fields
            .add("name", &organization.name)
            .add("id", or_dash(organization.organization_id))
            .add("connector", &organization.connector)
            .add("access", or_dash(organization.access))
            .add("reason", or_dash(organization.reason.as_ref()))
            .add("checked", or_dash(organization.checked_at.map(moment)))
            .add("tenant", or_dash(organization.tenant_id))
            .add("web", or_dash(organization.web_url.as_ref()))
            .add("presence", or_dash(organization.presence.map(Presence::as_str)))
            .add_all(
                "resources",
                organization.resources.iter().map(|(kind, count)| format!("{count} {kind}")),
            )
            .add("third-party access by OAuth", self.policies.oauth_text())
            .add_all("policies", self.policies.all.iter().flatten().map(policy_text))
            .add("Advanced Security", self.advanced_security.text());
        if let Some(details) = &self.details {
            details.add_to(&mut fields);
        }
        fields
    }
}

fn policy_text(policy: &OrganizationPolicy) -> String {
    let origin = if policy.is_set { "set" } else { "default" };
    format!("{} = {} ({origin})", policy.name, policy.value)
}

/// What is kept of a read of the whole organization.
async fn document<T: DeserializeOwned>(
    store: &Store,
    connector_id: ConnectorId,
    organization_id: OrganizationId,
    read: Read,
) -> Result<Option<T>, Failed> {
    let kind = ReadingKind::Read(read);
    let key = ReadingKey { connector_id, organization_id, project_id: None, kind, subject: String::new() };
    let reading = store.inventory().reading(&key).await?;
    let known = reading.and_then(|reading| reading.outcome.ok());
    Ok(known.and_then(|known| serde_json::from_value(known.document).ok()))
}

/// Projects whose snapshots are put together at a time.
const PROJECTS_AT_A_TIME: usize = 100;

/// How far Advanced Security covers the repositories of an organization.
async fn coverage(
    store: &Store,
    connector_id: ConnectorId,
    organization_id: OrganizationId,
) -> Result<CoverageCounts, Failed> {
    let mut counts = CoverageCounts::default();
    let projects = store.inventory().projects(connector_id, organization_id).await?;
    for chunk in projects.chunks(PROJECTS_AT_A_TIME) {
        let references: Vec<ProjectReference> = chunk
            .iter()
            .map(|project| ProjectReference { connector_id, organization_id, project_id: project.id })
            .collect();
        for snapshot in store.snapshots().projects_by_id(&references).await?.into_values() {
            let known = snapshot.advanced_security.known().ok();
            for repository in &snapshot.repositories {
                let state = known.and_then(|known| known.repositories.get(&repository.id));
                counts.count(Coverage::of(state), 1);
            }
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oauth_is_told_with_its_raw_value_and_unknown_is_not_allowed() {
        assert!(Policies::default().oauth_text().starts_with("unknown"));
        let policies = |value: Option<bool>| {
            let policies = value
                .map(|value| OrganizationPolicy { name: DISALLOW_OAUTH.to_owned(), value, is_set: true })
                .into_iter()
                .collect();
            Policies::of(Some(OrganizationPolicies { policies })).oauth_text()
        };
        assert_eq!(policies(Some(true)), "refused (Policy.DisallowOAuthAuthentication = true)");
        assert_eq!(policies(Some(false)), "allowed (Policy.DisallowOAuthAuthentication = false)");
        assert!(policies(None).starts_with("unknown"));
    }
}
