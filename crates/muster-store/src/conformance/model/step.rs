//! What can happen to jobs.

use super::world::WISHES;
use muster_domain::job::{Role, WaitingReason};
use proptest::prelude::*;

/// Which of the last tickets, leases or jobs is meant: 0 is the newest one.
pub(super) type Recent = usize;

/// As far back as a step reaches: far enough for tickets and leases that are long stale.
const FARTHEST: Recent = 8;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Wishes, by their number in [`WISHES`], with their delay and priority.
    Enqueue(Vec<(usize, i64, i16)>),
    Dispatch {
        role: Role,
        window: u32,
        batch: u32,
    },
    PutBack(Vec<Recent>),
    /// Tickets, each with whether the broker says that it was delivered before.
    Claim(Vec<(Recent, bool)>),
    Renew(Vec<Recent>, i64),
    CommitPage {
        lease: Recent,
        progress: i64,
        follow: Option<usize>,
    },
    Finish(Vec<(Recent, How, Option<usize>)>),
    Release(Vec<Recent>),
    ReclaimExpired,
    RedispatchLost {
        older_than_ms: i64,
    },
    Park {
        credential: u128,
    },
    Unpark {
        credential: u128,
    },
    CancelConnector {
        connector: u128,
    },
    Retry(Recent),
    Cancel(Recent),
    ReleaseUnknownVersions,
    Prune {
        older_than_ms: i64,
    },
    /// The clock of the database goes on, or jumps back.
    Clock {
        by_ms: i64,
    },
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(super) enum How {
    Done,
    Continue { progress: i64 },
    PutBack { reason: WaitingReason, delay_ms: i64, progress: Option<i64> },
    Parked { reason: WaitingReason, delay_ms: i64 },
    Failed { delay_ms: i64 },
    Dead,
    Released,
    Cancelled,
}

impl Step {
    /// Any step; those that lead jobs on come more often than those that end or forget them.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let wish = (0..WISHES, delay_ms(), prop::sample::select(vec![50_i16, 100]));
        let credential = 1..3_u128;
        prop_oneof![
            8 => prop::collection::vec(wish, 1..4).prop_map(Self::Enqueue),
            14 => (role(), 1..12_u32, 1..8_u32)
                .prop_map(|(role, window, batch)| Self::Dispatch { role, window, batch }),
            2 => recents().prop_map(Self::PutBack),
            16 => prop::collection::vec((0..FARTHEST, prop::bool::weighted(0.3)), 1..4).prop_map(Self::Claim),
            3 => (recents(), delay_ms()).prop_map(|(leases, by)| Self::Renew(leases, by)),
            4 => (0..FARTHEST, 0..5_i64, follow())
                .prop_map(|(lease, progress, follow)| Self::CommitPage { lease, progress, follow }),
            16 => prop::collection::vec((0..FARTHEST, How::any(), follow()), 1..4).prop_map(Self::Finish),
            2 => recents().prop_map(Self::Release),
            4 => Just(Self::ReclaimExpired),
            3 => delay_ms().prop_map(|older_than_ms| Self::RedispatchLost { older_than_ms }),
            2 => credential.clone().prop_map(|credential| Self::Park { credential }),
            2 => credential.prop_map(|credential| Self::Unpark { credential }),
            1 => (1..3_u128).prop_map(|connector| Self::CancelConnector { connector }),
            4 => (0..FARTHEST).prop_map(Self::Retry),
            2 => (0..FARTHEST).prop_map(Self::Cancel),
            1 => Just(Self::ReleaseUnknownVersions),
            1 => delay_ms().prop_map(|older_than_ms| Self::Prune { older_than_ms }),
            8 => prop::sample::select(vec![1_i64, 1_000, 6_000, 50_000, 50_000, 4_000_000, -1, -300_000])
                .prop_map(|by_ms| Self::Clock { by_ms }),
        ]
    }
}

impl How {
    fn any() -> impl Strategy<Value = Self> {
        let progress = prop::option::of(0..5_i64);
        prop_oneof![
            4 => Just(Self::Done),
            2 => (0..5_i64).prop_map(|progress| Self::Continue { progress }),
            2 => (reason(), delay_ms(), progress)
                .prop_map(|(reason, delay_ms, progress)| Self::PutBack { reason, delay_ms, progress }),
            1 => (reason(), delay_ms()).prop_map(|(reason, delay_ms)| Self::Parked { reason, delay_ms }),
            4 => delay_ms().prop_map(|delay_ms| Self::Failed { delay_ms }),
            1 => Just(Self::Dead),
            1 => Just(Self::Released),
            1 => Just(Self::Cancelled),
        ]
    }
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL.to_vec())
}

fn reason() -> impl Strategy<Value = WaitingReason> {
    prop::sample::select(vec![
        WaitingReason::Throttled,
        WaitingReason::NeedsAuth,
        WaitingReason::UnknownVersion,
        WaitingReason::Retry,
    ])
}

fn delay_ms() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![0_i64, 1, 1_000, 45_000, 3_600_000])
}

fn recents() -> impl Strategy<Value = Vec<Recent>> {
    prop::collection::vec(0..FARTHEST, 1..4)
}

fn follow() -> impl Strategy<Value = Option<usize>> {
    prop::option::weighted(0.2, 0..WISHES)
}
