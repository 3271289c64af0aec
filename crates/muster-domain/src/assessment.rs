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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use uuid::Uuid;

    const RESOURCE: ResourceId = ResourceId(Uuid::from_u128(1));
    const KEY: RecommendationKey = RecommendationKey(Uuid::from_u128(2));

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).expect("a time of this century")
    }

    fn verdict(state: AssessmentState, observed: &str) -> Verdict {
        Verdict {
            state,
            cause: "Cause".to_owned(),
            observed: observed.to_owned(),
            expected: "Two.".to_owned(),
            link: Some("https://example.com/settings".to_owned()),
        }
    }

    fn change(previous: Option<&Assessment>, verdict: Verdict, second: i64) -> AssessmentChange {
        AssessmentChange::between(previous, RESOURCE, KEY, verdict, at(second))
    }

    fn created(verdict: Verdict, second: i64) -> Assessment {
        match change(None, verdict, second) {
            AssessmentChange::Created(assessment) => assessment,
            other => panic!("a first verdict creates: {other:?}"),
        }
    }

    #[test]
    fn a_first_verdict_starts_the_life() {
        for state in AssessmentState::ALL {
            let assessment = created(verdict(state, "one"), 5);
            let expected = Assessment {
                resource_id: RESOURCE,
                recommendation: KEY,
                verdict: verdict(state, "one"),
                first_evaluated_at: at(5),
                since: at(5),
                change_sequence: 1,
            };
            assert_eq!(assessment, expected);
        }
    }

    #[test]
    fn an_equal_verdict_changes_nothing_however_late() {
        for state in AssessmentState::ALL {
            let first = created(verdict(state, "one"), 0);
            assert_eq!(change(Some(&first), verdict(state, "one"), 9_999), AssessmentChange::Unchanged);
        }
    }

    #[test]
    fn another_state_starts_since_anew() {
        for from in AssessmentState::ALL {
            for to in AssessmentState::ALL.into_iter().filter(|to| *to != from) {
                let first = created(verdict(from, "one"), 0);
                let expected = Assessment {
                    verdict: verdict(to, "two"),
                    since: at(60),
                    change_sequence: 2,
                    ..first.clone()
                };
                assert_eq!(
                    change(Some(&first), verdict(to, "two"), 60),
                    AssessmentChange::StateChanged { from, assessment: expected }
                );
            }
        }
    }

    #[test]
    fn other_grounds_keep_since() {
        let first = created(verdict(AssessmentState::Unhealthy, "one"), 0);
        let base = &first.verdict;
        let others = [
            Verdict { cause: "Another".to_owned(), ..base.clone() },
            Verdict { observed: "none".to_owned(), ..base.clone() },
            Verdict { expected: "Three.".to_owned(), ..base.clone() },
            Verdict { link: None, ..base.clone() },
        ];
        for verdict in others {
            let expected = Assessment { verdict: verdict.clone(), change_sequence: 2, ..first.clone() };
            assert_eq!(change(Some(&first), verdict, 60), AssessmentChange::EvidenceChanged(expected));
        }
    }

    #[test]
    fn names_are_the_same_on_the_wire_and_in_tables() {
        for state in AssessmentState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(AssessmentState::parse(state.as_str()), Some(state));
            assert_eq!(state.to_string(), state.as_str());
        }
        assert_eq!(AssessmentState::parse("healthy"), None);
    }

    proptest! {
        /// A life of any verdicts: `since` is when the present state began without a break, the sequence counts the
        /// kept changes, and the beginning stays.
        #[test]
        fn a_life_is_told_truly(steps in vec((0_usize..4, 0_u8..3), 1..20)) {
            let mut kept: Option<Assessment> = None;
            let (mut since, mut changes) = (at(0), 0);
            for (second, (state, evidence)) in (0_i64..).zip(steps) {
                let verdict = verdict(AssessmentState::ALL[state], &evidence.to_string());
                let before = kept.as_ref().map(|assessment| assessment.verdict.clone());
                if before.as_ref().map(|verdict| verdict.state) != Some(verdict.state) {
                    since = at(second);
                }
                changes += i64::from(before.as_ref() != Some(&verdict));
                match change(kept.as_ref(), verdict.clone(), second) {
                    AssessmentChange::Unchanged => prop_assert_eq!(before, Some(verdict)),
                    AssessmentChange::Created(assessment)
                    | AssessmentChange::StateChanged { assessment, .. }
                    | AssessmentChange::EvidenceChanged(assessment) => kept = Some(assessment),
                }
                let now = kept.as_ref().expect("judged at least once");
                prop_assert_eq!((now.since, now.change_sequence), (since, changes));
                prop_assert_eq!(now.first_evaluated_at, at(0));
            }
        }
    }
}
