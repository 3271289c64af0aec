use super::*;
use crate::examples;
use crate::fact::RequestRejected;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

const NO_HEADERS: [(&str, &str); 0] = [];

fn valid() -> Value {
    json!({
        "specversion": "1.0",
        "id": "1",
        "source": "urn:example:portal",
        "type": "muster.connector.discovery-requested.v1",
        "data": { "connectorId": examples::CONNECTOR },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut event = valid();
    event[name] = value;
    event
}

fn without(name: &str) -> Value {
    let mut event = valid();
    event.as_object_mut().unwrap().remove(name);
    event
}

fn read(event: &Value) -> Result<CloudEvent, InvalidEvent> {
    CloudEvent::from_structured(event.to_string().as_bytes())
}

fn refused_field(event: &Value) -> Option<String> {
    read(event).unwrap_err().field
}

#[test]
fn a_minimal_event_is_read() {
    let event = read(&valid()).unwrap();
    assert_eq!(
        event.duplicate_key(),
        DuplicateKey { source: "urn:example:portal".to_owned(), id: "1".to_owned() }
    );
    assert_eq!(event.duplicate_key().to_string(), "urn:example:portal#1");
    assert_eq!((event.time, event.trace()), (None, None));
}

#[test]
fn every_required_attribute_is_named_where_it_is_missing_null_or_no_text() {
    for name in ["specversion", "id", "source", "type", "data"] {
        assert_eq!(refused_field(&without(name)).as_deref(), Some(name));
        assert_eq!(refused_field(&with(name, Value::Null)).as_deref(), Some(name));
        assert_eq!(refused_field(&with(name, json!(5))).as_deref(), Some(name));
        assert_eq!(refused_field(&with(name, json!(""))).as_deref(), Some(name));
    }
}

#[test]
fn values_that_cannot_be_kept_are_refused_with_their_name() {
    let cases = [
        ("specversion", json!("0.3")),
        ("id", json!("x".repeat(SHORT_ATTRIBUTE_BYTES_MAX + 1))),
        ("type", json!("x".repeat(SHORT_ATTRIBUTE_BYTES_MAX + 1))),
        ("source", json!("x".repeat(SOURCE_BYTES_MAX + 1))),
        ("subject", json!("x".repeat(LONG_ATTRIBUTE_BYTES_MAX + 1))),
        ("id", json!("a\u{0}b")),
        ("id", json!("line\nbreak")),
        ("source", json!("not a uri")),
        ("source", json!("urn:100%")),
        ("source", json!("1:2")),
        ("source", json!("https://bücher.example")),
        ("time", json!("yesterday")),
        ("time", json!("2026-01-31 12:00")),
        ("time", json!("9999-12-31T23:59:59-12:00")),
        ("datacontenttype", json!("text/xml")),
        ("data", json!([1])),
        ("data_base64", json!("e30=")),
    ];
    for (name, value) in cases {
        assert_eq!(refused_field(&with(name, value.clone())).as_deref(), Some(name), "{value}");
    }
}

#[test]
fn values_at_the_limit_are_taken() {
    let cases = [
        ("id", json!("x".repeat(SHORT_ATTRIBUTE_BYTES_MAX))),
        ("source", json!("x".repeat(SOURCE_BYTES_MAX))),
        ("source", json!("https://portal.example.com/a%20b?c#d")),
        ("source", json!("/relative/path")),
        ("subject", json!("größer")),
        ("time", json!("2026-01-31T12:00:00.123+02:00")),
        ("datacontenttype", json!("application/vnd.example+json; charset=utf-8")),
        ("comexampleextension", json!({ "nobody": "knows" })),
    ];
    for (name, value) in cases {
        assert!(read(&with(name, value.clone())).is_ok(), "{name} {value}");
    }
}

#[test]
fn data_in_base64_is_read() {
    let mut event = without("data");
    event["data_base64"] = json!("eyJhIjoxfQ==");
    assert_eq!(read(&event).unwrap().data, json!({ "a": 1 }));
    for wrong in [json!("eyJh"), json!("!"), json!(1)] {
        event["data_base64"] = wrong;
        assert_eq!(refused_field(&event).as_deref(), Some("data_base64"));
    }
}

#[test]
fn a_nul_character_in_the_data_is_found_wherever_it_is() {
    let cases = [
        (json!({ "name": "a\u{0}" }), "data.name"),
        (json!({ "list": ["a", { "deep": "\u{0}" }] }), "data.list[1].deep"),
        (json!({ "a": { "k\u{0}": 1 } }), "data.a"),
    ];
    for (data, field) in cases {
        assert_eq!(refused_field(&with("data", data)).as_deref(), Some(field));
    }
}

#[test]
fn a_complaint_says_whose_event_it_was() {
    let rejected = RequestRejected::from(read(&with("time", json!("noon"))).unwrap_err());
    assert_eq!(rejected.source.as_deref(), Some("urn:example:portal"));
    assert_eq!(rejected.id.as_deref(), Some("1"));
    assert_eq!(rejected.field.as_deref(), Some("time"));
    // What cannot be kept is not passed on either.
    let rejected = RequestRejected::from(read(&with("id", json!("\u{0}"))).unwrap_err());
    assert_eq!((rejected.source.as_deref(), rejected.id), (Some("urn:example:portal"), None));
}

#[test]
fn garbage_is_refused_and_never_panics() {
    let deep_array = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deep = deep_array(10_000);
    let cases: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        br#"["1.0","1","urn:a","t",null,null,null,null,null,null,{},null]"#.to_vec(),
        b"{".to_vec(),
        b"{}{}".to_vec(),
        vec![0xff, 0xfe, b'{', b'}'],
        b"{\"id\":\"\xff\"}".to_vec(),
        b"{\"id\":\"1\",\"id\":\"2\"}".to_vec(),
        valid().to_string().replace("{\"connectorId\"", "{\"n\":1e999,\"connectorId\"").into_bytes(),
        deep.clone().into_bytes(),
        "{\"a\":".repeat(10_000).into_bytes(),
        with("data", json!({})).to_string().replace("{}", &format!("{{\"a\":{deep}}}")).into_bytes(),
    ];
    for body in cases {
        let error = CloudEvent::from_structured(&body).unwrap_err();
        assert_eq!(error.kind, InvalidEventKind::Malformed, "{}", String::from_utf8_lossy(&body));
        assert!(error.reason.len() < 200 && !error.remedy.is_empty());
    }
    // The same depth in something that is ignored: refused or skipped, but no stack is lost.
    let ignored = valid().to_string().replacen('{', &format!("{{\"extension\":{deep},"), 1);
    let _ = CloudEvent::from_structured(ignored.as_bytes());
    // The limit is where the remedy says: 127 levels pass, the envelope and `data` included.
    let at_limit = |depth| {
        with("data", json!("D")).to_string().replace("\"D\"", &format!("{{\"a\":{}}}", deep_array(depth)))
    };
    assert!(CloudEvent::from_structured(at_limit(125).as_bytes()).is_ok());
    assert!(CloudEvent::from_structured(at_limit(126).as_bytes()).is_err());
}

#[test]
fn an_event_may_be_64_kib_and_not_a_byte_more() {
    let padding = EVENT_BYTES_MAX - with("data", json!({ "a": "" })).to_string().len();
    let fits = with("data", json!({ "a": "x".repeat(padding) })).to_string();
    assert_eq!(fits.len(), EVENT_BYTES_MAX);
    assert!(CloudEvent::from_structured(fits.as_bytes()).is_ok());
    let too_large = CloudEvent::from_structured(format!("{fits} ").as_bytes()).unwrap_err();
    assert_eq!(too_large.kind, InvalidEventKind::TooLarge);
    // In binary mode headers count too, whatever they are called.
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(EVENT_BYTES_MAX / 2));
    let bomb = "y".repeat(EVENT_BYTES_MAX / 2);
    let headers = [("cloudEvents_extension", bomb.as_str())];
    assert_eq!(
        CloudEvent::from_binary(headers, None, body.as_bytes()).unwrap_err().kind,
        InvalidEventKind::TooLarge
    );
}

