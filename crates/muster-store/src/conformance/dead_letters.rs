//! What could not be read or done: kept, found, counted, discarded, replayed.

use super::fixtures::{claim, claimed, connector, dispatch, enqueue_one, finish, job, sync, uuid};
use super::{Bench, on_both};
use crate::StoreError;
use crate::changes::ConnectorTransition;
use crate::dead_letters::{
    DeadLetter, DeadLetterFilter, Discarding, Forgotten, LEDGER_ORIGIN, LONGEST_KEPT_BYTES, LetterStatus,
    NewDeadLetter, ReplayAnswer, ReplayHold, ReplayStart,
};
use crate::ledger::{CRASH_LIMIT_CLASS, End, INCONSISTENT_CLASS, LEASE_EXPIRED_CLASS, NewJob};
use muster_domain::connector::{Connector, ConnectorEvent};
use muster_domain::job::{JobKind, JobState, JobSubject, Role, WaitingReason};
use muster_domain::{JobId, OrganizationName, ProjectId};
use muster_messages::TraceContext;
use sea_orm::ConnectionTrait;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

on_both!(
    dead_letters_keep_bytes,
    nothing_that_looks_like_a_secret_is_kept,
    every_death_of_a_job_leaves_one_letter,
    a_letter_tells_the_first_error_and_the_last,
    workers_that_vanish_leave_letters_too,
    a_row_that_is_not_understood_leaves_a_letter,
    a_job_of_a_newer_binary_is_put_back,
    letters_are_filtered_counted_and_come_in_pages,
    discarded_letters_stay_with_who_and_why,
    what_was_dealt_with_makes_room_first,
    a_replayed_job_has_all_its_attempts_again,
    a_job_is_replayed_once,
    racing_replays_have_one_winner,
    a_replay_whose_process_died_is_taken_over,
    a_job_of_a_removed_connector_is_not_replayed,
    a_forgotten_job_is_asked_for_anew,
    a_retried_job_settles_its_letter,
);

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn letter(reason_class: &str) -> NewDeadLetter {
    NewDeadLetter {
        origin: "muster.v1.ingress".to_owned(),
        routing_key: Some("x".to_owned()),
        raw: vec![0, 255, 10],
        headers: json!({"a": 1}),
        reason_class: reason_class.to_owned(),
        reason: "no JSON".to_owned(),
        ..NewDeadLetter::default()
    }
}

async fn put(bench: &Bench, reason_class: &str) -> Uuid {
    bench.store.dead_letters().put(&letter(reason_class)).await.expect("put")
}

async fn get(bench: &Bench, id: Uuid) -> DeadLetter {
    bench.store.dead_letters().get(id).await.expect("get").expect("the letter")
}

/// The letters of dead jobs, newest first.
async fn of_ledger(bench: &Bench) -> Vec<DeadLetter> {
    let filter = DeadLetterFilter { origin: Some(LEDGER_ORIGIN.to_owned()), ..DeadLetterFilter::default() };
    bench.store.dead_letters().page(&filter, None, 100).await.expect("page").letters
}

fn dead() -> End {
    End::Dead { class: "bad".to_owned(), message: "no".to_owned() }
}

async fn die(bench: &Bench, wish: NewJob) -> JobId {
    let job = claimed(&bench.store, wish).await;
    finish(&bench.store, &job, dead()).await;
    bench.clock.advance(chrono::Duration::seconds(1));
    job.lease.job_id
}

fn sync_of(connector: &Connector) -> NewJob {
    let organization = OrganizationName::new("contoso");
    job(JobKind::ProjectSync, JobSubject::project(connector.id, organization, ProjectId(uuid(10))))
}

async fn hold(bench: &Bench, id: Uuid) -> ReplayHold {
    match bench.store.dead_letters().start_replay(id).await.expect("start") {
        ReplayStart::Held(hold) => *hold,
        other => panic!("not held: {other:?}"),
    }
}

async fn replay(bench: &Bench, id: Uuid) -> ReplayAnswer {
    let hold = hold(bench, id).await;
    bench.store.dead_letters().replay_job(&hold, "admin").await.expect("replay").expect("it is held")
}

/// What the audit says of letters, newest first: action, actor.
async fn audited(bench: &Bench) -> Vec<(String, String)> {
    let records = bench.store.audit().list(100).await.expect("list");
    records.into_iter().map(|record| (record.entry.action, record.entry.actor)).collect()
}

