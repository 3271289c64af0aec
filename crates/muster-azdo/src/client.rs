//! The client of one process.

use crate::authorization::Authorization;
use crate::breaker::Breakers;
use crate::entra::{Applications, Authority, ENTRA_URL};
use crate::hosts::{BaseUrls, Hosts};
use crate::lane::Lanes;
use crate::session::Session;
use muster_domain::budget::{Caller, ConsumptionGate};
use muster_domain::{Clock, IdentityKey};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// How the client behaves.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where Azure DevOps is.
    pub base: Hosts,
    /// Where Microsoft Entra is, which gives out the tokens of applications. Client secrets go there.
    pub entra_url: String,
    /// Sent with every call; distinctive, because the service's usage page filters by it.
    pub user_agent: String,
    /// Longest time from sending a call to the last byte of a buffered answer, or to the head of a streamed one.
    /// Above 60 s, because the service holds throttled answers back for up to 30 s.
    pub total_timeout: Duration,
    /// Longest silence within the body of an answer.
    pub idle_read_timeout: Duration,
    /// Longest time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Longest body of a buffered answer, after decompression.
    pub max_body_bytes: u64,
    /// Calls in flight per identity and process; one of them is kept for people. The service has an undocumented
    /// threshold for concurrency beside the consumption limit.
    pub concurrency_per_identity: NonZeroUsize,
    /// A wait for room in the budget that is no longer than this happens in place.
    pub short_wait: Duration,
}

/// Throttled answers are held back for up to 30 s by the service; this leaves room for a slow one.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(100);
/// Within a body nothing is held back: a minute of silence is a dead connection.
const IDLE_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// A host that takes longer to answer a connection is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A wait that is shorter than parking the job and taking it up again.
const SHORT_WAIT: Duration = Duration::from_secs(2);

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            base: Hosts::Cloud,
            entra_url: ENTRA_URL.to_owned(),
            user_agent: concat!("muster/", env!("CARGO_PKG_VERSION")).to_owned(),
            total_timeout: TOTAL_TIMEOUT,
            idle_read_timeout: IDLE_READ_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            max_body_bytes: 16 * 1024 * 1024,
            concurrency_per_identity: NonZeroUsize::new(4).expect("4 is not zero"),
            short_wait: SHORT_WAIT,
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The override of the hosts cannot be used.
    #[error("the base URL of Azure DevOps cannot be used: {0}")]
    BaseUrl(String),
    /// The URL of Microsoft Entra cannot be used.
    #[error("the URL of Microsoft Entra (MUSTER_ENTRA_URL) cannot be used: {0}")]
    EntraUrl(String),
    /// The HTTP client could not be made (TLS roots, header values).
    #[error("the HTTP client cannot be made: {0}")]
    Http(String),
}

/// Azure DevOps, as one process sees it: one connection pool, one count of calls in flight per identity. Cheap to
/// clone.
#[derive(Clone)]
pub struct AzureDevOps {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    pub(crate) urls: BaseUrls,
    pub(crate) options: ClientOptions,
    pub(crate) gate: Arc<dyn ConsumptionGate>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) applications: Applications,
    pub(crate) breakers: Breakers,
    lanes: Lanes,
}

impl AzureDevOps {
    /// Makes the client of a process. Every call will go through `gate`. The process must have installed a TLS
    /// provider before.
    ///
    /// # Errors
    /// When the base URL or the HTTP client cannot be used.
    pub fn new(
        options: ClientOptions,
        gate: Arc<dyn ConsumptionGate>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let urls = BaseUrls::of(&options.base)?;
        let authority = Authority::of(&options.entra_url)?;
        let http = http_client(&options, urls.is_loopback())?;
        let entra = if authority.is_loopback() == urls.is_loopback() {
            http.clone()
        } else {
            http_client(&options, authority.is_loopback())?
        };
        let applications = Applications::new(entra, authority, Arc::clone(&clock));
        let lanes = Lanes::new(options.concurrency_per_identity);
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                urls,
                options,
                gate,
                clock,
                applications,
                breakers: Breakers::default(),
                lanes,
            }),
        })
    }

    /// Calls as `identity`, proven by `authorization`, for `caller`. Sessions of one identity share its
    /// calls in flight.
    pub fn session(
        &self,
        identity: IdentityKey,
        authorization: Authorization,
        caller: impl Into<Caller>,
    ) -> Session {
        let lane = self.inner.lanes.of(&identity);
        Session { client: self.clone(), identity, authorization, caller: caller.into(), lane }
    }
}

fn http_client(options: &ClientOptions, is_loopback: bool) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        // A redirect leads to a page to sign in; following it would also show the credential to another host.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    if is_loopback {
        // A proxy of the environment does not reach this machine.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError::Http(error.to_string()))
}

impl fmt::Debug for AzureDevOps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AzureDevOps").field("options", &self.inner.options).finish_non_exhaustive()
    }
}
