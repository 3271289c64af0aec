//! What an error may show of an answer: little, and nothing that could be a secret or a person.

use crate::authorization::{Authorization, REDACTED};
use serde::Deserialize;

/// Longest excerpt, in characters.
const LONGEST_EXCERPT: usize = 200;

/// A run of letters, digits and the signs of base64 as long as this may be a token. Longer than words and names,
/// shorter than every token of Azure DevOps (52 or more) and Entra.
const SHORTEST_TOKEN: usize = 30;

/// Length of a GUID with hyphens: it names, it opens nothing.
const GUID_LENGTH: usize = 36;

/// The parts of the service's error body that are used; property names differ in case between its generations.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(default, alias = "Message")]
    message: Option<String>,
    #[serde(default, rename = "typeKey", alias = "TypeKey")]
    type_key: Option<String>,
}

/// A refused answer's body, read as far as it can be.
#[derive(Debug, Default)]
pub(crate) struct RefusalBody {
    /// What the service says, unredacted: for looking into, not for showing.
    message: String,
    /// Name of the service's exception.
    type_key: Option<String>,
}

impl RefusalBody {
    pub(crate) fn parse(body: &[u8]) -> Self {
        let body = crate::json::without_byte_order_mark(body);
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(parsed) => Self { message: parsed.message.unwrap_or_default(), type_key: parsed.type_key },
            Err(_) => Self { message: String::from_utf8_lossy(body).into_owned(), type_key: None },
        }
    }

    /// The service blocked the call for its consumption, whatever the status.
    pub(crate) fn is_block(&self) -> bool {
        self.type_key.as_deref() == Some("RequestBlockedException")
    }

    /// Whether the service's code `code` (`TF…`) is part of the message.
    pub(crate) fn mentions(&self, code: &str) -> bool {
        self.message.contains(code)
    }

    /// What may be shown of it.
    pub(crate) fn excerpt(&self, authorization: &Authorization) -> String {
        excerpt(&self.message, authorization)
    }
}

/// What may be shown of `text`: without markup, mail addresses and anything like a token, on one line, cut.
pub(crate) fn excerpt(text: &str, authorization: &Authorization) -> String {
    let text = authorization.redact(text);
    let words: Vec<String> =
        without_controls(&without_markup(&text)).split_whitespace().map(redact_word).collect();
    cut(words.join(" "))
}

fn without_markup(text: &str) -> String {
    let mut inside_tag = false;
    text.chars()
        .map(|character| match character {
            '<' => {
                inside_tag = true;
                ' '
            }
            '>' if inside_tag => {
                inside_tag = false;
                ' '
            }
            _ if inside_tag => ' ',
            other => other,
        })
        .collect()
}

/// Signs that are no text: control signs (a terminal takes an escape sequence for a command), and those that turn the
/// direction of writing around (Unicode Standard Annex 9), by which a line can be made to say something else.
fn without_controls(text: &str) -> String {
    let is_no_text = |sign: char| {
        sign.is_control()
            || matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|sign| if is_no_text(sign) { ' ' } else { sign }).collect()
}

fn redact_word(word: &str) -> String {
    if word.contains('@') {
        return REDACTED.to_owned();
    }
    let mut shown = String::with_capacity(word.len());
    let mut run = String::new();
    for character in word.chars() {
        if character.is_ascii_alphanumeric() || "-_+/=.".contains(character) {
            run.push(character);
        } else {
            push_run(&mut shown, &run);
            run.clear();
            shown.push(character);
        }
    }
    push_run(&mut shown, &run);
    shown
}

fn push_run(shown: &mut String, run: &str) {
    let is_guid = run.len() == GUID_LENGTH && uuid::Uuid::parse_str(run).is_ok();
    // Names of exceptions and paths are long too, but hold no digit.
    let is_token = run.len() >= SHORTEST_TOKEN && run.bytes().any(|byte| byte.is_ascii_digit());
    shown.push_str(if is_token && !is_guid { REDACTED } else { run });
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST_EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Authorization {
        Authorization::PersonalAccessToken("pat".into())
    }

    #[test]
    fn the_message_and_the_type_of_the_envelope_are_read() {
        let body = br#"{"$id":"1","message":"Request was blocked","typeKey":"RequestBlockedException","errorCode":0}"#;
        let body = RefusalBody::parse(body);
        assert!(body.is_block());
        assert_eq!(body.excerpt(&token()), "Request was blocked");
        let body = RefusalBody::parse("\u{feff}{\"Message\":\"TF24668: stopped\"}".as_bytes());
        assert!(body.mentions("TF24668") && !body.is_block());
    }

    #[test]
    fn html_loses_its_markup_and_everything_is_cut() {
        let page = format!("<html><body class=\"a\">\n<h1>Busy</h1> {}</body></html>", "word ".repeat(100));
        let shown = RefusalBody::parse(page.as_bytes()).excerpt(&token());
        assert!(shown.starts_with("Busy word word"), "{shown}");
        assert_eq!(shown.chars().count(), LONGEST_EXCERPT + 1);
    }

    #[test]
    fn a_terminal_gets_no_commands() {
        let text = "TF1:\u{1b}[2J\u{1b}]0;title\u{7} so\u{9b}31m\u{202e}desrever\r\nsecond\u{0}line";
        let shown = excerpt(text, &token());
        assert!(!shown.chars().any(|sign| sign.is_control() || sign == '\u{202e}'), "{shown:?}");
        assert_eq!(shown, "TF1: [2J ]0;title so 31m desrever second line");
    }

    #[test]
    fn tokens_and_people_are_not_shown_but_ids_are() {
        let id = "5febef5a-833d-4e14-b9c0-14cb638f91e6";
        let text =
            format!("user jamal@contoso.example ({id}) sent key=abcdefghij0123456789abcdefghij0123456789");
        assert_eq!(excerpt(&text, &token()), format!("user *** ({id}) sent ***"));
        assert_eq!(excerpt("TF400813: the pat was used", &token()), "TF400813: the *** was used");
    }
}
