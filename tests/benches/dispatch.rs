//! What one round of the dispatcher costs with many due jobs beside few, on both databases, for work that spends the
//! consumption budget (fair by what was spent) and for work that does not (fair by turns).
//!
//! Passes where a round with 50,000 due jobs takes at most five times as long as one with few, of as many organizations.
//!
//! `tests/run --services-only` gives the services; `cargo bench --workspace --bench dispatch` runs it.

use muster_domain::connector::{OrganizationsChoice, Plan};
use muster_domain::credential::CredentialKind;
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::{ConnectorId, IdentityKey, OrganizationName, ProjectId};
use muster_store::connectors::NewConnector;
use muster_store::ledger::{BACKGROUND_PRIORITY, NewJob};
use muster_store::{KeyRing, Store, StoreOptions};
use sea_orm::{ConnectionTrait as _, Database};
use secrecy::SecretString;
use std::io::Write as _;
use std::time::{Duration, Instant};
use tests::database::TestDatabase;
use tests::services;
use uuid::Uuid;

const MANY: u32 = 50_000;
const FEW: u32 = 500;
/// Organizations among which the jobs are, each at least one.
const ORGANIZATIONS: [u32; 2] = [10, 1_000];
/// Rounds that are measured, after one that fills caches; the median counts.
const ROUNDS: usize = 15;
/// A batch in between those of the two kinds of work: the dispatcher asks for 16 that spend and 500 that do not.
const WINDOW: u32 = 128;
const BATCH: u32 = 64;
/// A round with many due jobs may take so many times as long as one with few.
const MOST_RATIO: f64 = 5.0;

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    services::install_tls_provider();
    let mut failures = Vec::new();
    for embedded in [true, false] {
        for kind in [JobKind::ProjectSync, JobKind::ProjectRefresh] {
            for organizations in ORGANIZATIONS {
                let few = round_of(embedded, kind, organizations, FEW.max(organizations)).await;
                let many = round_of(embedded, kind, organizations, MANY).await;
                let ratio = many.as_secs_f64() / few.as_secs_f64();
                let database = if embedded { "SQLite" } else { "PostgreSQL" };
                let said = format!(
                    "{database:<10} {role:<8} {organizations:>5} organizations: {few:>7.2} ms with few, {many:>8.2} ms with \
                     {MANY}, {ratio:>5.1} times",
                    role = kind.role().as_str(),
                    few = few.as_secs_f64() * 1_000.0,
                    many = many.as_secs_f64() * 1_000.0,
                );
                writeln!(std::io::stdout().lock(), "{said}").expect("print");
                if ratio > MOST_RATIO {
                    failures.push(said);
                }
            }
        }
    }
    assert!(failures.is_empty(), "a round grows with what is due: {failures:#?}");
}

/// The median of a round of dispatching.
async fn round_of(embedded: bool, kind: JobKind, organizations: u32, jobs: u32) -> Duration {
    let database = if embedded { TestDatabase::sqlite() } else { TestDatabase::postgres().await };
    let store = filled(&database, kind, organizations, jobs).await;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..=ROUNDS {
        let began = Instant::now();
        let tickets = store.ledger().dispatch(kind.role(), WINDOW, BATCH).await.expect("dispatch");
        rounds.push(began.elapsed());
        assert_eq!(tickets.len(), usize::try_from(BATCH).expect("a small number"), "a whole batch was due");
        let names: Vec<_> = tickets.iter().map(|traced| (traced.ticket.job, traced.ticket.seq)).collect();
        store.ledger().put_back(&names).await.expect("put back");
    }
    store.close().await.expect("close");
    rounds.remove(0);
    rounds.sort();
    rounds[ROUNDS / 2]
}

async fn filled(database: &TestDatabase, kind: JobKind, organizations: u32, jobs: u32) -> Store {
    let mut options = StoreOptions::new(database.url());
    options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
    let store = Store::connect(options).await.expect("connect");
    store.migrate().await.expect("migrate");
    let secret = SecretString::from("a token of this benchmark".to_owned());
    let kept = store.credentials().put("bench", CredentialKind::PersonalAccessToken, &secret).await;
    let credential = kept.expect("a credential").id;
    store.credentials().set_identity(credential, &IdentityKey::subject("aad.bench")).await.expect("identity");
    let connector = NewConnector {
        id: ConnectorId(Uuid::new_v4()),
        name: "bench".to_owned(),
        subscription_id: "11111111-2222-4333-8444-555555555555".to_owned(),
        resource_group: "devops".to_owned(),
        region: "westeurope".to_owned(),
        tenant_id: None,
        plan: Plan::Foundational,
        credential_id: credential,
        organizations: OrganizationsChoice::AllExistingAndFuture,
    };
    let connector = store.connectors().create(&connector, &[]).await.expect("a connector");
    let spends = kind.role() != Role::Refresh;
    let jobs: Vec<NewJob> = (0..jobs)
        .map(|number| NewJob {
            kind,
            subject: JobSubject::project(
                connector.id,
                OrganizationName::new(format!("organization-{}", number % organizations)),
                ProjectId(Uuid::new_v4()),
            ),
            credential_id: spends.then_some(credential),
            delay: Duration::ZERO,
            priority: BACKGROUND_PRIORITY,
            cause: "bench".to_owned(),
            trace: None,
        })
        .collect();
    for chunk in jobs.chunks(1_000) {
        store.ledger().enqueue(chunk).await.expect("enqueue");
    }
    if database.url().starts_with("postgres") {
        // As autovacuum does within a minute.
        let connection = Database::connect(database.url()).await.expect("connect");
        connection.execute_unprepared("ANALYZE").await.expect("analyze");
    }
    store
}
