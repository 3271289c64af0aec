//! A service on a free port of this machine that answers what a test says.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Longest document that comes with a request.
const LONGEST_QUESTION_BYTES: usize = 1024 * 1024;

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// What came with it: a document, or its text; null where that was nothing.
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Runs until it is dropped.
pub(super) struct Service {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Seen>>>,
    server: JoinHandle<()>,
}

impl Service {
    /// Answers every request with what `answer` makes of it.
    pub(super) async fn start<A, F>(answer: A) -> Self
    where
        A: Fn(Seen) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let handler = move |request: Request| {
            let (log, answer) = (Arc::clone(&log), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, LONGEST_QUESTION_BYTES).await.unwrap();
                let body = serde_json::from_slice(&body).unwrap_or_else(|_| text(&body));
                let seen = Seen { method: head.method, uri: head.uri, headers: head.headers, body };
                log.lock().unwrap().push(seen.clone());
                answer(seen).await
            }
        };
        let app = Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, requests, server }
    }

    /// Answers every request alike.
    pub(super) async fn answering(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = body.into();
        Self::start(move |_| {
            let (headers, body) = (headers.clone(), body.clone());
            async move {
                let mut response = Response::builder().status(status);
                for (name, value) in &headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(body)).unwrap()
            }
        })
        .await
    }

    /// Answers every request with this JSON.
    pub(super) async fn json(body: Value) -> Self {
        Self::answering(200, &[JSON], body.to_string()).await
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }
}

fn text(body: &[u8]) -> Value {
    if body.is_empty() { Value::Null } else { Value::String(String::from_utf8_lossy(body).into_owned()) }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The content type as Azure DevOps writes it.
pub(super) const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8; api-version=7.1");
/// The content type of pages.
pub(super) const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

/// A list in its envelope.
pub(super) fn list(items: &[Value]) -> Value {
    json!({"count": items.len(), "value": items})
}

/// One answer with JSON.
pub(super) fn json_response(body: impl Into<Body>) -> Response<Body> {
    Response::builder().header(JSON.0, JSON.1).body(body.into()).unwrap()
}
