//! `muster dead-letter`: what was not taken is looked at, replayed once, and discarded with a reason.

use super::machine::{Machine, PLACE, array, text};
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::{OrganizationName, ProjectId};
use muster_runtime::ingress::{Incoming, Ingress};
use muster_runtime::metrics::Metrics;
use muster_store::changes::Changes;
use muster_store::dead_letters::NewDeadLetter;
use muster_store::ledger::{End, Finish};
use muster_store::requests::Asked;
use muster_store::{Store, StoreOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const NO_LETTER: &str = "01900000-0000-7000-8000-000000000000";
/// Longer than any job of a test.
const LEASE: Duration = Duration::from_secs(60);

/// A machine whose embedded database the test looks into, beside the commands.
async fn machine_with_store() -> (Machine, Store) {
    let mut machine = Machine::new().await;
    let url = format!("sqlite://{}?mode=rwc", machine.folder.path().join("letters.db").display());
    machine.environment.insert("MUSTER_DATABASE_URL".to_owned(), url.clone());
    machine.done(&["migrate"]).await;
    (machine, Store::connect(StoreOptions::new(url)).await.expect("connect"))
}

/// Has requests refused at the door of the database.
async fn refuse(store: &Store, bodies: &[Vec<u8>]) {
    let metrics = Metrics::new().expect("fresh instruments");
    let ingress = Ingress { store: store.clone(), metrics, work_was_made: Arc::default() };
    for body in bodies {
        let incoming = Incoming {
            content_type: Some("application/cloudevents+json".to_owned()),
            headers: Vec::new(),
            body: body.clone(),
            publisher: None,
            origin: "POST /events",
        };
        ingress.accept(incoming).await.expect_err("it is refused");
    }
}

/// Has a job of the connector die.
async fn die(store: &Store) {
    let connector = store.connectors().list().await.expect("list").remove(0);
    let subject =
        JobSubject::project(connector.id, OrganizationName::new("contoso"), ProjectId(Uuid::new_v4()));
    let asked = Asked { cause: "test".to_owned(), trace: None };
    let ledger = store.ledger();
    ledger.enqueue(&[asked.job(JobKind::ProjectRefresh, subject, None)]).await.expect("enqueue");
    // Jobs of a connector that is not proved yet are not dispatched.
    let state = muster_store::changes::ConnectorTransition {
        connector_id: connector.id,
        event: muster_domain::connector::ConnectorEvent::Authorized,
        reason: None,
        tenant_id: None,
    };
    store.connectors().transition(&state, &[]).await.expect("the connector works");
    let tickets = ledger.dispatch(Role::Refresh, 10, 10).await.expect("dispatch");
    let tickets: Vec<_> = tickets.into_iter().map(|traced| (traced.ticket, false)).collect();
    let job = ledger.claim(&tickets, "test", LEASE).await.expect("claim").remove(0);
    let end = End::Dead { class: "timeout".to_owned(), message: "nobody answered".to_owned() };
    ledger.finish(vec![Finish { lease: job.lease, changes: Changes::default(), end }]).await.expect("finish");
}

fn onboarding(id: &str, name: &str) -> Vec<u8> {
    json!({"specversion": "1.0", "id": id, "source": "urn:contoso:portal",
        "type": "muster.connector.onboarding-requested.v1",
        "data": {"name": name, "subscriptionId": "20ff7fc3-e762-44dd-bd96-b71116dcdc23",
            "resourceGroup": "security", "region": "westeurope", "credential": "reader",
            "autoDiscovery": "Disabled", "organizations": ["contoso"]}})
    .to_string()
    .into_bytes()
}

async fn list(machine: &Machine, options: &[&str]) -> Vec<Value> {
    let arguments = [&["dead-letter", "list"], options].concat();
    array(&machine.json(&arguments).await).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_looked_at_and_replayed_once() {
    let (machine, store) = machine_with_store().await;
    refuse(&store, &[onboarding("one", "contoso"), vec![0xff, 0xfe, 0x00, b'x']]).await;
    let letters = list(&machine, &[]).await;
    assert_eq!(letters.len(), 2);
    let unreadable = list(&machine, &["--reason-class", "unreadable", "--since", "1h"]).await;
    assert!(list(&machine, &["--until", "1h"]).await.is_empty());
    let shown = machine.done(&["dead-letter", "show", text(&unreadable[0]["id"])]).await;
    assert!(shown.contains("\\xff\\xfe\\x00x") && !shown.contains('\u{fffd}'), "{shown}");
    let lines = machine.done(&["dead-letter", "list", "-o", "tsv"]).await;
    assert!(lines.lines().count() == 2 && lines.contains("\tunreadable\t"), "{lines}");

    let invalid = list(&machine, &["--reason-class", "invalid", "--origin", "POST /events"]).await;
    let id = text(&invalid[0]["id"]);
    machine.fails(&["dead-letter", "replay", id], 5, &["stays open"]).await;
    let shown = machine.json(&["dead-letter", "show", id]).await;
    assert_eq!((&shown["attempts"], &shown["status"]), (&json!(2), &json!("open")), "{shown}");
    assert_eq!(shown["firstError"], shown["lastError"], "{shown}");
    let token = machine.folder.path().join("token");
    std::fs::write(&token, machine.simulator.pat()).expect("write the token");
    machine.done(&["credential", "set", "reader", "--pat-file", &token.display().to_string()]).await;
    let replayed = machine.json(&["dead-letter", "replay", id]).await;
    assert_eq!(replayed[0]["result"], "replayed", "{replayed}");
    let again = machine.json(&["dead-letter", "replay", id]).await;
    assert_eq!(again[0]["result"], "already replayed", "{again}");
    assert_eq!(array(&machine.json(&["connector", "list"]).await).len(), 1);
    let shown = machine.json(&["dead-letter", "show", id]).await;
    assert_eq!(shown["status"], "replayed");
    assert!(text(&shown["replayedBy"]).starts_with("cli"), "{shown}");
    assert!(text(&shown["replayOutcome"]).contains("one"), "{shown}");
    assert_eq!(list(&machine, &["--status", "replayed"]).await.len(), 1);
    assert_eq!(list(&machine, &["--status", "all"]).await.len(), 2);

    machine.fails(&["dead-letter", "replay", NO_LETTER], 3, &[NO_LETTER, "muster dead-letter list"]).await;
    machine.fails(&["dead-letter", "replay"], 2, &["--all"]).await;
    machine.fails(&["dead-letter", "replay", id, "--all"], 2, &["--all"]).await;
    machine.fails(&["dead-letter", "replay", "--all", "--rate", "0"], 2, &["--rate"]).await;
    machine.fails(&["dead-letter", "list", "--connector", "nobody"], 3, &["nobody"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_jobs_are_replayed_as_a_group_and_what_nobody_wants_is_discarded() {
    let (machine, store) = machine_with_store().await;
    let token = machine.folder.path().join("token");
    std::fs::write(&token, machine.simulator.pat()).expect("write the token");
    machine.done(&["credential", "set", "reader", "--pat-file", &token.display().to_string()]).await;
    let create = ["connector", "create", "contoso", "--credential", "reader", "--organization", "contoso"];
    machine.done(&[&create[..], &PLACE].concat()).await;
    die(&store).await;
    refuse(&store, &[b"no event".to_vec(), b"none either".to_vec()]).await;
    let escape = NewDeadLetter {
        origin: "muster.v1.ingress".to_owned(),
        raw: b"\x1b[2Jhidden".to_vec(),
        reason_class: "unknown_type".to_owned(),
        reason: "is not a known request".to_owned(),
        ..NewDeadLetter::default()
    };
    let escape = store.dead_letters().put(&escape).await.expect("put").to_string();
    let shown = machine.done(&["dead-letter", "show", &escape]).await;
    assert!(shown.contains("\\u{1b}[2Jhidden") && !shown.contains('\u{1b}'), "{shown}");

    let of_connector = list(&machine, &["--connector", "contoso", "--kind", "project.refresh"]).await;
    assert_eq!((of_connector.len(), text(&of_connector[0]["origin"])), (1, "ledger"));
    let job = text(&of_connector[0]["jobId"]);
    let letter = machine.json(&["dead-letter", "show", text(&of_connector[0]["id"])]).await;
    assert_eq!(letter["lastError"], "timeout: nobody answered");
    let body: Value = serde_json::from_str(text(&letter["body"])).expect("the job as JSON");
    assert_eq!((&body["kind"], &body["cause"]), (&json!("project.refresh"), &json!("test")));
    let group = ["dead-letter", "replay", "--origin", "ledger", "--reason-class", "timeout", "--rate", "100"];
    let replayed = machine.json(&group).await;
    assert_eq!((array(&replayed).len(), &replayed[0]["result"]), (1, &json!("replayed")), "{replayed}");
    let again = machine.json(&group).await;
    assert!(array(&again).is_empty(), "{again}");
    let shown = machine.json(&["job", "show", job]).await;
    assert_eq!((&shown["state"], &shown["attempt"]), (&json!("pending"), &json!(0)), "{shown}");

    machine.fails(&["dead-letter", "discard", &escape], 2, &["--reason"]).await;
    machine.fails(&["dead-letter", "discard", "--reason", "x"], 2, &["ID"]).await;
    let missing = ["dead-letter", "discard", NO_LETTER, "--reason", "x"];
    machine.fails(&missing, 3, &[NO_LETTER]).await;
    let one = ["dead-letter", "discard", &escape, "--reason", "sent by a test"];
    assert_eq!(machine.json(&one).await[0]["result"], "discarded");
    assert_eq!(machine.json(&one).await[0]["result"], "already discarded");
    let shown = machine.json(&["dead-letter", "show", &escape]).await;
    assert_eq!((&shown["status"], &shown["discardReason"]), (&json!("discarded"), &json!("sent by a test")));
    let rest =
        ["dead-letter", "discard", "--all-matching", "--reason-class", "unreadable", "--reason", "noise"];
    assert_eq!(machine.json(&rest).await["discarded"], 2);
    assert_eq!(machine.json(&rest).await["discarded"], 0);
    assert!(list(&machine, &[]).await.is_empty());
    let audit = store.audit().list(20).await.expect("list");
    let deeds: Vec<&str> = audit.iter().map(|record| record.entry.action.as_str()).collect();
    assert_eq!(deeds.iter().filter(|deed| **deed == "dead_letter.discard").count(), 2, "{deeds:?}");
    assert_eq!(deeds.iter().filter(|deed| **deed == "dead_letter.replay").count(), 1, "{deeds:?}");
}
