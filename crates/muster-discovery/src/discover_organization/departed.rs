//! An organization that was read before and is not found by its name any more: renamed, or deleted. Its id tells, which
//! stays.

use super::Discovery;
use crate::absence::{Part, set_presence};
use crate::priority::priority_of;
use muster_azdo::CallError;
use muster_domain::connector::OrganizationAccess;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::resource::Presence;
use muster_domain::{OrganizationId, OrganizationName};
use muster_runtime::{HandlerError, Outcome};
use muster_store::changes::{Changes, OrganizationWrite};

/// Asks by the id, and writes what became of the organization.
pub(super) async fn settle(
    discovery: Discovery<'_>,
    id: OrganizationId,
    not_found: CallError,
) -> Result<Outcome, HandlerError> {
    let work = &discovery.work;
    match work.session.organization_name(id).await {
        // Names differ in case alone where people write them so.
        Ok(Some(name)) if name != discovery.organization => Ok(Outcome::done(renamed(&discovery, name))),
        // It is there by this name, as far as this look-up knows: what was not found is another matter.
        Ok(Some(_)) => Ok(Outcome::done(not_there(&discovery, id, not_found.to_string()))),
        Ok(None) => deleted(discovery, id).await,
        // Whoever may not look it up knows no more than before.
        Err(CallError::Unauthorized { .. } | CallError::Forbidden { .. } | CallError::Unexpected { .. }) => {
            Ok(Outcome::done(not_there(&discovery, id, not_found.to_string())))
        }
        Err(error) => Err(work.fail(error).await),
    }
}

/// It goes on by its new name; what waits under the old one finds nothing to do.
fn renamed(discovery: &Discovery<'_>, to: OrganizationName) -> Changes {
    let (work, from) = (&discovery.work, discovery.organization.clone());
    tracing::info!(ado.organization = %from, now = %to, "an organization has another name");
    let subject = JobSubject::organization(work.connector.id, to.clone());
    let discover = work.next_job(JobKind::OrganizationDiscover, subject, priority_of(&work.job.cause));
    Changes {
        organizations: vec![OrganizationWrite::Renamed { connector_id: work.connector.id, from, to }],
        jobs: vec![discover],
        ..Changes::default()
    }
}

/// Nobody knows its id any more. A deleted organization can be recovered for a while: what it held is missing, and comes
/// back with it.
async fn deleted(discovery: Discovery<'_>, id: OrganizationId) -> Result<Outcome, HandlerError> {
    let work = &discovery.work;
    let part = Part { connector: work.connector.id, organization: Some(id), project: None };
    if !set_presence(work.slice, work.job, part, Presence::Missing, &discovery.progress_json()).await? {
        return Ok(discovery.carry_on());
    }
    let reason = format!(
        "the organization {} was deleted: take it out of the connector, or recover it within 28 days",
        discovery.organization
    );
    Ok(Outcome::done(not_there(&discovery, id, reason)))
}

fn not_there(discovery: &Discovery<'_>, id: OrganizationId, reason: String) -> Changes {
    let access = OrganizationAccess::NotFound;
    let standing = discovery.work.stands(&discovery.organization, Some(id), access, Some(reason));
    Changes { organizations: vec![standing], ..Changes::default() }
}
