//! Who spends a budget, what people set about it, and whose turn it is.

use super::fixtures::{claim, connector, dispatch, enqueue_one, job, start};
use super::{Bench, on_both};
use crate::ledger::{NewJob, REQUESTED_PRIORITY};
use chrono::{TimeDelta, Weekday};
use muster_domain::budget::{
    BudgetSettings, Caller, ConsumptionClass, ConsumptionGate, Grant, NoRoom, NoRoomReason,
};
use muster_domain::connector::Connector;
use muster_domain::consumption_control::{ControlChange, ControlScope, QuietHours, Setting, Share};
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::read::Read;
use muster_domain::{Clock as _, ConnectorId, IdentityKey, OrganizationName, ProjectId};
use uuid::Uuid;

on_both!(
    a_control_is_set_changed_and_cleared_with_an_audit_entry_each,
    a_pause_holds_jobs_and_calls_of_the_scope_and_no_others,
    quiet_hours_let_background_work_rest_and_people_go_on,
    a_share_bounds_the_background_calls_of_its_scope,
    what_a_call_cost_is_booked_for_its_scope_and_fades,
    who_waits_is_listed_by_scope_and_role,
    the_organization_that_spent_least_is_dispatched_first,
    what_a_person_waits_for_has_places_of_its_own,
    what_a_person_waits_for_without_a_place_leaves_the_places_of_others,
    one_organization_takes_the_places_that_all_others_leave,
    the_heads_of_organizations_are_found_by_index,
);

const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// A connector whose credential acts as somebody.
async fn connected(bench: &Bench, name: &str, identity: &str) -> (Connector, IdentityKey) {
    let connector = connector(&bench.store, name).await;
    let identity = IdentityKey::subject(identity);
    bench.store.credentials().set_identity(connector.credential_id, &identity).await.expect("identity");
    (connector, identity)
}

fn organization(connector: &Connector, name: &str) -> ControlScope {
    ControlScope::organization(connector.id, OrganizationName::new(name))
}

fn sync(connector: &Connector, organization: &str, project: u128) -> NewJob {
    let project = ProjectId(Uuid::from_u128(project));
    let subject = JobSubject::project(connector.id, OrganizationName::new(organization), project);
    NewJob { credential_id: Some(connector.credential_id), ..job(JobKind::ProjectSync, subject) }
}

fn requested(job: NewJob) -> NewJob {
    NewJob { priority: REQUESTED_PRIORITY, ..job }
}

fn paused(paused: bool) -> ControlChange {
    ControlChange { paused: Some(paused), ..ControlChange::default() }
}

async fn ask(
    gate: &impl ConsumptionGate,
    identity: &IdentityKey,
    class: ConsumptionClass,
    scope: &ControlScope,
) -> Result<Grant, NoRoom> {
    let caller = Caller::of(class, scope.clone());
    gate.reserve(identity, Read::Projects, &caller).await.expect("the database is there")
}

/// Organizations of tickets, in their order.
fn organizations(tickets: &[muster_messages::Ticket]) -> Vec<&str> {
    tickets.iter().filter_map(|ticket| ticket.subject.split('/').nth(1)).collect()
}

