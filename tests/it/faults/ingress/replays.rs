use super::{Door, ONBOARD, event, ingress, onboarding, store, with_status};
use muster_domain::connector::{Connector, OrganizationsChoice, Plan};
use muster_domain::job::{JobKind, JobState, JobSubject, Role};
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use muster_runtime::dead_letters::watch;
use muster_runtime::replay::{Replay, Replayed};
use muster_store::Store;
use muster_store::changes::Changes;
use muster_store::connectors::NewConnector;
use muster_store::dead_letters::{DeadLetterFilter, LEDGER_ORIGIN, LetterStatus};
use muster_store::ledger::{BACKGROUND_PRIORITY, End, Finish, JobFilter, NewJob};
use std::num::NonZeroU32;
use std::time::Duration;
use tests::database::TestDatabase;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longer than any job of a test.
const LEASE: Duration = Duration::from_secs(60);
/// As fast as it goes.
const FAST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_replayed_by_many_at_once_is_taken_once() {
    let door = Door::open().await;
    door.send(&event("one", ONBOARD, &onboarding("contoso"))).await;
    let letter = door.letters(1).await.remove(0);
    assert!(letter.letter.reason.contains("credential"), "{}", letter.letter.reason);
    // What is wrong with it is still wrong.
    let refused = door.replay().one(letter.id, "admin").await.expect("replay");
    assert!(
        matches!(&refused, Replayed::Refused { reason_class, .. } if reason_class == "invalid"),
        "{refused:?}"
    );
    let kept = door.letter(letter.id).await;
    assert_eq!((kept.status, kept.attempts), (LetterStatus::Open, 2));
    assert_eq!(kept.first_error, letter.first_error);
    assert_eq!(door.letters(1).await.len(), 1, "a refused replay is no new letter");

    door.know_the_credential().await;
    // Each with connections of its own, as processes have.
    let mut replays = Vec::new();
    for number in 0..6 {
        let replay = Replay { ingress: ingress(&store(&door.database).await) };
        replays.push(tokio::spawn(async move {
            replay.one(letter.id, &format!("operator-{number}")).await.expect("replay")
        }));
    }
    let mut done = 0;
    for replay in replays {
        match replay.await.expect("the task") {
            Replayed::Done { .. } => done += 1,
            Replayed::NothingToDo { .. } | Replayed::InProgress => {}
            Replayed::Refused { reason, .. } => panic!("refused: {reason}"),
        }
    }
    assert_eq!((done, door.connectors().await), (1, 1));
    let audit = door.store.audit().list(100).await.expect("list");
    let replays: Vec<_> = audit.iter().filter(|record| record.entry.action == "dead_letter.replay").collect();
    assert_eq!(replays.len(), 2, "the refused one and the one that was taken");
    assert_eq!(replays[1].entry.actor, "admin");
    assert_eq!(replays[1].entry.detail["result"], "refused");
    assert!(replays[0].entry.actor.starts_with("operator-"));
    door.close().await;
}

async fn connector(store: &Store) -> Connector {
    let secret = secrecy::SecretString::from("not used".to_owned());
    let kind = muster_domain::credential::CredentialKind::PersonalAccessToken;
    let credential = store.credentials().put("reader", kind, &secret).await.expect("store a credential");
    let new = NewConnector {
        id: ConnectorId(Uuid::new_v4()),
        name: "contoso".to_owned(),
        subscription_id: "20ff7fc3-e762-44dd-bd96-b71116dcdc23".to_owned(),
        resource_group: "security".to_owned(),
        region: "westeurope".to_owned(),
        tenant_id: None,
        plan: Plan::Foundational,
        credential_id: credential.id,
        organizations: OrganizationsChoice::AllExistingAndFuture,
    };
    store.connectors().create(&new, &[]).await.expect("a connector")
}

