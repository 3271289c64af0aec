//! Whose turn it is: due jobs in the order in which they get a place.
//!
//! Identities take turns: each has a limit of its own, so none gains by waiting for another. Within an identity the
//! connector that spent least lately is next, and within it the organization that spent least. A job that has a place
//! and has not paid yet counts as what a job usually costs, so that nobody takes all places before the first bill. So
//! one organization of 100,000 repositories gets what the others leave, and a small one is served at once.

use super::IdentityKey;
use crate::ConnectorId;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What a job counts for until its calls are paid: a dozen calls of 0.12 TSTU.
const USUAL_JOB_TSTU: f64 = 1.5;

/// A due job.
#[derive(Clone, Debug, PartialEq)]
pub struct DueJob<Id> {
    /// Which.
    pub id: Id,
    /// Whose budget it spends; nothing for a job that calls nobody.
    pub identity: Option<IdentityKey>,
    /// Its connector.
    pub connector_id: ConnectorId,
    /// Its organization or connector ([`crate::job::JobSubject::fairness_key`]).
    pub fairness_key: String,
    /// Lower goes first within its organization.
    pub priority: i64,
    /// Then the one that is due first.
    pub due_at_ms: i64,
}

/// How an organization, or what is asked about a whole connector, stands with a budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Whose budget.
    pub identity: Option<IdentityKey>,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The organization or connector.
    pub fairness_key: String,
    /// Spent lately.
    pub spent_tstu: f64,
    /// Jobs that have a place.
    pub on_the_way: u32,
}

/// The first `places` jobs, the next one first.
pub fn in_turn<Id>(due: Vec<DueJob<Id>>, standings: &[Standing], places: usize) -> Vec<Id> {
    let mut identities: BTreeMap<Option<IdentityKey>, Turns<Id>> = BTreeMap::new();
    for job in due {
        identities.entry(job.identity.clone()).or_insert_with(Turns::new).add(job);
    }
    for standing in standings {
        if let Some(turns) = identities.get_mut(&standing.identity) {
            turns.note(standing);
        }
    }
    let mut queue: Vec<Turns<Id>> = identities.into_values().collect();
    queue.iter_mut().for_each(Turns::sort);
    let mut chosen = Vec::with_capacity(places.min(queue.iter().map(|turns| turns.waiting).sum()));
    while chosen.len() < places {
        let next = queue.iter_mut().filter(|turns| turns.waiting > 0).min_by_key(|turns| turns.on_the_way);
        let Some(job) = next.and_then(Turns::next) else { break };
        chosen.push(job.id);
    }
    chosen
}

/// What waits for one identity.
struct Turns<Id> {
    on_the_way: u32,
    waiting: usize,
    /// By connector: what it spent, with all places that it has.
    connectors: HashMap<ConnectorId, f64>,
    organizations: BTreeMap<String, Organization<Id>>,
}

struct Organization<Id> {
    connector_id: ConnectorId,
    spent_tstu: f64,
    jobs: VecDeque<DueJob<Id>>,
}

impl<Id> Turns<Id> {
    fn new() -> Self {
        Self { on_the_way: 0, waiting: 0, connectors: HashMap::new(), organizations: BTreeMap::new() }
    }

    fn add(&mut self, job: DueJob<Id>) {
        self.connectors.entry(job.connector_id).or_default();
        self.waiting += 1;
        let organization = self.organizations.entry(job.fairness_key.clone()).or_insert_with(|| {
            Organization { connector_id: job.connector_id, spent_tstu: 0.0, jobs: VecDeque::new() }
        });
        organization.jobs.push_back(job);
    }

    fn note(&mut self, standing: &Standing) {
        let spent = standing.spent_tstu + USUAL_JOB_TSTU * f64::from(standing.on_the_way);
        self.on_the_way += standing.on_the_way;
        if let Some(connector) = self.connectors.get_mut(&standing.connector_id) {
            *connector += spent;
        }
        if let Some(organization) = self.organizations.get_mut(&standing.fairness_key) {
            organization.spent_tstu += spent;
        }
    }

    fn sort(&mut self) {
        for organization in self.organizations.values_mut() {
            organization.jobs.make_contiguous().sort_by_key(|job| (job.priority, job.due_at_ms));
        }
    }

    /// The next job of this identity.
    fn next(&mut self) -> Option<DueJob<Id>> {
        let connectors = &self.connectors;
        let organization = self
            .organizations
            .values_mut()
            .filter(|organization| !organization.jobs.is_empty())
            .min_by(|one, other| {
                let by_connector = connectors[&one.connector_id].total_cmp(&connectors[&other.connector_id]);
                let head = |organization: &Organization<Id>| {
                    organization.jobs.front().map(|job| (job.priority, job.due_at_ms))
                };
                by_connector
                    .then(one.connector_id.cmp(&other.connector_id))
                    .then(one.spent_tstu.total_cmp(&other.spent_tstu))
                    .then(head(one).cmp(&head(other)))
            })?;
        let job = organization.jobs.pop_front()?;
        organization.spent_tstu += USUAL_JOB_TSTU;
        *self.connectors.entry(job.connector_id).or_default() += USUAL_JOB_TSTU;
        self.on_the_way += 1;
        self.waiting -= 1;
        Some(job)
    }
}
