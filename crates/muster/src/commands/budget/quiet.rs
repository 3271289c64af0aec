//! Quiet hours and shares, as they are written on the command line.

use chrono::Weekday;
use muster_domain::consumption_control::{QuietHours, Setting, Share};

/// Takes a setting away.
const NONE: &str = "none";
/// How quiet hours are written.
const SHAPE: &str = "write DAYS HH:MM-HH:MM ZONE, as 'Mon-Fri 08:00-18:00 Europe/Berlin', or none";

/// Reads `0.3`, `30%` or `none`.
pub(super) fn share(written: &str) -> Result<Setting<Share>, String> {
    /// Parts are written in percent, too.
    const PERCENT: f64 = 100.0;
    if written.eq_ignore_ascii_case(NONE) {
        return Ok(Setting::Clear);
    }
    let (number, scale) = match written.strip_suffix('%') {
        Some(percent) => (percent.trim(), PERCENT),
        None => (written, 1.0),
    };
    let part = number.parse::<f64>().ok().and_then(|number| Share::new(number / scale).ok());
    part.map(Setting::Set).ok_or_else(|| "write a part of the limit, as 0.3 or 30%, or none".to_owned())
}

/// Reads `Mon-Fri 08:00-18:00 Europe/Berlin`, `Sat,Sun 00:00-24:00 UTC`, `daily 22:00-06:00 Asia/Tokyo` or `none`.
pub(super) fn quiet_hours(written: &str) -> Result<Setting<QuietHours>, String> {
    if written.eq_ignore_ascii_case(NONE) {
        return Ok(Setting::Clear);
    }
    let parts: Vec<&str> = written.split_whitespace().collect();
    let [days, hours, zone] = parts.as_slice() else { return Err(SHAPE.to_owned()) };
    let (from, to) = hours.split_once('-').ok_or(SHAPE)?;
    // The end of a day is the beginning of the next.
    let to = if to == "24:00" { "00:00" } else { to };
    let hours = QuietHours::new(zone, &weekdays(days)?, from, to);
    hours.map(Setting::Set).map_err(|error| format!("{error}; {SHAPE}"))
}

fn weekdays(written: &str) -> Result<Vec<Weekday>, String> {
    if written.eq_ignore_ascii_case("daily") {
        return Ok(week_from(Weekday::Mon).collect());
    }
    let mut days = Vec::new();
    for part in written.split(',') {
        match part.split_once('-') {
            None => days.push(weekday(part)?),
            Some((first, last)) => {
                let (first, last) = (weekday(first)?, weekday(last)?);
                days.push(first);
                days.extend(week_from(first).skip(1).take_while(|day| *day != last.succ()));
            }
        }
    }
    Ok(days)
}

/// The seven days of a week that begins with this one.
fn week_from(first: Weekday) -> impl Iterator<Item = Weekday> {
    std::iter::successors(Some(first), |day| Some(day.succ())).take(7)
}

fn weekday(written: &str) -> Result<Weekday, String> {
    written
        .parse()
        .map_err(|_| format!("{written} is no weekday (Mon, Tue, Wed, Thu, Fri, Sat, Sun); {SHAPE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(written: &str) -> String {
        match quiet_hours(written).unwrap() {
            Setting::Set(hours) => hours.to_string(),
            other => panic!("{written}: {other:?}"),
        }
    }

    #[test]
    fn quiet_hours_are_read_as_people_write_them() {
        assert_eq!(
            shown("Mon-Fri 08:00-18:00 Europe/Berlin"),
            "Mon, Tue, Wed, Thu, Fri 08:00 to 18:00 Europe/Berlin"
        );
        assert_eq!(shown("sat,sunday 00:00-24:00 UTC"), "Sat, Sun 00:00 to 00:00 UTC");
        assert_eq!(shown("Fri-Mon 22:00-06:00 UTC"), "Mon, Fri, Sat, Sun 22:00 to 06:00 UTC");
        assert_eq!(shown("Tue-Tue 1:00-2:00 UTC"), "Tue 01:00 to 02:00 UTC");
        assert!(shown("daily 22:00-06:00 Asia/Tokyo").starts_with("Mon, Tue, Wed, Thu, Fri, Sat, Sun"));
        assert_eq!(quiet_hours("none"), Ok(Setting::Clear));
        for wrong in [
            "",
            "Mon-Fri",
            "Mon-Fri 08:00-18:00",
            "Mon-Fri 08:00 18:00 UTC",
            "Mon-Fri 08:00-18:61 UTC",
            "Mo-Fr 08:00-18:00 UTC",
            "Mon-Fri 08:00-18:00 Mars/Base",
        ] {
            assert!(quiet_hours(wrong).unwrap_err().contains("Europe/Berlin"), "{wrong}");
        }
    }

    #[test]
    fn a_share_is_a_part_or_a_percentage() {
        for written in ["0.3", "30%", "30 %"] {
            assert_eq!(share(written), Ok(Setting::Set(Share::new(0.3).unwrap())), "{written}");
        }
        assert_eq!(share("NONE"), Ok(Setting::Clear));
        for wrong in ["0", "1.5", "-1", "150%", "much", "NaN"] {
            assert!(share(wrong).unwrap_err().contains("30%"), "{wrong}");
        }
    }
}
