//! URLs of brokers, without ever showing a password.

use super::error::ConnectError;
use lapin::uri::{AMQPScheme, AMQPUri};
use std::fmt;

/// Where a broker is and who we are to it. Printed without the password.
#[derive(Clone)]
pub(crate) struct Address(AMQPUri);

impl Address {
    /// Reads a URL. The error says what is wrong without repeating the URL.
    pub(crate) fn parse(url: &str, heartbeat_seconds: u16) -> Result<Self, ConnectError> {
        let url = url.trim();
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("amqp" | "amqps")) {
            return Err(ConnectError::Misconfigured(
                "the URL must begin with amqp:// or amqps://".to_owned(),
            ));
        }
        let mut uri: AMQPUri = url.parse().map_err(|_: String| {
            // The parser's own words may repeat the URL.
            ConnectError::Misconfigured(
                "the URL cannot be read; reserved characters are written as %XX".to_owned(),
            )
        })?;
        if let Some(host) = ipv6_host(url) {
            // The parser takes an IPv6 host for no host at all and falls back to localhost.
            uri.authority.host = host.to_owned();
        }
        if uri.vhost.is_empty() {
            // `amqp://host/` names the virtual host "", which nobody means.
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat = uri.query.heartbeat.or(Some(heartbeat_seconds));
        Ok(Self(uri))
    }

    /// For the client library alone.
    pub(crate) fn uri(&self) -> AMQPUri {
        self.0.clone()
    }
}

/// The host between brackets.
fn ipv6_host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.strip_prefix('[')?.split_once(']').map(|(host, _)| host)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.0.scheme {
            AMQPScheme::AMQP => "amqp",
            AMQPScheme::AMQPS => "amqps",
        };
        let authority = &self.0.authority;
        let host = &authority.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let (user, port, vhost) = (&authority.userinfo.username, authority.port, &self.0.vhost);
        write!(formatter, "{scheme}://{user}@{host}:{port} vhost {vhost}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match Address::parse(url, 10) {
            Ok(address) => format!("{address} {address:?}"),
            Err(error) => format!("{error} {error:?}"),
        }
    }

    #[test]
    fn no_form_shows_the_password() {
        for url in [
            "amqp://user:s3cret@broker",
            "amqps://user:s3cret@broker:5671/fleet?heartbeat=5",
            "amqp://user:s3cret@[::1]:5672/%2f",
            "amqp://user:s3cret@bro ker",
            "amqp://user:s3cret@broker:port",
            "amqp:user:s3cret@broker",
            "http://user:s3cret@broker",
            "user:s3cret@broker",
            "amqp://user:s3cret@broker?heartbeat=s3cret",
        ] {
            assert!(!shown(url).contains("s3cret"), "{url} is shown as {}", shown(url));
        }
    }

    #[test]
    fn defaults_are_what_people_mean() {
        assert!(shown("amqp://broker").starts_with("amqp://guest@broker:5672 vhost / "));
        assert!(shown("amqp://broker/").starts_with("amqp://guest@broker:5672 vhost / "));
        assert!(shown("amqps://me@broker/%2f").starts_with("amqps://me@broker:5671 vhost / "));
        assert!(
            shown("amqp://me:pass%2Fword@[2001:db8::1]/fleet")
                .starts_with("amqp://me@[2001:db8::1]:5672 vhost fleet ")
        );
    }

    #[test]
    fn the_heartbeat_of_the_url_wins() {
        let heartbeat = |url| Address::parse(url, 10).unwrap().uri().query.heartbeat;
        assert_eq!(heartbeat("amqp://broker"), Some(10));
        assert_eq!(heartbeat("amqp://broker?heartbeat=3"), Some(3));
    }
}
