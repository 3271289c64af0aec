//! RabbitMQ's management HTTP API, as far as tests need it.

use crate::services;
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// A client of one broker's management plugin.
#[derive(Debug, Clone)]
pub(crate) struct Management {
    base: String,
    client: reqwest::Client,
}

impl Management {
    /// A client of the plugin at `base`, which contains user and password.
    pub(crate) fn new(base: &str) -> Self {
        services::install_tls_provider();
        Self { base: base.trim_end_matches('/').to_owned(), client: reqwest::Client::new() }
    }

    /// What a path under `/api` says; nothing when it does not exist.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let (status, body) = self.send(Method::GET, path, None).await;
        if status == StatusCode::NOT_FOUND {
            return None;
        }
        assert!(status.is_success(), "GET {path}: {status} {body}");
        Some(serde_json::from_str(&body).expect("the management plugin answers in JSON"))
    }

    /// Whether the plugin is up.
    pub(crate) async fn answers(&self) -> bool {
        let answer = self.client.get(format!("{}/api/overview", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Creates or replaces what a path names.
    pub(crate) async fn put(&self, path: &str, body: Value) {
        let (status, answer) = self.send(Method::PUT, path, Some(body)).await;
        assert!(status.is_success(), "PUT {path}: {status} {answer}");
    }

    /// Deletes what a path names; whether it was there.
    pub(crate) async fn delete(&self, path: &str) -> bool {
        let (status, body) = self.send(Method::DELETE, path, None).await;
        assert!(status.is_success() || status == StatusCode::NOT_FOUND, "DELETE {path}: {status} {body}");
        status.is_success()
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let mut request = self.client.request(method, format!("{}/api/{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the management plugin answers");
        let status = response.status();
        (status, response.text().await.expect("the management plugin's answer ends"))
    }
}
