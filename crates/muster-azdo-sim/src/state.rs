//! What all requests share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::change::Change;
use crate::consumption::{Limits, Verdict, Window};
use crate::cost::Tstu;
use crate::entra::AccessTokens;
use crate::fault::{Fault, FaultAction, Faults};
use crate::grant::Grant;
use crate::identity::{Caller, IdentityIndex, SimulatedIdentity, TokenKind};
use crate::input::InputError;
use crate::options::SimulatorOptions;
use crate::route::Route;
use crate::stats::Stats;
use crate::world::{Changes, Draw, OrganizationIndex, ReadingRights, Topic, View, World};

pub(crate) struct SimulatorState {
    pub(crate) options: SimulatorOptions,
    pub(crate) world: Arc<World>,
    pub(crate) identities: Vec<SimulatedIdentity>,
    /// The tenants that the organizations belong to, in turns.
    tenants: Vec<Uuid>,
    tokens: HashMap<String, IdentityIndex>,
    pub(crate) access_tokens: AccessTokens,
    /// How many calls of each identity are under way.
    under_way: Vec<Arc<AtomicUsize>>,
    limits: Limits,
    changes: RwLock<Arc<Changes>>,
    /// What each identity may see, in the order of the identities.
    rights: RwLock<Vec<ReadingRights>>,
    meters: Mutex<Meters>,
    faults: Mutex<Faults>,
    activities: AtomicUsize,
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Too many calls of one identity are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Counters and windows, behind one lock: a reading is of one moment.
struct Meters {
    windows: Vec<Window>,
    counted: Stats,
}

impl SimulatorState {
    pub(crate) fn new(options: SimulatorOptions, world: World) -> Self {
        let identities = SimulatedIdentity::all(options.seed, options.identities);
        let window = Duration::from_secs_f64(options.window_seconds);
        let limits = Limits {
            limit: options.tstu_limit.map(Tstu::from_f64),
            window,
            longest_delay: Duration::from_secs_f64(
                options.longest_delay_seconds * options.window_seconds / 300.0,
            ),
        };
        let tokens = identities.iter().enumerate().flat_map(|(index, identity)| {
            identity.pats.iter().map(move |token| (token.clone(), IdentityIndex(index)))
        });
        let windows = identities.iter().map(|_| Window::new(window)).collect();
        let tenants = (0..options.tenants).map(|number| match number {
            0 => world.tenant_id,
            _ => Draw::new(options.seed, Topic::Tenant, &[number]).uuid(),
        });
        Self {
            tenants: tenants.collect(),
            tokens: tokens.collect(),
            access_tokens: AccessTokens::default(),
            under_way: identities.iter().map(|_| Arc::default()).collect(),
            limits,
            world: Arc::new(world),
            changes: RwLock::default(),
            rights: RwLock::new(vec![ReadingRights::default(); identities.len()]),
            meters: Mutex::new(Meters { windows, counted: Stats::default() }),
            faults: Mutex::default(),
            activities: AtomicUsize::new(0),
            identities,
            options,
        }
    }

    pub(crate) fn view(&self) -> View {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        View {
            world: Arc::clone(&self.world),
            changes: Arc::clone(&changes),
            rights: ReadingRights::default(),
        }
    }

    pub(crate) fn rights_of(&self, identity: IdentityIndex) -> ReadingRights {
        self.rights.read().unwrap_or_else(PoisonError::into_inner)[identity.0]
    }

    pub(crate) fn grant(&self, grant: &Grant) -> Result<(), InputError> {
        let identity = grant.find(&self.identities)?;
        self.rights.write().unwrap_or_else(PoisonError::into_inner)[identity.0] = grant.rights()?;
        Ok(())
    }

    pub(crate) fn change(&self, change: &Change) -> Result<(), InputError> {
        let tokens: Vec<String> = self.tokens.keys().cloned().collect();
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        let rights = ReadingRights::default();
        let view = View { world: Arc::clone(&self.world), changes: Arc::clone(&changes), rights };
        *changes = Arc::new(change.apply(&view, &tokens, self.options.clock.unix_seconds())?);
        Ok(())
    }

