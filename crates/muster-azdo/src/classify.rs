//! What an answer means, judged by its status, its head and, where it was refused, its body.

use crate::answer::activity_id;
use crate::authorization::Authorization;
use crate::call::AnswerContent;
use crate::error::{CallError, CallTarget, UnauthorizedReason};
use crate::excerpt::RefusalBody;
use chrono::{DateTime, TimeDelta, Utc};
use muster_domain::budget::ThrottleSignals;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use uuid::Uuid;

/// Header with the service's own code of an error.
const SERVICE_ERROR: &str = "x-tfs-serviceerror";
/// Code of an organization that is deactivated. Source: a recorded answer of such an organization (503, no
/// `Retry-After`).
const ORGANIZATION_STOPPED: &str = "TF24668";
/// Code of an identity that is not authorized in the organization.
const IDENTITY_NOT_AUTHORIZED: &str = "TF400813";
/// Header with the tenant that the organization is linked to, on refusals too.
const RESOURCE_TENANT: &str = "x-vss-resourcetenant";

/// An answer without its body, and what else it is judged by.
pub(crate) struct Head<'a> {
    pub(crate) call: &'a CallTarget,
    pub(crate) wanted: AnswerContent,
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) signals: ThrottleSignals,
    /// A refused credential is not believed: the identity was slowed down in the last few minutes, and a service under
    /// pressure refuses good credentials too. A connector must not be stopped by that.
    pub(crate) doubts_refusal: bool,
    pub(crate) authorization: &'a Authorization,
    pub(crate) now: DateTime<Utc>,
}

