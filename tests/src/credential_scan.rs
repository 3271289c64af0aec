//! Planted secrets, looked for everywhere that Muster writes to: as they are, and in every form that text travels in.

use crate::collector::Collector;
use crate::subscriber::FactSubscriber;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Shorter secrets would be found by chance.
const SHORTEST: usize = 8;
/// Bytes that are shown before a find: enough to see whose it is.
const SHOWN_BYTES: usize = 60;

/// Looks for planted secrets.
#[derive(Debug, Default)]
pub struct CredentialScan {
    needles: Vec<Needle>,
    looked_at: BTreeMap<String, usize>,
    leaks: Vec<Leak>,
}

/// A secret in one form.
#[derive(Clone, Debug)]
struct Needle {
    secret: String,
    form: &'static str,
    bytes: Vec<u8>,
}

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What was planted, by its name.
    pub secret: String,
    /// In which form it stood there.
    pub form: &'static str,
    /// Where.
    pub place: String,
    /// What stood before it.
    pub before: String,
}

impl CredentialScan {
    /// Will look for a secret, too.
    ///
    /// # Panics
    /// Where it is so short that chance would find it.
    pub fn plant(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= SHORTEST, "the secret {name} is too short to be looked for");
        for (form, bytes) in forms(secret) {
            self.needles.push(Needle { secret: name.to_owned(), form, bytes });
        }
    }

    /// Looks at something.
    pub fn look_at(&mut self, place: &str, bytes: &[u8]) {
        *self.looked_at.entry(place.to_owned()).or_default() += bytes.len();
        for needle in &self.needles {
            if let Some(at) = position(bytes, &needle.bytes) {
                let before = String::from_utf8_lossy(&bytes[at.saturating_sub(SHOWN_BYTES)..at]).into_owned();
                let (secret, form) = (needle.secret.clone(), needle.form);
                self.leaks.push(Leak { secret, form, place: place.to_owned(), before });
            }
        }
    }

    /// Looks at every column of every row of every table (PostgreSQL). Bytes are looked at as they are.
    pub async fn look_at_tables(&mut self, connection: &DatabaseConnection) {
        let tables = "SELECT table_name::text AS what FROM information_schema.tables
            WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name";
        for table in texts(connection, tables).await {
            // A row as text shows bytes in hexadecimal, which is one of the forms.
            let rows = texts(connection, &format!("SELECT t::text AS what FROM \"{table}\" t")).await;
            self.look_at(&format!("table {table}"), rows.join("\n").as_bytes());
        }
    }

    /// Looks at the facts that a subscriber was given.
    pub fn look_at_facts(&mut self, facts: &FactSubscriber) {
        for fact in facts.facts().into_values() {
            let text = serde_json::to_vec(&fact.event).expect("a fact is JSON");
            self.look_at("facts", &text);
        }
    }

    /// Looks at the spans and metrics that were exported.
    pub fn look_at_collected(&mut self, collector: &Collector) {
        for (path, body) in collector.received() {
            self.look_at(&format!("exported to {path}"), &body);
        }
    }

    /// Looks at what a process answers on a path.
    pub async fn look_at_answer(&mut self, url: &str) {
        crate::services::install_tls_provider();
        let Ok(answer) = reqwest::get(url).await else { return };
        let head = format!("{} {:?}", answer.status(), answer.headers());
        let body = answer.bytes().await.unwrap_or_default();
        let path = url.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
        self.look_at(&format!("answers of /{path}"), head.as_bytes());
        self.look_at(&format!("answers of /{path}"), &body);
    }

    /// What was found.
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }

    /// How much was looked at, by place.
    pub fn looked_at(&self) -> &BTreeMap<String, usize> {
        &self.looked_at
    }

    /// Fails the test where something was found, or where one of the places held nothing to look at.
    pub fn assert_clean(&self, places: &[&str]) {
        for place in places {
            let bytes: usize =
                self.looked_at.iter().filter(|(name, _)| name.starts_with(place)).map(|(_, n)| n).sum();
            assert!(bytes > 0, "there was nothing to look at in {place}: {:?}", self.looked_at);
        }
        assert!(self.leaks.is_empty(), "{:#?}", self.leaks);
    }
}

