//! The total check sees what it promises to see.

use muster_azdo_sim::SimulatorOptions;
use sea_orm::ConnectionTrait as _;
use std::collections::BTreeSet;
use tests::fleet::Fleet;
use tests::subscriber::FactSubscriber;
use tests::total_check::{Promise, TotalCheck};

/// Damage, and the promises that it breaks.
const DAMAGE: [(&str, &[Promise]); 8] = [
    (
        "INSERT INTO job (id, role, kind, subject_key, fairness_key, connector_id, spends_budget, needs_connector,
            state, priority, max_attempts, due_at_ms, cause, created_at_ms, updated_at_ms)
         VALUES (gen_random_uuid(), 'sync', 'project.sync', 'x', 'x', gen_random_uuid(), true, true,
            'dead', 100, 8, 0, 'test', 0, 0)",
        &[Promise::DeadJobsHaveLetters],
    ),
    ("UPDATE job SET state = 'dispatched' WHERE state = 'dead'", &[Promise::JobsEnd]),
    ("UPDATE job SET state = 'pending' WHERE state = 'dispatched'", &[Promise::JobsEnd]),
    ("UPDATE job SET state = 'done', attempt = 9", &[Promise::JobsAreOne]),
    ("UPDATE job SET attempt = 0, lease_until_ms = 1", &[Promise::JobsAreOne]),
    (
        "INSERT INTO event_outbox (id, routing_key, body, due_at_ms, created_at_ms)
         VALUES (gen_random_uuid(), 'x', 'x', 0, 0)",
        &[Promise::JobsAreOne, Promise::OutboxIsEmpty],
    ),
    (
        "DELETE FROM event_outbox; DELETE FROM job;
         INSERT INTO reading (id, connector_id, organization_id, kind, subject, content_hash, read_at_ms, changed_at_ms)
         SELECT gen_random_uuid(), c.id, c.id, 'x', 'x', 'x', 0, 0 FROM connector c, generate_series(1, 2)",
        &[Promise::NothingIsDoubled],
    ),
    (
        "INSERT INTO resource (id, connector_id, kind, organization_id, external_id, name, properties, content_hash,
            presence, change_sequence, first_seen_ms, changed_at_ms)
         SELECT gen_random_uuid(), c.id, 'repository', c.id, 'x', 'x', '{}', 'x', 'present', 1, 0, 0
         FROM connector c, generate_series(1, 2);
         INSERT INTO assessment (resource_id, recommendation, connector_id, state, cause, observed, expected,
            first_evaluated_at_ms, since_ms, change_sequence)
         SELECT id, id, connector_id, 'Healthy', '', '', '', 0, 0, 2 FROM resource;
         INSERT INTO assessment_history (id, resource_id, recommendation, connector_id, to_state, cause, observed,
            expected, change_sequence, at_ms)
         SELECT gen_random_uuid(), id, id, connector_id, 'Healthy', '', '', '', 1, 0 FROM resource",
        &[Promise::FactsAreDelivered, Promise::HistoryIsExact, Promise::NothingIsDoubled],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_total_check_sees_what_is_lost_doubled_or_half() {
    let world = SimulatorOptions {
        organizations: 1,
        projects: 1,
        repositories: 1,
        seed: 1,
        ..SimulatorOptions::default()
    };
    let fleet = Fleet::prepare(world).await;
    let facts = FactSubscriber::start(&fleet.broker).await;
    fleet.create_connector().await;
    let connection = fleet.database.connect().await;
    connection.execute_unprepared("DELETE FROM job; DELETE FROM event_outbox").await.expect("an empty fleet");
    let untouched = TotalCheck::of(&fleet).expecting(BTreeSet::new()).with_facts(&facts).run().await;
    untouched.assert_holds("a fleet that did nothing");
    for (damage, promises) in DAMAGE {
        connection.execute_unprepared(damage).await.expect("damage");
        let report =
            TotalCheck::of(&fleet).expecting(fleet.assessments().await).with_facts(&facts).run().await;
        let broken: BTreeSet<Promise> = report.broken.iter().map(|broken| broken.promise).collect();
        assert_eq!(broken, promises.iter().copied().collect(), "{damage}: {report}");
    }
    let lost = [("urn:contoso:portal".to_owned(), "lost".to_owned())];
    let report = TotalCheck::of(&fleet).with_requests(lost).run().await;
    let broken: BTreeSet<Promise> = report.broken.iter().map(|broken| broken.promise).collect();
    assert!(broken.contains(&Promise::RequestsTaken), "{report}");
    assert!(broken.contains(&Promise::AssessmentsAreTrue), "{report}");
}
