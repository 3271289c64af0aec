//! What a fleet writes in a day, by the same doors as its processes.

use muster_domain::assessment::{Assessment, AssessmentState, Verdict};
use muster_domain::clock::Clock;
use muster_domain::connector::{
    Connector, ConnectorEvent, ConnectorState, OrganizationAccess, OrganizationsChoice,
};
use muster_domain::credential::CredentialKind;
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::properties::{ProjectProperties, Properties, RepositoryProperties, Visibility};
use muster_domain::read::Read;
use muster_domain::resource::{ContentHash, Presence, Resource, ResourceKey, ResourceKind};
use muster_domain::{
    ConnectorId, CredentialId, OrganizationId, OrganizationName, ProjectId, RecommendationKey, ResourceId,
};
use muster_messages::request::OnboardingRequested;
use muster_store::audit::AuditEntry;
use muster_store::changes::{
    AssessmentWrite, Changes, ClaimWrite, ConnectorTransition, OrganizationWrite, PresenceWrite,
    ReadingDocument, ReadingKey, ReadingKind, ReadingWrite, RelationKind, RelationWrite, ResourceWrite,
};
use muster_store::dead_letters::NewDeadLetter;
use muster_store::heartbeats::Heartbeat;
use muster_store::inbox::RequestEffects;
use muster_store::ledger::{ClaimedJob, End, Finish, Finished};
use muster_store::requests::Asked;
use muster_store::schedules::Schedule;
use muster_store::{DatabaseClock, Durability, KeyRing, Store, StoreOptions};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Rows by table.
pub(super) type Tally = BTreeMap<String, i64>;

/// Days after which a project goes, and a connector.
const PROJECT_LIVES: u32 = 5;
const CONNECTOR_LIVES: u32 = 3;
const REPOSITORIES: u128 = 3;
const HOUR: Duration = Duration::from_secs(60 * 60);
const LEASE: Duration = Duration::from_secs(60);
/// The most that a day of this life writes to a table.
const MOST_IN_A_DAY: i64 = 12;
const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(5));
const RECOMMENDATION: RecommendationKey = RecommendationKey(Uuid::from_u128(99));

/// A clock that stands until it is moved.
#[derive(Clone, Debug)]
struct MovedClock(Arc<AtomicI64>);

impl Clock for MovedClock {
    fn now(&self) -> DateTimeUtc {
        DateTimeUtc::from_timestamp_millis(self.0.load(Ordering::SeqCst)).expect("a moment")
    }
}

/// An installation with one connector that stays, and others that come and go.
pub(super) struct Life {
    pub(super) store: Store,
    clock: MovedClock,
    lasting: ConnectorId,
    visitors: BTreeMap<u32, (ConnectorId, CredentialId)>,
    days: u32,
}

impl Life {
    pub(super) async fn begin(url: &str) -> Self {
        /// 2026-11-24, so that the clock is that of no machine.
        const BEGIN_MS: i64 = 1_795_500_000_000;
        let clock = MovedClock(Arc::new(AtomicI64::new(BEGIN_MS)));
        let mut options = StoreOptions::new(url);
        options.clock = DatabaseClock::Virtual(Arc::new(clock.clone()));
        options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
        options.durability = Durability::Relaxed;
        let store = Store::connect(options).await.expect("connect");
        store.migrate().await.expect("migrate");
        let (lasting, _) = onboard(&store, "lasting").await;
        let mut life = Self { store, clock, lasting, visitors: BTreeMap::new(), days: 0 };
        life.work(Changes { connectors: vec![authorized(lasting)], ..Changes::default() }).await;
        let properties = muster_domain::properties::OrganizationProperties {
            tenant_id: None,
            web_url: "https://host/contoso".to_owned(),
        };
        let organization = resource(
            ResourceKey::organization(ORGANIZATION),
            "contoso",
            Properties::Organization(properties),
        );
        let lasting_project = life.project(u32::MAX);
        let mut resources = vec![ResourceWrite { connector_id: lasting, resource: organization }];
        resources.extend(lasting_project);
        let claims = vec![ClaimWrite::Claim {
            connector_id: lasting,
            organization_id: ORGANIZATION,
            organization: name(),
            tenant_id: None,
        }];
        life.work(Changes { resources, claims, ..Changes::default() }).await;
        life
    }

