//! From a call to its answer: leave first, then the request, then the account of it.

use crate::answer::{Answer, BodyLimits, describe_http};
use crate::authorization::Proof;
use crate::call::{AnswerContent, Call, Method};
use crate::classify::Head;
use crate::error::{CallError, CallTarget};
use crate::excerpt::RefusalBody;
use crate::reservation::Reservation;
use crate::session::Session;
use crate::signals::{as_blocked, read_signals};
use muster_domain::budget::{NoRoom, NoRoomReason};
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Response, Url};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Shortest wait for room in the budget: clocks of database and process differ, so "now" must not spin.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
/// Most of a refused answer's body that is read: its message stands at the beginning.
const REFUSAL_BODY_BYTES: usize = 64 * 1024;
/// Longest wait for a refused answer's body: its head has said most already.
const REFUSAL_BODY_WAIT: Duration = Duration::from_secs(5);

/// How the TLS library words a certificate that it does not trust (`Display` of `rustls::Error::InvalidCertificate`): the
/// HTTP client hands the error on as text only.
const BAD_CERTIFICATE: &str = "invalid peer certificate";

/// A good answer is asked for, not a redirect to a page to sign in (the official clients send it with every call).
const SUPPRESS_SIGN_IN: (&str, &str) = ("X-TFS-FedAuthRedirect", "Suppress");

impl Session {
    /// Makes one call: the one way to Azure DevOps.
    ///
    /// # Errors
    /// When there is no leave for it, no answer, or one of no use.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, CallError> {
        let Some(url) = call.url(&self.client.inner.urls) else {
            let detail = "no organization or resource can have this name".to_owned();
            return Err(CallError::NotFound { call: call.target, detail });
        };
        let proof = self.proof(&call).await?;
        match self.send_once(url.clone(), &call, &proof).await {
            Ok(answer) => Ok(answer),
            // A token may have been revoked before it expires. Another one is tried once, as a call of its own.
            Err(Refused { error: CallError::Unauthorized { .. }, .. })
                if self.authorization.refuse(&proof) =>
            {
                let proof = self.proof(&call).await?.last();
                self.send_once(url, &call, &proof).await.map_err(|refused| refused.error)
            }
            // What was asked for changed meanwhile: it is asked for once more.
            Err(Refused { is_conflict: true, .. }) => {
                self.send_once(url, &call, &proof).await.map_err(|refused| refused.error)
            }
            Err(refused) => Err(refused.error),
        }
    }

    async fn proof(&self, call: &Call) -> Result<Proof, CallError> {
        self.authorization.proof().await.map_err(|error| error.of_call(call.target.clone()))
    }

    async fn send_once(&self, url: Url, call: &Call, proof: &Proof) -> Result<Answer, Refused> {
        let host = host_of(&url);
        let inner = &self.client.inner;
        if let Err(until) = inner.breakers.admit(&host, inner.clock.now()) {
            return Err(CallError::HostUnavailable { call: call.target.clone(), host, until }.into());
        }
        let (in_flight, reservation) = self.enter(&call.target).await?;
        let options = &inner.options;
        let until = Instant::now() + options.total_timeout;
        let response = match timeout_at(until, self.request(url, call, proof).send()).await {
            Ok(Ok(response)) => response,
            failed => {
                reservation.settle(None).await;
                let error = no_answer(call.target.clone(), &host, failed);
                if matches!(error, CallError::Transient { .. }) {
                    inner.breakers.failed(&host, inner.clock.now());
                }
                return Err(error.into());
            }
        };
        let response = self.account(call, proof, response, reservation, &host).await?;
        let limits = BodyLimits::of(call.size, options.idle_read_timeout, until, options.max_body_bytes);
        let authorization = self.authorization.clone();
        Ok(Answer { call: call.target.clone(), response, limits, authorization, in_flight: Some(in_flight) })
    }

    /// Waits for a place among the calls in flight and for room in the budget.
    async fn enter(&self, call: &CallTarget) -> Result<(OwnedSemaphorePermit, Reservation), CallError> {
        let inner = &self.client.inner;
        let mut waited = Duration::ZERO;
        loop {
            let in_flight = self.lane.enter(self.caller.class).await;
            match inner.gate.reserve(&self.identity, call.read, &self.caller).await {
                Ok(Ok(grant)) => return Ok((in_flight, Reservation::new(inner.gate.clone(), grant))),
                Ok(Err(NoRoom { retry_at, reason })) => {
                    let now = inner.clock.now();
                    if reason == NoRoomReason::ServicePause {
                        self.lane.note_pause(now);
                    }
                    let wait = (retry_at - now).to_std().unwrap_or_default().max(SHORTEST_WAIT);
                    waited += wait;
                    if waited > inner.options.short_wait {
                        tracing::debug!(until = %retry_at, "no room in the consumption budget");
                        return Err(CallError::Throttled { call: call.clone(), until: retry_at });
                    }
                    // Who waits must not keep others from calling.
                    drop(in_flight);
                    sleep(wait).await;
                }
                Err(error) => {
                    return Err(CallError::GateUnavailable { call: call.clone(), detail: error.to_string() });
                }
            }
        }
    }

    fn request(&self, url: Url, call: &Call, proof: &Proof) -> reqwest::RequestBuilder {
        let http = &self.client.inner.http;
        let request = match &call.method {
            Method::Get => http.get(url),
            Method::Post { body } => http.post(url).json(body),
        };
        let accepted = match call.content {
            AnswerContent::Json => "application/json",
            AnswerContent::Text => "text/csv, text/plain",
        };
        let (name, value) = SUPPRESS_SIGN_IN;
        request.header(ACCEPT, accepted).header(AUTHORIZATION, &proof.header).header(name, value)
    }

    /// Settles the grant with what the answer says, and hands a good answer on. The account comes before the body:
    /// a pause must hold for the whole fleet at once.
    async fn account(
        &self,
        call: &Call,
        proof: &Proof,
        response: Response,
        reservation: Reservation,
        host: &str,
    ) -> Result<Response, Refused> {
        let now = self.client.inner.clock.now();
        let status = response.status();
        let headers = response.headers().clone();
        let signals = read_signals(status, &headers, now);
        let mut head = Head {
            call: &call.target,
            wanted: call.content,
            status,
            headers: &headers,
            signals,
            doubts_refusal: false,
            authorization: &self.authorization,
            now,
        };
        if head.is_good() {
            self.client.inner.breakers.answered(host);
            self.lane.note(&signals, now);
            reservation.settle(Some(signals)).await;
            return Ok(response);
        }
        // A block is certain without its body, and its slot is needed.
        let body = if signals.blocked { RefusalBody::default() } else { refusal_body(response).await };
        if body.is_block() {
            head.signals = as_blocked(signals);
        }
        self.lane.note(&head.signals, now);
        // A token that can be replaced is replaced first: it may have ended meanwhile.
        head.doubts_refusal = !self.authorization.can_replace(proof) && self.lane.is_in_throttled_phase(now);
        reservation.settle(Some(head.signals)).await;
        let error = head.error(&body);
        if head.is_failure_of_host(&error) {
            self.client.inner.breakers.failed(host, now);
        } else {
            self.client.inner.breakers.answered(host);
        }
        Err(Refused { is_conflict: head.is_conflict(), error })
    }
}

