//! Named places between two steps where a test lets a process die.
//!
//! `MUSTER_CRASH_AT=claimed` ends the process the first time that it comes by the place `claimed`,
//! `MUSTER_CRASH_AT=claimed:3` the third time. Builds without debug assertions have no such places.

#[cfg(debug_assertions)]
use std::sync::OnceLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that names a place and, after a colon, at which visit of it the process dies.
pub const VARIABLE: &str = "MUSTER_CRASH_AT";

/// A place between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Dispatcher: jobs are dispatched, their tickets not published.
    Dispatched,
    /// Runner: jobs are claimed, nothing has run.
    Claimed,
    /// Runner: a page is committed, its job goes on.
    PageCommitted,
    /// Runner: a handler is through, nothing of it is committed.
    OutcomeReady,
    /// Runner: outcomes are committed, their tickets not acknowledged.
    OutcomeCommitted,
    /// Relay: facts are confirmed by the broker, their rows not deleted.
    FactsConfirmed,
    /// Ingress: a request, or its refusal, is committed, its message not acknowledged.
    RequestCommitted,
}

impl CrashPoint {
    /// Every place.
    pub const ALL: [Self; 7] = [
        Self::Dispatched,
        Self::Claimed,
        Self::PageCommitted,
        Self::OutcomeReady,
        Self::OutcomeCommitted,
        Self::FactsConfirmed,
        Self::RequestCommitted,
    ];

    /// Its name in [`VARIABLE`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dispatched => "dispatched",
            Self::Claimed => "claimed",
            Self::PageCommitted => "page-committed",
            Self::OutcomeReady => "outcome-ready",
            Self::OutcomeCommitted => "outcome-committed",
            Self::FactsConfirmed => "facts-confirmed",
            Self::RequestCommitted => "request-committed",
        }
    }
}

/// The value of [`VARIABLE`] names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE} is `{value}`, which is none of {}, nor one with `:` and a number from 1", names())]
pub struct UnknownCrashPoint {
    value: String,
}

#[cfg(debug_assertions)]
struct Armed {
    point: CrashPoint,
    visits_left: AtomicU32,
}

// A place is reached from loops that share nothing but their process, which is what dies.
#[cfg(debug_assertions)]
static ARMED: OnceLock<Armed> = OnceLock::new();

/// Reads [`VARIABLE`]; call it once, when a process starts. Without debug assertions it does nothing.
///
/// # Errors
/// [`UnknownCrashPoint`], with the places that there are.
pub fn arm() -> Result<(), UnknownCrashPoint> {
    #[cfg(debug_assertions)]
    if let Some(value) = std::env::var_os(VARIABLE) {
        let (point, visit) = read(&value.to_string_lossy())?;
        tracing::warn!(point = point.as_str(), visit, "the process will crash at a named place");
        ARMED.get_or_init(|| Armed { point, visits_left: AtomicU32::new(visit) });
    }
    Ok(())
}

/// Comes by a place; the process ends here when it was told to.
pub fn reach(point: CrashPoint) {
    #[cfg(debug_assertions)]
    if let Some(armed) = ARMED.get()
        && armed.point == point
        && armed.visits_left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        tracing::error!(point = point.as_str(), "the process crashes as it was told to");
        // As by `kill -9`: nothing unwinds, is dropped or flushed, the kernel closes what is open.
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(any(test, debug_assertions))]
fn read(value: &str) -> Result<(CrashPoint, u32), UnknownCrashPoint> {
    let unknown = || UnknownCrashPoint { value: value.to_owned() };
    let (name, visit) = value.split_once(':').unwrap_or((value, "1"));
    let point = CrashPoint::ALL.into_iter().find(|point| point.as_str() == name).ok_or_else(unknown)?;
    let visit = visit.parse().ok().filter(|visit| *visit > 0).ok_or_else(unknown)?;
    Ok((point, visit))
}

fn names() -> String {
    CrashPoint::ALL.map(CrashPoint::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_a_place_and_a_visit() {
        assert_eq!(read("claimed"), Ok((CrashPoint::Claimed, 1)));
        assert_eq!(read("page-committed:12"), Ok((CrashPoint::PageCommitted, 12)));
    }

    #[test]
    fn a_value_that_names_no_place_is_refused_with_the_list() {
        for value in ["", "claim", "claimed:0", "claimed:", "claimed:x", "claimed:1:2"] {
            let message = read(value).expect_err("refused").to_string();
            assert!(message.contains(&format!("`{value}`")), "{message}");
            for point in CrashPoint::ALL {
                assert!(message.contains(point.as_str()), "{message}");
            }
        }
    }

    #[test]
    fn the_readme_lists_every_place() {
        let readme = include_str!("../README.md");
        let (_, section) = readme.split_once("## Crash points").expect("the section");
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let listed: Vec<&str> = rows.map(|(name, _)| name).collect();
        assert_eq!(listed, CrashPoint::ALL.map(CrashPoint::as_str));
    }

    #[test]
    fn a_place_that_nobody_armed_is_passed() {
        for point in CrashPoint::ALL {
            reach(point);
        }
    }
}
