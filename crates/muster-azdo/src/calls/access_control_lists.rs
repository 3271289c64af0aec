//! `GET /{organization}/_apis/accesscontrollists/{namespace}`: all permissions of one namespace.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Violation, Wire};
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::read::Read;
use serde::Deserialize;
use std::collections::BTreeMap;
use tracing::instrument;
use uuid::Uuid;

/// Permissions on one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessControlListItem {
    /// What they are about, in the form of the namespace.
    pub token: String,
    /// Permissions of what it lies in apply too.
    pub inherits: bool,
    /// By descriptor of whom they are given to.
    pub entries: BTreeMap<String, AccessControlEntry>,
}

/// Permissions of one identity, as bits of the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessControlEntry {
    /// What it may do.
    pub allow: i64,
    /// What it may not do, whatever it is allowed elsewhere.
    pub deny: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessControlListWire {
    token: String,
    #[serde(default)]
    inherit_permissions: Option<bool>,
    /// Absent where nothing is given.
    #[serde(default)]
    aces_dictionary: Option<BTreeMap<String, EntryWire>>,
}

#[derive(Deserialize)]
struct EntryWire {
    #[serde(default)]
    allow: i64,
    #[serde(default)]
    deny: i64,
}

impl Wire for AccessControlListWire {
    type Item = AccessControlListItem;

    fn into_item(self) -> Result<AccessControlListItem, Violation> {
        let entries = self.aces_dictionary.unwrap_or_default().into_iter();
        let entry = |wire: EntryWire| AccessControlEntry { allow: wire.allow, deny: wire.deny };
        Ok(AccessControlListItem {
            token: self.token,
            // Without a word more people are allowed more: the side on which nothing is called healthy by mistake.
            inherits: self.inherit_permissions.unwrap_or(true),
            entries: entries.map(|(descriptor, wire)| (descriptor, entry(wire))).collect(),
        })
    }
}

impl Session {
    /// All permissions of `namespace` that are set somewhere in `organization`.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.accessControlLists", skip_all,
        fields(ado.organization = %organization, ado.namespace.id = %namespace))]
    pub async fn access_control_lists(
        &self,
        organization: &OrganizationName,
        namespace: Uuid,
    ) -> Result<Vec<AccessControlListItem>, CallError> {
        let path = format!("_apis/accesscontrollists/{namespace}");
        // Every repository and branch with permissions of its own has one.
        let call = Call::in_organization(Read::AccessControlLists, organization, &path).streamed();
        self.list_of::<AccessControlListWire>(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const DESCRIPTOR: &str = "Microsoft.TeamFoundation.Identity;S-1-9-1551374245-1204400969-1";

    fn read(list: Value) -> AccessControlListItem {
        serde_json::from_value::<AccessControlListWire>(list).unwrap().into_item().unwrap()
    }

    #[test]
    fn bits_are_kept_by_whom_they_are_given_to() {
        let list = read(json!({"inheritPermissions": false, "token": "repoV2/p/r", "acesDictionary": {
            DESCRIPTOR: {"descriptor": DESCRIPTOR, "allow": 16_502, "deny": 8,
                "extendedInfo": {"effectiveAllow": 16_502}},
            "Microsoft.TeamFoundation.ServiceIdentity;a:Build:b": {"descriptor": "x", "deny": 1}},
            "includeExtendedInfo": true}));
        assert_eq!((list.token.as_str(), list.inherits), ("repoV2/p/r", false));
        assert_eq!(list.entries[DESCRIPTOR], AccessControlEntry { allow: 16_502, deny: 8 });
        let service = list.entries["Microsoft.TeamFoundation.ServiceIdentity;a:Build:b"];
        assert_eq!(service, AccessControlEntry { allow: 0, deny: 1 });
    }

    #[test]
    fn a_list_without_a_word_inherits() {
        let list = read(json!({"token": "repoV2/p"}));
        assert!(list.inherits && list.entries.is_empty());
        let list = read(json!({"token": "repoV2/p", "acesDictionary": null, "inheritPermissions": null}));
        assert!(list.inherits && list.entries.is_empty());
    }
}
