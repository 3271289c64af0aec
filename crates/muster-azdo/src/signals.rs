//! What the head of an answer says about consumption.
//!
//! Source of names and units: Microsoft, "Rate and usage limits" (`Retry-After`, `X-RateLimit-*`), RFC 9110 section
//! 10.2.3 for the forms of `Retry-After`.

use chrono::{DateTime, Utc};
use muster_domain::backoff::{LONGEST_PAUSE, clamp_pause};
use muster_domain::budget::ThrottleSignals;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// Pause after a refusal that names none, or names one that cannot be read.
const DEFAULT_PAUSE: Duration = Duration::from_secs(60);

const DELAY: &str = "x-ratelimit-delay";
const LIMIT: &str = "x-ratelimit-limit";
const REMAINING: &str = "x-ratelimit-remaining";

/// Reads the signals of any answer, good or bad. `now` stands in for the answer's own date where it has none.
pub(crate) fn read_signals(status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> ThrottleSignals {
    let blocked = status == StatusCode::TOO_MANY_REQUESTS;
    ThrottleSignals {
        retry_after: retry_after(headers, now).or(blocked.then_some(DEFAULT_PAUSE)),
        delay: number(headers, DELAY).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        limit_tstu: number(headers, LIMIT),
        remaining_tstu: number(headers, REMAINING),
        blocked,
    }
}

/// The same signals of a call that turned out to be refused, although its status did not say so.
pub(crate) fn as_blocked(signals: ThrottleSignals) -> ThrottleSignals {
    ThrottleSignals { blocked: true, retry_after: signals.retry_after.or(Some(DEFAULT_PAUSE)), ..signals }
}

fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    // A pause is asked for even where its length cannot be read.
    let pause = value.to_str().ok().and_then(|text| pause_of(text.trim(), headers, now));
    Some(clamp_pause(pause.unwrap_or(DEFAULT_PAUSE)))
}

fn pause_of(text: &str, headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| !seconds.is_nan()) {
        // What is negative asks for no pause; what is too long for the type, for the longest one.
        return Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_PAUSE));
    }
    let until = http_date(text)?;
    // Relative to the clock that wrote it, so that ours may be wrong.
    let sent = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?)).unwrap_or(now);
    Some((until - sent).to_std().unwrap_or(Duration::ZERO))
}

/// The one form of HTTP dates that is still generated (RFC 9110, section 5.6.7) is one of RFC 2822.
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|date| date.with_timezone(&Utc))
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    let number: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn now() -> DateTime<Utc> {
        http_date("Wed, 21 Oct 2026 07:00:00 GMT").unwrap()
    }

    fn pause(status: u16, pairs: &[(&'static str, &str)]) -> Option<u64> {
        let signals = read_signals(StatusCode::from_u16(status).unwrap(), &headers(pairs), now());
        signals.retry_after.map(|pause| pause.as_secs())
    }

    #[test]
    fn every_form_of_retry_after_is_read_within_bounds() {
        for (text, seconds) in [
            ("5", 5),
            ("2.5", 2),
            (" 7 ", 7),
            ("0", 1),
            ("-30", 1),
            ("999999", 3600),
            ("1e300", 3600),
            ("inf", 3600),
            ("NaN", 60),
            ("soon", 60),
            ("", 60),
            ("Wed, 21 Oct 2026 07:00:42 GMT", 42),
            ("Wed, 21 Oct 2026 06:00:00 GMT", 1),
            ("Wed, 21 Oct 2037 07:00:00 GMT", 3600),
        ] {
            for status in [200, 429, 503] {
                assert_eq!(pause(status, &[("retry-after", text)]), Some(seconds), "{status} {text:?}");
            }
        }
    }

    #[test]
    fn a_date_is_relative_to_the_date_of_the_answer() {
        let answer =
            [("retry-after", "Wed, 21 Oct 2026 09:00:30 GMT"), ("date", "Wed, 21 Oct 2026 09:00:00 GMT")];
        assert_eq!(pause(429, &answer), Some(30));
        let answer = [("retry-after", "Wed, 21 Oct 2026 07:00:30 GMT"), ("date", "yesterday")];
        assert_eq!(pause(429, &answer), Some(30), "without a readable date our clock stands in");
    }

    #[test]
    fn only_a_refusal_pauses_without_being_told_how_long() {
        assert_eq!(pause(429, &[]), Some(60));
        assert_eq!(pause(200, &[]), None);
        assert_eq!(pause(503, &[]), None);
    }

    #[test]
    fn rate_limit_headers_are_numbers_with_decimals() {
        let all = [
            ("x-ratelimit-delay", "0.532"),
            ("x-ratelimit-limit", "200"),
            ("x-ratelimit-remaining", "12.75"),
            ("x-ratelimit-resource", "core"),
        ];
        let signals = read_signals(StatusCode::OK, &headers(&all), now());
        assert_eq!(signals.delay, Some(Duration::from_millis(532)));
        assert_eq!(signals.limit_tstu, Some(200.0));
        assert_eq!(signals.remaining_tstu, Some(12.75));
        assert!(!signals.blocked);
        assert_eq!(signals.retry_after, None);
    }

    #[test]
    fn unreadable_numbers_say_nothing() {
        for text in ["", "many", "-1", "NaN", "inf"] {
            let all =
                [("x-ratelimit-delay", text), ("x-ratelimit-limit", text), ("x-ratelimit-remaining", text)];
            let signals = read_signals(StatusCode::OK, &headers(&all), now());
            assert_eq!(signals, ThrottleSignals::default(), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_seen_late_pauses_like_one_seen_at_once() {
        let signals = as_blocked(ThrottleSignals::default());
        assert!(signals.blocked);
        assert_eq!(signals.retry_after, Some(Duration::from_secs(60)));
    }
}