async fn dead_letters_keep_bytes(bench: Bench) {
    let letters = bench.store.dead_letters();
    let trace = TraceContext { traceparent: TRACEPARENT.to_owned(), tracestate: Some("x=y".to_owned()) };
    let small = NewDeadLetter { trace: Some(trace), ..letter("unreadable") };
    let id = letters.put(&small).await.expect("put");
    bench.clock.advance(chrono::Duration::seconds(1));
    let large = NewDeadLetter {
        raw: vec![7; LONGEST_KEPT_BYTES + 5],
        headers: json!({ "a": "x".repeat(LONGEST_KEPT_BYTES), "b": "\0" }),
        reason: "a NUL\0".to_owned(),
        ..small.clone()
    };
    letters.put(&large).await.expect("put");
    let nul = NewDeadLetter { headers: json!({ "b": "\0" }), ..small.clone() };
    letters.put(&nul).await.expect("what PostgreSQL cannot hold is left out");
    let listed = letters.list(10).await.expect("list");
    let cut = listed.iter().find(|kept| kept.original_bytes > 3).expect("the large one");
    assert_eq!(cut.letter.raw.len(), LONGEST_KEPT_BYTES);
    assert_eq!(usize::try_from(cut.original_bytes).expect("size"), LONGEST_KEPT_BYTES + 5);
    assert!(cut.letter.headers.to_string().len() < 100 && cut.letter.reason.starts_with("a NUL"));
    let kept = get(&bench, id).await;
    assert_eq!((&kept.letter, kept.attempts, kept.status), (&small, 1, LetterStatus::Open));
    assert_eq!((kept.first_error.as_deref(), kept.last_error.as_deref()), (Some("no JSON"), Some("no JSON")));
    assert_eq!(letters.count().await.expect("count"), 3);
    bench.clock.advance(chrono::Duration::days(1));
    assert_eq!(letters.prune(Duration::from_secs(60)).await.expect("prune"), 3);
}

async fn nothing_that_looks_like_a_secret_is_kept(bench: Bench) {
    let letters = bench.store.dead_letters();
    let token = "a1".repeat(26);
    let body = format!("{{\"data\": {{\"credential\": \"{token}\"").into_bytes();
    let id = letters.put(&NewDeadLetter { raw: body.clone(), ..letter("unreadable") }).await.expect("put");
    let kept = get(&bench, id).await;
    assert!(kept.letter.raw.is_empty());
    assert_eq!(usize::try_from(kept.original_bytes).expect("size"), body.len());
    assert!(kept.letter.headers["bodyLeftOut"].is_string(), "{}", kept.letter.headers);
    let headers = json!({ "authorization": token });
    let id = letters.put(&NewDeadLetter { headers, ..letter("unreadable") }).await.expect("put");
    assert!(!get(&bench, id).await.letter.headers.to_string().contains(&token));
}

async fn every_death_of_a_job_leaves_one_letter(bench: Bench) {
    let mut wish = sync("contoso", 10);
    wish.trace = Some(TraceContext { traceparent: TRACEPARENT.to_owned(), tracestate: None });
    let job = claimed(&bench.store, wish).await;
    finish(&bench.store, &job, End::Continue { progress: json!({ "page": 1 }) }).await;
    assert!(of_ledger(&bench).await.is_empty());
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let job = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    finish(&bench.store, &job, dead()).await;
    // The same end once more, as after an answer that got lost.
    finish(&bench.store, &job, dead()).await;
    let letters = of_ledger(&bench).await;
    assert_eq!(letters.len(), 1);
    let DeadLetter { letter, attempts, first_error, last_error, .. } = &letters[0];
    assert_eq!((letter.reason_class.as_str(), letter.reason.as_str(), *attempts), ("bad", "no", 1));
    assert_eq!((first_error.as_deref(), last_error.as_deref()), (Some("bad: no"), Some("bad: no")));
    assert_eq!((letter.job_id, letter.job_kind.as_deref()), (Some(job.lease.job_id), Some("project.sync")));
    assert_eq!(letter.connector_id, Some(job.subject.connector_id));
    assert_eq!(letter.trace.as_ref().map(|trace| trace.traceparent.as_str()), Some(TRACEPARENT));
    let raw: serde_json::Value = serde_json::from_slice(&letter.raw).expect("JSON");
    let subject = json!({ "connectorId": uuid(1), "organization": "contoso", "projectId": uuid(10) });
    let expected =
        json!({ "kind": "project.sync", "subject": subject, "cause": "test", "progress": { "page": 1 } });
    assert_eq!(raw, expected);
}

