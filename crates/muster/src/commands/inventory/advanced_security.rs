//! How far Advanced Security covers a repository, a project, an organization.

use muster_domain::snapshot::AdvancedSecurityState;
use serde::Serialize;
use std::fmt;

/// How far Advanced Security covers something. What the answer did not say is never taken for off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Coverage {
    /// Secret Protection and Code Security are on.
    On,
    /// One of them is on.
    Partly,
    /// Both are off.
    Off,
    /// It could not be read, or the answer did not say.
    Unknown,
}

impl Coverage {
    /// Of one repository.
    pub(crate) fn of(state: Option<&AdvancedSecurityState>) -> Self {
        let Some(state) = state else { return Self::Unknown };
        match (state.secret_protection, state.code_security) {
            (Some(true), Some(true)) => Self::On,
            (Some(true), _) | (_, Some(true)) => Self::Partly,
            (Some(false), Some(false)) => Self::Off,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::On => "on",
            Self::Partly => "partly",
            Self::Off => "off",
            Self::Unknown => "unknown",
        })
    }
}

/// How many repositories are covered how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CoverageCounts {
    pub(crate) on: u64,
    pub(crate) partly: u64,
    pub(crate) off: u64,
    pub(crate) unknown: u64,
}

impl CoverageCounts {
    pub(crate) fn count(&mut self, coverage: Coverage, repositories: u64) {
        match coverage {
            Coverage::On => self.on += repositories,
            Coverage::Partly => self.partly += repositories,
            Coverage::Off => self.off += repositories,
            Coverage::Unknown => self.unknown += repositories,
        }
    }

    /// The whole in one word.
    pub(crate) fn overall(&self) -> Coverage {
        match (self.on, self.partly, self.off, self.unknown) {
            (0, 0, 0, _) => Coverage::Unknown,
            (_, 0, 0, 0) => Coverage::On,
            (0, 0, _, 0) => Coverage::Off,
            (0, 0, _, _) => Coverage::Unknown,
            _ => Coverage::Partly,
        }
    }

    /// For people, in one line.
    pub(crate) fn text(&self) -> String {
        let counts = [(self.on, "on"), (self.partly, "partly"), (self.off, "off"), (self.unknown, "unknown")];
        format!("{} ({} of the repositories)", self.overall(), super::counted(&counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(secret_protection: Option<bool>, code_security: Option<bool>) -> AdvancedSecurityState {
        AdvancedSecurityState { secret_protection, block_pushes: None, code_security }
    }

    #[test]
    fn what_is_not_said_is_not_off() {
        for (secret, code, expected) in [
            (Some(true), Some(true), Coverage::On),
            (Some(true), Some(false), Coverage::Partly),
            (None, Some(true), Coverage::Partly),
            (Some(false), Some(false), Coverage::Off),
            (None, Some(false), Coverage::Unknown),
            (None, None, Coverage::Unknown),
        ] {
            assert_eq!(Coverage::of(Some(&state(secret, code))), expected, "{secret:?} {code:?}");
        }
        assert_eq!(Coverage::of(None), Coverage::Unknown);
    }

    #[test]
    fn the_whole_is_on_only_where_every_repository_is() {
        let counts = |on, partly, off, unknown| CoverageCounts { on, partly, off, unknown }.overall();
        assert_eq!(counts(0, 0, 0, 0), Coverage::Unknown);
        assert_eq!(counts(3, 0, 0, 0), Coverage::On);
        assert_eq!(counts(0, 0, 3, 0), Coverage::Off);
        assert_eq!(counts(0, 0, 3, 1), Coverage::Unknown);
        assert_eq!(counts(1, 0, 3, 0), Coverage::Partly);
        assert_eq!(counts(1, 0, 0, 1), Coverage::Partly);
        assert_eq!(counts(0, 1, 0, 0), Coverage::Partly);
    }
}
