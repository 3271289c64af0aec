//! A store and its model side by side.

use super::ledger::{End as ModelEnd, FAILED_CLASS, Job, Ledger as Model, PARKED_CLASS, Wish};
use super::rows;
use super::step::{How, Recent, Step};
use crate::Store;
use crate::changes::Changes;
use crate::conformance::fixtures::{job, sync, uuid};
use crate::ledger::enqueue::needs_working_connector;
use crate::ledger::{
    Claim, ClaimedJob, End, Finish, Finished, JobControlError, JobDeed, Lease, Ledger, NewJob,
    REQUESTED_PRIORITY, Reclaimed,
};
use crate::session::milliseconds;
use muster_domain::clock::TestClock;
use muster_domain::job::{JobKind, JobState, JobSubject, Role};
use muster_domain::{Clock as _, ConnectorId, CredentialId, JobId, OrganizationName, ProjectId};
use muster_messages::Ticket;
use proptest::test_runner::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// Different wishes: two organizations, three roles, with and without a credential, and what works in every state of
/// a connector.
pub(super) const WISHES: usize = 7;
/// Length of a lease.
const LEASE: Duration = Duration::from_secs(45);
/// More than a case has jobs.
const ALL: u32 = 1_000;

fn wish(number: usize) -> NewJob {
    let (one, two) = (ConnectorId(uuid(1)), ConnectorId(uuid(2)));
    let (new, credential) = match number {
        0 => (sync("contoso", 10), Some(1)),
        1 => (sync("contoso", 11), Some(1)),
        2 => (sync("fabrikam", 12), Some(2)),
        3 => (job(JobKind::ConnectorAuthorize, JobSubject::connector(one)), Some(1)),
        4 => (job(JobKind::ConnectorRemove, JobSubject::connector(one)), Some(1)),
        5 => {
            let project = ProjectId(uuid(10));
            let subject = JobSubject::project(two, OrganizationName::new("contoso"), project);
            (job(JobKind::ProjectRefresh, subject), None)
        }
        _ => {
            let subject = JobSubject::organization(two, OrganizationName::new("contoso"));
            (job(JobKind::OrganizationDiscover, subject), Some(2))
        }
    };
    NewJob { credential_id: credential.map(|number| CredentialId(uuid(number))), ..new }
}

fn model_of(wish: &NewJob) -> Wish {
    Wish {
        kind: wish.kind.as_str().to_owned(),
        subject: wish.subject.key(),
        role: wish.kind.role().as_str().to_owned(),
        connector: wish.subject.connector_id.0,
        credential: wish.credential_id.map(|id| id.0),
        needs_connector: needs_working_connector(wish.kind),
        delay_ms: milliseconds(wish.delay),
        priority: i64::from(wish.priority),
    }
}

/// Both sides, and what workers and brokers hold of them.
pub(super) struct World<'a> {
    store: &'a Store,
    clock: &'a TestClock,
    model: Model,
    tickets: Vec<Ticket>,
    leases: Vec<Lease>,
    jobs: Vec<JobId>,
}

/// Jobs of one role and urgency.
#[derive(Debug)]
struct Places {
    due: usize,
    on_their_way: usize,
    room: usize,
}

type Checked<T = ()> = Result<T, TestCaseError>;

impl<'a> World<'a> {
    /// A ledger without jobs.
    pub(super) async fn empty(store: &'a Store, clock: &'a TestClock) -> Self {
        for statement in ["DELETE FROM dead_letter", "DELETE FROM job"] {
            store
                .transaction(|session| async move { session.run(statement, Vec::new()).await })
                .await
                .expect("an empty ledger");
        }
        let mut world = Self {
            store,
            clock,
            model: Model::default(),
            tickets: Vec::new(),
            leases: Vec::new(),
            jobs: Vec::new(),
        };
        world.model.now = clock.now().timestamp_millis();
        world
    }