async fn a_letter_tells_the_first_error_and_the_last(bench: Bench) {
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    for attempt in 1..=8_u32 {
        let tickets = dispatch(&bench.store, Role::Sync).await;
        let job = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
        assert!(of_ledger(&bench).await.is_empty(), "attempt {attempt}: not before its death");
        let message = format!("number {attempt}");
        let end = End::Failed { class: "timeout".to_owned(), message, delay: Duration::ZERO };
        finish(&bench.store, &job, end).await;
    }
    let letters = of_ledger(&bench).await;
    assert_eq!((letters.len(), letters[0].attempts), (1, 8));
    assert_eq!(letters[0].first_error.as_deref(), Some("timeout: number 1"));
    assert_eq!(letters[0].last_error.as_deref(), Some("timeout: number 8"));
    assert_eq!(letters[0].letter.reason, "number 8");
}

async fn workers_that_vanish_leave_letters_too(bench: Bench) {
    let redelivered = enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    claim(&bench.store, &tickets, false).await;
    for _ in 0..3 {
        assert!(of_ledger(&bench).await.is_empty());
        claim(&bench.store, &tickets, true).await;
    }
    let letters = of_ledger(&bench).await;
    assert_eq!((letters.len(), letters[0].letter.job_id), (1, Some(redelivered)));
    assert_eq!((letters[0].letter.reason_class.as_str(), letters[0].attempts), (CRASH_LIMIT_CLASS, 3));
    assert!(letters[0].letter.reason.contains("worker"), "{}", letters[0].letter.reason);

    let hanging = enqueue_one(&bench.store, sync("contoso", 2)).await;
    for _ in 0..3 {
        bench.clock.advance(chrono::Duration::seconds(10));
        let tickets = dispatch(&bench.store, Role::Sync).await;
        claim(&bench.store, &tickets, false).await;
        bench.clock.advance(chrono::Duration::minutes(2));
        bench.store.ledger().reclaim_expired(100, 3).await.expect("reclaim");
    }
    let letters = of_ledger(&bench).await;
    assert_eq!((letters.len(), letters[0].letter.job_id), (2, Some(hanging)));
    assert_eq!((letters[0].letter.reason_class.as_str(), letters[0].attempts), (LEASE_EXPIRED_CLASS, 3));
}

/// Changes the row of a job as nothing here would.
async fn spoil(bench: &Bench, job: JobId, set: &str) {
    let connection = bench.connection().await;
    let statement = sea_orm::Statement::from_sql_and_values(
        connection.get_database_backend(),
        format!("UPDATE job SET {set} WHERE id = $1"),
        [job.0.into()],
    );
    assert_eq!(connection.execute_raw(statement).await.expect("spoil it").rows_affected(), 1);
    connection.close().await.expect("close");
}

async fn a_row_that_is_not_understood_leaves_a_letter(bench: Bench) {
    let job = enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    spoil(&bench, job, "due_at_ms = 9223372036854775807").await;
    assert!(claim(&bench.store, &tickets, false).await.is_empty());
    let letters = of_ledger(&bench).await;
    assert_eq!((letters.len(), letters[0].letter.job_id), (1, Some(job)));
    assert_eq!(letters[0].letter.reason_class, INCONSISTENT_CLASS);
    assert!(letters[0].letter.reason.contains("due_at_ms"), "{}", letters[0].letter.reason);
}

async fn a_job_of_a_newer_binary_is_put_back(bench: Bench) {
    let job = enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    spoil(&bench, job, "kind = 'project.dream'").await;
    assert!(claim(&bench.store, &tickets, false).await.is_empty());
    spoil(&bench, job, "kind = 'project.sync'").await;
    let view = bench.store.ledger().get(job).await.expect("get").expect("the job");
    let expected = (JobState::Pending, Some(WaitingReason::UnknownVersion), 0);
    assert_eq!((view.state, view.waiting_reason, view.attempt), expected);
    assert!(of_ledger(&bench).await.is_empty());
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "it is not tried hot");
    assert_eq!(bench.store.ledger().release_unknown_versions().await.expect("release"), 1);
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1, "a newer binary takes it");
}