fn binary_headers(prefix: &str) -> Vec<(String, String)> {
    [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "urn:example:portal"),
        ("type", "muster.connector.discovery-requested.v1"),
        ("time", "2026-01-31T12:00:00Z"),
        ("extension", "ignored"),
    ]
    .map(|(name, value)| (format!("{prefix}{name}"), value.to_owned()))
    .into()
}

#[test]
fn binary_mode_is_the_same_event_under_every_prefix() {
    let body = valid()["data"].to_string();
    let expected = CloudEvent {
        time: Some("2026-01-31T12:00:00Z".parse().unwrap()),
        datacontenttype: Some(JSON_CONTENT_TYPE.to_owned()),
        ..read(&valid()).unwrap()
    };
    for prefix in ["cloudEvents_", "cloudEvents:", "ce-", "Ce-"] {
        let headers = binary_headers(prefix);
        let event =
            CloudEvent::from_binary(headers.clone(), Some(JSON_CONTENT_TYPE), body.as_bytes()).unwrap();
        assert_eq!(event, expected, "{prefix}");
        let event = CloudEvent::from_message(Some(JSON_CONTENT_TYPE), headers, body.as_bytes()).unwrap();
        assert_eq!(event, expected, "{prefix}");
    }
}

#[test]
fn only_http_headers_are_percent_encoded() {
    let subject = |prefix: &str, subject: &str| {
        let mut headers = binary_headers(prefix);
        headers.push((format!("{prefix}subject"), subject.to_owned()));
        CloudEvent::from_binary(headers, None, b"{}")
    };
    assert_eq!(subject("ce-", "gr%C3%B6%C3%9Fer").unwrap().subject.as_deref(), Some("größer"));
    assert_eq!(subject("cloudEvents_", "50%25").unwrap().subject.as_deref(), Some("50%25"));
    for wrong in ["%", "%4", "%zz", "%+1", "%ff"] {
        assert_eq!(subject("ce-", wrong).unwrap_err().field.as_deref(), Some("subject"), "{wrong}");
    }
}

