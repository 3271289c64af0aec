//! A TCP proxy that breaks connections in the ways a network does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A side of the proxy, named by who receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// From the target to whoever connected.
    Client,
    /// From whoever connected to the target.
    Target,
}

/// What is wrong with the network now.
#[derive(Debug, Clone, Default)]
struct Weather {
    stalled: bool,
    refusing: bool,
    delay: Duration,
    client_closed: usize,
    target_closed: usize,
}

/// A proxy in front of one address, listening on a free loopback port until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    /// Where connections to come are led; those that are open stay.
    target: Mutex<String>,
    weather: watch::Sender<Weather>,
    /// Cancelled by a cut, then replaced for the connections to come.
    cut: Mutex<CancellationToken>,
    open: AtomicUsize,
    accepted: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy to `target`, a `host:port`.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind the proxy to a free port");
        let address = listener.local_addr().expect("the proxy's address");
        let shared = Arc::new(Shared {
            target: Mutex::new(target.to_owned()),
            weather: watch::Sender::new(Weather::default()),
            cut: Mutex::default(),
            open: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
        });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            shared.clone(),
            stop.child_token(),
        )));
        Self { address, shared, stop }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same URL by way of this proxy: host and port replaced.
    pub fn through(&self, url: &str) -> String {
        url.replacen(&self.shared.target(), &self.address.to_string(), 1)
    }

    /// Leads new connections to another `host:port`, as a virtual address that moves; open ones stay where they are.
    pub fn retarget(&self, target: &str) {
        target.clone_into(&mut self.shared.target.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// How many connections there were since the start.
    pub fn accepted_connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Resets every open connection on both sides; new ones are served.
    pub fn cut(&self) {
        let mut cut = self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *cut).cancel();
    }

    /// Closes new connections at once, as a service that is down; open ones go on.
    pub fn refuse(&self) {
        self.shared.weather.send_modify(|weather| weather.refusing = true);
    }

    /// Forwards nothing any more, while every connection stays open: a peer that hangs.
    pub fn stall(&self) {
        self.shared.weather.send_modify(|weather| weather.stalled = true);
    }

    /// Holds back every piece of data for this long, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.weather.send_modify(|weather| weather.delay = delay);
    }

    /// Ends one direction of every open connection: the receiver reads the end, what is still sent there is
    /// swallowed, the other direction goes on.
    pub fn half_close(&self, toward: Toward) {
        self.shared.weather.send_modify(|weather| match toward {
            Toward::Client => weather.client_closed += 1,
            Toward::Target => weather.target_closed += 1,
        });
    }

    /// Ends stalling, refusing and delaying; what was held back arrives.
    pub fn restore(&self) {
        self.shared.weather.send_modify(|weather| {
            weather.stalled = false;
            weather.refusing = false;
            weather.delay = Duration::ZERO;
        });
    }
}

impl Shared {
    fn target(&self) -> String {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    while let Ok((client, _)) = listener.accept().await {
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        if shared.weather.borrow().refusing {
            continue;
        }
        let cut = shared.cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(client, shared.clone(), cut)));
    }
}

/// Counts a connection while it is open, however its task ends.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>, cut: CancellationToken) {
    let Ok(target) = TcpStream::connect(shared.target()).await else { return };
    shared.open.fetch_add(1, Ordering::SeqCst);
    let _open = Open(shared.clone());
    let _ = (client.set_nodelay(true), target.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_target, mut to_target) = target.into_split();
    let flow = async {
        tokio::join!(
            pump(&mut from_client, &mut to_target, Toward::Target, shared.weather.subscribe()),
            pump(&mut from_target, &mut to_client, Toward::Client, shared.weather.subscribe()),
        )
    };
    if cut.run_until_cancelled(flow).await.is_none() {
        // Without lingering and without the end of the stream that a drop would send, the close is a reset.
        let _ = (to_client.as_ref().set_zero_linger(), to_target.as_ref().set_zero_linger());
        to_client.forget();
        to_target.forget();
    }
}

/// Moves data in one direction until it ends or cannot be written.
async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    toward: Toward,
    mut weather: watch::Receiver<Weather>,
) {
    let closed = |weather: &Weather| match toward {
        Toward::Client => weather.client_closed,
        Toward::Target => weather.target_closed,
    };
    let closed_before = closed(&weather.borrow_and_update());
    let mut swallowing = false;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            biased;
            known = reached(&mut weather, |now| closed(now) != closed_before), if !swallowing => {
                if !known {
                    return;
                }
                swallowing = true;
                let _ = to.shutdown().await;
            }
            read = from.read(&mut buffer) => {
                let length = read.unwrap_or(0);
                if swallowing && length > 0 {
                    continue;
                }
                let delay = weather.borrow().delay;
                if !delay.is_zero() {
                    // The delay is what this proxy is for: a slow network, not a wait for luck.
                    tokio::time::sleep(delay).await;
                }
                if !reached(&mut weather, |now| !now.stalled).await {
                    return;
                }
                if length == 0 {
                    let _ = to.shutdown().await;
                    return;
                }
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Waits for a weather; false when there is none any more.
async fn reached(weather: &mut watch::Receiver<Weather>, wanted: impl Fn(&Weather) -> bool) -> bool {
    weather.wait_for(|now| wanted(now)).await.is_ok()
}
