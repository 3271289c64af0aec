//! A running simulator and a client of it.

use std::sync::Once;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::{RunningSimulator, Simulator, SimulatorOptions};

pub(crate) struct Fixture {
    pub(crate) simulator: RunningSimulator,
    pub(crate) client: Client,
}

impl Fixture {
    pub(crate) async fn start(options: SimulatorOptions) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { simulator: Simulator::start(options).await.unwrap(), client }
    }

    /// A world without a consumption limit.
    pub(crate) async fn of(organizations: usize, projects: usize, repositories: usize) -> Self {
        Self::start(SimulatorOptions { organizations, projects, repositories, ..unlimited() }).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    /// A GET with the first token.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).basic_auth("", Some(self.simulator.pat()))
    }

    pub(crate) async fn answer(&self, path: &str) -> Response {
        self.get(path).send().await.unwrap()
    }

    /// The JSON of a GET that has to succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.answer(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// All items of a list, page by page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut token = None;
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = match &token {
                None => path.to_owned(),
                Some(token) => format!("{path}{separator}continuationToken={token}"),
            };
            let response = self.answer(&page).await;
            assert_eq!(response.status(), StatusCode::OK, "{page}");
            token = response
                .headers()
                .get("x-ms-continuationtoken")
                .map(|value| value.to_str().unwrap().to_owned());
            let body: Value = response.json().await.unwrap();
            let values = body["value"].as_array().unwrap();
            assert_eq!(body["count"], values.len(), "{page}");
            items.extend(values.iter().cloned());
            if token.is_none() {
                return items;
            }
        }
    }

    /// Every project with its organization.
    pub(crate) async fn projects(&self) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for organization in self.simulator.organizations() {
            let projects = self.all(&format!("/{organization}/_apis/projects")).await;
            found.extend(projects.into_iter().map(|project| (organization.clone(), project)));
        }
        found
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.client.post(self.url(path)).json(&body).send().await.unwrap()
    }
}

pub(crate) fn unlimited() -> SimulatorOptions {
    SimulatorOptions { tstu_limit: None, ..Default::default() }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The value of a header, where there is one.
pub(crate) fn header<'answer>(response: &'answer Response, name: &str) -> Option<&'answer str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}
