//! `muster dead-letter list`.

use super::selection::Selection;
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Row, RowStream, moment, note, or_dash};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use muster_domain::{ConnectorId, JobId};
use muster_store::dead_letters::{DeadLetter, DeadLetterFilter, LetterStatus};
use serde::Serialize;
use uuid::Uuid;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// What became of them.
    #[arg(long, value_enum, value_name = "STATUS", default_value_t, ignore_case = true)]
    status: Which,
    #[command(flatten)]
    selection: Selection,
    /// List at most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Those that wait for a person.
    #[default]
    Open,
    /// Those that were taken after all.
    Replayed,
    /// Those that nobody wants.
    Discarded,
    /// All of them.
    All,
}

impl Which {
    fn status(self) -> Option<LetterStatus> {
        match self {
            Self::Open => Some(LetterStatus::Open),
            Self::Replayed => Some(LetterStatus::Replayed),
            Self::Discarded => Some(LetterStatus::Discarded),
            Self::All => None,
        }
    }
}

pub(super) const EXAMPLES: &str = "\
Examples:
  muster dead-letter list
  muster dead-letter list --origin ledger --kind project.sync --since 7d
  muster dead-letter list --status all -o json | jq '.[] | select(.class == \"invalid\")'";

/// Letters that are fetched together: their bodies come along.
const PAGE: u32 = 100;

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let filter = self.selection.filter(&session.store).await?;
            let filter = DeadLetterFilter { status: self.status.status(), ..filter };
            let mut printed = RowStream::new(global.output);
            let (mut left, mut after) = (self.limit, None);
            while left > 0 && printed.is_open() {
                let letters = session.store.dead_letters();
                let page = letters.page(&filter, after.as_ref(), left.min(PAGE)).await?;
                let rows: Vec<Shown> = page.letters.iter().map(Shown::from).collect();
                printed.print(&rows)?;
                left -= u32::try_from(rows.len()).unwrap_or(left).min(left);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            printed.finish::<Shown>()?;
            if after.is_some() {
                note(&format!("the newest {} are shown; there may be more (--limit)", self.limit));
            }
            Ok(())
        })
        .await
    }
}

/// A dead letter as it is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    pub(super) id: Uuid,
    pub(super) seen_at: DateTime<Utc>,
    pub(super) status: LetterStatus,
    /// The queue or door it came from.
    pub(super) origin: String,
    /// Stable name of what is wrong.
    pub(super) class: String,
    /// What is wrong, and what to do.
    pub(super) reason: String,
    /// How long it was when it came.
    pub(super) bytes: u64,
    /// How often it was tried.
    pub(super) attempts: u32,
    pub(super) job_id: Option<JobId>,
    pub(super) job_kind: Option<String>,
    pub(super) connector_id: Option<ConnectorId>,
}

impl From<&DeadLetter> for Shown {
    fn from(kept: &DeadLetter) -> Self {
        let letter = &kept.letter;
        Self {
            id: kept.id,
            seen_at: kept.seen_at,
            status: kept.status,
            origin: letter.origin.clone(),
            class: letter.reason_class.clone(),
            reason: letter.reason.clone(),
            bytes: kept.original_bytes,
            attempts: kept.attempts,
            job_id: letter.job_id,
            job_kind: letter.job_kind.clone(),
            connector_id: letter.connector_id,
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] =
        &["seen", "status", "origin", "kind", "class", "attempts", "bytes", "reason", "id"];

    fn cells(&self) -> Vec<String> {
        vec![
            moment(self.seen_at),
            self.status.to_string(),
            self.origin.clone(),
            or_dash(self.job_kind.as_ref()),
            self.class.clone(),
            self.attempts.to_string(),
            self.bytes.to_string(),
            self.reason.clone(),
            self.id.to_string(),
        ]
    }
}