impl Head<'_> {
    /// Whether the host says that it cannot answer anything now, for its breaker.
    pub(crate) fn is_failure_of_host(&self, error: &CallError) -> bool {
        self.status.is_server_error() && matches!(error, CallError::Transient { .. })
    }

    /// Whether what was asked for changed while it was asked for: asked again once, at once.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self.status, StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED)
    }

    /// Whether the answer is what was asked for, its body still to be read.
    pub(crate) fn is_good(&self) -> bool {
        let is_wanted = match (self.wanted, self.content()) {
            (AnswerContent::Json, content) => content == Content::Json,
            (AnswerContent::Text, content) => content != Content::Html,
        };
        self.status == StatusCode::OK && is_wanted
    }

    /// Why the answer is of no use. A page where JSON was asked for is a page to sign in, if the service did not
    /// call it an error: it answers so to credentials that are expired.
    pub(crate) fn error(&self, body: &RefusalBody) -> CallError {
        let error = match self.status {
            StatusCode::TOO_MANY_REQUESTS => self.throttled(),
            _ if body.is_block() => self.throttled(),
            StatusCode::SERVICE_UNAVAILABLE if self.is_stopped(body) => {
                CallError::OrganizationStopped { call: self.call.clone() }
            }
            StatusCode::SERVICE_UNAVAILABLE if self.signals.retry_after.is_some() => self.throttled(),
            StatusCode::UNAUTHORIZED => self.unauthorized_status(body),
            StatusCode::FORBIDDEN => {
                CallError::Forbidden { call: self.call.clone(), detail: body.excerpt(self.authorization) }
            }
            StatusCode::NOT_FOUND => {
                CallError::NotFound { call: self.call.clone(), detail: body.excerpt(self.authorization) }
            }
            StatusCode::REQUEST_TIMEOUT => self.transient(body),
            status if status.is_server_error() => self.transient(body),
            StatusCode::NON_AUTHORITATIVE_INFORMATION | StatusCode::FOUND | StatusCode::SEE_OTHER => {
                self.sign_in()
            }
            status if status.as_u16() < 400 && self.content() == Content::Html => self.sign_in(),
            StatusCode::OK => self.unexpected("it is not what was asked for", body),
            _ => self.unexpected("the status", body),
        };
        self.report(error)
    }

    fn throttled(&self) -> CallError {
        let pause = self.signals.retry_after.and_then(|pause| TimeDelta::from_std(pause).ok());
        CallError::Throttled { call: self.call.clone(), until: self.now + pause.unwrap_or_default() }
    }

    fn is_stopped(&self, body: &RefusalBody) -> bool {
        let header = self.headers.get(SERVICE_ERROR).and_then(|value| value.to_str().ok());
        header.is_some_and(|code| code.contains(ORGANIZATION_STOPPED)) || body.mentions(ORGANIZATION_STOPPED)
    }

    fn unauthorized_status(&self, body: &RefusalBody) -> CallError {
        if self.doubts_refusal {
            return self.doubted(body);
        }
        if let Some(detail) = self.tenants_differ() {
            let reason = UnauthorizedReason::ApplicationOfAnotherTenant;
            return CallError::Unauthorized { call: self.call.clone(), reason, detail };
        }
        let reason = if body.mentions(IDENTITY_NOT_AUTHORIZED) {
            UnauthorizedReason::IdentityNotAuthorized
        } else {
            UnauthorizedReason::CredentialRefused
        };
        CallError::Unauthorized { call: self.call.clone(), reason, detail: body.excerpt(self.authorization) }
    }

    /// An application is known in its own tenant only: in words, where the organization is linked to another one.
    fn tenants_differ(&self) -> Option<String> {
        let application = self.authorization.tenant_of_application()?;
        let organization = self.headers.get(RESOURCE_TENANT)?.to_str().ok()?.trim().parse::<Uuid>().ok()?;
        let differ = !organization.is_nil() && organization != application.0;
        differ.then(|| {
            format!(
                "the organization is linked to tenant {organization}, the application belongs to {application}; use an \
                 application of the organization's tenant"
            )
        })
    }

    fn sign_in(&self) -> CallError {
        if self.doubts_refusal {
            return self.doubted(&RefusalBody::default());
        }
        CallError::Unauthorized {
            call: self.call.clone(),
            reason: UnauthorizedReason::SignInPage,
            detail: String::new(),
        }
    }

    fn doubted(&self, body: &RefusalBody) -> CallError {
        let detail = format!(
            "the credential was refused, which is not believed so soon after the service slowed it down: {}",
            self.detail("status", body)
        );
        CallError::Transient { call: self.call.clone(), detail }
    }

    fn transient(&self, body: &RefusalBody) -> CallError {
        CallError::Transient { call: self.call.clone(), detail: self.detail("status", body) }
    }

    fn unexpected(&self, what: &str, body: &RefusalBody) -> CallError {
        CallError::Unexpected { call: self.call.clone(), detail: self.detail(what, body) }
    }

    fn detail(&self, what: &str, body: &RefusalBody) -> String {
        let excerpt = body.excerpt(self.authorization);
        let separator = if excerpt.is_empty() { "" } else { ": " };
        format!("{what} {}{separator}{excerpt}", self.status.as_u16())
    }

    fn content(&self) -> Content {
        let Some(value) = self.headers.get(CONTENT_TYPE) else { return Content::Json };
        let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
        match value.split(';').next().unwrap_or_default().trim() {
            "text/html" | "application/xhtml+xml" => Content::Html,
            media_type if media_type.ends_with("/json") || media_type.ends_with("+json") => Content::Json,
            _ => Content::Other,
        }
    }

    /// Logs a refused call, the only place that knows the service's id of it.
    fn report(&self, error: CallError) -> CallError {
        let status = self.status.as_u16();
        let activity_id = activity_id(self.headers);
        match &error {
            CallError::Throttled { .. } | CallError::Transient { .. } | CallError::NotFound { .. } => {
                tracing::info!(http.status = status, ado.activity_id = activity_id, %error, "call failed");
            }
            _ => tracing::warn!(http.status = status, ado.activity_id = activity_id, %error, "call failed"),
        }
        error
    }
}

/// What a body is said to be. Without a word about it, it is taken for what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Json,
    Html,
    Other,
}