async fn a_control_is_set_changed_and_cleared_with_an_audit_entry_each(bench: Bench) {
    let (main, _) = connected(&bench, "main", "aad.someone").await;
    let controls = bench.store.consumption_controls();
    let scope = organization(&main, "Contoso");
    assert_eq!(controls.get(&scope).await.expect("get"), None);
    let change = ControlChange {
        share: Setting::Set(Share::new(0.25).expect("a share")),
        quiet_hours: Setting::Set(QuietHours::new("UTC", &WEEK, "22:00", "06:00").expect("hours")),
        reason: Some("the night build".to_owned()),
        ..ControlChange::default()
    };
    let set = controls.set(&scope, change, "ada").await.expect("set");
    let stored = controls.get(&organization(&main, "CONTOSO")).await.expect("get").expect("there");
    assert_eq!((&stored, stored.paused), (&set, false));
    let changed = controls.set(&scope, paused(true), "grace").await.expect("change");
    assert_eq!((changed.paused, changed.share, changed.reason), (true, set.share, set.reason.clone()));
    let wide = ControlScope::connector(main.id);
    controls.set(&wide, paused(true), "ada").await.expect("set");
    let listed: Vec<_> =
        controls.list().await.expect("list").into_iter().map(|control| control.scope).collect();
    assert_eq!(listed, [wide.clone(), scope.clone()]);
    assert!(controls.clear(&scope, "ada").await.expect("clear").is_some_and(|control| control.paused));
    assert_eq!(controls.clear(&scope, "ada").await.expect("clear"), None);
    let unknown = ControlScope::connector(ConnectorId(Uuid::from_u128(404)));
    assert!(controls.set(&unknown, paused(true), "ada").await.is_err());
    let deeds = bench.store.audit().list(10).await.expect("list");
    let mut deeds: Vec<_> = deeds
        .iter()
        .filter(|deed| deed.entry.action.starts_with("consumption_control."))
        .map(|deed| (deed.entry.actor.as_str(), deed.entry.action.as_str(), deed.entry.target.clone()))
        .collect();
    deeds.sort_unstable();
    let mut expected = [
        ("ada", "consumption_control.set", scope.fairness_key()),
        ("grace", "consumption_control.set", scope.fairness_key()),
        ("ada", "consumption_control.set", wide.fairness_key()),
        ("ada", "consumption_control.clear", scope.fairness_key()),
    ];
    expected.sort_unstable();
    assert_eq!(deeds, expected);
}

async fn a_pause_holds_jobs_and_calls_of_the_scope_and_no_others(bench: Bench) {
    let (main, identity) = connected(&bench, "main", "aad.someone").await;
    let gate = bench.store.budget(BudgetSettings::default());
    let controls = bench.store.consumption_controls();
    let (held, free) = (organization(&main, "held"), organization(&main, "free"));
    controls.set(&held, paused(true), "ada").await.expect("pause");
    for (project, name) in [(1, "held"), (2, "free")] {
        enqueue_one(&bench.store, sync(&main, name, project)).await;
    }
    enqueue_one(&bench.store, requested(sync(&main, "held", 3))).await;
    let mut judges = sync(&main, "held", 4);
    judges.kind = JobKind::ProjectRefresh;
    enqueue_one(&bench.store, judges).await;
    assert_eq!(organizations(&dispatch(&bench.store, Role::Sync).await), ["free"]);
    assert_eq!(dispatch(&bench.store, Role::Refresh).await.len(), 1, "what calls nobody goes on");
    for class in [ConsumptionClass::Background, ConsumptionClass::Interactive] {
        let refused = ask(&gate, &identity, class, &held).await.expect_err("paused");
        assert_eq!(refused.reason, NoRoomReason::Paused);
        assert!(refused.retry_at > bench.clock.now());
        ask(&gate, &identity, class, &free).await.expect("the others go on");
    }
    // The connector's pause holds for every organization of it.
    controls.set(&ControlScope::connector(main.id), paused(true), "ada").await.expect("pause");
    enqueue_one(&bench.store, sync(&main, "free", 5)).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
    controls.clear(&ControlScope::connector(main.id), "ada").await.expect("resume");
    assert_eq!(organizations(&dispatch(&bench.store, Role::Sync).await), ["free"]);
    controls.set(&held, paused(false), "ada").await.expect("resume");
    assert_eq!(organizations(&dispatch(&bench.store, Role::Sync).await), ["held", "held"]);
}

