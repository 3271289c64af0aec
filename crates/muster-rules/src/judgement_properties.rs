//! Properties of all judgements, on snapshots that nobody thought of.

use crate::fixtures::{
    CONNECTION, MAIN, SECURE_FILE, VARIABLE_GROUP, connection, fork_pipeline, project, repository,
    repository_id, reviewers, secure_file, variable_group,
};
use crate::{catalogue, judge_project};
use muster_domain::assessment::{AssessmentState, Judgement};
use muster_domain::policy::{
    BranchMatch, PolicyConfiguration, PolicyScope, PolicySettings, ReviewerSettings,
};
use muster_domain::properties::{ForkBuilds, QueueStatus};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, Reading, UnknownReason};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{
    AdvancedSecurityEnablement, AdvancedSecurityState, AuthorizedResourceList, AuthorizedResources,
    GeneralSettings, ListCheck, PipelineAccess, PipelineView, ProjectSnapshot, RepositoryView,
    ServiceConnectionView, VariableGroupView,
};
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

fn settings() -> impl Strategy<Value = GeneralSettings> {
    let classic = (any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>());
    let forks = (any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>());
    (classic, forks).prop_map(|((build, release, older), (protection, built, no_secrets))| GeneralSettings {
        disable_classic_build_pipeline_creation: build,
        disable_classic_release_pipeline_creation: release,
        disable_classic_pipeline_creation: older,
        fork_protection_enabled: protection,
        builds_enabled_for_forks: built,
        enforce_no_access_to_secrets_from_forks: no_secrets,
        ..GeneralSettings::default()
    })
}

/// The resources that [`snapshot`] holds of types that can be open to all pipelines.
const RESTRICTED: [(ProtectedResource, &str); 3] = [
    (ProtectedResource::Endpoint, CONNECTION),
    (ProtectedResource::VariableGroup, VARIABLE_GROUP),
    (ProtectedResource::SecureFile, SECURE_FILE),
];

fn authorized_resources() -> impl Strategy<Value = AuthorizedResources> {
    let access = option::of(select(vec![PipelineAccess::AllPipelines, PipelineAccess::PermittedOnly]));
    let one = (any::<bool>(), select(ListCheck::ALL.to_vec()), access);
    (reading(Just(())), [one.clone(), one.clone(), one]).prop_map(|(list, said)| {
        let mut resources = AuthorizedResources {
            list: Reading::Unknown(UnknownReason::NotReadYet),
            checks: Default::default(),
            single: Default::default(),
        };
        let mut open = AuthorizedResourceList::default();
        for ((resource, id), (is_listed, check, access)) in RESTRICTED.into_iter().zip(said) {
            if is_listed {
                open.open.entry(resource).or_default().insert(id.to_owned());
            }
            resources.checks.insert(resource, check);
            resources.single.extend(access.map(|access| ((resource, id.to_owned()), access)));
        }
        resources.list = match list {
            Reading::Known(()) => Reading::Known(open),
            Reading::Unknown(reason) => Reading::Unknown(reason),
        };
        resources
    })
}

fn advanced_security() -> impl Strategy<Value = AdvancedSecurityEnablement> {
    let products = (any::<Option<bool>>(), any::<Option<bool>>());
    let state = products.prop_map(|(secret_protection, code_security)| AdvancedSecurityState {
        secret_protection,
        block_pushes: None,
        code_security,
    });
    vec((1_u128..4, state), 0..3).prop_map(|states| {
        let states = states.into_iter().map(|(number, state)| (repository_id(number), state));
        AdvancedSecurityEnablement { repositories: states.collect() }
    })
}

fn a_pipeline() -> impl Strategy<Value = PipelineView> {
    let status = prop_oneof![
        4 => Just(QueueStatus::Enabled),
        1 => Just(QueueStatus::Paused),
        1 => Just(QueueStatus::Disabled),
        1 => Just(QueueStatus::Other("draining".to_owned())),
    ];
    let forks = (prop::bool::weighted(0.8), prop::bool::weighted(0.8), any::<bool>()).prop_map(
        |(enabled, allow_secrets, allow_full_access_token)| ForkBuilds {
            enabled,
            allow_secrets,
            allow_full_access_token,
        },
    );
    (status, option::weighted(0.8, forks), any::<Option<bool>>()).prop_map(|(status, forks, is_private)| {
        let mut view = fork_pipeline().pipelines.remove(0);
        view.properties.queue_status = status;
        view.properties.fork_builds = forks;
        view.properties.is_repository_private = is_private;
        view
    })
}

fn a_connection() -> impl Strategy<Value = ServiceConnectionView> {
    select(vec!["azurerm", "AzureRM", "azure", "Azure", "github", ""]).prop_map(|connection_type| {
        let nothing = Reading::Known(&[][..]);
        let mut view = connection(&nothing, ListCheck::NotVerified, None).service_connections.remove(0);
        view.properties.connection_type = connection_type.to_owned();
        view
    })
}

