//! Requests in, facts out, and what beside them.

use super::fixtures::{connector, credential, dispatch, start, sync};
use super::{Bench, on_both};
use crate::StoreError;
use crate::audit::AuditEntry;
use crate::changes::ConnectorTransition;
use crate::heartbeats::Heartbeat;
use crate::inbox::{Acceptance, RequestEffects};
use crate::requests::Asked;
use crate::schedules::Schedule;
use muster_domain::connector::{ConnectorEvent, ConnectorState, OrganizationsChoice};
use muster_domain::job::{JobKind, Role};
use muster_domain::resource::ContentHash;
use muster_domain::{OrganizationName, ProjectId};
use muster_messages::Fact;
use muster_messages::fact::{FactPayload, IdentityThrottled};
use muster_messages::request::{OnboardingRequested, ProjectSyncRequested, RefreshRequested};
use std::collections::HashSet;
use std::time::Duration;

on_both!(
    a_request_is_accepted_once,
    racing_requests_are_accepted_once,
    every_request_has_its_effects,
    refused_effects_leave_no_trace,
    facts_are_taken_in_order_and_deleted_by_id,
    racing_relays_take_each_fact_once,
    schedules_run_once_a_turn,
    processes_and_deeds_are_listed,
);

fn asked() -> Asked {
    Asked { cause: "event-1".to_owned(), trace: None }
}

fn onboarding(name: &str) -> OnboardingRequested {
    OnboardingRequested {
        name: name.to_owned(),
        subscription_id: "0b06d9ea-afe6-4779-bd59-30e5c2d9d13f".to_owned(),
        resource_group: "rg".to_owned(),
        region: "centralus".to_owned(),
        tenant_id: None,
        plan: None,
        credential: "token".to_owned(),
        organizations: OrganizationsChoice::AllExistingAndFuture,
    }
}

async fn a_request_is_accepted_once(bench: Bench) {
    let inbox = bench.store.inbox();
    let effects =
        RequestEffects::onboard(&onboarding("main"), credential(&bench.store, "token").await, &asked());
    let body = ContentHash::of(&1);
    let accepted = inbox.accept("/shop", "1", body, &effects).await.expect("accept");
    assert!(matches!(&accepted, Acceptance::Accepted(jobs) if jobs.len() == 1 && jobs[0].is_new));
    assert_eq!(inbox.accept("/shop", "1", body, &effects).await.expect("accept"), Acceptance::Duplicate);
    let other = inbox.accept("/shop", "1", ContentHash::of(&2), &effects).await.expect("accept");
    assert_eq!(other, Acceptance::ConflictingBody);
    let connectors = bench.store.connectors().list().await.expect("list");
    assert_eq!((connectors.len(), connectors[0].state), (1, ConnectorState::Pending));
    let tickets = dispatch(&bench.store, Role::Discovery).await;
    assert_eq!((tickets.len(), tickets[0].kind), (1, JobKind::ConnectorAuthorize));
    assert_eq!(tickets[0].cause, "event-1");
    bench.clock.advance(chrono::Duration::days(31));
    assert_eq!(inbox.prune(Duration::from_secs(30 * 24 * 60 * 60)).await.expect("prune"), 1);
}

