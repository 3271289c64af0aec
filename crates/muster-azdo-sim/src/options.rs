//! What a simulator is started with.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cost::CostTable;
use crate::quirk::Quirk;

/// What Entra says of the access tokens that it gives to applications.
const DEFAULT_TOKEN_SECONDS: u64 = 3_599;

/// Everything that decides what the simulator is and how it behaves. Numbers of resources are totals over all
/// organizations; equal options give an equal world, on every platform.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// Where to listen. Port 0 takes a free port.
    pub listen: SocketAddr,
    /// How many organizations.
    pub organizations: usize,
    /// How many projects, over all organizations.
    pub projects: usize,
    /// How many repositories, over all organizations.
    pub repositories: usize,
    /// What the whole world is derived from.
    pub seed: u64,
    /// How many people have a personal access token; each is an identity with a window of its own.
    pub identities: usize,
    /// The consumption limit per identity and window, in TSTU; `None` never throttles.
    pub tstu_limit: Option<f64>,
    /// The length of the sliding window, in seconds.
    pub window_seconds: f64,
    /// The longest delay of one request for a window of 300 seconds; scaled with the window.
    pub longest_delay_seconds: f64,
    /// What calls cost.
    pub costs: CostTable,
    /// Added to the time of every answer.
    pub latency: Duration,
    /// Whether `authorizedresources` lists without a type and an id.
    pub authorized_resources: AuthorizedResourcesMode,
    /// How many policy configurations a page holds when the caller does not say.
    pub policy_page_size: usize,
    /// How answers differ from the plain ones.
    pub quirks: BTreeSet<Quirk>,
    /// How many calls of one identity may be under way before more are blocked; `None` is any number.
    pub concurrency_limit: Option<usize>,
    /// To how many tenants the organizations belong, in turns.
    pub tenants: usize,
    /// Whether `ResourceAreas` names areas.
    pub resource_areas: ResourceAreasMode,
    /// How long an access token is good for, in seconds.
    pub token_seconds: u64,
    /// The wall clock of `X-RateLimit-Reset` and of the times in Entra's refusals.
    pub clock: WallClock,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            organizations: 1,
            projects: 3,
            repositories: 40,
            seed: 1,
            identities: 3,
            tstu_limit: Some(200.0),
            window_seconds: 300.0,
            longest_delay_seconds: 30.0,
            costs: CostTable::default(),
            latency: Duration::ZERO,
            authorized_resources: AuthorizedResourcesMode::ListsAll,
            policy_page_size: 200,
            quirks: BTreeSet::new(),
            concurrency_limit: None,
            tenants: 1,
            resource_areas: ResourceAreasMode::Empty,
            token_seconds: DEFAULT_TOKEN_SECONDS,
            clock: WallClock::default(),
        }
    }
}

impl SimulatorOptions {
    pub(crate) fn validate(&self) -> Result<(), OptionError> {
        if self.organizations == 0 {
            return Err(OptionError::new("organizations", "0 organizations", "give at least 1"));
        }
        if self.projects == 0 && self.repositories > 0 {
            return Err(OptionError::new(
                "projects",
                "repositories without a project",
                "give at least 1 project",
            ));
        }
        if u32::try_from(self.repositories).is_err() {
            return Err(OptionError::new("repositories", "too many repositories", "give fewer than 2^32"));
        }
        if self.identities == 0 {
            return Err(OptionError::new("identities", "nobody may call", "give at least 1"));
        }
        if self.concurrency_limit == Some(0) {
            return Err(OptionError::new(
                "concurrency_limit",
                "0 calls at once",
                "give at least 1, or nothing",
            ));
        }
        if self.tenants == 0 {
            return Err(OptionError::new("tenants", "organizations of no tenant", "give at least 1"));
        }
        if self.token_seconds == 0 {
            return Err(OptionError::new("token_seconds", "tokens that were never good", "give at least 1"));
        }
        if self.policy_page_size == 0 {
            return Err(OptionError::new("policy_page_size", "pages of 0 items", "give at least 1"));
        }
        if self.tstu_limit.is_some_and(|limit| !(limit.is_finite() && limit > 0.0)) {
            return Err(OptionError::new("tstu_limit", "not a positive number", "give TSTU, or turn it off"));
        }
        if !(self.window_seconds.is_finite() && self.window_seconds > 0.0) {
            return Err(OptionError::new(
                "window_seconds",
                "not a positive number",
                "give seconds, such as 300",
            ));
        }
        if !(self.longest_delay_seconds.is_finite() && self.longest_delay_seconds >= 0.0) {
            return Err(OptionError::new(
                "longest_delay_seconds",
                "not a number from 0",
                "give seconds, such as 30",
            ));
        }
        Ok(())
    }
}

/// An option that cannot work, and what to give instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("option {option}: {problem}; {remedy}")]
pub struct OptionError {
    /// The option, by its field name.
    pub option: &'static str,
    /// What is wrong.
    pub problem: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

impl OptionError {
    fn new(option: &'static str, problem: &'static str, remedy: &'static str) -> Self {
        Self { option, problem, remedy }
    }
}

/// How `build/authorizedresources` answers without `type` and `id`. Which of the two the real service does is not
/// documented, so clients have to be right in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthorizedResourcesMode {
    /// It lists every resource that is open to all pipelines.
    #[default]
    ListsAll,
    /// It answers an empty list with 200.
    NeedsTypeAndId,
}

impl FromStr for AuthorizedResourcesMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "lists-all" => Ok(Self::ListsAll),
            "needs-type-and-id" => Ok(Self::NeedsTypeAndId),
            other => Err(format!("\"{other}\" is not a mode; use lists-all or needs-type-and-id")),
        }
    }
}

/// How `ResourceAreas` answers. See `GET /_apis/ResourceAreas` in the README for why an empty list is the safe one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResourceAreasMode {
    /// It names none, as Azure DevOps Server: clients stay at the URL that they were given.
    #[default]
    Empty,
    /// It names those that the official clients know, all below the simulator's own URL.
    Listed,
}

impl FromStr for ResourceAreasMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "empty" => Ok(Self::Empty),
            "listed" => Ok(Self::Listed),
            other => Err(format!("\"{other}\" is not a mode; use empty or listed")),
        }
    }
}

/// A replaceable source of the time of day.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn unix_seconds(&self) -> u64 {
        (self.0)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WallClock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_option_is_named_with_its_remedy() {
        let error = SimulatorOptions { organizations: 0, ..Default::default() }.validate().unwrap_err();
        assert_eq!(error.option, "organizations");
        let error = SimulatorOptions { tstu_limit: Some(0.0), ..Default::default() }.validate().unwrap_err();
        assert_eq!(error.option, "tstu_limit");
        let error = SimulatorOptions { projects: 0, ..Default::default() }.validate().unwrap_err();
        assert_eq!(error.option, "projects");
        assert_eq!(SimulatorOptions::default().validate(), Ok(()));
    }
}