async fn quiet_hours_let_background_work_rest_and_people_go_on(bench: Bench) {
    let (main, identity) = connected(&bench, "main", "aad.someone").await;
    let gate = bench.store.budget(BudgetSettings::default());
    let controls = bench.store.consumption_controls();
    let scope = organization(&main, "contoso");
    // The test's clock begins at 08:00.
    let hours = QuietHours::new("UTC", &WEEK, "09:00", "10:30").expect("hours");
    let change = ControlChange { quiet_hours: Setting::Set(hours), ..ControlChange::default() };
    controls.set(&ControlScope::connector(main.id), change, "ada").await.expect("set");
    assert_eq!(controls.keep_rests().await.expect("keep"), 0, "nothing rests yet");
    enqueue_one(&bench.store, sync(&main, "contoso", 1)).await;
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);

    bench.clock.advance(TimeDelta::minutes(90));
    assert_eq!(controls.keep_rests().await.expect("keep"), 1);
    assert_eq!(controls.keep_rests().await.expect("keep"), 0, "once for each rest");
    enqueue_one(&bench.store, sync(&main, "contoso", 2)).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
    enqueue_one(&bench.store, requested(sync(&main, "contoso", 3))).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    assert_eq!((tickets.len(), tickets[0].urgent), (1, true), "a person waits for it");
    let refused = ask(&gate, &identity, ConsumptionClass::Background, &scope).await.expect_err("quiet");
    let end = start() + TimeDelta::minutes(150);
    assert_eq!(refused, NoRoom { retry_at: end, reason: NoRoomReason::QuietHours });
    ask(&gate, &identity, ConsumptionClass::Interactive, &scope).await.expect("a person goes on");

    bench.clock.advance(TimeDelta::minutes(60));
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1, "at the end all goes on by itself");
    ask(&gate, &identity, ConsumptionClass::Background, &scope).await.expect("room");
}

async fn a_share_bounds_the_background_calls_of_its_scope(bench: Bench) {
    let (main, identity) = connected(&bench, "main", "aad.someone").await;
    let settings = BudgetSettings { default_guess_tstu: 0.5, ..BudgetSettings::default() };
    let gate = bench.store.budget(settings.clone());
    let controls = bench.store.consumption_controls();
    let (small, other) = (organization(&main, "small"), organization(&main, "other"));
    let share = |part| ControlChange {
        share: Setting::Set(Share::new(part).expect("a share")),
        ..ControlChange::default()
    };
    controls.set(&small, share(0.02), "ada").await.expect("set");
    let background = ConsumptionClass::Background;
    let mut granted = 0;
    while let Ok(grant) = ask(&gate, &identity, background, &small).await {
        gate.settle(&grant, None).await.expect("settle");
        granted += 1;
    }
    // Two per cent of 200 TSTU are eight calls of 0.5, less what is kept free.
    assert!((6..=8).contains(&granted), "{granted} calls");
    let refused = ask(&gate, &identity, background, &small).await.expect_err("full");
    assert_eq!(refused.reason, NoRoomReason::ShareFull);
    ask(&gate, &identity, ConsumptionClass::Interactive, &small).await.expect("a person goes on");
    ask(&gate, &identity, background, &other).await.expect("another organization goes on");
    // A share of the connector counts what its organizations spent before.
    controls.set(&ControlScope::connector(main.id), share(0.02), "ada").await.expect("set");
    let refused = ask(&gate, &identity, background, &other).await.expect_err("full");
    assert_eq!(refused.reason, NoRoomReason::ShareFull);
    bench.clock.advance(TimeDelta::seconds(303));
    ask(&gate, &identity, background, &small).await.expect("the window has passed");
    controls.clear(&small, "ada").await.expect("clear");
    controls.clear(&ControlScope::connector(main.id), "ada").await.expect("clear");
    for _ in 0..20 {
        ask(&gate, &identity, background, &small).await.expect("no share any more");
    }
}

async fn what_a_call_cost_is_booked_for_its_scope_and_fades(bench: Bench) {
    let (main, identity) = connected(&bench, "main", "aad.someone").await;
    let gate = bench.store.budget(BudgetSettings { default_guess_tstu: 0.5, ..BudgetSettings::default() });
    let (one, two) = (organization(&main, "one"), organization(&main, "two"));
    for (scope, calls) in [(&one, 6), (&two, 2)] {
        for _ in 0..calls {
            let grant = ask(&gate, &identity, ConsumptionClass::Interactive, scope).await.expect("room");
            assert_eq!(grant.scope.as_ref(), Some(scope));
            gate.settle(&grant, None).await.expect("settle");
        }
    }
    let spent = |budgets: Vec<crate::budget::IdentityBudget>| -> Vec<(String, f64, f64)> {
        let spent = &budgets[0].spent;
        let name = |scope: &crate::budget::ScopeSpent| {
            scope.organization.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default()
        };
        spent.iter().map(|scope| (name(scope), scope.tstu, scope.share)).collect()
    };
    let now = spent(gate.list().await.expect("list"));
    assert_eq!(now, [("one".to_owned(), 3.0, 0.75), ("two".to_owned(), 1.0, 0.25)]);
    bench.clock.advance(TimeDelta::seconds(150));
    let later = spent(gate.list().await.expect("list"));
    assert_eq!(later, [("one".to_owned(), 1.5, 0.75), ("two".to_owned(), 0.5, 0.25)]);
    let grant = ask(&gate, &identity, ConsumptionClass::Interactive, &two).await.expect("room");
    gate.settle(&grant, None).await.expect("settle");
    let more = spent(gate.list().await.expect("list"));
    assert_eq!((more[1].0.as_str(), more[1].1), ("two", 1.0));
    bench.clock.advance(TimeDelta::seconds(301));
    assert!(spent(gate.list().await.expect("list")).is_empty(), "a window later nothing is left of it");
}

