//! Serves HTTP until the soft stop.

use crate::lifecycle::Shutdown;
use axum::Router;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Serves `router` at `address`; returns where, because port 0 takes a free one.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    name: &'static str,
    address: SocketAddr,
    router: Router,
    shutdown: &Shutdown,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tracing::info!(address = %address, service = name, "listening");
    let soft = shutdown.soft().clone();
    shutdown.spawn(name, async move {
        let server = axum::serve(listener, router).with_graceful_shutdown(soft.cancelled_owned());
        if let Err(error) = server.await {
            tracing::error!(service = name, error = %error, "the server ended");
        }
    });
    Ok(address)
}
