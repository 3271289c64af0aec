//! How many assessments stand how: for the summary, and for `--fail-on`.

use super::sections::severity;
use muster_domain::assessment::AssessmentState;
use muster_domain::recommendation::Severity;
use muster_store::assessments::AssessmentGroup;
use std::collections::BTreeMap;

/// Assessments that the filters let through, by state and severity.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<(AssessmentState, Option<Severity>), u64>);

impl Tally {
    pub(super) fn of(groups: &[AssessmentGroup]) -> Self {
        let mut tally = Self::default();
        for group in groups {
            *tally.0.entry((group.state, severity(group))).or_default() += group.count;
        }
        tally
    }

    /// Unhealthy ones that trip a gate. One whose severity is not known any more counts as the lowest.
    pub(super) fn unhealthy_of_at_least(&self, least: Severity) -> u64 {
        let counts = self.0.iter().filter(|((state, severity), _)| {
            *state == AssessmentState::Unhealthy && severity.unwrap_or(Severity::Low) >= least
        });
        counts.map(|(_, count)| count).sum()
    }

    fn count(&self, wanted: AssessmentState) -> u64 {
        self.0.iter().filter(|((state, _), _)| *state == wanted).map(|(_, count)| count).sum()
    }

    /// The line below a list of which `shown` are shown.
    pub(super) fn summary(&self, shown: u64) -> String {
        let all: u64 = self.0.values().sum();
        if all == 0 {
            return "nothing is judged yet, or nothing matches; see `muster connector list`".to_owned();
        }
        let unknown = self.count(AssessmentState::Unknown);
        let remedy =
            if unknown > 0 { "; `muster project show` says what to grant for ReadForbidden" } else { "" };
        format!(
            "{shown} of {all} shown: {} unhealthy, {} healthy, {} not applicable, {unknown} unknown (not counted as \
             healthy{remedy})",
            self.count(AssessmentState::Unhealthy),
            self.count(AssessmentState::Healthy),
            self.count(AssessmentState::NotApplicable),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::sections::tests::{group, key};
    use super::*;
    use muster_domain::RecommendationKey;
    use uuid::Uuid;

    const GONE: RecommendationKey = RecommendationKey(Uuid::nil());

    #[test]
    fn only_unhealthy_ones_of_at_least_the_severity_trip_the_gate() {
        for severity in Severity::ALL {
            let Some(key) = key(severity) else { continue };
            let states = AssessmentState::ALL.map(|state| group("contoso", key, state, 7));
            let tally = Tally::of(&states);
            for least in Severity::ALL {
                let expected = if severity >= least { 7 } else { 0 };
                assert_eq!(tally.unhealthy_of_at_least(least), expected, "{severity} at {least}");
            }
        }
    }

    #[test]
    fn an_unhealthy_one_of_no_known_severity_trips_the_lowest_gate() {
        let tally = Tally::of(&[group("contoso", GONE, AssessmentState::Unhealthy, 1)]);
        let trips = Severity::ALL.map(|least| tally.unhealthy_of_at_least(least));
        assert_eq!(trips, [0, 0, 1]);
    }

    #[test]
    fn the_summary_counts_unknown_apart() {
        let groups = [
            group("a", GONE, AssessmentState::Healthy, 1),
            group("a", GONE, AssessmentState::Unhealthy, 2),
            group("b", GONE, AssessmentState::Unhealthy, 3),
            group("a", GONE, AssessmentState::NotApplicable, 4),
            group("a", GONE, AssessmentState::Unknown, 5),
        ];
        let expected =
            "9 of 15 shown: 5 unhealthy, 1 healthy, 4 not applicable, 5 unknown (not counted as healthy";
        let summary = Tally::of(&groups).summary(9);
        assert!(summary.starts_with(expected) && summary.contains("muster project show"), "{summary}");
        let summary = Tally::of(&groups[..4]).summary(9);
        assert!(summary.ends_with("0 unknown (not counted as healthy)"), "{summary}");
        assert!(Tally::default().summary(0).contains("connector list"));
    }
}