async fn letters_are_filtered_counted_and_come_in_pages(bench: Bench) {
    let letters = bench.store.dead_letters();
    for number in 0..7 {
        put(&bench, if number % 2 == 0 { "invalid" } else { "unreadable" }).await;
        // Some of the same millisecond.
        bench.clock.advance(chrono::Duration::milliseconds(number % 3));
    }
    let main = connector(&bench.store, "main").await;
    let job = die(&bench, sync_of(&main)).await;
    let all = letters.list(100).await.expect("list");
    assert_eq!(all.len(), 8);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = letters.page(&DeadLetterFilter::default(), after.as_ref(), 3).await.expect("page");
        seen.extend(page.letters);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, all, "none twice, none left out");
    assert!(seen.is_sorted_by_key(|kept| std::cmp::Reverse((kept.seen_at, kept.id))), "newest first");
    let mut oldest = letters.oldest(&DeadLetterFilter::default(), None, 100).await.expect("page").letters;
    oldest.reverse();
    assert_eq!(oldest, all);
    let any = DeadLetterFilter::default;
    let count = async |filter: DeadLetterFilter| letters.count_matching(&filter).await.expect("count");
    assert_eq!(count(DeadLetterFilter { reason_class: Some("invalid".to_owned()), ..any() }).await, 4);
    assert_eq!(count(DeadLetterFilter { origin: Some(LEDGER_ORIGIN.to_owned()), ..any() }).await, 1);
    assert_eq!(count(DeadLetterFilter { job: Some(job), ..any() }).await, 1);
    assert_eq!(count(DeadLetterFilter { job_kind: Some(JobKind::ProjectSync), ..any() }).await, 1);
    assert_eq!(count(DeadLetterFilter { job_kind: Some(JobKind::ProjectRefresh), ..any() }).await, 0);
    assert_eq!(count(DeadLetterFilter { connector: Some(main.id), ..any() }).await, 1);
    let third = all[2].seen_at;
    let (since, until) = (Some(third), Some(third));
    let before = count(DeadLetterFilter { until, ..any() }).await;
    assert_eq!(before + count(DeadLetterFilter { since, ..any() }).await, 8);
    assert_eq!(before, all.iter().filter(|kept| kept.seen_at < third).count() as u64);
    letters.discard(all[7].id, "admin", "old").await.expect("discard");
    let open = Some(LetterStatus::Open);
    assert_eq!(count(DeadLetterFilter { status: open, ..any() }).await, 7);
    let counts = letters.count_by_reason(&any()).await.expect("count");
    let counts: Vec<_> =
        counts.iter().map(|count| (count.reason_class.as_str(), count.status, count.letters)).collect();
    let expected = [
        ("bad", LetterStatus::Open, 1),
        ("invalid", LetterStatus::Discarded, 1),
        ("invalid", LetterStatus::Open, 3),
        ("unreadable", LetterStatus::Open, 3),
    ];
    assert_eq!(counts, expected);
}

async fn discarded_letters_stay_with_who_and_why(bench: Bench) {
    let letters = bench.store.dead_letters();
    let first = put(&bench, "invalid").await;
    assert_eq!(letters.discard(first, "admin", "a test").await.expect("discard"), Discarding::Discarded);
    let kept = get(&bench, first).await;
    let who = (kept.status, kept.discarded_by.as_deref(), kept.discard_reason.as_deref());
    assert_eq!(who, (LetterStatus::Discarded, Some("admin"), Some("a test")));
    let again = letters.discard(first, "somebody", "else").await.expect("discard");
    assert_eq!(again, Discarding::NothingToDo(Box::new(kept)), "the first one stands");
    let replay = letters.start_replay(first).await.expect("start");
    assert!(matches!(replay, ReplayStart::NothingToDo(_)), "{replay:?}");
    let missing = letters.discard(uuid(1), "admin", "x").await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    for _ in 0..5 {
        put(&bench, "invalid").await;
    }
    let other = put(&bench, "unreadable").await;
    let invalid =
        DeadLetterFilter { reason_class: Some("invalid".to_owned()), ..DeadLetterFilter::default() };
    assert_eq!(letters.discard_matching(&invalid, "admin", "all").await.expect("discard"), 5);
    assert_eq!(letters.discard_matching(&invalid, "admin", "all").await.expect("discard"), 0);
    assert_eq!(get(&bench, other).await.status, LetterStatus::Open);
    let deeds = audited(&bench).await;
    assert_eq!(deeds.len(), 2, "what does nothing is no deed");
    assert!(deeds.iter().all(|deed| *deed == ("dead_letter.discard".to_owned(), "admin".to_owned())));
}

