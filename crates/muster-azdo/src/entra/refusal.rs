//! Why there is no token.

use crate::error::{CallError, CallTarget, UnauthorizedReason};
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;

/// Why there is no token, named by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// Somebody must change something: secret, application or tenant.
    Refused { detail: String },
    /// Come back then.
    Throttled { until: DateTime<Utc> },
    /// Something failed in passing.
    Passing { detail: String },
    /// The answer breaks the contract.
    Unexpected { detail: String },
}

impl TokenError {
    /// The same as the outcome of the call that needed the token.
    pub(crate) fn of_call(self, call: CallTarget) -> CallError {
        match self {
            Self::Refused { detail } => {
                let reason = UnauthorizedReason::ApplicationRefused;
                CallError::Unauthorized { call, reason, detail }
            }
            Self::Throttled { until } => CallError::Throttled { call, until },
            Self::Passing { detail } => CallError::Transient { call, detail },
            Self::Unexpected { detail } => CallError::Unexpected { call, detail },
        }
    }
}

/// An error of the token endpoint (RFC 6749, section 5.2), with what Entra adds.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RefusalWire {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

/// Where the sentence for people ends and the numbers for support begin.
const SUPPORT_NUMBERS: [&str; 2] = ["Trace ID:", "Correlation ID:"];

/// Codes (`AADSTS…`) that have their own remedy. Source: Microsoft, "Microsoft Entra authentication & authorization error
/// codes".
const WRONG_SECRET: u64 = 7_000_215;
const EXPIRED_SECRET: u64 = 7_000_222;
const UNKNOWN_APPLICATION: u64 = 700_016;
const DISABLED_APPLICATION: u64 = 7_000_112;
const UNKNOWN_TENANT: u64 = 90_002;

impl RefusalWire {
    /// What becomes of an answer with `status`; `shown` redacts and cuts.
    pub(super) fn error(&self, status: StatusCode, shown: impl Fn(&str) -> String) -> TokenError {
        let said = shown(&self.said());
        let separator = if said.is_empty() { "" } else { ": " };
        let failed = format!("Microsoft Entra gave no token (status {}){separator}{said}", status.as_u16());
        if status.is_server_error()
            || status == StatusCode::REQUEST_TIMEOUT
            || matches!(self.error.as_str(), "temporarily_unavailable" | "server_error")
        {
            return TokenError::Passing { detail: failed };
        }
        if self.needs_somebody() {
            let said = said.trim_end_matches('.');
            return TokenError::Refused { detail: format!("{said}; {}", self.remedy()) };
        }
        TokenError::Unexpected { detail: failed }
    }

    /// Error and code, then the sentence for people.
    fn said(&self) -> String {
        let mut sentence = self.error_description.as_str();
        for end in SUPPORT_NUMBERS {
            sentence = sentence.split(end).next().unwrap_or_default();
        }
        let sentence = sentence.trim();
        let code = self.code().filter(|code| !sentence.contains(&code.to_string()));
        let code = code.map(|code| format!(" AADSTS{code}")).unwrap_or_default();
        format!("{}{code} {sentence}", self.error).trim().to_owned()
    }

    fn code(&self) -> Option<u64> {
        self.error_codes.first().copied().or_else(|| {
            let digits = self.error_description.strip_prefix("AADSTS")?;
            digits.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
        })
    }

    /// Whether trying again is of no use until somebody has changed something.
    fn needs_somebody(&self) -> bool {
        matches!(
            self.error.as_str(),
            "invalid_client" | "unauthorized_client" | "invalid_grant" | "access_denied" | "invalid_resource"
        ) || self.code() == Some(UNKNOWN_TENANT)
    }

    fn remedy(&self) -> &'static str {
        match self.code() {
            Some(WRONG_SECRET) => {
                "the client secret is wrong (its value is needed, not its id); store the right one with \
                 `muster credential set`"
            }
            Some(EXPIRED_SECRET) => {
                "the client secret has expired; make a new one for the application and store it with \
                 `muster credential set`"
            }
            Some(UNKNOWN_APPLICATION) => {
                "the tenant does not know the application; check --client-id and --tenant-id of \
                 `muster credential set`"
            }
            Some(DISABLED_APPLICATION) => "the application is disabled; enable it in Microsoft Entra",
            Some(UNKNOWN_TENANT) => "there is no such tenant; check --tenant-id of `muster credential set`",
            _ => {
                "check the application in Microsoft Entra, then tenant, client id and client secret of \
                 `muster credential set`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(status: u16, body: serde_json::Value) -> TokenError {
        let wire: RefusalWire = serde_json::from_value(body).unwrap();
        wire.error(StatusCode::from_u16(status).unwrap(), str::to_owned)
    }

    #[test]
    fn what_somebody_must_change_is_said_with_code_and_remedy() {
        for (status, error, code, remedy) in [
            (401, "invalid_client", 7_000_215, "the client secret is wrong"),
            (401, "invalid_client", 7_000_222, "has expired"),
            (400, "unauthorized_client", 700_016, "check --client-id"),
            (400, "invalid_request", 90_002, "check --tenant-id"),
            (400, "invalid_grant", 53_003, "check the application"),
        ] {
            let description = format!("AADSTS{code}: A sentence. Trace ID: 1 Correlation ID: 2 Timestamp: 3");
            let body = json!({"error": error, "error_description": description, "error_codes": [code], "trace_id": "1"});
            let TokenError::Refused { detail } = outcome(status, body) else { panic!("{error} {code}") };
            assert!(detail.starts_with(&format!("{error} AADSTS{code}: A sentence; ")), "{detail}");
            assert!(detail.contains(remedy) && !detail.contains("Trace"), "{detail}");
        }
    }

    #[test]
    fn a_code_is_found_in_the_description_and_named_without_one() {
        let body =
            json!({"error": "invalid_client", "error_description": "AADSTS7000222: keys are expired."});
        let TokenError::Refused { detail } = outcome(401, body) else { panic!() };
        assert!(detail.contains("has expired"), "{detail}");
        let body = json!({"error": "invalid_client", "error_codes": [7_000_215]});
        let TokenError::Refused { detail } = outcome(401, body) else { panic!() };
        assert!(detail.starts_with("invalid_client AADSTS7000215"), "{detail}");
    }

    #[test]
    fn what_passes_is_told_from_what_breaks_the_contract() {
        assert!(matches!(outcome(503, json!({})), TokenError::Passing { .. }));
        assert!(matches!(
            outcome(400, json!({"error": "temporarily_unavailable"})),
            TokenError::Passing { .. }
        ));
        assert!(matches!(outcome(400, json!({"error": "invalid_request"})), TokenError::Unexpected { .. }));
        assert!(matches!(outcome(404, json!({})), TokenError::Unexpected { .. }));
    }
}
