//! Policy configurations: how the planted intents are carried out, in the shape the service tells them.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::world::{Draw, Project, Regime, Repository, ReviewerIntent, Topic, World, moment, policy_noise};

/// The policy type "Minimum number of reviewers".
pub(crate) const MINIMUM_REVIEWERS: &str = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd";

/// Ids below a project: first these for the project as a whole, then [`REPOSITORY_SLOTS`] for each repository. So
/// an id says where it comes from, and a continuation token is nothing but the next id.
const PROJECT_SLOTS: u64 = 32;
const REPOSITORY_SLOTS: u64 = 8;
/// Slots from here on are for policies that have nothing to do with reviewers of the default branch.
const FIRST_NOISE_SLOT: u64 = 2;

const RELEASE_BRANCHES: &str = "refs/heads/releases/";
const ALL_BRANCHES: &str = "refs/heads/";

/// One policy configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Configuration {
    pub(crate) id: u64,
    pub(crate) type_id: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) is_enabled: bool,
    pub(crate) is_blocking: bool,
    /// Older configurations do not have the key.
    pub(crate) is_deleted: Option<bool>,
    pub(crate) revision: u64,
    pub(crate) created_date: String,
    pub(crate) settings: Value,
}

/// Whether a configuration counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    Blocking,
    Advisory,
    Disabled,
    Deleted,
}

