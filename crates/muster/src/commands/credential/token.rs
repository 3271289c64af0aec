//! A secret, read from where only its owner looks.

use crate::exit::{Exit, Failed};
use crate::output::note;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// Longest secret that is taken: tokens of Azure DevOps have 52 or 84 characters, client secrets 40, tokens of Microsoft
/// Entra, which are neither, some thousands (Azure DevOps documentation, "Use personal access tokens").
const TOKEN_BYTES_MAX: usize = 512;
/// Permissions of others than the owner of a file.
const OTHERS: u32 = 0o077;

/// Where a secret is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenSource {
    /// A file.
    File(PathBuf),
    /// Standard input.
    StandardInput,
}

impl std::str::FromStr for TokenSource {
    type Err = std::convert::Infallible;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        Ok(if written == "-" { Self::StandardInput } else { Self::File(PathBuf::from(written)) })
    }
}

impl TokenSource {
    /// The secret, without the end of its line.
    pub(super) fn read(&self) -> Result<SecretString, Failed> {
        match self {
            Self::StandardInput => {
                let input = std::io::stdin();
                if input.is_terminal() {
                    note("paste the secret and end with Ctrl-D; the terminal shows it");
                }
                token(&read(&mut input.lock())?)
            }
            Self::File(path) => {
                // The path is not repeated: somebody may have written the token itself in its place.
                let mut file = File::open(path).map_err(|error| {
                    Failed::usage(format!(
                        "the file of --secret-file cannot be opened: {error}; give the path of a file"
                    ))
                })?;
                if file.metadata()?.permissions().mode() & OTHERS != 0 {
                    note(
                        "warning: others may read the file of --secret-file; `chmod 600` it, or delete it now",
                    );
                }
                token(&read(&mut file)?)
            }
        }
    }
}

/// At most one byte more than a secret may have.
fn read(input: &mut impl Read) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let limit = TOKEN_BYTES_MAX + LINE_END_BYTES_MAX + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    input
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failed::new(Exit::Failure, format!("the secret cannot be read: {error}")))?;
    Ok(bytes)
}

/// Line ends that may follow a secret.
const LINE_END_BYTES_MAX: usize = 8;

/// Checks what was read. What is wrong is said without repeating any of it.
fn token(bytes: &[u8]) -> Result<SecretString, Failed> {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let bytes = &bytes[..end];
    if bytes.is_empty() {
        return Err(Failed::usage("the secret is empty; was it written to the file, or piped in?"));
    }
    if bytes.len() > TOKEN_BYTES_MAX {
        return Err(Failed::usage(format!(
            "the secret has more than {TOKEN_BYTES_MAX} characters, which no personal access token and no client secret \
             has; give a file with the secret and nothing else"
        )));
    }
    match bytes.iter().find(|byte| !byte.is_ascii_graphic()) {
        Some(b'\r' | b'\n') => {
            Err(Failed::usage("the secret has several lines; give the secret and nothing else"))
        }
        Some(b' ' | b'\t') => {
            Err(Failed::usage("the secret holds a blank; give the secret and nothing else"))
        }
        Some(_) => Err(Failed::usage(
            "the secret holds a character that cannot be printed; save the file as plain text, with the secret and \
             nothing else",
        )),
        None => {
            let text = String::from_utf8_lossy(bytes);
            Ok(SecretString::from(text.into_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst";

    fn refusal(bytes: &[u8]) -> String {
        let failed = token(bytes).unwrap_err();
        assert_eq!(failed.exit, Exit::Usage);
        failed.message
    }

    #[test]
    fn line_ends_are_no_part_of_a_token() {
        for end in ["", "\n", "\r\n", "\n\n"] {
            assert_eq!(token(format!("{TOKEN}{end}").as_bytes()).unwrap().expose_secret(), TOKEN, "{end:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_with_the_reason() {
        assert!(refusal(b"").contains("empty"));
        assert!(refusal(b"\r\n").contains("empty"));
        assert!(refusal(format!("{TOKEN}\n{TOKEN}\n").as_bytes()).contains("several lines"));
        assert!(refusal(format!("pat: {TOKEN}").as_bytes()).contains("blank"));
        assert!(refusal(format!("\u{feff}{TOKEN}").as_bytes()).contains("printed"));
        assert!(refusal(b"abc\0").contains("printed"));
        assert!(refusal(&vec![b'a'; TOKEN_BYTES_MAX + 1]).contains("more than"));
        assert!(token(&vec![b'a'; TOKEN_BYTES_MAX]).is_ok());
    }

    #[test]
    fn a_refusal_repeats_nothing_of_the_token() {
        for bytes in [format!("x {TOKEN}"), format!("{TOKEN}\n{TOKEN}"), TOKEN.repeat(20)] {
            assert!(!refusal(bytes.as_bytes()).contains(TOKEN));
        }
        let missing = TokenSource::File(PathBuf::from(TOKEN)).read().unwrap_err();
        assert!(!missing.message.contains(TOKEN), "{missing}");
    }

    #[test]
    fn an_endless_input_ends() {
        let bytes = read(&mut std::io::repeat(b'a')).unwrap();
        assert!(refusal(&bytes).contains("more than"));
    }

    #[test]
    fn a_hyphen_is_standard_input() {
        assert_eq!("-".parse(), Ok(TokenSource::StandardInput));
        assert_eq!("./-".parse(), Ok(TokenSource::File(PathBuf::from("./-"))));
    }
}
