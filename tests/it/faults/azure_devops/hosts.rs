//! Hosts that are away.

use super::{ALWAYS, Case, world};
use muster_azdo_sim::SimulatorOptions;
use muster_domain::job::{JobKind, JobState, JobSubject, WaitingReason};
use serde_json::json;
use tests::waiting::{SOON, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_away_parks_what_waits_for_it_without_an_attempt() {
    let options = SimulatorOptions { projects: 14, repositories: 20, ..world() };
    let case = Case::begin(options).await;
    case.install(&json!({}), &json!({ "status": 502, "body": "bad gateway" }), ALWAYS);
    let projects = case.bench.projects().await;
    assert!(projects.len() > 12);
    for (organization, project) in &projects {
        let subject = JobSubject::project(case.connector().await, organization.clone(), *project);
        case.ask_in_background(JobKind::ProjectSync, subject).await;
    }
    let workers = case.work();
    wait_until("the others are parked", SOON, async || {
        let jobs = case.jobs(JobKind::ProjectSync, &[JobState::Pending]).await;
        jobs.iter().any(|job| job.last_error_class.as_deref() == Some("host_unavailable"))
    })
    .await;
    assert_eq!(case.all_calls(), 10, "ten in a row are enough");
    workers.stop().await;
    for job in case.jobs(JobKind::ProjectSync, &[JobState::Pending]).await {
        match job.last_error_class.as_deref() {
            Some("host_unavailable") => {
                assert_eq!(job.waiting_reason, Some(WaitingReason::Throttled));
                assert!(job.attempt <= 1, "being parked is no attempt: {job:?}");
                let message = job.last_error.unwrap_or_default();
                assert!(message.contains("host_unavailable: 127.0.0.1:"), "{message}");
            }
            Some(class) => assert_eq!((class, job.attempt), ("transient", 1), "{job:?}"),
            None => assert_eq!(job.attempt, 0, "not looked at yet: {job:?}"),
        }
    }
}