/// The forms in which a secret may stand in text and bytes, each once.
fn forms(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![("plain", secret.as_bytes().to_vec())];
    let mut add = |form: &'static str, text: String| {
        // Too little of a short secret may be left inside of base64.
        if text.len() >= SHORTEST && forms.iter().all(|(_, known)| known != text.as_bytes()) {
            forms.push((form, text.into_bytes()));
        }
    };
    let json = serde_json::Value::from(secret).to_string();
    add("JSON", json.trim_matches('"').to_owned());
    add("percent-encoded", percent(secret, |byte| format!("%{byte:02X}")));
    add("percent-encoded", percent(secret, |byte| format!("%{byte:02x}")));
    let hexadecimal = secret.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    add("hexadecimal", hexadecimal.to_uppercase());
    add("hexadecimal", hexadecimal);
    for before in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            add("base64", inside_base64(secret, before, engine));
        }
    }
    forms
}

fn percent(secret: &str, encode: impl Fn(u8) -> String) -> String {
    let of_byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => encode(other),
    };
    secret.bytes().map(of_byte).collect()
}

/// What base64 of a longer text holds for certain, with so many bytes before the secret (modulo 3): characters that
/// mix with what stands around it are left out.
fn inside_base64(secret: &str, before: usize, engine: &impl base64::Engine) -> String {
    const BITS_OF_BYTE: usize = 8;
    const BITS_OF_CHARACTER: usize = 6;
    let mut padded = vec![0; before];
    padded.extend_from_slice(secret.as_bytes());
    let encoded = engine.encode(&padded);
    let first = (before * BITS_OF_BYTE).div_ceil(BITS_OF_CHARACTER);
    let end = padded.len() * BITS_OF_BYTE / BITS_OF_CHARACTER;
    encoded.get(first..end).unwrap_or_default().to_owned()
}

fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

async fn texts(connection: &DatabaseConnection, statement: &str) -> Vec<String> {
    let statement = Statement::from_string(connection.get_database_backend(), statement);
    let rows = connection.query_all_raw(statement).await.expect("read a table");
    rows.iter().map(|row| row.try_get("", "what").expect("text")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const SECRET: &str = "pl4nted/s3cret+with \"signs\"?";

    fn found_in(text: &str) -> Vec<&'static str> {
        let mut scan = CredentialScan::default();
        scan.plant("planted", SECRET);
        scan.look_at("here", text.as_bytes());
        scan.leaks().iter().map(|leak| leak.form).collect()
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        assert_eq!(found_in(&format!("token={SECRET};")), ["plain"]);
        assert_eq!(found_in(&serde_json::json!({ "token": SECRET }).to_string()), ["JSON"]);
        assert_eq!(found_in("a=pl4nted%2Fs3cret%2Bwith%20%22signs%22%3F&b"), ["percent-encoded"]);
        assert_eq!(found_in("a=pl4nted%2fs3cret%2bwith%20%22signs%22%3f&b"), ["percent-encoded"]);
        for before in ["", ":", "u:", "user:", "x-token:"] {
            let text = format!("{before}{SECRET} and more");
            assert_eq!(found_in(&STANDARD.encode(&text)), ["base64"], "after `{before}`");
            assert_eq!(found_in(&URL_SAFE.encode(&text)), ["base64"], "after `{before}`");
        }
    }

    #[test]
    fn what_is_something_else_is_not_found() {
        assert!(
            found_in("pl4nted/s3cret is only its beginning, cGw0bnRl is only the beginning of its base64")
                .is_empty()
        );
        assert!(found_in("").is_empty());
    }

    #[test]
    #[should_panic(expected = "nothing to look at in facts")]
    fn a_scan_of_nothing_proves_nothing() {
        let mut scan = CredentialScan::default();
        scan.plant("planted", SECRET);
        scan.assert_clean(&["facts"]);
    }
}
