//! The calls, one file each.

pub(crate) mod access_control_lists;
pub(crate) mod accounts;
pub(crate) mod advanced_security_enablement;
pub(crate) mod agent_pools;
pub(crate) mod agent_queues;
pub(crate) mod audit_streams;
pub(crate) mod authorized_resources;
pub(crate) mod build_definitions;
pub(crate) mod check_configurations;
pub(crate) mod connection_data;
pub(crate) mod deleted_repositories;
pub(crate) mod enterprise_catalog;
pub(crate) mod environments;
pub(crate) mod extensions;
pub(crate) mod general_settings;
pub(crate) mod organization_name;
pub(crate) mod organization_pipeline_settings;
pub(crate) mod organization_policies;
pub(crate) mod pipeline_permissions;
pub(crate) mod policy_configurations;
pub(crate) mod profile;
pub(crate) mod projects;
pub(crate) mod repositories;
pub(crate) mod role_assignments;
pub(crate) mod secure_files;
pub(crate) mod service_endpoints;
pub(crate) mod user_entitlements;
pub(crate) mod variable_groups;

use crate::call::Call;
use crate::error::CallError;
use crate::json::{ListReader, ListShape, Wire};
use crate::page::{Page, PageRequest};
use crate::session::Session;

/// Header with the token of the next page. "The only reliable way to know if there is more data left is the presence
/// of a continuation token" (Microsoft's specification of the graph lists).
const CONTINUATION: &str = "x-ms-continuationtoken";

impl Session {
    /// One page of a listing.
    pub(crate) async fn page_of<W: Wire>(
        &self,
        call: Call,
        page: PageRequest,
    ) -> Result<Page<W::Item>, CallError> {
        let answer = self.send(call.page(&page)).await?;
        let token = answer.headers().get(CONTINUATION).map(|token| token.to_str().map(str::to_owned));
        // Without it the page would pass for the last one.
        let Ok(token) = token.transpose() else {
            return Err(answer.unexpected("the token of the next page cannot be read"));
        };
        let continuation = token.filter(|token| !token.is_empty());
        if continuation.is_some() && continuation == page.continuation {
            return Err(answer.unexpected("the page leads to itself"));
        }
        let items = ListReader::<W>::new(answer, ListShape::Page).collect().await?;
        Ok(Page { items, continuation })
    }

    /// A listing that comes in one piece.
    pub(crate) async fn list_of<W: Wire>(&self, call: Call) -> Result<Vec<W::Item>, CallError> {
        let answer = self.send(call).await?;
        ListReader::<W>::new(answer, ListShape::Whole).collect().await
    }
}
