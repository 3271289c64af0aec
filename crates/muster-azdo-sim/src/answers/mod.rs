//! What each route answers.

mod advanced_security;
mod checks;
mod connections;
mod definitions;
mod identity;
mod library;
mod organization;
mod paging;
mod people;
mod permissions;
mod policies;
mod projects;
mod repositories;
mod rights;

use axum::response::Response;

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::route::Route;
use crate::world::ResourceKind;

pub(crate) fn answer(route: Route, call: &Call<'_>) -> Result<Response, Refusal> {
    match route {
        Route::ConnectionData => identity::connection_data(call),
        Route::Profile => Ok(identity::profile(call)),
        Route::Accounts => identity::accounts(call),
        Route::EnterpriseCatalog => identity::enterprise_catalog(call),
        Route::Projects => projects::list(call),
        Route::Project => projects::get(call),
        Route::Repositories => repositories::list(call),
        Route::Repository => repositories::get(call),
        Route::PolicyConfigurations => policies::list(call),
        Route::GeneralSettings => projects::general_settings(call),
        Route::BuildDefinitions => definitions::list(call),
        Route::ServiceEndpoints => connections::list(call),
        Route::AuthorizedResources => permissions::authorized_resources(call),
        Route::PipelinePermissions => permissions::pipeline_permissions(call),
        Route::VariableGroups => library::list(call, ResourceKind::VariableGroup),
        Route::SecureFiles => library::list(call, ResourceKind::SecureFile),
        Route::Queues => library::list(call, ResourceKind::Queue),
        Route::Environments => library::list(call, ResourceKind::Environment),
        Route::DeletedRepositories => repositories::deleted(call),
        Route::AgentPools => organization::pools(call),
        Route::Extensions => organization::extensions(call),
        Route::OrganizationPolicies => organization::policies(call),
        Route::OrganizationPipelineSettings => organization::hierarchy_query(call),
        Route::AuditStreams => organization::audit_streams(call),
        Route::UserEntitlements => people::entitlements(call),
        Route::AccessControlLists => rights::access_control_lists(call),
        Route::AdvancedSecurityEnablement => advanced_security::enablement(call),
        Route::CheckConfigurations => checks::query(call),
        Route::RoleAssignments => rights::role_assignments(call),
        Route::SecurityNamespaces => rights::namespaces(call),
        Route::PermissionEvaluation => rights::evaluation(call),
        Route::Identities => rights::identities(call),
        Route::GraphUsers => people::users(call),
        Route::GraphGroups => people::groups(call),
        Route::GraphMemberships => people::memberships(call),
    }
}
