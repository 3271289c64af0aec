//! What a credential is. The secret itself never passes through these types.

use crate::{CredentialId, IdentityKey};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A named, encrypted credential, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Identifier.
    pub id: CredentialId,
    /// Unique name by which connectors and requests refer to it.
    pub name: String,
    /// How it authenticates.
    pub kind: CredentialKind,
    /// Whom it acts as, once Azure DevOps has said so.
    pub identity: Option<IdentityKey>,
    /// When it was stored last.
    pub updated_at: DateTime<Utc>,
}

impl Credential {
    /// The key of the consumption budget that its calls draw on.
    pub fn budget_key(&self) -> IdentityKey {
        self.identity.clone().unwrap_or_else(|| IdentityKey::of_credential(self.id))
    }
}

/// How a credential authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialKind {
    /// Personal access token, sent as the password of HTTP Basic.
    PersonalAccessToken,
}

impl CredentialKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PersonalAccessToken => "personalAccessToken",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        (name == Self::PersonalAccessToken.as_str()).then_some(Self::PersonalAccessToken)
    }
}
