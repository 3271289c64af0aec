//! `GET /{organization}/_apis/extensionmanagement/installedextensions`: extensions of the organization.

use crate::call::Call;
use crate::error::CallError;
use crate::hosts::ServiceHost;
use crate::json::{Violation, Wire};
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::properties::ExtensionProperties;
use muster_domain::read::Read;
use serde::Deserialize;
use tracing::instrument;

/// An extension as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionItem {
    /// `publisher.extension`.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What is kept of it; what it contributes is not.
    pub properties: ExtensionProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionWire {
    extension_id: String,
    publisher_id: String,
    #[serde(default)]
    extension_name: Option<String>,
    #[serde(default)]
    publisher_name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    flags: Option<FlagsWire>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    install_state: Option<InstallStateWire>,
}

#[derive(Deserialize)]
struct InstallStateWire {
    #[serde(default)]
    flags: Option<FlagsWire>,
}

/// Names with commas between them, or the sum of their numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum FlagsWire {
    Names(String),
    Number(u64),
}

/// Part of Azure DevOps itself (`ExtensionFlags` of Microsoft's specification).
const BUILT_IN: (&str, u64) = ("builtIn", 1);
/// Switched off (`ExtensionStateFlags` of Microsoft's specification).
const DISABLED: (&str, u64) = ("disabled", 1);

impl FlagsWire {
    fn has(&self, (name, number): (&str, u64)) -> bool {
        match self {
            Self::Names(names) => names.split(',').any(|flag| flag.trim().eq_ignore_ascii_case(name)),
            Self::Number(sum) => sum & number != 0,
        }
    }
}

impl Wire for ExtensionWire {
    type Item = ExtensionItem;

    fn into_item(self) -> Result<ExtensionItem, Violation> {
        if self.extension_id.is_empty() || self.publisher_id.is_empty() {
            return Err(Violation("an extension has no id"));
        }
        let state = self.install_state.and_then(|state| state.flags);
        Ok(ExtensionItem {
            id: format!("{}.{}", self.publisher_id, self.extension_id),
            name: self.extension_name.filter(|name| !name.is_empty()).unwrap_or(self.extension_id),
            properties: ExtensionProperties {
                publisher_id: self.publisher_id,
                publisher_name: self.publisher_name,
                version: self.version,
                is_disabled: state.is_some_and(|flags| flags.has(DISABLED)),
                is_built_in: self.flags.is_some_and(|flags| flags.has(BUILT_IN)),
                scopes: self.scopes.unwrap_or_default(),
            },
        })
    }
}

impl Session {
    /// The extensions that are installed in `organization`, also those that are switched off.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.extensions", skip_all, fields(ado.organization = %organization))]
    pub async fn extensions(&self, organization: &OrganizationName) -> Result<Vec<ExtensionItem>, CallError> {
        let path = "_apis/extensionmanagement/installedextensions";
        let call = Call::in_organization(Read::Extensions, organization, path)
            .on(ServiceHost::Extensions)
            .preview()
            .with("includeDisabledExtensions", "true")
            // Their contributions are most of the answer, some MiB; nothing of them is kept.
            .streamed();
        self.list_of::<ExtensionWire>(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(extension: Value) -> ExtensionItem {
        serde_json::from_value::<ExtensionWire>(extension).unwrap().into_item().unwrap()
    }

    #[test]
    fn an_extension_is_known_by_publisher_and_name() {
        let extension =
            read(json!({"extensionId": "scanner", "extensionName": "Scanner", "publisherId": "fabrikam",
            "publisherName": "Fabrikam", "version": "1.2.3", "registrationId": "x", "manifestVersion": 1,
            "scopes": ["vso.code", "vso.build_execute"], "contributions": [{"id": "fabrikam.scanner.task"}],
            "installState": {"flags": "none", "lastUpdated": "2026-01-01T00:00:00Z"}, "files": []}));
        assert_eq!((extension.id.as_str(), extension.name.as_str()), ("fabrikam.scanner", "Scanner"));
        let expected = ExtensionProperties {
            publisher_id: "fabrikam".to_owned(),
            publisher_name: Some("Fabrikam".to_owned()),
            version: Some("1.2.3".to_owned()),
            is_disabled: false,
            is_built_in: false,
            scopes: vec!["vso.code".to_owned(), "vso.build_execute".to_owned()],
        };
        assert_eq!(extension.properties, expected);
    }

    #[test]
    fn flags_are_names_or_a_number() {
        let flags = |flags: Value, state: Value| {
            let extension = read(json!({"extensionId": "e", "publisherId": "p", "flags": flags,
                "installState": {"flags": state}}));
            (extension.properties.is_built_in, extension.properties.is_disabled)
        };
        assert_eq!(flags(json!("builtIn, trusted"), json!("disabled, multiVersion")), (true, true));
        assert_eq!(flags(json!("trusted"), json!("autoUpgradeError")), (false, false));
        assert_eq!(flags(json!(3), json!(5)), (true, true));
        assert_eq!(flags(json!(2), json!(32)), (false, false));
        assert_eq!(flags(json!(null), json!(null)), (false, false));
        let bare = read(json!({"extensionId": "e", "publisherId": "p"}));
        assert_eq!(bare.name, "e");
        assert!(!bare.properties.is_disabled && bare.properties.scopes.is_empty());
    }

    #[test]
    fn an_extension_without_an_id_breaks_the_contract() {
        let nameless: ExtensionWire =
            serde_json::from_value(json!({"extensionId": "", "publisherId": "p"})).unwrap();
        assert!(nameless.into_item().is_err());
    }
}
