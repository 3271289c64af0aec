//! Asks for each read once, whether the credential may make it.

use super::rights::{Access, Rights};
use crate::exit::Failed;
use muster_azdo::{CallError, PageRequest, Session};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, ReadScope};
use muster_domain::{OrganizationName, ProjectId};
use uuid::Uuid;

/// Security namespace of Git repositories: what everybody's code access lies in.
/// Source: `GET /{organization}/_apis/securitynamespaces`.
const GIT_REPOSITORIES: Uuid = Uuid::from_u128(0x2e9e_b7ed_3c0a_47d4_87c1_0ffd_d275_fd87);

/// Makes each read of a pass once, in an organization and one of its projects.
pub(super) async fn probe(
    calls: &Session,
    organization: &OrganizationName,
    project: Option<ProjectId>,
    rights: &mut Rights,
) -> Result<(), Failed> {
    for read in rights.askable() {
        let answer = match (read.scope(), project) {
            (ReadScope::Organization, _) => of_organization(calls, organization, read).await,
            (ReadScope::Project, Some(project)) => of_project(calls, organization, project, read).await,
            // Nothing to ask about.
            (ReadScope::Project, None) | (ReadScope::Credential | ReadScope::Resource, _) => continue,
        };
        if let Some(answer) = answer {
            rights.asked(read, access(read, answer)?);
        }
    }
    Ok(())
}

/// What an answer says of the right; a pause that is asked for, or a budget out of reach, ends the asking.
fn access(read: Read, answer: Result<(), CallError>) -> Result<Access, Failed> {
    match answer {
        Ok(()) => Ok(Access::Granted),
        Err(CallError::Forbidden { .. } | CallError::Unauthorized { .. }) => Ok(Access::refused(read)),
        Err(CallError::NotFound { .. }) => Ok(Access::NotOffered),
        Err(
            error @ (CallError::Throttled { .. }
            | CallError::HostUnavailable { .. }
            | CallError::GateUnavailable { .. }),
        ) => Err(error.into()),
        Err(
            error @ (CallError::OrganizationStopped { .. }
            | CallError::Transient { .. }
            | CallError::CertificateRefused { .. }
            | CallError::Unexpected { .. }),
        ) => Ok(Access::Failed { reason: error.to_string() }),
    }
}

/// `None` for what is not asked.
async fn of_organization(
    calls: &Session,
    organization: &OrganizationName,
    read: Read,
) -> Option<Result<(), CallError>> {
    let first = PageRequest::first;
    Some(match read {
        Read::ConnectionData => calls.connection_data(organization).await.map(drop),
        Read::Projects => calls.projects(organization, first()).await.map(drop),
        Read::Repositories => calls.repositories(organization).await.map(drop),
        Read::AgentPools => calls.agent_pools(organization).await.map(drop),
        Read::Extensions => calls.extensions(organization).await.map(drop),
        Read::OrganizationPolicies => calls.organization_policies(organization).await.map(drop),
        Read::OrganizationPipelineSettings => {
            calls.organization_pipeline_settings(organization).await.map(drop)
        }
        Read::AuditStreams => calls.audit_streams(organization).await.map(drop),
        Read::UserEntitlements => calls.user_entitlements(organization, first()).await.map(drop),
        Read::AccessControlLists => {
            calls.access_control_lists(organization, GIT_REPOSITORIES).await.map(drop)
        }
        Read::AdvancedSecurityEnablement => match calls.advanced_security_enablement(organization).await {
            Ok(mut batches) => batches.next_batch().await.map(drop),
            Err(error) => Err(error),
        },
        _ => return None,
    })
}

async fn of_project(
    calls: &Session,
    organization: &OrganizationName,
    project: ProjectId,
    read: Read,
) -> Option<Result<(), CallError>> {
    let first = PageRequest::first;
    Some(match read {
        Read::DeletedRepositories => calls.deleted_repositories(organization, project).await.map(drop),
        Read::PolicyConfigurations => {
            calls.policy_configurations(organization, project, first()).await.map(drop)
        }
        Read::GeneralSettings => calls.general_settings(organization, project).await.map(drop),
        Read::BuildDefinitions => calls.build_definitions(organization, project, first()).await.map(drop),
        Read::ServiceEndpoints => calls.service_endpoints(organization, project).await.map(drop),
        Read::VariableGroups => calls.variable_groups(organization, project, first()).await.map(drop),
        Read::SecureFiles => calls.secure_files(organization, project).await.map(drop),
        Read::Queues => calls.agent_queues(organization, project).await.map(drop),
        Read::Environments => calls.environments(organization, project, first()).await.map(drop),
        Read::AuthorizedResources => calls.authorized_resources(organization, project).await.map(drop),
        Read::CheckConfigurations => checks(calls, organization, project).await,
        _ => return None,
    })
}

/// Checks are asked of resources: of the first service connection, if there is any.
async fn checks(
    calls: &Session,
    organization: &OrganizationName,
    project: ProjectId,
) -> Result<(), CallError> {
    let endpoints = calls.service_endpoints(organization, project).await?;
    let first = endpoints.into_iter().next();
    let resources: Vec<_> =
        first.map(|endpoint| (ProtectedResource::Endpoint, endpoint.id)).into_iter().collect();
    calls.check_configurations(organization, project, &resources).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_azdo::CallTarget;

    #[test]
    fn only_an_answer_is_a_right_and_a_pause_ends_the_asking() {
        let call = || CallTarget::in_organization(Read::AuditStreams, &OrganizationName::new("contoso"));
        let of = |error: CallError| access(Read::AuditStreams, Err(error));
        let detail = String::new;
        assert_eq!(access(Read::AuditStreams, Ok(())).unwrap(), Access::Granted);
        let refused = of(CallError::Forbidden { call: call(), detail: detail() }).unwrap();
        assert_eq!(
            refused,
            Access::Refused { scope: Some("vso.auditlog"), right: "permission View audit log" }
        );
        let missing = of(CallError::NotFound { call: call(), detail: detail() }).unwrap();
        assert_eq!(missing, Access::NotOffered);
        let passing = of(CallError::Transient { call: call(), detail: "reset".to_owned() }).unwrap();
        assert!(matches!(passing, Access::Failed { .. }));
        let until = chrono::DateTime::UNIX_EPOCH;
        let throttled = of(CallError::Throttled { call: call(), until }).unwrap_err();
        assert_eq!(throttled.exit, crate::exit::Exit::Throttled);
    }
}
