//! What is read once per organization beside its projects and repositories, one file each.

mod advanced_security;
mod agent_pools;
mod audit_streams;
mod extensions;
mod organization_pipeline_settings;
mod organization_policies;
mod writing;

use crate::discover_organization::Discovery;
use crate::step::StepError;
use muster_azdo::CallError;
use muster_domain::read::{Read, UnknownReason};
use muster_store::changes::Changes;

/// Makes every read that is not done, and commits each with what came of it; false where the slice is over before the
/// last one.
pub(crate) async fn read_all(discovery: &mut Discovery<'_>) -> Result<bool, StepError> {
    for one in discovery.work.settings.organization_reads() {
        if discovery.progress.reads_done.contains(&one) {
            continue;
        }
        if discovery.work.slice.is_over() {
            return Ok(false);
        }
        let changes = match read(one, discovery).await {
            Ok(changes) => changes,
            Err(StepError::Call(error)) => {
                let reason = unknown_after(one, &error, discovery.work.job.attempt);
                let Some(reason) = reason else { return Err(error.into()) };
                tracing::info!(read = %one, error = %error, "a read gives nothing, what depends on it is unknown");
                unknown(discovery, one, reason).await?
            }
            Err(error @ StepError::Handler(_)) => return Err(error),
        };
        discovery.progress.reads_done.insert(one);
        discovery.commit(changes).await?;
    }
    Ok(true)
}

/// Makes one read.
async fn read(read: Read, discovery: &mut Discovery<'_>) -> Result<Changes, StepError> {
    if !discovery.work.settings.is_on(read) {
        return unknown(discovery, read, UnknownReason::SwitchedOff).await;
    }
    match read {
        Read::AgentPools => agent_pools::read(discovery).await,
        Read::Extensions => extensions::read(discovery).await,
        Read::OrganizationPolicies => organization_policies::read(discovery).await,
        Read::OrganizationPipelineSettings => organization_pipeline_settings::read(discovery).await,
        Read::AuditStreams => audit_streams::read(discovery).await,
        Read::AdvancedSecurityEnablement => advanced_security::read(discovery).await,
        // No rule rests on them: nothing is asked, and what would rest on them is Unknown.
        Read::UserEntitlements | Read::AccessControlLists => {
            unknown(discovery, read, UnknownReason::NotReadYet).await
        }
        // Steps of the discovery itself, or read elsewhere: the union leaves them out.
        Read::ConnectionData
        | Read::Profile
        | Read::Accounts
        | Read::EnterpriseCatalog
        | Read::Projects
        | Read::Repositories
        | Read::DeletedRepositories
        | Read::PolicyConfigurations
        | Read::GeneralSettings
        | Read::BuildDefinitions
        | Read::ServiceEndpoints
        | Read::VariableGroups
        | Read::SecureFiles
        | Read::Queues
        | Read::Environments
        | Read::AuthorizedResources
        | Read::CheckConfigurations
        | Read::PipelinePermissions
        | Read::RoleAssignments => Ok(Changes::default()),
    }
}

async fn unknown(
    discovery: &mut Discovery<'_>,
    read: Read,
    reason: UnknownReason,
) -> Result<Changes, StepError> {
    let gap = discovery.gap(read, reason).await?;
    Ok(Changes { readings: vec![gap], ..Changes::default() })
}

/// What a failed read means for what rests on it; `None` where it fails the job.
///
/// Nothing that Microsoft does not document may fail a job: its address answers one day as a page to sign in, another
/// day not at all, and says by that nothing about the credential.
fn unknown_after(read: Read, error: &CallError, attempt: u32) -> Option<UnknownReason> {
    match error {
        // The limit is everybody's, and without the budget nothing was asked.
        CallError::Throttled { .. } | CallError::GateUnavailable { .. } => None,
        CallError::Forbidden { .. } => Some(UnknownReason::Forbidden),
        CallError::NotFound { .. } => Some(UnknownReason::NotOffered),
        CallError::Unauthorized { .. } => (!read.is_documented()).then_some(UnknownReason::Forbidden),
        // Once may be an accident; a second time the gap is said and the rest goes on.
        CallError::Unexpected { .. } => {
            (!read.is_documented() || attempt > 1).then_some(UnknownReason::ContractViolation)
        }
        CallError::Transient { .. } | CallError::OrganizationStopped { .. } => {
            (!read.is_documented()).then_some(UnknownReason::ContractViolation)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_azdo::{CallTarget, UnauthorizedReason};
    use muster_domain::OrganizationName;

    const DOCUMENTED: Read = Read::AuditStreams;
    const UNDOCUMENTED: Read = Read::OrganizationPolicies;

    fn errors(read: Read) -> [CallError; 8] {
        let call = CallTarget::in_organization(read, &OrganizationName::new("contoso"));
        let detail = String::new();
        [
            CallError::Throttled { call: call.clone(), until: chrono::DateTime::UNIX_EPOCH },
            CallError::GateUnavailable { call: call.clone(), detail: detail.clone() },
            CallError::Forbidden { call: call.clone(), detail: detail.clone() },
            CallError::NotFound { call: call.clone(), detail: detail.clone() },
            CallError::Unauthorized {
                call: call.clone(),
                reason: UnauthorizedReason::SignInPage,
                detail: detail.clone(),
            },
            CallError::Unexpected { call: call.clone(), detail: detail.clone() },
            CallError::Transient { call: call.clone(), detail },
            CallError::OrganizationStopped { call },
        ]
    }

    #[test]
    fn what_a_failure_means_depends_on_whether_the_read_is_documented() {
        use UnknownReason::{ContractViolation, Forbidden, NotOffered};
        let meaning = |read, attempt| errors(read).map(|error| unknown_after(read, &error, attempt));
        let refused = [None, None, Some(Forbidden), Some(NotOffered)];
        assert_eq!(meaning(DOCUMENTED, 1), [&refused[..], &[None; 4]].concat()[..]);
        assert_eq!(
            meaning(DOCUMENTED, 2),
            [&refused[..], &[None, Some(ContractViolation), None, None]].concat()[..]
        );
        for attempt in [1, 2] {
            assert_eq!(
                meaning(UNDOCUMENTED, attempt),
                [
                    &refused[..],
                    &[
                        Some(Forbidden),
                        Some(ContractViolation),
                        Some(ContractViolation),
                        Some(ContractViolation)
                    ]
                ]
                .concat()[..],
                "only the limit and our own budget hold up the job"
            );
        }
    }
}
