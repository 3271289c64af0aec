use super::*;
use chrono::{Datelike as _, NaiveTime, Offset as _, TimeDelta, TimeZone as _, Timelike as _, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;
use uuid::Uuid;

const WORKDAYS: [Weekday; 5] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
const EVERY_DAY: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

fn berlin(weekdays: &[Weekday], from: &str, to: &str) -> QuietHours {
    QuietHours::new("Europe/Berlin", weekdays, from, to).expect("quiet hours")
}

#[test]
fn a_rest_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let hours = berlin(&WORKDAYS, "22:00", "06:00");
    // Friday 2026-01-09, winter: UTC+1.
    assert_eq!(hours.rests_until(utc("2026-01-09T20:59:59Z")), None);
    let end = Some(utc("2026-01-10T05:00:00Z"));
    assert_eq!(hours.rests_until(utc("2026-01-09T21:00:00Z")), end);
    assert_eq!(hours.rests_until(utc("2026-01-10T04:59:59Z")), end);
    assert_eq!(hours.rests_until(utc("2026-01-10T05:00:00Z")), None);
    assert_eq!(hours.rests_until(utc("2026-01-10T22:00:00Z")), None, "no rest begins on a Saturday");
}

#[test]
fn rests_that_touch_are_one() {
    let hours = berlin(&[Weekday::Sat, Weekday::Sun], "00:00", "00:00");
    let monday = Some(utc("2026-01-11T23:00:00Z"));
    assert_eq!(hours.rests_until(utc("2026-01-09T23:00:00Z")), monday);
    assert_eq!(hours.rests_until(utc("2026-01-11T12:00:00Z")), monday);
    assert_eq!(hours.rests_until(utc("2026-01-09T22:59:59Z")), None);
    let always = berlin(&EVERY_DAY, "08:00", "08:00");
    let now = utc("2026-01-09T12:00:00Z");
    assert!(always.rests_until(now).is_some_and(|end| end > now + TimeDelta::days(6)));
}

/// 2026-03-29: 02:00 becomes 03:00; 2026-10-25: 03:00 becomes 02:00.
#[test]
fn a_clock_that_is_set_forward_or_back_moves_a_rest_with_it() {
    let night = berlin(&EVERY_DAY, "22:00", "06:00");
    assert_eq!(
        night.rests_until(utc("2026-03-28T22:00:00Z")),
        Some(utc("2026-03-29T04:00:00Z")),
        "an hour less"
    );
    assert_eq!(
        night.rests_until(utc("2026-10-24T22:00:00Z")),
        Some(utc("2026-10-25T05:00:00Z")),
        "an hour more"
    );

    let leap = utc("2026-03-29T01:00:00Z");
    let begins_in_the_leap = berlin(&[Weekday::Sun], "02:30", "04:00");
    assert_eq!(begins_in_the_leap.rests_until(leap - TimeDelta::seconds(1)), None);
    assert_eq!(begins_in_the_leap.rests_until(leap), Some(utc("2026-03-29T02:00:00Z")));
    let ends_in_the_leap = berlin(&[Weekday::Sun], "01:00", "02:30");
    assert_eq!(ends_in_the_leap.rests_until(utc("2026-03-29T00:30:00Z")), Some(leap));
    assert_eq!(ends_in_the_leap.rests_until(leap), None);

    let twice = berlin(&[Weekday::Sun], "02:15", "02:45");
    assert_eq!(twice.rests_until(utc("2026-10-25T00:15:00Z")), Some(utc("2026-10-25T01:45:00Z")));
    assert_eq!(twice.rests_until(utc("2026-10-25T00:14:59Z")), None);
}

#[test]
fn a_day_that_never_was_is_leapt_over() {
    // Samoa had no 2011-12-30: at the end of Thursday the 29th (UTC-10) came Saturday the 31st (UTC+14).
    let leap = utc("2011-12-30T10:00:00Z");
    let hours = QuietHours::new("Pacific/Apia", &[Weekday::Thu], "22:00", "06:00").expect("quiet hours");
    assert_eq!(hours.rests_until(utc("2011-12-30T09:00:00Z")), Some(leap));
    assert_eq!(hours.rests_until(leap), None);
}

