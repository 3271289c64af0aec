use super::{Counting, LONG, Worker, all_done_at_once, dispatch, jobs, store, transport, work};
use muster_domain::credential::CredentialKind;
use muster_domain::job::Role;
use muster_queue::{AmqpTransport, RequestSource};
use muster_runtime::ingress::{Ingress, RequestLoop};
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_store::changes::Changes;
use muster_store::ledger::{End, Finish, Finished};
use muster_store::{KeyRing, Store, StoreOptions};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tests::broker::TestBroker;
use tests::chaos::publisher::{event, publish};
use tests::database::TestDatabase;
use tests::proxy::Proxy;
use tests::waiting::{PATIENT, SOON, stays_true, wait_until};

/// Long beside a statement, short beside a person's patience.
const A_WHILE: Duration = Duration::from_millis(700);
const INGRESS: &str = "muster.v1.ingress";
const DEAD: &str = "muster.v1.dead";

fn server_of(url: &str) -> &str {
    let rest = url.rsplit('@').next().expect("a URL has a last part");
    rest.split('/').next().expect("a first part")
}

fn onboarding(number: u32) -> Value {
    let data = json!({ "name": format!("connector-{number}"),
        "subscriptionId": "20ff7fc3-e762-44dd-bd96-b71116dcdc23", "resourceGroup": "security",
        "region": "westeurope", "credential": "reader", "autoDiscovery": "Disabled",
        "organizations": [format!("organization-{number}")] });
    event(&format!("request-{number}"), "muster.connector.onboarding-requested.v1", &data)
}

async fn with_credential(database: &TestDatabase) -> Store {
    let mut options = StoreOptions::new(database.url());
    options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
    let store = Store::connect(options).await.expect("connect");
    store.migrate().await.expect("migrate");
    let secret = SecretString::from("not used".to_owned());
    store.credentials().put("reader", CredentialKind::PersonalAccessToken, &secret).await.expect("store it");
    store
}

fn take_requests(store: &Store, transport: &Arc<AmqpTransport>) -> Shutdown {
    let shutdown = Shutdown::new();
    let metrics = Metrics::new().expect("fresh instruments");
    let ingress = Ingress { store: store.clone(), metrics, work_was_made: Arc::default() };
    let source = Arc::clone(transport) as Arc<dyn RequestSource>;
    RequestLoop { ingress, source, shutdown: shutdown.clone() }.start();
    shutdown
}

