//! `GET /{organization}/_apis/audit/streams`: streams that take the audit log elsewhere.

use crate::call::Call;
use crate::error::CallError;
use crate::hosts::ServiceHost;
use crate::json::{LenientId, Violation};
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::organization_settings::{AuditStream, AuditStreams};
use muster_domain::read::Read;
use serde::Deserialize;
use tracing::instrument;

/// The list in its envelope; Microsoft's own example shows a single stream without one.
#[derive(Deserialize)]
#[serde(untagged)]
enum AuditStreamsWire {
    List(ListWire),
    One(StreamWire),
}

#[derive(Deserialize)]
struct ListWire {
    #[serde(default)]
    count: Option<usize>,
    value: Vec<StreamWire>,
}

/// `consumerInputs` holds where the stream goes and the secret that opens it: it is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamWire {
    id: LenientId,
    consumer_type: String,
    #[serde(default)]
    display_name: Option<String>,
    status: LenientId,
}

/// Statuses of streams that run, as names and, where it is known, as number (`AuditStreamStatus` of Microsoft's
/// specification); one that is backfilling sends what it has missed.
const RUNNING: [&str; 3] = ["1", "enabled", "backfilling"];

impl AuditStreamsWire {
    fn streams(self) -> Result<AuditStreams, Violation> {
        let wires = match self {
            Self::List(ListWire { count: Some(count), value }) if count != value.len() => {
                return Err(Violation("the list does not hold as many elements as it says"));
            }
            Self::List(list) => list.value,
            Self::One(stream) => vec![stream],
        };
        let mut streams = wires.into_iter().map(StreamWire::stream).collect::<Result<Vec<_>, _>>()?;
        streams.sort_by_key(|stream| stream.id);
        Ok(AuditStreams { streams })
    }
}

impl StreamWire {
    fn stream(self) -> Result<AuditStream, Violation> {
        let status = self.status.into_text();
        Ok(AuditStream {
            id: self.id.into_number()?,
            consumer_type: self.consumer_type,
            display_name: self.display_name.unwrap_or_default(),
            is_enabled: RUNNING.iter().any(|running| running.eq_ignore_ascii_case(status.trim())),
        })
    }
}

impl Session {
    /// The audit streams of `organization`.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.auditStreams", skip_all, fields(ado.organization = %organization))]
    pub async fn audit_streams(&self, organization: &OrganizationName) -> Result<AuditStreams, CallError> {
        let call = Call::in_organization(Read::AuditStreams, organization, "_apis/audit/streams")
            .on(ServiceHost::Audit)
            .preview();
        let target = call.target.clone();
        let wire: AuditStreamsWire = self.send(call).await?.object().await?;
        wire.streams()
            .map_err(|violation| CallError::Unexpected { call: target, detail: violation.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn stream(id: i64, status: impl Into<Value>) -> Value {
        json!({"id": id, "consumerType": "AzureMonitorLogs", "displayName": "workspace", "status": status.into(),
            "consumerInputs": {"WorkspaceId": "hidden-id", "SharedKey": "hidden-key"}, "statusReason": null,
            "updatedTime": "2026-01-01T00:00:00Z"})
    }

    fn read(answer: Value) -> Result<AuditStreams, Violation> {
        serde_json::from_value::<AuditStreamsWire>(answer).unwrap().streams()
    }

    #[test]
    fn a_list_and_a_single_stream_are_both_read_and_nothing_secret_is_kept() {
        let list =
            read(json!({"count": 2, "value": [stream(2, "disabledByUser"), stream(1, "enabled")]})).unwrap();
        assert_eq!(list.streams.iter().map(|stream| stream.id).collect::<Vec<_>>(), [1, 2]);
        assert!(list.streams[0].is_enabled && !list.streams[1].is_enabled);
        assert!(!format!("{list:?}").contains("hidden"));
        let single = read(stream(1, 1)).unwrap();
        assert_eq!(single.streams, [list.streams[0].clone()]);
        assert_eq!(read(json!({"count": 0, "value": []})), Ok(AuditStreams::default()));
    }

    #[test]
    fn only_a_stream_that_runs_is_enabled() {
        for (status, is_enabled) in [
            (json!(1), true),
            (json!("Enabled"), true),
            (json!("backfilling"), true),
            (json!(0), false),
            (json!(2), false),
            (json!("unknown"), false),
            (json!("disabledBySystem"), false),
            (json!("deleted"), false),
        ] {
            let streams = read(stream(1, status.clone())).unwrap();
            assert_eq!(streams.streams[0].is_enabled, is_enabled, "{status}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_no_answer() {
        for answer in
            [json!({}), json!({"count": 0}), json!({"value": [{"id": 1}]}), json!({"id": 1, "status": 1})]
        {
            assert!(serde_json::from_value::<AuditStreamsWire>(answer.clone()).is_err(), "{answer}");
        }
        assert!(read(json!({"count": 2, "value": [stream(1, 1)]})).is_err());
    }
}
