//! JSON Schema (2020-12) of every payload and of the envelope, derived from the types that read and write them.

use crate::event::CloudEvent;
use crate::fact::{self, FACT_TYPES};
use crate::request::{self, OnboardingDocument, REQUEST_TYPES, checks};
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::{ConnectorState, Plan};
use muster_domain::resource::ResourceKind;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// A type of event, and which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// The type, which is also the routing key.
    pub name: &'static str,
    /// Which way it goes.
    pub direction: Direction,
}

/// Which way an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Others publish it, Muster takes it.
    Request,
    /// Muster publishes it, others take it.
    Fact,
}

impl Direction {
    /// The name in listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Fact => "fact",
        }
    }
}

/// Every type of event, requests first.
pub fn event_types() -> Vec<EventType> {
    let requests = REQUEST_TYPES.map(|name| EventType { name, direction: Direction::Request });
    let facts = FACT_TYPES.map(|name| EventType { name, direction: Direction::Fact });
    requests.into_iter().chain(facts).collect()
}

/// Schema of the payload (`data`) of a type.
pub fn schema(event_type: &str) -> Option<Value> {
    let mut schema = payload(event_type)?;
    schema.insert("title".to_owned(), json!(event_type));
    Some(schema.to_value())
}

/// Schema of the envelope, whatever it holds.
pub fn envelope_schema() -> Value {
    generated::<CloudEvent>(Direction::Fact).to_value()
}

/// Schema of a whole event of a type in structured mode: the envelope with the payload in its place.
pub fn event_schema(event_type: &str) -> Option<Value> {
    let mut payload = payload(event_type)?;
    payload.remove("$schema");
    let mut envelope = envelope_schema();
    envelope["title"] = json!(event_type);
    envelope["properties"]["type"]["const"] = json!(event_type);
    envelope["properties"]["data"] = payload.to_value();
    Some(envelope)
}

fn payload(event_type: &str) -> Option<Schema> {
    use Direction::{Fact, Request};
    let schema = match event_type {
        request::ONBOARDING_REQUESTED => generated::<OnboardingDocument>(Request),
        request::OFFBOARDING_REQUESTED | request::DISCOVERY_REQUESTED => {
            generated::<request::ConnectorReference>(Request)
        }
        request::PROJECT_SYNC_REQUESTED => generated::<request::ProjectSyncRequested>(Request),
        request::REFRESH_REQUESTED => generated::<request::RefreshRequested>(Request),
        fact::CONNECTOR_STATE_CHANGED => generated::<fact::ConnectorStateChanged>(Fact),
        fact::RESOURCE_DISCOVERED => generated::<fact::ResourceDiscovered>(Fact),
        fact::RESOURCE_CHANGED => generated::<fact::ResourceChanged>(Fact),
        fact::RESOURCE_REMOVED => generated::<fact::ResourceRemoved>(Fact),
        fact::ASSESSMENT_CHANGED => generated::<fact::AssessmentChanged>(Fact),
        fact::IDENTITY_THROTTLED => generated::<fact::IdentityThrottled>(Fact),
        fact::REQUEST_REJECTED => generated::<fact::RequestRejected>(Fact),
        _ => return None,
    };
    Some(schema)
}

/// Requests are described as they are read, facts as they are written; no references, so that a schema can stand
/// inside another.
fn generated<T: JsonSchema>(direction: Direction) -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let settings = match direction {
        Direction::Request => settings.for_deserialize(),
        Direction::Fact => settings.for_serialize(),
    };
    settings.into_generator().into_root_schema_for::<T>()
}

// Schemas of the domain's words, made from the domain's own lists, so that they cannot differ from them.

pub(crate) fn connector_state(_: &mut SchemaGenerator) -> Schema {
    one_of(&ConnectorState::ALL.map(ConnectorState::as_str))
}

pub(crate) fn optional_connector_state(generator: &mut SchemaGenerator) -> Schema {
    or_null(connector_state(generator))
}

pub(crate) fn optional_assessment_state(_: &mut SchemaGenerator) -> Schema {
    or_null(one_of(&AssessmentState::ALL.map(AssessmentState::as_str)))
}

pub(crate) fn resource_kind(_: &mut SchemaGenerator) -> Schema {
    one_of(&ResourceKind::ALL.map(ResourceKind::as_str))
}

pub(crate) fn optional_plan(_: &mut SchemaGenerator) -> Schema {
    or_null(one_of(&[Plan::Foundational, Plan::DefenderCspm].map(Plan::as_str)))
}

pub(crate) fn organization_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": checks::ORGANIZATION_CHARACTERS_MAX,
        "pattern": checks::ORGANIZATION_PATTERN,
    })
}

pub(crate) fn optional_organization_name(generator: &mut SchemaGenerator) -> Schema {
    or_null(organization_name(generator))
}

pub(crate) fn optional_organization_names(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["array", "null"], "items": organization_name(generator) })
}

fn one_of(names: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": names })
}

fn or_null(mut schema: Schema) -> Schema {
    schema.insert("type".to_owned(), json!(["string", "null"]));
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.push(Value::Null);
    }
    schema
}
