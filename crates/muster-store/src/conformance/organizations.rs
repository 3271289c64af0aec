//! How organizations stand, and what that makes of their connector.

use super::connectors::{project_job, transition};
use super::fixtures::{connector, dispatch, enqueue_one, new_connector, uuid, write};
use super::{Bench, on_both};
use crate::changes::{
    Changes, ChoiceWrite, ClaimWrite, ConnectorTransition, OrganizationWrite, RefusedCredential,
};
use crate::connectors::ConnectorUpdate;
use muster_domain::connector::{
    Connector, ConnectorEvent, ConnectorState, OrganizationAccess, OrganizationsChoice,
};
use muster_domain::credential::CredentialKind;
use muster_domain::job::{JobKind, Role};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName};
use std::time::Duration;

on_both!(
    one_organization_that_is_read_is_enough_and_the_others_are_named,
    without_one_the_reasons_say_what_to_do,
    a_paused_or_refused_connector_is_not_moved_by_what_stood_before,
    standings_keep_since_when,
    a_choice_that_names_nothing_is_settled_once,
    a_renamed_organization_is_the_same_one_in_what_was_chosen,
    a_refused_credential_stops_all_of_its_connectors_once_and_a_renewed_one_releases_their_jobs,
    who_waits_for_an_organization_is_woken_when_it_is_let_go,
);

fn stands(
    connector: ConnectorId,
    name: &str,
    access: OrganizationAccess,
    reason: Option<&str>,
) -> OrganizationWrite {
    OrganizationWrite::Stands {
        connector_id: connector,
        organization: OrganizationName::new(name),
        organization_id: None,
        access,
        reason: reason.map(str::to_owned),
    }
}

async fn a_renamed_organization_is_the_same_one_in_what_was_chosen(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let [from, to, kept] = ["old", "New", "kept"].map(OrganizationName::new);
    let chosen = vec![from.clone(), kept.clone()];
    let update = ConnectorUpdate {
        organizations: Some(OrganizationsChoice::Selected { organizations: chosen }),
        ..ConnectorUpdate::default()
    };
    bench.store.connectors().update(main.id, &update, &[]).await.expect("choose");
    let credential = main.credential_id;
    report(
        &bench,
        vec![
            stands(main.id, "old", OrganizationAccess::Connected, None),
            stands(main.id, "kept", OrganizationAccess::Refused, Some("grant a right")),
        ],
    )
    .await;
    let renamed = OrganizationWrite::Renamed { connector_id: main.id, from: from.clone(), to: to.clone() };
    report(&bench, vec![renamed]).await;
    let connectors = bench.store.connectors();
    assert_eq!(connectors.standing(main.id, &from).await.expect("ask"), None);
    let standing = connectors.standing(main.id, &to).await.expect("ask").expect("the standing");
    assert_eq!((standing.organization.as_str(), standing.access), ("New", OrganizationAccess::Connected));
    let OrganizationsChoice::Selected { organizations } = now(&bench, main.id).await.organizations else {
        panic!("the choice is another kind");
    };
    assert!(organizations.contains(&to) && organizations.contains(&kept) && organizations.len() == 2);
    assert_eq!(connectors.admitting(credential, &[]).await.expect("ask"), Some(to.clone()));
    assert_eq!(connectors.admitting(credential, &[to]).await.expect("ask"), None, "the other one is refused");
}

async fn a_refused_credential_stops_all_of_its_connectors_once_and_a_renewed_one_releases_their_jobs(
    bench: Bench,
) {
    let kind = CredentialKind::PersonalAccessToken;
    let credentials = bench.store.credentials();
    let stored = credentials.put("reader", kind.clone(), &"secret".into()).await.expect("store it");
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let id = connector(&bench.store, name).await.id;
        let update = ConnectorUpdate { credential_id: Some(stored.id), ..ConnectorUpdate::default() };
        bench.store.connectors().update(id, &update, &[]).await.expect("give it the credential");
        let mut wish = project_job(id);
        wish.credential_id = Some(stored.id);
        enqueue_one(&bench.store, wish).await;
        ids.push(id);
    }
    let other = connector(&bench.store, "other").await.id;
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 2, "on their way to workers");
    facts(&bench).await;
    let refused = || RefusedCredential { credential_id: stored.id, message: "refused (401)".to_owned() };
    for expected in [2, 0] {
        write(&bench, Changes { refused_credentials: vec![refused()], ..Changes::default() }).await;
        assert_eq!(facts(&bench).await, expected, "each connector is told once");
    }
    for (id, name) in ids.iter().zip(["one", "two"]) {
        let stopped = now(&bench, *id).await;
        let reason = stopped.state_reason.unwrap_or_default();
        assert_eq!(stopped.state, ConnectorState::NeedsAuth);
        for part in
            ["refused (401)", "muster credential set reader", &format!("muster connector resume {name}")]
        {
            assert!(reason.contains(part), "{reason}");
        }
    }
    assert_eq!(now(&bench, other).await.state, ConnectorState::Pending, "another credential");
    let load = bench.store.ledger().load().await.expect("load");
    assert!(load.iter().any(|load| load.role == Role::Sync && load.parked == 2), "{load:?}");
    credentials.put("reader", kind, &"another".into()).await.expect("renew it");
    for id in ids {
        bench
            .store
            .connectors()
            .transition(&transition(id, ConnectorEvent::Resume), &[])
            .await
            .expect("resume");
    }
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 2);
}

