//! `muster event publish`.

use super::{SOURCE, http, queue};
use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::output::{Row, print_row};
use clap::Args;
use muster_domain::clock::{Clock as _, SystemClock};
use muster_messages::event::{EVENT_BYTES_MAX, JSON_CONTENT_TYPE, SPEC_VERSION};
use muster_messages::{CloudEvent, Request};
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use uuid::Uuid;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster event publish muster.connector.discovery-requested.v1 \\
    --data '{\"connectorId\": \"0191d6a0-1111-7000-8000-000000000001\"}'
  muster event publish muster.connector.onboarding-requested.v1 \\
    --data @onboarding.json --id order-4711
  muster event schema muster.connector.onboarding-requested.v1 --payload";

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Type of the request (`muster event schema` lists them).
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// Payload as JSON, `@FILE`, or `-` for standard input.
    #[arg(long, value_name = "JSON|@FILE|-")]
    data: String,
    /// Id of the request: publishing the same one again has no further effect. A new one where it is left out.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Who asks: a URI. Source and id together are what duplicates are known by.
    #[arg(long, value_name = "URI", default_value = SOURCE)]
    source: String,
    /// API to publish to, for example `http://127.0.0.1:7780`.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Publish {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        let event = checked(&self.event()?)?;
        let configuration = global.configuration()?;
        let result = match &self.url {
            Some(url) => http::publish(&event, url).await?,
            None if configuration.amqp_url.is_some() => queue::publish(&event, &configuration).await?,
            None => http::publish(&event, &format!("http://{}", configuration.listen)).await?,
        };
        let published =
            Published { event_type: event.event_type, id: event.id, source: event.source, result };
        print_row(global.output, &published)
    }

    fn event(&self) -> Result<CloudEvent, Failed> {
        let data: Value = serde_json::from_slice(&read_data(&self.data)?).map_err(|error| {
            // Only where it is wrong: the text itself may be anything.
            Failed::usage(format!(
                "`data` is not JSON (line {}, column {}); give a JSON object, `@FILE` or `-`",
                error.line(),
                error.column()
            ))
        })?;
        Ok(CloudEvent {
            specversion: SPEC_VERSION.to_owned(),
            id: self.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string()),
            source: self.source.clone(),
            event_type: self.event_type.clone(),
            subject: None,
            time: Some(SystemClock.now()),
            datacontenttype: Some(JSON_CONTENT_TYPE.to_owned()),
            dataschema: None,
            traceparent: None,
            tracestate: None,
            data,
        })
    }
}

/// The event as its receiver will read it; what is wrong is named as the receiver would name it.
fn checked(event: &CloudEvent) -> Result<CloudEvent, Failed> {
    let event = CloudEvent::from_structured(&event.to_structured())
        .map_err(|invalid| Failed::usage(format!("{invalid}; {}", invalid.remedy)))?;
    Request::from_event(&event)?;
    Ok(event)
}

fn read_data(written: &str) -> Result<Vec<u8>, Failed> {
    if written == "-" {
        return read(std::io::stdin().lock(), "standard input");
    }
    match written.strip_prefix('@') {
        None => Ok(written.as_bytes().to_vec()),
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                Failed::usage(format!("the file {path} of --data cannot be opened: {error}"))
            })?;
            read(file, path)
        }
    }
}

/// One byte more than an event may have is enough to refuse it.
fn read(input: impl Read, name: &str) -> Result<Vec<u8>, Failed> {
    let limit = u64::try_from(EVENT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    input
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failed::new(Exit::Failure, format!("{name} cannot be read: {error}")))?;
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(Failed::usage(format!(
            "{name} has more than {EVENT_BYTES_MAX} bytes, which no event may have; send ids, not data"
        )));
    }
    Ok(bytes)
}

/// What became of a request.
#[derive(Debug, Serialize)]
struct Published {
    #[serde(rename = "type")]
    event_type: String,
    id: String,
    source: String,
    /// `accepted` or `duplicate` by the API, `confirmed` by the broker: then the scheduler takes it.
    result: String,
}

impl Row for Published {
    const COLUMNS: &'static [&'static str] = &["type", "id", "source", "result"];

    fn cells(&self) -> Vec<String> {
        [&self.event_type, &self.id, &self.source, &self.result].map(String::clone).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_messages::request::DISCOVERY_REQUESTED;

    fn publish(event_type: &str, data: &str) -> Publish {
        Publish {
            event_type: event_type.to_owned(),
            data: data.to_owned(),
            id: Some("order-1".to_owned()),
            source: SOURCE.to_owned(),
            url: None,
        }
    }

    fn refusal(publish: &Publish) -> String {
        let failed = publish.event().and_then(|event| checked(&event)).unwrap_err();
        assert_eq!(failed.exit, Exit::Usage);
        failed.message
    }

    #[test]
    fn a_request_is_published_as_it_will_be_read() {
        let data = r#"{"connectorId": "0191d6a0-1111-7000-8000-000000000001"}"#;
        let event = publish(DISCOVERY_REQUESTED, data).event().and_then(|event| checked(&event)).unwrap();
        assert_eq!((event.id.as_str(), event.source.as_str()), ("order-1", SOURCE));
        assert_eq!(event.event_type, DISCOVERY_REQUESTED);
        assert!(event.time.is_some());
        let without_id = Publish { id: None, ..publish(DISCOVERY_REQUESTED, data) };
        let ids = [without_id.event().unwrap().id, without_id.event().unwrap().id];
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refusal(&publish("muster.unknown.v1", "{}")).contains("`type`"));
        assert!(refusal(&publish(DISCOVERY_REQUESTED, "{}")).contains("`data.connectorId` is missing"));
        assert!(refusal(&publish(DISCOVERY_REQUESTED, "[]")).contains("`data`"));
        assert!(refusal(&publish(DISCOVERY_REQUESTED, "{\n\"a\": x}")).contains("line 2"));
        let data = r#"{"connectorId": "0191d6a0-1111-7000-8000-000000000001"}"#;
        let no_source = Publish { source: String::new(), ..publish(DISCOVERY_REQUESTED, data) };
        assert!(refusal(&no_source).contains("`source`"));
    }

    #[test]
    fn a_secret_in_a_request_is_refused_and_not_repeated() {
        let token = "a1".repeat(26);
        let refused = refusal(&publish(DISCOVERY_REQUESTED, &format!(r#"{{"connectorId": "{token}"}}"#)));
        assert!(refused.contains("secret") && !refused.contains(&token), "{refused}");
    }

    #[test]
    fn data_comes_from_a_file_too_and_never_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(read_data(&format!("@{}", path.display())).unwrap(), b"{}");
        assert!(read_data("@/does/not/exist").unwrap_err().message.contains("/does/not/exist"));
        let endless = read(std::io::repeat(b' '), "it").unwrap_err();
        assert!(endless.message.contains("more than"), "{endless}");
    }
}
