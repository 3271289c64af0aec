//! A connection that is made again for ever.

use super::connection::{Dialer, Socket};
use super::declare;
use super::error::ConnectError;
use super::options::FirstConnection;
use super::state::State;
use crate::health::count;
use futures::{Stream, StreamExt};
use lapin::Event;
use muster_domain::backoff::Schedule;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often the state of a connection is looked at beside its events.
const LOOK: Duration = Duration::from_secs(1);
/// Time for the broker to answer a close.
const CLOSE_DEADLINE: Duration = Duration::from_millis(800);
/// Pause between attempts that only a person can help, such as a queue with other arguments.
const PAUSE_FOR_A_PERSON: Duration = Duration::from_secs(30);
/// A connection that lived that long begins the schedule of reconnects anew; a shorter one goes on in it, so that a
/// broker which accepts and drops is not hammered.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// Code and words of a wanted close.
const REPLY_SUCCESS: u16 = 200;

/// What a connection is for. A broker in an alarm blocks connections that publish, and the client library then
/// writes nothing more to them, acknowledgements included: hence two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Publishing,
    Consuming,
}

/// A connection with the topology in place.
pub(crate) struct Link {
    pub(crate) connection: lapin::Connection,
    /// Where it goes, without password.
    pub(crate) address: String,
    /// Cancelled by whoever finds it unusable, and when it is gone.
    pub(crate) broken: CancellationToken,
    events: Events,
    socket: Socket,
}

type Events = std::sync::Mutex<Option<Pin<Box<dyn Stream<Item = Event> + Send>>>>;

/// The connection of the moment, if there is one.
pub(crate) type LiveLink = watch::Receiver<Option<Arc<Link>>>;

/// Keeps one connection up.
pub(crate) struct Supervisor {
    pub(crate) purpose: Purpose,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) state: Arc<State>,
    pub(crate) live: watch::Sender<Option<Arc<Link>>>,
}

impl Supervisor {
    /// The first attempt, where its failure is the caller's to hear.
    pub(crate) async fn first(&self) -> Result<Option<Arc<Link>>, ConnectError> {
        match self.dialer.options.first_connection {
            FirstConnection::Required => {
                let link = self.open(0).await?;
                self.offer(&link);
                Ok(Some(link))
            }
            FirstConnection::Awaited => Ok(None),
        }
    }

