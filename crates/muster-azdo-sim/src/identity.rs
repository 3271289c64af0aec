//! Who calls: the identities behind the tokens.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::world::{Draw, Topic};

const PEOPLE: [&str; 6] = [
    "Jamal Hartnett",
    "Christie Church",
    "Raisa Pokrovskaya",
    "Johnnie McLeod",
    "Helena Petersen",
    "Ito Sakura",
];

/// One identity of the simulator and the tokens that act as it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimulatedIdentity {
    /// The identity's id.
    pub id: Uuid,
    /// Whether a person or an application.
    pub kind: IdentityKind,
    /// The name to show; empty for an application, as in the real profile.
    pub display_name: String,
    /// The user principal name or application id.
    pub principal_name: String,
    /// What `connectionData` calls the identity; the key of statistics.
    pub subject_descriptor: String,
    /// The tokens that act as this identity: they share one consumption window.
    pub pats: Vec<String>,
    /// How an application gets tokens from Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<SimulatedClient>,
    /// What an application that acts for this person keeps, to get access tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// What an application proves itself with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimulatedClient {
    /// The application id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The assertion that stands for a federated token: what a workload finds in its token file.
    pub client_assertion: String,
}

/// What kind of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IdentityKind {
    /// A person, who can list the organizations.
    Person,
    /// An application, whose list of organizations is always empty.
    ServicePrincipal,
}

impl SimulatedIdentity {
    /// `people` persons, then one application.
    pub(crate) fn all(seed: u64, people: usize) -> Vec<Self> {
        (0..=people).map(|index| Self::new(seed, index, index == people)).collect()
    }

    fn new(seed: u64, index: usize, is_application: bool) -> Self {
        let mut draw = Draw::new(seed, Topic::Identity, &[index]);
        let id = draw.uuid();
        let round = index / PEOPLE.len();
        let (kind, prefix, display_name, principal_name) = if is_application {
            (IdentityKind::ServicePrincipal, "aadsp", String::new(), draw.uuid().to_string())
        } else {
            let mut name = PEOPLE[index % PEOPLE.len()].to_owned();
            if round > 0 {
                name = format!("{name} {}", round + 1);
            }
            let principal = format!("{}@contoso.example", name.to_lowercase().replace(' ', "."));
            (IdentityKind::Person, "aad", name, principal)
        };
        let subject = STANDARD_NO_PAD.encode(draw.uuid().to_string());
        let pats = (1..=2)
            .map(|token| {
                format!(
                    "simpat-{}-{}",
                    index + 1,
                    Draw::new(seed, Topic::Token, &[index, token]).uuid().simple()
                )
            })
            .collect();
        let mut secrets = Draw::new(seed, Topic::Application, &[index]);
        let client = is_application.then(|| SimulatedClient {
            client_id: principal_name.clone(),
            client_secret: format!("simsecret-{}", secrets.uuid().simple()),
            client_assertion: format!("simassertion-{}", secrets.uuid().simple()),
        });
        let refresh_token = (!is_application).then(|| format!("simrefresh-{}", secrets.uuid().simple()));
        Self {
            id,
            kind,
            display_name,
            principal_name,
            subject_descriptor: format!("{prefix}.{subject}"),
            pats,
            client,
            refresh_token,
        }
    }
}

/// What a token was given for, which decides which policies of an organization stop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A personal access token.
    Personal,
    /// An access token of an application that acts for itself.
    Application,
    /// An access token of an application that acts for a person.
    Delegated,
}

/// Who calls, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) identity: IdentityIndex,
    pub(crate) kind: TokenKind,
    /// The tenant that gave the token; a personal access token has none.
    pub(crate) tenant: Option<Uuid>,
}

/// Which identity of the list, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdentityIndex(pub(crate) usize);

/// The token of a request: the password of Basic (any user name), or a bearer token.
pub(crate) fn presented_token(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_authorization(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_token_is_the_password_whatever_the_user() {
        let basic = format!("Basic {}", STANDARD.encode("anybody:simpat-1-x:y"));
        assert_eq!(presented_token(&with_authorization(&basic)).as_deref(), Some("simpat-1-x:y"));
        assert_eq!(presented_token(&with_authorization("Bearer abc")).as_deref(), Some("abc"));
        assert_eq!(presented_token(&with_authorization("Digest abc")), None);
        assert_eq!(presented_token(&with_authorization("Basic !!!")), None);
        assert_eq!(presented_token(&HeaderMap::new()), None);
    }

    #[test]
    fn identities_are_people_and_at_last_an_application() {
        let identities = SimulatedIdentity::all(7, 8);
        assert_eq!(identities.len(), 9);
        assert!(identities[..8].iter().all(|identity| identity.kind == IdentityKind::Person));
        assert_eq!(identities[8].kind, IdentityKind::ServicePrincipal);
        assert!(identities[0].pats[0].starts_with("simpat-1-"));
        let mut names: Vec<_> = identities.iter().map(|identity| &identity.subject_descriptor).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 9);
        assert_eq!(identities, SimulatedIdentity::all(7, 8));
    }
}
