//! Hours of the week, on the clock of people, in which background work rests.

use chrono::{
    DateTime, Datelike as _, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _,
    Utc, Weekday,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How times of day are written.
const TIME_FORMAT: &str = "%H:%M";
/// Rests that touch are one; more than a week of them never ends.
const DAYS_OF_A_WEEK: usize = 7;
/// Local time is at most 14 h ahead of UTC (Kiribati): so long before a local time taken for UTC, it has not come.
const BEFORE_ANY_ZONE: TimeDelta = TimeDelta::hours(15);
/// Local time is at most 12 h behind, and the longest leap of a clock was a day (Samoa 2011).
const AFTER_ANY_ZONE: TimeDelta = TimeDelta::hours(37);

/// Hours in which background work rests: on the given weekdays from one time of day to another. Where the end is not
/// after the beginning, it is on the next day. Where the clock is set forward over the beginning or the end, that
/// falls on the moment of the leap; an hour that comes twice belongs to the rest both times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "QuietHoursDocument", into = "QuietHoursDocument")]
pub struct QuietHours {
    time_zone: Tz,
    /// On which the rest begins, from Monday on, each once.
    weekdays: Vec<Weekday>,
    from: NaiveTime,
    to: NaiveTime,
}

/// Why these are no quiet hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuietHoursError {
    /// Not a name of the IANA database.
    #[error("{0:?} is no time zone: write an IANA name, as Europe/Berlin or UTC")]
    TimeZone(String),
    /// Not a time of day.
    #[error("{0:?} is no time of day: write hours and minutes, as 22:00")]
    Time(String),
    /// Not a weekday.
    #[error("{0:?} is no weekday: write mon, tue, wed, thu, fri, sat, sun")]
    Weekday(String),
    /// No day at all.
    #[error("quiet hours need a weekday")]
    NoWeekday,
}

impl QuietHours {
    /// Quiet hours in a time zone of the IANA database, from and to times of day as `22:00`. Equal times make a whole day.
    ///
    /// # Errors
    /// [`QuietHoursError`] with what is wrong.
    pub fn new(time_zone: &str, weekdays: &[Weekday], from: &str, to: &str) -> Result<Self, QuietHoursError> {
        let time = |text: &str| {
            NaiveTime::parse_from_str(text, TIME_FORMAT).map_err(|_| QuietHoursError::Time(text.to_owned()))
        };
        let mut weekdays = weekdays.to_vec();
        weekdays.sort_by_key(Weekday::num_days_from_monday);
        weekdays.dedup();
        if weekdays.is_empty() {
            return Err(QuietHoursError::NoWeekday);
        }
        Ok(Self {
            time_zone: time_zone.parse().map_err(|_| QuietHoursError::TimeZone(time_zone.to_owned()))?,
            weekdays,
            from: time(from)?,
            to: time(to)?,
        })
    }

    /// Name of the time zone in the IANA database.
    pub fn time_zone(&self) -> &'static str {
        self.time_zone.name()
    }

    /// The days on which a rest begins, from Monday on.
    pub fn weekdays(&self) -> &[Weekday] {
        &self.weekdays
    }

    /// When a rest begins, local time.
    pub fn from(&self) -> NaiveTime {
        self.from
    }

    /// When it ends, local time.
    pub fn to(&self) -> NaiveTime {
        self.to
    }

    /// The end of the rest in which `now` is, if it is in one. Rests that touch are one.
    pub fn rests_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut end = self.end_of_rest_at(now)?;
        for _ in 0..DAYS_OF_A_WEEK {
            match self.end_of_rest_at(end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }

    fn end_of_rest_at(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let today = moment.with_timezone(&self.time_zone).date_naive();
        [today.pred_opt(), Some(today)]
            .into_iter()
            .flatten()
            .filter(|day| self.weekdays.contains(&day.weekday()))
            .filter_map(|day| self.rest_of(day))
            .filter(|(start, end)| *start <= moment && moment < *end)
            .map(|(_, end)| end)
            .max()
    }

    /// Beginning and end of the rest that begins on a day.
    fn rest_of(&self, day: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let last = if self.to > self.from { day } else { day.succ_opt()? };
        let start = match self.time_zone.from_local_datetime(&day.and_time(self.from)) {
            MappedLocalTime::Single(only) | MappedLocalTime::Ambiguous(only, _) => only.to_utc(),
            MappedLocalTime::None => self.leap_over(day.and_time(self.from)),
        };
        let end = match self.time_zone.from_local_datetime(&last.and_time(self.to)) {
            MappedLocalTime::Single(only) | MappedLocalTime::Ambiguous(_, only) => only.to_utc(),
            MappedLocalTime::None => self.leap_over(last.and_time(self.to)),
        };
        Some((start, end))
    }

    /// The moment at which the clock is set forward over a local time that never comes.
    fn leap_over(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let taken_for_utc = local.and_utc();
        let (mut before, mut after) = (taken_for_utc - BEFORE_ANY_ZONE, taken_for_utc + AFTER_ANY_ZONE);
        while after - before > TimeDelta::seconds(1) {
            let middle = before + (after - before) / 2;
            if middle.with_timezone(&self.time_zone).naive_local() < local {
                before = middle;
            } else {
                after = middle;
            }
        }
        // Clocks leap at whole seconds.
        DateTime::from_timestamp(after.timestamp(), 0).unwrap_or(after)
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.weekdays.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (from, to) = (self.from.format(TIME_FORMAT), self.to.format(TIME_FORMAT));
        write!(formatter, "{days} {from} to {to} {}", self.time_zone.name())
    }
}

/// As it is stored and sent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QuietHoursDocument {
    time_zone: String,
    weekdays: Vec<String>,
    from: String,
    to: String,
}

impl TryFrom<QuietHoursDocument> for QuietHours {
    type Error = QuietHoursError;

    fn try_from(document: QuietHoursDocument) -> Result<Self, Self::Error> {
        let weekdays: Vec<Weekday> = document
            .weekdays
            .iter()
            .map(|day| day.parse().map_err(|_| QuietHoursError::Weekday(day.clone())))
            .collect::<Result<_, _>>()?;
        Self::new(&document.time_zone, &weekdays, &document.from, &document.to)
    }
}

impl From<QuietHours> for QuietHoursDocument {
    fn from(hours: QuietHours) -> Self {
        Self {
            time_zone: hours.time_zone.name().to_owned(),
            weekdays: hours.weekdays.iter().map(|day| day.to_string().to_lowercase()).collect(),
            from: hours.from.format(TIME_FORMAT).to_string(),
            to: hours.to.format(TIME_FORMAT).to_string(),
        }
    }
}
