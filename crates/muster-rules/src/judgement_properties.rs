//! Properties of all judgements, on snapshots that nobody thought of.

use crate::fixtures::{MAIN, connection, project, repository, repository_id, reviewers};
use crate::{catalogue, judge_project};
use muster_domain::assessment::AssessmentState;
use muster_domain::policy::{
    BranchMatch, PolicyConfiguration, PolicyScope, PolicySettings, ReviewerSettings,
};
use muster_domain::read::{Reading, UnknownReason};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{GeneralSettings, ListCheck, PipelineAccess, ProjectSnapshot, RepositoryView};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const BRANCHES: [&str; 4] = [MAIN, "refs/heads/master", "refs/heads/release/1", "refs/heads/mainline"];

fn reading<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Reading<T>> {
    prop_oneof![
        3 => value.prop_map(Reading::Known),
        1 => select(UnknownReason::ALL.to_vec()).prop_map(Reading::Unknown),
    ]
}

fn scope() -> impl Strategy<Value = PolicyScope> {
    let branches = prop_oneof![
        Just(BranchMatch::DefaultBranch),
        Just(BranchMatch::Every),
        select(BRANCHES.to_vec()).prop_map(|name| BranchMatch::Exact(name.to_owned())),
        select(vec!["refs/heads/", "refs/heads/main", "refs/heads/release/"])
            .prop_map(|prefix| BranchMatch::Prefix(prefix.to_owned())),
    ];
    (option::of((1_u128..4).prop_map(repository_id)), branches)
        .prop_map(|(repository_id, branches)| PolicyScope { repository_id, branches })
}

fn policy() -> impl Strategy<Value = PolicyConfiguration> {
    let settings = prop_oneof![
        1 => Just(PolicySettings::NotKept),
        4 => (0_u32..4, any::<bool>(), any::<bool>()).prop_map(|(count, creator, reset)| {
            PolicySettings::MinimumReviewers(ReviewerSettings {
                minimum_approver_count: count,
                creator_vote_counts: creator,
                reset_on_source_push: reset,
            })
        }),
    ];
    let usually = || prop::bool::weighted(0.8);
    (1_i64..1_000, usually(), usually(), prop::bool::weighted(0.2), vec(scope(), 0..3), settings).prop_map(
        |(id, is_enabled, is_blocking, is_deleted, scope, settings)| PolicyConfiguration {
            id,
            is_enabled,
            is_blocking,
            is_deleted,
            scope,
            settings,
            ..reviewers(0)
        },
    )
}

fn a_repository(number: u128) -> impl Strategy<Value = RepositoryView> {
    let branch = option::weighted(0.8, select(BRANCHES.to_vec()));
    (branch, prop::bool::weighted(0.2), any::<bool>()).prop_map(
        move |(branch, is_disabled, is_in_maintenance)| {
            let mut view = repository();
            view.id = repository_id(number);
            view.properties.default_branch = branch.map(str::to_owned);
            view.properties.is_disabled = is_disabled;
            view.properties.is_in_maintenance = is_in_maintenance;
            view
        },
    )
}

fn snapshot() -> impl Strategy<Value = ProjectSnapshot> {
    let settings = (any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>()).prop_map(
        |(build, release, older)| GeneralSettings {
            disable_classic_build_pipeline_creation: build,
            disable_classic_release_pipeline_creation: release,
            disable_classic_pipeline_creation: older,
        },
    );
    let access = (
        reading(any::<bool>()),
        select(vec![ListCheck::NotVerified, ListCheck::Agrees, ListCheck::Disagrees]),
        option::of(select(vec![PipelineAccess::AllPipelines, PipelineAccess::PermittedOnly])),
    );
    let repositories = (a_repository(1), a_repository(2)).prop_map(|(one, two)| vec![one, two]);
    (repositories, reading(vec(policy(), 0..5)), reading(settings), access).prop_map(
        |(repositories, policies, general_settings, (list, check, single))| {
            let listed: &[&str] = &[crate::fixtures::CONNECTION];
            let list = match list {
                Reading::Known(is_listed) => Reading::Known(if is_listed { listed } else { &[] }),
                Reading::Unknown(reason) => Reading::Unknown(reason),
            };
            let connection = connection(&list, check, single);
            ProjectSnapshot { repositories, policies, general_settings, ..connection }
        },
    )
}

