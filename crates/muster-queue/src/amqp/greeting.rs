//! What a broker says of itself before anybody logs in: its product and version. The client library reads it and
//! keeps it to itself.

use super::address::Address;
use super::declare::ANSWER_DEADLINE;
use lapin::uri::AMQPScheme;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Header of the protocol (AMQP 0-9-1, section 4.2.2).
const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// Longest greeting that is read: RabbitMQ's has some 500 bytes.
const LONGEST_GREETING_BYTES: u64 = 16 * 1024;
/// Type, channel and length of a frame (section 4.2.3).
const FRAME_HEAD_BYTES: usize = 7;
/// Mark of a long string in a table (section 4.2.5.5).
const LONG_STRING: u8 = b'S';

/// Product and version of the broker at an address; `None` where it does not say, or only over TLS.
pub(super) async fn version(address: &Address) -> Option<String> {
    let uri = address.uri();
    if uri.scheme != AMQPScheme::AMQP {
        return None;
    }
    let asked = ask(&uri.authority.host, uri.authority.port);
    let greeting = timeout(ANSWER_DEADLINE, asked).await.ok()?.ok()?;
    let product = property(&greeting, "product")?;
    Some(format!("{product} {}", property(&greeting, "version")?))
}

/// The frame that a broker answers the header of the protocol with.
async fn ask(host: &str, port: u16) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(PROTOCOL_HEADER).await?;
    let mut head = [0_u8; FRAME_HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let [_, _, _, length @ ..] = head;
    let length = u64::from(u32::from_be_bytes(length)).min(LONGEST_GREETING_BYTES);
    let mut frame = Vec::new();
    stream.take(length).read_to_end(&mut frame).await?;
    Ok(frame)
}

/// A text among the properties of the server.
fn property(greeting: &[u8], name: &str) -> Option<String> {
    let length = u8::try_from(name.len()).ok()?;
    let entry: Vec<u8> = [length].into_iter().chain(name.bytes()).chain([LONG_STRING]).collect();
    let start = greeting.windows(entry.len()).position(|window| window == entry)? + entry.len();
    let (length, rest) = greeting.get(start..)?.split_first_chunk::<4>()?;
    let text = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let text: String = String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).collect();
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = vec![0, 10, 0, 10, 0, 9];
        for (name, value) in entries {
            bytes.push(u8::try_from(name.len()).unwrap());
            bytes.extend(name.bytes());
            bytes.push(LONG_STRING);
            bytes.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(value.bytes());
        }
        bytes
    }

    #[test]
    fn properties_are_found_whatever_stands_around_them() {
        let bytes =
            greeting(&[("platform", "Erlang version"), ("version", "3.10.8"), ("product", "RabbitMQ")]);
        assert_eq!(property(&bytes, "version").as_deref(), Some("3.10.8"));
        assert_eq!(property(&bytes, "product").as_deref(), Some("RabbitMQ"));
        assert_eq!(property(&bytes, "cluster_name"), None);
    }

    #[test]
    fn a_greeting_that_is_cut_off_says_nothing() {
        let bytes = greeting(&[("version", "3.10.8")]);
        for end in 0..bytes.len() {
            assert_eq!(property(&bytes[..end], "version"), None, "{end}");
        }
    }
}
