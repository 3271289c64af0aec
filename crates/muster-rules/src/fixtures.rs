//! Snapshots for tests, in few words.

use crate::Rule;
use crate::catalogue::judge;
use muster_domain::assessment::{AssessmentState, Judgement, Verdict};
use muster_domain::policy::{
    BranchMatch, MINIMUM_REVIEWERS, PolicyConfiguration, PolicyScope, PolicySettings, ReviewerSettings,
};
use muster_domain::properties::{
    ForkBuilds, PipelineProcess, PipelineProperties, ProjectProperties, QueueStatus, RepositoryProperties,
    SecureFileProperties, ServiceConnectionProperties, VariableGroupProperties, VariableGroupSource,
    Visibility,
};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Reading, UnknownReason};
use muster_domain::snapshot::{
    AdvancedSecurityEnablement, AdvancedSecurityState, AuthorizedResourceList, AuthorizedResources,
    GeneralSettings, ListCheck, OrganizationView, PipelineAccess, PipelineView, ProjectSnapshot,
    RepositoryView, SecureFileView, ServiceConnectionView, VariableGroupView,
};
use muster_domain::{OrganizationId, OrganizationName, ProjectId, RepositoryId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Default branch of [`repository`].
pub(crate) const MAIN: &str = "refs/heads/main";
/// Id of the connection of [`connection`].
pub(crate) const CONNECTION: &str = "0f1e2d3c-0000-4000-8000-0000000000c1";
/// Id of the file of [`secure_file`].
pub(crate) const SECURE_FILE: &str = "0f1e2d3c-0000-4000-8000-0000000000f1";
/// Id of the group of [`variable_group`].
pub(crate) const VARIABLE_GROUP: &str = "7";

/// A project named `Déjà vu`, with nothing in it and nothing read.
pub(crate) fn project() -> ProjectSnapshot {
    ProjectSnapshot {
        organization: OrganizationView {
            id: OrganizationId(Uuid::from_u128(1)),
            name: OrganizationName::new("contoso"),
            web_url: "https://dev.azure.com/contoso".to_owned(),
        },
        project_id: ProjectId(Uuid::from_u128(2)),
        project_name: "Déjà vu".to_owned(),
        project: ProjectProperties {
            visibility: Visibility::Private,
            state: "wellFormed".to_owned(),
            revision: Some(1),
        },
        repositories: Vec::new(),
        pipelines: Vec::new(),
        service_connections: Vec::new(),
        variable_groups: Vec::new(),
        secure_files: Vec::new(),
        gaps: BTreeMap::new(),
        policies: Reading::Unknown(UnknownReason::NotReadYet),
        general_settings: Reading::Unknown(UnknownReason::NotReadYet),
        authorized_resources: AuthorizedResources {
            list: Reading::Unknown(UnknownReason::NotReadYet),
            checks: BTreeMap::new(),
            single: BTreeMap::new(),
        },
        advanced_security: Reading::Unknown(UnknownReason::NotReadYet),
    }
}

/// Repository 1 of the project, in use, with the default branch [`MAIN`].
pub(crate) fn repository() -> RepositoryView {
    RepositoryView {
        id: repository_id(1),
        name: "web".to_owned(),
        properties: RepositoryProperties {
            default_branch: Some(MAIN.to_owned()),
            is_disabled: false,
            is_in_maintenance: false,
            is_fork: false,
            web_url: None,
            size_bytes: None,
        },
    }
}

/// Id of the repository of that number.
pub(crate) fn repository_id(number: u128) -> RepositoryId {
    RepositoryId(Uuid::from_u128(0x10_0000 + number))
}

/// A project with [`repository`] and these policies.
pub(crate) fn reviewed(policies: Vec<PolicyConfiguration>) -> ProjectSnapshot {
    ProjectSnapshot { repositories: vec![repository()], policies: Reading::Known(policies), ..project() }
}

/// An enforced reviewer policy on every default branch that asks for `count` approvals, the requestor's not counting.
pub(crate) fn reviewers(count: u32) -> PolicyConfiguration {
    PolicyConfiguration {
        id: 7,
        type_id: MINIMUM_REVIEWERS,
        is_enabled: true,
        is_blocking: true,
        is_deleted: false,
        scope: vec![PolicyScope { repository_id: None, branches: BranchMatch::DefaultBranch }],
        settings: PolicySettings::MinimumReviewers(ReviewerSettings {
            minimum_approver_count: count,
            creator_vote_counts: false,
            reset_on_source_push: false,
        }),
    }
}

/// [`reviewers`], the requestor's approval counting.
pub(crate) fn self_approved(count: u32) -> PolicyConfiguration {
    PolicyConfiguration {
        settings: PolicySettings::MinimumReviewers(ReviewerSettings {
            minimum_approver_count: count,
            creator_vote_counts: true,
            reset_on_source_push: false,
        }),
        ..reviewers(count)
    }
}

/// Every shape of scope in which a reviewer policy of two approvals is in force on [`MAIN`] of [`repository`].
pub(crate) fn in_force() -> [(&'static str, PolicyConfiguration); 7] {
    let on = |repository_id, branches| PolicyConfiguration {
        scope: vec![PolicyScope { repository_id, branches }],
        ..reviewers(2)
    };
    let this = Some(repository_id(1));
    let other = PolicyScope { repository_id: Some(repository_id(2)), branches: BranchMatch::Every };
    let mut second_of_two = reviewers(2);
    second_of_two.scope.insert(0, other);
    [
        ("exact, on every repository", on(None, BranchMatch::Exact(MAIN.to_owned()))),
        ("prefix, on every repository", on(None, BranchMatch::Prefix("refs/heads/".to_owned()))),
        ("default branch of every repository", on(None, BranchMatch::DefaultBranch)),
        ("every branch of every repository", on(None, BranchMatch::Every)),
        ("exact, on this repository", on(this, BranchMatch::Exact(MAIN.to_owned()))),
        ("every branch of this repository", on(this, BranchMatch::Every)),
        ("second of two scopes", second_of_two),
    ]
}

/// Every way in which a reviewer policy of two approvals is there and yet not in force on [`MAIN`].
pub(crate) fn not_in_force() -> [(&'static str, PolicyConfiguration); 6] {
    let on = |repository_id, branches| PolicyConfiguration {
        scope: vec![PolicyScope { repository_id, branches }],
        ..reviewers(2)
    };
    [
        ("optional", PolicyConfiguration { is_blocking: false, ..reviewers(2) }),
        ("switched off", PolicyConfiguration { is_enabled: false, ..reviewers(2) }),
        ("deleted", PolicyConfiguration { is_deleted: true, ..reviewers(2) }),
        ("of another kind", PolicyConfiguration { settings: PolicySettings::NotKept, ..reviewers(2) }),
        ("on another branch", on(None, BranchMatch::Exact("refs/heads/release".to_owned()))),
        ("on another repository", on(Some(repository_id(2)), BranchMatch::Every)),
    ]
}

/// A project with these pipeline settings: the build switch, the release switch, the older one for both.
pub(crate) fn pipeline_settings(
    build: Option<bool>,
    release: Option<bool>,
    older: Option<bool>,
) -> ProjectSnapshot {
    let settings = GeneralSettings {
        disable_classic_build_pipeline_creation: build,
        disable_classic_release_pipeline_creation: release,
        disable_classic_pipeline_creation: older,
        ..GeneralSettings::default()
    };
    ProjectSnapshot { general_settings: Reading::Known(settings), ..project() }
}

/// A project with [`repository`] and these products of Advanced Security: Secret Protection, Code Security.
pub(crate) fn secured(secret_protection: Option<bool>, code_security: Option<bool>) -> ProjectSnapshot {
    let state = AdvancedSecurityState { secret_protection, block_pushes: None, code_security };
    let enablement = AdvancedSecurityEnablement { repositories: BTreeMap::from([(repository_id(1), state)]) };
    ProjectSnapshot {
        repositories: vec![repository()],
        advanced_security: Reading::Known(enablement),
        ..project()
    }
}

/// A project with pipeline 12, which gives secrets to builds of forks; whether its repository is private and what the
/// project allows is not known.
pub(crate) fn fork_pipeline() -> ProjectSnapshot {
    let forks = ForkBuilds { enabled: true, allow_secrets: true, allow_full_access_token: false };
    let properties = PipelineProperties {
        folder: "\\".to_owned(),
        process: PipelineProcess::Yaml { file_name: "/azure-pipelines.yml".to_owned() },
        repository_id: None,
        repository_type: Some("GitHub".to_owned()),
        revision: Some(1),
        queue_status: QueueStatus::Enabled,
        is_repository_private: None,
        fork_builds: Some(forks),
    };
    let pipeline = PipelineView { id: "12".to_owned(), name: "ci".to_owned(), properties };
    ProjectSnapshot { pipelines: vec![pipeline], ..project() }
}

/// What is known of resources of one type that are open to all pipelines: the list, its cross-check, and what one of
/// them said itself.
pub(crate) fn authorized(
    resource: ProtectedResource,
    list: &Reading<&[&str]>,
    check: ListCheck,
    single: Option<PipelineAccess>,
) -> AuthorizedResources {
    let list = match list {
        Reading::Known(ids) => {
            let ids = ids.iter().map(ToString::to_string).collect();
            Reading::Known(AuthorizedResourceList { open: BTreeMap::from([(resource, ids)]) })
        }
        Reading::Unknown(reason) => Reading::Unknown(*reason),
    };
    let id = match resource {
        ProtectedResource::SecureFile => SECURE_FILE,
        ProtectedResource::VariableGroup => VARIABLE_GROUP,
        _ => CONNECTION,
    };
    let single = single.map(|access| ((resource, id.to_owned()), access)).into_iter().collect();
    AuthorizedResources { list, checks: BTreeMap::from([(resource, check)]), single }
}

/// A project with the connection [`CONNECTION`] and what is known of the resources open to all pipelines.
pub(crate) fn connection(
    list: &Reading<&[&str]>,
    check: ListCheck,
    single: Option<PipelineAccess>,
) -> ProjectSnapshot {
    let properties = ServiceConnectionProperties {
        connection_type: "azurerm".to_owned(),
        authorization_scheme: Some("WorkloadIdentityFederation".to_owned()),
        is_shared: false,
        is_ready: true,
        target_url: None,
    };
    let connection =
        ServiceConnectionView { id: CONNECTION.to_owned(), name: "production".to_owned(), properties };
    ProjectSnapshot {
        service_connections: vec![connection],
        authorized_resources: authorized(ProtectedResource::Endpoint, list, check, single),
        ..project()
    }
}

/// A project with the secure file [`SECURE_FILE`] and what is known of the resources open to all pipelines.
pub(crate) fn secure_file(
    list: &Reading<&[&str]>,
    check: ListCheck,
    single: Option<PipelineAccess>,
) -> ProjectSnapshot {
    let properties = SecureFileProperties::default();
    let file = SecureFileView { id: SECURE_FILE.to_owned(), name: "signing.p12".to_owned(), properties };
    ProjectSnapshot {
        secure_files: vec![file],
        authorized_resources: authorized(ProtectedResource::SecureFile, list, check, single),
        ..project()
    }
}

/// A project with the variable group [`VARIABLE_GROUP`], one of its two variables a secret, and what is known of the
/// resources open to all pipelines.
pub(crate) fn variable_group(
    list: &Reading<&[&str]>,
    check: ListCheck,
    single: Option<PipelineAccess>,
) -> ProjectSnapshot {
    let properties = VariableGroupProperties {
        source: VariableGroupSource::AzureDevOps,
        variable_count: 2,
        secret_count: 1,
        is_shared: false,
    };
    let group = VariableGroupView { id: VARIABLE_GROUP.to_owned(), name: "release".to_owned(), properties };
    ProjectSnapshot {
        variable_groups: vec![group],
        authorized_resources: authorized(ProtectedResource::VariableGroup, list, check, single),
        ..project()
    }
}

/// The one verdict of `rule` on a snapshot with one resource of its kind.
#[track_caller]
pub(crate) fn verdict(rule: &dyn Rule, snapshot: &ProjectSnapshot) -> Verdict {
    let mut judgements = judge(rule, snapshot);
    assert_eq!(judgements.len(), 1, "one resource, one judgement: {judgements:?}");
    let Judgement { resource, recommendation, verdict } = judgements.remove(0);
    assert_eq!(recommendation, rule.recommendation().key);
    assert_eq!(resource.kind, rule.recommendation().resource_kind);
    verdict
}

/// Asserts state and cause of the one verdict of `rule`.
#[track_caller]
pub(crate) fn assert_verdict(
    rule: &dyn Rule,
    snapshot: &ProjectSnapshot,
    state: AssessmentState,
    cause: &str,
) {
    let verdict = verdict(rule, snapshot);
    assert_eq!((verdict.state, verdict.cause.as_str()), (state, cause), "{verdict:?}");
}
