//! Cuts the elements of a list `{"count": n, "value": [{…}, …]}` out of its text while it arrives. The property that
//! holds the elements may have another name.
//!
//! Every element is handed out as its own text. All that is not an element is kept as a skeleton, in which `0` stands
//! for each of them; at the end the skeleton is parsed too, so that nothing in the answer goes unchecked.

use super::BYTE_ORDER_MARK;
use super::skeleton::{Skeleton, SkeletonSeed};
use serde::de::DeserializeSeed as _;

/// Longest single element. Beyond every answer seen; whole listings of large projects are a few MiB.
const LONGEST_ELEMENT_BYTES: usize = 4 * 1024 * 1024;
/// Longest skeleton: two bytes for each of four million elements.
const LONGEST_SKELETON_BYTES: usize = 8 * 1024 * 1024;
/// Name of the property that holds the elements, in every list but a few.
const USUAL_NAME: &str = "value";

/// What is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListFault {
    /// It ended in the middle.
    Truncated,
    /// It has another shape; in words that hold nothing of it.
    Shape(String),
}

impl ListFault {
    pub(crate) fn shape(detail: impl Into<String>) -> Self {
        Self::Shape(detail.into())
    }
}

/// What a finished list said about itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// `count`, where it was there.
    pub(crate) count: Option<u64>,
    /// Elements that were handed out.
    pub(crate) elements: usize,
}

/// A list that is arriving.
#[derive(Debug)]
pub(crate) struct ListScanner {
    /// Name of the property that holds the elements.
    elements_name: &'static str,
    skeleton: Vec<u8>,
    element: Vec<u8>,
    elements: usize,
    /// The string at depth 1 that ended last: the name of a property, where a colon follows.
    name: Vec<u8>,
    is_elements_next: bool,
    depth: u32,
    mark: usize,
    in_string: bool,
    escaped: bool,
    in_elements: bool,
    in_element: bool,
}

impl Default for ListScanner {
    fn default() -> Self {
        Self::of(USUAL_NAME)
    }
}

impl ListScanner {
    /// A list whose elements are in the property `elements_name`.
    pub(crate) fn of(elements_name: &'static str) -> Self {
        Self {
            elements_name,
            skeleton: Vec::new(),
            element: Vec::new(),
            elements: 0,
            name: Vec::new(),
            is_elements_next: false,
            depth: 0,
            mark: 0,
            in_string: false,
            escaped: false,
            in_elements: false,
            in_element: false,
        }
    }

    /// Takes the next part of the text; `on_element` gets every element that ends in it.
    ///
    /// # Errors
    /// What is wrong with it, or with an element.
    pub(crate) fn feed(
        &mut self,
        mut chunk: &[u8],
        on_element: &mut impl FnMut(&[u8]) -> Result<(), ListFault>,
    ) -> Result<(), ListFault> {
        chunk = self.skip_byte_order_mark(chunk);
        while let Some((&byte, rest)) = chunk.split_first() {
            if self.in_string {
                chunk = self.string_part(chunk);
            } else {
                self.structure(byte, on_element)?;
                chunk = rest;
            }
        }
        if self.element.len() > LONGEST_ELEMENT_BYTES {
            return Err(ListFault::shape(format!("an element is longer than {LONGEST_ELEMENT_BYTES} bytes")));
        }
        if self.skeleton.len() > LONGEST_SKELETON_BYTES {
            return Err(ListFault::shape(format!(
                "the envelope is longer than {LONGEST_SKELETON_BYTES} bytes"
            )));
        }
        Ok(())
    }

    /// Ends the list.
    ///
    /// # Errors
    /// When it is not whole, or has another shape.
    pub(crate) fn finish(self) -> Result<Envelope, ListFault> {
        if self.skeleton.iter().all(u8::is_ascii_whitespace) {
            return Err(ListFault::shape("the body is empty"));
        }
        if self.in_string || self.depth > 0 {
            return Err(ListFault::Truncated);
        }
        super::expect_object(&self.skeleton).map_err(|violation| ListFault::shape(violation.0))?;
        let skeleton = self
            .parse_skeleton()
            .map_err(|error| ListFault::shape(format!("no list: {}", super::describe(&error))))?;
        if skeleton.elements != self.elements {
            return Err(ListFault::shape("the list holds something that is no object"));
        }
        Ok(Envelope { count: skeleton.count, elements: self.elements })
    }

