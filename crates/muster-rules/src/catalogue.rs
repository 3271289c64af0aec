//! The catalogue: every rule there is, and what they need together.

use crate::rules::{
    ProjectClassicPipelinesDisabled, RepositoryNoSelfApproval, RepositoryTwoReviewers,
    ServiceConnectionOpenToAllPipelines,
};
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::read::Read;
use muster_domain::recommendation::Recommendation;
use muster_domain::snapshot::ProjectSnapshot;
use std::collections::BTreeSet;

/// One recommendation and how it is judged. Pure: the same snapshot gives the same judgements, word for word,
/// because an equal verdict is neither written nor told.
pub trait Rule: Send + Sync {
    /// What is asked for, why, and what to do.
    fn recommendation(&self) -> &'static Recommendation;

    /// One judgement for every resource of its kind in the project, in the order of the snapshot.
    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement>;
}

/// One line a rule, by kind of resource.
static CATALOGUE: [&dyn Rule; 4] = [
    &ProjectClassicPipelinesDisabled,
    &RepositoryTwoReviewers,
    &RepositoryNoSelfApproval,
    &ServiceConnectionOpenToAllPipelines,
];

/// Every rule.
pub fn catalogue() -> &'static [&'static dyn Rule] {
    &CATALOGUE
}

/// The rule of that key.
pub fn find(key: RecommendationKey) -> Option<&'static dyn Rule> {
    catalogue().iter().copied().find(|rule| rule.recommendation().key == key)
}

/// What all rules together need to have read; [`Read::scope`] says how often.
pub fn required_reads() -> BTreeSet<Read> {
    catalogue().iter().flat_map(|rule| rule.recommendation().reads).copied().collect()
}

/// Every rule's judgements on a project.
pub fn judge_project(snapshot: &ProjectSnapshot) -> Vec<Judgement> {
    catalogue().iter().flat_map(|rule| rule.judge(snapshot)).collect()
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
