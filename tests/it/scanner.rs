//! A Rust source as the gates see it: code with comments and the contents of literals blanked out, byte for
//! byte at the same place, and which of its lines are tests.

use std::ops::Range;

/// The text with every comment and the inside of every literal replaced by spaces; line breaks stay.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let in_word = at > 0 && is_word(bytes[at - 1]);
        if rest.starts_with(b"//") {
            at = blank(&mut out, at..at + find(rest, b"\n", 0));
        } else if rest.starts_with(b"/*") {
            at = blank(&mut out, at..at + block_comment(rest));
        } else if let Some(hashes) = raw_string(rest).filter(|_| !in_word) {
            let open = find(rest, b"\"", 0) + 1;
            let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let end = find(rest, &close, open);
            at = blank(&mut out, at + open..at + end) + close.len();
        } else if rest[0] == b'"' || is_character(rest) {
            at = blank(&mut out, at + 1..at + quoted(rest)) + 1;
        } else {
            at += 1;
        }
    }
    String::from_utf8(out).expect("whole characters were replaced")
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a piece of code begins; not within a longer word.
pub(crate) fn occurrences(code: &str, needle: &str) -> Vec<usize> {
    let starts = code.match_indices(needle).map(|(at, _)| at);
    starts.filter(|&at| at == 0 || !is_word(code.as_bytes()[at - 1])).collect()
}

/// From an opening bracket to behind the one that closes it.
pub(crate) fn bracketed(code: &str, open: usize) -> Range<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code.as_bytes()[open..].iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open..open + offset + 1;
        }
    }
    open..code.len()
}

/// The arguments inside brackets: split at the commas that lie in no inner bracket.
pub(crate) fn arguments(code: &str, brackets: &Range<usize>) -> Vec<Range<usize>> {
    let inside = brackets.start + 1..brackets.end - 1;
    let (mut depth, mut start) = (0_usize, inside.start);
    let mut arguments = Vec::new();
    for at in inside.clone() {
        match code.as_bytes()[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                arguments.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    arguments.push(start..inside.end);
    arguments
}

/// The number, from 1, of the line of a place.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// The first line, from 1, that is only compiled for tests, in a file that ends with its tests.
pub(crate) fn first_test_line(path: &str, code: &str) -> usize {
    let file = path.rsplit('/').next().unwrap_or(path);
    if path.starts_with("tests/") || path.contains("/tests/") || file.ends_with("tests.rs") {
        return 1;
    }
    let lines: Vec<_> = code.lines().map(str::trim).collect();
    let starts =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(starts).map_or(usize::MAX, |position| position + 1)
}

/// The places of the modules that a file declares only for tests: what the path of such a module's files starts
/// with, up to `.rs` or the next folder.
pub(crate) fn test_modules(path: &str, code: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let own = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
    };
    let lines: Vec<_> = code.lines().map(str::trim).collect();
    let declared = |pair: &[&str]| {
        let (_, name) = pair[1].strip_suffix(';')?.rsplit_once("mod ")?;
        (pair[0] == "#[cfg(test)]").then(|| format!("{own}/{name}"))
    };
    lines.windows(2).filter_map(declared).collect()
}

fn blank(out: &mut [u8], range: Range<usize>) -> usize {
    let end = range.end.min(out.len());
    out[range.start.min(end)..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    end
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> usize {
    let found =
        bytes.get(from..).and_then(|rest| rest.windows(needle.len()).position(|window| window == needle));
    found.map_or(bytes.len(), |position| from + position)
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The number of hashes when a raw string begins here.
fn raw_string(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.strip_prefix(b"b").or_else(|| bytes.strip_prefix(b"c")).unwrap_or(bytes);
    let bytes = bytes.strip_prefix(b"r")?;
    let hashes = bytes.iter().take_while(|&&byte| byte == b'#').count();
    (bytes.get(hashes) == Some(&b'"')).then_some(hashes)
}

/// Where the quote that begins a literal is answered.
fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != bytes[0] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// Whether a single quote begins a character and not a lifetime.
fn is_character(bytes: &[u8]) -> bool {
    match (bytes[0], bytes.get(1)) {
        (b'\'', Some(b'\\')) => true,
        (b'\'', Some(first)) => {
            let length = match first {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            };
            bytes.get(1 + length) == Some(&b'\'')
        }
        _ => false,
    }
}

#[test]
fn literals_and_comments_are_blanked_in_place() {
    let text =
        "let a = \"x // y\\\"z\"; // c \"d\nlet b = 'q'; fn f<'a>(s: &'a str) {} /* 1 /* 2 */ 3 */ r#\"(\"#;";
    let expected = "let a = \"         \"; \nlet b = ' '; fn f<'a>(s: &'a str) {}  r#\" \"#;";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&code(text)), squeezed(expected));
    assert_eq!(code(text).len(), text.len());
}

#[test]
fn modules_for_tests_are_found() {
    let code = "#[cfg(test)]\nmod a;\nmod b;\n#[cfg(test)]\npub(crate) mod c;\n#[cfg(test)]\nmod d {\n}";
    assert_eq!(test_modules("x/src/y.rs", code), ["x/src/y/a", "x/src/y/c"]);
    assert_eq!(test_modules("x/src/lib.rs", code), ["x/src/a", "x/src/c"]);
    assert_eq!(first_test_line("x/src/y.rs", code), 6);
}

#[test]
fn arguments_are_split_outside_of_brackets() {
    let code = "info!(a = f(1, 2), ?b, [3, 4])";
    let split = arguments(code, &bracketed(code, 5));
    let split: Vec<_> = split.into_iter().map(|range| code[range].trim()).collect();
    assert_eq!(split, ["a = f(1, 2)", "?b", "[3, 4]"]);
}