#[test]
fn binary_mode_names_what_is_wrong() {
    let without_id: Vec<_> = binary_headers("ce-").into_iter().filter(|(name, _)| name != "ce-id").collect();
    assert_eq!(CloudEvent::from_binary(without_id, None, b"{}").unwrap_err().field.as_deref(), Some("id"));
    for body in [&b""[..], b"[]", b"not json"] {
        let error = CloudEvent::from_binary(binary_headers("ce-"), None, body).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("data"));
        assert_eq!(error.event_id.as_deref(), Some("1"));
    }
    let mut ambiguous = binary_headers("cloudEvents_");
    ambiguous.push(("cloudEvents:id".to_owned(), "2".to_owned()));
    assert_eq!(CloudEvent::from_binary(ambiguous, None, b"{}").unwrap_err().field.as_deref(), Some("id"));
    let xml = CloudEvent::from_message(Some("text/xml"), binary_headers("ce-"), b"<a/>").unwrap_err();
    assert_eq!(xml.kind, InvalidEventKind::UnsupportedContentType);
}

#[test]
fn a_message_is_read_in_the_mode_that_it_names() {
    let body = valid().to_string();
    for content_type in [
        Some("application/cloudevents+json; charset=utf-8"),
        Some("Application/CloudEvents+JSON"),
        Some("application/cloudevents"),
        Some("application/json"),
        Some(""),
        None,
    ] {
        let event = CloudEvent::from_message(content_type, NO_HEADERS, body.as_bytes());
        assert_eq!(event, read(&valid()), "{content_type:?}");
    }
    for content_type in ["application/cloudevents-batch+json", "application/cloudevents+avro", "text/plain"] {
        let error = CloudEvent::from_message(Some(content_type), NO_HEADERS, body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, InvalidEventKind::UnsupportedContentType, "{content_type}");
    }
}

