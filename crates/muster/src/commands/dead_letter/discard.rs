//! `muster dead-letter discard`.

use super::no_letter;
use super::replay::ingress;
use super::selection::Selection;
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Row, or_dash, print_row, print_rows};
use crate::session::Session;
use clap::Args;
use muster_runtime::replay::Replay as Replayer;
use muster_store::StoreError;
use muster_store::dead_letters::{Discarding, LetterStatus};
use serde::Serialize;
use uuid::Uuid;

#[derive(Debug, Args)]
pub(crate) struct Discard {
    /// Ids of the letters, as `muster dead-letter list` shows them.
    #[arg(value_name = "ID", required_unless_present = "all_matching", conflicts_with = "all_matching")]
    ids: Vec<Uuid>,
    /// Every open letter that is selected below.
    #[arg(long)]
    all_matching: bool,
    #[command(flatten)]
    selection: Selection,
    /// Why, kept with the letters and in the audit.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  muster dead-letter discard 0191d6a0-1111-7000-8000-000000000001 --reason 'sent by a test'
  muster dead-letter discard --all-matching --reason-class unknown_type --reason 'not for us'";

impl Discard {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        if !self.ids.is_empty() && !self.selection.is_empty() {
            return Err(Failed::usage("give the ids of letters, or --all-matching and what selects them"));
        }
        Session::run(global, async |session| {
            let replayer = Replayer { ingress: ingress(session)? };
            let actor = session.asked().cause;
            if self.all_matching {
                let filter = self.selection.filter(&session.store).await?;
                let discarded = replayer.discard_group(&filter, &actor, &self.reason).await?;
                return print_row(global.output, &Count { discarded });
            }
            let mut lines = Vec::new();
            for id in &self.ids {
                let discarding = replayer.discard(*id, &actor, &self.reason).await;
                let discarding = discarding.map_err(|error| match error {
                    StoreError::NotFound { .. } => no_letter(*id),
                    error => error.into(),
                })?;
                lines.push(Line::of(*id, &discarding));
            }
            print_rows(global.output, &lines)
        })
        .await
    }
}

/// How many were discarded.
#[derive(Debug, Serialize)]
struct Count {
    discarded: u64,
}

impl Row for Count {
    const COLUMNS: &'static [&'static str] = &["discarded"];

    fn cells(&self) -> Vec<String> {
        vec![self.discarded.to_string()]
    }
}

/// What became of one letter.
#[derive(Debug, Serialize)]
struct Line {
    id: Uuid,
    /// `discarded`, `already replayed` or `already discarded`.
    result: &'static str,
    by: Option<String>,
}

impl Line {
    fn of(id: Uuid, discarding: &Discarding) -> Self {
        match discarding {
            Discarding::Discarded => Self { id, result: "discarded", by: None },
            Discarding::NothingToDo(letter) => match letter.status {
                LetterStatus::Discarded => {
                    Self { id, result: "already discarded", by: letter.discarded_by.clone() }
                }
                LetterStatus::Open | LetterStatus::Replayed => {
                    Self { id, result: "already replayed", by: letter.replayed_by.clone() }
                }
            },
        }
    }
}

impl Row for Line {
    const COLUMNS: &'static [&'static str] = &["id", "result", "by"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.result.to_owned(), or_dash(self.by.as_ref())]
    }
}