async fn report(bench: &Bench, organizations: Vec<OrganizationWrite>) {
    write(bench, Changes { organizations, ..Changes::default() }).await;
}

async fn now(bench: &Bench, id: ConnectorId) -> Connector {
    bench.store.connectors().get(id).await.expect("get").expect("the connector")
}

async fn facts(bench: &Bench) -> usize {
    let outbox = bench.store.outbox();
    let events = outbox.claim(100, Duration::from_secs(1)).await.expect("claim");
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    outbox.published(&ids).await.expect("published");
    ids.len()
}

async fn one_organization_that_is_read_is_enough_and_the_others_are_named(bench: Bench) {
    let main = connector(&bench.store, "main").await.id;
    facts(&bench).await;
    report(&bench, vec![stands(main, "b", OrganizationAccess::Pending, None)]).await;
    assert_eq!(now(&bench, main).await.state, ConnectorState::Pending, "nothing to say yet");
    let both = || {
        vec![
            stands(main, "b", OrganizationAccess::Refused, Some("add the service principal")),
            stands(main, "a", OrganizationAccess::Connected, None),
        ]
    };
    report(&bench, both()).await;
    let active = now(&bench, main).await;
    assert_eq!(active.state, ConnectorState::Active);
    assert_eq!(active.state_reason.as_deref(), Some("b: add the service principal"));
    assert_eq!(facts(&bench).await, 1);
    report(&bench, both()).await;
    let proof =
        Changes { connectors: vec![transition(main, ConnectorEvent::Authorized)], ..Changes::default() };
    write(&bench, proof).await;
    assert_eq!((now(&bench, main).await, facts(&bench).await), (active, 0), "nothing new, nothing told");
    report(
        &bench,
        vec![OrganizationWrite::Forgotten { connector_id: main, organization: OrganizationName::new("B") }],
    )
    .await;
    let active = now(&bench, main).await;
    assert_eq!((active.state, active.state_reason), (ConnectorState::Active, None));
    assert_eq!(facts(&bench).await, 1);
}

async fn without_one_the_reasons_say_what_to_do(bench: Bench) {
    let main = connector(&bench.store, "main").await.id;
    let taken = stands(main, "a", OrganizationAccess::ClaimedElsewhere, Some("the connector other has it"));
    report(&bench, vec![taken]).await;
    let conflict = now(&bench, main).await;
    assert_eq!(conflict.state, ConnectorState::Conflict);
    assert_eq!(conflict.state_reason.as_deref(), Some("a: the connector other has it"));
    report(&bench, vec![stands(main, "b", OrganizationAccess::Stopped, None)]).await;
    let missing = now(&bench, main).await;
    assert_eq!(missing.state, ConnectorState::NeedsPermission);
    assert_eq!(missing.state_reason.as_deref(), Some("a: the connector other has it; b: stopped"));
    let unknown = stands(ConnectorId(uuid(77)), "a", OrganizationAccess::Connected, None);
    report(&bench, vec![unknown]).await;
    assert_eq!(
        bench.store.connectors().organizations(None).await.expect("list").len(),
        2,
        "no such connector"
    );
}

async fn a_paused_or_refused_connector_is_not_moved_by_what_stood_before(bench: Bench) {
    let main = connector(&bench.store, "main").await.id;
    report(&bench, vec![stands(main, "a", OrganizationAccess::Connected, None)]).await;
    let lost = ConnectorTransition {
        reason: Some("the token has expired".to_owned()),
        ..transition(main, ConnectorEvent::AuthorizationLost)
    };
    write(&bench, Changes { connectors: vec![lost], ..Changes::default() }).await;
    report(&bench, vec![stands(main, "b", OrganizationAccess::Refused, Some("no"))]).await;
    let refused = now(&bench, main).await;
    assert_eq!(refused.state, ConnectorState::NeedsAuth);
    assert_eq!(refused.state_reason.as_deref(), Some("the token has expired"));
    report(&bench, vec![stands(main, "a", OrganizationAccess::Connected, None)]).await;
    assert_eq!(now(&bench, main).await.state, ConnectorState::Active, "it was admitted just now");
    let connectors = bench.store.connectors();
    let paused = connectors.transition(&transition(main, ConnectorEvent::Pause), &[]).await.expect("pause");
    report(&bench, vec![stands(main, "b", OrganizationAccess::NotFound, Some("renamed?"))]).await;
    let proof =
        Changes { connectors: vec![transition(main, ConnectorEvent::Authorized)], ..Changes::default() };
    write(&bench, proof).await;
    assert_eq!(now(&bench, main).await, paused);
}

