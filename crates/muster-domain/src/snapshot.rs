//! What rules judge: everything known of one project, with the reason for everything that is not.

use crate::policy::PolicyConfiguration;
use crate::properties::{ProjectProperties, RepositoryProperties, ServiceConnectionProperties};
use crate::read::{Reading, UnknownReason};
use crate::resource::{ResourceKey, ResourceKind};
use crate::{OrganizationId, OrganizationName, ProjectId, RepositoryId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything known of one project.
#[derive(Clone, Debug)]
pub struct ProjectSnapshot {
    /// Its organization.
    pub organization: OrganizationView,
    /// The project itself.
    pub project_id: ProjectId,
    /// Its name.
    pub project_name: String,
    /// Its own properties.
    pub project: ProjectProperties,
    /// Its repositories that are present or missing.
    pub repositories: Vec<RepositoryView>,
    /// Its service connections.
    pub service_connections: Vec<ServiceConnectionView>,
    /// Policy configurations of all its repositories and branches.
    pub policies: Reading<Vec<PolicyConfiguration>>,
    /// Pipeline settings.
    pub general_settings: Reading<GeneralSettings>,
    /// Resources that all pipelines may use, and how far that list is to be believed.
    pub authorized_resources: AuthorizedResources,
}

impl ProjectSnapshot {
    /// Key of the project.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::project(self.organization.id, self.project_id)
    }

    /// Key of something in the project.
    pub fn key_of(&self, kind: ResourceKind, external_id: impl Into<String>) -> ResourceKey {
        ResourceKey::in_project(kind, self.organization.id, self.project_id, external_id)
    }

    /// A page of the project: `_settings/policies`, …; the name is percent-encoded.
    pub fn page(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.organization.web_url, encode_path_segment(&self.project_name))
    }
}

/// The organization of a snapshot.
#[derive(Clone, Debug)]
pub struct OrganizationView {
    /// Immutable id.
    pub id: OrganizationId,
    /// Present name.
    pub name: OrganizationName,
    /// Its page, without a trailing slash.
    pub web_url: String,
}

/// A repository of a snapshot.
#[derive(Clone, Debug)]
pub struct RepositoryView {
    /// Immutable id.
    pub id: RepositoryId,
    /// Present name.
    pub name: String,
    /// What was read of it.
    pub properties: RepositoryProperties,
}

/// A service connection of a snapshot.
#[derive(Clone, Debug)]
pub struct ServiceConnectionView {
    /// Azure DevOps' id.
    pub id: String,
    /// Present name.
    pub name: String,
    /// What was read of it.
    pub properties: ServiceConnectionProperties,
}

/// Pipeline settings of a project, as far as they are judged. Older answers lack the two newer switches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneralSettings {
    /// Nobody may create classic build pipelines.
    pub disable_classic_build_pipeline_creation: Option<bool>,
    /// Nobody may create classic release pipelines.
    pub disable_classic_release_pipeline_creation: Option<bool>,
    /// The older switch for both.
    pub disable_classic_pipeline_creation: Option<bool>,
}

/// Resources that all pipelines of the project may use, and how far the list is to be believed.
///
/// The list form of `authorizedresources` is not documented to list: it is believed only where single resources,
/// asked one by one, said the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedResources {
    /// The list.
    pub list: Reading<AuthorizedResourceList>,
    /// What the cross-check of this organization came to.
    pub check: ListCheck,
    /// Answers for single resources, by id of the resource; they count where the list cannot be believed.
    pub single: BTreeMap<String, PipelineAccess>,
}

/// The list form of `authorizedresources`: ids by type (`endpoint`, `queue`, `variablegroup`, `securefile`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizedResourceList {
    /// Ids of service connections that all pipelines may use.
    pub endpoints: BTreeSet<String>,
}

impl AuthorizedResourceList {
    /// Without case: GUIDs are numbers, and one that is overlooked would make an open connection look closed.
    fn holds_endpoint(&self, id: &str) -> bool {
        self.endpoints.contains(id) || self.endpoints.iter().any(|listed| listed.eq_ignore_ascii_case(id))
    }
}

