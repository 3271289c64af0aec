//! What happens in a run of the simulation, and what came of it.

use crate::budget::{BudgetSettings, BudgetState, ConsumptionClass};
use crate::read::Read;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// A small generator with a seed (xorshift64*), so that a run can be repeated.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }
}

/// What happens in a run. Times are in windows since its start.
pub(super) struct Scenario {
    pub(super) settings: BudgetSettings,
    pub(super) limit_tstu: f64,
    pub(super) workers: usize,
    pub(super) latency_ms: (f64, f64),
    pub(super) windows: f64,
    pub(super) seed: u64,
    /// True cost of a read at a time.
    pub(super) cost: fn(Read, f64) -> f64,
    /// Weight of a read in the demand at a time; nothing is asked for while all are zero.
    pub(super) mix: fn(Read, f64) -> f64,
    /// What a person uses beside, TSTU per window, at a time.
    pub(super) person: fn(f64) -> f64,
    /// How long a worker thinks after an answer, milliseconds.
    pub(super) thinking_ms: fn(usize) -> f64,
    /// Who waits, by worker and time.
    pub(super) class: fn(usize, f64) -> ConsumptionClass,
    /// How far the database's clock is off, seconds, at a time.
    pub(super) clock_error: fn(f64) -> f64,
    /// Chance that the process of a call dies before it gives the grant back, at a time.
    pub(super) death: fn(f64) -> f64,
    /// Headers in whole units.
    pub(super) whole_units: bool,
    /// Reads whose answers never carry headers.
    pub(super) silent: fn(Read) -> bool,
}

impl Scenario {
    /// Endless demand for all reads alike from four processes with four calls each.
    pub(super) fn new(window_seconds: u64, guess: f64) -> Self {
        let window = Duration::from_secs(window_seconds);
        Self {
            settings: BudgetSettings { window, default_guess_tstu: guess, ..BudgetSettings::default() },
            limit_tstu: 200.0,
            workers: 16,
            latency_ms: (5.0, 200.0),
            windows: 14.0,
            seed: 1,
            cost: field_cost,
            mix: |_, _| 1.0,
            person: |_| 0.0,
            thinking_ms: |_| 0.0,
            class: |_, _| ConsumptionClass::Background,
            clock_error: |_| 0.0,
            death: |_| 0.0,
            whole_units: false,
            silent: |_| false,
        }
    }
}

/// Longest row: what is learned of every two reads together is kept, so that it grows with the square of their number.
pub(super) const LARGEST_ROW_BYTES: usize = 8 * 1024;

/// 0.05 to 0.3 TSTU by read, mean 0.14.
pub(super) fn field_cost(read: Read, _: f64) -> f64 {
    match read {
        Read::ConnectionData
        | Read::Profile
        | Read::EnterpriseCatalog
        | Read::AuditStreams
        | Read::RoleAssignments => 0.05,
        Read::Accounts
        | Read::GeneralSettings
        | Read::PipelinePermissions
        | Read::DeletedRepositories
        | Read::AgentPools
        | Read::Extensions
        | Read::SecureFiles
        | Read::Queues => 0.1,
        Read::Projects
        | Read::PolicyConfigurations
        | Read::OrganizationPolicies
        | Read::OrganizationPipelineSettings => 0.12,
        Read::AuthorizedResources
        | Read::ServiceEndpoints
        | Read::VariableGroups
        | Read::Environments
        | Read::CheckConfigurations => 0.15,
        Read::BuildDefinitions
        | Read::Repositories
        | Read::UserEntitlements
        | Read::AccessControlLists
        | Read::AdvancedSecurityEnablement => 0.3,
    }
}

/// What came of a run; the measured part begins two windows after the first header.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) first_header: Option<f64>,
    /// Highest sum in a sliding window that the service saw, TSTU.
    pub(super) highest_tstu: f64,
    /// The same of our own calls alone.
    pub(super) highest_own_tstu: f64,
    /// Highest over the whole run.
    pub(super) highest_ever_tstu: f64,
    /// Own spending per window in each half window of the run, TSTU.
    pub(super) pace_tstu: Vec<f64>,
    /// Own spending per window in the measured part, TSTU.
    pub(super) mean_own_tstu: f64,
    /// Answers held back or refused in the measured part.
    pub(super) throttled: u32,
    /// The same over the whole run.
    pub(super) throttled_ever: u32,
    /// Pauses that began.
    pub(super) pauses: u32,
    /// Calls sent during a pause that they could know of.
    pub(super) sent_in_pause: u32,
    /// How long people waited for leave in the measured part, milliseconds.
    pub(super) interactive_waits_ms: Vec<f64>,
    pub(super) largest_row_bytes: usize,
    pub(super) calls: u64,
    pub(super) refusals: u64,
    pub(super) state: BudgetState,
    /// The database's time at the end.
    pub(super) end: DateTime<Utc>,
}