async fn what_was_dealt_with_makes_room_first(bench: Bench) {
    let letters = bench.store.dead_letters();
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(put(&bench, "invalid").await);
        bench.clock.advance(chrono::Duration::seconds(1));
    }
    letters.discard(ids[4], "admin", "old").await.expect("discard");
    assert_eq!(letters.make_room(6).await.expect("room"), Forgotten::default());
    assert_eq!(letters.make_room(5).await.expect("room"), Forgotten { settled: 1, open: 0 });
    assert_eq!(letters.make_room(3).await.expect("room"), Forgotten { settled: 0, open: 2 });
    let left: Vec<Uuid> = letters.list(10).await.expect("list").iter().map(|kept| kept.id).collect();
    assert_eq!(left, [ids[5], ids[3], ids[2]], "the newest stay");
}

async fn a_replayed_job_has_all_its_attempts_again(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let job = die(&bench, sync_of(&main)).await;
    let letter = of_ledger(&bench).await.remove(0);
    let answer = replay(&bench, letter.id).await;
    assert!(matches!(answer, ReplayAnswer::Done { makes_work: true, .. }), "{answer:?}");
    let view = bench.store.ledger().get(job).await.expect("get").expect("the job");
    assert_eq!((view.state, view.attempt), (JobState::Pending, 0));
    assert_eq!(view.note.as_deref(), Some("retried: replayed by admin"));
    let kept = get(&bench, letter.id).await;
    assert_eq!((kept.status, kept.replayed_by.as_deref()), (LetterStatus::Replayed, Some("admin")));
    assert!(kept.replay_outcome.is_some());
    assert_eq!(audited(&bench).await, [("dead_letter.replay".to_owned(), "admin".to_owned())]);
    // It dies once more: another letter, which counts from the start.
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let running = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    let end = End::Dead { class: "worse".to_owned(), message: "again".to_owned() };
    finish(&bench.store, &running, end).await;
    let letters = of_ledger(&bench).await;
    assert_eq!(letters.len(), 2);
    assert_eq!((letters[0].status, letters[0].attempts), (LetterStatus::Open, 1));
    assert_eq!(letters[0].first_error.as_deref(), Some("worse: again"));
}

async fn a_job_is_replayed_once(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let letters = bench.store.dead_letters();
    die(&bench, sync_of(&main)).await;
    let letter = of_ledger(&bench).await.remove(0);
    let held = hold(&bench, letter.id).await;
    assert_eq!(letters.start_replay(letter.id).await.expect("start"), ReplayStart::InProgress);
    letters.let_go(&held).await.expect("let go");
    assert_eq!(letters.replay_job(&held, "admin").await.expect("replay"), None, "it is not held any more");
    replay(&bench, letter.id).await;
    let second = letters.start_replay(letter.id).await.expect("start");
    assert!(matches!(second, ReplayStart::NothingToDo(_)), "{second:?}");
    let missing = letters.start_replay(uuid(1)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));

    // The same work was asked for by somebody else meanwhile.
    let job = die(&bench, {
        let organization = OrganizationName::new("contoso");
        super::fixtures::job(JobKind::OrganizationRefresh, JobSubject::organization(main.id, organization))
    })
    .await;
    let view = bench.store.ledger().get(job).await.expect("get").expect("the job");
    let twin = super::fixtures::job(view.kind, view.subject);
    let live = enqueue_one(&bench.store, twin).await;
    let letter = of_ledger(&bench).await.remove(0);
    let answer = replay(&bench, letter.id).await;
    let said = matches!(&answer, ReplayAnswer::Done { outcome, makes_work: false } if outcome.contains(&live.to_string()));
    assert!(said, "{answer:?}");
    assert_eq!(get(&bench, letter.id).await.status, LetterStatus::Replayed);
    assert_eq!(dispatch(&bench.store, Role::Refresh).await.len(), 1);
}

