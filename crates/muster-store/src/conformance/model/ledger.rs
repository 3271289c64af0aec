//! The model: what should become of jobs, in memory and without SQL.

use crate::ledger::{CRASH_LIMIT_CLASS, CRASHED_CLASS, Finished, JobDeed, LEASE_EXPIRED_CLASS, Lease};
use muster_domain::job::{JobState, WaitingReason};
use muster_domain::{JobId, LeaseToken};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Attempts of a job: few, so that cases reach the last one.
pub(super) const MAX_ATTEMPTS: u32 = 3;
/// Times that a worker may vanish.
pub(super) const CRASH_LIMIT: u32 = 3;
/// Wait before a job runs again whose worker vanished.
const RECLAIM_DELAY_MS: i64 = 5_000;
/// Class of failures that the steps make.
pub(super) const FAILED_CLASS: &str = "failed";
/// Class of what the steps park.
pub(super) const PARKED_CLASS: &str = "parked";

/// A job, as it should stand and as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) role: String,
    pub(super) connector: Uuid,
    pub(super) credential: Option<Uuid>,
    pub(super) needs_connector: bool,
    pub(super) state: JobState,
    pub(super) reason: Option<WaitingReason>,
    pub(super) priority: i64,
    pub(super) attempt: i64,
    pub(super) wait_count: i64,
    pub(super) waiting_since: Option<i64>,
    pub(super) crash_count: i64,
    pub(super) failure_count: i64,
    pub(super) first_error: Option<String>,
    pub(super) last_error: Option<String>,
    pub(super) due: i64,
    pub(super) sequence: i64,
    pub(super) dispatched_at: Option<i64>,
    pub(super) token: Option<LeaseToken>,
    pub(super) lease_until: Option<i64>,
    pub(super) finished_token: Option<LeaseToken>,
    pub(super) rerun: bool,
    pub(super) progress: Option<i64>,
    pub(super) finished_at: Option<i64>,
}

/// A wish, as the model needs it.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) role: String,
    pub(super) connector: Uuid,
    pub(super) credential: Option<Uuid>,
    pub(super) needs_connector: bool,
    pub(super) delay_ms: i64,
    pub(super) priority: i64,
}

/// The end of a run, as the model needs it.
#[derive(Clone, Debug)]
pub(super) enum End {
    Done,
    Continue(i64),
    PutBack { reason: WaitingReason, delay_ms: i64, progress: Option<i64>, class: Option<&'static str> },
    Failed { delay_ms: i64 },
    Dead,
    Released,
    Cancelled,
}

/// All jobs, and the time.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) now: i64,
}

impl Job {
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, JobState::Pending | JobState::Dispatched | JobState::Running)
    }

    /// Whether a dispatcher may take it now, as long as no connector or budget is in the way.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.state == JobState::Pending && self.reason != Some(WaitingReason::NeedsAuth) && self.due <= now
    }

    fn holds(&self, token: LeaseToken) -> bool {
        self.state == JobState::Running && self.token == Some(token)
    }

    fn leave(&mut self, state: JobState) {
        self.state = state;
        self.reason = None;
        self.token = None;
        self.lease_until = None;
    }

    fn crash(&mut self, class: &str, class_at_limit: &str, now: i64) {
        self.crash_count += 1;
        self.failure_count += 1;
        self.first_error.get_or_insert_with(|| class.to_owned());
        self.last_error = Some(class.to_owned());
        if self.crash_count >= i64::from(CRASH_LIMIT) {
            self.leave(JobState::Dead);
            self.last_error = Some(class_at_limit.to_owned());
            self.finished_at = Some(now);
        }
    }
}

impl Ledger {
    fn live(&mut self, kind: &str, subject: &str) -> Option<(&JobId, &mut Job)> {
        self.jobs.iter_mut().find(|(_, job)| job.is_live() && job.kind == kind && job.subject == subject)
    }

    /// The live job that a wish joins, or `None` where a new one with the id `new` must come to be.
    pub(super) fn enqueue(&mut self, wish: &Wish, new: JobId) -> Option<JobId> {
        let now = self.now;
        if let Some((id, job)) = self.live(&wish.kind, &wish.subject) {
            job.rerun |= job.state == JobState::Running || job.progress.is_some();
            if job.state == JobState::Pending && matches!(job.reason, None | Some(WaitingReason::Retry)) {
                job.due = job.due.min(now + wish.delay_ms);
            }
            job.priority = job.priority.min(wish.priority);
            job.credential = wish.credential.or(job.credential);
            return Some(*id);
        }
        let job = Job {
            kind: wish.kind.clone(),
            subject: wish.subject.clone(),
            role: wish.role.clone(),
            connector: wish.connector,
            credential: wish.credential,
            needs_connector: wish.needs_connector,
            state: JobState::Pending,
            reason: None,
            priority: wish.priority,
            attempt: 0,
            wait_count: 0,
            waiting_since: None,
            crash_count: 0,
            failure_count: 0,
            first_error: None,
            last_error: None,
            due: now + wish.delay_ms,
            sequence: 0,
            dispatched_at: None,
            token: None,
            lease_until: None,
            finished_token: None,
            rerun: false,
            progress: None,
            finished_at: None,
        };
        self.jobs.insert(new, job);
        None
    }

