//! `muster dead-letter replay`.

use super::no_letter;
use super::selection::Selection;
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Row, RowStream, moment, note, or_dash};
use crate::session::Session;
use clap::Args;
use muster_runtime::ingress::Ingress;
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_runtime::replay::{Replay as Replayer, Replayed};
use muster_store::StoreError;
use muster_store::dead_letters::LetterStatus;
use serde::Serialize;
use std::num::NonZeroU32;
use uuid::Uuid;

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Ids of the letters, as `muster dead-letter list` shows them.
    #[arg(value_name = "ID", conflicts_with = "all")]
    ids: Vec<Uuid>,
    /// Every open letter, or every one that is selected below.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    selection: Selection,
    /// Letters per second of a group.
    #[arg(long, value_name = "N", default_value = "10")]
    rate: NonZeroU32,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  muster dead-letter replay 0191d6a0-1111-7000-8000-000000000001
  muster dead-letter replay --origin ledger --reason-class timeout --rate 2
  muster dead-letter replay --all
A group that is interrupted goes on where it was when it is asked for again.";

impl Replay {
    /// Replays; what is refused makes the command fail, what was done before does not.
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        let is_group = self.all || !self.selection.is_empty();
        if is_group != self.ids.is_empty() {
            return Err(Failed::usage(
                "give the ids of letters, or select them (--origin, --reason-class, …), or --all",
            ));
        }
        Session::run(global, async |session| {
            let replayer = Replayer { ingress: ingress(session)? };
            let mut printed = RowStream::new(global.output);
            let refused = if is_group {
                self.group(session, &replayer, &mut printed).await?
            } else {
                self.each(session, &replayer, &mut printed).await?
            };
            printed.finish::<Line>()?;
            match refused {
                0 => Ok(()),
                1 => Err(Failed::conflict("one letter is refused and stays open")),
                count => Err(Failed::conflict(format!("{count} letters are refused and stay open"))),
            }
        })
        .await
    }

    async fn each(
        &self,
        session: &Session,
        replayer: &Replayer,
        printed: &mut RowStream,
    ) -> Result<u64, Failed> {
        let mut refused = 0;
        for id in &self.ids {
            let replayed = replayer.one(*id, &session.asked().cause).await.map_err(|error| match error {
                StoreError::NotFound { .. } => no_letter(*id),
                error => error.into(),
            })?;
            refused += u64::from(matches!(replayed, Replayed::Refused { .. }));
            printed.print(&[Line::of(*id, &replayed)])?;
        }
        Ok(refused)
    }

    async fn group(
        &self,
        session: &Session,
        replayer: &Replayer,
        printed: &mut RowStream,
    ) -> Result<u64, Failed> {
        let filter = self.selection.filter(&session.store).await?;
        let actor = session.asked().cause;
        let mut written = Ok(());
        let each = |letter: &muster_store::dead_letters::DeadLetter, replayed: &Replayed| {
            if written.is_ok() {
                written = printed.print(&[Line::of(letter.id, replayed)]);
            }
        };
        // Ctrl-C ends the process: what is done is done, and the rest is still open.
        let stop = Shutdown::new();
        let summary = replayer.group(&filter, self.rate, &actor, stop.soft(), each).await?;
        written?;
        note(&format!(
            "{} replayed, {} refused, {} dealt with by somebody else",
            summary.replayed, summary.refused, summary.nothing_to_do
        ));
        Ok(summary.refused)
    }
}

/// A door in this process: what it accepts is in the database that the fleet works on.
pub(super) fn ingress(session: &Session) -> Result<Ingress, Failed> {
    let metrics = Metrics::new().map_err(Failed::usage)?;
    Ok(Ingress { store: session.store.clone(), metrics, work_was_made: std::sync::Arc::default() })
}

/// What became of one letter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: Uuid,
    /// `replayed`, `already replayed`, `already discarded`, `in progress` or `refused`.
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    outcome: String,
}

impl Line {
    fn of(id: Uuid, replayed: &Replayed) -> Self {
        match replayed {
            Replayed::Done { outcome } => {
                Self { id, result: "replayed", class: None, outcome: outcome.clone() }
            }
            Replayed::NothingToDo { status, by, at, outcome } => {
                let by = or_dash(by.as_ref());
                let at = or_dash(at.map(moment));
                let outcome = or_dash(outcome.as_ref());
                let result = match status {
                    LetterStatus::Discarded => "already discarded",
                    LetterStatus::Open | LetterStatus::Replayed => "already replayed",
                };
                Self { id, result, class: None, outcome: format!("nothing to do: {at} by {by}: {outcome}") }
            }
            Replayed::InProgress => Self {
                id,
                result: "in progress",
                class: None,
                outcome: "nothing to do: somebody else replays it at this moment".to_owned(),
            },
            Replayed::Refused { reason_class, reason } => {
                Self { id, result: "refused", class: Some(reason_class.clone()), outcome: reason.clone() }
            }
        }
    }
}

impl Row for Line {
    const COLUMNS: &'static [&'static str] = &["id", "result", "outcome"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.result.to_owned(), self.outcome.clone()]
    }
}
