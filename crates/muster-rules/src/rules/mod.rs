//! One rule per file, named by what it asks.

mod project_classic_pipelines_disabled;
mod repository_no_self_approval;
mod repository_two_reviewers;
mod service_connection_open_to_all_pipelines;

pub(crate) use project_classic_pipelines_disabled::ProjectClassicPipelinesDisabled;
pub(crate) use repository_no_self_approval::RepositoryNoSelfApproval;
pub(crate) use repository_two_reviewers::RepositoryTwoReviewers;
pub(crate) use service_connection_open_to_all_pipelines::ServiceConnectionOpenToAllPipelines;
