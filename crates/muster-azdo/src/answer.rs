//! A good answer whose body is still to come.

use crate::authorization::Authorization;
use crate::call::AnswerSize;
use crate::error::{CallError, CallTarget};
use crate::excerpt::excerpt;
use crate::json::{ListFault, describe, expect_object, without_byte_order_mark};
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

/// Longest streamed body, after decompression: a million repositories take about one GiB.
const LONGEST_STREAM_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// How a body may be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    idle: Duration,
    until: Option<Instant>,
    bytes: u64,
}

impl BodyLimits {
    /// Limits of an answer of `size` whose total time ends at `until`.
    pub(crate) fn of(size: AnswerSize, idle: Duration, until: Instant, buffered_bytes: u64) -> Self {
        match size {
            AnswerSize::Bounded => Self { idle, until: Some(until), bytes: buffered_bytes },
            AnswerSize::Streamed => Self { idle, until: None, bytes: LONGEST_STREAM_BYTES },
        }
    }
}

/// An answer with status 200 and JSON, its body unread. Keeps its place among the calls in flight until it is dropped
/// or gives it up.
pub(crate) struct Answer {
    pub(crate) call: CallTarget,
    pub(crate) response: reqwest::Response,
    pub(crate) limits: BodyLimits,
    pub(crate) authorization: Authorization,
    pub(crate) in_flight: Option<OwnedSemaphorePermit>,
}

impl Answer {
    /// The head of the answer.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Gives up its place among the calls in flight. An answer that is handed out in parts needs none: whoever makes
    /// another call between two parts would wait for itself.
    pub(crate) fn leave(&mut self) {
        self.in_flight = None;
    }

    /// The next part of the body; `None` at its end.
    ///
    /// # Errors
    /// When the body stalls, breaks off or is too long.
    pub(crate) async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, CallError> {
        let read = timeout(self.limits.idle, self.response.chunk());
        let read = match self.limits.until {
            Some(until) => timeout_at(until, read).await.unwrap_or_else(Err),
            None => read.await,
        };
        let chunk = match read {
            Err(_) => return Err(self.transient("the body of the answer stalled".to_owned())),
            Ok(Err(error)) => {
                let detail = format!("the body of the answer broke off: {}", describe_http(error));
                return Err(self.transient(detail));
            }
            Ok(Ok(chunk)) => chunk,
        };
        let length = match &chunk {
            Some(bytes) => bytes.len(),
            None => 0,
        };
        match self.limits.bytes.checked_sub(length as u64) {
            Some(left) => self.limits.bytes = left,
            None => return Err(self.unexpected("the body of the answer is too long")),
        }
        Ok(chunk)
    }

    /// The whole body as one object.
    ///
    /// # Errors
    /// When it does not arrive whole, or is something else.
    pub(crate) async fn object<T: DeserializeOwned>(mut self) -> Result<T, CallError> {
        let body = self.body().await?;
        let body = without_byte_order_mark(&body);
        if body.trim_ascii().is_empty() {
            return Err(self.unexpected("the body is empty"));
        }
        expect_object(body).map_err(|violation| self.unexpected(violation.0))?;
        serde_json::from_slice(body).map_err(|error| {
            self.fault(if error.is_eof() { ListFault::Truncated } else { ListFault::shape(describe(&error)) })
        })
    }

    /// The whole body as text.
    ///
    /// # Errors
    /// When it does not arrive whole, or is something else.
    pub(crate) async fn text(&mut self) -> Result<String, CallError> {
        let body = self.body().await?;
        match std::str::from_utf8(without_byte_order_mark(&body)) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.unexpected("the body is no text")),
        }
    }

    async fn body(&mut self) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(chunk.as_ref());
        }
        Ok(body)
    }

    /// The error for a body that is not as it should be.
    pub(crate) fn fault(&self, fault: ListFault) -> CallError {
        match fault {
            ListFault::Truncated => self.transient("the body of the answer ends in the middle".to_owned()),
            ListFault::Shape(detail) => self.unexpected(&detail),
        }
    }

    /// The error for an answer that breaks the contract.
    pub(crate) fn unexpected(&self, detail: &str) -> CallError {
        let detail = excerpt(detail, &self.authorization);
        self.report(CallError::Unexpected { call: self.call.clone(), detail })
    }

    fn transient(&self, detail: String) -> CallError {
        self.report(CallError::Transient { call: self.call.clone(), detail })
    }

    /// Logs a failure that the body brought.
    pub(crate) fn report(&self, error: CallError) -> CallError {
        let status = self.response.status().as_u16();
        let activity_id = activity_id(self.response.headers());
        tracing::warn!(http.status = status, ado.activity_id = activity_id, %error, "answer could not be used");
        error
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").field("call", &self.call).finish_non_exhaustive()
    }
}

/// The id under which the service's support finds a call.
pub(crate) fn activity_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("activityid").and_then(|id| id.to_str().ok())
}

/// What failed below HTTP, innermost cause last, without the URL.
pub(crate) fn describe_http(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut description = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        description = format!("{description}: {cause}");
        source = cause.source();
    }
    description
}
