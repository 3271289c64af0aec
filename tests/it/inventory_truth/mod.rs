//! The inventory tells what became of everything: present, missing or gone, each with the facts that say so, and how
//! every organization stands with its connector.

mod organization_reads;
mod projects;
mod repositories;
mod standing;

use muster_azdo_sim::SimulatorOptions;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::{ConnectorId, OrganizationName, ProjectId, ResourceId};
use muster_messages::fact::{FactPayload, ResourceReference};
use muster_runtime::HandlerError;
use muster_store::changes::ReadingKey;
use muster_store::inventory::{ResourceFilter, StoredResource};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::fleet::assert_same;
use tests::workbench::Workbench;

/// More resources, and more facts, than any world here.
const MANY: u32 = 10_000;

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 1,
        projects: 4,
        repositories: 40,
        seed: 5,
        ..SimulatorOptions::default()
    }
}

/// One organization, discovered and judged; what changes from then on is told.
struct Case {
    bench: Workbench,
    organization: OrganizationName,
    connector: ConnectorId,
}

impl Case {
    async fn begin(world: SimulatorOptions) -> Self {
        let bench = Workbench::prepare(world).await;
        let organization = OrganizationName::new(bench.simulator.organizations().remove(0));
        let connector = bench.connector().await.id;
        let case = Self { bench, organization, connector };
        case.bench.run_all().await;
        case.assert_judged_truly("first").await;
        case.facts().await;
        case.bench.simulator.reset_stats();
        case
    }

    /// What an administrator does.
    fn change(&self, kind: &str, mut fields: Value) {
        fields["change"] = json!(kind);
        fields["organization"] = json!(self.organization);
        let change = serde_json::from_value(fields).expect("a change");
        self.bench.simulator.change(&change).expect("change the world");
    }

    fn break_route(&self, route: &str, times: u32, action: &Value) {
        let fault = json!({ "match": { "route": route }, "action": action, "times": times });
        let fault = serde_json::from_value(fault).expect("a fault");
        self.bench.simulator.install_fault(fault).expect("install the fault");
    }

    fn subject(&self) -> JobSubject {
        JobSubject::organization(self.connector, self.organization.clone())
    }

    /// Discovers the organization, and does everything that follows.
    async fn discover(&self) {
        self.bench.ask(JobKind::OrganizationDiscover, self.subject()).await;
        self.bench.run_all().await;
    }

    /// Discovers the organization, which fails; the job is due again.
    async fn discover_failing(&self) -> HandlerError {
        self.bench.run_failing(JobKind::OrganizationDiscover, self.subject()).await
    }

    async fn assert_judged_truly(&self, when: &str) {
        assert_same(when, &self.bench.assessments().await, &self.bench.truth());
    }

    /// Calls since the last reset, by route.
    fn calls(&self, route: &str) -> u64 {
        self.bench.simulator.stats().requests.get(route).copied().unwrap_or_default()
    }

    /// Everything of a kind that the inventory ever held.
    async fn all(&self, kind: ResourceKind) -> Vec<StoredResource> {
        let filter = ResourceFilter {
            connector: Some(self.connector),
            kinds: vec![kind],
            include_gone: true,
            limit: MANY,
            ..ResourceFilter::default()
        };
        self.bench.store.inventory().list(&filter).await.expect("list the inventory")
    }

    /// A repository of a project that has several.
    async fn repository(&self) -> StoredResource {
        let all = self.all(ResourceKind::Repository).await;
        let mut counts: BTreeMap<Option<ProjectId>, u32> = BTreeMap::new();
        for repository in &all {
            *counts.entry(repository.resource.key.project_id).or_default() += 1;
        }
        let is_one_of_several = |one: &&StoredResource| counts[&one.resource.key.project_id] > 2;
        all.iter().find(is_one_of_several).expect("a project of several repositories").clone()
    }

    async fn get(&self, id: ResourceId) -> StoredResource {
        self.bench.store.inventory().get(id).await.expect("ask").expect("the resource is kept")
    }

    async fn presence(&self, id: ResourceId) -> Presence {
        self.get(id).await.presence
    }

    /// How many of a kind are in which presence.
    async fn presences(&self, kind: ResourceKind) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for resource in self.all(kind).await {
            *counts.entry(resource.presence.as_str()).or_default() += 1;
        }
        counts
    }

    /// Facts that were told since the last look.
    async fn facts(&self) -> Vec<FactPayload> {
        let outbox = self.bench.store.outbox();
        let mut facts = Vec::new();
        loop {
            let events = outbox.claim(MANY, Duration::from_secs(60)).await.expect("claim the events");
            if events.is_empty() {
                return facts;
            }
            let ids: Vec<_> = events.iter().map(|event| event.id).collect();
            facts.extend(events.iter().map(|event| FactPayload::from_event(&event.event).expect("a fact")));
            outbox.published(&ids).await.expect("note them as published");
        }
    }

    async fn unknown_reason(&self, key: &ReadingKey) -> Option<muster_domain::read::UnknownReason> {
        let reading = self.bench.store.inventory().reading(key).await.expect("ask");
        reading.expect("a reading").outcome.err()
    }
}

/// What names a repository in a change.
fn named(repository: &StoredResource) -> Value {
    let key = &repository.resource.key;
    json!({ "project": key.project_id, "repository": key.external_id })
}

fn is_about(reference: &ResourceReference, resource: &StoredResource) -> bool {
    let key = &resource.resource.key;
    reference.kind == key.kind && reference.id == key.external_id && reference.project_id == key.project_id
}

/// What was told of a resource: `discovered`, `removed`, or the changed properties.
fn told(facts: &[FactPayload], resource: &StoredResource) -> Vec<String> {
    let told = facts.iter().flat_map(|fact| match fact {
        FactPayload::ResourceDiscovered(fact) if is_about(&fact.resource, resource) => {
            vec!["discovered".to_owned()]
        }
        FactPayload::ResourceRemoved(fact) if is_about(&fact.resource, resource) => {
            vec!["removed".to_owned()]
        }
        FactPayload::ResourceChanged(fact) if is_about(&fact.resource, resource) => {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let line = |change: &muster_messages::fact::PropertyChange| {
                format!("{}: {} -> {}", change.property, text(&change.from), text(&change.to))
            };
            fact.changes.iter().map(line).collect()
        }
        _ => Vec::new(),
    });
    told.collect()
}

/// How many assessments of a resource were told to be over.
fn closed(facts: &[FactPayload], resource: &StoredResource) -> usize {
    let is_closed = |fact: &&FactPayload| matches!(fact, FactPayload::AssessmentChanged(fact) if is_about(&fact.resource, resource) && fact.to.is_none());
    facts.iter().filter(is_closed).count()
}
