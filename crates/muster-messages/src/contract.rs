//! The contract, held by snapshots: a change of an existing one breaks somebody else's program.

use crate::event::CloudEvent;
use crate::examples;
use crate::fact::{Fact, FactPayload};
use crate::request::Request;
use crate::schema::{Direction, envelope_schema, event_schema, event_types, schema};
use crate::ticket::{TICKET_VERSION, Ticket, UnreadableTicket};
use muster_domain::InstallationId;
use muster_domain::job::JobKind;
use serde_json::Value;

#[test]
fn every_type_has_an_example_in_its_place() {
    let examples: Vec<String> = examples::events().into_iter().map(|event| event.event_type).collect();
    let types: Vec<&str> = event_types().iter().map(|event_type| event_type.name).collect();
    assert_eq!(examples, types);
}

#[test]
fn envelopes_and_payloads_stay_as_they_are() {
    for event in examples::events() {
        insta::assert_json_snapshot!(format!("event-{}", event.event_type), event);
    }
}

#[test]
fn schemas_stay_as_they_are() {
    insta::assert_json_snapshot!("schema-envelope", envelope_schema());
    for event_type in event_types() {
        let payload = schema(event_type.name).unwrap();
        insta::assert_json_snapshot!(format!("schema-{}", event_type.name), payload);
    }
    assert_eq!(schema("muster.connector.onboarding-requested.v2"), None);
    assert_eq!(event_schema("unknown"), None);
}

#[test]
fn every_example_is_read_back_as_it_was_written() {
    for event in examples::events() {
        assert_eq!(CloudEvent::from_structured(&event.to_structured()).unwrap(), event);
    }
    for request in examples::requests() {
        assert_eq!(Request::from_event(&request.to_event(examples::envelope())), Ok(request));
    }
    for fact in examples::facts() {
        assert_eq!(FactPayload::from_event(&event_of(&fact)), Ok(fact.payload));
    }
}

#[test]
fn every_example_fits_its_schema() {
    for event in examples::events() {
        let written: Value = serde_json::from_slice(&event.to_structured()).unwrap();
        assert_eq!(
            misfit(&schema(&event.event_type).unwrap(), &written["data"]),
            None,
            "{}",
            event.event_type
        );
        assert_eq!(misfit(&event_schema(&event.event_type).unwrap(), &written), None, "{}", event.event_type);
        let other = if event.event_type.contains("rejected") {
            "muster.resource.removed.v1"
        } else {
            "muster.request.rejected.v1"
        };
        assert!(misfit(&event_schema(other).unwrap(), &written).is_some(), "{}", event.event_type);
    }
}

/// The schema requires exactly what the reader requires, for requests field by field.
#[test]
fn a_request_without_a_required_field_fits_neither_schema_nor_reader() {
    for request in examples::requests() {
        let event = request.to_event(examples::envelope());
        let schema = schema(&event.event_type).unwrap();
        for name in event.data.as_object().unwrap().keys() {
            let mut without = event.clone();
            without.data.as_object_mut().unwrap().remove(name);
            let is_refused = Request::from_event(&without).is_err();
            assert_eq!(
                misfit(&schema, &without.data).is_some(),
                is_refused,
                "{} without {name}",
                event.event_type
            );
        }
    }
}

/// What the reader knows and what the schema describes are the same names.
#[test]
fn a_request_names_every_field_of_its_schema() {
    for request in examples::requests() {
        let event = request.to_event(examples::envelope());
        let schema = schema(&event.event_type).unwrap();
        let described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(
            event.data.as_object().unwrap().keys().collect::<Vec<_>>(),
            described,
            "{}",
            event.event_type
        );
    }
}

#[test]
fn schemas_stand_alone() {
    for event_type in event_types() {
        let text = event_schema(event_type.name).unwrap().to_string();
        assert!(!text.contains("$ref"), "{} refers to something outside", event_type.name);
    }
    let facts =
        event_types().into_iter().filter(|event_type| event_type.direction == Direction::Fact).count();
    assert_eq!(facts, crate::fact::FACT_TYPES.len());
}

