//! Answers of Azure DevOps that are wrong, late or refused.

mod credentials;
mod hosts;
mod lists;
mod organizations;

use muster_azdo_sim::SimulatorOptions;
use muster_domain::connector::{ConnectorState, OrganizationsChoice};
use muster_domain::job::{JobKind, JobState, JobSubject};
use muster_domain::resource::Presence;
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use muster_messages::fact::FactPayload;
use muster_messages::request::OnboardingRequested;
use muster_queue::{InProcessTransport, TicketTransport};
use muster_runtime::runner::RunnerSettings;
use muster_store::inbox::RequestEffects;
use muster_store::inventory::ResourceFilter;
use muster_store::ledger::{BACKGROUND_PRIORITY, JobFilter, JobView, NewJob};
use muster_store::requests::Asked;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tests::local_worker::LocalWorker;
use tests::waiting::{SOON, wait_until};
use tests::workbench::Workbench;

/// Longer than any job of a test.
const LONG: Duration = Duration::from_secs(60);
/// More than any fault is needed for.
const ALWAYS: u64 = 100_000;

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 1,
        projects: 3,
        repositories: 20,
        seed: 31,
        ..SimulatorOptions::default()
    }
}

/// A connected world, and what happens to it.
struct Case {
    bench: Workbench,
    transport: Arc<dyn TicketTransport>,
}

impl Case {
    /// Connected, discovered and judged.
    async fn begin(world: SimulatorOptions) -> Self {
        let case = Self::prepare(world).await;
        case.bench.run_all().await;
        case.facts().await;
        case.bench.simulator.reset_stats();
        case
    }

    /// Connected; nothing has run yet.
    async fn prepare(world: SimulatorOptions) -> Self {
        Self { bench: Workbench::prepare(world).await, transport: InProcessTransport::new() }
    }

    /// Nothing is connected yet.
    async fn start(world: SimulatorOptions) -> Self {
        Self { bench: Workbench::start(world, BTreeSet::new()).await, transport: InProcessTransport::new() }
    }

    async fn projects_of(&self, connector: ConnectorId) -> Vec<ProjectId> {
        let inventory = self.bench.store.inventory();
        let mut found = Vec::new();
        for organization in inventory.organizations(connector).await.expect("list") {
            let projects = inventory.projects(connector, organization.id).await.expect("list");
            found.extend(projects.into_iter().map(|project| project.id));
        }
        found
    }

    async fn connector(&self) -> ConnectorId {
        self.bench.connector().await.id
    }

    fn organization(&self) -> OrganizationName {
        OrganizationName::new(self.bench.simulator.organizations().remove(0))
    }

    async fn project(&self) -> JobSubject {
        let (organization, project) = self.bench.projects().await.remove(0);
        JobSubject::project(self.connector().await, organization, project)
    }

    async fn discovery(&self) -> JobSubject {
        JobSubject::organization(self.connector().await, self.organization())
    }

    /// Has something happen to the next calls that match.
    fn install(&self, matching: &Value, action: &Value, times: u64) {
        let fault = json!({ "match": matching, "action": action, "times": times });
        self.bench
            .simulator
            .install_fault(serde_json::from_value(fault).expect("a fault"))
            .expect("install it");
    }

    fn break_route(&self, route: &str, action: &Value, times: u64) {
        self.install(&json!({ "route": route }), action, times);
    }

    /// What an administrator does.
    fn change(&self, kind: &str, mut fields: Value) {
        fields["change"] = json!(kind);
        self.bench
            .simulator
            .change(&serde_json::from_value(fields).expect("a change"))
            .expect("change the world");
    }

    /// Calls since the last reset, by route.
    fn calls(&self, route: &str) -> u64 {
        self.bench.simulator.stats().requests.get(route).copied().unwrap_or_default()
    }

    fn all_calls(&self) -> u64 {
        self.bench.simulator.stats().requests.values().sum()
    }

    /// Asks for a job that nobody waits for.
    async fn ask_in_background(&self, kind: JobKind, subject: JobSubject) {
        let credential = self.bench.connector_of(subject.connector_id).await.credential_id;
        let wish = NewJob { priority: BACKGROUND_PRIORITY, ..asked().job(kind, subject, Some(credential)) };
        self.bench.store.ledger().enqueue(&[wish]).await.expect("enqueue");
    }

    /// Workers of every role, one job at a time of those that nobody waits for.
    fn work(&self) -> Workers {
        let settings = RunnerSettings { slots: 1, lease: LONG, slice: LONG, overrun: LONG, hold: LONG };
        Workers(self.bench.start_workers(&self.bench.store, &self.transport, settings))
    }

