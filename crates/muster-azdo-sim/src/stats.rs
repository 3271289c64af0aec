//! What the simulator counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counters since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Requests by route name, whatever became of them.
    pub requests: BTreeMap<String, u64>,
    /// Answers with a status from 400 by route name.
    pub failures: BTreeMap<String, u64>,
    /// Requests that were delayed or blocked.
    pub throttled: u64,
    /// Requests that were answered at once with numbers of the limit.
    pub flagged: u64,
    /// Requests that were delayed.
    pub delayed: u64,
    /// Requests that were blocked with 429.
    pub blocked: u64,
    /// The sum of all delays, in seconds.
    pub delayed_seconds: f64,
    /// Faults that were played.
    pub faults: u64,
    /// The highest sum of any sliding window, in TSTU, by subject descriptor.
    pub highest_window_tstu: BTreeMap<String, f64>,
    /// The sum of the window that ends now, in TSTU, by subject descriptor.
    pub window_tstu: BTreeMap<String, f64>,
    /// All that was spent, in TSTU, by subject descriptor.
    pub spent_tstu: BTreeMap<String, f64>,
}
