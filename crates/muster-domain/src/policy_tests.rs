//! Which scopes cover which branches, and what several policies ask for together.

use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const MAIN: &str = "refs/heads/main";
const RELEASE: &str = "refs/heads/release/1";

fn repository(number: u128) -> RepositoryId {
    RepositoryId(Uuid::from_u128(number))
}

/// Branch `name` of repository 1, whose default branch is [`MAIN`].
fn branch(name: &str) -> BranchOfRepository<'_> {
    BranchOfRepository { repository_id: repository(1), default_branch: Some(MAIN), name }
}

fn scope(repository_id: Option<u128>, kind: Option<&str>, name: Option<&str>) -> PolicyScope {
    PolicyScope {
        repository_id: repository_id.map(repository),
        branches: BranchMatch::from_fields(kind, name),
    }
}

/// An enforced policy on every branch of every repository.
fn reviewers(id: i64, count: u32) -> PolicyConfiguration {
    PolicyConfiguration {
        id,
        type_id: MINIMUM_REVIEWERS,
        is_enabled: true,
        is_blocking: true,
        is_deleted: false,
        scope: vec![scope(None, None, None)],
        settings: PolicySettings::MinimumReviewers(ReviewerSettings {
            minimum_approver_count: count,
            creator_vote_counts: false,
            reset_on_source_push: false,
        }),
    }
}

fn with_settings(id: i64, count: u32, creator: bool, reset: bool) -> PolicyConfiguration {
    let settings = ReviewerSettings {
        minimum_approver_count: count,
        creator_vote_counts: creator,
        reset_on_source_push: reset,
    };
    PolicyConfiguration { settings: PolicySettings::MinimumReviewers(settings), ..reviewers(id, count) }
}

/// Fields of a scope element as Azure DevOps writes them, and which of `main` (the default branch), `release/1` and
/// `mainline` of repository 1 they cover.
type ScopeCase = (Option<u128>, Option<&'static str>, Option<&'static str>, [bool; 3]);

#[rustfmt::skip]
const SCOPES: &[ScopeCase] = &[
    // The default branch: neither repository nor reference name is set with it, and if one is, the kind decides.
    (None,    Some("DefaultBranch"), None,                        [true,  false, false]),
    (None,    Some("defaultBranch"), None,                        [true,  false, false]),
    (None,    Some("DEFAULTBRANCH"), Some(RELEASE),               [true,  false, false]),
    (Some(1), Some("DefaultBranch"), None,                        [true,  false, false]),
    (Some(2), Some("DefaultBranch"), None,                        [false, false, false]),
    // One branch, of one repository or of all.
    (None,    Some("Exact"),         Some(MAIN),                  [true,  false, false]),
    (None,    Some("exact"),         Some(RELEASE),               [false, true,  false]),
    (Some(1), Some("Exact"),         Some(MAIN),                  [true,  false, false]),
    (Some(2), Some("Exact"),         Some(MAIN),                  [false, false, false]),
    (None,    Some("Exact"),         Some("refs/heads/mai"),      [false, false, false]),
    (None,    Some("Exact"),         Some("main"),                [false, false, false]),
    // Branches are compared with case, as Git does.
    (None,    Some("Exact"),         Some("refs/heads/Main"),     [false, false, false]),
    // A folder of branches.
    (None,    Some("Prefix"),        Some("refs/heads/"),         [true,  true,  true]),
    (Some(1), Some("prefix"),        Some("refs/heads/"),         [true,  true,  true]),
    (Some(2), Some("Prefix"),        Some("refs/heads/"),         [false, false, false]),
    (None,    Some("Prefix"),        Some("refs/heads/release/"), [false, true,  false]),
    (None,    Some("Prefix"),        Some(MAIN),                  [true,  false, true]),
    (None,    Some("Prefix"),        Some("refs/heads/Release/"), [false, false, false]),
    (None,    Some("Prefix"),        Some("refs/heads/main/"),    [false, false, false]),
    // No reference name: every branch, whatever the kind says.
    (None,    None,                  None,                        [true,  true,  true]),
    (Some(1), None,                  None,                        [true,  true,  true]),
    (Some(2), None,                  None,                        [false, false, false]),
    (None,    Some("Exact"),         None,                        [true,  true,  true]),
    (None,    Some("Prefix"),        None,                        [true,  true,  true]),
    // A kind that is not known covers no more than the branch of that very name.
    (None,    None,                  Some(MAIN),                  [true,  false, false]),
    (None,    Some("Glob"),          Some("refs/heads/m*"),       [false, false, false]),
];

#[test]
fn scopes_cover_what_microsofts_sample_says() {
    for (repository_id, kind, name, expected) in SCOPES {
        let scope = scope(*repository_id, *kind, *name);
        let covered = [MAIN, RELEASE, "refs/heads/mainline"].map(|name| scope.covers(&branch(name)));
        assert_eq!(covered, *expected, "repository {repository_id:?}, kind {kind:?}, name {name:?}");
    }
}

#[test]
fn a_default_branch_scope_follows_the_default_branch_of_each_repository() {
    let scope = scope(None, Some("DefaultBranch"), None);
    let place =
        |default_branch, name| BranchOfRepository { repository_id: repository(5), default_branch, name };
    assert!(scope.covers(&place(Some("refs/heads/trunk"), "refs/heads/trunk")));
    assert!(!scope.covers(&place(Some("refs/heads/trunk"), MAIN)));
    assert!(!scope.covers(&place(None, MAIN)));
}

