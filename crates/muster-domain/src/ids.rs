//! Identifiers. A type per idea, so that one can never stand where another is meant.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }
    };
}

uuid_id!(
    /// A connector, for its whole life (its name may be used again after removal).
    ConnectorId
);
uuid_id!(
    /// A stored credential.
    CredentialId
);
uuid_id!(
    /// A job in the ledger.
    JobId
);
uuid_id!(
    /// One claim of a job; a finish with another token hits no row.
    LeaseToken
);
uuid_id!(
    /// One installation of Muster: part of the `source` of its facts.
    InstallationId
);
uuid_id!(
    /// Azure DevOps' immutable organization id (`instanceId` of connectionData).
    OrganizationId
);
uuid_id!(
    /// A Microsoft Entra tenant.
    TenantId
);
uuid_id!(
    /// Azure DevOps' immutable project id.
    ProjectId
);
uuid_id!(
    /// Azure DevOps' immutable repository id.
    RepositoryId
);
uuid_id!(
    /// A row of the inventory: derived from connector and natural key, the same in every pass.
    ResourceId
);
uuid_id!(
    /// Stable key of a recommendation; Microsoft's assessment GUID where it has one.
    RecommendationKey
);

/// Name of an Azure DevOps organization: compared without case, shown as it was given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrganizationName(String);

impl OrganizationName {
    /// Wraps a name as Azure DevOps or a person wrote it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for comparisons and keys.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl PartialEq for OrganizationName {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for OrganizationName {}

impl Hash for OrganizationName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl PartialOrd for OrganizationName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrganizationName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl fmt::Display for OrganizationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whom a credential acts as: the `subjectDescriptor` of connectionData, or, until that is known,
/// `credential:{id}`. The consumption budget is kept per identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentityKey(String);

impl IdentityKey {
    /// The identity that Azure DevOps named.
    pub fn subject(descriptor: impl Into<String>) -> Self {
        Self(descriptor.into())
    }

    /// Stand-in for a credential whose identity has not been asked for yet.
    pub fn of_credential(credential: CredentialId) -> Self {
        Self(format!("credential:{credential}"))
    }

    /// True while the real identity behind the credential is not known.
    pub fn is_provisional(&self) -> bool {
        self.0.starts_with("credential:")
    }

    /// The key as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdentityKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashSet};
    use std::hash::DefaultHasher;

    fn hash(name: &OrganizationName) -> u64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn ids_are_their_uuid_as_text_and_on_the_wire() {
        let text = "470742ea-324a-406c-b91f-fc1da6a27c0c";
        let id: RecommendationKey = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_value(id).unwrap(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(id), "an id in capitals is the same id");
        assert!("not-an-id".parse::<ConnectorId>().is_err());
        assert_eq!(ConnectorId::from(Uuid::nil()), ConnectorId(Uuid::nil()));
    }

    #[test]
    fn organization_names_are_compared_without_case_and_shown_as_given() {
        let [given, other] = ["Contoso-EU", "contoso-eu"].map(OrganizationName::new);
        assert_eq!(given, other);
        assert_eq!(given.folded(), "contoso-eu");
        assert_eq!((given.as_str(), given.to_string().as_str()), ("Contoso-EU", "Contoso-EU"));
        assert_eq!(serde_json::to_value(&given).unwrap(), "Contoso-EU");
        let names = || [given.clone(), other.clone(), OrganizationName::new("fabrikam")];
        assert_eq!(HashSet::from(names()).len(), 2);
        assert_eq!(BTreeSet::from(names()).len(), 2);
        assert!(OrganizationName::new("B") > OrganizationName::new("a"), "capitals do not sort first");
    }

    #[test]
    fn an_identity_is_provisional_until_azure_devops_names_it() {
        let credential = CredentialId(Uuid::from_u128(5));
        let provisional = IdentityKey::of_credential(credential);
        assert!(provisional.is_provisional());
        assert_eq!(provisional.as_str(), "credential:00000000-0000-0000-0000-000000000005");
        let named = IdentityKey::subject("aad.YmM0ZDk");
        assert!(!named.is_provisional());
        assert_eq!(named.to_string(), "aad.YmM0ZDk");
    }

    proptest! {
        #[test]
        fn equality_order_and_hash_of_organization_names_agree(one in "[a-zA-Z0-9-]{1,4}", two in "[a-zA-Z0-9-]{1,4}") {
            let (lower, upper) = (OrganizationName::new(one.to_lowercase()), OrganizationName::new(one.to_uppercase()));
            prop_assert_eq!(&lower, &upper);
            prop_assert_eq!(hash(&lower), hash(&upper));
            let (one, two) = (OrganizationName::new(one), OrganizationName::new(two));
            prop_assert_eq!(one == two, one.cmp(&two).is_eq());
            prop_assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
            prop_assert!(one != two || hash(&one) == hash(&two));
        }
    }
}
