//! Facts: what Muster publishes about what changed.

use crate::event::{CloudEvent, JSON_CONTENT_TYPE, SPEC_VERSION};
use crate::trace::TraceContext;
use chrono::{DateTime, Utc};
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::ConnectorState;
use muster_domain::resource::ResourceKind;
use muster_domain::{ConnectorId, InstallationId, ProjectId, RecommendationKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Type of [`ConnectorStateChanged`].
pub const CONNECTOR_STATE_CHANGED: &str = "muster.connector.state-changed.v1";
/// Type of [`ResourceDiscovered`].
pub const RESOURCE_DISCOVERED: &str = "muster.resource.discovered.v1";
/// Type of [`ResourceChanged`].
pub const RESOURCE_CHANGED: &str = "muster.resource.changed.v1";
/// Type of [`ResourceRemoved`].
pub const RESOURCE_REMOVED: &str = "muster.resource.removed.v1";
/// Type of [`AssessmentChanged`].
pub const ASSESSMENT_CHANGED: &str = "muster.assessment.changed.v1";
/// Type of [`IdentityThrottled`].
pub const IDENTITY_THROTTLED: &str = "muster.identity.throttled.v1";
/// Type of [`RequestRejected`].
pub const REQUEST_REJECTED: &str = "muster.request.rejected.v1";
/// Every type that is published.
pub const FACT_TYPES: [&str; 7] = [
    CONNECTOR_STATE_CHANGED,
    RESOURCE_DISCOVERED,
    RESOURCE_CHANGED,
    RESOURCE_REMOVED,
    ASSESSMENT_CHANGED,
    IDENTITY_THROTTLED,
    REQUEST_REJECTED,
];

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

/// What changed. Which of these a JSON document is, only the type of its event says: read it with
/// [`FactPayload::from_event`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FactPayload {
    /// `muster.connector.state-changed.v1`
    ConnectorStateChanged(ConnectorStateChanged),
    /// `muster.resource.discovered.v1`
    ResourceDiscovered(ResourceDiscovered),
    /// `muster.resource.changed.v1`
    ResourceChanged(ResourceChanged),
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorStateChanged {
    /// The connector.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
    /// Its name.
    pub name: String,
    /// State before; null when it was created.
    #[schemars(schema_with = "crate::schema::optional_connector_state")]
    pub from: Option<ConnectorState>,
    /// State now.
    #[schemars(schema_with = "crate::schema::connector_state")]
    pub to: ConnectorState,
    /// What is wrong and what to do; null while all is well.
    pub reason: Option<String>,
}

/// A resource, as facts name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceReference {
    /// What it is.
    #[schemars(schema_with = "crate::schema::resource_kind")]
    pub kind: ResourceKind,
    /// Name of its organization.
    pub organization: String,
    /// Its project; null for what lies in none.
    #[schemars(with = "Option<uuid::Uuid>")]
    pub project_id: Option<ProjectId>,
    /// Azure DevOps' id.
    pub id: String,
    /// Present name.
    pub name: String,
}

/// A resource was seen for the first time, or again after it was gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDiscovered {
    /// The connector that sees it.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
    /// The resource.
    pub resource: ResourceReference,
}

/// Something of a known resource changed that others may hold on to. Its subject is the ARM id as it is now, with the
/// present name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceChanged {
    /// The connector that sees it.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
    /// The resource, with its present name.
    pub resource: ResourceReference,
    /// What changed, at least one.
    pub changes: Vec<PropertyChange>,
}

/// One property before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropertyChange {
    /// `name`, `presence` (`present`, `missing`), `defaultBranch`, `isDisabled` or `visibility`.
    pub property: String,
    /// Before; null where there was none.
    pub from: Option<String>,
    /// Now; null where there is none any more.
    pub to: Option<String>,
}

/// A resource is confirmed to be gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRemoved {
    /// The connector that saw it.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
    /// The resource.
    pub resource: ResourceReference,
}

