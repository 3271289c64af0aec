//! Handlers without a fleet: one job at a time, on an embedded database, against the simulator.

use crate::database::TestDatabase;
use crate::fleet::{Judged, truth_of};
use crate::local_worker::LocalWorker;
use crate::services;
use crate::waiting::wait_until;
use muster_azdo::{AzureDevOps, ClientOptions, Hosts};
use muster_azdo_sim::{RunningSimulator, Simulator, SimulatorOptions};
use muster_discovery::DiscoverySettings;
use muster_domain::budget::BudgetSettings;
use muster_domain::connector::{Connector, OrganizationsChoice};
use muster_domain::credential::CredentialKind;
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::read::Read;
use muster_domain::{ConnectorId, OrganizationName, ProjectId, SystemClock, TenantId};
use muster_messages::request::OnboardingRequested;
use muster_queue::{InProcessTransport, TicketTransport};
use muster_runtime::runner::RunnerSettings;
use muster_runtime::{Handler, HandlerError, Outcome, Slice, Then};
use muster_store::assessments::AssessmentFilter;
use muster_store::changes::Changes;
use muster_store::inbox::RequestEffects;
use muster_store::ledger::{ClaimedJob, End, Finish, Finished};
use muster_store::requests::Asked;
use muster_store::{KeyRing, Store, StoreOptions};
use muster_sync::SyncSettings;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longer than any job of a test.
const LONG: Duration = Duration::from_secs(120);
/// Tickets of a role that a test looks at together.
const MANY: u32 = 10_000;

/// A connector with the handlers of every role.
pub struct Workbench {
    /// The simulated Azure DevOps.
    pub simulator: RunningSimulator,
    /// The embedded database.
    pub store: Store,
    handlers: Vec<Arc<dyn Handler>>,
    options: StoreOptions,
    _database: TestDatabase,
}

impl Workbench {
    /// Starts a simulator and connects all its organizations; nothing has run yet.
    pub async fn prepare(world: SimulatorOptions) -> Self {
        Self::prepare_without(world, BTreeSet::new()).await
    }

    /// The same, with reads that are switched off.
    pub async fn prepare_without(world: SimulatorOptions, switched_off: BTreeSet<Read>) -> Self {
        let bench = Self::start(world, switched_off).await;
        let organizations = bench.simulator.organizations().into_iter().map(OrganizationName::new).collect();
        let choice = OrganizationsChoice::Selected { organizations };
        let token = bench.simulator.pat().to_owned();
        bench.connect("contoso", &token, None, choice).await;
        bench
    }

    /// Starts a simulator; nothing is connected yet.
    pub async fn start(world: SimulatorOptions, switched_off: BTreeSet<Read>) -> Self {
        services::install_tls_provider();
        let simulator = Simulator::start(world).await.expect("start the simulator");
        let database = TestDatabase::sqlite();
        let mut options = StoreOptions::new(database.url());
        options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
        let store = Store::connect(options.clone()).await.expect("connect");
        store.migrate().await.expect("migrate");
        let gate = Arc::new(store.budget(BudgetSettings::default()));
        let base = Hosts::Override(simulator.base_url().to_owned());
        let client_options = ClientOptions { base, ..ClientOptions::default() };
        let client = AzureDevOps::new(client_options, gate, Arc::new(SystemClock)).expect("a client");
        let settings =
            DiscoverySettings { sync_every: LONG, rule_reads: muster_rules::required_reads(), switched_off };
        let mut handlers = muster_discovery::handlers(client.clone(), settings);
        let settings =
            SyncSettings { rule_reads: muster_rules::required_reads(), catalogue: muster_rules::revision() };
        handlers.extend(muster_sync::handlers(client, &settings));
        handlers.extend(muster_refresh::handlers());
        Self { simulator, store, handlers, options, _database: database }
    }

    /// The URL of the database.
    pub fn database_url(&self) -> &str {
        &self.options.url
    }

