//! `muster connector preview`.

use super::options::Options;
use crate::cli::Global;
use crate::commands::cost::{Estimate, Prices, Size, reads_of_a_pass};
use crate::commands::survey::{Found, Survey};
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Format, Row, note, or_dash, print_json, print_rows};
use crate::process::budget_settings;
use crate::session::Session;
use clap::Args;
use muster_domain::connector::{OrganizationAccess, OrganizationsChoice};
use muster_domain::{OrganizationId, OrganizationName, TenantId};
use muster_messages::request::OnboardingRequested;
use serde::Serialize;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster connector preview contoso --credential contoso-reader --all-organizations \\
    --subscription-id 20ff7fc3-e762-44dd-bd96-b71116dcdc23 \\
    --resource-group rg-security --region westeurope";

#[derive(Debug, Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    options: Options,
}

impl Preview {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        let request = self.options.request()?;
        Session::run(global, async |session| {
            let document = Document::of(session, &request).await?;
            match global.output {
                Format::Json => print_json(&document),
                format => {
                    print_rows(format, &document.organizations)?;
                    note(&format!("the first pass: {}", document.first_pass.text()));
                    if document.name_is_taken {
                        note(&format!("the name {} is taken: choose another one", request.name));
                    }
                    Ok(())
                }
            }
        })
        .await
    }
}

/// What would be connected.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    name: String,
    name_is_taken: bool,
    credential: String,
    tenant_id: Option<TenantId>,
    organizations: Vec<Shown>,
    first_pass: Estimate,
}

impl Document {
    async fn of(session: &Session, request: &OnboardingRequested) -> Result<Self, Failed> {
        let store = &session.store;
        let credential = lookup::credential(store, &request.credential).await?;
        let existing = store
            .connectors()
            .get_by_name(&request.subscription_id, &request.resource_group, &request.name)
            .await?;
        let survey = Survey::with(session, &credential).await?;
        let mut tenant_id = request.tenant_id;
        let names = match &request.organizations {
            OrganizationsChoice::Selected { organizations } if !organizations.is_empty() => {
                organizations.clone()
            }
            _ => survey.organizations(tenant_id).await?,
        };
        let mut organizations = Vec::new();
        let mut subject = None;
        for name in &names {
            let found = survey.look(name, tenant_id, None).await?;
            if found.access == OrganizationAccess::Connected {
                // The tenant is learnt from the first organization.
                tenant_id = tenant_id.or(found.tenant_id);
                subject = subject.or_else(|| found.subject.clone());
            }
            organizations.push(counted(&survey, found).await?);
        }
        let sizes = organizations.iter().filter_map(Shown::size).collect();
        let settings = budget_settings(&session.configuration);
        let budget = crate::commands::cost::budget_of(session, &credential, subject.as_deref()).await?;
        let reads = reads_of_a_pass(&session.configuration.reads.switched_off());
        Ok(Self {
            name: request.name.clone(),
            name_is_taken: existing.is_some(),
            credential: credential.name,
            tenant_id,
            organizations,
            first_pass: Estimate::of(&reads, sizes, &Prices { settings, budget }),
        })
    }
}

/// Counts what is in an organization that would be connected. One that does not let itself be listed is refused.
async fn counted(survey: &Survey<'_>, found: Found) -> Result<Shown, Failed> {
    let mut shown = Shown::from(found);
    if shown.access != OrganizationAccess::Connected {
        return Ok(shown);
    }
    let name = shown.organization.clone();
    let listed = async {
        let projects = survey.projects(&name).await?.len() as u64;
        Ok::<_, muster_azdo::CallError>((projects, survey.repositories(&name).await?))
    };
    match listed.await {
        Ok((projects, repositories)) => {
            shown.projects = Some(projects);
            shown.repositories = Some(repositories);
        }
        Err(error @ muster_azdo::CallError::Forbidden { .. }) => {
            shown.access = OrganizationAccess::Refused;
            shown.reason = Some(error.to_string());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(shown)
}

/// An organization as it would stand.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    organization: OrganizationName,
    organization_id: Option<OrganizationId>,
    tenant_id: Option<TenantId>,
    access: OrganizationAccess,
    reason: Option<String>,
    projects: Option<u64>,
    repositories: Option<u64>,
}

impl From<Found> for Shown {
    fn from(found: Found) -> Self {
        Self {
            organization: found.organization,
            organization_id: found.organization_id,
            tenant_id: found.tenant_id,
            access: found.access,
            reason: found.reason,
            projects: None,
            repositories: None,
        }
    }
}

impl Shown {
    fn size(&self) -> Option<Size> {
        Some(Size {
            organization: self.organization.to_string(),
            projects: self.projects?,
            repositories: self.repositories,
        })
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] =
        &["organization", "access", "projects", "repositories", "tenant", "reason"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.organization.to_string(),
            self.access.to_string(),
            or_dash(self.projects),
            or_dash(self.repositories),
            or_dash(self.tenant_id),
            or_dash(self.reason.as_ref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_be_connected_is_part_of_the_first_pass() {
        let found = |access| Found {
            organization: OrganizationName::new("contoso"),
            organization_id: None,
            tenant_id: None,
            access,
            reason: None,
            subject: None,
        };
        let refused = Shown::from(found(OrganizationAccess::Refused));
        assert_eq!(refused.size(), None);
        assert_eq!(refused.cells().len(), Shown::COLUMNS.len());
        let connected = Shown { projects: Some(3), ..Shown::from(found(OrganizationAccess::Connected)) };
        assert_eq!(connected.size().unwrap().projects, 3);
    }
}
