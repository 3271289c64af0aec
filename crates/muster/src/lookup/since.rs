//! Moments as people write them: a date, a time, or how long ago.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use std::str::FromStr;

/// A moment, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    At(DateTime<Utc>),
    Ago(Duration),
}

impl Since {
    /// The moment, seen from `now`.
    pub(crate) fn moment(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(moment) => moment,
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::UNIX_EPOCH),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        if let Ok(moment) = DateTime::parse_from_rfc3339(written) {
            return Ok(Self::At(moment.with_timezone(&Utc)));
        }
        if let Ok(date) = written.parse::<NaiveDate>() {
            return Ok(Self::At(date.and_time(NaiveTime::MIN).and_utc()));
        }
        ago(written).map(Self::Ago).ok_or_else(|| {
            "write a moment such as 2026-01-31 or 2026-01-31T12:00:00Z, or a time ago such as 30m, 12h or 7d".to_owned()
        })
    }
}

fn ago(written: &str) -> Option<Duration> {
    let unit = written.chars().next_back()?;
    let number: i64 = written.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
    match unit {
        'm' => Duration::try_minutes(number),
        'h' => Duration::try_hours(number),
        'd' => Duration::try_days(number),
        'w' => Duration::try_weeks(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form_that_is_promised() {
        let now = "2026-02-08T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        for (written, expected) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00Z"),
            ("30m", "2026-02-07T23:30:00Z"),
            ("12h", "2026-02-07T12:00:00Z"),
            ("7d", "2026-02-01T00:00:00Z"),
            ("1w", "2026-02-01T00:00:00Z"),
        ] {
            let moment = written.parse::<Since>().unwrap().moment(now);
            assert_eq!(moment, expected.parse::<DateTime<Utc>>().unwrap(), "{written}");
        }
        for wrong in ["", "d", "-1d", "yesterday", "7y", "99999999999999999d", "7ü"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