    /// Another store on the same database, with other options: another process.
    pub async fn another_store(&self, change: impl FnOnce(&mut StoreOptions)) -> Store {
        let mut options = self.options.clone();
        change(&mut options);
        Store::connect(options).await.expect("connect")
    }

    /// Starts a worker of every role on one of the stores, each with a dispatcher of its own.
    pub fn start_workers(
        &self,
        store: &Store,
        transport: &Arc<dyn TicketTransport>,
        settings: RunnerSettings,
    ) -> Vec<LocalWorker> {
        let start = |role: Role| {
            let of_role = self.handlers.iter().filter(|handler| handler.kind().role() == role);
            LocalWorker::start_with(store, transport, role, settings, of_role.cloned().collect())
        };
        Role::ALL.into_iter().map(start).collect()
    }

    /// Connects organizations with a token of the simulator.
    pub async fn connect(
        &self,
        name: &str,
        token: &str,
        tenant_id: Option<TenantId>,
        organizations: OrganizationsChoice,
    ) -> ConnectorId {
        let secret = SecretString::from(token.to_owned());
        let kind = CredentialKind::PersonalAccessToken;
        let credential = self.store.credentials().put(name, kind, &secret).await.expect("store it");
        let request = OnboardingRequested {
            name: name.to_owned(),
            subscription_id: "11111111-2222-4333-8444-555555555555".to_owned(),
            resource_group: "devops".to_owned(),
            region: "westeurope".to_owned(),
            tenant_id,
            plan: None,
            credential: name.to_owned(),
            organizations,
        };
        let effects = RequestEffects::onboard(&request, credential.id, &asked());
        self.store.inbox().perform(&effects).await.expect("onboard");
        effects.connectors[0].id
    }

    /// A connector by its id.
    pub async fn connector_of(&self, id: ConnectorId) -> Connector {
        self.store.connectors().get(id).await.expect("ask").expect("the connector")
    }

    /// Takes a connector apart, as a request would; nothing has run yet.
    pub async fn offboard(&self, id: ConnectorId) {
        let effects = RequestEffects::offboard(&self.connector_of(id).await, &asked());
        self.store.inbox().perform(&effects).await.expect("offboard");
    }

    /// Asks for a job; nothing has run yet.
    pub async fn ask(&self, kind: JobKind, subject: JobSubject) {
        let credential = self.connector_of(subject.connector_id).await.credential_id;
        let new = asked().job(kind, subject, Some(credential));
        self.store.ledger().enqueue(&[new]).await.expect("enqueue");
    }

    /// The one connector.
    pub async fn connector(&self) -> Connector {
        self.store.connectors().list().await.expect("list").remove(0)
    }

    /// The projects of the inventory with their organizations.
    pub async fn projects(&self) -> Vec<(OrganizationName, ProjectId)> {
        let connector = self.connector().await.id;
        let mut found = Vec::new();
        for organization in self.store.inventory().organizations(connector).await.expect("list") {
            let projects = self.store.inventory().projects(connector, organization.id).await.expect("list");
            found.extend(projects.into_iter().map(|project| (organization.name.clone(), project.id)));
        }
        found
    }

    /// Runs every due job, and those that follow, until none is left; fails the test where one fails.
    pub async fn run_all(&self) {
        while let Some(job) = self.next().await {
            let (changes, end) = match self.handle(&job).await {
                Ok(Outcome { changes, then: Then::Done }) => (changes, End::Done),
                Ok(Outcome { changes, then: Then::Continue { progress } }) => {
                    (changes, End::Continue { progress })
                }
                Ok(Outcome { changes, then: Then::Cancelled }) => (changes, End::Cancelled),
                Err(error) => panic!("{} failed: {error}", job.kind),
            };
            self.finish(&job, changes, end).await;
        }
    }

