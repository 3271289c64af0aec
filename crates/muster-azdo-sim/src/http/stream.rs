//! Long lists of JSON, written while they are generated: an answer of any length takes the memory of one chunk.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use futures::stream;
use serde::Serialize;
use serde_json::Value;

/// What stands around the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// `[…]`
    Bare,
    /// `{"value":[…],"count":n}`: the number is known when the items are written.
    ValueThenCount,
    /// An object of which the list is the last member; this is what stands before its first item.
    LastMember { opening: String },
}

const CHUNK_BYTES: usize = 64 * 1024;

/// A body that writes `items` as they come.
pub(crate) fn json_stream<T, I>(items: I, frame: Frame) -> Body
where
    T: Serialize,
    I: Iterator<Item = T> + Send + 'static,
{
    Body::from_stream(stream::iter(Chunks { items, frame, count: 0, place: Place::Start }))
}

struct Chunks<I> {
    items: I,
    frame: Frame,
    count: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Inside,
    End,
}

impl<T: Serialize, I: Iterator<Item = T>> Iterator for Chunks<I> {
    type Item = Result<Bytes, Infallible>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.place == Place::End {
            return None;
        }
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
        if self.place == Place::Start {
            self.place = Place::Inside;
            chunk.extend_from_slice(self.frame.opening().as_bytes());
        }
        while chunk.len() < CHUNK_BYTES {
            let Some(item) = self.items.next() else {
                self.place = Place::End;
                chunk.extend_from_slice(self.frame.closing(self.count).as_bytes());
                break;
            };
            if self.count > 0 {
                chunk.push(b',');
            }
            self.count += 1;
            // Writing to memory what has no maps with odd keys cannot fail; if it did, the client sees broken JSON.
            drop(serde_json::to_writer(&mut chunk, &item));
        }
        Some(Ok(Bytes::from(chunk)))
    }
}

impl Frame {
    /// The frame of an object with the members of `before` and then a list.
    pub(crate) fn after(before: &Value, member: &str) -> Self {
        let before = before.to_string();
        let members = &before[1..before.len() - 1];
        let comma = if members.is_empty() { "" } else { "," };
        Self::LastMember { opening: format!("{{{members}{comma}\"{member}\":[") }
    }

    fn opening(&self) -> &str {
        match self {
            Self::Bare => "[",
            Self::ValueThenCount => "{\"value\":[",
            Self::LastMember { opening } => opening,
        }
    }

    fn closing(&self, count: usize) -> String {
        match self {
            Self::Bare => "]".to_owned(),
            Self::ValueThenCount => format!("],\"count\":{count}}}"),
            Self::LastMember { .. } => "]}".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(count: usize, frame: Frame) -> (String, usize) {
        let chunks =
            Chunks { items: (0..count).map(|n| format!("item {n}")), frame, count: 0, place: Place::Start };
        let chunks: Vec<_> = chunks.map(|chunk| chunk.unwrap()).collect();
        (String::from_utf8(chunks.concat()).unwrap(), chunks.len())
    }

    #[test]
    fn a_list_of_any_length_is_one_document() {
        assert_eq!(written(0, Frame::Bare).0, "[]");
        assert_eq!(written(2, Frame::ValueThenCount).0, "{\"value\":[\"item 0\",\"item 1\"],\"count\":2}");
        let before = serde_json::json!({"inner": {"a": 1}});
        assert_eq!(
            written(1, Frame::after(&before, "list")).0,
            "{\"inner\":{\"a\":1},\"list\":[\"item 0\"]}"
        );
        assert_eq!(written(0, Frame::after(&serde_json::json!({}), "list")).0, "{\"list\":[]}");
        let (text, chunks) = written(50_000, Frame::Bare);
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap().len(), 50_000);
        assert!(chunks > 5);
    }
}
