//! What a call carries to prove who asks.

use crate::entra::{ApplicationTokens, TokenError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_domain::TenantId;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// How a session authenticates. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// A personal access token, sent as the password of HTTP Basic with an empty user name (Microsoft's
    /// specification: any user name, the token as the password).
    PersonalAccessToken(SecretString),
    /// An application of Microsoft Entra: its tokens are asked for when they are needed.
    Application(ApplicationTokens),
}

/// What one request carries.
pub(crate) struct Proof {
    /// The header; marked as sensitive, so that no log shows it.
    pub(crate) header: HeaderValue,
    /// Number of the token, where another one can be asked for.
    serial: Option<u64>,
}

impl Proof {
    /// The same, not to be replaced any more: what is refused now is refused for the call.
    pub(crate) fn last(self) -> Self {
        Self { serial: None, ..self }
    }
}

impl Authorization {
    /// What the next request carries.
    ///
    /// # Errors
    /// Why there is no token.
    pub(crate) async fn proof(&self) -> Result<Proof, TokenError> {
        match self {
            Self::PersonalAccessToken(token) => {
                let header = sensitive(&format!("Basic {}", basic_credentials(token)));
                Ok(Proof { header, serial: None })
            }
            Self::Application(tokens) => {
                let token = tokens.token().await?;
                let header = sensitive(&format!("Bearer {}", token.secret.expose_secret()));
                Ok(Proof { header, serial: Some(token.serial) })
            }
        }
    }

    /// Whether another proof can be asked for, should the service refuse this one.
    pub(crate) fn can_replace(&self, proof: &Proof) -> bool {
        match (self, proof.serial) {
            (Self::Application(tokens), Some(serial)) => tokens.can_replace(serial),
            _ => false,
        }
    }

    /// Notes that the service refused `proof`. True where the next one is another one.
    pub(crate) fn refuse(&self, proof: &Proof) -> bool {
        match (self, proof.serial) {
            (Self::Application(tokens), Some(serial)) => tokens.refuse(serial),
            _ => false,
        }
    }

    /// The tenant of an application.
    pub(crate) fn tenant_of_application(&self) -> Option<TenantId> {
        match self {
            Self::PersonalAccessToken(_) => None,
            Self::Application(tokens) => Some(tokens.tenant_id()),
        }
    }

    /// `text` without the secret, should a service ever send it back.
    pub(crate) fn redact(&self, text: &str) -> String {
        match self {
            Self::PersonalAccessToken(token) if token.expose_secret().is_empty() => text.to_owned(),
            Self::PersonalAccessToken(token) => {
                text.replace(token.expose_secret(), REDACTED).replace(&basic_credentials(token), REDACTED)
            }
            Self::Application(tokens) => tokens.redact(text),
        }
    }
}

fn basic_credentials(token: &SecretString) -> String {
    STANDARD.encode(format!(":{}", token.expose_secret()))
}

fn sensitive(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).expect("base64 and checked tokens are visible ASCII");
    value.set_sensitive(true);
    value
}

/// What stands in place of something that must not be shown.
pub(crate) const REDACTED: &str = "***";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_header_is_basic_with_an_empty_user_and_is_sensitive() {
        let authorization = Authorization::PersonalAccessToken("secret-token".into());
        let proof = authorization.proof().await.unwrap();
        assert!(!authorization.refuse(&proof), "there is no other token to try");
        let header = proof.header;
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