    fn parse_skeleton(&self) -> Result<Skeleton, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(&self.skeleton);
        let skeleton = SkeletonSeed { elements_name: self.elements_name }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(skeleton)
    }

    fn skip_byte_order_mark<'a>(&mut self, mut chunk: &'a [u8]) -> &'a [u8] {
        while self.mark < BYTE_ORDER_MARK.len() {
            match chunk.split_first() {
                None => return chunk,
                Some((byte, rest)) if *byte == BYTE_ORDER_MARK[self.mark] => {
                    self.mark += 1;
                    chunk = rest;
                }
                // A part of a mark is no mark, and no JSON either.
                Some(_) => {
                    self.skeleton.extend_from_slice(&BYTE_ORDER_MARK[..self.mark]);
                    self.mark = BYTE_ORDER_MARK.len();
                }
            }
        }
        chunk
    }

    /// Takes text inside a string up to its end or to the next backslash; gives what is left.
    fn string_part<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let length = if self.escaped {
            self.escaped = false;
            1
        } else {
            match chunk.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                None => chunk.len(),
                Some(position) => {
                    self.escaped = chunk[position] == b'\\';
                    self.in_string = self.escaped;
                    position + 1
                }
            }
        };
        let (part, rest) = chunk.split_at(length);
        self.keep(part);
        if self.depth == 1 {
            self.note_name(part);
        }
        rest
    }

    fn note_name(&mut self, part: &[u8]) {
        // Longer names need no telling apart from the one that matters.
        if self.name.len() <= self.elements_name.len() {
            self.name.extend_from_slice(part.strip_suffix(b"\"").unwrap_or(part));
        }
    }

    fn structure(
        &mut self,
        byte: u8,
        on_element: &mut impl FnMut(&[u8]) -> Result<(), ListFault>,
    ) -> Result<(), ListFault> {
        if byte.is_ascii_whitespace() {
            self.space();
            return Ok(());
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.name.clear();
            }
            b':' if self.depth == 1 => self.is_elements_next = self.name == self.elements_name.as_bytes(),
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => return self.close(byte, on_element),
            _ => {}
        }
        if self.depth == 1 && !matches!(byte, b':' | b'[') {
            self.is_elements_next = false;
        }
        self.keep(&[byte]);
        Ok(())
    }

    fn open(&mut self, byte: u8) {
        if byte == b'[' && self.depth == 1 && self.is_elements_next {
            self.in_elements = true;
        } else if byte == b'{' && self.depth == 2 && self.in_elements {
            self.in_element = true;
            self.element.clear();
        }
        self.depth = self.depth.saturating_add(1);
    }

    fn close(
        &mut self,
        byte: u8,
        on_element: &mut impl FnMut(&[u8]) -> Result<(), ListFault>,
    ) -> Result<(), ListFault> {
        self.keep(&[byte]);
        self.depth = self.depth.saturating_sub(1);
        if self.in_element && self.depth == 2 {
            self.in_element = false;
            self.elements += 1;
            self.skeleton.push(b'0');
            return on_element(&self.element);
        }
        if self.in_elements && self.depth == 1 {
            self.in_elements = false;
        }
        Ok(())
    }

    /// Keeps one space of many, so that what is apart stays apart; between elements none.
    fn space(&mut self) {
        if self.in_element {
            self.element.push(b' ');
        } else if !self.in_elements && self.skeleton.last().is_some_and(|last| *last != b' ') {
            self.skeleton.push(b' ');
        }
    }

    fn keep(&mut self, part: &[u8]) {
        let kept = if self.in_element { &mut self.element } else { &mut self.skeleton };
        kept.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a list gives when it arrives in pieces of `size`.
    fn scan(text: &[u8], size: usize) -> Result<(Envelope, Vec<String>), ListFault> {
        let mut scanner = ListScanner::default();
        let mut elements = Vec::new();
        for chunk in text.chunks(size) {
            scanner.feed(chunk, &mut |element| {
                elements.push(String::from_utf8(element.to_vec()).unwrap());
                Ok(())
            })?;
        }
        Ok((scanner.finish()?, elements))
    }

    /// The same for every size of the pieces.
    fn scan_all(text: &str) -> Result<(Envelope, Vec<String>), ListFault> {
        let whole = scan(text.as_bytes(), usize::MAX);
        for size in 1..text.len() {
            assert_eq!(scan(text.as_bytes(), size), whole, "pieces of {size} of {text}");
        }
        whole
    }

    #[test]
    fn elements_are_cut_out_wherever_the_text_is_split() {
        let text = "\u{feff}{ \"count\": 3, \"other\": {\"value\": [{\"a\":1}]}, \"value\":\n[ {\"a\":\"}]\\\"{[\\\\\"} ,\
                    {\"b\":[{\"value\":[{}]}]},\t{} ], \"more\": [ {\"x\": \"y z\"}, 1, null ] }\n";
        let (envelope, elements) = scan_all(text).unwrap();
        assert_eq!(envelope, Envelope { count: Some(3), elements: 3 });
        assert_eq!(elements, ["{\"a\":\"}]\\\"{[\\\\\"}", "{\"b\":[{\"value\":[{}]}]}", "{}"]);
    }

    #[test]
    fn the_order_of_the_properties_and_a_missing_count_do_not_matter() {
        let (envelope, elements) = scan_all("{\"value\":[{\"é\":\"ü\"}],\"count\":1}").unwrap();
        assert_eq!((envelope.count, elements.len()), (Some(1), 1));
        let (envelope, elements) = scan_all("{\"value\":[]}").unwrap();
        assert_eq!((envelope.count, elements.len()), (None, 0));
    }

    #[test]
    fn elements_may_be_in_a_property_of_another_name() {
        let text = br#"{"features":{"on":true},"value":[{"other":1}],"repos":[{"a":1},{"b":[{}]}],"more":{"repos":[{}]}}"#;
        for size in 1..text.len() {
            let mut scanner = ListScanner::of("repos");
            let mut elements = Vec::new();
            for chunk in text.chunks(size) {
                let mut keep = |element: &[u8]| {
                    elements.push(String::from_utf8(element.to_vec()).unwrap());
                    Ok(())
                };
                scanner.feed(chunk, &mut keep).unwrap();
            }
            assert_eq!(scanner.finish(), Ok(Envelope { count: None, elements: 2 }));
            assert_eq!(elements, ["{\"a\":1}", "{\"b\":[{}]}"]);
        }
        for text in ["{}", "{\"value\":[]}", "{\"repos\":[],\"repos\":[]}", "{\"repos\":null}"] {
            let mut scanner = ListScanner::of("repos");
            scanner.feed(text.as_bytes(), &mut |_| Ok(())).unwrap();
            assert!(matches!(scanner.finish(), Err(ListFault::Shape(_))), "{text}");
        }
    }

    #[test]
    fn every_shorter_text_is_cut_off() {
        let text = "{\"count\":1,\"value\":[{\"a\":\"b\"}]}";
        for length in 1..text.len() {
            assert_eq!(scan(&text.as_bytes()[..length], 7), Err(ListFault::Truncated), "{}", &text[..length]);
        }
    }

    #[test]
    fn another_shape_is_refused() {
        for text in [
            "",
            " ",
            "\u{feff}",
            "null",
            "[]",
            "[{}]",
            "[0,[]]",
            "{}",
            "{\"value\":{}}",
            "{\"value\":null}",
            "{\"Value\":[]}",
            "{\"values\":[]}",
            "{\"value\":[1]}",
            "{\"value\":[0]}",
            "{\"value\":[{} {}]}",
            "{\"value\":[{},]}",
            "{\"value\":[{}}]",
            "{\"value\":[]}}",
            "{\"value\":[]}{\"value\":[]}",
            "{\"value\":[],\"value\":[]}",
            "{\"count\":1 2,\"value\":[]}",
            "{\"count\":\"1\",\"value\":[]}",
            "{\"count\":1 \"value\":[]}",
            "<html></html>",
        ] {
            assert!(matches!(scan_all(text), Err(ListFault::Shape(_))), "{text}: {:?}", scan_all(text));
        }
    }

    #[test]
    fn an_endless_element_or_envelope_is_refused() {
        let endless = |start: &str| {
            let mut scanner = ListScanner::default();
            scanner.feed(start.as_bytes(), &mut |_| Ok(())).unwrap();
            let part = vec![b'x'; 1024 * 1024];
            (0..16).find_map(|_| scanner.feed(&part, &mut |_| Ok(())).err())
        };
        assert!(matches!(endless("{\"value\":[{\"a\":\""), Some(ListFault::Shape(_))));
        assert!(matches!(endless("{\"a\":\""), Some(ListFault::Shape(_))));
    }
}
