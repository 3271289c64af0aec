//! The repositories of a whole organization, parsed while they arrive.

use super::service::{Service, json_response};
use super::{Fixture, eventually, options, organization};
use crate::{CallError, RepositoryBatches};
use axum::body::Body;
use axum::body::Bytes;
use futures::stream;
use muster_domain::RepositoryId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

const PROJECT: &str = "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c";

fn repository(number: usize) -> String {
    let id = Uuid::from_u128(number as u128);
    // As long as real ones, with text that looks like structure.
    format!(
        r#"{{"id":"{id}","name":"repository {number} \"]}}{{[","url":"https://dev.example/{id}","project":{{"id":"{PROJECT}",
"name":"Fabrikam","state":"wellFormed","visibility":"private","lastUpdateTime":"2026-01-01T00:00:00Z"}},
"defaultBranch":"refs/heads/main","size":{number},"remoteUrl":"https://dev.example/Fabrikam/_git/{id}",
"sshUrl":"git@ssh.dev.example:v3/contoso/Fabrikam/{id}","webUrl":"https://dev.example/{id}",
"isDisabled":false,"isInMaintenance":false,"padding":"{}"}}"#,
        "x".repeat(200)
    )
}

/// A service whose list has `count` repositories; `produced` counts those that were made.
async fn service(count: usize, produced: Arc<AtomicUsize>) -> Service {
    Service::start(move |_| {
        let produced = Arc::clone(&produced);
        async move {
            let start = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{ \"value\" : [\n"))]);
            let items = stream::iter((0..count).map(move |number| {
                produced.fetch_add(1, Ordering::SeqCst);
                let separator = if number == 0 { "" } else { ", " };
                Ok(Bytes::from(format!("{separator}{}", repository(number))))
            }));
            let end = stream::iter([Ok(Bytes::from(format!("], \"count\" : {count} }}\n")))]);
            let body = futures::StreamExt::chain(futures::StreamExt::chain(start, items), end);
            json_response(Body::from_stream(body))
        }
    })
    .await
}

async fn drain(batches: &mut RepositoryBatches) -> Result<Vec<usize>, CallError> {
    let mut sizes = Vec::new();
    while let Some(batch) = batches.next_batch().await? {
        sizes.push(batch.len());
    }
    Ok(sizes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_repositories_pass_through_little_memory() {
    const COUNT: usize = 100_000;
    // Some MiB lie in the buffers of the connection, whatever the client does.
    const MOST_AHEAD: usize = 30_000;
    let produced = Arc::new(AtomicUsize::new(0));
    let service = service(COUNT, Arc::clone(&produced)).await;
    let fixture = Fixture::new(options(&service.url));
    let mut batches = fixture.background().repositories(&organization()).await.unwrap();
    assert_eq!(fixture.gate.settled().len(), 1, "settled with the head of the answer");
    let mut seen = 0;
    while let Some(batch) = batches.next_batch().await.unwrap() {
        assert!(batch.len() <= 1_000);
        for item in batch {
            assert_eq!(item.id, RepositoryId(Uuid::from_u128(seen as u128)));
            assert_eq!(item.name, format!("repository {seen} \"]}}{{["));
            assert_eq!(item.properties.size_bytes, Some(seen as u64));
            seen += 1;
        }
        let ahead = produced.load(Ordering::SeqCst) - seen;
        assert!(ahead < MOST_AHEAD, "{ahead} repositories wait in memory after {seen}");
    }
    assert_eq!(seen, COUNT);
    assert_eq!(batches.next_batch().await, Ok(None), "it stays ended");
}

#[tokio::test]
async fn a_list_that_breaks_off_never_looks_whole() {
    let service = Service::start(|_| async {
        let parts = (0..1_500).map(|number| {
            let separator = if number == 0 { "{\"count\":2000,\"value\":[" } else { "," };
            Ok(Bytes::from(format!("{separator}{}", repository(number))))
        });
        let broken = stream::iter(parts.chain([Err(std::io::Error::other("broken"))]));
        json_response(Body::from_stream(broken))
    })
    .await;
    let fixture = Fixture::new(options(&service.url));
    let mut batches = fixture.background().repositories(&organization()).await.unwrap();
    assert_eq!(batches.next_batch().await.unwrap().unwrap().len(), 1_000);
    let error = drain(&mut batches).await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert_eq!(batches.next_batch().await, Err(error), "it stays failed");
    assert_eq!(fixture.gate.settled().len(), 1);
}

#[tokio::test]
async fn a_list_that_lost_elements_is_no_list() {
    let body = format!("{{\"count\":3,\"value\":[{},{}]}}", repository(1), repository(2));
    let service = Service::start(move |_| {
        let body = body.clone();
        async move { json_response(body) }
    })
    .await;
    let fixture = Fixture::new(options(&service.url));
    let mut batches = fixture.background().repositories(&organization()).await.unwrap();
    let error = drain(&mut batches).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn an_empty_organization_has_no_batch() {
    let service = service(0, Arc::default()).await;
    let fixture = Fixture::new(options(&service.url));
    let mut batches = fixture.background().repositories(&organization()).await.unwrap();
    assert_eq!(batches.next_batch().await, Ok(None));
}

#[tokio::test]
async fn other_calls_go_on_between_batches_and_dropping_ends_the_call() {
    let produced = Arc::new(AtomicUsize::new(0));
    let service = service(100_000, Arc::clone(&produced)).await;
    let fixture = Fixture::new(options(&service.url));
    let session = fixture.session(muster_domain::budget::ConsumptionClass::Interactive);
    let mut batches = session.repositories(&organization()).await.unwrap();
    assert!(batches.next_batch().await.unwrap().is_some());
    // The only place of people among the calls in flight is free.
    let mut others = session.repositories(&organization()).await.unwrap();
    assert!(others.next_batch().await.unwrap().is_some());
    drop((batches, others));
    eventually("the grants are settled", || fixture.gate.settled().len() == 2).await;
    assert!(produced.load(Ordering::SeqCst) < 200_000, "the rest was never sent");
}
