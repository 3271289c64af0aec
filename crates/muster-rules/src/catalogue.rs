//! The catalogue: every rule there is, and what they need together.

use crate::answer::doubted;
use crate::rules::{
    PipelineForkSecrets, ProjectClassicPipelinesDisabled, RepositoryAdvancedSecurity,
    RepositoryNoSelfApproval, RepositoryTwoReviewers, SecureFileOpenToAllPipelines,
    ServiceConnectionClassicAzure, ServiceConnectionOpenToAllPipelines,
    VariableGroupWithSecretsOpenToAllPipelines,
};
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::read::Read;
use muster_domain::recommendation::Recommendation;
use muster_domain::resource::ContentHash;
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
static CATALOGUE: [&dyn Rule; 9] = [
    &ProjectClassicPipelinesDisabled,
    &RepositoryTwoReviewers,
    &RepositoryNoSelfApproval,
    &RepositoryAdvancedSecurity,
    &PipelineForkSecrets,
    &ServiceConnectionOpenToAllPipelines,
    &ServiceConnectionClassicAzure,
    &VariableGroupWithSecretsOpenToAllPipelines,
    &SecureFileOpenToAllPipelines,
];

/// Every rule.
pub fn catalogue() -> &'static [&'static dyn Rule] {
    &CATALOGUE
}

/// The rule of that key.
pub fn find(key: RecommendationKey) -> Option<&'static dyn Rule> {
    catalogue().iter().copied().find(|rule| rule.recommendation().key == key)
}

/// Tells one catalogue from another: the release of this crate, and the recommendations that it holds. What an earlier
/// one judged is to be judged anew, though nothing was read that differs.
pub fn revision() -> ContentHash {
    let keys: Vec<RecommendationKey> = catalogue().iter().map(|rule| rule.recommendation().key).collect();
    ContentHash::of(&(env!("CARGO_PKG_VERSION"), keys))
}

/// What all rules together need to have read; [`Read::scope`] says how often.
pub fn required_reads() -> BTreeSet<Read> {
    catalogue().iter().flat_map(|rule| rule.recommendation().reads).copied().collect()
}

/// The recommendations that rest on a read. Those that rest on the list of open resources rest on the permissions of
/// single resources as well, where the list is not to be believed.
pub fn rules_reading(read: Read) -> Vec<&'static Recommendation> {
    let declared = if read == Read::PipelinePermissions { Read::AuthorizedResources } else { read };
    let recommendations = catalogue().iter().map(|rule| rule.recommendation());
    recommendations.filter(|recommendation| recommendation.reads.contains(&declared)).collect()
}

/// Every rule's judgements on a project.
pub fn judge_project(snapshot: &ProjectSnapshot) -> Vec<Judgement> {
    catalogue().iter().flat_map(|rule| judge(*rule, snapshot)).collect()
}

/// One rule's judgements on a project. What a listing said earlier is not believed when its last attempt gave nothing:
/// the resources may be gone or changed.
pub(crate) fn judge(rule: &dyn Rule, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
    let reads = rule.recommendation().reads.iter().copied();
    let listings: Vec<Read> = reads.filter(|read| read.lists_resources()).collect();
    let judgements = rule.judge(snapshot);
    match snapshot.gap_in(&listings) {
        None => judgements,
        Some(reason) => {
            let listing = listings.into_iter().find(|read| snapshot.gap_in(&[*read]).is_some());
            judgements.into_iter().map(|judgement| doubted(judgement, listing, reason)).collect()
        }
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
