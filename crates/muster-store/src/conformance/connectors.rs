//! Connectors: names, states, what their states do to jobs.

use super::fixtures::{connector, dispatch, enqueue_one, job, new_connector, uuid};
use super::{Bench, on_both};
use crate::StoreError;
use crate::changes::{Changes, ClaimWrite, ConnectorTransition};
use crate::connectors::{ConnectorFilter, ConnectorUpdate};
use crate::ledger::{End, NewJob};
use muster_domain::connector::{ConnectorEvent, ConnectorState, OrganizationsChoice, Plan};
use muster_domain::job::{JobKind, JobState, JobSubject, Role, WaitingReason};
use muster_domain::{ConnectorId, CredentialId, OrganizationId, OrganizationName, ProjectId};
use std::time::Duration;

on_both!(
    a_name_is_taken_once,
    every_state_is_told_once,
    jobs_wait_with_their_connector,
    a_refused_credential_parks_and_a_renewed_one_releases,
    a_removed_connector_cancels_its_jobs,
    a_late_report_changes_nothing,
    an_organization_has_one_connector,
    parts_of_a_connector_change,
    a_new_credential_is_put_on_waiting_jobs,
    a_choice_that_cannot_be_is_refused,
);

pub(super) fn transition(connector: ConnectorId, event: ConnectorEvent) -> ConnectorTransition {
    ConnectorTransition { connector_id: connector, event, reason: None, tenant_id: None }
}

pub(super) fn project_job(connector: ConnectorId) -> NewJob {
    let subject = JobSubject::project(connector, OrganizationName::new("contoso"), ProjectId(uuid(10)));
    job(JobKind::ProjectSync, subject)
}

async fn a_name_is_taken_once(bench: Bench) {
    let connectors = bench.store.connectors();
    let first = connector(&bench.store, "Main").await;
    assert_eq!(first.region, "centralus");
    let error = connectors.create(&new_connector("MAIN", first.credential_id), &[]).await.expect_err("taken");
    let text = error.to_string();
    assert!(matches!(error, StoreError::Conflict { .. }) && text.contains(&first.id.to_string()), "{text}");
    let mut elsewhere = new_connector("main", first.credential_id);
    elsewhere.resource_group = "another".to_owned();
    connectors.create(&elsewhere, &[]).await.expect("another resource group");
    let found =
        connectors.get_by_name(&first.subscription_id.to_uppercase(), "RG", "main").await.expect("get");
    assert_eq!(found, Some(first.clone()));
    assert_eq!(connectors.list().await.expect("list").len(), 2);
    let filter = ConnectorFilter {
        subscription_id: Some(first.subscription_id.clone()),
        resource_group: Some("rg".to_owned()),
        states: vec![ConnectorState::Pending],
        ..ConnectorFilter::default()
    };
    assert_eq!(connectors.find(&filter).await.expect("find"), [first]);
}

async fn every_state_is_told_once(bench: Bench) {
    let connectors = bench.store.connectors();
    let created = connector(&bench.store, "main").await;
    let active =
        connectors.transition(&transition(created.id, ConnectorEvent::Authorized), &[]).await.expect("go");
    assert_eq!((active.state, active.change_sequence), (ConnectorState::Active, 2));
    let same =
        connectors.transition(&transition(created.id, ConnectorEvent::Authorized), &[]).await.expect("go");
    assert_eq!(same, active, "nothing new, nothing told");
    let refused = connectors.transition(&transition(created.id, ConnectorEvent::RemovalFinished), &[]).await;
    assert!(matches!(refused, Err(StoreError::Transition(_))));
    let unknown = transition(ConnectorId(uuid(77)), ConnectorEvent::Pause);
    assert!(matches!(connectors.transition(&unknown, &[]).await, Err(StoreError::NotFound { .. })));
    let events = bench.store.outbox().claim(10, Duration::from_secs(1)).await.expect("claim");
    let told: Vec<String> = events.iter().map(|event| event.event.data["to"].to_string()).collect();
    assert_eq!(told, ["\"pending\"", "\"active\""]);
    assert_eq!(events[1].event.event_type, "muster.connector.state-changed.v1");
    assert!(events[1].event.subject.as_deref().is_some_and(|subject| subject.ends_with("/main")));
}

