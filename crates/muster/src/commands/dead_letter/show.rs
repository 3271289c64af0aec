//! `muster dead-letter show`.

use super::list::Shown;
use super::no_letter;
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Fields, Format, moment, or_dash, print_json, print_rows};
use crate::session::Session;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use clap::Args;
use muster_store::dead_letters::DeadLetter;
use serde::Serialize;
use uuid::Uuid;

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Id of the dead letter.
    id: Uuid,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  muster dead-letter show 0191d6a0-1111-7000-8000-000000000001
  muster dead-letter show 0191d6a0-1111-7000-8000-000000000001 -o json |
    jq -r .bodyBase64 | base64 -d > request.json";

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let letter = session.store.dead_letters().get(self.id).await?;
            let document = Document::from(&letter.ok_or_else(|| no_letter(self.id))?);
            match global.output {
                Format::Json => print_json(&document),
                format => print_rows(format, document.fields().rows()),
            }
        })
        .await
    }
}

/// A dead letter with what it said, and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(flatten)]
    shown: Shown,
    routing_key: Option<String>,
    headers: serde_json::Value,
    first_error: Option<String>,
    last_error: Option<String>,
    traceparent: Option<String>,
    tracestate: Option<String>,
    replayed_at: Option<DateTime<Utc>>,
    replayed_by: Option<String>,
    replay_outcome: Option<String>,
    discarded_at: Option<DateTime<Utc>>,
    discarded_by: Option<String>,
    discard_reason: Option<String>,
    /// What it said; absent where that is no text.
    body: Option<String>,
    /// What it said, byte for byte.
    body_base64: String,
    /// What it said where it is no text, its bytes escaped.
    #[serde(skip)]
    escaped: String,
}

impl From<&DeadLetter> for Document {
    fn from(kept: &DeadLetter) -> Self {
        let letter = &kept.letter;
        Self {
            shown: Shown::from(kept),
            routing_key: letter.routing_key.clone(),
            headers: letter.headers.clone(),
            first_error: kept.first_error.clone(),
            last_error: kept.last_error.clone(),
            traceparent: letter.trace.as_ref().map(|trace| trace.traceparent.clone()),
            tracestate: letter.trace.as_ref().and_then(|trace| trace.tracestate.clone()),
            replayed_at: kept.replayed_at,
            replayed_by: kept.replayed_by.clone(),
            replay_outcome: kept.replay_outcome.clone(),
            discarded_at: kept.discarded_at,
            discarded_by: kept.discarded_by.clone(),
            discard_reason: kept.discard_reason.clone(),
            body: String::from_utf8(letter.raw.clone()).ok(),
            body_base64: BASE64_STANDARD.encode(&letter.raw),
            escaped: letter.raw.escape_ascii().to_string(),
        }
    }
}

impl Document {
    fn fields(&self) -> Fields {
        let shown = &self.shown;
        let mut fields = Fields::default();
        fields
            .add("id", shown.id)
            .add("seen", moment(shown.seen_at))
            .add("status", shown.status)
            .add("origin", &shown.origin)
            .add("routing key", or_dash(self.routing_key.as_ref()))
            .add("headers", &self.headers)
            .add("class", &shown.class)
            .add("reason", &shown.reason)
            .add("attempts", shown.attempts)
            .add("first error", or_dash(self.first_error.as_ref()))
            .add("last error", or_dash(self.last_error.as_ref()))
            .add("job", or_dash(shown.job_id))
            .add("kind", or_dash(shown.job_kind.as_ref()))
            .add("connector", or_dash(shown.connector_id))
            .add("trace", or_dash(self.traceparent.as_ref()))
            .add("replayed", or_dash(self.replayed_at.map(moment)))
            .add("replayed by", or_dash(self.replayed_by.as_ref()))
            .add("outcome", or_dash(self.replay_outcome.as_ref()))
            .add("discarded", or_dash(self.discarded_at.map(moment)))
            .add("discarded by", or_dash(self.discarded_by.as_ref()))
            .add("because", or_dash(self.discard_reason.as_ref()))
            .add("bytes", shown.bytes);
        match &self.body {
            // Line breaks and what would steer a terminal are shown as such: it is a message of somebody else.
            Some(text) if text.chars().any(char::is_control) => fields.add("body", text.escape_debug()),
            Some(text) => fields.add("body", text),
            None => fields.add("body (no text)", &self.escaped),
        };
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Row as _;
    use muster_store::dead_letters::{LetterStatus, NewDeadLetter};
    use serde_json::json;

    fn kept(raw: &[u8]) -> DeadLetter {
        DeadLetter {
            id: Uuid::nil(),
            letter: NewDeadLetter {
                origin: "POST /events".to_owned(),
                raw: raw.to_vec(),
                headers: json!({ "contentType": "text/plain" }),
                reason_class: "unreadable".to_owned(),
                reason: "is not JSON; send JSON".to_owned(),
                ..NewDeadLetter::default()
            },
            original_bytes: 4,
            seen_at: DateTime::UNIX_EPOCH,
            status: LetterStatus::Replayed,
            attempts: 2,
            first_error: Some("is not JSON".to_owned()),
            last_error: None,
            replayed_at: Some(DateTime::UNIX_EPOCH),
            replayed_by: Some("cli:admin".to_owned()),
            replay_outcome: Some("taken".to_owned()),
            discarded_at: None,
            discarded_by: None,
            discard_reason: None,
        }
    }

    #[test]
    fn a_body_comes_back_byte_for_byte() {
        let text = serde_json::to_value(Document::from(&kept(b"{no}"))).unwrap();
        let expected = json!({
            "id": Uuid::nil(), "seenAt": "1970-01-01T00:00:00Z", "status": "replayed", "origin": "POST /events",
            "class": "unreadable", "reason": "is not JSON; send JSON", "bytes": 4, "attempts": 2, "jobId": null,
            "jobKind": null, "connectorId": null, "routingKey": null, "headers": { "contentType": "text/plain" },
            "firstError": "is not JSON", "lastError": null, "traceparent": null, "tracestate": null,
            "replayedAt": "1970-01-01T00:00:00Z", "replayedBy": "cli:admin", "replayOutcome": "taken",
            "discardedAt": null, "discardedBy": null, "discardReason": null, "body": "{no}", "bodyBase64": "e25vfQ==",
        });
        assert_eq!(text, expected);
        let bytes = Document::from(&kept(&[0xff, 0xfe]));
        assert_eq!((bytes.body.as_deref(), bytes.body_base64.as_str()), (None, "//4="));
        assert_eq!(bytes.shown.cells().len(), Shown::COLUMNS.len());
    }

    #[test]
    fn a_body_cannot_steer_the_terminal() {
        for (raw, shown) in [
            (&b"\x1b[2Jx\n"[..], "\\u{1b}[2Jx\\n"),
            (&[0xff, 0x00, b'a'][..], "\\xff\\x00a"),
            ("Größe".as_bytes(), "Größe"),
        ] {
            let document = Document::from(&kept(raw));
            let fields = document.fields();
            let body = fields.rows().last().unwrap().cells();
            assert_eq!(body[1], shown);
        }
    }
}