/// What the cross-check of an organization's authorized-resources lists came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ListCheck {
    /// Not done yet, or nothing listed could be asked for.
    #[default]
    NotVerified,
    /// A listed resource was open, and no unlisted one was: the list is believed.
    Agrees,
    /// A single resource said otherwise, or nothing listed was found to check by: permissions are read one by one.
    Disagrees,
}

impl ListCheck {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotVerified => "notVerified",
            Self::Agrees => "agrees",
            Self::Disagrees => "disagrees",
        }
    }
}

/// Which pipelines may use a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PipelineAccess {
    /// Every pipeline of the project, those of tomorrow too.
    AllPipelines,
    /// Only pipelines that were permitted one by one.
    PermittedOnly,
}

impl AuthorizedResources {
    /// Which pipelines may use the service connection `id`.
    pub fn endpoint_access(&self, id: &str) -> Reading<PipelineAccess> {
        let single = || self.single.get(id).copied().map(Reading::Known);
        let list = match (&self.list, self.check) {
            (Reading::Unknown(reason), _) => return single().unwrap_or(Reading::Unknown(*reason)),
            (Reading::Known(_), ListCheck::Disagrees) => {
                return single().unwrap_or(Reading::Unknown(UnknownReason::PermissionsNotRead));
            }
            (Reading::Known(list), _) => list,
        };
        // What is listed as open needs no further proof to be called open.
        if list.holds_endpoint(id) {
            return Reading::Known(PipelineAccess::AllPipelines);
        }
        match self.check {
            ListCheck::Agrees => Reading::Known(PipelineAccess::PermittedOnly),
            ListCheck::NotVerified | ListCheck::Disagrees => {
                single().unwrap_or(Reading::Unknown(UnknownReason::ListNotVerified))
            }
        }
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
pub fn encode_path_segment(segment: &str) -> String {
    use std::fmt::Write as _;
    segment.bytes().fold(String::with_capacity(segment.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use PipelineAccess::{AllPipelines, PermittedOnly};
    use proptest::prelude::*;

    const ASKED: &str = "0f1e2d3c-aaaa-4000-8000-0000000000c1";

    /// What the list says of [`ASKED`].
    #[derive(Clone, Copy, Debug)]
    enum List {
        Holds,
        HoldsInUpperCase,
        LacksIt,
        IsEmpty,
        IsUnknown(UnknownReason),
    }

    fn resources(list: List, check: ListCheck, single: Option<PipelineAccess>) -> AuthorizedResources {
        let of = |ids: &[&str]| {
            let endpoints = ids.iter().map(ToString::to_string).collect();
            Reading::Known(AuthorizedResourceList { endpoints })
        };
        let list = match list {
            List::Holds => of(&["another", ASKED]),
            List::HoldsInUpperCase => of(&["another", &ASKED.to_uppercase()]),
            List::LacksIt => of(&["another"]),
            List::IsEmpty => of(&[]),
            List::IsUnknown(reason) => Reading::Unknown(reason),
        };
        let single = single.map(|access| (ASKED.to_owned(), access)).into_iter().collect();
        AuthorizedResources { list, check, single }
    }

    #[test]
    fn what_the_list_says_counts_as_far_as_it_is_believed() {
        use ListCheck::{Agrees, Disagrees, NotVerified};
        let not_verified = Reading::Unknown(UnknownReason::ListNotVerified);
        let not_read = Reading::Unknown(UnknownReason::PermissionsNotRead);
        let table = [
            (List::Holds, Agrees, Reading::Known(AllPipelines)),
            (List::Holds, NotVerified, Reading::Known(AllPipelines)),
            (List::Holds, Disagrees, not_read.clone()),
            (List::HoldsInUpperCase, Agrees, Reading::Known(AllPipelines)),
            (List::HoldsInUpperCase, NotVerified, Reading::Known(AllPipelines)),
            (List::LacksIt, Agrees, Reading::Known(PermittedOnly)),
            (List::LacksIt, NotVerified, not_verified.clone()),
            (List::LacksIt, Disagrees, not_read.clone()),
            (List::IsEmpty, Agrees, Reading::Known(PermittedOnly)),
            (List::IsEmpty, NotVerified, not_verified),
            (List::IsEmpty, Disagrees, not_read),
        ];
        for (list, check, expected) in table {
            assert_eq!(resources(list, check, None).endpoint_access(ASKED), expected, "{list:?}, {check:?}");
        }
    }

    #[test]
    fn an_unknown_list_passes_its_reason_on() {
        for reason in UnknownReason::ALL {
            for check in [ListCheck::NotVerified, ListCheck::Agrees, ListCheck::Disagrees] {
                let access = resources(List::IsUnknown(reason), check, None).endpoint_access(ASKED);
                assert_eq!(access, Reading::Unknown(reason), "{check:?}");
            }
        }
    }

    #[test]
    fn what_a_single_resource_says_counts_where_the_list_cannot_be_believed() {
        use ListCheck::{Agrees, Disagrees, NotVerified};
        let unbelieved = [
            (List::Holds, Disagrees),
            (List::LacksIt, Disagrees),
            (List::IsEmpty, Disagrees),
            (List::LacksIt, NotVerified),
            (List::IsEmpty, NotVerified),
            (List::IsUnknown(UnknownReason::Forbidden), NotVerified),
            (List::IsUnknown(UnknownReason::Forbidden), Agrees),
            (List::IsUnknown(UnknownReason::Forbidden), Disagrees),
        ];
        for access in [AllPipelines, PermittedOnly] {
            for (list, check) in unbelieved {
                let resources = resources(list, check, Some(access));
                assert_eq!(resources.endpoint_access(ASKED), Reading::Known(access), "{list:?}, {check:?}");
            }
        }
    }

    /// The list is read in every pass, a single resource only now and then: what was asked long ago does not
    /// overrule it.
    #[test]
    fn a_believed_list_overrules_what_a_single_resource_said() {
        use ListCheck::{Agrees, NotVerified};
        for single in [AllPipelines, PermittedOnly] {
            for (list, check, expected) in [
                (List::Holds, Agrees, AllPipelines),
                (List::LacksIt, Agrees, PermittedOnly),
                (List::IsEmpty, Agrees, PermittedOnly),
                (List::Holds, NotVerified, AllPipelines),
            ] {
                let access = resources(list, check, Some(single)).endpoint_access(ASKED);
                assert_eq!(access, Reading::Known(expected), "{list:?}, {check:?}, {single:?}");
            }
        }
    }

    #[test]
    fn what_a_single_resource_says_is_said_of_no_other() {
        let resources = resources(List::IsEmpty, ListCheck::NotVerified, Some(PermittedOnly));
        assert_eq!(resources.endpoint_access("another"), Reading::Unknown(UnknownReason::ListNotVerified));
    }

    #[test]
    fn the_wire_names_of_checks_are_those_in_tables() {
        for check in [ListCheck::NotVerified, ListCheck::Agrees, ListCheck::Disagrees] {
            assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
        }
        assert_eq!(ListCheck::default(), ListCheck::NotVerified, "nothing is believed before it was checked");
    }

    #[test]
    fn path_segments_are_encoded_as_rfc_3986_says() {
        for (plain, encoded) in [
            ("", ""),
            ("web-api_1.0~x", "web-api_1.0~x"),
            ("Déjà vu", "D%C3%A9j%C3%A0%20vu"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("100%", "100%25"),
            ("日本", "%E6%97%A5%E6%9C%AC"),
            ("r.x & y+z", "r.x%20%26%20y%2Bz"),
        ] {
            assert_eq!(encode_path_segment(plain), encoded);
        }
    }

    /// Decodes `%XX`: the reverse, for the property below.
    fn decode(encoded: &str) -> String {
        let mut bytes = encoded.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            decoded.push(match byte {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                plain => plain,
            });
        }
        String::from_utf8(decoded).unwrap()
    }

    proptest! {
        #[test]
        fn encoded_segments_can_be_decoded_and_need_no_further_care(segment in any::<String>()) {
            let encoded = encode_path_segment(&segment);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert_eq!(decode(&encoded), segment);
        }
    }
}