async fn jobs_wait_with_their_connector(bench: Bench) {
    let connectors = bench.store.connectors();
    let main = connector(&bench.store, "main").await;
    connectors.transition(&transition(main.id, ConnectorEvent::Pause), &[]).await.expect("pause");
    enqueue_one(&bench.store, project_job(main.id)).await;
    enqueue_one(&bench.store, job(JobKind::ConnectorAuthorize, JobSubject::connector(main.id))).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
    assert_eq!(dispatch(&bench.store, Role::Discovery).await.len(), 1, "proofs run in every state");
    let loads = bench.store.ledger().load().await.expect("load");
    assert!(loads.iter().any(|load| load.role == Role::Sync && load.parked == 1 && load.runnable == 0));
    assert_eq!(bench.store.ledger().oldest_due_age(Role::Sync).await.expect("age"), None);
    connectors.transition(&transition(main.id, ConnectorEvent::Resume), &[]).await.expect("resume");
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
}

async fn a_refused_credential_parks_and_a_renewed_one_releases(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    enqueue_one(&bench.store, project_job(main.id)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let running = super::fixtures::claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    let mut second = project_job(main.id);
    second.kind = JobKind::ProjectRefresh;
    let waiting = enqueue_one(&bench.store, second).await;
    let changes = Changes {
        connectors: vec![ConnectorTransition {
            reason: Some("the token has expired".to_owned()),
            ..transition(main.id, ConnectorEvent::AuthorizationLost)
        }],
        ..Changes::default()
    };
    let end = End::PutBack { reason: WaitingReason::NeedsAuth, delay: Duration::ZERO, progress: None };
    super::fixtures::finish_with(&bench.store, &running, changes, end).await;
    for id in [waiting, running.lease.job_id] {
        let view = bench.store.ledger().get(id).await.expect("get").expect("the job");
        assert_eq!(view.waiting_reason, Some(WaitingReason::NeedsAuth));
    }
    let stopped = bench.store.connectors().get(main.id).await.expect("get").expect("the connector");
    assert_eq!(stopped.state_reason.as_deref(), Some("the token has expired"));
    assert!(bench.store.ledger().is_idle().await.expect("idle"), "only a person can go on");
    let proof = job(JobKind::ConnectorAuthorize, JobSubject::connector(main.id));
    let resumed =
        bench.store.connectors().transition(&transition(main.id, ConnectorEvent::Resume), &[proof]).await;
    assert_eq!(resumed.expect("resume").state_reason, None);
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
    assert_eq!(dispatch(&bench.store, Role::Refresh).await.len(), 1);
    assert_eq!(dispatch(&bench.store, Role::Discovery).await.len(), 1);
}

async fn a_removed_connector_cancels_its_jobs(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let waiting = enqueue_one(&bench.store, project_job(main.id)).await;
    let remover = job(JobKind::ConnectorRemove, JobSubject::connector(main.id));
    let removal = transition(main.id, ConnectorEvent::Remove);
    bench.store.connectors().transition(&removal, &[remover]).await.expect("remove");
    let view = bench.store.ledger().get(waiting).await.expect("get").expect("the job");
    assert_eq!(view.state, JobState::Cancelled);
    let tickets = dispatch(&bench.store, Role::Discovery).await;
    assert_eq!(tickets.len(), 1, "what takes it apart runs");
    enqueue_one(&bench.store, project_job(main.id)).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "nothing new begins");
    assert_eq!(bench.store.ledger().cancel_connector(main.id).await.expect("cancel"), 1);
    let claimed = super::fixtures::claim(&bench.store, &tickets, false).await;
    assert_eq!(claimed.len(), 1, "the remover is not cancelled");
}

async fn a_late_report_changes_nothing(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let paused = bench.store.connectors().transition(&transition(main.id, ConnectorEvent::Pause), &[]).await;
    let paused = paused.expect("pause");
    let late = |event| Changes { connectors: vec![transition(main.id, event)], ..Changes::default() };
    super::fixtures::write(&bench, late(ConnectorEvent::Authorized)).await;
    super::fixtures::write(&bench, late(ConnectorEvent::RemovalFinished)).await;
    assert_eq!(bench.store.connectors().get(main.id).await.expect("get"), Some(paused));
}

