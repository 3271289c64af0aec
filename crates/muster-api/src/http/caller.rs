//! Who asks, and what a route asks of them.

use super::errors::ApiError;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

/// What somebody must be allowed to do to use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// See how things stand.
    Read,
    /// See what was refused, which may hold what others sent; and decide about it, about jobs and consumption.
    Operate,
    /// Ask for work.
    Publish,
}

/// Who asks, as the audit names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) actor: String,
}

/// Everybody on this machine is one caller, as long as there is no sign-in.
const LOCAL_ACTOR: &str = "http:local";

/// Lets a caller in who may do what the route asks. Without sign-in that is whoever the loopback let come so far.
pub(crate) async fn admit(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Caller { actor: LOCAL_ACTOR.to_owned() });
    next.run(request).await
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        // A route that nobody was let into is a defect of the table of routes.
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::internal)
    }
}
