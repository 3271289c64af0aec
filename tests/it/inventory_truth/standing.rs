//! How organizations stand with the connectors that ask for them.

use super::{Case, MANY, world};
use muster_azdo_sim::{IdentityKind, SimulatorOptions};
use muster_domain::connector::{ConnectorState, OrganizationAccess, OrganizationsChoice};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::read::Read;
use muster_domain::{ConnectorId, OrganizationName, TenantId};
use muster_runtime::HandlerError;
use muster_store::connectors::{ConnectorUpdate, OrganizationStanding};
use muster_store::inventory::ResourceFilter;
use serde_json::json;
use std::collections::BTreeSet;
use tests::workbench::Workbench;
use uuid::Uuid;

fn two_organizations() -> SimulatorOptions {
    SimulatorOptions { organizations: 2, projects: 4, ..world() }
}

fn names(bench: &Workbench) -> Vec<OrganizationName> {
    bench.simulator.organizations().into_iter().map(OrganizationName::new).collect()
}

fn selected(organizations: &[OrganizationName]) -> OrganizationsChoice {
    OrganizationsChoice::Selected { organizations: organizations.to_vec() }
}

async fn standings(bench: &Workbench, connector: ConnectorId) -> Vec<OrganizationStanding> {
    bench.store.connectors().organizations(Some(connector)).await.expect("ask")
}

async fn accesses(bench: &Workbench, connector: ConnectorId) -> Vec<OrganizationAccess> {
    standings(bench, connector).await.iter().map(|standing| standing.access).collect()
}

/// Organizations that the inventory of a connector holds.
async fn held(bench: &Workbench, connector: ConnectorId) -> Vec<OrganizationName> {
    let organizations = bench.store.inventory().organizations(connector).await.expect("list");
    organizations.into_iter().map(|organization| organization.name).collect()
}

