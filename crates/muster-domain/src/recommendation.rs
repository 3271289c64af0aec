//! Recommendations: what is asked of a resource.

use crate::RecommendationKey;
use crate::read::Read;
use crate::resource::ResourceKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Recommendation {
    /// Stable key; Microsoft's assessment GUID where it has one.
    pub key: RecommendationKey,
    /// One sentence that says what should be the case.
    pub title: &'static str,
    /// How much is at stake.
    pub severity: Severity,
    /// Kind of resource that is judged.
    pub resource_kind: ResourceKind,
    /// What an attacker gains while it is not the case.
    pub description: &'static str,
    /// What to do, one step a line.
    pub remediation: &'static [&'static str],
    /// Reads without which it stays Unknown.
    pub reads: &'static [Read],
    /// Announced as a preview by Microsoft.
    pub is_preview: bool,
}

/// How much is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Worth doing.
    Low,
    /// Should be planned.
    Medium,
    /// Should be done now.
    High,
}

impl Severity {
    /// Every severity, highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The name on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