/// A call that gave nothing.
struct Refused {
    error: CallError,
    /// What was asked for changed meanwhile (409, 412).
    is_conflict: bool,
}

impl From<CallError> for Refused {
    fn from(error: CallError) -> Self {
        Self { error, is_conflict: false }
    }
}

/// Host and port: what is up or down together.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The beginning of a refused answer's body, as far as it comes soon.
async fn refusal_body(mut response: Response) -> RefusalBody {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= REFUSAL_BODY_BYTES {
                break;
            }
        }
    };
    // What has come until then is enough.
    let _ = timeout(REFUSAL_BODY_WAIT, read).await;
    RefusalBody::parse(&body)
}

/// What is wrong with a certificate, where that is why there is no answer.
fn fault_of_certificate(description: &str) -> Option<String> {
    let (_, reason) = description.split_once(BAD_CERTIFICATE)?;
    Some(reason.trim_start_matches(": ").to_owned())
}

fn no_answer(
    call: CallTarget,
    host: &str,
    failed: Result<Result<Response, reqwest::Error>, tokio::time::error::Elapsed>,
) -> CallError {
    let detail = match failed {
        Ok(Err(error)) => describe_http(error),
        _ => "no answer in time".to_owned(),
    };
    let error = match fault_of_certificate(&detail) {
        Some(detail) => CallError::CertificateRefused { call, host: host.to_owned(), detail },
        None => CallError::Transient { call, detail: format!("no answer of {host}: {detail}") },
    };
    tracing::info!(%error, "call failed");
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CertificateError;

    /// The wording is that of the TLS library, as the HTTP client hands it on.
    #[test]
    fn a_certificate_that_is_not_trusted_is_told_from_a_host_that_is_away() {
        for fault in [
            CertificateError::Expired,
            CertificateError::UnknownIssuer,
            CertificateError::Revoked,
            CertificateError::NotValidForName,
        ] {
            let error = rustls::Error::InvalidCertificate(fault.clone());
            let described = format!("error sending request: client error (Connect): {error}");
            let found = fault_of_certificate(&described).unwrap_or_else(|| panic!("{described}"));
            assert!(!found.is_empty() && described.ends_with(&found), "{found}");
        }
        for described in ["error sending request: tcp connect error: Connection refused", "peer misbehaved"] {
            assert_eq!(fault_of_certificate(described), None);
        }
    }
}
