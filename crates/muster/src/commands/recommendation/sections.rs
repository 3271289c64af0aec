//! A list in the order that is asked for, cut into sections that the database gives one after the other.

use super::Sort;
use muster_domain::assessment::AssessmentState;
use muster_domain::recommendation::Severity;
use muster_store::assessments::{AssessmentFilter, AssessmentGroup};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Assessments that stand together.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// What lets them through, and nothing else.
    pub(super) filter: AssessmentFilter,
    /// How many there were a moment ago.
    pub(super) count: u64,
}

/// What a section is sorted by, from the first to the last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    State(usize, Reverse<Option<Severity>>),
    Severity(Reverse<Option<Severity>>, usize),
    Organization(String, Uuid, Uuid),
}

/// What must be looked at first comes first.
const STATES_BY_URGENCY: [AssessmentState; 4] = [
    AssessmentState::Unhealthy,
    AssessmentState::Unknown,
    AssessmentState::Healthy,
    AssessmentState::NotApplicable,
];

/// The sections of a list. Together they let through what `filter` lets through, each assessment once.
pub(super) fn sections(sort: Sort, groups: &[AssessmentGroup], filter: &AssessmentFilter) -> Vec<Section> {
    let mut sections: BTreeMap<Place, Section> = BTreeMap::new();
    for group in groups {
        let section = sections
            .entry(place(sort, group))
            .or_insert_with(|| Section { filter: narrowed(sort, group, filter), count: 0 });
        section.count += group.count;
        if sort != Sort::Organization && !section.filter.recommendations.contains(&group.recommendation) {
            section.filter.recommendations.push(group.recommendation);
        }
    }
    sections.into_values().collect()
}

fn place(sort: Sort, group: &AssessmentGroup) -> Place {
    let urgency = STATES_BY_URGENCY.iter().position(|state| *state == group.state).unwrap_or(usize::MAX);
    let severity = Reverse(severity(group));
    match sort {
        // A list by time is one section; its count is all that is asked for.
        Sort::State | Sort::Since => Place::State(urgency, severity),
        Sort::Severity => Place::Severity(severity, urgency),
        Sort::Organization => Place::Organization(
            group.organization.to_lowercase(),
            group.organization_id.0,
            group.connector_id.0,
        ),
    }
}

fn narrowed(sort: Sort, group: &AssessmentGroup, filter: &AssessmentFilter) -> AssessmentFilter {
    match sort {
        Sort::State | Sort::Severity | Sort::Since => {
            AssessmentFilter { states: vec![group.state], recommendations: Vec::new(), ..filter.clone() }
        }
        Sort::Organization => AssessmentFilter {
            connector: Some(group.connector_id),
            organization_id: Some(group.organization_id),
            ..filter.clone()
        },
    }
}

/// Absent where the catalogue does not have the recommendation any more.
pub(super) fn severity(group: &AssessmentGroup) -> Option<Severity> {
    muster_rules::find(group.recommendation).map(|rule| rule.recommendation().severity)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use muster_domain::{ConnectorId, OrganizationId, RecommendationKey};

    /// A recommendation of that severity.
    pub(in super::super) fn key(severity: Severity) -> Option<RecommendationKey> {
        let rules = muster_rules::catalogue().iter().map(|rule| rule.recommendation());
        rules.into_iter().find(|recommendation| recommendation.severity == severity).map(|found| found.key)
    }

    pub(in super::super) fn group(
        organization: &str,
        recommendation: RecommendationKey,
        state: AssessmentState,
        count: u64,
    ) -> AssessmentGroup {
        AssessmentGroup {
            connector_id: ConnectorId(Uuid::nil()),
            organization_id: OrganizationId(Uuid::new_v5(&Uuid::nil(), organization.as_bytes())),
            organization: organization.to_owned(),
            recommendation,
            state,
            count,
        }
    }

    /// A recommendation of the highest severity in the catalogue, and one that left it.
    fn keys() -> [RecommendationKey; 2] {
        [Severity::ALL.into_iter().find_map(key).unwrap(), RecommendationKey(Uuid::nil())]
    }

    fn groups() -> Vec<AssessmentGroup> {
        let [high, unknown_key] = keys();
        vec![
            group("beta", high, AssessmentState::Healthy, 1),
            group("beta", unknown_key, AssessmentState::Unhealthy, 2),
            group("Alpha", high, AssessmentState::Unhealthy, 4),
            group("beta", high, AssessmentState::Unhealthy, 8),
            group("beta", high, AssessmentState::Unknown, 16),
        ]
    }

    fn counts(sort: Sort) -> Vec<u64> {
        sections(sort, &groups(), &AssessmentFilter::default()).iter().map(|section| section.count).collect()
    }

    #[test]
    fn what_is_urgent_comes_first() {
        assert_eq!(counts(Sort::State), [4 + 8, 2, 16, 1]);
        assert_eq!(counts(Sort::Severity), [4 + 8, 16, 1, 2]);
        assert_eq!(counts(Sort::Organization), [4, 1 + 2 + 8 + 16]);
    }

    /// Whether a filter lets a group through, by the fields that sections use.
    fn lets_through(filter: &AssessmentFilter, group: &AssessmentGroup) -> bool {
        (filter.states.is_empty() || filter.states.contains(&group.state))
            && (filter.recommendations.is_empty() || filter.recommendations.contains(&group.recommendation))
            && filter.organization_id.is_none_or(|id| id == group.organization_id)
    }

    #[test]
    fn every_assessment_stands_in_one_section() {
        for sort in [Sort::State, Sort::Severity, Sort::Organization] {
            let sections = sections(sort, &groups(), &AssessmentFilter::default());
            for group in groups() {
                let found = sections.iter().filter(|section| lets_through(&section.filter, &group)).count();
                assert_eq!(found, 1, "{sort:?}: {group:?}");
            }
        }
    }

    #[test]
    fn a_section_keeps_the_conditions_of_the_list() {
        let filter = AssessmentFilter { project: Some("shop".to_owned()), ..AssessmentFilter::default() };
        for sort in [Sort::State, Sort::Severity, Sort::Organization] {
            let sections = sections(sort, &groups(), &filter);
            assert!(sections.iter().all(|section| section.filter.project.as_deref() == Some("shop")));
        }
        let filter = AssessmentFilter { recommendations: vec![keys()[0]], ..AssessmentFilter::default() };
        let sections = sections(Sort::Organization, &groups(), &filter);
        assert!(sections.iter().all(|section| section.filter.recommendations == [keys()[0]]));
    }
}