async fn who_waits_is_listed_by_scope_and_role(bench: Bench) {
    use crate::ledger::End;
    use muster_domain::job::WaitingReason;
    let (main, identity) = connected(&bench, "main", "aad.someone").await;
    let gate = bench.store.budget(BudgetSettings::default());
    ask(&gate, &identity, ConsumptionClass::Background, &organization(&main, "one")).await.expect("room");
    for project in 1..=3 {
        enqueue_one(&bench.store, sync(&main, "One", project)).await;
    }
    enqueue_one(&bench.store, requested(sync(&main, "One", 4))).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    for (job, seconds) in claim(&bench.store, &tickets, false).await.iter().zip(10..) {
        let end = End::PutBack {
            reason: WaitingReason::Throttled,
            delay: std::time::Duration::from_secs(seconds),
            progress: None,
        };
        super::fixtures::finish(&bench.store, job, end).await;
    }
    // Not parked: it has simply not had its turn.
    enqueue_one(&bench.store, sync(&main, "two", 5)).await;
    let budgets = gate.list().await.expect("list");
    let waiting = &budgets[0].waiting;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!((waiting[0].connector_id, waiting[0].role), (main.id, Role::Sync));
    assert_eq!(waiting[0].organization.as_ref().map(OrganizationName::as_str), Some("One"));
    assert_eq!((waiting[0].jobs, waiting[0].interactive), (4, 1));
    assert_eq!(waiting[0].next_due_at, start() + TimeDelta::seconds(10));
}

async fn the_organization_that_spent_least_is_dispatched_first(bench: Bench) {
    let (main, identity) = connected(&bench, "main", "aad.someone").await;
    let gate = bench.store.budget(BudgetSettings { default_guess_tstu: 2.0, ..BudgetSettings::default() });
    for _ in 0..10 {
        let scope = organization(&main, "big");
        let grant = ask(&gate, &identity, ConsumptionClass::Interactive, &scope).await.expect("room");
        gate.settle(&grant, None).await.expect("settle");
    }
    for project in 1..=40 {
        enqueue_one(&bench.store, sync(&main, "big", project)).await;
    }
    for project in 101..=103 {
        enqueue_one(&bench.store, sync(&main, "small", project)).await;
    }
    let tickets = bench.store.ledger().dispatch(Role::Sync, 8, 8).await.expect("dispatch");
    let tickets: Vec<_> = tickets.into_iter().map(|traced| traced.ticket).collect();
    assert_eq!(organizations(&tickets)[..3], ["small"; 3], "it came last and spent least");
    assert_eq!(tickets.len(), 8);
    // Those that have a place count: another organization is before the big one again.
    enqueue_one(&bench.store, sync(&main, "new", 200)).await;
    let tickets = bench.store.ledger().dispatch(Role::Sync, 9, 8).await.expect("dispatch");
    assert_eq!(tickets[0].ticket.subject.split('/').nth(1), Some("new"));
}

async fn what_a_person_waits_for_has_places_of_its_own(bench: Bench) {
    let (main, _) = connected(&bench, "main", "aad.someone").await;
    for project in 1..=10 {
        enqueue_one(&bench.store, sync(&main, "big", project)).await;
    }
    let full = bench.store.ledger().dispatch(Role::Sync, 4, 8).await.expect("dispatch");
    assert_eq!(full.len(), 4);
    enqueue_one(&bench.store, requested(sync(&main, "big", 11))).await;
    let tickets = bench.store.ledger().dispatch(Role::Sync, 4, 8).await.expect("dispatch");
    assert_eq!(tickets.iter().map(|traced| traced.ticket.urgent).collect::<Vec<_>>(), [true]);
    assert!(full.iter().all(|traced| !traced.ticket.urgent));
}

