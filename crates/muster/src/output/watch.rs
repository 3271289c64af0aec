//! Lists that go on: redrawn on a terminal, a snapshot per change elsewhere.

use super::{note, write_open};
use crate::exit::Failed;
use clap::Args;
use std::io::IsTerminal as _;
use std::time::Duration;

/// Whether a list goes on.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Watch {
    /// Look again every so many seconds until Ctrl-C (exit code 130); on a terminal the list is redrawn, elsewhere
    /// every change is printed.
    #[arg(
        long = "watch",
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        value_parser = interval
    )]
    interval: Option<Duration>,
}

/// What is shown at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Data, for standard output.
    pub(crate) data: String,
    /// What is told beside it, on standard error.
    pub(crate) note: Option<String>,
}

/// Shortest pause between two looks: more would only keep the database busy.
const SHORTEST_SECONDS: f64 = 0.2;
/// Longest pause between two looks: a day.
const LONGEST_SECONDS: f64 = 86_400.0;
/// Clears a terminal and goes to its first place (ECMA-48: ED and CUP).
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

impl Watch {
    /// True where the list goes on.
    pub(crate) fn is_on(self) -> bool {
        self.interval.is_some()
    }

    /// Shows what `look` finds, once or again and again.
    pub(crate) async fn show(
        self,
        mut look: impl AsyncFnMut() -> Result<Snapshot, Failed>,
    ) -> Result<(), Failed> {
        let Some(interval) = self.interval else {
            let snapshot = look().await?;
            write_open(&snapshot.data)?;
            tell(&snapshot);
            return Ok(());
        };
        tokio::select! {
            result = go_on(interval, look) => result,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                Err(Failed::interrupted())
            }
        }
    }
}

/// Ends only where nobody reads any more, or where a look fails.
async fn go_on(
    interval: Duration,
    mut look: impl AsyncFnMut() -> Result<Snapshot, Failed>,
) -> Result<(), Failed> {
    let redraws = std::io::stdout().is_terminal();
    let mut shown: Option<String> = None;
    loop {
        let snapshot = look().await?;
        let is_new = shown.as_ref() != Some(&snapshot.data);
        if redraws || is_new {
            let clear = if redraws { CLEAR } else { "" };
            if !write_open(&format!("{clear}{}", snapshot.data))? {
                return Ok(());
            }
            tell(&snapshot);
        }
        shown = Some(snapshot.data);
        tokio::time::sleep(interval).await;
    }
}

fn tell(snapshot: &Snapshot) {
    if let Some(text) = &snapshot.note {
        note(text);
    }
}

fn interval(written: &str) -> Result<Duration, String> {
    match written.parse::<f64>() {
        Ok(seconds) if (SHORTEST_SECONDS..=LONGEST_SECONDS).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err(format!("write a number of seconds from {SHORTEST_SECONDS} to {LONGEST_SECONDS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Wrapper {
        #[command(flatten)]
        watch: Watch,
        name: Option<String>,
    }

    #[test]
    fn the_interval_is_written_with_an_equals_sign_or_left_out() {
        let parse =
            |arguments: &[&str]| Wrapper::try_parse_from(arguments).map(|wrapper| wrapper.watch.interval);
        assert_eq!(parse(&["list"]).unwrap(), None);
        assert_eq!(parse(&["list", "--watch"]).unwrap(), Some(Duration::from_secs(2)));
        assert_eq!(parse(&["list", "--watch=0.5"]).unwrap(), Some(Duration::from_millis(500)));
        assert_eq!(parse(&["list", "--watch", "contoso"]).unwrap(), Some(Duration::from_secs(2)));
        for wrong in ["--watch=0", "--watch=soon", "--watch=1e9", "--watch=NaN"] {
            assert!(parse(&["list", wrong]).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn without_an_interval_there_is_one_look() {
        let mut looks = 0;
        let look = async || {
            looks += 1;
            Ok(Snapshot::default())
        };
        Watch::default().show(look).await.unwrap();
        assert_eq!(looks, 1);
    }
}