#[test]
fn one_matching_element_is_enough_and_none_matches_nothing() {
    let mut policy = reviewers(1, 2);
    policy.scope = vec![scope(Some(2), None, None), scope(None, Some("Exact"), Some(MAIN))];
    assert!(policy.applies_to(&branch(MAIN)));
    assert!(!policy.applies_to(&branch(RELEASE)));
    policy.scope.clear();
    assert!(!policy.applies_to(&branch(MAIN)));
    assert_eq!(effective_reviewers(&[policy], &branch(MAIN)), None);
}

#[test]
fn only_what_is_enabled_blocking_and_not_deleted_is_in_force() {
    for bits in 0..8_u8 {
        let [is_enabled, is_blocking, is_deleted] = [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0];
        let policy = PolicyConfiguration { is_enabled, is_blocking, is_deleted, ..reviewers(1, 2) };
        let expected = is_enabled && is_blocking && !is_deleted;
        assert_eq!(policy.is_enforced(), expected);
        assert_eq!(effective_reviewers(&[policy], &branch(MAIN)).is_some(), expected);
    }
}

#[test]
fn the_strictest_of_several_policies_counts() {
    let policies = [
        with_settings(1, 1, true, false),
        with_settings(2, 3, true, true),
        with_settings(3, 2, false, false),
    ];
    let expected = EffectiveReviewers {
        minimum_approver_count: 3,
        creator_vote_counts: false,
        reset_on_source_push: true,
        configuration_ids: vec![1, 2, 3],
    };
    assert_eq!(effective_reviewers(&policies, &branch(MAIN)), Some(expected));
    let lenient = effective_reviewers(&policies[..2], &branch(MAIN)).expect("two policies are in force");
    assert!(lenient.creator_vote_counts, "every one of them counts the requestor's vote");
}

#[test]
fn policies_that_are_not_in_force_or_of_another_kind_add_nothing() {
    let advisory = PolicyConfiguration { is_blocking: false, ..with_settings(1, 9, false, true) };
    let elsewhere =
        PolicyConfiguration { scope: vec![scope(Some(2), None, None)], ..with_settings(2, 8, false, true) };
    let other_kind = PolicyConfiguration { settings: PolicySettings::NotKept, ..reviewers(3, 0) };
    let counted = with_settings(4, 1, true, false);
    let effective = effective_reviewers(&[advisory, elsewhere, other_kind, counted], &branch(MAIN));
    let expected = EffectiveReviewers {
        minimum_approver_count: 1,
        creator_vote_counts: true,
        reset_on_source_push: false,
        configuration_ids: vec![4],
    };
    assert_eq!(effective, Some(expected));
}

#[test]
fn a_policy_survives_its_document() {
    let mut policy = with_settings(11, 2, false, true);
    policy.scope = SCOPES.iter().map(|(id, kind, name, _)| scope(*id, *kind, *name)).collect();
    for policy in [PolicyConfiguration { settings: PolicySettings::NotKept, ..policy.clone() }, policy] {
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<PolicyConfiguration>(&json).unwrap(), policy);
    }
}

fn any_policy() -> impl Strategy<Value = PolicyConfiguration> {
    let case = (
        option::of(1_u128..3),
        option::of(select(vec!["Exact", "prefix", "DefaultBranch"])),
        option::of(select(vec![MAIN, RELEASE, "refs/heads/"])),
    );
    let scopes = vec(case.prop_map(|(repository_id, kind, name)| scope(repository_id, kind, name)), 0..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (1_i64..100, 0_u32..5, any::<bool>(), any::<bool>(), flags, scopes).prop_map(
        |(id, count, creator, reset, (is_enabled, is_blocking, is_deleted), scope)| PolicyConfiguration {
            is_enabled,
            is_blocking,
            is_deleted,
            scope,
            ..with_settings(id, count, creator, reset)
        },
    )
}

proptest! {
    /// More policies never ask for less.
    #[test]
    fn another_policy_never_loosens(policies in vec(any_policy(), 0..5), another in any_policy()) {
        let before = effective_reviewers(&policies, &branch(MAIN));
        let mut more = policies;
        more.push(another);
        let after = effective_reviewers(&more, &branch(MAIN));
        if let Some(before) = before {
            let after = after.expect("what is in force stays in force");
            prop_assert!(after.minimum_approver_count >= before.minimum_approver_count);
            prop_assert!(after.creator_vote_counts <= before.creator_vote_counts);
            prop_assert!(after.reset_on_source_push >= before.reset_on_source_push);
        }
    }

    /// The order of a listing means nothing.
    #[test]
    fn order_means_nothing(policies in vec(any_policy(), 0..5)) {
        let in_any_order = |policies: &[PolicyConfiguration]| {
            effective_reviewers(policies, &branch(MAIN)).map(|mut effective| {
                effective.configuration_ids.sort_unstable();
                effective
            })
        };
        let mut reversed = policies.clone();
        reversed.reverse();
        prop_assert_eq!(in_any_order(&policies), in_any_order(&reversed));
    }

    /// What is put together is exactly what is enforced and applies.
    #[test]
    fn nothing_else_is_put_together(policies in vec(any_policy(), 0..5)) {
        let expected: Vec<_> = policies
            .iter()
            .filter(|policy| policy.is_enforced() && policy.applies_to(&branch(RELEASE)))
            .map(|policy| policy.id)
            .collect();
        let effective = effective_reviewers(&policies, &branch(RELEASE));
        prop_assert_eq!(effective.map(|effective| effective.configuration_ids).unwrap_or_default(), expected);
    }
}