/// Organizations enough that only a few heads of each are looked at first: 1,024 among 64.
const MANY_ORGANIZATIONS: u128 = 64;

async fn what_a_person_waits_for_without_a_place_leaves_the_places_of_others(bench: Bench) {
    const WAITING_OF_EACH: u128 = 17;
    let (main, _) = connected(&bench, "main", "aad.someone").await;
    let mut jobs = Vec::new();
    for organization in 0..MANY_ORGANIZATIONS {
        let name = format!("organization-{organization}");
        jobs.extend((0..WAITING_OF_EACH).map(|project| requested(sync(&main, &name, project))));
        jobs.push(sync(&main, &name, WAITING_OF_EACH));
    }
    bench.store.ledger().enqueue(&jobs).await.expect("enqueue");
    let first = bench.store.ledger().dispatch(Role::Sync, 64, 64).await.expect("dispatch");
    assert!(first.len() == 64 && first.iter().all(|traced| traced.ticket.urgent));
    let second = bench.store.ledger().dispatch(Role::Sync, 64, 64).await.expect("dispatch");
    assert_eq!(second.len(), 64, "behind the first jobs of every organization");
    assert!(second.iter().all(|traced| !traced.ticket.urgent));
}

async fn one_organization_takes_the_places_that_all_others_leave(bench: Bench) {
    let (main, _) = connected(&bench, "main", "aad.someone").await;
    let mut jobs: Vec<NewJob> = (0..100).map(|project| sync(&main, "due", project)).collect();
    jobs.extend((1..MANY_ORGANIZATIONS).map(|organization| NewJob {
        delay: std::time::Duration::from_secs(3_600),
        ..sync(&main, &format!("later-{organization}"), 1)
    }));
    bench.store.ledger().enqueue(&jobs).await.expect("enqueue");
    let tickets = bench.store.ledger().dispatch(Role::Sync, 64, 64).await.expect("dispatch");
    assert_eq!(tickets.len(), 64, "more than the few that are looked at first");
}

/// With thousands of due jobs no plan may look at each of them.
async fn the_heads_of_organizations_are_found_by_index(bench: Bench) {
    const JOBS: u128 = 3_000;
    let (main, _) = connected(&bench, "main", "aad.someone").await;
    let names = ["a", "b", "c"];
    let jobs: Vec<NewJob> =
        (0..JOBS).map(|project| sync(&main, names[(project % 3) as usize], project)).collect();
    for chunk in jobs.chunks(500) {
        bench.store.ledger().enqueue(chunk).await.expect("enqueue");
    }
    let explain = match bench.backend {
        crate::Backend::Postgres => {
            bench.store.reader().run("ANALYZE job", vec![]).await.expect("analyze");
            ("EXPLAIN", "QUERY PLAN")
        }
        crate::Backend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
    };
    let statement = crate::ledger::due_statement(Role::Sync, bench.backend);
    let rows = bench
        .store
        .reader()
        .all("job", &format!("{} {statement}", explain.0), [16_i64, 128].map(sea_orm::Value::from).to_vec())
        .await
        .expect("explain");
    let plan: Vec<String> = rows.iter().map(|row| row.get(explain.1).expect("a line")).collect();
    let plan = plan.join("\n");
    assert!(
        plan.matches("job_fair_ix").count() >= 2,
        "from organization to organization, and each head: {plan}"
    );
    assert!(!plan.contains("Seq Scan on job") && !plan.contains("job_due_ix"), "{plan}");
    // What is sorted is a head of fixed length: below the first limit the order is the index's.
    let below_the_heads_limit = plan.rsplit("Limit ").next().unwrap_or_default();
    assert!(bench.backend == crate::Backend::Sqlite || !below_the_heads_limit.contains("Sort"), "{plan}");
    let tickets = bench.store.ledger().dispatch(Role::Sync, 16, 16).await.expect("dispatch");
    assert_eq!(tickets.len(), 16);
}