    pub(super) fn dispatch(&mut self, id: JobId) {
        let now = self.now;
        if let Some(job) = self.jobs.get_mut(&id) {
            job.state = JobState::Dispatched;
            job.reason = None;
            job.dispatched_at = Some(now);
            job.sequence += 1;
        }
    }

    /// Back to pending and due, where the ticket is still on its way.
    pub(super) fn put_back(&mut self, id: JobId, sequence: i64) -> bool {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        let on_its_way = job.state == JobState::Dispatched && job.sequence == sequence;
        if on_its_way {
            job.state = JobState::Pending;
            job.due = now;
        }
        on_its_way
    }

    /// True where the ticket gives a lease; `token` is the one that the store gave.
    pub(super) fn claim(
        &mut self,
        (id, sequence, redelivered): (JobId, i64, bool),
        token: Option<LeaseToken>,
        lease_ms: i64,
    ) -> bool {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.sequence == sequence) else { return false };
        match job.state {
            JobState::Dispatched => job.attempt += 1,
            JobState::Running if redelivered => job.crash(CRASHED_CLASS, CRASH_LIMIT_CLASS, now),
            _ => return false,
        }
        if job.state == JobState::Dead {
            return false;
        }
        job.state = JobState::Running;
        job.token = token;
        job.lease_until = Some(now + lease_ms);
        job.finished_at = None;
        true
    }

    /// True where the lease is held.
    pub(super) fn renew(&mut self, lease: Lease, by_ms: i64) -> bool {
        let now = self.now;
        let held = self.jobs.get_mut(&lease.job_id).filter(|job| job.holds(lease.token));
        held.map(|job| job.lease_until = Some(now + by_ms)).is_some()
    }

    /// What a finish is answered, and whether it writes.
    pub(super) fn judge(&self, lease: Lease) -> (Finished, bool) {
        match self.jobs.get(&lease.job_id) {
            Some(job) if job.holds(lease.token) => (Finished::Committed, true),
            Some(job) if job.finished_token == Some(lease.token) => (Finished::Committed, false),
            _ => (Finished::LeaseLost, false),
        }
    }

    pub(super) fn commit_page(&mut self, lease: Lease, progress: i64) {
        if let Some(job) = self.jobs.get_mut(&lease.job_id) {
            job.progress = Some(progress);
        }
    }

    pub(super) fn finish(&mut self, id: JobId, end: &End) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.finished_token = job.token;
        job.finished_at = None;
        job.due = now;
        match end {
            End::Done => {
                job.leave(if job.rerun { JobState::Pending } else { JobState::Done });
                job.finished_at = (!job.rerun).then_some(now);
                job.rerun = false;
                job.progress = None;
                (job.attempt, job.crash_count, job.failure_count, job.wait_count) = (0, 0, 0, 0);
                (job.waiting_since, job.first_error, job.last_error) = (None, None, None);
            }
            End::Continue(progress) => {
                job.leave(JobState::Pending);
                job.progress = Some(*progress);
                (job.attempt, job.crash_count) = (0, 0);
                job.waiting_since = None;
            }
            End::PutBack { reason, delay_ms, progress, class } => {
                job.leave(JobState::Pending);
                job.reason = Some(*reason);
                job.due = now + delay_ms;
                job.progress = progress.or(job.progress);
                job.attempt = (job.attempt - 1).max(0);
                job.wait_count += 1;
                job.waiting_since.get_or_insert(now);
                job.last_error = class.map(str::to_owned).or(job.last_error.take());
            }
            End::Failed { delay_ms } => {
                let is_last = job.attempt >= i64::from(MAX_ATTEMPTS);
                job.leave(if is_last { JobState::Dead } else { JobState::Pending });
                job.reason = (!is_last).then_some(WaitingReason::Retry);
                job.due = now + delay_ms;
                job.finished_at = is_last.then_some(now);
                job.wait_count += 1;
                job.waiting_since.get_or_insert(now);
                job.fail();
            }
            End::Dead => {
                job.leave(JobState::Dead);
                job.finished_at = Some(now);
                job.rerun = false;
                job.fail();
            }
            End::Released => {
                job.leave(JobState::Pending);
                job.attempt = (job.attempt - 1).max(0);
            }
            End::Cancelled => {
                job.leave(JobState::Cancelled);
                job.finished_at = Some(now);
                job.rerun = false;
            }
        }
    }

    pub(super) fn release(&mut self, lease: Lease) -> bool {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&lease.job_id).filter(|job| job.holds(lease.token)) else {
            return false;
        };
        job.leave(JobState::Pending);
        job.attempt = (job.attempt - 1).max(0);
        job.due = now;
        true
    }

    /// How many are due again, and how many dead.
    pub(super) fn reclaim_expired(&mut self) -> (u64, u64) {
        let now = self.now;
        let (mut retried, mut dead) = (0, 0);
        let expired = |job: &&mut Job| job.state == JobState::Running && job.lease_until < Some(now);
        for job in self.jobs.values_mut().filter(expired) {
            job.crash(LEASE_EXPIRED_CLASS, LEASE_EXPIRED_CLASS, now);
            job.due = now + RECLAIM_DELAY_MS;
            if job.state == JobState::Dead {
                dead += 1;
            } else {
                job.leave(JobState::Pending);
                job.reason = Some(WaitingReason::Retry);
                job.finished_at = None;
                retried += 1;
            }
        }
        (retried, dead)
    }

    pub(super) fn redispatch_lost(&mut self, older_than_ms: i64) -> u64 {
        let now = self.now;
        self.change(
            |job| job.state == JobState::Dispatched && job.dispatched_at <= Some(now - older_than_ms),
            |job| {
                job.state = JobState::Pending;
                job.due = now;
            },
        )
    }

    pub(super) fn park(&mut self, credential: Uuid) -> u64 {
        let now = self.now;
        self.change(
            |job| {
                job.state == JobState::Pending
                    && job.needs_connector
                    && job.credential == Some(credential)
                    && job.reason != Some(WaitingReason::NeedsAuth)
            },
            |job| {
                job.reason = Some(WaitingReason::NeedsAuth);
                job.waiting_since.get_or_insert(now);
            },
        )
    }

    pub(super) fn unpark(&mut self, credential: Uuid) -> u64 {
        let now = self.now;
        self.change(
            |job| {
                job.state == JobState::Pending
                    && job.credential == Some(credential)
                    && job.reason == Some(WaitingReason::NeedsAuth)
            },
            |job| {
                job.reason = None;
                job.due = now;
            },
        )
    }

    /// Every live job of a connector, but those of the kind that takes it apart.
    pub(super) fn cancel_connector(&mut self, connector: Uuid, but: &str) -> u64 {
        let now = self.now;
        self.change(
            |job| job.is_live() && job.connector == connector && job.kind != but,
            |job| job.cancel(now),
        )
    }

    /// Whether the deed is done, or is none; the state in which it cannot be, or the live job that is in the way.
    pub(super) fn deed(&mut self, id: JobId, deed: JobDeed) -> Result<(), Option<JobState>> {
        let now = self.now;
        let Some(job) = self.jobs.get(&id).cloned() else { return Err(None) };
        match (deed, job.state) {
            (JobDeed::Retry, JobState::Dispatched) | (JobDeed::Cancel, JobState::Cancelled) => return Ok(()),
            (JobDeed::Retry, JobState::Running | JobState::Done)
            | (JobDeed::Cancel, JobState::Done | JobState::Dead) => return Err(Some(job.state)),
            (JobDeed::Retry, JobState::Pending | JobState::Dead | JobState::Cancelled)
            | (JobDeed::Cancel, JobState::Pending | JobState::Running | JobState::Dispatched) => (),
        }
        if !job.is_live() && self.live(&job.kind, &job.subject).is_some() {
            return Err(None);
        }
        let Some(job) = self.jobs.get_mut(&id) else { return Err(None) };
        match deed {
            JobDeed::Cancel => job.cancel(now),
            JobDeed::Retry => {
                job.leave(JobState::Pending);
                (job.attempt, job.crash_count, job.failure_count, job.wait_count) = (0, 0, 0, 0);
                (job.waiting_since, job.first_error, job.finished_at) = (None, None, None);
                job.rerun = false;
                job.due = now;
            }
        }
        Ok(())
    }

    pub(super) fn release_unknown_versions(&mut self) -> u64 {
        let now = self.now;
        self.change(
            |job| {
                job.state == JobState::Pending
                    && job.reason == Some(WaitingReason::UnknownVersion)
                    && job.due > now
            },
            |job| job.due = now,
        )
    }

    pub(super) fn prune(&mut self, older_than_ms: i64) -> u64 {
        let (now, before) = (self.now, self.jobs.len());
        self.jobs.retain(|_, job| {
            let is_over = matches!(job.state, JobState::Done | JobState::Cancelled);
            !is_over || job.finished_at.is_none_or(|at| at >= now - older_than_ms)
        });
        (before - self.jobs.len()) as u64
    }

    fn change(&mut self, which: impl Fn(&Job) -> bool, change: impl Fn(&mut Job)) -> u64 {
        let mut count = 0;
        for job in self.jobs.values_mut().filter(|job| which(job)) {
            change(job);
            count += 1;
        }
        count
    }
}

impl Job {
    fn fail(&mut self) {
        self.failure_count += 1;
        self.first_error.get_or_insert_with(|| FAILED_CLASS.to_owned());
        self.last_error = Some(FAILED_CLASS.to_owned());
    }

    fn cancel(&mut self, now: i64) {
        self.leave(JobState::Cancelled);
        self.rerun = false;
        self.finished_at = Some(now);
    }
}
