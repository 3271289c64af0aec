//! Jobs as people, metrics and autoscalers see them.

use super::dispatch::{GATE_JOINS, connector_at_work, may_run};
use super::newer::known_kinds;
use super::row::{DETAIL_COLUMNS, VIEW_COLUMNS, detail, view};
use super::{JobDetail, JobView, Ledger};
use crate::error::StoreError;
use crate::paging::{Cursor, Direction, PageOrder, SortColumn};
use crate::session::values;
use chrono::{DateTime, Utc};
use muster_domain::job::{JobKind, JobState, Role, WaitingReason};
use muster_domain::{ConnectorId, JobId, OrganizationName, ProjectId};
use sea_orm::Value;
use std::time::Duration;

/// Which jobs to list. Empty lists mean all.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// In these states.
    pub states: Vec<JobState>,
    /// Of these kinds.
    pub kinds: Vec<JobKind>,
    /// Waiting for one of these reasons.
    pub waiting: Vec<WaitingReason>,
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// About this organization, compared without case.
    pub organization: Option<OrganizationName>,
    /// About this project.
    pub project_id: Option<ProjectId>,
    /// Due before this moment.
    pub due_before: Option<DateTime<Utc>>,
    /// Only beyond this: where the page before ended.
    pub after: Option<Cursor>,
    /// At most so many, newest first.
    pub limit: u32,
}

/// Jobs of a list where nothing else is said.
const DEFAULT_LIST_LIMIT: u32 = 100;

impl Default for JobFilter {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            kinds: Vec::new(),
            waiting: Vec::new(),
            connector: None,
            organization: None,
            project_id: None,
            due_before: None,
            after: None,
            limit: DEFAULT_LIST_LIMIT,
        }
    }
}

/// A page of jobs.
#[derive(Clone, Debug)]
pub struct JobPage {
    /// Newest first.
    pub jobs: Vec<JobView>,
    /// Where the next page begins; absent after the last one.
    pub next: Option<Cursor>,
}

/// How many jobs of a role are in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// The role.
    pub role: Role,
    /// The state: live ones, and dead.
    pub state: JobState,
    /// Why they are not simply due.
    pub waiting_reason: Option<WaitingReason>,
    /// How many.
    pub jobs: u64,
}

/// What a role has to do: the numbers to scale by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleLoad {
    /// The role.
    pub role: Role,
    /// Due and free to run, or on their way to a worker.
    pub runnable: u64,
    /// In workers' hands.
    pub running: u64,
    /// Waiting for a pause to end, an attempt, a credential or a connector.
    pub parked: u64,
    /// Pending for a later time.
    pub scheduled: u64,
}

impl Ledger {
    /// Jobs, newest first.
    ///
    /// # Errors
    /// As [`Ledger::page`].
    pub async fn list(&self, filter: &JobFilter) -> Result<Vec<JobView>, StoreError> {
        Ok(self.page(filter).await?.jobs)
    }

    /// A page of jobs, newest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list; [`StoreError::Unavailable`],
    /// [`StoreError::Inconsistent`].
    pub async fn page(&self, filter: &JobFilter) -> Result<JobPage, StoreError> {
        let order = PageOrder {
            columns: vec![
                SortColumn::Number("j.created_at_ms".to_owned()),
                SortColumn::Id("j.id".to_owned()),
            ],
            direction: Direction::Descending,
        };
        let (mut conditions, mut parameters) = conditions(filter);
        if let Some(after) = &filter.after {
            conditions.push(order.beyond(after, &mut parameters)?);
        }
        parameters.push(Value::from(i64::from(filter.limit)));
        let statement = format!(
            "SELECT {VIEW_COLUMNS}, {} FROM job j WHERE {} ORDER BY {} LIMIT ${}",
            order.selected(),
            conditions.join(" AND "),
            order.order_by(),
            parameters.len()
        );
        let rows = self.store.reader().all("job", &statement, parameters).await?;
        let next = order.next(&rows, filter.limit)?;
        Ok(JobPage { jobs: rows.iter().map(view).collect::<Result<_, _>>()?, next })
    }

