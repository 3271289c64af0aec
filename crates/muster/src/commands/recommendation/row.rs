//! An assessment as it is listed.

use crate::output::{Row, moment, or_dash};
use chrono::{DateTime, Utc};
use muster_domain::assessment::AssessmentState;
use muster_domain::recommendation::Severity;
use muster_domain::resource::ResourceKind;
use muster_domain::{ProjectId, RecommendationKey};
use muster_store::assessments::AssessmentView;
use serde::Serialize;

/// The contract of `muster recommendation list -o json`: fields are added, never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    assessment_key: RecommendationKey,
    title: String,
    /// Absent where the catalogue does not have the recommendation any more.
    severity: Option<Severity>,
    state: AssessmentState,
    cause: String,
    observed: String,
    expected: String,
    since: DateTime<Utc>,
    resource: Resource,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    kind: ResourceKind,
    organization: String,
    project: Option<String>,
    project_id: Option<ProjectId>,
    id: String,
    name: String,
}

impl From<AssessmentView> for Shown {
    fn from(view: AssessmentView) -> Self {
        let AssessmentView { assessment, key, .. } = view;
        let recommendation =
            muster_rules::find(assessment.recommendation).map(muster_rules::Rule::recommendation);
        Self {
            assessment_key: assessment.recommendation,
            title: recommendation.map_or_else(
                || format!("{} (not in the catalogue any more)", assessment.recommendation),
                |recommendation| recommendation.title.to_owned(),
            ),
            severity: recommendation.map(|recommendation| recommendation.severity),
            state: assessment.verdict.state,
            cause: assessment.verdict.cause,
            observed: assessment.verdict.observed,
            expected: assessment.verdict.expected,
            since: assessment.since,
            resource: Resource {
                kind: key.kind,
                organization: view.organization_name,
                project: view.project_name,
                project_id: key.project_id,
                id: key.external_id,
                name: view.resource_name,
            },
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] =
        &["severity", "state", "recommendation", "resource", "project", "organization", "since", "cause"];

    fn cells(&self) -> Vec<String> {
        vec![
            or_dash(self.severity),
            self.state.to_string(),
            self.title.clone(),
            self.resource.name.clone(),
            or_dash(self.resource.project.as_ref()),
            self.resource.organization.clone(),
            moment(self.since),
            self.cause.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::assessment::{Assessment, Verdict};
    use muster_domain::resource::ResourceKey;
    use muster_domain::{ConnectorId, OrganizationId, ResourceId};
    use serde_json::json;
    use uuid::Uuid;

    fn view(recommendation: RecommendationKey) -> AssessmentView {
        let key = ResourceKey::in_project(
            ResourceKind::Repository,
            OrganizationId(Uuid::nil()),
            ProjectId(Uuid::from_u128(2)),
            "3",
        );
        AssessmentView {
            assessment: Assessment {
                resource_id: ResourceId(Uuid::nil()),
                recommendation,
                verdict: Verdict {
                    state: AssessmentState::Unhealthy,
                    cause: "Cause".to_owned(),
                    observed: "seen".to_owned(),
                    expected: "asked for".to_owned(),
                    link: None,
                },
                first_evaluated_at: DateTime::UNIX_EPOCH,
                since: DateTime::UNIX_EPOCH,
                change_sequence: 1,
            },
            connector_id: ConnectorId(Uuid::nil()),
            key,
            resource_name: "payments".to_owned(),
            project_name: Some("Shop".to_owned()),
            organization_name: "contoso".to_owned(),
        }
    }

    #[test]
    fn json_is_the_contract() {
        let recommendation = muster_rules::catalogue()[0].recommendation();
        let shown = Shown::from(view(recommendation.key));
        let expected = json!({
            "assessmentKey": recommendation.key, "title": recommendation.title,
            "severity": recommendation.severity.as_str(), "state": "Unhealthy", "cause": "Cause",
            "observed": "seen", "expected": "asked for", "since": "1970-01-01T00:00:00Z",
            "resource": {
                "kind": "repository", "organization": "contoso", "project": "Shop",
                "projectId": Uuid::from_u128(2), "id": "3", "name": "payments",
            },
        });
        assert_eq!(serde_json::to_value(&shown).unwrap(), expected);
        assert_eq!(shown.cells().len(), Shown::COLUMNS.len());
    }

    #[test]
    fn a_recommendation_that_left_the_catalogue_is_listed_without_a_severity() {
        let shown = Shown::from(view(RecommendationKey(Uuid::nil())));
        assert_eq!(serde_json::to_value(&shown).unwrap()["severity"], json!(null));
        assert!(shown.title.contains("catalogue"), "{}", shown.title);
        assert_eq!(shown.cells()[0], "-");
    }
}