fn a_variable_group() -> impl Strategy<Value = VariableGroupView> {
    (0_u64..3).prop_map(|secret_count| {
        let nothing = Reading::Known(&[][..]);
        let mut view = variable_group(&nothing, ListCheck::NotVerified, None).variable_groups.remove(0);
        view.properties.secret_count = secret_count;
        view
    })
}

/// A snapshot without gaps.
fn snapshot() -> impl Strategy<Value = ProjectSnapshot> {
    let resources = (a_repository(1), a_repository(2), a_pipeline(), a_connection(), a_variable_group());
    let readings = (
        reading(vec(policy(), 0..5)),
        reading(settings()),
        authorized_resources(),
        reading(advanced_security()),
    );
    (resources, readings).prop_map(|((one, two, pipeline, connection, group), readings)| {
        let (policies, general_settings, authorized_resources, advanced_security) = readings;
        ProjectSnapshot {
            repositories: vec![one, two],
            pipelines: vec![pipeline],
            service_connections: vec![connection],
            variable_groups: vec![group],
            policies,
            general_settings,
            authorized_resources,
            advanced_security,
            ..secure_file(&Reading::Known(&[]), ListCheck::NotVerified, None)
        }
    })
}

fn gaps() -> impl Strategy<Value = Vec<(Read, UnknownReason)>> {
    vec((select(Read::ALL.to_vec()), select(UnknownReason::ALL.to_vec())), 0..4)
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

fn rests_on(judgement: &Judgement, read: Read) -> bool {
    let rule = crate::find(judgement.recommendation).expect("in the catalogue");
    rule.recommendation().reads.contains(&read)
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
                kind @ ResourceKind::ServiceConnection => vec![snapshot.key_of(kind, CONNECTION)],
                kind @ ResourceKind::VariableGroup => vec![snapshot.key_of(kind, VARIABLE_GROUP)],
                kind @ ResourceKind::SecureFile => vec![snapshot.key_of(kind, SECURE_FILE)],
                kind @ ResourceKind::Pipeline => vec![snapshot.key_of(kind, "12")],
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
    fn a_gap_only_ever_makes_a_verdict_unknown(snapshot in snapshot(), gaps in gaps()) {
        let mut with_gaps = snapshot.clone();
        with_gaps.gaps = gaps.into_iter().collect();
        let (before, after) = (judge_project(&snapshot), judge_project(&with_gaps));
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(&before.resource, &after.resource);
            let rule = crate::find(after.recommendation).expect("in the catalogue").recommendation();
            let reads = rule.reads.iter().filter(|read| read.lists_resources());
            let is_doubted = reads.into_iter().any(|read| with_gaps.gaps.contains_key(read))
                && before.verdict.state != AssessmentState::NotApplicable;
            if is_doubted {
                prop_assert_eq!(after.verdict.state, AssessmentState::Unknown);
            } else {
                prop_assert_eq!(before, after);
            }
        }
    }

    #[test]
    fn every_verdict_is_complete(snapshot in snapshot()) {
        for judgement in judge_project(&snapshot) {
            let verdict = judgement.verdict;
            prop_assert!(verdict.cause.chars().all(|character| character.is_ascii_alphanumeric()));
            prop_assert!(!verdict.cause.is_empty() && !verdict.observed.is_empty());
            prop_assert!(verdict.expected.ends_with('.'));
            let link = verdict.link.expect("every rule has a page");
            prop_assert!(link.starts_with("https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_"), "{}", link);
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
                .filter(|judgement| rests_on(judgement, Read::PolicyConfigurations))
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

    #[test]
    fn nothing_is_healthy_that_gives_secrets_to_strangers(snapshot in snapshot()) {
        let pipeline = &snapshot.pipelines[0].properties;
        let gives = pipeline.fork_builds.is_some_and(|forks| forks.enabled && forks.allow_secrets);
        let is_private = pipeline.is_repository_private == Some(true);
        let settings = snapshot.general_settings.known().ok();
        let is_kept_back = settings.is_some_and(|settings| {
            let (built, no_secrets) =
                (settings.builds_enabled_for_forks, settings.enforce_no_access_to_secrets_from_forks);
            match settings.fork_protection_enabled {
                Some(true) => built == Some(false) || no_secrets == Some(true),
                Some(false) => false,
                None => no_secrets == Some(true),
            }
        });
        for judgement in judge_project(&snapshot) {
            if judgement.resource.kind == ResourceKind::Pipeline {
                let is_healthy = judgement.verdict.state == AssessmentState::Healthy;
                let may_run = pipeline.queue_status != QueueStatus::Disabled;
                prop_assert_eq!(is_healthy, may_run && (!gives || is_private || is_kept_back));
            }
        }
    }
}
