//! What a credential is. The secret itself never passes through these types.

use crate::{CredentialId, IdentityKey, TenantId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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

    /// What mends it where Azure DevOps refuses it, for the people of the connector of that name: the commands to type.
    pub fn remedy(&self, connector: &str) -> String {
        let name = &self.name;
        let renew = match &self.kind {
            CredentialKind::PersonalAccessToken => {
                format!("`muster credential set {name} --pat-file FILE`")
            }
            CredentialKind::ClientSecret { tenant_id, client_id } => format!(
                "`muster credential set {name} --secret-file FILE --tenant-id {tenant_id} --client-id {client_id}`"
            ),
        };
        format!(
            "store a secret that is admitted with {renew}, and all of its connectors go on; where the credential {name} \
             is right by now, `muster connector resume {connector}`"
        )
    }
}

/// How a credential authenticates. The secret that belongs to it is kept apart, encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum CredentialKind {
    /// Personal access token, sent as the password of HTTP Basic.
    PersonalAccessToken,
    /// An Entra application with a client secret: OAuth 2.0 client credentials (RFC 6749, section 4.4).
    ClientSecret {
        /// Tenant of the application.
        tenant_id: TenantId,
        /// Application (client) id.
        client_id: Uuid,
    },
}

impl CredentialKind {
    /// The name in tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::PersonalAccessToken => "personalAccessToken",
            Self::ClientSecret { .. } => "clientSecret",
        }
    }

    /// The tenant of an application.
    pub fn tenant_id(&self) -> Option<TenantId> {
        match self {
            Self::PersonalAccessToken => None,
            Self::ClientSecret { tenant_id, .. } => Some(*tenant_id),
        }
    }

    /// True for applications: Azure DevOps lists no accounts for them, and the policy on third-party access by OAuth does
    /// not affect them.
    pub fn is_application(&self) -> bool {
        matches!(self, Self::ClientSecret { .. })
    }
}