    /// One job with everything that is known of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn detail(&self, job: JobId) -> Result<Option<JobDetail>, StoreError> {
        let statement = format!("SELECT {VIEW_COLUMNS}, {DETAIL_COLUMNS} FROM job j WHERE j.id = $1");
        self.store.reader().one("job", &statement, values![job.0]).await?.as_ref().map(detail).transpose()
    }

    /// One job.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get(&self, job: JobId) -> Result<Option<JobView>, StoreError> {
        let statement = format!("SELECT {VIEW_COLUMNS} FROM job j WHERE j.id = $1");
        self.store.reader().one("job", &statement, values![job.0]).await?.as_ref().map(view).transpose()
    }

    /// Live and dead jobs per role, state and reason.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn counts(&self) -> Result<Vec<JobCount>, StoreError> {
        let rows = self.store.reader().all("job", COUNTS, values![]).await?;
        rows.iter()
            // A role of a newer binary has workers of its own, which count it.
            .filter(|row| row.parse("role", Role::parse).is_ok())
            .map(|row| {
                Ok(JobCount {
                    role: row.parse("role", Role::parse)?,
                    state: row.parse("state", JobState::parse)?,
                    waiting_reason: row.parse_optional("waiting_reason", WaitingReason::parse)?,
                    jobs: row.count("jobs")?,
                })
            })
            .collect()
    }

    /// What every role has to do.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn load(&self) -> Result<Vec<RoleLoad>, StoreError> {
        let statement = format!(
            "SELECT j.role, CASE
                WHEN j.state = 'running' THEN 'running'
                WHEN j.state = 'dispatched' THEN 'runnable'
                WHEN j.waiting_reason = 'needs_auth' OR NOT ({gate}) THEN 'parked'
                WHEN j.due_at_ms <= {{now}} THEN 'runnable'
                WHEN j.waiting_reason IS NOT NULL THEN 'parked'
                ELSE 'scheduled' END AS load_class, count(*) AS jobs
             FROM job j {GATE_JOINS} WHERE j.state IN ('pending', 'dispatched', 'running') GROUP BY 1, 2",
            gate = may_run()
        );
        let mut loads =
            Role::ALL.map(|role| RoleLoad { role, runnable: 0, running: 0, parked: 0, scheduled: 0 });
        for row in self.store.reader().all("job", &statement, values![]).await? {
            let Ok(role) = row.parse("role", Role::parse) else { continue };
            let class: String = row.get("load_class")?;
            let count: u64 = row.count("jobs")?;
            for load in loads.iter_mut().filter(|load| load.role == role) {
                match class.as_str() {
                    "runnable" => load.runnable += count,
                    "running" => load.running += count,
                    "parked" => load.parked += count,
                    _ => load.scheduled += count,
                }
            }
        }
        Ok(loads.to_vec())
    }

    /// For how long the oldest job of a role has been due that is free to run.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn oldest_due_age(&self, role: Role) -> Result<Option<Duration>, StoreError> {
        let statement = format!(
            "SELECT {{now}} - min(j.due_at_ms) AS age_ms FROM job j {GATE_JOINS}
             WHERE j.role = $1 AND j.state = 'pending' AND j.waiting_reason IS DISTINCT FROM 'needs_auth'
                AND j.due_at_ms <= {{transaction_now}} AND {gate}",
            gate = may_run()
        );
        let row = self.store.reader().one("job", &statement, values![role.as_str()]).await?;
        let age: Option<i64> = row.map(|row| row.get("age_ms")).transpose()?.flatten();
        Ok(age.map(|age| Duration::from_millis(u64::try_from(age).unwrap_or_default())))
    }

    /// True where nothing is left to do but what is planned for later: no job is due, on its way, running, or
    /// waiting for a pause or an attempt. Jobs that only a person can let go on do not count.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_idle(&self) -> Result<bool, StoreError> {
        let statement = format!(
            "SELECT count(*) AS jobs FROM job j LEFT JOIN connector c ON c.id = j.connector_id
             WHERE j.state IN ('dispatched', 'running') OR (
                j.state = 'pending' AND j.waiting_reason IS DISTINCT FROM 'needs_auth' AND ({at_work})
                AND (j.due_at_ms <= {{now}} OR j.waiting_reason IN ('throttled', 'retry')))",
            at_work = connector_at_work()
        );
        let row = self.store.reader().one("job", &statement, values![]).await?;
        let busy: i64 = row.map(|row| row.get("jobs")).transpose()?.unwrap_or_default();
        Ok(busy == 0)
    }
}

/// Two halves, so that each has its index: most rows of the table are jobs that are done.
const COUNTS: &str = "
    SELECT role, state, waiting_reason, count(*) AS jobs FROM job
    WHERE state IN ('pending', 'dispatched', 'running') GROUP BY role, state, waiting_reason
    UNION ALL
    SELECT role, state, NULL AS waiting_reason, count(*) AS jobs FROM job
    WHERE state IN ('done', 'dead', 'cancelled') AND state = 'dead' GROUP BY role, state
    ORDER BY role, state, waiting_reason";

fn conditions(filter: &JobFilter) -> (Vec<String>, Vec<Value>) {
    // What a newer binary made has no place in a list of this one.
    let mut conditions = vec![known_kinds()];
    let mut parameters: Vec<Value> = Vec::new();
    let mut one_of = |column: &str, names: Vec<&'static str>| {
        if !names.is_empty() {
            let places = crate::session::places(parameters.len() + 1, names.len());
            conditions.push(format!("j.{column} IN ({places})"));
            parameters.extend(names.into_iter().map(Value::from));
        }
    };
    one_of("state", filter.states.iter().map(|state| state.as_str()).collect());
    one_of("kind", filter.kinds.iter().map(|kind| kind.as_str()).collect());
    one_of("waiting_reason", filter.waiting.iter().map(|reason| reason.as_str()).collect());
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            parameters.push(value);
            conditions.push(format!("{condition} ${}", parameters.len()));
        }
    };
    add("j.connector_id =", filter.connector.map(|id| id.0.into()));
    if let Some(organization) = &filter.organization {
        add("lower(j.organization) =", Some(organization.folded().into()));
    }
    add("j.project_id =", filter.project_id.map(|id| id.0.into()));
    add("j.due_at_ms <", filter.due_before.map(|time| time.timestamp_millis().into()));
    (conditions, parameters)
}
