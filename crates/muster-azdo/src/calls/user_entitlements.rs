//! `GET /{organization}/_apis/userentitlements`: who is in the organization, with which access level.

use crate::call::Call;
use crate::error::CallError;
use crate::hosts::ServiceHost;
use crate::json::Violation;
use crate::page::{Page, PageRequest};
use crate::session::Session;
use chrono::{DateTime, Datelike as _, Utc};
use muster_domain::OrganizationName;
use muster_domain::read::Read;
use serde::Deserialize;
use tracing::instrument;

/// An identity of an organization with its access level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEntitlementItem {
    /// Its id.
    pub id: String,
    /// What it signs in with.
    pub principal_name: String,
    /// Its access level, for people (`Basic`, `Stakeholder`, …).
    pub access_level: String,
    /// Whether its account is in use (`active`, `pending`, `disabled`, …).
    pub account_status: Option<String>,
    /// When it was seen last; absent for one that never signed in.
    pub last_accessed: Option<DateTime<Utc>>,
    /// What it is (`user`, `servicePrincipal`, …).
    pub subject_kind: Option<String>,
    /// Whether it belongs to the tenant (`member`) or is invited (`guest`).
    pub user_type: Option<String>,
}

/// The first version with tokens in the body; newer ones only add.
const VERSION: &str = "7.1-preview.3";

/// Year of the date that stands for "never" (`0001-01-01`, with any time of day).
const NEVER: i32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntitlementsWire {
    /// Named `members` in most answers; the specification names both.
    #[serde(default)]
    members: Option<Vec<EntitlementWire>>,
    #[serde(default)]
    items: Option<Vec<EntitlementWire>>,
    #[serde(default)]
    continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntitlementWire {
    id: String,
    user: UserWire,
    access_level: AccessLevelWire,
    #[serde(default)]
    last_accessed_date: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserWire {
    #[serde(default)]
    principal_name: Option<String>,
    #[serde(default)]
    subject_kind: Option<String>,
    #[serde(default)]
    meta_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessLevelWire {
    #[serde(default)]
    license_display_name: Option<String>,
    #[serde(default)]
    account_license_type: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

impl EntitlementsWire {
    fn page(self) -> Result<Page<UserEntitlementItem>, Violation> {
        let people = self.members.or(self.items).ok_or(Violation("it holds neither members nor items"))?;
        let continuation = self.continuation_token.filter(|token| !token.is_empty());
        Ok(Page { items: people.into_iter().map(EntitlementWire::item).collect(), continuation })
    }
}

impl EntitlementWire {
    fn item(self) -> UserEntitlementItem {
        let level = self.access_level.license_display_name.filter(|name| !name.is_empty());
        UserEntitlementItem {
            id: self.id,
            principal_name: self.user.principal_name.unwrap_or_default(),
            access_level: level.or(self.access_level.account_license_type).unwrap_or_default(),
            account_status: self.access_level.status,
            last_accessed: self.last_accessed_date.filter(|date| date.year() > NEVER),
            subject_kind: self.user.subject_kind,
            user_type: self.user.meta_type,
        }
    }
}

impl Session {
    /// One page of the people of `organization`, as large as the service gives.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.userEntitlements", skip_all, fields(ado.organization = %organization))]
    pub async fn user_entitlements(
        &self,
        organization: &OrganizationName,
        page: PageRequest,
    ) -> Result<Page<UserEntitlementItem>, CallError> {
        let mut call = Call::in_organization(Read::UserEntitlements, organization, "_apis/userentitlements")
            .on(ServiceHost::Entitlements)
            .version(VERSION);
        if let Some(token) = &page.continuation {
            call = call.with("continuationToken", token);
        }
        let target = call.target.clone();
        let unexpected =
            |detail: &str| CallError::Unexpected { call: target.clone(), detail: detail.to_owned() };
        let wire: EntitlementsWire = self.send(call).await?.object().await?;
        let next = wire.page().map_err(|violation| unexpected(violation.0))?;
        if next.continuation.is_some() && next.continuation == page.continuation {
            return Err(unexpected("the page leads to itself"));
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn person(last_accessed: &str) -> Value {
        json!({"id": "p-1", "lastAccessedDate": last_accessed, "dateCreated": "2025-01-01T00:00:00Z",
            "user": {"subjectKind": "user", "metaType": "guest", "principalName": "guest@fabrikam.example",
                "mailAddress": "guest@fabrikam.example", "origin": "aad", "descriptor": "aad.x", "_links": {}},
            "accessLevel": {"licensingSource": "account", "accountLicenseType": "express",
                "licenseDisplayName": "Basic", "status": "active", "assignmentSource": "unknown"},
            "projectEntitlements": [], "extensions": [], "groupAssignments": []})
    }

    fn read(answer: Value) -> Page<UserEntitlementItem> {
        serde_json::from_value::<EntitlementsWire>(answer).unwrap().page().unwrap()
    }

    #[test]
    fn members_and_items_are_the_same_and_the_token_is_in_the_body() {
        let people = json!([person("2026-02-03T04:05:06.789Z")]);
        let page = read(json!({"members": people, "continuationToken": "next", "totalCount": 3}));
        assert_eq!(page.continuation.as_deref(), Some("next"));
        let expected = UserEntitlementItem {
            id: "p-1".to_owned(),
            principal_name: "guest@fabrikam.example".to_owned(),
            access_level: "Basic".to_owned(),
            account_status: Some("active".to_owned()),
            last_accessed: Some("2026-02-03T04:05:06.789Z".parse().unwrap()),
            subject_kind: Some("user".to_owned()),
            user_type: Some("guest".to_owned()),
        };
        assert_eq!(page.items, [expected]);
        for token in [json!(null), json!("")] {
            let last = read(json!({"items": people, "continuationToken": token}));
            assert_eq!((last.items, last.continuation), (page.items.clone(), None));
        }
    }

    #[test]
    fn the_first_day_of_all_is_never() {
        for never in ["0001-01-01T00:00:00Z", "0001-01-01T08:00:00Z", "0001-01-01T00:00:00-00:00"] {
            assert_eq!(read(json!({"members": [person(never)]})).items[0].last_accessed, None, "{never}");
        }
        let mut silent = person("");
        silent.as_object_mut().unwrap().remove("lastAccessedDate");
        assert_eq!(read(json!({"members": [silent]})).items[0].last_accessed, None);
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        let unreadable = json!({"members": [person("yesterday")]});
        assert!(serde_json::from_value::<EntitlementsWire>(unreadable).is_err());
        let silent: EntitlementsWire = serde_json::from_value(json!({"totalCount": 3})).unwrap();
        assert!(silent.page().is_err());
    }

    #[test]
    fn an_access_level_without_a_name_is_told_by_its_type() {
        let mut person = person("2026-02-03T04:05:06Z");
        person["accessLevel"] = json!({"accountLicenseType": "stakeholder", "licenseDisplayName": ""});
        let item = &read(json!({"members": [person]})).items[0];
        assert_eq!((item.access_level.as_str(), item.account_status.as_deref()), ("stakeholder", None));
    }
}