async fn racing_requests_are_accepted_once(bench: Bench) {
    let store = bench.racing(8).await;
    let id = credential(&store, "token").await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            let effects = RequestEffects::onboard(&onboarding("main"), id, &asked());
            tokio::spawn(async move {
                store.inbox().accept("/shop", "1", ContentHash::of(&1), &effects).await.expect("accept")
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += usize::from(matches!(task.await.expect("the task"), Acceptance::Accepted(_)));
    }
    assert_eq!(accepted, 1);
    assert_eq!(store.connectors().list().await.expect("list").len(), 1);
}

async fn every_request_has_its_effects(bench: Bench) {
    let inbox = bench.store.inbox();
    let main = connector(&bench.store, "main").await;
    let organization = OrganizationName::new("contoso");
    let project = ProjectId(super::fixtures::uuid(10));
    inbox.perform(&RequestEffects::discover(&main, &asked())).await.expect("discover");
    let sync = ProjectSyncRequested { connector_id: main.id, organization: organization.clone(), project };
    inbox.perform(&RequestEffects::sync_project(&sync, &main, &asked())).await.expect("sync");
    let refresh = RefreshRequested { connector_id: main.id, organization: None, project: None };
    let effects = RequestEffects::refresh(
        &refresh,
        std::slice::from_ref(&organization),
        &[(organization.clone(), project)],
        &asked(),
    );
    assert_eq!(inbox.perform(&effects).await.expect("refresh").len(), 2);
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
    assert_eq!(dispatch(&bench.store, Role::Refresh).await.len(), 2);
    assert_eq!(dispatch(&bench.store, Role::Discovery).await[0].kind, JobKind::ConnectorDiscover);
    inbox.perform(&RequestEffects::offboard(&main, &asked())).await.expect("offboard");
    let after = bench.store.connectors().get(main.id).await.expect("get").expect("the connector");
    assert_eq!(after.state, ConnectorState::Removing);
    let tickets = dispatch(&bench.store, Role::Discovery).await;
    assert_eq!((tickets.len(), tickets[0].kind), (1, JobKind::ConnectorRemove));
}

async fn refused_effects_leave_no_trace(bench: Bench) {
    let inbox = bench.store.inbox();
    let main = connector(&bench.store, "main").await;
    let before = bench.store.outbox().backlog().await.expect("backlog").pending;
    let taken = RequestEffects::onboard(&onboarding("main"), main.credential_id, &asked());
    let body = ContentHash::of(&1);
    let refused = inbox.accept("/shop", "1", body, &taken).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    let senseless = RequestEffects {
        transitions: vec![ConnectorTransition {
            connector_id: main.id,
            event: ConnectorEvent::RemovalFinished,
            reason: None,
            tenant_id: None,
        }],
        ..RequestEffects::default()
    };
    assert!(matches!(inbox.accept("/shop", "1", body, &senseless).await, Err(StoreError::Transition(_))));
    assert_eq!(bench.store.outbox().backlog().await.expect("backlog").pending, before);
    assert!(bench.store.ledger().is_idle().await.expect("idle"));
    let fine = inbox.accept("/shop", "1", body, &RequestEffects::default()).await.expect("accept");
    assert_eq!(fine, Acceptance::Accepted(Vec::new()), "what was refused may be asked again");
}

fn fact(number: i64) -> Fact {
    Fact {
        subject: "someone".to_owned(),
        sequence: number,
        time: start(),
        payload: FactPayload::IdentityThrottled(IdentityThrottled {
            identity: format!("{number}"),
            until: start(),
        }),
    }
}

async fn facts_are_taken_in_order_and_deleted_by_id(bench: Bench) {
    let outbox = bench.store.outbox();
    let hold = Duration::from_secs(30);
    bench.store.inbox().tell(&[fact(1), fact(2), fact(3)]).await.expect("tell");
    let taken = outbox.claim(2, hold).await.expect("claim");
    let identities: Vec<_> = taken.iter().map(|event| event.event.data["identity"].clone()).collect();
    assert_eq!(identities, ["1", "2"]);
    assert_eq!(outbox.claim(10, hold).await.expect("claim").len(), 1, "others are kept off");
    assert_eq!(outbox.published(&[taken[0].id]).await.expect("publish"), 1);
    assert_eq!(outbox.reschedule(&[taken[1].id], Duration::from_secs(5)).await.expect("put back"), 1);
    assert!(outbox.claim(10, hold).await.expect("claim").is_empty());
    bench.clock.advance(chrono::Duration::seconds(5));
    let again = outbox.claim(10, hold).await.expect("claim");
    assert_eq!((again.len(), again[0].id, again[0].attempts), (1, taken[1].id, 2));
    bench.clock.advance(chrono::Duration::seconds(31));
    assert_eq!(outbox.claim(10, hold).await.expect("claim").len(), 2, "a relay that vanished let go");
    let backlog = outbox.backlog().await.expect("backlog");
    assert_eq!((backlog.pending, backlog.oldest_age), (2, Some(Duration::from_secs(36))));
}

async fn racing_relays_take_each_fact_once(bench: Bench) {
    let store = bench.racing(8).await;
    let facts: Vec<Fact> = (0..200).map(fact).collect();
    store.inbox().tell(&facts).await.expect("tell");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let taken = store.outbox().claim(7, Duration::from_secs(60)).await.expect("claim");
                    let ids: Vec<_> = taken.iter().map(|event| event.id).collect();
                    store.outbox().published(&ids).await.expect("publish");
                    mine.extend(ids);
                    if store.outbox().backlog().await.expect("backlog").pending == 0 {
                        return mine;
                    }
                }
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.expect("the task"));
    }
    assert_eq!(taken.len(), 200);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), 200);
}

