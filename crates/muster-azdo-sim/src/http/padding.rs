//! Answers that are much longer than they need to be, plain or compressed.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::convert::Infallible;

const MEBIBYTE: usize = 1024 * 1024;
const BEGIN: &[u8] = b"{\"count\":0,\"value\":[";
const END: &[u8] = b"]}";

/// An empty list with so many MiB of spaces in it.
pub(crate) fn answer(mebibytes: u32, is_compressed: bool) -> Response {
    let json = (CONTENT_TYPE, "application/json; charset=utf-8; api-version=7.1");
    if is_compressed {
        return ([json, (CONTENT_ENCODING, "gzip")], compressed(mebibytes)).into_response();
    }
    let spaces = Bytes::from(vec![b' '; MEBIBYTE]);
    let spaces = (0..mebibytes).map(move |_| spaces.clone());
    let pieces = std::iter::once(Bytes::from_static(BEGIN)).chain(spaces);
    let pieces = pieces.chain(std::iter::once(Bytes::from_static(END))).map(Ok::<_, Infallible>);
    ([json], Body::from_stream(stream::iter(pieces))).into_response()
}

/// The same as gzip (RFC 1952) around one block of deflate with fixed codes (RFC 1951, section 3.2.6), in which every 258
/// spaces are a copy of the ones before.
fn compressed(mebibytes: u32) -> Vec<u8> {
    const COPY_LENGTH: usize = 258;
    let spaces = usize::try_from(mebibytes).unwrap_or(usize::MAX).saturating_mul(MEBIBYTE);
    let copies = spaces / COPY_LENGTH;
    let mut bits = Bits::default();
    bits.push(0b011, 3);
    for byte in BEGIN {
        bits.literal(*byte);
    }
    // The first one is written, the others are copied.
    bits.literal(b' ');
    for _ in 0..copies {
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    for byte in END {
        bits.literal(*byte);
    }
    bits.code(0, 7);
    let mut crc = Crc::default();
    BEGIN.iter().for_each(|byte| crc.add(*byte));
    (0..=copies * COPY_LENGTH).for_each(|_| crc.add(b' '));
    END.iter().for_each(|byte| crc.add(*byte));
    let length = BEGIN.len() + 1 + copies * COPY_LENGTH + END.len();
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend(bits.finish());
    gzip.extend(crc.finish().to_le_bytes());
    gzip.extend(u32::try_from(length % (1 << 32)).unwrap_or_default().to_le_bytes());
    gzip
}

/// Bits in the order of deflate: the lowest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// `count` bits, the lowest first.
    fn push(&mut self, bits: u32, count: u32) {
        for place in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from((bits >> place) & 1 == 1) << (self.used % 8);
            }
            self.used += 1;
        }
    }

    /// A code of Huffman: the highest bit first.
    fn code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (u32::BITS - count), count);
    }

    /// A byte under 144, whose code of eight bits begins at 48.
    fn literal(&mut self, byte: u8) {
        self.code(0x30 + u32::from(byte), 8);
    }

    fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The checksum of gzip.
struct Crc(u32);

impl Default for Crc {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc {
    fn add(&mut self, byte: u8) {
        self.0 ^= u32::from(byte);
        for _ in 0..8 {
            self.0 = (self.0 >> 1) ^ (0xEDB8_8320 & (self.0 & 1).wrapping_neg());
        }
    }

    fn finish(self) -> u32 {
        !self.0
    }
}