#[test]
fn the_trace_of_the_event_goes_before_that_of_the_transport_and_a_bad_one_costs_nothing() {
    let ours = examples::trace().traceparent;
    let theirs = ours.replace("4bf9", "5bf9");
    let headers = [("traceparent", theirs.as_str()), ("tracestate", "a=b")];
    let read = |event: &Value| CloudEvent::from_message(None, headers, event.to_string().as_bytes()).unwrap();
    let own = read(&with("traceparent", json!(ours)));
    assert_eq!((own.traceparent.as_deref(), own.tracestate), (Some(ours.as_str()), None));
    let transported = read(&valid()).trace().unwrap();
    assert_eq!((transported.traceparent, transported.tracestate.as_deref()), (theirs.clone(), Some("a=b")));
    assert_eq!(read(&with("traceparent", json!("garbage"))).traceparent, Some(theirs.clone()));

    let mut binary = binary_headers("cloudEvents_");
    binary.push(("traceparent".to_owned(), theirs.clone()));
    let event = CloudEvent::from_binary(binary.clone(), None, b"{}").unwrap();
    assert_eq!(event.traceparent, Some(theirs));
    binary.push(("cloudEvents_traceparent".to_owned(), ours.clone()));
    assert_eq!(CloudEvent::from_binary(binary, None, b"{}").unwrap().traceparent, Some(ours));
}

#[test]
fn json_becomes_an_event_only_through_the_checks() {
    assert!(serde_json::from_value::<CloudEvent>(valid()).is_ok());
    let error = serde_json::from_value::<CloudEvent>(with("specversion", json!("2.0"))).unwrap_err();
    assert!(error.to_string().contains("specversion"), "{error}");
}

/// Any JSON that databases can keep; numbers are whole, for `serde_json` may miss the last bit of a fraction.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(any_text(), inner, 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn any_text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

/// Seconds from 0001 to 9999, with nanoseconds.
fn any_time() -> impl Strategy<Value = DateTime<Utc>> {
    (-62_135_596_800_i64..253_402_300_800, 0..1_000_000_000_u32)
        .prop_filter_map("not a time", |(seconds, nanoseconds)| {
            DateTime::from_timestamp(seconds, nanoseconds)
        })
}

prop_compose! {
    fn any_event()(
        id in "\\PC{1,60}",
        source in "[a-z][a-z0-9+.-]{0,9}:[A-Za-z0-9._~/?#!$&'()*+,;=@-]{0,60}",
        event_type in "[a-z0-9.-]{1,100}",
        subject in option::of("\\PC{1,200}"),
        time in option::of(any_time()),
        datacontenttype in option::of(Just(JSON_CONTENT_TYPE.to_owned())),
        dataschema in option::of("[a-z]{1,50}"),
        trace in option::of((1..=u128::MAX, 1..=u64::MAX, any::<u8>(), option::of("[a-z]{1,10}=[a-z0-9]{1,10}"))),
        data in btree_map(any_text(), any_json(), 0..5),
    ) -> CloudEvent {
        let (traceparent, tracestate) = trace.map_or((None, None), |(trace, parent, flags, state)| {
            (Some(format!("00-{trace:032x}-{parent:016x}-{flags:02x}")), state)
        });
        CloudEvent {
            specversion: SPEC_VERSION.to_owned(),
            id, source, event_type, subject, time, datacontenttype, dataschema, traceparent, tracestate,
            data: data.into_iter().collect(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(event in any_event()) {
        let written = event.to_structured();
        prop_assume!(written.len() <= EVENT_BYTES_MAX);
        prop_assert_eq!(CloudEvent::from_structured(&written), Ok(event.clone()));
        prop_assert_eq!(CloudEvent::from_message(Some(STRUCTURED_CONTENT_TYPE), NO_HEADERS, &written), Ok(event));
    }

    #[test]
    fn bytes_never_panic(body in any::<Vec<u8>>(), content_type in option::of(any::<String>()), headers in proptest::collection::vec(any::<(String, String)>(), 0..4)) {
        let _ = CloudEvent::from_structured(&body);
        let _ = CloudEvent::from_message(content_type.as_deref(), headers.clone(), &body);
        let prefixed: Vec<_> = headers.into_iter().map(|(name, value)| (format!("ce-{name}"), value)).collect();
        let _ = CloudEvent::from_binary(prefixed, content_type.as_deref(), &body);
    }

    /// Valid events with one byte changed reach much further than random bytes do.
    #[test]
    fn damaged_events_never_panic(event in any_event(), position in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut body = event.to_structured();
        let position = position.index(body.len());
        body[position] = byte;
        if let Ok(event) = CloudEvent::from_structured(&body) {
            let _ = crate::Request::from_event(&event);
        }
    }
}
