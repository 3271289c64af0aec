//! Assessments: one recommendation judged on one resource, since when, why, and what changed.

use crate::resource::ResourceKey;
use crate::{RecommendationKey, ResourceId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How an assessment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AssessmentState {
    /// As recommended.
    Healthy,
    /// Not as recommended.
    Unhealthy,
    /// The question makes no sense here.
    NotApplicable,
    /// Cannot be told, and why; never shown or counted as healthy.
    Unknown,
}

impl AssessmentState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Unhealthy, Self::NotApplicable, Self::Unknown];

    /// The name on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Unhealthy => "Unhealthy",
            Self::NotApplicable => "NotApplicable",
            Self::Unknown => "Unknown",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for AssessmentState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a rule says of one resource: the state with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// How it stands.
    pub state: AssessmentState,
    /// Why, as a stable code (`MinimumReviewersBelowTwo`).
    pub cause: String,
    /// What was seen, for people.
    pub observed: String,
    /// What is asked for, for people.
    pub expected: String,
    /// The settings page where it can be changed.
    pub link: Option<String>,
}

/// A verdict on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The resource that was judged.
    pub resource: ResourceKey,
    /// By which recommendation.
    pub recommendation: RecommendationKey,
    /// What was said.
    pub verdict: Verdict,
}

/// One recommendation judged on one resource, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// Row of the resource in the inventory.
    pub resource_id: ResourceId,
    /// By which recommendation.
    pub recommendation: RecommendationKey,
    /// The verdict in force.
    pub verdict: Verdict,
    /// When it was first judged.
    pub first_evaluated_at: DateTime<Utc>,
    /// Since when the state has been as it is (`statusChangeDate`).
    pub since: DateTime<Utc>,
    /// Counts every kept change: the sequence of its facts.
    pub change_sequence: i64,
}

/// What a new verdict does to an assessment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssessmentChange {
    /// Nothing is written, nobody is told.
    Unchanged,
    /// First verdict.
    Created(Assessment),
    /// Another state: `since` starts anew, subscribers are told.
    StateChanged {
        /// The state before.
        from: AssessmentState,
        /// The assessment after.
        assessment: Assessment,
    },
    /// The same state on other grounds: kept with the old `since`, subscribers are told.
    EvidenceChanged(Assessment),
}

impl AssessmentChange {
    /// What `verdict`, given at `now`, does to what was known before.
    pub fn between(
        previous: Option<&Assessment>,
        resource_id: ResourceId,
        recommendation: RecommendationKey,
        verdict: Verdict,
        now: DateTime<Utc>,
    ) -> Self {
        let Some(previous) = previous else {
            return Self::Created(Assessment {
                resource_id,
                recommendation,
                verdict,
                first_evaluated_at: now,
                since: now,
                change_sequence: 1,
            });
        };
        if previous.verdict == verdict {
            return Self::Unchanged;
        }
        let from = previous.verdict.state;
        let state_changed = from != verdict.state;
        let assessment = Assessment {
            resource_id,
            recommendation,
            verdict,
            first_evaluated_at: previous.first_evaluated_at,
            since: if state_changed { now } else { previous.since },
            change_sequence: previous.change_sequence + 1,
        };
        if state_changed {
            Self::StateChanged { from, assessment }
        } else {
            Self::EvidenceChanged(assessment)
        }
    }
}
