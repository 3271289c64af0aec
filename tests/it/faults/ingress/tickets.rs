use super::{Door, PATIENT, with_status};
use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use muster_domain::job::{JobKind, JobState, JobSubject, Role};
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use muster_queue::{PublishOutcome, TicketTransport};
use muster_runtime::replay::Replayed;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::dead_letters::{LEDGER_ORIGIN, LetterStatus};
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, NewJob};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::local_worker::LocalWorker;
use tests::waiting::wait_until;
use uuid::Uuid;

const QUEUE: &str = "muster.v1.refresh";

/// Counts its runs; refuses where it is told so.
#[derive(Default)]
struct Counting {
    runs: AtomicUsize,
    refuses: bool,
}

#[async_trait]
impl Handler for Counting {
    fn kind(&self) -> JobKind {
        JobKind::ProjectRefresh
    }

    async fn handle(&self, _job: &ClaimedJob, _slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.refuses {
            return Err(HandlerError::Reject { class: "never", message: "it cannot be done".to_owned() });
        }
        Ok(Outcome::done(Changes::default()))
    }
}

fn wish() -> NewJob {
    let connector = ConnectorId(Uuid::new_v4());
    NewJob {
        kind: JobKind::ProjectRefresh,
        subject: JobSubject::project(connector, OrganizationName::new("contoso"), ProjectId(Uuid::new_v4())),
        credential_id: None,
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "test".to_owned(),
        trace: None,
    }
}

async fn wait_until_drained(door: &Door) {
    wait_until("no ticket is left", PATIENT, async || {
        let state = door.broker.queue(QUEUE).await.expect("the queue");
        door.broker.ready(QUEUE).await == Some(0) && state.ready + state.unacknowledged == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_comes_twice_runs_its_job_once() {
    let door = Door::closed().await;
    let job = door.store.ledger().enqueue(&[wish()]).await.expect("enqueue")[0].job_id;
    let ticket = door.store.ledger().dispatch(Role::Refresh, 10, 10).await.expect("dispatch").remove(0);
    let twice = door.transport.publish(vec![ticket.clone(), ticket]).await;
    assert_eq!(twice, [PublishOutcome::Confirmed; 2]);
    let handler = Arc::new(Counting::default());
    let transport = Arc::clone(&door.transport) as Arc<dyn TicketTransport>;
    let worker = LocalWorker::start(&door.store, &transport, Role::Refresh, 4, vec![handler.clone()]);
    wait_until("both tickets were taken", PATIENT, async || {
        let view = door.store.ledger().get(job).await.expect("get").expect("the job");
        view.state == JobState::Done && worker.counted("muster_ticket_stale_total") >= 1.0
    })
    .await;
    wait_until_drained(&door).await;
    let view = door.store.ledger().get(job).await.expect("get").expect("the job");
    assert_eq!((view.state, handler.runs.load(Ordering::SeqCst)), (JobState::Done, 1));
    assert_eq!(worker.counted("muster_ticket_stale_total"), 1.0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_says_nothing_is_kept_and_its_replay_explains_itself() {
    let door = Door::closed().await;
    let bytes = b"\xff no ticket";
    let (exchange, key) = ("muster.work".into(), "refresh".into());
    let options = BasicPublishOptions::default();
    let confirm =
        door.publisher.basic_publish(exchange, key, options, bytes, BasicProperties::default()).await;
    assert!(confirm.expect("publish").await.expect("confirmed").is_ack());
    let transport = Arc::clone(&door.transport) as Arc<dyn TicketTransport>;
    let handler = Arc::new(Counting { refuses: true, ..Counting::default() });
    let worker = LocalWorker::start(&door.store, &transport, Role::Refresh, 1, vec![handler.clone()]);
    let letter = door.letters(1).await.remove(0);
    wait_until_drained(&door).await;
    assert_eq!((letter.letter.origin.as_str(), letter.letter.raw.as_slice()), (QUEUE, &bytes[..]));
    let replayed = door.replay().one(letter.id, "admin").await.expect("replay");
    assert!(matches!(&replayed, Replayed::Done { outcome } if outcome.contains("ledger")), "{replayed:?}");
    assert_eq!(with_status(&door.store, LetterStatus::Replayed).await, 1);

    // The worker goes on, and a job that its handler refuses leaves a letter, too.
    let job = door.store.ledger().enqueue(&[wish()]).await.expect("enqueue")[0].job_id;
    let letter = door.letters(2).await.remove(0);
    assert_eq!((letter.letter.origin.as_str(), letter.letter.job_id), (LEDGER_ORIGIN, Some(job)));
    assert_eq!((letter.letter.reason_class.as_str(), letter.attempts), ("never", 1));
    assert_eq!(handler.runs.load(Ordering::SeqCst), 1);
    worker.stop().await;
}
