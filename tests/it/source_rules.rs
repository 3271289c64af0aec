//! Rules that every source file keeps. Needles are composed where this file would find itself.

use crate::scanner::{arguments, bracketed, code, first_test_line, line_of, occurrences, test_modules};
use crate::workspace::{Source, none, sources};

/// The longest Rust file: what is longer holds more than one responsibility.
const MOST_LINES: usize = 500;

/// The macros that write to the log.
const LOG_MACROS: [&str; 5] = ["trace!(", "debug!(", "info!(", "warn!(", "error!("];

/// A Rust file with its code, comments and literals blanked out.
struct Rust {
    path: String,
    text: String,
    code: String,
    first_test_line: usize,
}

fn rust() -> Vec<Rust> {
    let read = |Source { path, text }| {
        let code = code(&text);
        Rust { first_test_line: first_test_line(&path, &code), path, text, code }
    };
    let mut files: Vec<_> = sources(&["rs"]).into_iter().map(read).collect();
    let modules: Vec<_> = files.iter().flat_map(|file| test_modules(&file.path, &file.code)).collect();
    for file in &mut files {
        let belongs = |module: &String| {
            let rest = file.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if modules.iter().any(belongs) {
            file.first_test_line = 1;
        }
    }
    files
}

impl Rust {
    fn line(&self, at: usize) -> usize {
        line_of(&self.code, at)
    }

    fn complaint(&self, at: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, self.line(at))
    }
}

/// One complaint for each place where a needle stands in code and the judge has something to say.
fn judge(needle: &str, complain: impl Fn(&Rust, usize) -> Option<String>) -> Vec<String> {
    let files = rust();
    let of_file = |file: &Rust| {
        let places = occurrences(&file.code, needle).into_iter();
        places.filter_map(|at| complain(file, at).map(|what| file.complaint(at, &what))).collect::<Vec<_>>()
    };
    files.iter().flat_map(of_file).collect()
}

#[test]
fn no_file_is_long() {
    let long = |source: &Source| source.text.lines().count() > MOST_LINES;
    let complain = |source: Source| format!("{}: {} lines", source.path, source.text.lines().count());
    none(&sources(&["rs"]).into_iter().filter(long).map(complain).collect::<Vec<_>>());
}

#[test]
fn spans_take_no_argument_unasked() {
    let complain = |file: &Rust, at: usize| {
        let attribute = &file.code[bracketed(&file.code, at + 1)];
        (!attribute.contains("skip_all")).then(|| "a span without skip_all records its arguments".to_owned())
    };
    none(&judge("#[instrument", complain));
    none(&judge("#[tracing::instrument", complain));
}

#[test]
fn log_messages_are_lowercase_without_a_stop() {
    let mut complaints = Vec::new();
    for name in LOG_MACROS {
        complaints.extend(judge(name, |file, at| log_complaint(file, at + name.len() - 1)));
    }
    none(&complaints);
}

/// What is wrong with the message of the log macro whose arguments open here.
fn log_complaint(file: &Rust, open: usize) -> Option<String> {
    let mut arguments = arguments(&file.code, &bracketed(&file.code, open)).into_iter();
    // The message is the argument that is a literal and nothing else; fields have a name or a sigil.
    let message = arguments.find_map(|range| {
        let quoted = |text: &str| text.len() > 1 && text.starts_with('"') && text.ends_with('"');
        let blanked = file.code[range.clone()].trim();
        (quoted(blanked) && blanked.matches('"').count() == 2)
            .then(|| file.text[range].trim().trim_matches('"'))
    })?;
    let wrong = message.starts_with(char::is_uppercase) || message.ends_with('.');
    wrong.then(|| format!("log messages start lowercase and have no final stop: {message}"))
}

#[test]
fn tests_sleep_only_with_a_reason() {
    let complain = |file: &Rust, at: usize| {
        let line = file.line(at);
        let near: Vec<_> = file.text.lines().skip(line.saturating_sub(2)).take(2).collect();
        let explained = near.iter().any(|line| line.contains("//"));
        let in_test = line >= file.first_test_line;
        (in_test && !explained).then(|| "wait for a condition, or say in a comment why it sleeps".to_owned())
    };
    // `sleep` in any notation: by its path or imported.
    none(&judge("sleep(", complain));
}

#[test]
fn nothing_is_silenced() {
    let found =
        |what: &'static str| move |_: &Rust, _: usize| Some(format!("{what} hides what must be mended"));
    none(&judge(concat!("#[ig", "nore"), found("an ignored test")));
    none(&judge(concat!("allow(dead", "_code)"), found("allowed dead code")));
    let expected = |file: &Rust, at: usize| {
        (file.line(at) < file.first_test_line)
            .then(|| "expected dead code hides what must be mended".to_owned())
    };
    none(&judge("expect(dead_code", expected));
}

#[test]
fn durations_have_names() {
    let complain = |file: &Rust, at: usize| {
        let line = file.line(at);
        let argument = file.code[at..].split_once('(')?.1.trim_start();
        let literal = argument.starts_with(|first: char| first.is_ascii_digit());
        let named = line >= file.first_test_line || in_constant(&file.code, line);
        (literal && !named).then(|| "a duration as a number: give it a name, a unit and a reason".to_owned())
    };
    none(&judge("Duration::from_", complain));
}

/// Whether the item that a line belongs to is a constant: looks back to where the item begins.
fn in_constant(code: &str, line: usize) -> bool {
    let lines: Vec<_> = code.lines().take(line).map(str::trim).collect();
    for (position, line) in lines.iter().enumerate().rev() {
        let words = line.split_whitespace().take(3);
        if words.into_iter().any(|word| word == "const" || word == "static") && !line.contains(" fn ") {
            return true;
        }
        let before = position.checked_sub(1).map_or("", |position| lines[position]);
        if before.is_empty() || before.ends_with([';', '}']) {
            return false;
        }
    }
    false
}

#[test]
fn nothing_is_left_for_later() {
    complain_of_words(&[concat!("TO", "DO"), concat!("FIX", "ME")], |_| true);
}

#[test]
fn no_machine_is_named() {
    // A path of somebody's machine: not a part of a longer path or address.
    let free = |before: Option<char>| !before.is_some_and(|c| c.is_ascii_lowercase() || "_.".contains(c));
    complain_of_words(&[concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("/home", "/")], free);
    let registries = [
        concat!("py", "pi.org"),
        concat!("npm", "js.com"),
        concat!("npm", "js.org"),
        concat!("cra", "tes.io"),
        concat!("debian", ".org"),
    ];
    complain_of_words(&registries, |_| true);
}

/// Complains of words in any text file, where what stands before them is accepted.
fn complain_of_words(words: &[&str], accepts: impl Fn(Option<char>) -> bool) {
    let extensions = [
        "", "rs", "md", "toml", "sh", "py", "sql", "html", "css", "js", "json", "yaml", "yml", "txt",
        "service",
    ];
    let mut complaints = Vec::new();
    for Source { path, text } in sources(&extensions) {
        for (number, line) in text.lines().enumerate() {
            let found =
                |word: &&&str| line.match_indices(**word).any(|(at, _)| accepts(line[..at].chars().last()));
            if let Some(word) = words.iter().find(found) {
                complaints.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    none(&complaints);
}