/// The token of the application, for which no account is listed.
fn application_token(bench: &Workbench) -> String {
    let mut identities = bench.simulator.identities().iter();
    let application = identities.find(|identity| identity.kind == IdentityKind::ServicePrincipal);
    application.expect("an application").pats[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connectors_cannot_have_one_organization_and_the_second_takes_it_over_at_once() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let first = bench.connector().await.id;
    let token = bench.simulator.pat().to_owned();
    let second = bench.connect("fabrikam", &token, None, selected(&names(&bench))).await;
    bench.run_all().await;
    let standing = standings(&bench, second).await.remove(0);
    assert_eq!(standing.access, OrganizationAccess::ClaimedElsewhere);
    assert!(standing.reason.as_deref().is_some_and(|reason| reason.contains("contoso")), "{standing:?}");
    let waiting = bench.connector_of(second).await;
    assert_eq!(waiting.state, ConnectorState::Conflict);
    assert!(waiting.state_reason.as_deref().is_some_and(|reason| reason.contains("contoso")), "{waiting:?}");
    assert!(held(&bench, second).await.is_empty());

    bench.offboard(first).await;
    bench.run_all().await;
    assert_eq!(bench.connector_of(first).await.state, ConnectorState::Removed);
    assert!(standings(&bench, first).await.is_empty());
    assert_eq!(accesses(&bench, second).await, [OrganizationAccess::Connected], "nobody waits for a day");
    let second = bench.connector_of(second).await;
    assert_eq!((second.state, second.state_reason), (ConnectorState::Active, None));
    tests::fleet::assert_same("taken over", &bench.assessments().await, &bench.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organization_that_is_taken_does_not_stop_the_others() {
    let bench = Workbench::start(two_organizations(), BTreeSet::new()).await;
    let (names, token) = (names(&bench), bench.simulator.pat().to_owned());
    bench.connect("first", &token, None, selected(&names[..1])).await;
    bench.run_all().await;
    let second = bench.connect("second", &token, None, selected(&names)).await;
    bench.run_all().await;
    let connector = bench.connector_of(second).await;
    assert_eq!(connector.state, ConnectorState::Active);
    assert!(
        connector.state_reason.as_deref().is_some_and(|reason| reason.contains("first")),
        "{connector:?}"
    );
    assert_eq!(held(&bench, second).await, names[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_of_another_tenant_is_not_connected() {
    let bench = Workbench::start(world(), BTreeSet::new()).await;
    let (names, token) = (names(&bench), bench.simulator.pat().to_owned());
    let tenant = TenantId(Uuid::from_u128(7));
    let connector = bench.connect("contoso", &token, Some(tenant), selected(&names)).await;
    bench.run_all().await;
    let standing = standings(&bench, connector).await.remove(0);
    assert_eq!(standing.access, OrganizationAccess::OtherTenant);
    let reason = standing.reason.expect("a reason");
    for id in [tenant.to_string(), bench.simulator.tenant_id().to_string()] {
        assert!(reason.contains(&id), "{reason}");
    }
    assert_eq!(bench.connector_of(connector).await.state, ConnectorState::NeedsPermission);
    assert!(held(&bench, connector).await.is_empty());
    assert!(bench.store.inventory().claims(connector).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_does_not_exist_says_so_and_the_others_go_on() {
    let bench = Workbench::start(world(), BTreeSet::new()).await;
    let token = bench.simulator.pat().to_owned();
    let mut wanted = names(&bench);
    wanted.push(OrganizationName::new("zzz-does-not-exist"));
    let connector = bench.connect("contoso", &token, None, selected(&wanted)).await;
    bench.run_all().await;
    assert_eq!(
        accesses(&bench, connector).await,
        [OrganizationAccess::Connected, OrganizationAccess::NotFound]
    );
    let connector = bench.connector_of(connector).await;
    assert_eq!(connector.state, ConnectorState::Active);
    assert!(connector.state_reason.is_some_and(|reason| reason.contains("zzz-does-not-exist")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_organization_is_probed_once_a_day() {
    let case = Case::begin(two_organizations()).await;
    case.change("stopOrganization", json!({}));
    let error = case.bench.run_once(JobKind::OrganizationDiscover, case.subject()).await.unwrap_err();
    let HandlerError::Parked { until, .. } = error else { panic!("not parked: {error}") };
    let wait = until - case.bench.store.now().await.unwrap();
    assert!(wait.num_hours() == 23 || wait.num_hours() == 24, "{wait}");
    let standings = standings(&case.bench, case.connector).await;
    let stopped = standings.iter().find(|standing| standing.organization == case.organization).unwrap();
    assert_eq!(stopped.access, OrganizationAccess::Stopped);
    let connector = case.bench.connector_of(case.connector).await;
    assert_eq!(connector.state, ConnectorState::Active, "the other one is read");
    assert!(connector.state_reason.is_some_and(|reason| reason.contains(case.organization.as_str())));

    case.change("startOrganization", json!({}));
    case.discover().await;
    assert_eq!(accesses(&case.bench, case.connector).await, [OrganizationAccess::Connected; 2]);
    case.assert_judged_truly("started again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_refuses_the_credential_alone_is_refused_and_a_lost_credential_is_lost() {
    let case = Case::begin(two_organizations()).await;
    let fault = json!({ "match": { "route": "connectionData", "organization": case.organization },
        "action": { "status": 401 }, "times": 1 });
    case.bench.simulator.install_fault(serde_json::from_value(fault).unwrap()).unwrap();
    case.discover().await;
    let refused = standings(&case.bench, case.connector).await;
    let refused = refused.iter().find(|standing| standing.organization == case.organization).unwrap();
    assert_eq!(refused.access, OrganizationAccess::Refused);
    assert_eq!(
        case.calls("connectionData"),
        2,
        "another organization is asked whether it knows the credential"
    );

    case.change("revokePat", json!({ "pat": case.bench.simulator.pat() }));
    let error = case.bench.run_once(JobKind::OrganizationDiscover, case.subject()).await.unwrap_err();
    assert!(matches!(error, HandlerError::NeedsAuth { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organizations_of_a_service_principal_come_from_the_catalogue_of_its_tenant() {
    let bench = Workbench::start(two_organizations(), BTreeSet::new()).await;
    let tenant = TenantId(bench.simulator.tenant_id());
    let token = application_token(&bench);
    let all = OrganizationsChoice::AllExistingAndFuture;
    let connector = bench.connect("contoso", &token, Some(tenant), all).await;
    bench.run_all().await;
    let mut found = held(&bench, connector).await;
    found.sort();
    let mut expected = names(&bench);
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(bench.connector_of(connector).await.state, ConnectorState::Active);
    assert!(bench.simulator.stats().requests["enterpriseCatalog"] > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_catalogue_a_service_principal_is_told_to_name_its_organizations() {
    let off = BTreeSet::from([Read::EnterpriseCatalog]);
    for (switched_off, tenant_is_known, expected) in
        [(off, true, "switched off"), (BTreeSet::new(), false, "no tenant is known")]
    {
        let bench = Workbench::start(world(), switched_off).await;
        let tenant = tenant_is_known.then(|| TenantId(bench.simulator.tenant_id()));
        let token = application_token(&bench);
        let connector =
            bench.connect("contoso", &token, tenant, OrganizationsChoice::AllExistingAndFuture).await;
        bench.run_all().await;
        let connector = bench.connector_of(connector).await;
        assert_eq!(connector.state, ConnectorState::NeedsPermission);
        let reason = connector.state_reason.expect("a reason");
        assert!(reason.contains(expected) && reason.contains("name the organizations"), "{reason}");
        assert_eq!(bench.simulator.stats().requests.get("enterpriseCatalog").copied().unwrap_or_default(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_without_names_is_settled_by_the_first_listing() {
    let bench = Workbench::start(two_organizations(), BTreeSet::new()).await;
    let token = bench.simulator.pat().to_owned();
    let connector = bench.connect("contoso", &token, None, selected(&[])).await;
    bench.run_all().await;
    let OrganizationsChoice::Selected { organizations } = bench.connector_of(connector).await.organizations
    else {
        panic!("the choice is another kind");
    };
    assert_eq!(BTreeSet::from_iter(organizations), BTreeSet::from_iter(names(&bench)));
    bench.simulator.reset_stats();
    bench.ask(JobKind::ConnectorDiscover, JobSubject::connector(connector)).await;
    bench.run_all().await;
    assert_eq!(bench.simulator.stats().requests.get("accounts").copied().unwrap_or_default(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_is_taken_out_of_the_choice_leaves_nothing_behind() {
    let bench = Workbench::prepare(two_organizations()).await;
    bench.run_all().await;
    let (connector, names) = (bench.connector().await.id, names(&bench));
    let update = ConnectorUpdate { organizations: Some(selected(&names[..1])), ..ConnectorUpdate::default() };
    bench.store.connectors().update(connector, &update, &[]).await.expect("change the choice");
    bench.ask(JobKind::ConnectorDiscover, JobSubject::connector(connector)).await;
    // A job of the organization that was still under way comes to nothing.
    bench.ask(JobKind::OrganizationDiscover, JobSubject::organization(connector, names[1].clone())).await;
    bench.run_all().await;
    assert_eq!(held(&bench, connector).await, names[..1]);
    assert_eq!(accesses(&bench, connector).await, [OrganizationAccess::Connected]);
    let claims = bench.store.inventory().claims(connector).await.unwrap();
    assert_eq!(claims.iter().map(|claim| claim.organization.clone()).collect::<Vec<_>>(), names[..1]);
    let filter = ResourceFilter { connector: Some(connector), limit: MANY, ..ResourceFilter::default() };
    let left = bench.store.inventory().list(&filter).await.unwrap();
    let kept = claims[0].organization_id;
    assert!(left.iter().all(|resource| resource.resource.key.organization_id == kept));
    let expected = bench.truth().into_iter().filter(|row| row.1 == names[0].folded()).collect();
    tests::fleet::assert_same("what is left", &bench.assessments().await, &expected);

    let other = bench.connect("other", bench.simulator.pat(), None, selected(&names[1..])).await;
    bench.run_all().await;
    assert_eq!(accesses(&bench, other).await, [OrganizationAccess::Connected], "it may be had by another");
}
