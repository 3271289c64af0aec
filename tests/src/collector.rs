//! A collector of telemetry that keeps what it is sent, byte by byte.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Bodies with the paths that they came on.
type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Takes OTLP over HTTP until it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    received: Received,
    _stop: DropGuard,
}

impl Collector {
    /// Listens on a free loopback port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind to a free port");
        let address = listener.local_addr().expect("its address");
        let received = Received::default();
        let router = Router::new().fallback(keep).with_state(Arc::clone(&received));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => (),
                _ = axum::serve(listener, router) => (),
            }
        });
        Self { address, received, _stop: stop.drop_guard() }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to say.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that came so far.
    pub fn received(&self) -> Vec<(String, Vec<u8>)> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An empty answer is a message without fields: everything was taken.
async fn keep(State(received): State<Received>, uri: Uri, body: Bytes) {
    received.lock().unwrap_or_else(PoisonError::into_inner).push((uri.path().to_owned(), body.to_vec()));
}
