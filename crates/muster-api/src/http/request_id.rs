//! An id for every request, as Azure's services give one: a caller who complains can name it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

/// The header of the id, in every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
/// The caller's own id, given back as it came.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// Gives the request an id; what is logged on its behalf carries it.
pub(crate) async fn identify(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let client_id = request.headers().get(CLIENT_REQUEST_ID).cloned();
    let span = tracing::info_span!(
        "http request",
        http.request.method = %request.method(),
        url.path = request.uri().path(),
        request.id = id,
    );
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(client_id) = client_id {
        response.headers_mut().insert(CLIENT_REQUEST_ID, client_id);
    }
    response
}
