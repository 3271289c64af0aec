//! `muster cost`: what a pass costs, and what the credential may not read.

mod estimate;
mod probe;
mod rights;

pub(crate) use estimate::{Estimate, Prices, Size, reads_of_a_pass};

use crate::cli::Global;
use crate::commands::inventory::scope_text;
use crate::commands::survey::Survey;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Fields, Format, note, print_json, print_rows, write_out};
use crate::process::budget_settings;
use crate::session::Session;
use clap::Args;
use muster_domain::budget::BudgetView;
use muster_domain::connector::{Connector, OrganizationAccess, OrganizationsChoice};
use muster_domain::credential::Credential;
use muster_domain::read::Read;
use muster_domain::resource::ResourceKind;
use muster_domain::{ConnectorId, IdentityKey, OrganizationName, ProjectId};
use rights::{Access, Rights};
use serde::Serialize;
use std::collections::BTreeMap;

pub(crate) const EXAMPLES: &str = "\
What is not in the inventory yet is counted by asking Azure DevOps. With --probe, each read is asked
for once, on the first project of the first organization.

Examples:
  muster cost --connector contoso
  muster cost --credential contoso-reader --organization contoso --probe
  muster cost --connector contoso -o json | jq -r '.grant.tokenScopes[]'";

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["connector", "credential"]))]
pub(crate) struct Cost {
    /// What a pass of this connector costs.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
    /// What a pass with this credential would cost, before anything is connected.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// Over this organization; may be given several times. Without any, over all that are connected or reached.
    #[arg(long = "organization", value_name = "NAME")]
    organizations: Vec<String>,
    /// Ask for each read once, whether the credential may make it.
    #[arg(long)]
    probe: bool,
}

/// Budget of the identity that a credential acts as, as far as it is known.
pub(crate) async fn budget_of(
    session: &Session,
    credential: &Credential,
    subject: Option<&str>,
) -> Result<Option<BudgetView>, Failed> {
    let key = match (&credential.identity, subject) {
        (None, Some(subject)) => IdentityKey::subject(subject),
        _ => credential.budget_key(),
    };
    let budgets = session.store.budget(budget_settings(&session.configuration)).list().await?;
    Ok(budgets.into_iter().find(|budget| budget.identity == key).map(|budget| budget.view))
}

/// An organization that the pass goes over.
struct Target {
    size: Size,
    name: OrganizationName,
    first_project: Option<ProjectId>,
}