async fn racing_replays_have_one_winner(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    die(&bench, sync_of(&main)).await;
    let letter = of_ledger(&bench).await.remove(0).id;
    let store = bench.racing(8).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let letters = store.dead_letters();
            tokio::spawn(async move {
                match letters.start_replay(letter).await.expect("start") {
                    ReplayStart::Held(hold) => {
                        letters.replay_job(&hold, "admin").await.expect("replay").is_some()
                    }
                    ReplayStart::NothingToDo(_) | ReplayStart::InProgress => false,
                }
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.expect("the task"));
    }
    assert_eq!(won, 1);
    assert_eq!(audited(&bench).await.len(), 1);
}

async fn a_replay_whose_process_died_is_taken_over(bench: Bench) {
    let letters = bench.store.dead_letters();
    let id = put(&bench, "invalid").await;
    let gone = hold(&bench, id).await;
    bench.clock.advance(chrono::Duration::minutes(2));
    let taken = hold(&bench, id).await;
    let late = letters.end_replay(&gone, "late", &ReplayAnswer::done("too late")).await.expect("end");
    assert!(!late, "somebody else has it");
    let refused = ReplayAnswer::refused("invalid_still", "still no JSON");
    assert!(letters.end_replay(&taken, "admin", &refused).await.expect("end"));
    let kept = get(&bench, id).await;
    assert_eq!((kept.status, kept.attempts), (LetterStatus::Open, 2), "it stays open");
    assert_eq!(
        (kept.letter.reason_class.as_str(), kept.letter.reason.as_str()),
        ("invalid_still", "still no JSON")
    );
    assert_eq!(
        (kept.first_error.as_deref(), kept.last_error.as_deref()),
        (Some("no JSON"), Some("still no JSON"))
    );
    let again = hold(&bench, id).await;
    assert!(letters.end_replay(&again, "admin", &ReplayAnswer::done("taken")).await.expect("end"));
    assert_eq!(get(&bench, id).await.replay_outcome.as_deref(), Some("taken"));
}

async fn a_job_of_a_removed_connector_is_not_replayed(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let job = die(&bench, sync_of(&main)).await;
    for event in [ConnectorEvent::Remove, ConnectorEvent::RemovalFinished] {
        let transition = ConnectorTransition { connector_id: main.id, event, reason: None, tenant_id: None };
        bench.store.connectors().transition(&transition, &[]).await.expect("transition");
        let letter = of_ledger(&bench).await.remove(0);
        let answer = replay(&bench, letter.id).await;
        let named = matches!(&answer, ReplayAnswer::Refused { reason, .. } if reason.contains("main"));
        assert!(named, "{answer:?}");
        let kept = get(&bench, letter.id).await;
        assert_eq!((kept.status, kept.letter.reason_class.as_str()), (LetterStatus::Open, "bad"));
    }
    let view = bench.store.ledger().get(job).await.expect("get").expect("the job");
    assert_eq!(view.state, JobState::Dead);
}

async fn a_forgotten_job_is_asked_for_anew(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let job = die(&bench, sync_of(&main)).await;
    let connection = bench.connection().await;
    connection.execute_unprepared("DELETE FROM job").await.expect("forget it");
    connection.close().await.expect("close");
    let letter = of_ledger(&bench).await.remove(0);
    let answer = replay(&bench, letter.id).await;
    assert!(matches!(answer, ReplayAnswer::Done { makes_work: true, .. }), "{answer:?}");
    let tickets = dispatch(&bench.store, Role::Sync).await;
    assert_eq!((tickets.len(), tickets[0].kind), (1, JobKind::ProjectSync));
    assert_ne!(tickets[0].job, job);
    let running = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    assert_eq!((running.subject, running.credential_id), (sync_of(&main).subject, Some(main.credential_id)));
}

async fn a_retried_job_settles_its_letter(bench: Bench) {
    let job = die(&bench, sync("contoso", 1)).await;
    bench.store.ledger().retry(job, "network is back").await.expect("retry");
    let letter = of_ledger(&bench).await.remove(0);
    assert_eq!(letter.status, LetterStatus::Replayed);
    assert!(letter.replay_outcome.expect("said").contains("network is back"));
    assert_eq!(bench.store.dead_letters().count().await.expect("count"), 0);
}