/// Has so many jobs of the connector die.
async fn die(store: &Store, connector: &Connector, count: usize) {
    let wishes: Vec<NewJob> = (0..count)
        .map(|_| NewJob {
            kind: JobKind::ProjectRefresh,
            subject: JobSubject::project(
                connector.id,
                OrganizationName::new("contoso"),
                ProjectId(Uuid::new_v4()),
            ),
            credential_id: None,
            delay: Duration::ZERO,
            priority: BACKGROUND_PRIORITY,
            cause: "test".to_owned(),
            trace: None,
        })
        .collect();
    let ledger = store.ledger();
    ledger.enqueue(&wishes).await.expect("enqueue");
    let tickets = ledger.dispatch(Role::Refresh, 1_000, 1_000).await.expect("dispatch");
    let tickets: Vec<_> = tickets.into_iter().map(|traced| (traced.ticket, false)).collect();
    let jobs = ledger.claim(&tickets, "test", LEASE).await.expect("claim");
    assert_eq!(jobs.len(), count);
    let finishes = jobs.iter().map(|job| {
        let end = End::Dead { class: "timeout".to_owned(), message: "nobody answered".to_owned() };
        Finish { lease: job.lease, changes: Changes::default(), end }
    });
    ledger.finish(finishes.collect()).await.expect("finish");
}

async fn a_group_goes_on(database: TestDatabase) {
    const LETTERS: usize = 120;
    const BEFORE_THE_STOP: usize = 50;
    let store = store(&database).await;
    store.migrate().await.expect("migrate");
    let connector = connector(&store).await;
    die(&store, &connector, LETTERS).await;
    let ledger = DeadLetterFilter { origin: Some(LEDGER_ORIGIN.to_owned()), ..DeadLetterFilter::default() };
    let other = DeadLetterFilter { reason_class: Some("panic".to_owned()), ..ledger.clone() };
    let replay = Replay { ingress: ingress(&store) };
    let never = CancellationToken::new();
    let none = replay.group(&other, FAST, "admin", &never, |_, _| ()).await.expect("replay");
    assert_eq!((none.replayed, none.is_complete), (0, true));

    let (stop, mut heard) = (CancellationToken::new(), 0);
    let first = replay
        .group(&ledger, FAST, "admin", &stop, |_, replayed| {
            assert!(matches!(replayed, Replayed::Done { .. }), "{replayed:?}");
            heard += 1;
            if heard == BEFORE_THE_STOP {
                stop.cancel();
            }
        })
        .await
        .expect("replay");
    assert_eq!((first.replayed, first.is_complete), (BEFORE_THE_STOP as u64, false));
    assert_eq!(with_status(&store, LetterStatus::Replayed).await, BEFORE_THE_STOP as u64);
    // Another process goes on where the first one stopped.
    let replay = Replay { ingress: ingress(&super::store(&database).await) };
    let second = replay.group(&ledger, FAST, "admin", &never, |_, _| ()).await.expect("replay");
    let left = (LETTERS - BEFORE_THE_STOP) as u64;
    assert_eq!((second.replayed, second.refused, second.is_complete), (left, 0, true));
    assert_eq!(with_status(&store, LetterStatus::Open).await, 0);
    let filter = JobFilter { states: vec![JobState::Pending], limit: 1_000, ..JobFilter::default() };
    assert_eq!(store.ledger().list(&filter).await.expect("list").len(), LETTERS);
    let third = replay.group(&ledger, FAST, "admin", &never, |_, _| ()).await.expect("replay");
    assert_eq!(third.replayed + third.refused + third.nothing_to_do, 0, "nothing is left");

    // They die again: new letters, which are counted beside the old ones.
    let tickets = store.ledger().dispatch(Role::Refresh, 1_000, 1_000).await.expect("dispatch");
    assert_eq!(tickets.len(), LETTERS);
    watch(&store, &replay.ingress.metrics).await.expect("watch");
    let text = replay.ingress.metrics.render().expect("render");
    let has = |parts: &[&str]| {
        let is_it = |line: &&str| parts.iter().all(|part| line.contains(part));
        text.lines().filter(|line| line.starts_with("muster_dead_letter_")).find(is_it).is_some()
    };
    assert!(has(&["count{", "reason=\"timeout\"", "status=\"replayed\"", "} 120"]), "{text}");
    assert!(has(&["settled_total{", "result=\"replayed\"", "} 70"]), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_interrupted_goes_on_where_it_was_embedded() {
    a_group_goes_on(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_interrupted_goes_on_where_it_was_on_postgresql() {
    a_group_goes_on(TestDatabase::postgres().await).await;
}
