//! Snapshots for tests, in few words.

use crate::Rule;
use muster_domain::assessment::{AssessmentState, Judgement, Verdict};
use muster_domain::policy::{
    BranchMatch, MINIMUM_REVIEWERS, PolicyConfiguration, PolicyScope, PolicySettings, ReviewerSettings,
};
use muster_domain::properties::{
    ProjectProperties, RepositoryProperties, ServiceConnectionProperties, Visibility,
};
use muster_domain::read::{Reading, UnknownReason};
use muster_domain::snapshot::{
    AuthorizedResourceList, AuthorizedResources, GeneralSettings, ListCheck, OrganizationView,
    PipelineAccess, ProjectSnapshot, RepositoryView, ServiceConnectionView,
};
use muster_domain::{OrganizationId, OrganizationName, ProjectId, RepositoryId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Default branch of [`repository`].
pub(crate) const MAIN: &str = "refs/heads/main";
/// Id of the connection of [`connection`].
pub(crate) const CONNECTION: &str = "0f1e2d3c-0000-4000-8000-0000000000c1";

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
        service_connections: Vec::new(),
        policies: Reading::Unknown(UnknownReason::NotReadYet),
        general_settings: Reading::Unknown(UnknownReason::NotReadYet),
        authorized_resources: AuthorizedResources {
            list: Reading::Unknown(UnknownReason::NotReadYet),
            check: ListCheck::NotVerified,
            single: BTreeMap::new(),
        },
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
    };
    ProjectSnapshot { general_settings: Reading::Known(settings), ..project() }
}

/// A project with the connection [`CONNECTION`] and what is known of the resources open to all pipelines.
pub(crate) fn connection(
    list: &Reading<&[&str]>,
    check: ListCheck,
    single: Option<PipelineAccess>,
) -> ProjectSnapshot {
    let list = match list {
        Reading::Known(ids) => Reading::Known(AuthorizedResourceList {
            endpoints: ids.iter().map(ToString::to_string).collect(),
        }),
        Reading::Unknown(reason) => Reading::Unknown(*reason),
    };
    let single = single.map(|access| (CONNECTION.to_owned(), access)).into_iter().collect();
    ProjectSnapshot {
        service_connections: vec![ServiceConnectionView {
            id: CONNECTION.to_owned(),
            name: "production".to_owned(),
            properties: ServiceConnectionProperties {
                connection_type: "azurerm".to_owned(),
                authorization_scheme: Some("WorkloadIdentityFederation".to_owned()),
                is_shared: false,
                is_ready: true,
                target_url: None,
            },
        }],
        authorized_resources: AuthorizedResources { list, check, single },
        ..project()
    }
}

/// The one verdict of `rule` on a snapshot with one resource of its kind.
#[track_caller]
pub(crate) fn verdict(rule: &dyn Rule, snapshot: &ProjectSnapshot) -> Verdict {
    let mut judgements = rule.judge(snapshot);
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
