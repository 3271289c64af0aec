//! `connector.discover`: lists the organizations of a connector, has each discovered, and takes out those that it does
//! not ask for any more.

use crate::absence::{Part, set_presence};
use crate::organization_access::{AskedOrganization, Organizations, organizations_of};
use crate::priority::priority_of;
use crate::settings::DiscoverySettings;
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::AzureDevOps;
use muster_domain::connector::{ConnectorEvent, OrganizationAccess, OrganizationsChoice};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::resource::Presence;
use muster_domain::{OrganizationId, OrganizationName};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::{Changes, ChoiceWrite, ClaimWrite, OrganizationWrite};
use muster_store::ledger::ClaimedJob;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lists the organizations of connectors.
pub struct DiscoverConnector {
    client: AzureDevOps,
    settings: Arc<DiscoverySettings>,
}

impl DiscoverConnector {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps, settings: Arc<DiscoverySettings>) -> Self {
        Self { client, settings }
    }
}

/// Where a discovery stands.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Progress {
    /// The organizations were listed and each is asked for.
    is_listed: bool,
    /// Those that are still to be taken out.
    leaving: Vec<Leaving>,
}

/// An organization that is not asked for any more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Leaving {
    name: OrganizationName,
    /// Absent where the connector never had it, or has it by another name now: nothing is to be taken out.
    id: Option<OrganizationId>,
}

#[async_trait]
impl Handler for DiscoverConnector {
    fn kind(&self) -> JobKind {
        JobKind::ConnectorDiscover
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(work) = Work::begin(job, slice, &self.client, &self.settings).await? else {
            return Ok(Outcome::cancelled());
        };
        let progress = job.progress.clone().and_then(|progress| serde_json::from_value(progress).ok());
        let mut progress: Progress = progress.unwrap_or_default();
        if !progress.is_listed {
            let (changes, leaving) = list(&work).await?;
            progress = Progress { is_listed: true, leaving };
            if progress.leaving.is_empty() {
                return Ok(Outcome::done(changes));
            }
            slice.commit_page(job, changes, json(&progress)).await?;
        }
        while let Some(leaving) = progress.leaving.last() {
            if let Some(id) = leaving.id {
                let part = Part { connector: work.connector.id, organization: Some(id), project: None };
                if !set_presence(slice, job, part, Presence::Gone, &json(&progress)).await? {
                    return Ok(Outcome::carry_on(Changes::default(), json(&progress)));
                }
            }
            let changes = let_go(&work, leaving);
            progress.leaving.pop();
            slice.commit_page(job, changes, json(&progress)).await?;
        }
        Ok(Outcome::done(Changes::default()))
    }
}

fn json(progress: &Progress) -> serde_json::Value {
    // Plain structs with text keys always serialise.
    serde_json::to_value(progress).unwrap_or_default()
}

fn let_go(work: &Work<'_>, leaving: &Leaving) -> Changes {
    let connector_id = work.connector.id;
    tracing::info!(ado.organization = %leaving.name, "the connector does not ask for the organization any more");
    let release = leaving.id.map(|organization_id| ClaimWrite::Release { connector_id, organization_id });
    Changes {
        claims: release.into_iter().collect(),
        organizations: vec![OrganizationWrite::Forgotten {
            connector_id,
            organization: leaving.name.clone(),
        }],
        ..Changes::default()
    }
}

/// What follows from the list of organizations, and which ones leave.
async fn list(work: &Work<'_>) -> Result<(Changes, Vec<Leaving>), HandlerError> {
    let held = held(work).await?;
    let mut changes = Changes::default();
    let (asked, leaving) = match organizations_of(work).await {
        Ok(Organizations::Named(named)) => with_named(named, &held),
        Ok(Organizations::Listed(listed)) => {
            let names = listed.iter().map(|organization| organization.name.clone()).collect();
            changes.choices.extend(settled_choice(work, names));
            with_listed(listed, &held)
        }
        // What is held is read on: it says itself whether the credential is refused.
        Ok(Organizations::CannotBeListed(_)) if !held.by_id.is_empty() => with_listed(Vec::new(), &held),
        Ok(Organizations::CannotBeListed(reason)) => {
            changes.connectors.push(work.transition(ConnectorEvent::PermissionMissing, Some(reason)));
            return Ok((changes, Vec::new()));
        }
        Err(error) => return Err(work.fail(error).await),
    };
    let priority = priority_of(&work.job.cause);
    for organization in asked {
        if !held.standing.contains(&organization) {
            changes.organizations.push(work.stands(&organization, None, OrganizationAccess::Pending, None));
        }
        let subject = JobSubject::organization(work.connector.id, organization);
        changes.jobs.push(work.next_job(JobKind::OrganizationDiscover, subject, priority));
    }
    Ok((changes, leaving))
}

/// A choice without names means all organizations of the first listing.
fn settled_choice(work: &Work<'_>, organizations: Vec<OrganizationName>) -> Option<ChoiceWrite> {
    let connector_id = work.connector.id;
    matches!(work.connector.organizations, OrganizationsChoice::Selected { .. })
        .then_some(ChoiceWrite { connector_id, organizations })
}

