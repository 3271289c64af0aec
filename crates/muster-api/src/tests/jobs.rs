//! Jobs are listed, shown, retried and cancelled; roles and processes are counted.

use super::bench::Bench;
use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use muster_domain::OrganizationName;
use muster_domain::job::{JobKind, JobSubject, WaitingReason};
use muster_store::heartbeats::Heartbeat;
use muster_store::inbox::RequestEffects;
use muster_store::ledger::{BACKGROUND_PRIORITY, End, NewJob};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const AN_HOUR: Duration = Duration::from_secs(60 * 60);

fn ids(list: &Value) -> Vec<String> {
    let entries = list["value"].as_array().expect("a list").iter();
    entries.map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn every_job_is_on_exactly_one_page() {
    let bench = Bench::new().await;
    let mut made = BTreeSet::new();
    for _ in 0..5 {
        made.insert(bench.job(JobKind::ProjectSync, "contoso").await.to_string());
    }
    bench.job(JobKind::ProjectRefresh, "contoso").await;
    let mut found = Vec::new();
    let mut path = "/api/v1/jobs?role=sync&limit=2".to_owned();
    loop {
        let page = bench.get(&path).await;
        found.extend(ids(&page));
        let Some(next) = page["nextLink"].as_str() else { break };
        assert!(next.starts_with("http://localhost:7780/api/v1/jobs?role=sync&limit=2&after="), "{next}");
        path = next.trim_start_matches("http://localhost:7780").to_owned();
    }
    assert_eq!(found.len(), 5);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), made);
}

#[tokio::test]
async fn a_parked_job_shows_its_reason_and_its_time() {
    let bench = Bench::new().await;
    let id = bench.job(JobKind::ProjectSync, "Contoso").await;
    let job = bench.claim(JobKind::ProjectSync).await;
    let parked = End::PutBack { reason: WaitingReason::Throttled, delay: AN_HOUR, progress: None };
    bench.finish(&job, parked).await;
    let list = bench.get("/api/v1/jobs?reason=throttled&organization=contoso").await;
    let entry = &list["value"][0];
    assert_eq!((entry["id"].as_str(), &entry["state"]), (Some(id.to_string().as_str()), &json!("pending")));
    assert_eq!((&entry["waitingReason"], &entry["role"]), (&json!("throttled"), &json!("sync")));
    let due: DateTime<Utc> = entry["dueAt"].as_str().unwrap().parse().unwrap();
    let created: DateTime<Utc> = entry["createdAt"].as_str().unwrap().parse().unwrap();
    assert!((due - created).num_minutes() >= 59, "{entry}");
    assert!(entry["waitingSince"].is_string(), "{entry}");
    for filter in ["reason=retry", "organization=other", "state=running", "role=refresh&kind=project.sync"] {
        assert_eq!(bench.get(&format!("/api/v1/jobs?{filter}")).await, json!({ "value": [] }), "{filter}");
    }
    let shown = bench.get(&format!("/api/v1/jobs/{id}")).await;
    assert_eq!((&shown["waitCount"], &shown["organization"]), (&json!(1), &json!("Contoso")));
}

#[tokio::test]
async fn a_job_is_cancelled_and_retried_with_a_reason_by_somebody() {
    let bench = Bench::new().await;
    let id = bench.job(JobKind::ProjectSync, "contoso").await;
    let path = format!("/api/v1/jobs/{id}");
    let cancelled = bench.post(&format!("{path}/cancel"), json!({ "reason": "not now" })).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(bench.get(&path).await["note"], "cancelled: not now");
    let deed = |action: &str| ("http:local".to_owned(), action.to_owned(), id.to_string());
    assert_eq!(bench.last_deed().await, deed("job.cancel"));
    let answer = bench.ask(Method::POST, &format!("{path}/retry"), None).await;
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("pending")));
    assert_eq!(bench.last_deed().await, deed("job.retry"));

    let job = bench.claim(JobKind::ProjectSync).await;
    bench.finish(&job, End::Done).await;
    let retry = format!("{path}/retry");
    let wanted = (StatusCode::CONFLICT, "Conflict", "jobId");
    let message = bench.refused((Method::POST, &retry), None, wanted).await;
    assert!(message.contains("done"), "{message}");
    let nobody = "/api/v1/jobs/01900000-0000-7000-8000-000000000000";
    let wanted = (StatusCode::NOT_FOUND, "NotFound", "jobId");
    bench.refused((Method::GET, nobody), None, wanted).await;
    bench.refused((Method::POST, &format!("{nobody}/cancel")), None, wanted).await;
}