    /// Lets time pass.
    pub(super) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).expect("a time"), Ordering::SeqCst);
    }

    /// At most so many rows a day go into a table.
    pub(super) fn in_a_day(&self, _table: &str) -> i64 {
        MOST_IN_A_DAY
    }

    /// A day of a fleet: a project comes and one goes, verdicts change, connectors come and go, things fail.
    pub(super) async fn live_a_day(&mut self, day: u32, connection: &DatabaseConnection) {
        self.days = day;
        self.inventory(day).await;
        self.verdict(day).await;
        self.request(day).await;
        self.failures(day, connection).await;
        self.operations(day, connection).await;
        self.visitor(day, connection).await;
        self.pass(24 * HOUR);
    }

    async fn inventory(&mut self, day: u32) {
        let connector_id = self.lasting;
        let resources = self.project(day);
        let keys: Vec<ResourceKey> = resources.iter().map(|write| write.resource.key.clone()).collect();
        let relations = vec![RelationWrite {
            connector_id,
            from: keys[2].clone(),
            kind: RelationKind::Builds,
            to: keys[1].clone(),
            removed: false,
        }];
        let document = serde_json::json!({ "day": day });
        let readings = vec![ReadingWrite {
            key: ReadingKey {
                connector_id,
                organization_id: ORGANIZATION,
                project_id: Some(project_of(day)),
                kind: ReadingKind::Read(Read::PolicyConfigurations),
                subject: String::new(),
            },
            outcome: Ok(ReadingDocument {
                content_hash: ContentHash::of(&document),
                document,
                item_count: 1,
            }),
        }];
        let assessments =
            keys.iter().skip(1).map(|key| self.judged(key, AssessmentState::Healthy, None, 1)).collect();
        let gone = day.checked_sub(PROJECT_LIVES).map(|day| self.project(day)).unwrap_or_default();
        let presence = gone
            .iter()
            .map(|write| PresenceWrite {
                resource_id: write.resource.key.resource_id(connector_id),
                presence: Presence::Gone,
            })
            .collect();
        self.work(Changes { resources, relations, readings, assessments, presence, ..Changes::default() })
            .await;
    }

    /// A repository that stays is judged otherwise every day.
    async fn verdict(&mut self, day: u32) {
        let key = self.project(u32::MAX)[1].resource.key.clone();
        let state = |day: u32| {
            if day.is_multiple_of(2) { AssessmentState::Healthy } else { AssessmentState::Unhealthy }
        };
        let from = day.checked_sub(1).map(state);
        let write = self.judged(&key, state(day), from, i64::from(day) + 1);
        self.work(Changes { assessments: vec![write], ..Changes::default() }).await;
    }

    async fn request(&mut self, day: u32) {
        let connector = self.connector(self.lasting).await;
        let effects = RequestEffects::discover(&connector, &asked());
        let hash = ContentHash::of(&serde_json::json!(day));
        self.store.inbox().accept("urn:test", &day.to_string(), hash, &effects).await.expect("accept");
        self.work_off(End::Done).await;
    }

    async fn failures(&mut self, day: u32, connection: &DatabaseConnection) {
        let subject = JobSubject::project(self.lasting, name(), project_of(day));
        self.ask(JobKind::ProjectSync, subject).await;
        self.work_off(End::Dead { class: "test".to_owned(), message: "it cannot be done".to_owned() }).await;
        for (name, settled) in [("open", false), ("discarded", true)] {
            let letter = NewDeadLetter {
                origin: name.to_owned(),
                raw: b"{".to_vec(),
                reason_class: "test".to_owned(),
                reason: "it is none".to_owned(),
                ..NewDeadLetter::default()
            };
            self.store.dead_letters().put(&letter).await.expect("keep a letter");
            if settled {
                let now = self.clock.now().timestamp_millis();
                let statement = format!(
                    "UPDATE dead_letter SET discarded_at_ms = {now} WHERE origin = '{name}' AND discarded_at_ms IS NULL"
                );
                connection.execute_unprepared(&statement).await.expect("discard it");
            }
        }
    }

    async fn operations(&mut self, day: u32, connection: &DatabaseConnection) {
        let entry = AuditEntry {
            actor: "test".to_owned(),
            action: "test".to_owned(),
            target: day.to_string(),
            detail: serde_json::Value::Null,
        };
        self.store.audit().record(&entry).await.expect("note it");
        let beat = Heartbeat {
            instance: format!("host#{day}/sync"),
            role: "sync".to_owned(),
            version: "0".to_owned(),
            slots: 1,
            busy: 0,
        };
        self.store.heartbeats().beat(&beat).await.expect("beat");
        let now = self.clock.now().timestamp_millis();
        for statement in [
            format!(
                "INSERT INTO budget (identity_key, state, updated_at_ms) VALUES ('subject-{day}', '{{}}', {now})"
            ),
            format!(
                "INSERT INTO consumption_scope (identity_key, fairness_key, spent_tstu, spent_at_ms) \
                 VALUES ('subject-{day}', '{}/scope-{day}', 1, {now})",
                self.lasting
            ),
        ] {
            connection.execute_unprepared(&statement).await.expect("write what a budget writes");
        }
    }

    /// A connector comes every day, and one goes with its credential.
    async fn visitor(&mut self, day: u32, connection: &DatabaseConnection) {
        let (id, credential) = onboard(&self.store, &format!("visitor-{day}")).await;
        self.visitors.insert(day, (id, credential));
        let organization_id = OrganizationId(Uuid::from_u128(1_000 + u128::from(day)));
        let organization = OrganizationName::new(format!("visitor-{day}"));
        let stands = OrganizationWrite::Stands {
            connector_id: id,
            organization: organization.clone(),
            organization_id: Some(organization_id),
            access: OrganizationAccess::Connected,
            reason: None,
        };
        self.work(Changes {
            connectors: vec![authorized(id)],
            claims: vec![ClaimWrite::Claim {
                connector_id: id,
                organization_id,
                organization,
                tenant_id: None,
            }],
            organizations: vec![stands],
            ..Changes::default()
        })
        .await;
        for scope in [id, self.lasting] {
            let schedule = Schedule {
                name: "discovery".to_owned(),
                scope: scope.to_string(),
                every: HOUR,
                jitter: HOUR,
            };
            self.store.schedules().ensure(&schedule, HOUR).await.expect("schedule");
        }
        control(&self.store, id, connection, self.clock.now()).await;
        if let Some((id, credential)) =
            day.checked_sub(CONNECTOR_LIVES).and_then(|day| self.visitors.remove(&day))
        {
            self.remove(id).await;
            self.store.credentials().delete(credential).await.expect("nobody needs it");
        }
    }

    async fn remove(&mut self, id: ConnectorId) {
        let connector = self.connector(id).await;
        self.store.inbox().perform(&RequestEffects::offboard(&connector, &asked())).await.expect("offboard");
        let standings = self.store.connectors().organizations(Some(id)).await.expect("list");
        let organizations = standings
            .into_iter()
            .map(|standing| OrganizationWrite::Forgotten {
                connector_id: id,
                organization: standing.organization,
            })
            .collect();
        let transition = ConnectorTransition { event: ConnectorEvent::RemovalFinished, ..authorized(id) };
        let changes = Changes {
            claims: vec![ClaimWrite::ReleaseAll { connector_id: id }],
            organizations,
            connectors: vec![transition],
            ..Changes::default()
        };
        self.finish_all(changes, &End::Done).await;
        assert_eq!(self.connector(id).await.state, ConnectorState::Removed);
    }

    /// Commits changes as the outcome of a job.
    async fn work(&mut self, changes: Changes) {
        self.ask(JobKind::ConnectorRemove, JobSubject::connector(ConnectorId(Uuid::new_v4()))).await;
        self.finish_all(changes, &End::Done).await;
    }

    async fn work_off(&mut self, end: End) {
        self.finish_all(Changes::default(), &end).await;
    }

    async fn ask(&self, kind: JobKind, subject: JobSubject) {
        self.store.ledger().enqueue(&[asked().job(kind, subject, None)]).await.expect("enqueue");
    }

    /// Ends every due job, the first one with these changes.
    async fn finish_all(&mut self, mut changes: Changes, end: &End) {
        while let Some(job) = self.claim().await {
            let changes = std::mem::take(&mut changes);
            let finish = Finish { lease: job.lease, changes, end: end.clone() };
            assert_eq!(
                self.store.ledger().finish(vec![finish]).await.expect("finish"),
                [Finished::Committed]
            );
        }
    }

    async fn claim(&self) -> Option<ClaimedJob> {
        for role in Role::ALL {
            let tickets = self.store.ledger().dispatch(role, 100, 1).await.expect("dispatch");
            let tickets: Vec<_> = tickets.into_iter().map(|traced| (traced.ticket, false)).collect();
            let claimed = self.store.ledger().claim(&tickets, "test", LEASE).await.expect("claim");
            if let Some(job) = claimed.into_iter().next() {
                return Some(job);
            }
        }
        None
    }

    async fn connector(&self, id: ConnectorId) -> Connector {
        self.store.connectors().get(id).await.expect("ask").expect("the connector")
    }

    fn judged(
        &self,
        key: &ResourceKey,
        state: AssessmentState,
        from: Option<AssessmentState>,
        sequence: i64,
    ) -> AssessmentWrite {
        let now = self.clock.now();
        AssessmentWrite {
            connector_id: self.lasting,
            assessment: Assessment {
                resource_id: key.resource_id(self.lasting),
                recommendation: RECOMMENDATION,
                verdict: Verdict {
                    state,
                    cause: "Because".to_owned(),
                    observed: "this".to_owned(),
                    expected: "that".to_owned(),
                    link: None,
                },
                first_evaluated_at: now,
                since: now,
                change_sequence: sequence,
            },
            from,
        }
    }

    /// A project with repositories, of a day.
    fn project(&self, day: u32) -> Vec<ResourceWrite> {
        let project = project_of(day);
        let properties = ProjectProperties {
            visibility: Visibility::Private,
            state: "wellFormed".to_owned(),
            revision: Some(1),
        };
        let key = ResourceKey::project(ORGANIZATION, project);
        let mut resources = vec![resource(key, &format!("project-{day}"), Properties::Project(properties))];
        for number in 0..REPOSITORIES {
            let id = Uuid::from_u128((u128::from(day) << 32) + number).to_string();
            let key = ResourceKey::in_project(ResourceKind::Repository, ORGANIZATION, project, id);
            let properties = RepositoryProperties {
                default_branch: Some("refs/heads/main".to_owned()),
                is_disabled: false,
                is_in_maintenance: false,
                is_fork: false,
                web_url: None,
                size_bytes: Some(1),
            };
            resources.push(resource(
                key,
                &format!("repository-{day}-{number}"),
                Properties::Repository(properties),
            ));
        }
        let connector_id = self.lasting;
        resources.into_iter().map(|resource| ResourceWrite { connector_id, resource }).collect()
    }

    /// What is in use was not cleared away with the rest.
    pub(super) async fn what_must_stay_is_there(&self) {
        assert_eq!(self.connector(self.lasting).await.state, ConnectorState::Active);
        let lasting: Vec<ResourceId> =
            self.project(u32::MAX).iter().map(|write| write.resource.key.resource_id(self.lasting)).collect();
        for id in &lasting {
            assert!(
                self.store.inventory().view(*id).await.expect("ask").is_some(),
                "a resource that is there is kept"
            );
        }
        let id =
            muster_store::changes::AssessmentId { resource_id: lasting[1], recommendation: RECOMMENDATION };
        let history = self.store.assessments().history(id).await.expect("the history");
        assert!(
            !history.is_empty() && history.len() <= 22,
            "{} changes of the last twenty days",
            history.len()
        );
        let schedules = self.store.schedules().due(1_000).await.expect("schedules");
        assert!(schedules.iter().any(|due| due.schedule.scope == self.lasting.to_string()));
    }
}

