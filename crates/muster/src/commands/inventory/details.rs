//! One resource of the inventory with everything around it.

use super::{Gap, ReadState, assessments_text, every_state, gaps, last_read, read_states};
use crate::output::{Fields, moment, or_dash};
use chrono::{DateTime, Utc};
use muster_domain::assessment::AssessmentState;
use muster_domain::resource::ResourceKind;
use muster_store::inventory::{RelationEnd, RelationView, ResourceDetail};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is around a resource: relations, reads, assessments.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    pub(crate) last_read_at: Option<DateTime<Utc>>,
    pub(crate) next_due_at: Option<DateTime<Utc>>,
    /// How its own assessments stand; callers put those of what lies in it in their place.
    pub(crate) assessments: BTreeMap<AssessmentState, u64>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) reads: Vec<ReadState>,
    pub(crate) gaps: Vec<Gap>,
}

/// A link to another resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Relation {
    kind: &'static str,
    /// `from`: the link starts at the other one; `to`: it ends there.
    end: &'static str,
    other_kind: ResourceKind,
    other_id: String,
    other_name: String,
    other_project: Option<String>,
}

impl From<&RelationView> for Relation {
    fn from(view: &RelationView) -> Self {
        let other = &view.other.stored.resource;
        Self {
            kind: view.kind.as_str(),
            end: match view.end {
                RelationEnd::From => "from",
                RelationEnd::To => "to",
            },
            other_kind: other.key.kind,
            other_id: other.key.external_id.clone(),
            other_name: other.name.clone(),
            other_project: view.other.project.clone(),
        }
    }
}

impl Relation {
    fn text(&self) -> String {
        let (kind, other) = (self.kind, format!("{} {}", self.other_kind, self.other_name));
        match self.end {
            "from" => format!("{other} {kind} it"),
            _ => format!("{kind} {other}"),
        }
    }
}

impl Details {
    /// Of a resource that is read anew every `hours`.
    pub(crate) fn of(detail: &ResourceDetail, hours: f64) -> Self {
        let reads = read_states(&detail.readings);
        let last_read_at = last_read(&reads);
        Self {
            last_read_at,
            next_due_at: super::next_due(last_read_at, hours),
            assessments: every_state(&detail.assessments),
            relations: detail.relations.iter().map(Relation::from).collect(),
            gaps: gaps(&reads),
            reads,
        }
    }

    /// Lines of a table.
    pub(crate) fn add_to(&self, fields: &mut Fields) {
        fields
            .add("assessments", assessments_text(&self.assessments))
            .add("last read", or_dash(self.last_read_at.map(moment)))
            .add("next due", or_dash(self.next_due_at.map(moment)))
            .add_all("relations", self.relations.iter().map(Relation::text))
            .add_all("reads", self.reads.iter().map(ReadState::text))
            .add_all("gaps", self.gaps.iter().map(Gap::text));
    }
}