async fn waiting_in(broker: &TestBroker, queue: &str) -> (u64, u64) {
    let state = broker.queue(queue).await.expect("the queue is there");
    (state.ready, state.unacknowledged)
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_held_while_the_database_is_away_and_then_left_to_others() {
    const JOBS: u32 = 6;
    let (broker, database) = (TestBroker::vhost().await, TestDatabase::postgres().await);
    let near = store(database.url()).await;
    near.migrate().await.expect("migrate");
    let line = Proxy::start(server_of(database.url())).await;
    let far = store(&line.through(database.url())).await;
    let (cut_off, in_reach) = (Counting::default(), Counting::default());
    let first = Worker::start(&far, &broker, Duration::from_secs(3), &cut_off).await;
    line.refuse();
    line.cut();
    let wishes: Vec<_> = (1..=u128::from(JOBS)).map(work).collect();
    near.ledger().enqueue(&wishes).await.expect("enqueue");
    let tickets = transport(&broker).await;
    assert_eq!(dispatch(&near, &tickets).await, 6);
    wait_until("the worker that is cut off holds the tickets", SOON, async || {
        waiting_in(&broker, "muster.v1.refresh").await == (0, u64::from(JOBS))
    })
    .await;
    let second = Worker::start(&near, &broker, LONG, &in_reach).await;
    wait_until("the other one does the jobs", PATIENT, async || {
        all_done_at_once(&jobs(&near).await) && in_reach.count() == JOBS
    })
    .await;
    assert_eq!(cut_off.count(), 0, "nothing was claimed without the database");
    second.stop().await;
    line.restore();
    near.ledger().enqueue(&[work(100)]).await.expect("enqueue");
    assert_eq!(dispatch(&near, &tickets).await, 1);
    wait_until("the first worker goes on", SOON, async || cut_off.count() == 1).await;
    assert_eq!(near.dead_letters().count().await.expect("count"), 0);
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_in_the_broker_while_the_database_is_away() {
    const REQUESTS: u32 = 30;
    let (broker, database) = (TestBroker::vhost().await, TestDatabase::postgres().await);
    let near = with_credential(&database).await;
    let line = Proxy::start(server_of(database.url())).await;
    let far = store(&line.through(database.url())).await;
    let tickets = transport(&broker).await;
    let door = take_requests(&far, &tickets);
    line.refuse();
    line.cut();
    for number in 0..REQUESTS {
        publish(&broker, &onboarding(number)).await;
    }
    let all_wait = async || {
        let (ready, in_hand) = waiting_in(&broker, INGRESS).await;
        ready + in_hand == u64::from(REQUESTS)
    };
    wait_until("all requests wait", SOON, all_wait).await;
    stays_true("all requests wait", A_WHILE, all_wait).await;
    assert_eq!(waiting_in(&broker, DEAD).await, (0, 0));
    line.restore();
    wait_until("every request was taken", PATIENT, async || {
        near.connectors().list().await.expect("list").len() == 30
            && waiting_in(&broker, INGRESS).await == (0, 0)
    })
    .await;
    assert_eq!(waiting_in(&broker, DEAD).await, (0, 0));
    assert_eq!(near.dead_letters().count().await.expect("count"), 0);
    door.begin();
    door.drained().await;
}

/// Has every statement that writes fail, as a server with a full disk does.
async fn fill_the_disk(connection: &DatabaseConnection) {
    run(
        connection,
        "CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
    )
    .await;
    let each = "DO $$ DECLARE t text; BEGIN FOR t IN SELECT table_name FROM information_schema.tables
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' LOOP EXECUTE format('CREATE TRIGGER full_disk
        BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH STATEMENT EXECUTE FUNCTION disk_is_full()', t); END LOOP; END $$";
    run(connection, each).await;
}

async fn run(connection: &DatabaseConnection, statement: &str) {
    connection.execute_unprepared(statement).await.expect("prepare the database");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_pauses_everything_and_loses_nothing() {
    let (broker, database) = (TestBroker::vhost().await, TestDatabase::postgres().await);
    let store = with_credential(&database).await;
    let connection = database.connect().await;
    let (tickets, handler) = (transport(&broker).await, Counting::default());
    store.ledger().enqueue(&[work(1), work(2)]).await.expect("enqueue");
    assert_eq!(dispatch(&store, &tickets).await, 2);
    fill_the_disk(&connection).await;
    let worker = Worker::start(&store, &broker, LONG, &handler).await;
    let door = take_requests(&store, &tickets);
    publish(&broker, &onboarding(1)).await;
    publish(&broker, &json!({ "this": "is no event" })).await;
    let nothing_is_acknowledged = async || {
        waiting_in(&broker, INGRESS).await == (0, 2)
            && waiting_in(&broker, "muster.v1.refresh").await == (0, 2)
    };
    wait_until("requests and tickets are in hand", SOON, nothing_is_acknowledged).await;
    stays_true("nothing is acknowledged", A_WHILE, nothing_is_acknowledged).await;
    assert_eq!((handler.count(), waiting_in(&broker, DEAD).await), (0, (0, 0)));
    run(&connection, "DROP FUNCTION disk_is_full CASCADE").await;
    wait_until("everything goes on", PATIENT, async || {
        store.connectors().list().await.expect("list").len() == 1
            && store.dead_letters().count().await.expect("count") == 1
            && waiting_in(&broker, INGRESS).await == (0, 0)
            && handler.count() == 2
    })
    .await;
    let refreshes: Vec<_> =
        jobs(&store).await.into_iter().filter(|job| job.kind.role() == Role::Refresh).collect();
    wait_until("the jobs are done", SOON, async || {
        jobs(&store)
            .await
            .iter()
            .filter(|job| job.kind.role() == Role::Refresh)
            .all(|job| !job.state.is_live())
    })
    .await;
    assert_eq!(refreshes.len(), 2);
    worker.stop().await;
    door.begin();
    door.drained().await;
}

/// The next `count` statements that change a job collide, by turns as a serialization failure and as a deadlock.
async fn collide(connection: &DatabaseConnection, count: u32) {
    run(connection, "DROP FUNCTION IF EXISTS collide CASCADE").await;
    run(connection, "DROP SEQUENCE IF EXISTS collisions").await;
    run(connection, "CREATE SEQUENCE collisions").await;
    // A sequence is not rolled back, so that it counts what failed.
    let function = format!(
        "CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n bigint := nextval('collisions'); BEGIN
         IF n <= {count} AND n % 2 = 0 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
         IF n <= {count} THEN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END IF;
         RETURN NULL; END $$"
    );
    run(connection, &function).await;
    run(
        connection,
        "CREATE TRIGGER collides BEFORE INSERT OR UPDATE ON job FOR EACH STATEMENT EXECUTE FUNCTION collide()",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_collides_is_tried_again_in_place() {
    const COLLISIONS: u32 = 4;
    let database = TestDatabase::postgres().await;
    let store = store(database.url()).await;
    store.migrate().await.expect("migrate");
    let connection = database.connect().await;
    collide(&connection, COLLISIONS).await;
    store.ledger().enqueue(&[work(1)]).await.expect("enqueue in spite of collisions");
    collide(&connection, COLLISIONS).await;
    let tickets =
        store.ledger().dispatch(Role::Refresh, 10, 10).await.expect("dispatch in spite of collisions");
    assert_eq!(tickets.len(), 1);
    collide(&connection, COLLISIONS).await;
    let ticket = (tickets[0].ticket.clone(), false);
    let claimed = store.ledger().claim(&[ticket], "test", LONG).await.expect("claim in spite of collisions");
    collide(&connection, COLLISIONS).await;
    let lease = claimed[0].lease;
    assert!(store.ledger().renew(&[lease], LONG).await.expect("renew in spite of collisions").is_empty());
    collide(&connection, COLLISIONS).await;
    let finish = Finish { lease, changes: Changes::default(), end: End::Done };
    let finished = store.ledger().finish(vec![finish]).await.expect("finish in spite of collisions");
    assert_eq!(finished, [Finished::Committed]);
    assert!(all_done_at_once(&jobs(&store).await));
    collide(&connection, COLLISIONS + 1).await;
    let error = store.ledger().enqueue(&[work(2)]).await.expect_err("five times are enough");
    assert!(error.is_passing(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn collisions_that_go_on_cost_a_job_no_attempt() {
    let (broker, database) = (TestBroker::vhost().await, TestDatabase::postgres().await);
    let store = store(database.url()).await;
    store.migrate().await.expect("migrate");
    store.ledger().enqueue(&[work(1), work(2)]).await.expect("enqueue");
    let tickets = transport(&broker).await;
    assert_eq!(dispatch(&store, &tickets).await, 2);
    // More than one transaction is tried in place, for the claim and for the commit.
    collide(&database.connect().await, 23).await;
    let handler = Counting::default();
    let worker = Worker::start(&store, &broker, LONG, &handler).await;
    wait_until("the jobs are done", PATIENT, async || {
        jobs(&store).await.iter().all(|job| !job.state.is_live())
    })
    .await;
    assert!(all_done_at_once(&jobs(&store).await), "{:?}", jobs(&store).await);
    assert_eq!(handler.count(), 2, "and each was done once");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_is_waited_for_and_renewals_do_not_wait() {
    let database = TestDatabase::postgres().await;
    let options = StoreOptions {
        max_connections: 2,
        acquire_timeout: Duration::from_millis(300),
        ..StoreOptions::new(database.url())
    };
    let store = Store::connect(options).await.expect("connect");
    store.migrate().await.expect("migrate");
    store.ledger().enqueue(&[work(1), work(2)]).await.expect("enqueue");
    let tickets = store.ledger().dispatch(Role::Refresh, 10, 10).await.expect("dispatch");
    let ticket = |number: usize| [(tickets[number].ticket.clone(), false)];
    let held = store.ledger().claim(&ticket(0), "test", LONG).await.expect("claim").remove(0);

    let connection = database.connect().await;
    let blocker = connection.begin().await.expect("begin");
    blocker.execute_unprepared("LOCK TABLE credential IN ACCESS EXCLUSIVE MODE").await.expect("lock");
    let stuck: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.credentials().list().await })
        })
        .collect();
    wait_until("both connections wait for the lock", SOON, async || {
        let query = "SELECT count(*) AS n FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let statement = Statement::from_string(connection.get_database_backend(), query);
        let row = connection.query_one_raw(statement).await.expect("ask").expect("a row");
        row.try_get::<i64>("", "n").expect("a number") == 2
    })
    .await;
    let error = store.ledger().claim(&ticket(1), "test", LONG).await.expect_err("no connection is free");
    assert!(error.is_passing(), "{error}");
    let lost =
        store.ledger().renew(&[held.lease], LONG).await.expect("renewals have a connection of their own");
    assert!(lost.is_empty());
    blocker.commit().await.expect("commit");
    for task in stuck {
        task.await.expect("the task").expect("list");
    }
    let claimed = store.ledger().claim(&ticket(1), "test", LONG).await.expect("claim");
    assert_eq!(claimed[0].attempt, 1, "nothing was counted against it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_database_that_another_process_writes_to_is_waited_for() {
    let database = TestDatabase::sqlite();
    let store = store(database.url()).await;
    store.migrate().await.expect("migrate");
    let another = database.connect().await;
    // One connection of that pool from its beginning to its end.
    let transaction = another.begin().await.expect("begin");
    transaction.execute_unprepared("CREATE TABLE theirs (id integer)").await.expect("write");
    let writing = tokio::spawn({
        let store = store.clone();
        async move { store.ledger().enqueue(&[work(1)]).await }
    });
    stays_true("the second writer waits", A_WHILE, async || !writing.is_finished()).await;
    assert!(jobs(&store).await.is_empty(), "readers do not wait");
    transaction.commit().await.expect("commit");
    writing.await.expect("the task").expect("no error surfaces");
    assert_eq!(jobs(&store).await.len(), 1);
}