/// What a configuration is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// One branch, of one repository or of all.
    Exact { repository: Option<Uuid>, branch: &'static str },
    /// All branches below a folder.
    Prefix { repository: Option<Uuid>, branch: &'static str },
    /// The default branch of every repository, whatever it is called.
    DefaultBranch,
    /// A repository as a whole, for policies on pushes.
    Repository { repository: Option<Uuid> },
}

struct Reviewers {
    minimum: u64,
    author_counts: bool,
    force: Force,
    scopes: Vec<Scope>,
}

/// The first id of a project.
pub(crate) fn first_id(project: &Project) -> u64 {
    1 + project.position as u64 * PROJECT_SLOTS + project.first_repository as u64 * REPOSITORY_SLOTS
}

/// The position of the first repository that can have an id from `id` on.
pub(crate) fn repository_position(project: &Project, id: u64) -> usize {
    let offset = id.saturating_sub(first_id(project) + PROJECT_SLOTS) / REPOSITORY_SLOTS;
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// The configurations for all repositories of a project.
pub(crate) fn of_project(world: &World, project: &Project) -> Vec<Configuration> {
    let first = first_id(project);
    let reviewers = regime_policies(project.regime).into_iter().enumerate();
    let mut list: Vec<_> =
        reviewers.map(|(slot, plan)| reviewer_configuration(world, first + slot as u64, &plan)).collect();
    policy_noise::for_project(world, project, first + FIRST_NOISE_SLOT, &mut list);
    list
}

/// The configurations for one repository alone.
pub(crate) fn of_repository(world: &World, project: &Project, repository: &Repository) -> Vec<Configuration> {
    let first = first_id(project) + PROJECT_SLOTS + repository.index.position as u64 * REPOSITORY_SLOTS;
    let reviewers = own_policies(repository).into_iter().enumerate();
    let mut list: Vec<_> =
        reviewers.map(|(slot, plan)| reviewer_configuration(world, first + slot as u64, &plan)).collect();
    policy_noise::for_repository(world, repository, first + FIRST_NOISE_SLOT, &mut list);
    list
}

fn own_policies(repository: &Repository) -> Vec<Reviewers> {
    let here = Some(repository.id);
    let branch = repository.policy_branch;
    let plan = |minimum, author_counts| Reviewers {
        minimum,
        author_counts,
        force: Force::Blocking,
        scopes: vec![Scope::Exact { repository: here, branch }],
    };
    let forced = |force| Reviewers { force, ..plan(2, false) };
    let elsewhere = |scopes| Reviewers { scopes, ..plan(2, false) };
    let strong = 2 + repository.size_bytes % 2;
    match repository.intent {
        ReviewerIntent::TwoReviewers => vec![plan(strong, false)],
        ReviewerIntent::SeveralScopes => vec![elsewhere(vec![
            Scope::Prefix { repository: here, branch: RELEASE_BRANCHES },
            Scope::Exact { repository: here, branch },
        ])],
        ReviewerIntent::EveryBranch => {
            vec![elsewhere(vec![Scope::Prefix { repository: here, branch: ALL_BRANCHES }])]
        }
        ReviewerIntent::Stacked => vec![plan(1, true), plan(3, false)],
        ReviewerIntent::StackedSplit => vec![plan(1, false), plan(2, true)],
        ReviewerIntent::SelfApproval => vec![plan(2, true)],
        ReviewerIntent::StackedSelfApproval => vec![plan(2, true), plan(1, true)],
        ReviewerIntent::OnlyOneReviewer => vec![plan(1, false)],
        ReviewerIntent::OnlyTheAuthor => vec![plan(1, true)],
        ReviewerIntent::AdvisoryOnly => vec![forced(Force::Advisory)],
        ReviewerIntent::PolicyDisabled => vec![forced(Force::Disabled)],
        ReviewerIntent::PolicyDeleted => vec![forced(Force::Deleted)],
        ReviewerIntent::WrongBranch => {
            vec![elsewhere(vec![Scope::Exact { repository: here, branch: "refs/heads/releases/1.0" }])]
        }
        ReviewerIntent::None => Vec::new(),
    }
}

fn regime_policies(regime: Regime) -> Vec<Reviewers> {
    let plan = |minimum, author_counts, scope| Reviewers {
        minimum,
        author_counts,
        force: Force::Blocking,
        scopes: vec![scope],
    };
    match regime {
        Regime::None => Vec::new(),
        Regime::DefaultBranches => vec![plan(2, false, Scope::DefaultBranch)],
        Regime::WeakDefaultBranches => vec![plan(1, true, Scope::DefaultBranch)],
        Regime::SelfApprovedDefaultBranches => vec![plan(2, true, Scope::DefaultBranch)],
        Regime::MainProtected => {
            vec![plan(2, false, Scope::Exact { repository: None, branch: Regime::PROTECTED_BRANCH })]
        }
        Regime::EveryBranch => vec![plan(2, false, Scope::Prefix { repository: None, branch: ALL_BRANCHES })],
        Regime::ReleaseBranches => {
            vec![plan(2, false, Scope::Prefix { repository: None, branch: RELEASE_BRANCHES })]
        }
        Regime::Advisory => {
            vec![Reviewers { force: Force::Advisory, ..plan(2, false, Scope::DefaultBranch) }]
        }
    }
}

fn reviewer_configuration(world: &World, id: u64, plan: &Reviewers) -> Configuration {
    let mut draw = draw_for(world, id);
    let mut settings = Map::new();
    settings.insert("minimumApproverCount".to_owned(), json!(plan.minimum));
    settings.insert("creatorVoteCounts".to_owned(), json!(plan.author_counts));
    settings.insert("allowDownvotes".to_owned(), json!(draw.percent(10)));
    settings.insert("resetOnSourcePush".to_owned(), json!(draw.percent(50)));
    if draw.percent(70) {
        settings.insert("requireVoteOnLastIteration".to_owned(), json!(draw.percent(30)));
        settings.insert("resetRejectionsOnSourcePush".to_owned(), json!(draw.percent(20)));
        settings.insert("blockLastPusherVote".to_owned(), json!(draw.percent(40)));
    }
    let kind = (MINIMUM_REVIEWERS, "Minimum number of reviewers");
    configuration(world, id, kind, plan.force, settings, &plan.scopes)
}

/// Puts a configuration together. What the intent does not decide is drawn by the id.
pub(super) fn configuration(
    world: &World,
    id: u64,
    (type_id, type_name): (&'static str, &'static str),
    force: Force,
    mut settings: Map<String, Value>,
    scopes: &[Scope],
) -> Configuration {
    let mut draw = draw_for(world, id);
    draw.next();
    let scopes = scopes.iter().map(|scope| scope.to_json(&mut draw)).collect();
    settings.insert("scope".to_owned(), Value::Array(scopes));
    let has_key = draw.percent(85);
    Configuration {
        id,
        type_id,
        type_name,
        is_enabled: force != Force::Disabled,
        is_blocking: force != Force::Advisory,
        is_deleted: (force == Force::Deleted || has_key).then_some(force == Force::Deleted),
        revision: 1 + draw.below(6) as u64,
        created_date: moment(&mut draw),
        settings: Value::Object(settings),
    }
}

fn draw_for(world: &World, id: u64) -> Draw {
    Draw::new(world.seed, Topic::Policy, &[usize::try_from(id).unwrap_or_default()])
}

impl Scope {
    fn to_json(self, draw: &mut Draw) -> Value {
        // Both spellings of the kinds are found in real answers.
        let lower = draw.percent(30);
        let kind = |upper: &'static str, lower_case: &'static str| if lower { lower_case } else { upper };
        match self {
            Self::Exact { repository, branch } => {
                json!({"refName": branch, "matchKind": kind("Exact", "exact"), "repositoryId": repository})
            }
            Self::Prefix { repository, branch } => {
                json!({"refName": branch, "matchKind": kind("Prefix", "prefix"), "repositoryId": repository})
            }
            Self::DefaultBranch if draw.percent(40) => {
                json!({"matchKind": kind("DefaultBranch", "defaultBranch")})
            }
            Self::DefaultBranch => json!({
                "refName": null, "matchKind": kind("DefaultBranch", "defaultBranch"), "repositoryId": null
            }),
            Self::Repository { repository } => json!({"repositoryId": repository}),
        }
    }
}