    /// Has workers of every role, with `slots` jobs at a time each, run every due job and those that follow, as one
    /// process does that holds everything; fails the test where one ends dead.
    pub async fn run_workers(&self, slots: usize, deadline: Duration) {
        let transport: Arc<dyn TicketTransport> = InProcessTransport::new();
        let settings = RunnerSettings { slots, lease: LONG, slice: LONG, overrun: LONG, hold: LONG };
        let workers = self.start_workers(&self.store, &transport, settings);
        wait_until("nothing is left to do", deadline, async || {
            self.store.ledger().is_idle().await.expect("ask the ledger")
        })
        .await;
        for worker in workers {
            worker.stop().await;
        }
        let dead = self.store.dead_letters().count().await.expect("count");
        assert_eq!(dead, 0, "jobs ended dead");
    }

    /// Asks for one job and runs it, without its end: what it would change.
    ///
    /// # Errors
    /// What the handler decided.
    pub async fn run_once(&self, kind: JobKind, subject: JobSubject) -> Result<Changes, HandlerError> {
        self.ask(kind, subject).await;
        let job = self.next().await.expect("the job is due");
        let result = self.handle(&job).await;
        self.finish(&job, Changes::default(), End::Cancelled).await;
        result.map(|outcome| outcome.changes)
    }

    /// Has a job of this kind end with these changes, whatever its handler would do.
    pub async fn write(&self, kind: JobKind, subject: JobSubject, changes: Changes) {
        self.ask(kind, subject).await;
        let job = self.next().await.expect("the job is due");
        self.finish(&job, changes, End::Done).await;
    }

    /// Asks for one job and runs it, which must fail; what it committed on the way stays, and it is due again.
    ///
    /// # Panics
    /// When it does not fail.
    pub async fn run_failing(&self, kind: JobKind, subject: JobSubject) -> HandlerError {
        self.ask(kind, subject).await;
        let job = self.next().await.expect("the job is due");
        let error = self.handle(&job).await.expect_err("the job fails");
        let end = End::Failed { class: "test".to_owned(), message: error.to_string(), delay: Duration::ZERO };
        self.finish(&job, Changes::default(), end).await;
        error
    }

    /// Claims the next due job of any role.
    async fn next(&self) -> Option<ClaimedJob> {
        for role in Role::ALL {
            let tickets = self.store.ledger().dispatch(role, MANY, 1).await.expect("dispatch");
            let tickets: Vec<_> = tickets.into_iter().map(|traced| (traced.ticket, false)).collect();
            let claimed = self.store.ledger().claim(&tickets, "test", LONG).await.expect("claim");
            if let Some(job) = claimed.into_iter().next() {
                return Some(job);
            }
        }
        None
    }

    async fn handle(&self, job: &ClaimedJob) -> Result<Outcome, HandlerError> {
        let handler = self.handlers.iter().find(|handler| handler.kind() == job.kind).expect("a handler");
        let slice = Slice::new(&self.store, Instant::now() + LONG, CancellationToken::new());
        handler.handle(job, &slice).await
    }

    async fn finish(&self, job: &ClaimedJob, changes: Changes, end: End) {
        let finish = Finish { lease: job.lease, changes, end };
        let finished = self.store.ledger().finish(vec![finish]).await.expect("finish");
        assert_eq!(finished, [Finished::Committed]);
    }

    /// The assessments that are kept, comparable with [`Workbench::truth`].
    pub async fn assessments(&self) -> BTreeSet<Judged> {
        let list = self.store.assessments().list(&AssessmentFilter::default()).await.expect("list");
        list.into_iter()
            .map(|view| {
                (
                    view.key.kind.as_str().to_lowercase(),
                    view.organization_name.to_lowercase(),
                    view.key.project_id.map(|id| id.to_string()).unwrap_or_default(),
                    view.key.external_id.to_lowercase(),
                    view.assessment.recommendation.to_string(),
                    view.assessment.verdict.state.as_str().to_lowercase(),
                )
            })
            .collect()
    }

    /// What the simulator planted.
    pub fn truth(&self) -> BTreeSet<Judged> {
        truth_of(&self.simulator)
    }
}

fn asked() -> Asked {
    Asked { cause: "test".to_owned(), trace: None }
}