    /// Waits until no job is left to do.
    async fn is_idle(&self) {
        wait_until("nothing is left to do", LONG, async || {
            self.bench.store.ledger().is_idle().await.expect("ask the ledger")
        })
        .await;
    }

    async fn jobs(&self, kind: JobKind, states: &[JobState]) -> Vec<JobView> {
        let filter = JobFilter { limit: 2_000, ..JobFilter::default() };
        let mut jobs = self.bench.store.ledger().page(&filter).await.expect("list the jobs").jobs;
        jobs.retain(|job| job.kind == kind && states.contains(&job.state));
        jobs
    }

    /// The one job of a kind that is live; fails the test where there is another number.
    async fn live(&self, kind: JobKind) -> JobView {
        let mut live = self.jobs(kind, &[JobState::Pending, JobState::Dispatched, JobState::Running]).await;
        assert_eq!(live.len(), 1, "{live:?}");
        live.remove(0)
    }

    async fn dead_letters(&self) -> u64 {
        self.bench.store.dead_letters().count().await.expect("count")
    }

    async fn state(&self, connector: ConnectorId) -> (ConnectorState, String) {
        let connector = self.bench.connector_of(connector).await;
        (connector.state, connector.state_reason.unwrap_or_default())
    }

    async fn wait_for_state(&self, connector: ConnectorId, state: ConnectorState) {
        let what = format!("the connector is {state}");
        wait_until(&what, SOON, async || self.state(connector).await.0 == state).await;
    }

    /// Names of what the inventory holds in this presence, over all kinds.
    async fn in_presence(&self, presence: Presence) -> usize {
        let filter = ResourceFilter {
            connector: Some(self.connector().await),
            include_gone: true,
            limit: 10_000,
            ..ResourceFilter::default()
        };
        let all = self.bench.store.inventory().list(&filter).await.expect("list the inventory");
        all.iter().filter(|resource| resource.presence == presence).count()
    }

    async fn assert_nothing_lost(&self, when: &str) {
        for presence in [Presence::Missing, Presence::Gone] {
            assert_eq!(self.in_presence(presence).await, 0, "{when}: {presence:?}");
        }
    }

    async fn assert_judged_truly(&self, when: &str) {
        tests::fleet::assert_same(when, &self.bench.assessments().await, &self.bench.truth());
    }

    /// Facts that were told since the last look.
    async fn facts(&self) -> Vec<FactPayload> {
        let outbox = self.bench.store.outbox();
        let mut facts = Vec::new();
        loop {
            let events = outbox.claim(10_000, LONG).await.expect("claim the events");
            if events.is_empty() {
                return facts;
            }
            let ids: Vec<_> = events.iter().map(|event| event.id).collect();
            facts.extend(events.iter().map(|event| FactPayload::from_event(&event.event).expect("a fact")));
            outbox.published(&ids).await.expect("note them as published");
        }
    }

    /// Another connector with a credential that is stored already.
    async fn connect_with(
        &self,
        name: &str,
        credential: &str,
        organization: &OrganizationName,
    ) -> ConnectorId {
        let stored = self.bench.store.credentials().get_by_name(credential).await.expect("ask");
        let request = OnboardingRequested {
            name: name.to_owned(),
            subscription_id: "11111111-2222-4333-8444-555555555555".to_owned(),
            resource_group: "devops".to_owned(),
            region: "westeurope".to_owned(),
            tenant_id: None,
            plan: None,
            credential: credential.to_owned(),
            organizations: only(organization),
        };
        let effects = RequestEffects::onboard(&request, stored.expect("the credential").id, &asked());
        self.bench.store.inbox().perform(&effects).await.expect("onboard");
        effects.connectors[0].id
    }

    /// As `muster connector resume` does.
    async fn resume(&self, connector: ConnectorId) {
        let effects = RequestEffects::resume(&self.bench.connector_of(connector).await, &asked());
        self.bench.store.inbox().perform(&effects).await.expect("resume");
    }
}

/// Workers that stop in order.
struct Workers(Vec<LocalWorker>);

impl Workers {
    async fn stop(self) {
        for worker in self.0 {
            worker.stop().await;
        }
    }
}

/// Only this one.
fn only(organization: &OrganizationName) -> OrganizationsChoice {
    OrganizationsChoice::Selected { organizations: vec![organization.clone()] }
}

fn asked() -> Asked {
    Asked { cause: "test".to_owned(), trace: None }
}
