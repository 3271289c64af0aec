//! What a call carries to prove who asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// How a session authenticates. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// A personal access token, sent as the password of HTTP Basic with an empty user name (Microsoft's
    /// specification: any user name, the token as the password).
    PersonalAccessToken(SecretString),
}

impl Authorization {
    /// The header; marked as sensitive, so that no log shows it.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Basic {}", self.basic_credentials()))
            .expect("base64 is visible ASCII");
        value.set_sensitive(true);
        value
    }

    /// `text` without the secret, should a service ever send it back.
    pub(crate) fn redact(&self, text: &str) -> String {
        let Self::PersonalAccessToken(token) = self;
        let token = token.expose_secret();
        if token.is_empty() {
            return text.to_owned();
        }
        text.replace(token, REDACTED).replace(&self.basic_credentials(), REDACTED)
    }

    fn basic_credentials(&self) -> String {
        let Self::PersonalAccessToken(token) = self;
        STANDARD.encode(format!(":{}", token.expose_secret()))
    }
}

/// What stands in place of something that must not be shown.
pub(crate) const REDACTED: &str = "***";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_basic_with_an_empty_user_and_is_sensitive() {
        let authorization = Authorization::PersonalAccessToken("secret-token".into());
        let header = authorization.header();
        assert_eq!(header.to_str().unwrap(), format!("Basic {}", STANDARD.encode(":secret-token")));
        assert!(header.is_sensitive());
        assert!(!format!("{authorization:?} {header:?}").contains("secret-token"));
    }

    #[test]
    fn the_secret_is_redacted_plain_and_encoded() {
        let authorization = Authorization::PersonalAccessToken("secret-token".into());
        let echoed = format!("got secret-token and {}", STANDARD.encode(":secret-token"));
        assert_eq!(authorization.redact(&echoed), "got *** and ***");
    }
}
