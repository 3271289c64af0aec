//! What organizations that could not be read say about themselves, and together about the credential.

use crate::organization_access::is_known_elsewhere;
use crate::ownership::Ownership;
use crate::work::Work;
use muster_azdo::CallError;
use muster_domain::{OrganizationId, OrganizationName};
use muster_runtime::{HandlerError, Outcome};
use muster_store::changes::{Changes, OrganizationWrite};

/// Organizations that were asked, none of which can be read so far.
#[derive(Default)]
pub(crate) struct Refusals {
    standings: Vec<OrganizationWrite>,
    /// What refused the credential itself, and in which words.
    unauthorized: Vec<(OrganizationName, String)>,
    /// One of them knows the credential: it is not lost.
    is_known: bool,
}

impl Refusals {
    /// Notes a failed call.
    ///
    /// # Errors
    /// The error, where it says nothing about the organization.
    pub(crate) fn note(
        &mut self,
        work: &Work<'_>,
        organization: &OrganizationName,
        error: CallError,
    ) -> Result<(), CallError> {
        let Some(access) = error.organization_access() else { return Err(error) };
        let reason = error.to_string();
        match error {
            CallError::Unauthorized { .. } => self.unauthorized.push((organization.clone(), reason.clone())),
            CallError::Forbidden { .. } => self.is_known = true,
            _ => (),
        }
        self.standings.push(work.stands(organization, None, access, Some(reason)));
        Ok(())
    }

    /// Notes an organization that the connector may not have; false where it may.
    pub(crate) fn note_owner(
        &mut self,
        work: &Work<'_>,
        organization: &OrganizationName,
        organization_id: OrganizationId,
        ownership: Ownership,
    ) -> bool {
        let Some((access, reason)) = ownership.refusal() else { return false };
        self.is_known = true;
        self.standings.push(work.stands(organization, Some(organization_id), access, Some(reason)));
        true
    }

    /// The end of a job that could read none: the credential is lost where nobody knows it, otherwise each
    /// organization says where it stands.
    pub(crate) async fn end(self, work: &Work<'_>) -> Result<Outcome, HandlerError> {
        let (names, words): (Vec<_>, Vec<_>) = self.unauthorized.into_iter().unzip();
        if !self.is_known && !names.is_empty() {
            match is_known_elsewhere(work, &names).await {
                Ok(true) => (),
                Ok(false) => return Err(HandlerError::NeedsAuth { message: words.join("; ") }),
                Err(error) => return Err(work.give_up(error).await),
            }
        }
        Ok(Outcome::done(Changes { organizations: self.standings, ..Changes::default() }))
    }
}