async fn an_organization_has_one_connector(bench: Bench) {
    let (first, second) = (connector(&bench.store, "first").await, connector(&bench.store, "second").await);
    let organization_id = OrganizationId(uuid(5));
    let claim = |connector_id, name: &str| Changes {
        claims: vec![ClaimWrite::Claim {
            connector_id,
            organization_id,
            organization: OrganizationName::new(name),
            tenant_id: None,
        }],
        ..Changes::default()
    };
    super::fixtures::write(&bench, claim(first.id, "Contoso")).await;
    super::fixtures::write(&bench, claim(second.id, "Stolen")).await;
    let inventory = bench.store.inventory();
    assert_eq!(inventory.claimed_by(organization_id).await.expect("claim"), Some(first.id));
    super::fixtures::write(&bench, claim(first.id, "Renamed")).await;
    let claims = inventory.claims(first.id).await.expect("claims");
    assert_eq!(claims[0].organization.as_str(), "Renamed");
    let release =
        Changes { claims: vec![ClaimWrite::ReleaseAll { connector_id: first.id }], ..Changes::default() };
    super::fixtures::write(&bench, release).await;
    super::fixtures::write(&bench, claim(second.id, "Contoso")).await;
    assert_eq!(inventory.claimed_by(organization_id).await.expect("claim"), Some(second.id));
}

async fn parts_of_a_connector_change(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let organizations =
        OrganizationsChoice::Selected { organizations: vec![OrganizationName::new("contoso")] };
    let update = ConnectorUpdate {
        plan: Some(Plan::DefenderCspm),
        organizations: Some(organizations.clone()),
        ..ConnectorUpdate::default()
    };
    let changed = bench.store.connectors().update(main.id, &update, &[]).await.expect("update");
    assert_eq!((changed.plan, &changed.organizations), (Plan::DefenderCspm, &organizations));
    assert_eq!((changed.credential_id, changed.change_sequence), (main.credential_id, 2));
    let missing = bench.store.connectors().update(ConnectorId(uuid(9)), &update, &[]).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
}

async fn a_new_credential_is_put_on_waiting_jobs(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let waiting = NewJob { credential_id: Some(main.credential_id), ..project_job(main.id) };
    let waiting = enqueue_one(&bench.store, waiting).await;
    let fresh = super::fixtures::credential(&bench.store, "fresh").await;
    let update = ConnectorUpdate { credential_id: Some(fresh), ..ConnectorUpdate::default() };
    let proof = job(JobKind::ConnectorAuthorize, JobSubject::connector(main.id));
    let changed = bench.store.connectors().update(main.id, &update, &[proof]).await.expect("update");
    assert_eq!(changed.credential_id, fresh);
    let view = bench.store.ledger().get(waiting).await.expect("get").expect("the job");
    assert_eq!(view.credential_id, Some(fresh));
    assert_eq!(dispatch(&bench.store, Role::Discovery).await.len(), 1, "the proof follows");
    let unknown = CredentialId(uuid(9));
    let update = ConnectorUpdate { credential_id: Some(unknown), ..ConnectorUpdate::default() };
    let error = bench.store.connectors().update(main.id, &update, &[]).await.expect_err("unknown");
    assert!(matches!(error, StoreError::NotFound { what: "credential", .. }), "{error}");
    let kept = bench.store.connectors().get(main.id).await.expect("get").expect("the connector");
    assert_eq!(kept, changed, "nothing is half changed");
}

async fn a_choice_that_cannot_be_is_refused(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let choose = |names: &[&str]| {
        let organizations = names.iter().map(|name| OrganizationName::new(*name)).collect();
        let organizations = Some(OrganizationsChoice::Selected { organizations });
        ConnectorUpdate { organizations, ..ConnectorUpdate::default() }
    };
    let connectors = bench.store.connectors();
    for names in [&[""][..], &["a", "A"], &["x".repeat(51).as_str()]] {
        let refused = connectors.update(main.id, &choose(names), &[]).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{names:?}");
    }
    connectors.update(main.id, &choose(&[]), &[]).await.expect("all that exist now");
    connectors.transition(&transition(main.id, ConnectorEvent::Remove), &[]).await.expect("remove");
    let refused = connectors.update(main.id, &choose(&["a"]), &[]).await.expect_err("it goes");
    assert!(matches!(&refused, StoreError::Conflict { what, .. } if what.contains("removing")), "{refused}");
}