    /// Whose token it is, unless it is unknown, revoked or expired.
    pub(crate) fn authenticate(&self, token: &str, view: &View) -> Option<Caller> {
        let personal = self.tokens.get(token).filter(|_| !view.changes.revoked_tokens.contains(token));
        match personal {
            Some(identity) => Some(Caller { identity: *identity, kind: TokenKind::Personal, tenant: None }),
            None => self.access_tokens.caller(token),
        }
    }

    pub(crate) fn tenants(&self) -> &[Uuid] {
        &self.tenants
    }

    pub(crate) fn tenant_of(&self, organization: OrganizationIndex) -> Uuid {
        self.tenants[organization.0 % self.tenants.len()]
    }

    /// Lets a call come in, unless too many of its identity are under way. It is under way until the result is dropped.
    pub(crate) fn enter(&self, identity: IdentityIndex) -> Result<UnderWay, TooMany> {
        let counter = Arc::clone(&self.under_way[identity.0]);
        let before = counter.fetch_add(1, Ordering::Relaxed);
        let entered = UnderWay(counter);
        if self.options.concurrency_limit.is_some_and(|limit| before >= limit) {
            let counted = &mut self.meters().counted;
            counted.blocked += 1;
            counted.throttled += 1;
            return Err(TooMany);
        }
        Ok(entered)
    }

    /// Counts the cost of a request that arrives now and judges it.
    pub(crate) fn consume(&self, identity: IdentityIndex, route: Route) -> Verdict {
        let cost = Tstu::from_f64(self.options.costs.tstu(route));
        let mut meters = self.meters();
        // Read under the lock: arrivals must be in the order of their times.
        let now = Instant::now();
        let window = &mut meters.windows[identity.0];
        window.arrive(now, cost);
        let verdict = self.limits.judge(window, now);
        let counted = &mut meters.counted;
        match &verdict {
            Verdict::Normal => {}
            Verdict::Flagged(_) => counted.flagged += 1,
            Verdict::Delayed { delay, .. } => {
                counted.delayed += 1;
                counted.throttled += 1;
                counted.delayed_seconds += delay.as_secs_f64();
            }
            Verdict::Blocked { .. } => {
                counted.blocked += 1;
                counted.throttled += 1;
            }
        }
        verdict
    }

    pub(crate) fn count_request(&self, route: &str) {
        *self.meters().counted.requests.entry(route.to_owned()).or_default() += 1;
    }

    pub(crate) fn count_failure(&self, route: &str) {
        *self.meters().counted.failures.entry(route.to_owned()).or_default() += 1;
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut meters = self.meters();
        let now = Instant::now();
        let mut stats = meters.counted.clone();
        for (identity, window) in self.identities.iter().zip(&mut meters.windows) {
            let key = &identity.subject_descriptor;
            stats.window_tstu.insert(key.clone(), window.sum_at(now).as_f64());
            stats.highest_window_tstu.insert(key.clone(), window.highest().as_f64());
            stats.spent_tstu.insert(key.clone(), window.spent().as_f64());
        }
        stats
    }

    pub(crate) fn reset_stats(&self) {
        let mut meters = self.meters();
        let now = Instant::now();
        meters.counted = Stats::default();
        meters.windows.iter_mut().for_each(|window| window.reset_records(now));
    }

    pub(crate) fn install_fault(&self, fault: Fault) -> Result<(), InputError> {
        fault.validate()?;
        self.faults().install(fault);
        Ok(())
    }

    pub(crate) fn clear_faults(&self) {
        self.faults().clear();
    }

    pub(crate) fn pending_faults(&self) -> Vec<Fault> {
        self.faults().pending()
    }

    pub(crate) fn take_fault(&self, route: Route, organization: Option<&str>) -> Option<FaultAction> {
        let action = self.faults().take(route, organization)?;
        self.meters().counted.faults += 1;
        Some(action)
    }

    /// The id of one request, for its answer's headers.
    pub(crate) fn next_activity(&self) -> Uuid {
        let number = self.activities.fetch_add(1, Ordering::Relaxed);
        Draw::new(self.options.seed, Topic::Activity, &[number]).uuid()
    }

    fn meters(&self) -> MutexGuard<'_, Meters> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