#[tokio::test]
async fn roles_tell_what_they_have_to_do_and_who_does_it() {
    let bench = Bench::new().await;
    bench.job(JobKind::ProjectSync, "contoso").await;
    let job = bench.claim(JobKind::ProjectSync).await;
    let dead = End::Dead { class: "test".to_owned(), message: "as a test wants it".to_owned() };
    bench.finish(&job, dead).await;
    bench.job(JobKind::ProjectSync, "contoso").await;
    let queues = bench.get("/api/v1/queues").await;
    let sync = queues["value"].as_array().unwrap().iter().find(|queue| queue["role"] == "sync").unwrap();
    assert_eq!((&sync["runnable"], &sync["dead"], &sync["running"]), (&json!(1), &json!(1), &json!(0)));
    assert!(sync["oldestDueSeconds"].is_number(), "{sync}");
    assert_eq!(queues["value"].as_array().unwrap().len(), 3);

    assert_eq!(bench.get("/api/v1/workers").await, json!({ "value": [] }));
    let heartbeat = Heartbeat {
        instance: "host#1".to_owned(),
        role: "sync".to_owned(),
        version: "0.1.0".to_owned(),
        slots: 4,
        busy: 1,
    };
    bench.store.heartbeats().beat(&heartbeat).await.unwrap();
    let workers = bench.get("/api/v1/workers").await;
    let worker = &workers["value"][0];
    assert_eq!((&worker["instance"], &worker["busy"]), (&json!("host#1"), &json!(1)));
    assert!(worker["silentSeconds"].is_u64(), "{worker}");
}

#[tokio::test]
async fn a_due_job_that_is_held_back_says_by_what() {
    let bench = Bench::new().await;
    let connector = bench.connector("contoso", "contoso").await;
    let subject = JobSubject::organization(connector.id, OrganizationName::new("contoso"));
    let wish = NewJob {
        kind: JobKind::OrganizationDiscover,
        subject,
        credential_id: Some(connector.credential_id),
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "test".to_owned(),
        trace: None,
    };
    bench.store.ledger().enqueue(&[wish]).await.unwrap();
    let held = async || {
        let entry = bench.get("/api/v1/jobs").await["value"][0].clone();
        (entry["heldBy"].clone(), entry["heldUntil"].is_string())
    };
    assert_eq!(held().await, (Value::Null, false));
    let path = format!("/api/v1/connectors/{}/organizations/contoso/consumption", connector.id);
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let always = json!({ "timeZone": "UTC", "weekdays": days, "from": "00:00", "to": "00:00" });
    bench.ask(Method::PUT, &path, Some(json!({ "quietHours": always }))).await;
    assert_eq!(held().await, (json!("quiet_hours"), true));
    let scope = json!({ "paused": true });
    bench.ask(Method::PUT, &path, Some(scope)).await;
    assert_eq!(held().await, (json!("consumption_paused"), false));
    let tickets = bench.store.ledger().dispatch(JobKind::OrganizationDiscover.role(), 10, 10).await.unwrap();
    assert!(tickets.is_empty(), "the dispatcher goes by the same");
    let pause = RequestEffects::pause(&connector);
    bench.store.inbox().perform(&pause).await.unwrap();
    assert_eq!(held().await, (json!("connector"), false));
}
