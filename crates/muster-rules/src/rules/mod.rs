//! One rule per file, named by what it asks.

mod pipeline_fork_secrets;
mod project_classic_pipelines_disabled;
mod repository_advanced_security;
mod repository_no_self_approval;
mod repository_two_reviewers;
mod secure_file_open_to_all_pipelines;
mod service_connection_classic_azure;
mod service_connection_open_to_all_pipelines;
mod variable_group_with_secrets_open_to_all_pipelines;

pub(crate) use pipeline_fork_secrets::PipelineForkSecrets;
pub(crate) use project_classic_pipelines_disabled::ProjectClassicPipelinesDisabled;
pub(crate) use repository_advanced_security::RepositoryAdvancedSecurity;
pub(crate) use repository_no_self_approval::RepositoryNoSelfApproval;
pub(crate) use repository_two_reviewers::RepositoryTwoReviewers;
pub(crate) use secure_file_open_to_all_pipelines::SecureFileOpenToAllPipelines;
pub(crate) use service_connection_classic_azure::ServiceConnectionClassicAzure;
pub(crate) use service_connection_open_to_all_pipelines::ServiceConnectionOpenToAllPipelines;
pub(crate) use variable_group_with_secrets_open_to_all_pipelines::VariableGroupWithSecretsOpenToAllPipelines;
