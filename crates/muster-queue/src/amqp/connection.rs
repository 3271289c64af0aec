//! One connection, from TCP to login, under one deadline, and with a handle to end it by force.

use super::address::Address;
use super::error::{self, ConnectError};
use super::options::AmqpOptions;
use lapin::runtime::default_runtime;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, ConnectionProperties};
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::timeout;

/// What every connection is made from: the options, read and found valid.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) options: AmqpOptions,
    pub(crate) addresses: Vec<Address>,
    authorities: Option<String>,
}

/// A second handle to the socket of a connection. The client library stops writing when the broker blocks the
/// connection, even the closing of it, and waits without end for a peer that is frozen; this ends both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Socket(Arc<Mutex<Option<std::net::TcpStream>>>);

impl Dialer {
    /// Reads the URLs and the certificates.
    pub(crate) async fn new(options: AmqpOptions) -> Result<Self, ConnectError> {
        let addresses = options
            .urls
            .iter()
            .map(|url| Address::parse(url, options.heartbeat_seconds))
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(ConnectError::Misconfigured("no URL is given".to_owned()));
        }
        let authorities = match &options.ca_file {
            None => None,
            Some(path) => Some(tokio::fs::read_to_string(path).await.map_err(|error| {
                ConnectError::Misconfigured(format!("the CA file {}: {error}", path.display()))
            })?),
        };
        Ok(Self { options, addresses, authorities })
    }

    /// Connects and logs in. `purpose` tells the connections of one process apart in the broker's list.
    pub(crate) async fn dial(
        &self,
        address: &Address,
        purpose: &str,
    ) -> Result<(lapin::Connection, Socket), ConnectError> {
        let socket = Socket::default();
        let name = format!("{}:{purpose}", self.options.client_name);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let attempt = self.attempt(address.uri(), properties, socket.clone());
        match timeout(self.options.connect_deadline, attempt).await {
            Ok(Ok(connection)) => Ok((connection, socket)),
            Ok(Err(error)) => Err(error::of_connect(&address.to_string(), &error)),
            Err(_elapsed) => {
                socket.shut_down();
                let reason = format!("no answer within {} s", self.options.connect_deadline.as_secs_f32());
                Err(ConnectError::Unreachable { address: address.to_string(), reason })
            }
        }
    }

    /// Not through the library's own `connect`: that one prints the URL with the password at trace level, has no
    /// deadline, and leaves a thread behind for every peer that does not answer.
    async fn attempt(
        &self,
        uri: AMQPUri,
        properties: ConnectionProperties,
        socket: Socket,
    ) -> lapin::Result<lapin::Connection> {
        let tls = OwnedTLSConfig { identity: None, cert_chain: self.authorities.clone() };
        let deadline = self.options.connect_deadline;
        let runtime = default_runtime()?;
        let reactor = runtime.clone();
        let connect = async move |uri: AMQPUri, _| {
            let host = uri.authority.host.as_str();
            let open = async {
                let addresses: Vec<_> = tokio::net::lookup_host((host, uri.authority.port)).await?.collect();
                let stream = AsyncTcpStream::connect(&reactor, addresses).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    socket.keep(plain.get_ref())?;
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => stream.into_tls(host, tls.as_ref()).await,
                }
            };
            timeout(deadline, open).await.map_err(io::Error::from).flatten().map_err(lapin::Error::from)
        };
        lapin::Connection::connector(uri, runtime, connect, properties).await
    }
}

impl Socket {
    fn keep(&self, stream: &tokio::net::TcpStream) -> io::Result<()> {
        #[cfg(unix)]
        let duplicate = std::os::fd::AsFd::as_fd(stream).try_clone_to_owned()?;
        #[cfg(windows)]
        let duplicate = std::os::windows::io::AsSocket::as_socket(stream).try_clone_to_owned()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(duplicate.into());
        Ok(())
    }

    /// Ends the connection at once: everything that waits for it fails.
    pub(crate) fn shut_down(&self) {
        if let Some(stream) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // An error says that the peer was faster.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
