//! The shared budget: never over, whoever asks; pauses hold everybody; identities become one.

use super::fixtures::{connector, dispatch, enqueue_one, job};
use super::{Bench, on_both};
use muster_domain::budget::{
    BudgetSettings, ConsumptionClass, ConsumptionGate, Grant, NoRoomReason, ThrottleSignals,
};
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::read::Read;
use muster_domain::{CredentialId, IdentityKey};
use std::time::Duration;

on_both!(
    the_window_is_never_over,
    a_pause_holds_calls_and_jobs,
    identities_become_one_budget,
    a_grant_of_a_merged_budget_is_given_back_to_the_identity,
);

async fn reserve(gate: &impl ConsumptionGate, identity: &IdentityKey) -> Option<Grant> {
    let answer = gate.reserve(identity, Read::Projects, &ConsumptionClass::Background.into()).await;
    answer.expect("the database is there").ok()
}

async fn the_window_is_never_over(bench: Bench) {
    let store = bench.racing(8).await;
    let settings = BudgetSettings {
        default_limit_tstu: 10.0,
        default_guess_tstu: 0.1,
        window: Duration::from_secs(3_600),
        in_flight_expiry: Duration::from_secs(3_600),
        ..BudgetSettings::default()
    };
    let identity = IdentityKey::subject("aad.someone");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (gate, identity) = (store.budget(settings.clone()), identity.clone());
            tokio::spawn(async move {
                let mut granted = 0_u32;
                while let Some(grant) = reserve(&gate, &identity).await {
                    gate.settle(&grant, None).await.expect("settle");
                    granted += 1;
                }
                granted
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.expect("the task");
    }
    let budgets = store.budget(settings.clone()).list().await.expect("list");
    assert_eq!(budgets.len(), 1);
    let view = &budgets[0].view;
    assert_eq!(view.calls_in_window[&Read::Projects], granted, "no grant is forgotten");
    assert_eq!(view.in_flight, 0);
    assert!(view.spent_tstu <= view.share_tstu + 1e-6, "{} of {}", view.spent_tstu, view.share_tstu);
    let cheap = f64::from(granted) * settings.default_guess_tstu;
    assert!(cheap > 0.5 * view.share_tstu, "only {granted} calls were granted");
}

async fn a_pause_holds_calls_and_jobs(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let gate = bench.store.budget(BudgetSettings::default());
    let identity = IdentityKey::subject("aad.someone");
    bench.store.credentials().set_identity(main.credential_id, &identity).await.expect("identity");
    let mut spends = job(JobKind::ConnectorDiscover, JobSubject::connector(main.id));
    spends.credential_id = Some(main.credential_id);
    let grant = reserve(&gate, &identity).await.expect("room");
    let signals =
        ThrottleSignals { retry_after: Some(Duration::from_secs(30)), ..ThrottleSignals::default() };
    gate.settle(&grant, Some(signals)).await.expect("settle");
    enqueue_one(&bench.store, spends).await;
    let mut judges = job(JobKind::ConnectorRemove, JobSubject::connector(main.id));
    judges.credential_id = Some(main.credential_id);
    enqueue_one(&bench.store, judges).await;
    let refused =
        gate.reserve(&identity, Read::Projects, &ConsumptionClass::Interactive.into()).await.expect("there");
    assert!(refused.is_err_and(|refused| refused.reason == NoRoomReason::ServicePause));
    let tickets = dispatch(&bench.store, Role::Discovery).await;
    assert_eq!((tickets.len(), tickets[0].kind), (1, JobKind::ConnectorRemove), "what calls nobody goes on");
    assert!(!bench.store.ledger().is_idle().await.expect("idle"), "the pause will end");
    let events = bench.store.outbox().claim(10, Duration::from_secs(1)).await.expect("claim");
    let throttled: Vec<_> =
        events.iter().filter(|event| event.event.event_type == "muster.identity.throttled.v1").collect();
    assert_eq!(throttled.len(), 1);
    bench.clock.advance(chrono::Duration::seconds(31));
    assert_eq!(dispatch(&bench.store, Role::Discovery).await.len(), 1);
    let grant = reserve(&gate, &identity).await.expect("the pause is over");
    gate.settle(&grant, Some(signals)).await.expect("settle");
    let events = bench.store.outbox().claim(10, Duration::from_secs(1)).await.expect("claim");
    let ids: std::collections::HashSet<_> = events
        .iter()
        .filter(|event| event.event.event_type == "muster.identity.throttled.v1")
        .map(|event| event.id)
        .collect();
    assert_eq!(ids.len(), 2, "a second pause is another fact");
}

async fn calls(bench: &Bench) -> Vec<(String, u32)> {
    let budgets = bench.store.budget(BudgetSettings::default()).list().await.expect("list");
    budgets
        .into_iter()
        .map(|budget| {
            let calls = budget.view.calls_in_window.values().sum();
            (budget.identity.as_str().to_owned(), calls)
        })
        .collect()
}

async fn identities_become_one_budget(bench: Bench) {
    let gate = bench.store.budget(BudgetSettings::default());
    let mut ids: Vec<CredentialId> = Vec::new();
    for name in ["one", "two"] {
        let id = super::fixtures::credential(&bench.store, name).await;
        for _ in 0..3 {
            let grant = reserve(&gate, &IdentityKey::of_credential(id)).await.expect("room");
            gate.settle(&grant, Some(ThrottleSignals::default())).await.expect("settle");
        }
        ids.push(id);
    }
    assert_eq!(calls(&bench).await.iter().map(|(_, calls)| *calls).collect::<Vec<_>>(), [3, 3]);
    let identity = IdentityKey::subject("aad.someone");
    for id in &ids {
        bench.store.credentials().set_identity(*id, &identity).await.expect("identity");
        bench.store.credentials().set_identity(*id, &identity).await.expect("the same again");
    }
    assert_eq!(calls(&bench).await, [("aad.someone".to_owned(), 6)]);
    let credential = bench.store.credentials().get(ids[0]).await.expect("get");
    assert_eq!(credential.identity, Some(identity));
}

async fn a_grant_of_a_merged_budget_is_given_back_to_the_identity(bench: Bench) {
    let gate = bench.store.budget(BudgetSettings::default());
    let id = super::fixtures::credential(&bench.store, "one").await;
    let provisional = IdentityKey::of_credential(id);
    let grant = reserve(&gate, &provisional).await.expect("room");
    let identity = IdentityKey::subject("aad.someone");
    bench.store.credentials().set_identity(id, &identity).await.expect("identity");
    gate.settle(&grant, Some(ThrottleSignals::default())).await.expect("settle");
    let late = reserve(&gate, &provisional).await.expect("room");
    assert_eq!(late.identity, identity, "whoever does not know yet draws on the identity, too");
    assert_eq!(calls(&bench).await, [("aad.someone".to_owned(), 2)]);
}
