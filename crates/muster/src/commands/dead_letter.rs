//! `muster dead-letter`: requests that were not taken, and work that killed its workers, kept as they came.

use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Fields, Format, Row, moment, note, or_dash, print_json, print_rows};
use crate::session::Session;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use muster_domain::JobId;
use muster_store::dead_letters::DeadLetter as Kept;
use serde::Serialize;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetter {
    /// Lists what was not taken, newest first, with the reason and the remedy.
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Shows one, with its body as it came.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
}

const LIST_EXAMPLES: &str = "\
Examples:
  muster dead-letter list
  muster dead-letter list -o json | jq '.[] | select(.class == \"invalid\")'";

const SHOW_EXAMPLES: &str = "\
Examples:
  muster dead-letter show 0191d6a0-1111-7000-8000-000000000001
  muster dead-letter show 0191d6a0-1111-7000-8000-000000000001 -o json |
    jq -r .bodyBase64 | base64 -d > request.json";

#[derive(Debug, Args)]
pub(crate) struct List {
    /// List at most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Id of the dead letter.
    id: Uuid,
}

impl DeadLetter {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
        }
    }
}

impl List {
    async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let letters = session.store.dead_letters().list(self.limit).await?;
            let is_cut = u32::try_from(letters.len()).is_ok_and(|count| count == self.limit);
            let rows: Vec<Shown> = letters.iter().map(Shown::from).collect();
            print_rows(global.output, &rows)?;
            if is_cut {
                note(&format!("the newest {} are shown; there may be more (--limit)", self.limit));
            }
            Ok(())
        })
        .await
    }
}

impl Show {
    async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let letter = session.store.dead_letters().get(self.id).await?.ok_or_else(|| {
                let id = self.id;
                Failed::not_found(format!(
                    "there is no dead letter {id}; list them with `muster dead-letter list`"
                ))
            })?;
            let document = Document::from(&letter);
            match global.output {
                Format::Json => print_json(&document),
                format => print_rows(format, document.fields().rows()),
            }
        })
        .await
    }
}

/// A dead letter as it is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: Uuid,
    seen_at: DateTime<Utc>,
    /// The queue or door it came from.
    origin: String,
    /// Stable name of what is wrong.
    class: String,
    /// What is wrong, and what to do.
    reason: String,
    /// How long it was when it came.
    bytes: u64,
    job_id: Option<JobId>,
}

impl From<&Kept> for Shown {
    fn from(kept: &Kept) -> Self {
        Self {
            id: kept.id,
            seen_at: kept.seen_at,
            origin: kept.letter.origin.clone(),
            class: kept.letter.reason_class.clone(),
            reason: kept.letter.reason.clone(),
            bytes: kept.original_bytes,
            job_id: kept.letter.job_id,
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &["seen", "origin", "class", "bytes", "reason", "id"];

    fn cells(&self) -> Vec<String> {
        vec![
            moment(self.seen_at),
            self.origin.clone(),
            self.class.clone(),
            self.bytes.to_string(),
            self.reason.clone(),
            self.id.to_string(),
        ]
    }
}

/// A dead letter with what it said.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(flatten)]
    shown: Shown,
    routing_key: Option<String>,
    headers: serde_json::Value,
    /// What it said; absent where that is no text.
    body: Option<String>,
    /// What it said, byte for byte.
    body_base64: String,
}

impl From<&Kept> for Document {
    fn from(kept: &Kept) -> Self {
        Self {
            shown: Shown::from(kept),
            routing_key: kept.letter.routing_key.clone(),
            headers: kept.letter.headers.clone(),
            body: String::from_utf8(kept.letter.raw.clone()).ok(),
            body_base64: BASE64_STANDARD.encode(&kept.letter.raw),
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
            .add("origin", &shown.origin)
            .add("routing key", or_dash(self.routing_key.as_ref()))
            .add("headers", &self.headers)
            .add("class", &shown.class)
            .add("reason", &shown.reason)
            .add("job", or_dash(shown.job_id))
            .add("bytes", shown.bytes)
            .add("body", self.body.as_deref().unwrap_or("no text; see bodyBase64 of -o json"));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_store::dead_letters::NewDeadLetter;
    use serde_json::json;

    fn kept(raw: &[u8]) -> Kept {
        Kept {
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
            replayed_at: None,
            replayed_by: None,
        }
    }

    #[test]
    fn a_body_comes_back_byte_for_byte() {
        let text = serde_json::to_value(Document::from(&kept(b"{no}"))).unwrap();
        let expected = json!({
            "id": Uuid::nil(), "seenAt": "1970-01-01T00:00:00Z", "origin": "POST /events",
            "class": "unreadable", "reason": "is not JSON; send JSON", "bytes": 4, "jobId": null,
            "routingKey": null, "headers": { "contentType": "text/plain" }, "body": "{no}",
            "bodyBase64": "e25vfQ==",
        });
        assert_eq!(text, expected);
        let bytes = Document::from(&kept(&[0xff, 0xfe]));
        assert_eq!((bytes.body.as_deref(), bytes.body_base64.as_str()), (None, "//4="));
        assert_eq!(bytes.shown.cells().len(), Shown::COLUMNS.len());
    }
}
