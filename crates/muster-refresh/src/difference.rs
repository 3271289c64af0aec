//! From judgements to what must be written and told: only differences.

use chrono::{DateTime, Utc};
use muster_domain::arm::{self, ResourcePath};
use muster_domain::assessment::{Assessment, AssessmentChange, AssessmentState, Judgement};
use muster_domain::connector::Connector;
use muster_domain::resource::{ResourceKey, ResourceKind};
use muster_domain::snapshot::{ProjectSnapshot, ResourceView};
use muster_messages::Fact;
use muster_messages::fact::{AssessmentChanged, FactPayload, ResourceReference};
use muster_store::changes::{AssessmentId, AssessmentWrite, Changes};
use std::collections::HashMap;

/// What changes when `judgements` meet what was known. What no rule of the catalogue makes any more ends.
pub(crate) fn changes_of(
    connector: &Connector,
    snapshot: &ProjectSnapshot,
    judgements: Vec<Judgement>,
    known: &HashMap<AssessmentId, Assessment>,
    now: DateTime<Utc>,
) -> Changes {
    let names = Names::of(snapshot);
    let mut changes = Changes::default();
    for judgement in judgements {
        let resource_id = judgement.resource.resource_id(connector.id);
        let id = AssessmentId { resource_id, recommendation: judgement.recommendation };
        let change = AssessmentChange::between(
            known.get(&id),
            resource_id,
            judgement.recommendation,
            judgement.verdict.clone(),
            now,
        );
        let (from, assessment) = match change {
            AssessmentChange::Unchanged => continue,
            AssessmentChange::Created(assessment) => (None, assessment),
            AssessmentChange::StateChanged { from, assessment } => (Some(from), assessment),
            AssessmentChange::EvidenceChanged(assessment) => (Some(assessment.verdict.state), assessment),
        };
        let name = names.name(&judgement.resource);
        changes.facts.push(fact_of(connector, snapshot, &judgement, &assessment, from, name));
        changes.assessments.push(AssessmentWrite { connector_id: connector.id, assessment, from });
    }
    let withdrawn = known.keys().filter(|id| muster_rules::find(id.recommendation).is_none());
    changes.withdrawn_assessments = withdrawn.copied().collect();
    changes.withdrawn_assessments.sort_unstable();
    changes
}

fn fact_of(
    connector: &Connector,
    snapshot: &ProjectSnapshot,
    judgement: &Judgement,
    assessment: &Assessment,
    from: Option<AssessmentState>,
    name: String,
) -> Fact {
    let key = &judgement.resource;
    let path = ResourcePath {
        organization: snapshot.organization.name.as_str(),
        project: Some(&snapshot.project_name),
        name: &name,
    };
    let resource = arm::resource_id(connector, key, path);
    Fact {
        subject: arm::assessment_id(&resource, assessment.recommendation),
        sequence: assessment.change_sequence,
        time: assessment.since,
        payload: FactPayload::AssessmentChanged(AssessmentChanged {
            assessment_key: assessment.recommendation,
            connector_id: connector.id,
            resource: ResourceReference {
                kind: key.kind,
                organization: snapshot.organization.name.as_str().to_owned(),
                project_id: key.project_id,
                id: key.external_id.clone(),
                name,
            },
            from,
            to: Some(assessment.verdict.state),
            cause: assessment.verdict.cause.clone(),
            observed: assessment.verdict.observed.clone(),
            expected: assessment.verdict.expected.clone(),
            since: assessment.since,
        }),
    }
}

/// Present names of everything in a snapshot that can be judged.
struct Names(HashMap<(ResourceKind, String), String>);

impl Names {
    fn of(snapshot: &ProjectSnapshot) -> Self {
        let project = (ResourceKind::Project, snapshot.project_id.to_string());
        let mut names = HashMap::from([(project, snapshot.project_name.clone())]);
        names.extend(snapshot.repositories.iter().map(|repository| {
            ((ResourceKind::Repository, repository.id.to_string()), repository.name.clone())
        }));
        names.extend(names_of(ResourceKind::Pipeline, &snapshot.pipelines));
        names.extend(names_of(ResourceKind::ServiceConnection, &snapshot.service_connections));
        names.extend(names_of(ResourceKind::VariableGroup, &snapshot.variable_groups));
        names.extend(names_of(ResourceKind::SecureFile, &snapshot.secure_files));
        Self(names)
    }

    fn name(&self, key: &ResourceKey) -> String {
        let name = self.0.get(&(key.kind, key.external_id.clone()));
        name.unwrap_or(&key.external_id).clone()
    }
}

fn names_of<P>(
    kind: ResourceKind,
    resources: &[ResourceView<P>],
) -> impl Iterator<Item = ((ResourceKind, String), String)> {
    resources.iter().map(move |resource| ((kind, resource.id.clone()), resource.name.clone()))
}
