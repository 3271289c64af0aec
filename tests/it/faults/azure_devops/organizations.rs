//! Organizations and projects that stop, move, vanish, or say so.

use super::{ALWAYS, Case, world};
use muster_azdo_sim::SimulatorOptions;
use muster_domain::OrganizationName;
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::{ConnectorState, OrganizationAccess, OrganizationsChoice};
use muster_domain::job::{JobKind, JobState, JobSubject};
use muster_domain::read::{Read, ReadScope};
use muster_domain::resource::{Presence, ResourceKind};
use muster_messages::fact::FactPayload;
use muster_store::assessments::AssessmentFilter;
use muster_store::connectors::OrganizationStanding;
use serde_json::json;
use tests::waiting::{SOON, wait_until};

impl Case {
    async fn standings(&self) -> Vec<OrganizationStanding> {
        let connectors = self.bench.store.connectors();
        connectors.organizations(Some(self.connector().await)).await.expect("ask")
    }

    /// Asks for every project, and one worker of each role does what follows.
    async fn ask_for_all_projects(&self) {
        for (organization, project) in self.bench.projects().await {
            let subject = JobSubject::project(self.connector().await, organization, project);
            self.ask_in_background(JobKind::ProjectSync, subject).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_named_with_the_scope_and_the_right_that_it_needs() {
    let case = Case::prepare(world()).await;
    case.break_route("policyConfigurations", &json!({ "status": 403, "body": "no" }), ALWAYS);
    case.bench.run_all().await;
    let list = case.bench.store.assessments().list(&AssessmentFilter::default()).await.expect("list");
    let unknown: Vec<_> =
        list.iter().filter(|view| view.assessment.verdict.state == AssessmentState::Unknown).collect();
    assert!(!unknown.is_empty());
    for view in unknown {
        let verdict = &view.assessment.verdict;
        assert_eq!(verdict.cause, "ReadForbidden");
        for part in ["policyConfigurations", "vso.code", "permission Read on each repository"] {
            assert!(verdict.observed.contains(part), "{}", verdict.observed);
        }
    }
    assert_eq!(case.state(case.connector().await).await.0, ConnectorState::Active, "the rest goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_forbids_everything_needs_a_permission_and_is_looked_at_again() {
    let case = Case::begin(world()).await;
    case.install(
        &json!({}),
        &json!({ "status": 403, "body": "{\"message\":\"VS403403: no right\"}" }),
        ALWAYS,
    );
    case.bench.ask(JobKind::OrganizationDiscover, case.discovery().await).await;
    case.bench.run_all().await;
    let connector = case.connector().await;
    let (state, reason) = case.state(connector).await;
    assert_eq!(state, ConnectorState::NeedsPermission);
    assert!(reason.contains("connectionData") && reason.contains("VS403403"), "{reason}");
    case.assert_nothing_lost("forbidden").await;
    // What the schedule asks for once a day.
    case.bench.simulator.clear_faults();
    case.bench.ask(JobKind::ConnectorPreflight, JobSubject::connector(connector)).await;
    case.bench.run_all().await;
    assert_eq!(case.state(connector).await, (ConnectorState::Active, String::new()));
    case.assert_judged_truly("permitted again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_project_that_answers_as_if_it_were_not_there_is_unknown_and_not_asked_for_ever() {
    let options = SimulatorOptions { projects: 1, ..world() };
    let case = Case::prepare(options).await;
    let body = "{\"message\":\"TF200016: The following project does not exist: x.\"}";
    for read in Read::ALL.into_iter().filter(|read| read.scope() == ReadScope::Project) {
        case.break_route(read.as_str(), &json!({ "status": 404, "body": body }), ALWAYS);
    }
    let workers = case.work();
    case.is_idle().await;
    let reads = Read::ALL.into_iter().filter(|read| read.scope() == ReadScope::Project);
    let asked: u64 = reads.map(|read| case.calls(read.as_str())).sum();
    assert_eq!(asked, 2, "once before its organization was listed again, and once after");
    assert_eq!(case.calls("projects"), 2, "the organization was listed again once");
    case.assert_nothing_lost("it is still listed").await;
    let list = case.bench.store.assessments().list(&AssessmentFilter::default()).await.expect("list");
    let of_project: Vec<_> = list.iter().filter(|view| view.key.kind == ResourceKind::Project).collect();
    assert!(!of_project.is_empty());
    for view in of_project {
        let verdict = &view.assessment.verdict;
        assert_eq!((verdict.state, verdict.cause.as_str()), (AssessmentState::Unknown, "ReadForbidden"));
    }
    // Somebody asks again: one call, no further listing.
    case.ask_for_all_projects().await;
    case.is_idle().await;
    assert_eq!(case.calls("projects"), 2);

    case.bench.simulator.clear_faults();
    case.ask_for_all_projects().await;
    case.is_idle().await;
    workers.stop().await;
    case.assert_judged_truly("it answers").await;
    assert_eq!(case.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_organization_is_probed_once_a_day_however_many_projects_wait() {
    let case = Case::begin(world()).await;
    case.change("stopOrganization", json!({ "organization": case.organization() }));
    case.ask_for_all_projects().await;
    let workers = case.work();
    wait_until("the probe waits for a day", SOON, async || {
        let probes = case.jobs(JobKind::OrganizationDiscover, &[JobState::Pending]).await;
        let reads = case.jobs(JobKind::ProjectSync, &[JobState::Pending, JobState::Dispatched]).await;
        reads.is_empty()
            && probes.iter().any(|job| job.last_error_class.as_deref() == Some("organization_stopped"))
    })
    .await;
    let probe = case.live(JobKind::OrganizationDiscover).await;
    let wait = probe.due_at - case.bench.store.now().await.expect("now");
    assert!((23..=24).contains(&wait.num_hours()), "{wait}");
    assert_eq!((probe.attempt, case.all_calls()), (0, 2), "one read found out, one probe confirmed it");
    assert_eq!(case.standings().await[0].access, OrganizationAccess::Stopped);
    case.assert_nothing_lost("stopped").await;

    case.change("startOrganization", json!({ "organization": case.organization() }));
    case.bench.store.ledger().retry(probe.id, "started").await.expect("probe now");
    case.is_idle().await;
    workers.stop().await;
    assert_eq!(case.standings().await[0].access, OrganizationAccess::Connected);
    case.assert_judged_truly("started").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_is_renamed_on_the_way_is_the_same_one() {
    let case = Case::begin(world()).await;
    let (connector, before) = (case.connector().await, case.organization());
    let held = case.bench.store.inventory().organizations(connector).await.expect("list");
    case.change("renameOrganization", json!({ "organization": before, "name": "renamed-on-the-way" }));
    case.ask_for_all_projects().await;
    let workers = case.work();
    case.is_idle().await;
    workers.stop().await;
    let now = OrganizationName::new("renamed-on-the-way");
    let found = case.bench.store.inventory().organizations(connector).await.expect("list");
    assert_eq!((found.len(), &found[0].name, found[0].id), (1, &now, held[0].id), "the same id");
    let standings = case.standings().await;
    assert_eq!(standings.len(), 1, "{standings:?}");
    assert_eq!((&standings[0].organization, standings[0].access), (&now, OrganizationAccess::Connected));
    let chosen = case.bench.connector().await.organizations;
    assert_eq!(chosen, OrganizationsChoice::Selected { organizations: vec![now.clone()] });
    let claims = case.bench.store.inventory().claims(connector).await.expect("list");
    assert_eq!(claims.iter().map(|claim| &claim.organization).collect::<Vec<_>>(), [&now]);
    case.assert_nothing_lost("renamed").await;
    assert!(!case.facts().await.iter().any(|fact| matches!(fact, FactPayload::ResourceRemoved(_))));
    case.assert_judged_truly("renamed").await;
    assert_eq!(case.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_is_deleted_on_the_way_says_so_and_its_jobs_end() {
    let case = Case::begin(world()).await;
    let organization = case.organization();
    let known = case.in_presence(Presence::Present).await;
    case.change("deleteOrganization", json!({ "organization": organization }));
    case.ask_for_all_projects().await;
    let workers = case.work();
    case.is_idle().await;
    let standing = case.standings().await.remove(0);
    assert_eq!(standing.access, OrganizationAccess::NotFound);
    assert!(standing.reason.as_deref().is_some_and(|reason| reason.contains("was deleted")), "{standing:?}");
    let connector = case.connector().await;
    let (state, reason) = case.state(connector).await;
    assert_eq!(state, ConnectorState::NeedsPermission);
    assert!(reason.contains(organization.as_str()), "{reason}");
    assert_eq!(
        case.in_presence(Presence::Missing).await,
        known,
        "it can be recovered: nothing is gone for good"
    );
    let asked_again = case.all_calls();
    case.ask_for_all_projects().await;
    case.is_idle().await;
    assert_eq!(case.all_calls(), asked_again, "what is asked for of it makes no call");

    case.change("restoreOrganization", json!({ "organization": organization }));
    case.bench.ask(JobKind::ConnectorPreflight, JobSubject::connector(connector)).await;
    case.is_idle().await;
    workers.stop().await;
    assert_eq!(case.state(connector).await, (ConnectorState::Active, String::new()));
    case.assert_nothing_lost("recovered").await;
    case.assert_judged_truly("recovered").await;
    assert_eq!(case.dead_letters().await, 0);
}