async fn standings_keep_since_when(bench: Bench) {
    let main = connector(&bench.store, "main").await.id;
    let organization_id = Some(OrganizationId(uuid(5)));
    let with_id = OrganizationWrite::Stands {
        connector_id: main,
        organization: OrganizationName::new("Contoso"),
        organization_id,
        access: OrganizationAccess::Connected,
        reason: None,
    };
    report(&bench, vec![with_id]).await;
    bench.clock.advance(chrono::Duration::hours(1));
    report(&bench, vec![stands(main, "CONTOSO", OrganizationAccess::Connected, None)]).await;
    let standings = bench.store.connectors().organizations(Some(main)).await.expect("list");
    let [standing] = &standings[..] else { panic!("one organization: {standings:?}") };
    assert_eq!((standing.organization.as_str(), standing.organization_id), ("CONTOSO", organization_id));
    assert_eq!(standing.checked_at - standing.since, chrono::Duration::hours(1));
    report(&bench, vec![stands(main, "contoso", OrganizationAccess::Stopped, Some("unpaid"))]).await;
    let standing = bench.store.connectors().organizations(Some(main)).await.expect("list").remove(0);
    assert_eq!((standing.access, standing.reason.as_deref()), (OrganizationAccess::Stopped, Some("unpaid")));
    assert_eq!(standing.since, standing.checked_at);
}

async fn a_choice_that_names_nothing_is_settled_once(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let mut new = new_connector("chosen", main.credential_id);
    new.organizations = OrganizationsChoice::Selected { organizations: Vec::new() };
    let chosen = bench.store.connectors().create(&new, &[]).await.expect("create").id;
    let settle = |connector_id, names: &[&str]| Changes {
        choices: vec![ChoiceWrite {
            connector_id,
            organizations: names.iter().map(|name| OrganizationName::new(*name)).collect(),
        }],
        ..Changes::default()
    };
    write(&bench, settle(chosen, &[])).await;
    assert_eq!(
        now(&bench, chosen).await.organizations,
        new.organizations,
        "an empty listing settles nothing"
    );
    write(&bench, settle(chosen, &["b", "a", "B"])).await;
    let names = vec![OrganizationName::new("a"), OrganizationName::new("b")];
    let settled = OrganizationsChoice::Selected { organizations: names };
    assert_eq!(now(&bench, chosen).await.organizations, settled);
    write(&bench, settle(chosen, &["c"])).await;
    assert_eq!(now(&bench, chosen).await.organizations, settled);
    write(&bench, settle(main.id, &["c"])).await;
    assert_eq!(now(&bench, main.id).await.organizations, OrganizationsChoice::AllExistingAndFuture);
}

async fn who_waits_for_an_organization_is_woken_when_it_is_let_go(bench: Bench) {
    let holder = connector(&bench.store, "holder").await;
    let waiting = connector(&bench.store, "waiting").await;
    let beside = connector(&bench.store, "beside").await;
    let other = connector(&bench.store, "other").await;
    let claim = |id: u128, name: &str| ClaimWrite::Claim {
        connector_id: holder.id,
        organization_id: OrganizationId(uuid(id)),
        organization: OrganizationName::new(name),
        tenant_id: None,
    };
    let claims = vec![claim(5, "Contoso"), claim(6, "Fabrikam")];
    let taken = OrganizationAccess::ClaimedElsewhere;
    let organizations = vec![
        stands(waiting.id, "contoso", taken, Some("taken")),
        stands(beside.id, "FABRIKAM", taken, Some("taken")),
        stands(beside.id, "own", OrganizationAccess::Connected, None),
        stands(other.id, "own", OrganizationAccess::Connected, None),
    ];
    write(&bench, Changes { claims, organizations, ..Changes::default() }).await;
    let woken = || async {
        let tickets = dispatch(&bench.store, Role::Discovery).await;
        assert!(tickets.iter().all(|ticket| ticket.kind == JobKind::ConnectorPreflight));
        for claimed in super::fixtures::claim(&bench.store, &tickets, false).await {
            super::fixtures::finish(&bench.store, &claimed, crate::ledger::End::Done).await;
        }
        let mut woken: Vec<String> = tickets.into_iter().map(|ticket| ticket.subject).collect();
        woken.sort();
        woken
    };
    assert!(woken().await.is_empty());
    let release = ClaimWrite::Release { connector_id: holder.id, organization_id: OrganizationId(uuid(6)) };
    write(&bench, Changes { claims: vec![release.clone()], ..Changes::default() }).await;
    let mut expected = [waiting.id.to_string(), beside.id.to_string()];
    expected.sort();
    assert_eq!(woken().await, expected, "one waits for it, one stands in conflict");
    write(&bench, Changes { claims: vec![release], ..Changes::default() }).await;
    assert!(woken().await.is_empty(), "nothing was let go");
    let connectors = bench.store.connectors();
    for event in [ConnectorEvent::Remove, ConnectorEvent::RemovalFinished] {
        connectors.transition(&transition(holder.id, event), &[]).await.expect("removed");
    }
    assert_eq!(woken().await, [waiting.id.to_string()]);
    assert!(bench.store.inventory().claims(holder.id).await.expect("claims").is_empty());
}
