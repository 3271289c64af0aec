//! One request for a token.

use super::applications::Application;
use super::refusal::{RefusalWire, TokenError};
use crate::answer::describe_http;
use crate::json::describe;
use crate::signals::read_signals;
use chrono::{DateTime, TimeDelta, Utc};
use muster_domain::snapshot::encode_path_segment;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{StatusCode, Url};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// Everything that the application may do in Azure DevOps. Source of the resource id: Microsoft, "Service principals &
/// managed identities in Azure DevOps".
const SCOPE: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default";

/// Longest time from the request to the last byte of the token: Entra answers within a second or two.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest answer: tokens with many groups take some kilobytes.
const LONGEST_ANSWER_BYTES: usize = 256 * 1024;

/// Longest life of a token that is believed, in seconds: Entra gives out up to 28 hours.
const LONGEST_LIFE_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// A token as it was given.
pub(super) struct Grant {
    pub(super) token: SecretString,
    pub(super) lives: TimeDelta,
}

/// Asks for a token. `shown` makes text of the answer fit to be shown.
pub(super) async fn request(
    http: &reqwest::Client,
    url: Url,
    application: Application,
    secret: &SecretString,
    now: DateTime<Utc>,
    shown: impl Fn(&str) -> String,
) -> Result<Grant, TokenError> {
    let request = http
        .post(url)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form(application, secret));
    let answer = async {
        let mut response = request.send().await?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER_BYTES {
                break;
            }
        }
        Ok::<_, reqwest::Error>((response.status(), response.headers().clone(), body))
    };
    let (status, headers, body) = match timeout(REQUEST_TIMEOUT, answer).await {
        Err(_) => return Err(passing("no answer in time")),
        Ok(Err(error)) => return Err(passing(&describe_http(error))),
        Ok(Ok(answer)) => answer,
    };
    if status == StatusCode::OK {
        return grant(&body);
    }
    // Only a service that is busy is believed when it names a time.
    let is_busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    if let Some(pause) = read_signals(status, &headers, now).retry_after.filter(|_| is_busy) {
        let pause = TimeDelta::from_std(pause).unwrap_or_default();
        return Err(TokenError::Throttled { until: now + pause });
    }
    let refusal: RefusalWire = serde_json::from_slice(&body).unwrap_or_default();
    Err(refusal.error(status, shown))
}

fn form(application: Application, secret: &SecretString) -> String {
    let secret = Zeroizing::new(encode_path_segment(secret.expose_secret()));
    format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
        application.client_id,
        *secret,
        encode_path_segment(SCOPE)
    )
}

fn passing(detail: &str) -> TokenError {
    TokenError::Passing { detail: format!("Microsoft Entra gave no token: {detail}") }
}

#[derive(Deserialize)]
struct GrantWire {
    access_token: SecretString,
    expires_in: Seconds,
    #[serde(default)]
    token_type: Option<String>,
}

/// A number in version 2.0 of the endpoint, a text in version 1.0 and in some proxies.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

fn grant(body: &[u8]) -> Result<Grant, TokenError> {
    let unexpected = |detail: &str| TokenError::Unexpected {
        detail: format!("the answer of Microsoft Entra holds no token: {detail}"),
    };
    let wire: GrantWire = serde_json::from_slice(body).map_err(|error| unexpected(&describe(&error)))?;
    if wire.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
        return Err(unexpected("it is of another type than Bearer"));
    }
    let token = wire.access_token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unexpected("it is empty or holds characters that no token has"));
    }
    let seconds = match wire.expires_in {
        Seconds::Number(seconds) => Some(seconds),
        Seconds::Text(text) => text.trim().parse::<f64>().ok(),
    };
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let lives =
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.min(LONGEST_LIFE_SECONDS)).ok());
    match lives.and_then(|lives| TimeDelta::from_std(lives).ok()) {
        Some(lives) => Ok(Grant { token: wire.access_token, lives }),
        None => Err(unexpected("its life is no number of seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::TenantId;
    use serde_json::json;
    use uuid::uuid;

    #[test]
    fn the_form_is_encoded_and_asks_for_azure_devops() {
        let application = Application {
            tenant_id: TenantId(uuid!("44444444-4444-4444-8444-444444444444")),
            client_id: uuid!("55555555-5555-4555-8555-555555555555"),
        };
        assert_eq!(
            form(application, &"a~b&c=d+e %".into()),
            "grant_type=client_credentials&client_id=55555555-5555-4555-8555-555555555555\
             &client_secret=a~b%26c%3Dd%2Be%20%25&scope=499b84ac-1321-427f-aa17-267ca6975798%2F.default"
        );
    }

    #[test]
    fn the_life_of_a_token_is_a_number_however_it_is_written() {
        for life in [json!(3599), json!("3599"), json!(3599.0)] {
            let body = json!({"token_type": "bearer", "access_token": "t", "expires_in": life}).to_string();
            assert_eq!(grant(body.as_bytes()).unwrap().lives, TimeDelta::seconds(3599));
        }
    }

    #[test]
    fn an_answer_without_a_usable_token_shows_nothing_of_it() {
        for body in [
            json!({}),
            json!({"access_token": "hidden token", "expires_in": 1}),
            json!({"access_token": "hidden\u{e9}", "expires_in": 1}),
            json!({"access_token": "", "expires_in": 1}),
            json!({"access_token": "hidden", "expires_in": 0}),
            json!({"access_token": "hidden", "expires_in": "hidden"}),
            json!({"access_token": "hidden", "expires_in": 1, "token_type": "pop"}),
            json!({"access_token": 7, "expires_in": 1}),
        ] {
            match grant(body.to_string().as_bytes()) {
                Err(TokenError::Unexpected { detail }) => assert!(!detail.contains("hidden"), "{detail}"),
                _ => panic!("{body}"),
            }
        }
    }
}
