//! The tokens of one application: one at a time, asked for once, whoever needs it.

use super::applications::Application;
use super::refusal::TokenError;
use super::request::request;
use crate::authorization::{Authorization, REDACTED};
use crate::excerpt::excerpt;
use chrono::{DateTime, TimeDelta, Utc};
use muster_domain::snapshot::encode_path_segment;
use muster_domain::{Clock, TenantId};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long before a token expires the next one is asked for: longer than any call waits for its turn. Of a token that
/// lives for less than twice of this, its second half.
const REFRESH_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Pause between two attempts to renew a token that still works.
const RENEWAL_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// Shortest time between two tokens that replace refused ones. An organization that does not know the application refuses
/// every token; without this pause each call to it would cost a good one.
const REPLACEMENT_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// The tokens of an application. Cheap to clone; clones share them. `Debug` shows no secret.
#[derive(Clone)]
pub struct ApplicationTokens {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    url: Url,
    application: Application,
    secret: SecretString,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
    /// Whoever holds it asks Entra; the others wait for what comes of it.
    flight: tokio::sync::Mutex<()>,
}

/// What is known at the moment.
#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// Requests that came to an end.
    requests: u64,
    /// What came of the last request, if it gave no token.
    failure: Option<TokenError>,
    /// No request before this moment.
    not_before: Option<DateTime<Utc>>,
    /// When a refused token was dropped last.
    dropped_at: Option<DateTime<Utc>>,
}

/// A token.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    /// Tells it from other tokens of the application.
    pub(crate) serial: u64,
    refresh_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl ApplicationTokens {
    pub(super) fn new(
        http: reqwest::Client,
        url: Url,
        application: Application,
        secret: SecretString,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (held, flight) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { http, url, application, secret, clock, held, flight }) }
    }

    /// Whether these are the tokens that this secret of this application opens.
    pub(super) fn are_of(&self, application: Application, secret: &SecretString) -> bool {
        self.inner.application == application && self.inner.secret.expose_secret() == secret.expose_secret()
    }

    /// The tenant of the application.
    pub(crate) fn tenant_id(&self) -> TenantId {
        self.inner.application.tenant_id
    }

    /// A token that works: the one that is held, or a new one.
    pub(crate) async fn token(&self) -> Result<Token, TokenError> {
        let requests = {
            let held = self.held();
            if let Some(answer) = self.without_request(&held) {
                return answer;
            }
            held.requests
        };
        let _flight = self.inner.flight.lock().await;
        {
            let held = self.held();
            if let Some(answer) = self.without_request(&held) {
                return answer;
            }
            // What failed while this caller waited has failed for this caller too.
            if let Some(failure) = held.failure.as_ref().filter(|_| held.requests != requests) {
                return self.usable(&held).ok_or_else(|| failure.clone());
            }
        }
        self.renew().await
    }

    /// Whether another token than the one with that number can be had now.
    pub(crate) fn can_replace(&self, serial: u64) -> bool {
        self.is_replaceable(&self.held(), serial)
    }

    /// The service does not take the token with that number: it is held no longer, if another one can be had. True
    /// where the next one is another one.
    pub(crate) fn refuse(&self, serial: u64) -> bool {
        let mut held = self.held();
        if !self.is_replaceable(&held, serial) {
            return false;
        }
        if held.token.as_ref().is_some_and(|token| token.serial == serial) {
            (held.token, held.dropped_at) = (None, Some(self.inner.clock.now()));
        }
        true
    }

    fn is_replaceable(&self, held: &Held, serial: u64) -> bool {
        let is_held = held.token.as_ref().is_some_and(|token| token.serial == serial);
        let pauses = || held.dropped_at.is_some_and(|then| self.inner.clock.now() - then < REPLACEMENT_PAUSE);
        !is_held || !pauses()
    }

    /// `text` without the secret, in its plain and its encoded form, and without the token.
    pub(crate) fn redact(&self, text: &str) -> String {
        let secret = self.inner.secret.expose_secret();
        let encoded = encode_path_segment(secret);
        let held = self.held();
        let token = held.token.as_ref().map_or("", |token| token.secret.expose_secret());
        [secret, &encoded, token]
            .into_iter()
            .filter(|hidden| !hidden.is_empty())
            .fold(text.to_owned(), |text, hidden| text.replace(hidden, REDACTED))
    }

    /// What can be said without a request: a token that need not be renewed yet, or that Entra asked for a pause.
    fn without_request(&self, held: &Held) -> Option<Result<Token, TokenError>> {
        let now = self.inner.clock.now();
        if let Some(token) = held.token.as_ref().filter(|token| now < token.refresh_at) {
            return Some(Ok(token.clone()));
        }
        if held.not_before.is_none_or(|moment| now >= moment) {
            return None;
        }
        match (self.usable(held), &held.failure) {
            (Some(token), _) => Some(Ok(token)),
            (None, Some(failure @ TokenError::Throttled { .. })) => Some(Err(failure.clone())),
            (None, _) => None,
        }
    }

    fn usable(&self, held: &Held) -> Option<Token> {
        let now = self.inner.clock.now();
        held.token.as_ref().filter(|token| now < token.expires_at).cloned()
    }

    #[tracing::instrument(name = "entra.token", skip_all,
        fields(entra.tenant.id = %self.inner.application.tenant_id, entra.client.id = %self.inner.application.client_id))]
    async fn renew(&self) -> Result<Token, TokenError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let authorization = Authorization::Application(self.clone());
        let shown = |text: &str| excerpt(text, &authorization);
        let outcome =
            request(&inner.http, inner.url.clone(), inner.application, &inner.secret, now, shown).await;
        let mut held = self.held();
        held.requests += 1;
        match outcome {
            Ok(grant) => {
                let ahead = REFRESH_AHEAD.min(grant.lives / 2);
                let expires_at = now + grant.lives;
                let token = Token {
                    secret: grant.token,
                    serial: held.requests,
                    refresh_at: expires_at - ahead,
                    expires_at,
                };
                tracing::debug!(until = %expires_at, "entra gave a token");
                (held.token, held.failure, held.not_before) = (Some(token.clone()), None, None);
                Ok(token)
            }
            Err(error) => {
                held.not_before = Some(match error {
                    TokenError::Throttled { until } => until,
                    _ => now + RENEWAL_PAUSE,
                });
                held.failure = Some(error.clone());
                let usable = self.usable(&held);
                tracing::warn!(?error, goes_on = usable.is_some(), "entra gave no token");
                usable.ok_or(error)
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ApplicationTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApplicationTokens")
            .field("application", &self.inner.application)
            .finish_non_exhaustive()
    }
}
