//! Whether Azure DevOps and Microsoft Entra can be reached from here, TLS included.

use super::check::Report;
use chrono::DateTime;
use muster_azdo::{ENTRA_URL, is_loopback};
use muster_domain::credential::Credential;
use muster_domain::{Clock as _, SystemClock};
use muster_runtime::configuration::Configuration;
use std::time::Duration;

const AREA: &str = "services";
/// Hosts of Azure DevOps that every pass talks to.
/// Source: Microsoft's list of allowed domains and URLs of Azure DevOps.
const AZURE_DEVOPS_URLS: [&str; 2] = ["https://dev.azure.com", "https://app.vssps.visualstudio.com"];
/// Tokens of Microsoft Entra bear with five minutes.
/// Source: Microsoft identity platform, access tokens, clock skew.
const MOST_SKEW_SECONDS: i64 = 300;
/// A host that takes longer to answer is as good as away.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks each host without a credential: any answer will do, 401 and a page to sign in are expected.
pub(super) async fn examine(configuration: &Configuration, credentials: &[Credential], report: &mut Report) {
    let urls: Vec<String> = match &configuration.azure_devops_url {
        Some(url) => vec![url.clone()],
        None => AZURE_DEVOPS_URLS.map(str::to_owned).to_vec(),
    };
    for url in urls {
        let name = format!("Azure DevOps at {}", without_user(&url));
        match answer(&url).await {
            Ok(status) => report.ok(AREA, name, status),
            Err(error) => report.failed(
                AREA,
                name,
                error,
                "check name resolution, proxy (HTTPS_PROXY), firewall and MUSTER_AZURE_DEVOPS_URL",
            ),
        }
    }
    let applications = credentials.iter().filter(|credential| credential.kind.is_application()).count();
    let url = configuration.entra_url.clone().unwrap_or_else(|| ENTRA_URL.to_owned());
    let name = format!("Microsoft Entra at {}", without_user(&url));
    let remedy = "check name resolution, proxy (HTTPS_PROXY), firewall and MUSTER_ENTRA_URL";
    match answer(&url).await {
        Ok(status) => report.ok(AREA, name, status),
        Err(error) if applications > 0 => report.failed(AREA, name, error, remedy),
        Err(error) => report.warning(
            AREA,
            name,
            format!("{error}; no credential needs it"),
            format!("before credentials of applications are stored: {remedy}"),
        ),
    }
}

async fn answer(url: &str) -> Result<String, String> {
    let redirects = reqwest::redirect::Policy::none();
    let mut builder = reqwest::Client::builder().redirect(redirects).timeout(DEADLINE);
    if is_local(url) {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|error| error.to_string())?;
    match client.get(url).send().await {
        Ok(response) => {
            let date = response.headers().get(reqwest::header::DATE);
            let date = date.and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
            let skew = date.map(|there| (there.to_utc() - SystemClock.now()).num_seconds().abs());
            match skew {
                Some(seconds) if seconds > MOST_SKEW_SECONDS => Err(format!(
                    "answers ({}), and its clock is {seconds} s from the one of this machine: tokens and certificates are \
                     refused by that; let this machine take its time from a time server (NTP)",
                    response.status().as_u16()
                )),
                _ => Ok(format!("answers ({})", response.status().as_u16())),
            }
        }
        Err(error) => Err(reason(&error)),
    }
}

/// The innermost cause: the outer ones only say that it failed.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { format!("no answer within {} s", DEADLINE.as_secs()) } else { cause.to_string() }
}

fn is_local(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

/// An address as it may be shown.
fn without_user(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(mut url) if url.has_host() => {
            // Only an address without a host refuses.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string().trim_end_matches('/').to_owned()
        }
        Ok(_) | Err(_) => "an address that cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_a_password() {
        assert_eq!(without_user("https://user:hidden@host/path"), "https://host/path");
        assert!(!without_user("user:hidden@host").contains("hidden"));
        assert!(is_local("http://127.0.0.1:80/") && !is_local("https://dev.azure.com"));
    }
}