    /// Until the transport closes.
    pub(crate) async fn run(self, first: Option<Arc<Link>>) {
        let mut next = first;
        let mut attempt = 0;
        let mut had_one = false;
        while !self.state.disconnecting.is_cancelled() {
            let opened = match next.take() {
                Some(link) => Ok(link),
                None => tokio::select! {
                    opened = self.open(attempt) => opened.inspect(|link| self.offer(link)),
                    () = self.state.disconnecting.cancelled() => break,
                },
            };
            let pause = match opened {
                Ok(link) => {
                    if std::mem::replace(&mut had_one, true) {
                        count(&self.state.counters.reconnects);
                    }
                    let since = tokio::time::Instant::now();
                    self.serve(&link).await;
                    attempt = if since.elapsed() >= STABLE_AFTER { 1 } else { attempt + 1 };
                    Schedule::RECONNECT.delay(attempt, rand::random())
                }
                Err(error) => {
                    attempt += 1;
                    self.state.disconnected(self.purpose, error.to_string());
                    tracing::warn!(purpose = %self.purpose, attempt, %error, "broker not connected");
                    if error.needs_a_person() {
                        PAUSE_FOR_A_PERSON
                    } else {
                        Schedule::RECONNECT.delay(attempt, rand::random())
                    }
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.state.disconnecting.cancelled() => {}
            }
        }
        self.live.send_replace(None);
    }

    /// Tries every address once, beginning with another one at each attempt.
    async fn open(&self, attempt: u32) -> Result<Arc<Link>, ConnectError> {
        let addresses = &self.dialer.addresses;
        let start = attempt as usize % addresses.len();
        let mut last = None;
        for address in addresses.iter().cycle().skip(start).take(addresses.len()) {
            match self.open_at(address).await {
                Ok(link) => return Ok(link),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::Misconfigured("no URL is given".to_owned())))
    }

    async fn open_at(&self, address: &super::address::Address) -> Result<Arc<Link>, ConnectError> {
        let (connection, socket) = self.dialer.dial(address, self.purpose.as_str()).await?;
        // Asked for before anything can happen: events that nobody listens to are dropped.
        let events: Pin<Box<dyn Stream<Item = Event> + Send>> = Box::pin(connection.events_listener());
        let address = address.to_string();
        let link = Link {
            connection,
            address,
            broken: CancellationToken::new(),
            events: std::sync::Mutex::new(Some(events)),
            socket,
        };
        match declare::apply(&link.connection, &link.address, self.dialer.options.topology).await {
            Ok(()) => Ok(Arc::new(link)),
            Err(error) => {
                link.end().await;
                Err(error)
            }
        }
    }

    fn offer(&self, link: &Arc<Link>) {
        self.state.connected(self.purpose);
        tracing::info!(purpose = %self.purpose, address = %link.address, "broker connected");
        self.live.send_replace(Some(link.clone()));
    }

    /// Follows the connection until it ends, for whatever reason.
    async fn serve(&self, link: &Link) {
        let cause = tokio::select! {
            cause = self.watch(link) => cause,
            () = link.broken.cancelled() => "given up".to_owned(),
            () = self.state.disconnecting.cancelled() => "closed".to_owned(),
        };
        self.live.send_replace(None);
        self.state.disconnected(self.purpose, format!("connection to {} ended: {cause}", link.address));
        if self.state.disconnecting.is_cancelled() {
            link.end().await;
        } else {
            tracing::warn!(purpose = %self.purpose, address = %link.address, %cause, "broker connection lost");
            link.abandon();
        }
    }

    /// Follows the events of a connection until it is unusable; says why.
    async fn watch(&self, link: &Link) -> String {
        let Some(mut events) = link.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
        else {
            return "watched twice".to_owned();
        };
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => self.blocked(&reason),
                    Some(Event::ConnectionUnblocked) => self.unblocked(),
                    Some(Event::Error(error)) => return error.to_string(),
                    Some(_) => {}
                    None => return "no more events".to_owned(),
                },
                _ = look.tick() => if !link.connection.status().connected() {
                    return "not connected".to_owned();
                },
            }
        }
    }

    fn blocked(&self, reason: &str) {
        tracing::warn!(purpose = %self.purpose, reason, "broker blocks the connection");
        if self.purpose == Purpose::Publishing {
            self.state.set_blocked(true);
        }
    }

    fn unblocked(&self) {
        tracing::info!(purpose = %self.purpose, "broker unblocks the connection");
        if self.purpose == Purpose::Publishing {
            self.state.set_blocked(false);
        }
    }
}

impl Link {
    /// Says that it is unusable; the supervisor makes another one.
    pub(crate) fn give_up(&self) {
        self.broken.cancel();
    }

    /// A polite close, then by force. Bounded also where the broker has blocked the connection.
    async fn end(&self) {
        let close = self.connection.close(REPLY_SUCCESS, "closing".into());
        if let Ok(Err(error)) = timeout(CLOSE_DEADLINE, close).await {
            tracing::debug!(address = %self.address, %error, "close failed");
        }
        self.abandon();
    }

    /// By force: everything that waits for an answer fails at once.
    fn abandon(&self) {
        self.broken.cancel();
        self.socket.shut_down();
    }
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Publishing => "publish",
            Self::Consuming => "consume",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Waits for a connection.
pub(crate) async fn wait_for(live: &mut LiveLink) -> Option<Arc<Link>> {
    let link = live.wait_for(Option::is_some).await.ok()?;
    link.clone()
}