impl Cost {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let document = self.document(session).await?;
            match global.output {
                Format::Json => print_json(&document),
                format => {
                    print_rows(format, &document.rows())?;
                    if format == Format::Table {
                        write_out("\n")?;
                        print_rows(format, document.fields().rows())?;
                    }
                    note(&document.estimate.text());
                    Ok(())
                }
            }
        })
        .await
    }

    async fn document(&self, session: &Session) -> Result<Document, Failed> {
        let store = &session.store;
        let connector = match &self.connector {
            Some(name) => Some(lookup::connector(store, name).await?),
            None => None,
        };
        let credential = match (&connector, &self.credential) {
            (Some(connector), _) => store.credentials().get(connector.credential_id).await?,
            (None, name) => lookup::credential(store, name.as_deref().unwrap_or_default()).await?,
        };
        let targets = self.targets(session, connector.as_ref(), &credential).await?;
        let off = session.configuration.reads.switched_off();
        let reads = reads_of_a_pass(&off);
        let mut rights = Rights::new(&reads, &off);
        if let Some(connector) = &connector {
            self.known(session, connector.id, &targets, &mut rights).await?;
        }
        if self.probe {
            let survey = Survey::with(session, &credential).await?;
            if let Some(target) = targets.first() {
                let project = match target.first_project {
                    Some(project) => Some(project),
                    None => survey.projects(&target.name).await?.first().map(|project| project.id),
                };
                probe::probe(&survey.calls, &target.name, project, &mut rights).await?;
            }
        }
        let settings = budget_settings(&session.configuration);
        let budget = budget_of(session, &credential, None).await?;
        let sizes = targets.into_iter().map(|target| target.size).collect();
        Ok(Document {
            credential: credential.name,
            connector: connector.map(|connector| connector.name),
            is_probed: self.probe,
            estimate: Estimate::of(&reads, sizes, &Prices { settings, budget }),
            access: rights.access().clone(),
            unknown_recommendations: rights.unknown_recommendations(),
            grant: rights.grant(),
        })
    }

    /// The organizations, with their sizes: from the inventory, else asked.
    async fn targets(
        &self,
        session: &Session,
        connector: Option<&Connector>,
        credential: &Credential,
    ) -> Result<Vec<Target>, Failed> {
        let mut targets = Vec::new();
        let mut unknown: Vec<OrganizationName> =
            self.organizations.iter().map(|name| OrganizationName::new(name.as_str())).collect();
        if let Some(connector) = connector {
            if let (true, OrganizationsChoice::Selected { organizations }) =
                (unknown.is_empty(), &connector.organizations)
            {
                unknown.clone_from(organizations);
            }
            let known = inventory(session, connector.id).await?;
            for target in known {
                let asked = unknown.iter().position(|name| *name == target.name);
                if asked.is_some() || self.organizations.is_empty() {
                    asked.map(|index| unknown.remove(index));
                    targets.push(target);
                }
            }
        }
        if unknown.is_empty() && !targets.is_empty() {
            return Ok(targets);
        }
        let survey = Survey::with(session, credential).await?;
        if unknown.is_empty() {
            unknown = survey.organizations(connector.and_then(|connector| connector.tenant_id)).await?;
        }
        for name in unknown {
            let tenant = connector.and_then(|connector| connector.tenant_id);
            let found = survey.look(&name, tenant, connector.map(|connector| connector.id)).await?;
            if found.access != OrganizationAccess::Connected {
                let reason = found.reason.unwrap_or_default();
                note(&format!("{name} is left out, it is {}: {reason}", found.access));
                continue;
            }
            let projects = survey.projects(&name).await?;
            targets.push(Target {
                size: Size {
                    organization: name.to_string(),
                    projects: projects.len() as u64,
                    repositories: None,
                },
                name,
                first_project: projects.first().map(|project| project.id),
            });
        }
        Ok(targets)
    }

    /// What earlier passes of the connector could not read.
    async fn known(
        &self,
        session: &Session,
        connector: ConnectorId,
        targets: &[Target],
        rights: &mut Rights,
    ) -> Result<(), Failed> {
        let inventory = session.store.inventory();
        for target in targets {
            let Some(organization) = inventory.organization_by_name(connector, &target.name).await? else {
                continue;
            };
            rights.readings(&inventory.reading_views(connector, organization.id, None).await?);
            for project in inventory.projects(connector, organization.id).await? {
                let readings = inventory.reading_views(connector, organization.id, Some(project.id)).await?;
                rights.readings(&readings);
            }
        }
        Ok(())
    }
}

async fn inventory(session: &Session, connector: ConnectorId) -> Result<Vec<Target>, Failed> {
    let inventory = session.store.inventory();
    let counts = inventory.counts_by_organization(connector).await?;
    let mut targets = Vec::new();
    for known in inventory.organizations(connector).await? {
        let projects = inventory.projects(connector, known.id).await?;
        targets.push(Target {
            size: Size {
                organization: known.name.to_string(),
                projects: projects.len() as u64,
                repositories: counts.get(&(known.id, ResourceKind::Repository)).copied().or(Some(0)),
            },
            name: known.name,
            first_project: projects.first().map(|project| project.id),
        });
    }
    Ok(targets)
}

/// What a pass costs and what it cannot read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    credential: String,
    connector: Option<String>,
    is_probed: bool,
    #[serde(flatten)]
    estimate: Estimate,
    /// What is known of the rights to each read.
    access: BTreeMap<Read, Access>,
    /// Recommendations that stay Unknown because of what is refused.
    unknown_recommendations: Vec<rights::Unjudged>,
    /// The least that unlocks what is refused.
    grant: rights::Grant,
}

impl Document {
    fn rows(&self) -> Vec<rights::CostRow> {
        self.estimate
            .by_read
            .iter()
            .map(|line| rights::CostRow::new(line.clone(), self.access.get(&line.read)))
            .collect()
    }

    fn fields(&self) -> Fields {
        let estimate = &self.estimate;
        let mut fields = Fields::default();
        fields
            .add("credential", &self.credential)
            .add_all(
                "organizations",
                estimate
                    .organizations
                    .iter()
                    .map(|size| format!("{}: {} projects", size.organization, size.projects)),
            )
            .add(
                "calls",
                format!("{} (at most {} = {})", estimate.calls, estimate.bound_calls, estimate.bound),
            )
            .add("TSTU", format!("{:.1}", estimate.tstu))
            .add("minutes at the share", format!("{:.1}", estimate.minutes))
            .add_all("stay Unknown", self.unknown_recommendations.iter().map(rights::Unjudged::text))
            .add_all("grant scopes", self.grant.token_scopes.iter().map(|scope| scope_text(scope)))
            .add_all("grant rights", &self.grant.rights);
        fields
    }
}