async fn schedules_run_once_a_turn(bench: Bench) {
    let schedules = bench.store.schedules();
    let every = Duration::from_secs(3_600);
    let schedule =
        Schedule { name: "discovery".to_owned(), scope: "c".to_owned(), every, jitter: Duration::ZERO };
    schedules.ensure(&schedule, Duration::from_secs(60)).await.expect("ensure");
    schedules.ensure(&schedule, Duration::ZERO).await.expect("ensure");
    assert!(schedules.due(10).await.expect("due").is_empty(), "to ensure it again does not hurry it");
    bench.clock.advance(chrono::Duration::seconds(60));
    let due = schedules.due(10).await.expect("due");
    assert_eq!(due[0].schedule, schedule);
    assert!(schedules.claim(&due[0], &[sync("contoso", 1)]).await.expect("claim"));
    assert!(!schedules.claim(&due[0], &[sync("contoso", 2)]).await.expect("claim"), "another took this turn");
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
    assert!(schedules.due(10).await.expect("due").is_empty());
    let sooner = Schedule { every: Duration::from_secs(10), ..schedule };
    schedules.ensure(&sooner, Duration::ZERO).await.expect("ensure");
    bench.clock.advance(chrono::Duration::seconds(10));
    assert_eq!(schedules.due(10).await.expect("due").len(), 1, "a shorter interval holds at once");
    assert_eq!(schedules.remove_scope("c").await.expect("remove"), 1);
}

async fn processes_and_deeds_are_listed(bench: Bench) {
    let heartbeats = bench.store.heartbeats();
    let beat = |instance: &str, busy| Heartbeat {
        instance: instance.to_owned(),
        role: "sync".to_owned(),
        version: "1".to_owned(),
        slots: 4,
        busy,
    };
    heartbeats.beat(&beat("a", 0)).await.expect("beat");
    heartbeats.beat(&beat("b", 0)).await.expect("beat");
    bench.clock.advance(chrono::Duration::seconds(60));
    heartbeats.beat(&beat("a", 3)).await.expect("beat");
    let alive = heartbeats.list(Duration::from_secs(45)).await.expect("list");
    assert_eq!((alive.len(), alive[0].heartbeat.busy), (1, 3));
    assert_eq!(alive[0].beat_at - alive[0].started_at, chrono::Duration::seconds(60));
    heartbeats.forget("a", Duration::from_secs(45)).await.expect("forget");
    assert!(heartbeats.list(Duration::from_secs(3_600)).await.expect("list").is_empty());
    let entry = AuditEntry {
        actor: "admin".to_owned(),
        action: "connector.create".to_owned(),
        target: "main".to_owned(),
        detail: serde_json::json!({"plan": "Foundational"}),
    };
    bench.store.audit().record(&entry).await.expect("record");
    let records = bench.store.audit().list(10).await.expect("list");
    assert_eq!((records.len(), &records[0].entry), (1, &entry));
}