/// The words of section "enforced" in another shape: what the branch of a repository needs, computed by counting.
fn approvals_in_force(policies: &[PolicyConfiguration], repository: &RepositoryView) -> Vec<(u32, bool)> {
    let branch = repository.properties.default_branch.as_deref().expect("asked for repositories in use only");
    let covers = |scope: &PolicyScope| {
        (scope.repository_id.is_none() || scope.repository_id == Some(repository.id))
            && match &scope.branches {
                BranchMatch::DefaultBranch | BranchMatch::Every => true,
                BranchMatch::Exact(name) => branch == name,
                BranchMatch::Prefix(prefix) => branch.get(..prefix.len()) == Some(prefix),
            }
    };
    policies
        .iter()
        .filter(|policy| policy.is_enabled && policy.is_blocking && !policy.is_deleted)
        .filter(|policy| policy.scope.iter().any(covers))
        .filter_map(|policy| match &policy.settings {
            PolicySettings::MinimumReviewers(settings) => {
                Some((settings.minimum_approver_count, settings.creator_vote_counts))
            }
            PolicySettings::NotKept => None,
        })
        .collect()
}

proptest! {
    #[test]
    fn every_resource_of_the_kind_is_judged_once(snapshot in snapshot()) {
        for rule in catalogue() {
            let judged: Vec<_> = rule.judge(&snapshot).into_iter().map(|judgement| judgement.resource).collect();
            let expected: Vec<_> = match rule.recommendation().resource_kind {
                ResourceKind::Project => vec![snapshot.key()],
                ResourceKind::Repository => {
                    let ids = snapshot.repositories.iter().map(|repository| repository.id.to_string());
                    ids.map(|id| snapshot.key_of(ResourceKind::Repository, id)).collect()
                }
                ResourceKind::ServiceConnection => {
                    let ids = snapshot.service_connections.iter().map(|connection| &connection.id);
                    ids.map(|id| snapshot.key_of(ResourceKind::ServiceConnection, id)).collect()
                }
                kind => panic!("a rule judges {kind}: say here which ones"),
            };
            prop_assert_eq!(judged, expected);
        }
    }

    #[test]
    fn the_order_of_listings_changes_no_word(snapshot in snapshot()) {
        let mut reversed = snapshot.clone();
        if let Reading::Known(policies) = &mut reversed.policies {
            policies.reverse();
        }
        prop_assert_eq!(judge_project(&snapshot), judge_project(&reversed));
    }

    #[test]
    fn every_verdict_is_complete(snapshot in snapshot()) {
        for judgement in judge_project(&snapshot) {
            let verdict = judgement.verdict;
            prop_assert!(verdict.cause.chars().all(|character| character.is_ascii_alphanumeric()));
            prop_assert!(!verdict.cause.is_empty() && !verdict.observed.is_empty());
            prop_assert!(verdict.expected.ends_with('.'));
            let link = verdict.link.expect("every rule has a page");
            prop_assert!(link.starts_with("https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_settings/"));
            let is_reason = UnknownReason::parse(&verdict.cause).is_some();
            prop_assert_eq!(is_reason, verdict.state == AssessmentState::Unknown);
        }
    }

    #[test]
    fn repositories_are_judged_as_counting_says(snapshot in snapshot()) {
        let judgements = judge_project(&snapshot);
        for repository in &snapshot.repositories {
            let id = repository.id.to_string();
            let states: Vec<_> = judgements
                .iter()
                .filter(|judgement| judgement.resource.external_id == id)
                .map(|judgement| judgement.verdict.state)
                .collect();
            let healthy_if = |is_healthy| {
                if is_healthy { AssessmentState::Healthy } else { AssessmentState::Unhealthy }
            };
            let is_idle = repository.properties.is_disabled || repository.properties.default_branch.is_none();
            let expected = match &snapshot.policies {
                _ if is_idle => [AssessmentState::NotApplicable; 2],
                Reading::Unknown(_) => [AssessmentState::Unknown; 2],
                Reading::Known(policies) => {
                    let in_force = approvals_in_force(policies, repository);
                    [
                        healthy_if(in_force.iter().any(|(count, _)| *count >= 2)),
                        healthy_if(in_force.iter().any(|(_, creator_counts)| !creator_counts)),
                    ]
                }
            };
            prop_assert_eq!(states, expected);
        }
    }

    #[test]
    fn a_project_is_healthy_only_with_both_switches_known_and_on(snapshot in snapshot()) {
        let only_settings = ProjectSnapshot { general_settings: snapshot.general_settings.clone(), ..project() };
        let [judgement] = &judge_project(&only_settings)[..] else { panic!("the project itself") };
        let is_on = |newer: Option<bool>, older: Option<bool>| match newer {
            Some(newer) => newer,
            None => older == Some(true),
        };
        let is_healthy = match &snapshot.general_settings {
            Reading::Unknown(_) => false,
            Reading::Known(settings) => {
                let older = settings.disable_classic_pipeline_creation;
                is_on(settings.disable_classic_build_pipeline_creation, older)
                    && is_on(settings.disable_classic_release_pipeline_creation, older)
            }
        };
        prop_assert_eq!(judgement.verdict.state == AssessmentState::Healthy, is_healthy);
    }
}