#[test]
fn a_ticket_stays_as_it_is_and_a_newer_one_is_told_from_garbage() {
    let ticket = Ticket {
        v: TICKET_VERSION,
        job: "0191d6a0-3333-7000-8000-000000000004".parse().unwrap(),
        seq: 7,
        kind: JobKind::ProjectSync,
        subject: format!("{}/contoso/{}", examples::CONNECTOR, examples::PROJECT),
        cause: "order-4711".to_owned(),
        urgent: false,
    };
    insta::assert_json_snapshot!("ticket", ticket);
    assert_eq!(Ticket::from_json(&ticket.to_json()), Ok(ticket.clone()));
    assert_eq!(ticket.message_id(), format!("{}:7", ticket.job));
    let named = Some((ticket.job, ticket.seq));
    let text = String::from_utf8(ticket.to_json()).unwrap();
    let of_version = text.replacen("\"v\":1", "\"v\":99", 1);
    let of_shape = of_version.replacen("\"kind\":\"project.sync\"", "\"kind\":[\"a\"]", 1);
    let of_kind = text.replacen("project.sync", "project.audit", 1);
    for (newer, job, word) in [
        (of_version.as_str(), named, "99"),
        (of_kind.as_str(), named, "project.audit"),
        (r#"{"v":99,"work":"x"}"#, None, "99"),
    ] {
        let read = Ticket::from_json(newer.as_bytes());
        let Err(UnreadableTicket::Newer { job: found, error }) = read else { panic!("{newer}: {read:?}") };
        assert!(found == job && error.contains(word), "{newer}: {error}");
    }
    assert!(Ticket::from_json(of_shape.as_bytes()).is_err());
    let more = text.replacen('{', "{\"later\":{\"a\":1},", 1);
    assert_eq!(Ticket::from_json(more.as_bytes()), Ok(ticket), "a field of a later release is ignored");
    for garbage in [&b"{}"[..], b"\xff", b"", "[".repeat(10_000).as_bytes()] {
        assert!(matches!(Ticket::from_json(garbage), Err(UnreadableTicket::Malformed(_))));
    }
}

/// Subscribers tell duplicates by the id, so it must be the same for ever; the literal holds it.
#[test]
fn the_id_of_a_fact_is_its_type_subject_and_sequence() {
    let fact = examples::facts().remove(0);
    let id = event_of(&fact).id;
    assert_eq!(id, "9dbe239c-3995-5b4c-bcd2-4e777da312ea");
    let later = Fact { time: fact.time + chrono::TimeDelta::days(1), ..fact.clone() };
    assert_eq!(event_of(&later).id, id);
    let next = Fact { sequence: fact.sequence + 1, ..fact.clone() };
    assert_ne!(event_of(&next).id, id);
    let elsewhere = Fact { subject: format!("{}/devops/default", fact.subject), ..fact.clone() };
    assert_ne!(event_of(&elsewhere).id, id);
    let other_type = Fact { payload: examples::facts().remove(1).payload, ..fact.clone() };
    assert_ne!(event_of(&other_type).id, id);
    let other_installation = fact.to_event(uuid::Uuid::nil().into(), None);
    assert_ne!(other_installation.id, id);
}

/// Discovered and removed look alike: only the type tells them apart.
#[test]
fn a_fact_is_told_by_its_type() {
    let [discovered, removed] = [1, 3].map(|index| event_of(&examples::facts()[index]));
    assert!(matches!(FactPayload::from_event(&discovered), Ok(FactPayload::ResourceDiscovered(_))));
    assert!(matches!(FactPayload::from_event(&removed), Ok(FactPayload::ResourceRemoved(_))));
    let unknown = CloudEvent { event_type: "muster.resource.renamed.v1".to_owned(), ..removed };
    assert!(FactPayload::from_event(&unknown).unwrap_err().to_string().contains("renamed"));
}

fn event_of(fact: &Fact) -> CloudEvent {
    fact.to_event(examples::INSTALLATION.parse::<InstallationId>().unwrap(), None)
}

/// Where `value` does not fit `schema`, by the keywords that our schemas use.
fn misfit(schema: &Value, value: &Value) -> Option<String> {
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let fits = choices.iter().any(|choice| misfit(choice, value).is_none());
        return (!fits).then(|| format!("{value} is none of {choices:?}"));
    }
    if let Some(types) = schema.get("type") {
        let types = types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]);
        if !types.iter().any(|name| name == type_name(value)) {
            return Some(format!("{value} is not {types:?}"));
        }
    }
    let is_other = schema.get("const").is_some_and(|constant| constant != value);
    let is_no_choice =
        schema.get("enum").and_then(Value::as_array).is_some_and(|choices| !choices.contains(value));
    if is_other || is_no_choice {
        return Some(format!("{value} is not allowed"));
    }
    match value {
        Value::String(text) => misfit_of_text(schema, text),
        Value::Array(items) => items.iter().find_map(|item| misfit(&schema["items"], item)),
        Value::Object(members) => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let missing =
                required.iter().find(|name| !members.contains_key(name.as_str().unwrap_or_default()));
            missing.map(|name| format!("{name} is missing")).or_else(|| {
                members.iter().find_map(|(name, member)| misfit(schema["properties"].get(name)?, member))
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn misfit_of_text(schema: &Value, text: &str) -> Option<String> {
    let length = text.chars().count() as u64;
    let minimum = schema["minLength"].as_u64().unwrap_or(0);
    let maximum = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    let has_format = match schema["format"].as_str() {
        Some("uuid") => uuid::Uuid::try_parse(text).is_ok(),
        Some("date-time") => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        Some("uri-reference") | None => true,
        Some(other) => panic!("format {other} is not checked"),
    };
    (!(minimum..=maximum).contains(&length) || !has_format).then(|| format!("{text:?} does not fit {schema}"))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
