//! Facts: what Muster publishes about what changed.

use crate::event::CloudEvent;
use crate::trace::TraceContext;
use chrono::{DateTime, Utc};
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::ConnectorState;
use muster_domain::resource::ResourceKind;
use muster_domain::{ConnectorId, InstallationId, ProjectId, RecommendationKey};
use serde::{Deserialize, Serialize};

/// Something that changed, before it has an envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// ARM id of what it is about.
    pub subject: String,
    /// Which change of that subject: two facts of one type, subject and sequence are one.
    pub sequence: i64,
    /// When it changed.
    pub time: DateTime<Utc>,
    /// What changed.
    pub payload: FactPayload,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactPayload {
    /// `muster.connector.state-changed.v1`
    ConnectorStateChanged(ConnectorStateChanged),
    /// `muster.resource.discovered.v1`
    ResourceDiscovered(ResourceDiscovered),
    /// `muster.resource.removed.v1`
    ResourceRemoved(ResourceRemoved),
    /// `muster.assessment.changed.v1`
    AssessmentChanged(AssessmentChanged),
    /// `muster.identity.throttled.v1`
    IdentityThrottled(IdentityThrottled),
    /// `muster.request.rejected.v1`
    RequestRejected(RequestRejected),
}

/// A connector entered another state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorStateChanged {
    /// The connector.
    pub connector_id: ConnectorId,
    /// Its name.
    pub name: String,
    /// State before; absent when it was created.
    pub from: Option<ConnectorState>,
    /// State now.
    pub to: ConnectorState,
    /// What is wrong and what to do.
    pub reason: Option<String>,
}

/// A resource, as facts name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceReference {
    /// What it is.
    pub kind: ResourceKind,
    /// Name of its organization.
    pub organization: String,
    /// Its project, where it lies in one.
    pub project_id: Option<ProjectId>,
    /// Azure DevOps' id.
    pub id: String,
    /// Present name.
    pub name: String,
}

/// A resource was seen for the first time, or again after it was gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDiscovered {
    /// The connector that sees it.
    pub connector_id: ConnectorId,
    /// The resource.
    pub resource: ResourceReference,
}

/// A resource is confirmed to be gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRemoved {
    /// The connector that saw it.
    pub connector_id: ConnectorId,
    /// The resource.
    pub resource: ResourceReference,
}

/// An assessment entered another state, or stands on other evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssessmentChanged {
    /// The recommendation.
    pub assessment_key: RecommendationKey,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The resource that was judged.
    pub resource: ResourceReference,
    /// State before; absent for the first verdict.
    pub from: Option<AssessmentState>,
    /// State now; absent when the resource is gone.
    pub to: Option<AssessmentState>,
    /// Why, as a stable code.
    pub cause: String,
    /// What was seen.
    pub observed: String,
    /// What is asked for.
    pub expected: String,
    /// Since when it has been so.
    pub since: DateTime<Utc>,
}

/// Azure DevOps asked an identity to pause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityThrottled {
    /// The identity.
    pub identity: String,
    /// Until when it pauses.
    pub until: DateTime<Utc>,
}

/// A request was not accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRejected {
    /// `source` of the request, as far as it could be read.
    pub source: Option<String>,
    /// `id` of the request, as far as it could be read.
    pub id: Option<String>,
    /// The field that is wrong.
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl FactPayload {
    /// The event type, which is also the routing key.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::ConnectorStateChanged(_) => "muster.connector.state-changed.v1",
            Self::ResourceDiscovered(_) => "muster.resource.discovered.v1",
            Self::ResourceRemoved(_) => "muster.resource.removed.v1",
            Self::AssessmentChanged(_) => "muster.assessment.changed.v1",
            Self::IdentityThrottled(_) => "muster.identity.throttled.v1",
            Self::RequestRejected(_) => "muster.request.rejected.v1",
        }
    }
}

impl Fact {
    /// The event of this fact: the same fact always has the same id, so that publishing it twice is harmless.
    pub fn to_event(&self, installation: InstallationId, trace: Option<&TraceContext>) -> CloudEvent {
        let event_type = self.payload.event_type();
        let name = format!("{event_type}\n{}\n{}", self.subject, self.sequence);
        CloudEvent {
            specversion: "1.0".to_owned(),
            id: uuid::Uuid::new_v5(&installation.0, name.as_bytes()).to_string(),
            source: format!("urn:muster:{installation}"),
            event_type: event_type.to_owned(),
            subject: Some(self.subject.clone()),
            time: Some(self.time),
            datacontenttype: Some("application/json".to_owned()),
            dataschema: None,
            traceparent: trace.map(|trace| trace.traceparent.clone()),
            tracestate: trace.and_then(|trace| trace.tracestate.clone()),
            // Payloads are plain structs: they always serialise.
            data: serde_json::to_value(&self.payload).unwrap_or_default(),
        }
    }
}