/// An assessment entered another state, or stands on other evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssessmentChanged {
    /// The recommendation.
    #[schemars(with = "uuid::Uuid")]
    pub assessment_key: RecommendationKey,
    /// The connector.
    #[schemars(with = "uuid::Uuid")]
    pub connector_id: ConnectorId,
    /// The resource that was judged.
    pub resource: ResourceReference,
    /// State before; null for the first verdict.
    #[schemars(schema_with = "crate::schema::optional_assessment_state")]
    pub from: Option<AssessmentState>,
    /// State now; null when the resource is gone, or the catalogue has the recommendation no more.
    #[schemars(schema_with = "crate::schema::optional_assessment_state")]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityThrottled {
    /// The identity.
    pub identity: String,
    /// Until when it pauses.
    pub until: DateTime<Utc>,
}

/// A request was not accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
            Self::ConnectorStateChanged(_) => CONNECTOR_STATE_CHANGED,
            Self::ResourceDiscovered(_) => RESOURCE_DISCOVERED,
            Self::ResourceChanged(_) => RESOURCE_CHANGED,
            Self::ResourceRemoved(_) => RESOURCE_REMOVED,
            Self::AssessmentChanged(_) => ASSESSMENT_CHANGED,
            Self::IdentityThrottled(_) => IDENTITY_THROTTLED,
            Self::RequestRejected(_) => REQUEST_REJECTED,
        }
    }

    /// Reads the payload of a fact; members that are not known are ignored.
    ///
    /// # Errors
    /// [`UnreadableFact`] where the type is no fact's, or the payload is not what the type promises.
    pub fn from_event(event: &CloudEvent) -> Result<Self, UnreadableFact> {
        fn read<T: serde::de::DeserializeOwned>(event: &CloudEvent) -> Result<T, UnreadableFact> {
            serde_path_to_error::deserialize(&event.data)
                .map_err(|error| UnreadableFact::Malformed(error.to_string()))
        }
        match event.event_type.as_str() {
            CONNECTOR_STATE_CHANGED => read(event).map(Self::ConnectorStateChanged),
            RESOURCE_DISCOVERED => read(event).map(Self::ResourceDiscovered),
            RESOURCE_CHANGED => read(event).map(Self::ResourceChanged),
            RESOURCE_REMOVED => read(event).map(Self::ResourceRemoved),
            ASSESSMENT_CHANGED => read(event).map(Self::AssessmentChanged),
            IDENTITY_THROTTLED => read(event).map(Self::IdentityThrottled),
            REQUEST_REJECTED => read(event).map(Self::RequestRejected),
            other => Err(UnreadableFact::UnknownType(other.to_owned())),
        }
    }
}

/// Why a fact cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableFact {
    /// Published by a newer Muster, or no fact at all: skip it.
    #[error("`{0}` is not a known fact")]
    UnknownType(String),
    /// Not what its type promises.
    #[error("not the payload of this fact: {0}")]
    Malformed(String),
}

impl Fact {
    /// The event of this fact: the same fact always has the same id, so that publishing it twice is harmless.
    pub fn to_event(&self, installation: InstallationId, trace: Option<&TraceContext>) -> CloudEvent {
        let event_type = self.payload.event_type();
        let name = format!("{event_type}\n{}\n{}", self.subject, self.sequence);
        CloudEvent {
            specversion: SPEC_VERSION.to_owned(),
            id: uuid::Uuid::new_v5(&installation.0, name.as_bytes()).to_string(),
            source: format!("urn:muster:{installation}"),
            event_type: event_type.to_owned(),
            subject: Some(self.subject.clone()),
            time: Some(self.time),
            datacontenttype: Some(JSON_CONTENT_TYPE.to_owned()),
            dataschema: None,
            traceparent: trace.map(|trace| trace.traceparent.clone()),
            tracestate: trace.and_then(|trace| trace.tracestate.clone()),
            // Payloads are plain structs: they always serialise.
            data: serde_json::to_value(&self.payload).unwrap_or_default(),
        }
    }
}
