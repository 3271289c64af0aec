//! A TCP proxy that can go silent, cut, and speak in the broker's name.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Passes everything.
    Pass,
    /// Passes nothing, closes nothing.
    Silent,
    /// Ends every connection, new ones too.
    Cut,
}

/// Ends with this value.
pub(super) struct Proxy {
    /// Host and port to connect to.
    pub(super) server: String,
    mode: watch::Sender<Mode>,
    injected: broadcast::Sender<(usize, Vec<u8>)>,
}

impl Proxy {
    pub(super) async fn before(target: &str, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap().to_string();
        let (mode, injected) = (watch::Sender::new(mode), broadcast::Sender::new(8));
        tokio::spawn(accept(listener, target.to_owned(), mode.subscribe(), injected.clone()));
        Self { server, mode, injected }
    }

    pub(super) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Sends a frame to the client of a connection (counted from 0) as if the broker had. Between frames only: the
    /// connection must be at rest.
    pub(super) fn inject(&self, connection: usize, frame: Vec<u8>) {
        self.injected.send((connection, frame)).unwrap();
    }
}

/// `connection.blocked` and `connection.unblocked`
/// (<https://www.rabbitmq.com/docs/connection-blocked>): class 10, methods 60 and 61.
pub(super) fn blocked(reason: &str) -> Vec<u8> {
    let mut method = vec![0, 10, 0, 60, u8::try_from(reason.len()).unwrap()];
    method.extend(reason.bytes());
    frame(&method)
}

pub(super) fn unblocked() -> Vec<u8> {
    frame(&[0, 10, 0, 61])
}

fn frame(method: &[u8]) -> Vec<u8> {
    const METHOD_FRAME: u8 = 1;
    const FRAME_END: u8 = 0xce;
    let mut frame = vec![METHOD_FRAME, 0, 0];
    frame.extend(u32::try_from(method.len()).unwrap().to_be_bytes());
    frame.extend(method);
    frame.push(FRAME_END);
    frame
}

async fn accept(
    listener: TcpListener,
    target: String,
    mut mode: watch::Receiver<Mode>,
    injected: broadcast::Sender<(usize, Vec<u8>)>,
) {
    let mut number = 0;
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            // The test is over.
            ended = async { while mode.changed().await.is_ok() {} } => return ended,
        };
        if *mode.borrow() == Mode::Cut {
            continue;
        }
        tokio::spawn(pass(client, target.clone(), mode.clone(), number, injected.subscribe()));
        number += 1;
    }
}

async fn pass(
    mut client: TcpStream,
    target: String,
    mut mode: watch::Receiver<Mode>,
    number: usize,
    mut injected: broadcast::Receiver<(usize, Vec<u8>)>,
) {
    let Ok(mut broker) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut from_broker) = (vec![0; 65536], vec![0; 65536]);
    loop {
        let now = *mode.borrow_and_update();
        let alive = tokio::select! {
            changed = mode.changed() => changed.is_ok(),
            Ok((wanted, frame)) = injected.recv() => wanted != number || client.write_all(&frame).await.is_ok(),
            read = client.read(&mut from_client), if now == Mode::Pass => forward(read, &from_client, &mut broker).await,
            read = broker.read(&mut from_broker), if now == Mode::Pass => forward(read, &from_broker, &mut client).await,
        };
        if !alive || *mode.borrow() == Mode::Cut {
            return;
        }
    }
}

async fn forward(read: std::io::Result<usize>, buffer: &[u8], to: &mut TcpStream) -> bool {
    match read {
        Ok(0) | Err(_) => false,
        Ok(length) => to.write_all(&buffer[..length]).await.is_ok(),
    }
}