/// Organizations that the connector has or had to do with.
struct Held {
    /// Those that it holds, with their names.
    by_id: BTreeMap<OrganizationId, OrganizationName>,
    /// Those of which it is said how they stand.
    standing: BTreeSet<OrganizationName>,
}

async fn held(work: &Work<'_>) -> Result<Held, HandlerError> {
    let store = work.slice.store();
    let connector = work.connector.id;
    let mut by_id: BTreeMap<_, _> = store
        .inventory()
        .claims(connector)
        .await?
        .into_iter()
        .map(|c| (c.organization_id, c.organization))
        .collect();
    for known in store.inventory().organizations(connector).await? {
        by_id.entry(known.id).or_insert(known.name);
    }
    let standings = store.connectors().organizations(Some(connector)).await?;
    Ok(Held { by_id, standing: standings.into_iter().map(|standing| standing.organization).collect() })
}

/// A person named what is wanted: all else leaves.
fn with_named(named: Vec<AskedOrganization>, held: &Held) -> (BTreeSet<OrganizationName>, Vec<Leaving>) {
    let asked: BTreeSet<_> = named.into_iter().map(|organization| organization.name).collect();
    let held_ones = held.by_id.iter().filter(|(_, name)| !asked.contains(*name));
    let mut leaving: Vec<_> =
        held_ones.map(|(id, name)| Leaving { name: name.clone(), id: Some(*id) }).collect();
    leaving.extend(without_holding(&asked, held));
    (asked, leaving)
}

/// Azure DevOps listed what there is. What is held and not listed may only be hidden: it is asked itself. One that is
/// listed by another name is the same organization.
fn with_listed(listed: Vec<AskedOrganization>, held: &Held) -> (BTreeSet<OrganizationName>, Vec<Leaving>) {
    let ids: BTreeSet<_> = listed.iter().filter_map(|organization| organization.id).collect();
    let mut asked: BTreeSet<_> = listed.into_iter().map(|organization| organization.name).collect();
    let hidden = held.by_id.iter().filter(|(id, _)| !ids.contains(*id)).map(|(_, name)| name.clone());
    asked.extend(hidden);
    let renamed = held.by_id.values().filter(|name| !asked.contains(*name));
    let mut leaving: Vec<_> = renamed.map(|name| Leaving { name: name.clone(), id: None }).collect();
    leaving.extend(without_holding(&asked, held));
    (asked, leaving)
}

/// Organizations that the connector asked for, never held, and does not ask for any more.
fn without_holding(asked: &BTreeSet<OrganizationName>, held: &Held) -> Vec<Leaving> {
    let holds = |name: &OrganizationName| held.by_id.values().any(|held| held == name);
    let left = held.standing.iter().filter(|name| !asked.contains(*name) && !holds(name));
    left.map(|name| Leaving { name: name.clone(), id: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn name(text: &str) -> OrganizationName {
        OrganizationName::new(text)
    }

    fn id(number: u128) -> OrganizationId {
        OrganizationId(Uuid::from_u128(number))
    }

    fn asked(number: Option<u128>, text: &str) -> AskedOrganization {
        AskedOrganization { id: number.map(id), name: name(text) }
    }

    /// Holds `contoso` and `fabrikam`; `tailspin` was refused.
    fn held() -> Held {
        Held {
            by_id: BTreeMap::from([(id(1), name("contoso")), (id(2), name("fabrikam"))]),
            standing: ["contoso", "fabrikam", "tailspin"].into_iter().map(name).collect(),
        }
    }

    fn left(leaving: &[Leaving]) -> Vec<(&str, Option<OrganizationId>)> {
        leaving.iter().map(|leaving| (leaving.name.as_str(), leaving.id)).collect()
    }

    #[test]
    fn what_a_person_does_not_name_any_more_leaves() {
        let (asked, leaving) = with_named(vec![asked(None, "Contoso"), asked(None, "new")], &held());
        assert_eq!(asked, [name("contoso"), name("new")].into());
        assert_eq!(left(&leaving), [("fabrikam", Some(id(2))), ("tailspin", None)]);
    }

    #[test]
    fn what_a_listing_leaves_out_is_asked_itself() {
        let (asked, leaving) = with_listed(vec![asked(Some(1), "contoso")], &held());
        assert_eq!(asked, [name("contoso"), name("fabrikam")].into());
        assert_eq!(left(&leaving), [("tailspin", None)], "nothing was held of it, nothing is taken out");
    }

    #[test]
    fn an_organization_with_another_name_is_the_same_one() {
        let listed = vec![asked(Some(1), "contoso-eu"), asked(Some(2), "fabrikam"), asked(None, "tailspin")];
        let (asked, leaving) = with_listed(listed, &held());
        assert_eq!(asked, [name("contoso-eu"), name("fabrikam"), name("tailspin")].into());
        assert_eq!(left(&leaving), [("contoso", None)], "only the old name is forgotten");
    }
}