async fn onboard(store: &Store, name: &str) -> (ConnectorId, CredentialId) {
    let secret = SecretString::from("a token");
    let kind = CredentialKind::PersonalAccessToken;
    let credential = store.credentials().put(name, kind, &secret).await.expect("a credential").id;
    let request = OnboardingRequested {
        name: name.to_owned(),
        subscription_id: "11111111-2222-4333-8444-555555555555".to_owned(),
        resource_group: "devops".to_owned(),
        region: "westeurope".to_owned(),
        tenant_id: None,
        plan: None,
        credential: name.to_owned(),
        organizations: OrganizationsChoice::AllExistingAndFuture,
    };
    let effects = RequestEffects::onboard(&request, credential, &asked());
    store.inbox().perform(&effects).await.expect("onboard");
    (effects.connectors[0].id, credential)
}

/// What a person sets about the consumption of a connector.
async fn control(store: &Store, id: ConnectorId, connection: &DatabaseConnection, now: DateTimeUtc) {
    let id = match store.backend() {
        muster_store::Backend::Postgres => format!("'{id}'"),
        muster_store::Backend::Sqlite => format!("x'{}'", id.0.simple()),
    };
    let now = now.timestamp_millis();
    let statement = format!(
        "INSERT INTO consumption_control (connector_id, organization_folded, changed_by, changed_at_ms) \
         VALUES ({id}, '', 'test', {now})"
    );
    connection.execute_unprepared(&statement).await.expect("a control");
}

fn authorized(connector_id: ConnectorId) -> ConnectorTransition {
    ConnectorTransition { connector_id, event: ConnectorEvent::Authorized, reason: None, tenant_id: None }
}

fn project_of(day: u32) -> ProjectId {
    ProjectId(Uuid::from_u128(1 << 100 | u128::from(day)))
}

fn name() -> OrganizationName {
    OrganizationName::new("contoso")
}

fn resource(key: ResourceKey, name: &str, properties: Properties) -> Resource {
    Resource { key, name: name.to_owned(), properties }
}

fn asked() -> Asked {
    Asked { cause: "test".to_owned(), trace: None }
}
