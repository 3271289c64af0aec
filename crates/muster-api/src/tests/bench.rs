//! An embedded store with the API on it.

use crate::{Api, REQUEST_ID, limited, router, served};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use muster_domain::budget::BudgetSettings;
use muster_domain::connector::{Connector, OrganizationsChoice, Plan};
use muster_domain::credential::CredentialKind;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::{ConnectorId, JobId, OrganizationName, ProjectId};
use muster_runtime::ingress::Ingress;
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_store::connectors::NewConnector;
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, End, Finish, NewJob};
use muster_store::{KeyRing, Store, StoreOptions};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt as _;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(45);
/// The most that an answer of these tests holds.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The API on a store of its own.
pub(super) struct Bench {
    pub(super) store: Store,
    router: Router,
    _folder: TempDir,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::with(|api| served(router(api))).await
    }

    /// One that answers so many requests at a time.
    pub(super) async fn limited(requests_at_a_time: usize) -> Self {
        Self::with(|api| served(limited(api, requests_at_a_time))).await
    }

    /// One with more routes than the API has.
    pub(super) async fn with(route: impl FnOnce(Api) -> Router) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("muster.db").display());
        let mut options = StoreOptions::new(url);
        options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
        let store = Store::connect(options).await.expect("open the store");
        store.migrate().await.expect("make the schema");
        let ingress = Ingress {
            store: store.clone(),
            metrics: Metrics::new().expect("instruments"),
            work_was_made: Arc::default(),
        };
        let api = Api::new(ingress, BudgetSettings::default(), Shutdown::new());
        Self { store, router: route(api), _folder: folder }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        assert!(headers.contains_key(REQUEST_ID), "every answer has an id: {status}");
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.expect("read the answer");
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into())
        };
        Answer { status, headers, body }
    }

    /// One request, with a JSON body where one is given.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:7780");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("a request")).await
    }

    /// What a GET answers that must succeed.
    pub(super) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    /// What a POST answers that must succeed.
    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.ask(Method::POST, path, Some(body)).await;
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Asks for something that must fail so, in the envelope; returns the message.
    pub(super) async fn refused(
        &self,
        (method, path): (Method, &str),
        body: Option<Value>,
        (status, code, target): (StatusCode, &str, &str),
    ) -> String {
        let answer = self.ask(method, path, body).await;
        answer.is_error(status, code, target)
    }

    /// A connector that chose one organization.
    pub(super) async fn connector(&self, name: &str, organization: &str) -> Connector {
        let kind = CredentialKind::PersonalAccessToken;
        let secret = "a token".to_owned().into();
        let credential = self.store.credentials().put(name, kind, &secret).await.expect("a credential");
        let new = NewConnector {
            id: ConnectorId(Uuid::new_v4()),
            name: name.to_owned(),
            subscription_id: "0b06d9ea-afe6-4779-bd59-30e5c2d9d13f".to_owned(),
            resource_group: "devops".to_owned(),
            region: "westeurope".to_owned(),
            tenant_id: None,
            plan: Plan::Foundational,
            credential_id: credential.id,
            organizations: OrganizationsChoice::Selected {
                organizations: vec![OrganizationName::new(organization)],
            },
        };
        self.store.connectors().create(&new, &[]).await.expect("a connector")
    }

    /// A job for a project of the connector 1.
    pub(super) async fn job(&self, kind: JobKind, organization: &str) -> JobId {
        let subject = JobSubject::project(
            ConnectorId(Uuid::from_u128(1)),
            OrganizationName::new(organization),
            ProjectId(Uuid::new_v4()),
        );
        let wish = NewJob {
            kind,
            subject,
            credential_id: None,
            delay: Duration::ZERO,
            priority: BACKGROUND_PRIORITY,
            cause: "test".to_owned(),
            trace: None,
        };
        self.store.ledger().enqueue(&[wish]).await.expect("enqueue")[0].job_id
    }

    /// The only job that is due, in a worker's hands.
    pub(super) async fn claim(&self, kind: JobKind) -> ClaimedJob {
        let tickets = self.store.ledger().dispatch(kind.role(), 10, 10).await.expect("dispatch");
        let tickets: Vec<_> = tickets.into_iter().map(|traced| (traced.ticket, false)).collect();
        let mut claimed = self.store.ledger().claim(&tickets, "worker", LEASE).await.expect("claim");
        claimed.pop().expect("a job is due")
    }

    /// Ends the run of a job.
    pub(super) async fn finish(&self, job: &ClaimedJob, end: End) {
        let finish = Finish { lease: job.lease, changes: Default::default(), end };
        self.store.ledger().finish(vec![finish]).await.expect("finish");
    }

    /// Actor, action and target of what was done last.
    pub(super) async fn last_deed(&self) -> (String, String, String) {
        let record = self.store.audit().list(1).await.expect("the audit").pop().expect("a deed");
        (record.entry.actor, record.entry.action, record.entry.target)
    }
}

impl Answer {
    /// The answer must be this error, in the envelope; returns the message.
    pub(super) fn is_error(&self, status: StatusCode, code: &str, target: &str) -> String {
        let error = &self.body["error"];
        let found = (self.status, error["code"].as_str(), error["target"].as_str());
        assert_eq!(found, (status, Some(code), Some(target)), "{}", self.body);
        assert_eq!(error["details"], serde_json::json!([]), "{}", self.body);
        error["message"].as_str().expect("a message").to_owned()
    }
}