    /// Takes a step on both sides and compares them.
    pub(super) async fn take(&mut self, step: Step) -> Checked {
        self.step(&step).await?;
        let stored = rows::read(self.store).await;
        rows::check(&stored)?;
        let found: BTreeMap<_, _> = stored.into_iter().map(|(id, stored)| (id, stored.job)).collect();
        for (id, job) in &self.model.jobs {
            prop_assert_eq!(found.get(id), Some(job), "{} after {:?}", id, step);
        }
        prop_assert_eq!(found.len(), self.model.jobs.len(), "jobs after {:?}", step);
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Checked {
        let ledger = self.store.ledger();
        match step {
            Step::Enqueue(wishes) => {
                let wishes: Vec<NewJob> = wishes
                    .iter()
                    .map(|(number, delay_ms, priority)| NewJob {
                        delay: duration(*delay_ms),
                        priority: *priority,
                        ..wish(*number)
                    })
                    .collect();
                let answers = ledger.enqueue(&wishes).await.expect("enqueue");
                let ids: Vec<JobId> = answers.iter().map(|answer| answer.job_id).collect();
                let new = self.enqueue(&wishes, &ids)?;
                for answer in &answers {
                    prop_assert!(
                        !answer.is_new || new.contains(&answer.job_id),
                        "said to be new: {answer:?}"
                    );
                }
                prop_assert_eq!(answers.iter().filter(|answer| answer.is_new).count(), new.len());
            }
            Step::Dispatch { role, window, batch } => self.dispatch(&ledger, *role, *window, *batch).await?,
            Step::PutBack(recent) => self.put_back(&ledger, recent).await?,
            Step::Claim(recent) => self.claim(&ledger, recent).await?,
            Step::Renew(recent, by_ms) => self.renew(&ledger, recent, *by_ms).await?,
            Step::CommitPage { lease, progress, follow } => {
                self.commit_page(&ledger, *lease, *progress, *follow).await?;
            }
            Step::Finish(ends) => self.finish(&ledger, ends).await?,
            Step::Release(recent) => {
                let leases = distinct(recent, &self.leases);
                let released = leases.iter().filter(|lease| self.model.release(**lease)).count() as u64;
                prop_assert_eq!(ledger.release(&leases).await.expect("release"), released);
            }
            Step::ReclaimExpired => {
                let (retried, dead) = self.model.reclaim_expired();
                let found = ledger.reclaim_expired(ALL, super::ledger::CRASH_LIMIT).await.expect("reclaim");
                prop_assert_eq!(found, Reclaimed { retried, dead });
            }
            Step::Retry(recent) => self.deed(&ledger, *recent, JobDeed::Retry).await?,
            Step::Cancel(recent) => self.deed(&ledger, *recent, JobDeed::Cancel).await?,
            Step::Clock { by_ms } => {
                self.clock.advance(chrono::Duration::milliseconds(*by_ms));
                self.model.now += by_ms;
            }
            counted => self.counted(&ledger, counted).await?,
        }
        Ok(())
    }

    /// Steps that are one statement, and answer with the number of rows.
    async fn counted(&mut self, ledger: &Ledger, step: &Step) -> Checked {
        let (found, expected) = match step {
            Step::RedispatchLost { older_than_ms } => (
                ledger.redispatch_lost(duration(*older_than_ms)).await,
                self.model.redispatch_lost(*older_than_ms),
            ),
            Step::Park { credential } => (
                ledger.park_for_auth(CredentialId(uuid(*credential))).await,
                self.model.park(uuid(*credential)),
            ),
            Step::Unpark { credential } => (
                ledger.release_auth(CredentialId(uuid(*credential))).await,
                self.model.unpark(uuid(*credential)),
            ),
            Step::CancelConnector { connector } => (
                ledger.cancel_connector(ConnectorId(uuid(*connector))).await,
                self.model.cancel_connector(uuid(*connector), JobKind::ConnectorRemove.as_str()),
            ),
            Step::ReleaseUnknownVersions => {
                (ledger.release_unknown_versions().await, self.model.release_unknown_versions())
            }
            Step::Prune { older_than_ms } => {
                (ledger.prune_finished(duration(*older_than_ms), ALL).await, self.model.prune(*older_than_ms))
            }
            other => unreachable!("{other:?} has a step of its own"),
        };
        prop_assert_eq!(found.expect("a statement"), expected);
        Ok(())
    }

    /// Joins or makes jobs; wishes for the same work within one batch are joined before. The new ones.
    fn enqueue(&mut self, wishes: &[NewJob], ids: &[JobId]) -> Checked<BTreeSet<JobId>> {
        let mut joined: BTreeMap<(String, String), (Wish, JobId)> = BTreeMap::new();
        for (wish, id) in wishes.iter().zip(ids) {
            let wish = model_of(wish);
            let (first, known) =
                joined.entry((wish.kind.clone(), wish.subject.clone())).or_insert((wish.clone(), *id));
            prop_assert_eq!(&*known, id, "one job for the same work");
            first.delay_ms = first.delay_ms.min(wish.delay_ms);
            first.priority = first.priority.min(wish.priority);
        }
        let mut new = BTreeSet::new();
        for (wish, id) in joined.into_values() {
            match self.model.enqueue(&wish, id) {
                Some(live) => prop_assert_eq!(live, id, "joined to the live job"),
                None => {
                    new.insert(id);
                    self.jobs.push(id);
                }
            }
        }
        Ok(new)
    }

    async fn dispatch(&mut self, ledger: &Ledger, role: Role, window: u32, batch: u32) -> Checked {
        let tickets = ledger.dispatch(role, window, batch).await.expect("dispatch");
        let urgent = self.places(role, true, window, batch);
        let others = self.places(role, false, window, batch);
        let is_urgent = |ticket: &Ticket| {
            let job = self.model.jobs.get(&ticket.job);
            job.is_some_and(|job| job.priority <= i64::from(REQUESTED_PRIORITY))
        };
        let found = tickets.iter().filter(|traced| is_urgent(&traced.ticket)).count();
        if role == Role::Refresh {
            // One window for both.
            let due = urgent.due + others.due;
            let room = (window as usize).saturating_sub(urgent.on_their_way + others.on_their_way);
            prop_assert_eq!(tickets.len(), due.min(room).min(batch as usize), "{:?}, {:?}", urgent, others);
        } else {
            let expected = urgent.due.min(urgent.room);
            prop_assert_eq!(found, expected, "what a person waits for: {:?}", urgent);
            let room = others.room.min(batch as usize - found);
            let rest = tickets.len() - found;
            prop_assert!(rest <= others.due.min(room), "{rest} others in {room}: {others:?}");
            // Behind what a person waits for, the rest of an organization may not be seen at once.
            prop_assert!(
                urgent.due > 0 || rest == others.due.min(room),
                "{rest} others in {room}: {others:?}"
            );
        }
        for traced in tickets {
            let ticket = traced.ticket;
            let job = self.model.jobs.get(&ticket.job);
            let is_due = job.is_some_and(|job| job.is_due(self.model.now) && job.role == role.as_str());
            prop_assert!(is_due, "dispatched though it is not due: {job:?}");
            self.model.dispatch(ticket.job);
            prop_assert_eq!(Some(ticket.seq), self.model.jobs.get(&ticket.job).map(|job| job.sequence));
            self.tickets.push(ticket);
        }
        Ok(())
    }

    /// What is due and on its way of a role, and how many tickets may be added to a window of its own.
    fn places(&self, role: Role, urgent: bool, window: u32, batch: u32) -> Places {
        let of_role = || {
            let is_meant = move |job: &&Job| (job.priority <= i64::from(REQUESTED_PRIORITY)) == urgent;
            self.model.jobs.values().filter(move |job| job.role == role.as_str()).filter(is_meant)
        };
        let on_their_way = of_role().filter(|job| job.state == JobState::Dispatched).count();
        Places {
            due: of_role().filter(|job| job.is_due(self.model.now)).count(),
            on_their_way,
            room: (window as usize).saturating_sub(on_their_way).min(batch as usize),
        }
    }

    async fn put_back(&mut self, ledger: &Ledger, recent: &[Recent]) -> Checked {
        let tickets: Vec<(JobId, i64)> =
            distinct(recent, &self.tickets).iter().map(|ticket| (ticket.job, ticket.seq)).collect();
        let back = tickets.iter().filter(|(job, sequence)| self.model.put_back(*job, *sequence)).count();
        prop_assert_eq!(ledger.put_back(&tickets).await.expect("put back"), back as u64);
        Ok(())
    }

    async fn claim(&mut self, ledger: &Ledger, recent: &[(Recent, bool)]) -> Checked {
        let tickets: Vec<(Ticket, bool)> = recent
            .iter()
            .filter_map(|(recent, redelivered)| {
                Some((nth_last(*recent, &self.tickets)?.clone(), *redelivered))
            })
            .collect();
        let claim = Claim::of(&tickets);
        let claimed = ledger.claim_as(&claim, "worker", LEASE).await.expect("claim");
        // As after an answer that was lost: the same leases, and nobody crashed.
        let again = ledger.claim_as(&claim, "worker", LEASE).await.expect("claim again");
        let leases = |jobs: &[ClaimedJob]| jobs.iter().map(|job| job.lease).collect::<HashSet<_>>();
        prop_assert_eq!(leases(&again), leases(&claimed), "the same claim once more");
        let leases: BTreeMap<JobId, Lease> =
            claimed.iter().map(|job| (job.lease.job_id, job.lease)).collect();
        // Of several tickets of one job only the newest counts.
        let mut newest: BTreeMap<JobId, (i64, bool)> = BTreeMap::new();
        for (ticket, redelivered) in &tickets {
            let known = newest.entry(ticket.job).or_insert((ticket.seq, *redelivered));
            if ticket.seq > known.0 {
                *known = (ticket.seq, *redelivered);
            }
        }
        for (job, (sequence, redelivered)) in newest {
            let lease = leases.get(&job);
            let token = lease.map(|lease| lease.token);
            let gives = self.model.claim((job, sequence, redelivered), token, milliseconds(LEASE));
            prop_assert_eq!(lease.is_some(), gives, "a lease for the ticket {} of {}", sequence, job);
        }
        for job in &claimed {
            let model = self.model.jobs.get(&job.lease.job_id);
            prop_assert_eq!(Some(i64::from(job.attempt)), model.map(|model| model.attempt));
            prop_assert!(!self.leases.contains(&job.lease), "a token is never given twice");
        }
        self.leases.extend(claimed.iter().map(|job| job.lease));
        Ok(())
    }

    async fn renew(&mut self, ledger: &Ledger, recent: &[Recent], by_ms: i64) -> Checked {
        let leases = distinct(recent, &self.leases);
        // Two leases of one job never hold both; a worker asks for those that it believes in.
        let mut jobs = HashSet::new();
        let leases: Vec<Lease> = leases.into_iter().filter(|lease| jobs.insert(lease.job_id)).collect();
        let lost: Vec<Lease> =
            leases.iter().filter(|lease| !self.model.renew(**lease, by_ms)).copied().collect();
        prop_assert_eq!(ledger.renew(&leases, duration(by_ms)).await.expect("renew"), lost);
        Ok(())
    }

    async fn commit_page(
        &mut self,
        ledger: &Ledger,
        recent: Recent,
        progress: i64,
        follow: Option<usize>,
    ) -> Checked {
        let Some(lease) = nth_last(recent, &self.leases).copied() else { return Ok(()) };
        let (answer, writes) = self.model.judge(lease);
        let changes = following(follow);
        let given = ledger.commit_page(lease, changes.clone(), progress.into()).await.expect("a page");
        prop_assert_eq!(given, answer);
        if writes {
            self.follow_up(&changes.jobs).await?;
            self.model.commit_page(lease, progress);
        }
        Ok(())
    }

    async fn finish(&mut self, ledger: &Ledger, ends: &[(Recent, How, Option<usize>)]) -> Checked {
        let ends: Vec<(Lease, &How, Changes)> = ends
            .iter()
            .filter_map(|(recent, how, follow)| {
                Some((nth_last(*recent, &self.leases).copied()?, how, following(*follow)))
            })
            .collect();
        let finishes = ends
            .iter()
            .map(|(lease, how, changes)| Finish { lease: *lease, changes: changes.clone(), end: end_of(how) })
            .collect();
        let given: Vec<Finished> = ledger.finish(finishes).await.expect("finish");
        let (mut written, mut follow) = (Vec::new(), Vec::new());
        for ((lease, how, changes), given) in ends.into_iter().zip(given) {
            let (answer, writes) = self.model.judge(lease);
            prop_assert_eq!(given, answer, "the finish of {:?}", lease);
            // The same lease twice in a group is one end, the first.
            if writes && written.iter().all(|(other, _)| *other != lease) {
                written.push((lease, how));
                follow.extend(changes.jobs);
            }
        }
        self.follow_up(&follow).await?;
        for (lease, how) in written {
            self.model.finish(lease.job_id, &model_end_of(how));
        }
        Ok(())
    }

    /// Wishes of a commit: their jobs have no answer of their own, they are looked up.
    async fn follow_up(&mut self, wishes: &[NewJob]) -> Checked {
        let stored = rows::read(self.store).await;
        let known: BTreeSet<JobId> = self.model.jobs.keys().copied().collect();
        let ids = wishes.iter().map(|wish| {
            let (kind, subject) = (wish.kind.as_str(), wish.subject.key());
            let live = self
                .model
                .jobs
                .iter()
                .find(|(_, job)| job.is_live() && job.kind == kind && job.subject == subject);
            let new = stored.iter().find(|(id, stored)| {
                !known.contains(id) && stored.job.kind == kind && stored.job.subject == subject
            });
            live.map(|(id, _)| *id).or(new.map(|(id, _)| *id))
        });
        let ids: Option<Vec<JobId>> = ids.collect();
        let Some(ids) = ids else { return Err(TestCaseError::fail("a wish of a commit is lost")) };
        self.enqueue(wishes, &ids).map(drop)
    }

    async fn deed(&mut self, ledger: &Ledger, recent: Recent, deed: JobDeed) -> Checked {
        let Some(id) = nth_last(recent, &self.jobs).copied() else { return Ok(()) };
        let given = match deed {
            JobDeed::Retry => ledger.retry(id, "").await,
            JobDeed::Cancel => ledger.cancel(id, "").await,
        };
        let given = match given {
            Ok(_) => Ok(()),
            Err(JobControlError::WrongState { state, .. }) => Err(Some(state)),
            Err(JobControlError::NotFound(_) | JobControlError::SameWorkIsLive { .. }) => Err(None),
            Err(JobControlError::Store(error)) => panic!("{deed:?}: {error}"),
        };
        prop_assert_eq!(given, self.model.deed(id, deed), "{:?} of {}", deed, id);
        Ok(())
    }
}

fn following(follow: Option<usize>) -> Changes {
    Changes { jobs: follow.map(wish).into_iter().collect(), ..Changes::default() }
}

fn end_of(how: &How) -> End {
    let text = |text: &str| text.to_owned();
    match how {
        How::Done => End::Done,
        How::Continue { progress } => End::Continue { progress: (*progress).into() },
        How::PutBack { reason, delay_ms, progress } => {
            End::PutBack { reason: *reason, delay: duration(*delay_ms), progress: progress.map(Into::into) }
        }
        How::Parked { reason, delay_ms } => End::Parked {
            reason: *reason,
            class: text(PARKED_CLASS),
            message: text("why"),
            delay: duration(*delay_ms),
        },
        How::Failed { delay_ms } => {
            End::Failed { class: text(FAILED_CLASS), message: text("why"), delay: duration(*delay_ms) }
        }
        How::Dead => End::Dead { class: text(FAILED_CLASS), message: text("why") },
        How::Released => End::Released,
        How::Cancelled => End::Cancelled,
    }
}

fn model_end_of(how: &How) -> ModelEnd {
    match how.clone() {
        How::Done => ModelEnd::Done,
        How::Continue { progress } => ModelEnd::Continue(progress),
        How::PutBack { reason, delay_ms, progress } => {
            ModelEnd::PutBack { reason, delay_ms, progress, class: None }
        }
        How::Parked { reason, delay_ms } => {
            ModelEnd::PutBack { reason, delay_ms, progress: None, class: Some(PARKED_CLASS) }
        }
        How::Failed { delay_ms } => ModelEnd::Failed { delay_ms },
        How::Dead => ModelEnd::Dead,
        How::Released => ModelEnd::Released,
        How::Cancelled => ModelEnd::Cancelled,
    }
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).expect("no negative duration"))
}

fn nth_last<T>(recent: Recent, list: &[T]) -> Option<&T> {
    // Steps reach back over what there is, however little that is.
    list.len().checked_sub(1).map(|last| &list[last - recent % list.len()])
}

fn distinct<T: Clone + PartialEq>(recent: &[Recent], list: &[T]) -> Vec<T> {
    let mut found: Vec<T> = Vec::new();
    for item in recent.iter().filter_map(|recent| nth_last(*recent, list)) {
        if !found.contains(item) {
            found.push(item.clone());
        }
    }
    found
}