#[test]
fn what_is_wrong_is_named() {
    let error = |zone, days: &[Weekday], from, to| QuietHours::new(zone, days, from, to).expect_err("wrong");
    assert_eq!(
        error("Europe/Muster", &WORKDAYS, "22:00", "06:00"),
        QuietHoursError::TimeZone("Europe/Muster".into())
    );
    assert_eq!(error("UTC", &WORKDAYS, "24:00", "06:00"), QuietHoursError::Time("24:00".into()));
    assert_eq!(error("UTC", &WORKDAYS, "22:00", "6 am"), QuietHoursError::Time("6 am".into()));
    assert_eq!(error("UTC", &[], "22:00", "06:00"), QuietHoursError::NoWeekday);
    for wrong in [
        serde_json::json!({"timeZone": "UTC", "weekdays": ["someday"], "from": "22:00", "to": "06:00"}),
        serde_json::json!({"timeZone": "UTC", "weekdays": [], "from": "22:00", "to": "06:00"}),
        serde_json::json!({"timeZone": "UTC", "weekdays": ["mon"], "from": "22:00", "to": "06:00", "until": 1}),
    ] {
        assert!(serde_json::from_value::<QuietHours>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn quiet_hours_and_shares_are_plain_on_the_wire() {
    let hours = berlin(&[Weekday::Fri, Weekday::Mon, Weekday::Fri], "22:00", "06:30");
    let document = serde_json::json!({
        "timeZone": "Europe/Berlin", "weekdays": ["mon", "fri"], "from": "22:00", "to": "06:30"
    });
    assert_eq!(serde_json::to_value(&hours).expect("written"), document);
    assert_eq!(serde_json::from_value::<QuietHours>(document).expect("read"), hours);
    assert_eq!(hours.to_string(), "Mon, Fri 22:00 to 06:30 Europe/Berlin");
    assert_eq!(serde_json::to_value(Share::new(0.25).expect("a share")).expect("written"), 0.25);
    for wrong in [0.0, -0.1, 1.01, f64::NAN, f64::INFINITY] {
        assert!(Share::new(wrong).is_err(), "{wrong}");
    }
    assert!(serde_json::from_value::<Share>(serde_json::json!(2)).is_err());
}

#[test]
fn a_scope_is_counted_like_the_jobs_in_it() {
    let connector = ConnectorId(Uuid::from_u128(1));
    let name = OrganizationName::new("Contoso-EU");
    for subject in [JobSubject::connector(connector), JobSubject::organization(connector, name.clone())] {
        let scope = ControlScope::from(&subject);
        assert_eq!(scope.fairness_key(), subject.fairness_key());
        assert_eq!(ControlScope::parse(&scope.fairness_key()), Some(scope));
    }
    let organization = ControlScope::organization(connector, name);
    assert_eq!(organization.with_parents(), [ControlScope::connector(connector), organization.clone()]);
    assert_eq!(ControlScope::connector(connector).with_parents().len(), 1);
    assert_eq!(ControlScope::parse("no connector/contoso"), None);
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    assert_eq!(Setting::Keep.applied_to(Some(1)), Some(1));
    assert_eq!(Setting::Clear.applied_to(Some(1)), None);
    assert_eq!(Setting::Set(2).applied_to(Some(1)), Some(2));
}

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/St_Johns",
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
];

fn any_hours() -> impl Strategy<Value = QuietHours> {
    let minute = || (0_u32..24, 0_u32..60);
    (prop::sample::select(ZONES.to_vec()), prop::collection::vec(0_u8..7, 1..7), minute(), minute()).prop_map(
        |(zone, days, (from_hour, from_minute), (to_hour, to_minute))| {
            let days: Vec<Weekday> =
                days.into_iter().map(|day| Weekday::try_from(day).expect("a weekday")).collect();
            let time = |hour: u32, minute: u32| format!("{hour:02}:{minute:02}");
            QuietHours::new(zone, &days, &time(from_hour, from_minute), &time(to_hour, to_minute))
                .expect("valid")
        },
    )
}

/// What a clock on the wall says, where it is not set within a day.
fn by_the_wall_clock(hours: &QuietHours, now: DateTime<Utc>) -> Option<bool> {
    let zone: Tz = hours.time_zone().parse().expect("a zone");
    let offset = |moment: DateTime<Utc>| zone.offset_from_utc_datetime(&moment.naive_utc()).fix();
    if offset(now - TimeDelta::days(2)) != offset(now + TimeDelta::days(2)) {
        return None;
    }
    let local = now.with_timezone(&zone).naive_local();
    let (time, today) = (local.time(), local.date().weekday());
    let begins = |day: Weekday| hours.weekdays().contains(&day);
    Some(if hours.from() < hours.to() {
        begins(today) && hours.from() <= time && time < hours.to()
    } else {
        (begins(today) && hours.from() <= time) || (begins(today.pred()) && time < hours.to())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rest_is_what_the_wall_clock_says(hours in any_hours(), second in 1_700_000_000_i64..1_900_000_000) {
        let now = DateTime::from_timestamp(second, 0).expect("in range");
        if let Some(expected) = by_the_wall_clock(&hours, now) {
            prop_assert_eq!(hours.rests_until(now).is_some(), expected, "{} at {}", hours, now);
        }
    }

    /// Also where clocks are set: the end is the first moment without rest.
    #[test]
    fn a_rest_lasts_until_its_end(hours in any_hours(), second in 1_700_000_000_i64..1_900_000_000, part in 0.0..1.0) {
        let now = DateTime::from_timestamp(second, 0).expect("in range");
        if let Some(end) = hours.rests_until(now) {
            prop_assert!(end > now);
            let seconds = (end - now).num_seconds() as f64 * part;
            let between = now + TimeDelta::seconds(seconds as i64);
            prop_assert!(between >= end || hours.rests_until(between).is_some_and(|later| later >= end));
            let never_ends = end - now > TimeDelta::days(6);
            prop_assert!(never_ends || hours.rests_until(end).is_none(), "{} rests beyond {}", hours, end);
            let local_end = end.with_timezone(&hours.time_zone().parse::<Tz>().expect("a zone")).time();
            let on_the_hour = hours.to() == local_end || local_end.second() == 0;
            prop_assert!(on_the_hour && NaiveTime::MIN <= local_end);
        }
    }

    #[test]
    fn quiet_hours_survive_being_stored(hours in any_hours()) {
        let document = serde_json::to_string(&hours).expect("written");
        prop_assert_eq!(serde_json::from_str::<QuietHours>(&document).expect("read"), hours);
    }
}
