//! The table of routes: every address, what it asks of a caller, and the file that answers.

use crate::http::caller::{Permission, admit};
use crate::{Api, events, v1};
use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, delete, get, post, put};

/// What can be asked of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub method: &'static str,
    /// The address, with its parameters in braces.
    pub path: &'static str,
    /// What a caller must be allowed to do.
    pub permission: Permission,
}

/// Every operation, in the order of the table.
pub fn operations() -> Vec<Operation> {
    table().into_iter().map(|route| route.operation).collect()
}

/// The table as a router.
pub(crate) fn router() -> Router<Api> {
    table().into_iter().fold(Router::new(), |router, route| {
        router.route(route.operation.path, route.methods.layer(from_fn(admit)))
    })
}

struct Route {
    operation: Operation,
    methods: MethodRouter<Api>,
}

macro_rules! routes {
    ($($permission:ident $method:ident $path:literal => $handler:path,)*) => {
        vec![$(Route {
            operation: Operation {
                method: method_name(stringify!($method)),
                path: $path,
                permission: Permission::$permission,
            },
            methods: $method($handler),
        }),*]
    };
}

fn table() -> Vec<Route> {
    routes! {
        Publish post "/events" => events::publish,
        Read get "/api/v1" => v1::index::show,
        Read get "/api/v1/budget" => v1::budget::list,
        Read get "/api/v1/budget/{identity}" => v1::budget::show,
        Read get "/api/v1/consumption" => v1::consumption::list,
        Read get "/api/v1/connectors/{connectorId}/consumption" => v1::consumption::show_connector,
        Operate put "/api/v1/connectors/{connectorId}/consumption" => v1::consumption::set_connector,
        Operate delete "/api/v1/connectors/{connectorId}/consumption" => v1::consumption::clear_connector,
        Read get "/api/v1/connectors/{connectorId}/organizations/{organization}/consumption" =>
            v1::consumption::show_organization,
        Operate put "/api/v1/connectors/{connectorId}/organizations/{organization}/consumption" =>
            v1::consumption::set_organization,
        Operate delete "/api/v1/connectors/{connectorId}/organizations/{organization}/consumption" =>
            v1::consumption::clear_organization,
        Read get "/api/v1/dead-letters" => v1::dead_letters::list,
        Operate get "/api/v1/dead-letters/{letterId}" => v1::dead_letters::show,
        Operate post "/api/v1/dead-letters/{letterId}/replay" => v1::dead_letter_deeds::replay,
        Operate post "/api/v1/dead-letters/{letterId}/discard" => v1::dead_letter_deeds::discard,
        Operate post "/api/v1/dead-letters/replay" => v1::dead_letter_groups::replay,
        Operate post "/api/v1/dead-letters/discard" => v1::dead_letter_groups::discard,
        Read get "/api/v1/jobs" => v1::jobs::list,
        Read get "/api/v1/jobs/{jobId}" => v1::jobs::show,
        Operate post "/api/v1/jobs/{jobId}/retry" => v1::job_control::retry,
        Operate post "/api/v1/jobs/{jobId}/cancel" => v1::job_control::cancel,
        Read get "/api/v1/queues" => v1::queues::list,
        Read get "/api/v1/workers" => v1::workers::list,
    }
}

/// The method as it stands on the wire.
fn method_name(name: &str) -> &'static str {
    match name {
        "post" => "POST",
        "put" => "PUT",
        "delete" => "DELETE",
        _ => "GET",
    }
}
