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
                let is_refused = discovery.is_refused_alone(&error).await?;
                let reason = unknown_after(one, &error, is_refused, discovery.work.job.attempt);
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

/// What a failed read means for what rests on it; `None` where it fails the job. Nothing that Microsoft does not document
/// may fail a job, as long as the credential is admitted: its address may answer otherwise any day.
fn unknown_after(read: Read, error: &CallError, is_refused: bool, attempt: u32) -> Option<UnknownReason> {
    if is_refused {
        return Some(UnknownReason::Forbidden);
    }
    match error {
        // The limit is everybody's, without the budget nothing was asked, and a lost credential is lost everywhere.
        CallError::Throttled { .. }
        | CallError::HostUnavailable { .. }
        | CallError::GateUnavailable { .. }
        | CallError::Unauthorized { .. }
        | CallError::Forbidden { .. } => None,
        CallError::NotFound { .. } => Some(UnknownReason::NotOffered),
        // Once may be an accident; a second time the gap is said and the rest goes on.
        CallError::Unexpected { .. } => {
            (!read.is_documented() || attempt > 1).then_some(UnknownReason::ContractViolation)
        }
        CallError::Transient { .. }
        | CallError::CertificateRefused { .. }
        | CallError::OrganizationStopped { .. } => {
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

    fn errors(read: Read) -> [CallError; 7] {
        let call = || CallTarget::in_organization(read, &OrganizationName::new("contoso"));
        let reason = UnauthorizedReason::SignInPage;
        [
            CallError::Throttled { call: call(), until: chrono::DateTime::UNIX_EPOCH },
            CallError::GateUnavailable { call: call(), detail: String::new() },
            CallError::Unauthorized { call: call(), reason, detail: String::new() },
            CallError::NotFound { call: call(), detail: String::new() },
            CallError::Unexpected { call: call(), detail: String::new() },
            CallError::Transient { call: call(), detail: String::new() },
            CallError::OrganizationStopped { call: call() },
        ]
    }

    #[test]
    fn what_a_failure_means_depends_on_whether_the_read_is_documented() {
        use UnknownReason::{ContractViolation, NotOffered};
        let meaning = |read, attempt| errors(read).map(|error| unknown_after(read, &error, false, attempt));
        let gap = Some(ContractViolation);
        for (read, attempt, unexpected, passing) in [
            (DOCUMENTED, 1, None, None),
            (DOCUMENTED, 2, gap, None),
            (UNDOCUMENTED, 1, gap, gap),
            (UNDOCUMENTED, 2, gap, gap),
        ] {
            let expected = [None, None, None, Some(NotOffered), unexpected, passing, passing];
            assert_eq!(meaning(read, attempt), expected, "{read}, attempt {attempt}");
        }
    }

    #[test]
    fn what_is_refused_alone_is_unknown_for_that_reason() {
        for read in [DOCUMENTED, UNDOCUMENTED] {
            for error in errors(read) {
                assert_eq!(unknown_after(read, &error, true, 1), Some(UnknownReason::Forbidden));
            }
        }
    }
}
