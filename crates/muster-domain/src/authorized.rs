//! Which pipelines may use a resource, and how far the list of those open to all is to be believed.

use crate::protected::ProtectedResource;
use crate::read::{Reading, UnknownReason};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Resources that all pipelines of the project may use, and how far the list is to be believed.
///
/// The list form of `authorizedresources` is not documented to list: it is believed only where single resources of
/// the same type, asked one by one, said the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedResources {
    /// The list.
    pub list: Reading<AuthorizedResourceList>,
    /// What the cross-check of this organization came to, by type; absent: not verified.
    pub checks: BTreeMap<ProtectedResource, ListCheck>,
    /// Answers for single resources, by type and id; they count where the list cannot be believed.
    pub single: BTreeMap<(ProtectedResource, String), PipelineAccess>,
}

/// The list form of `authorizedresources`: ids that all pipelines may use, by type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizedResourceList {
    /// By type; a type of which nothing is open is absent.
    pub open: BTreeMap<ProtectedResource, BTreeSet<String>>,
}

impl AuthorizedResourceList {
    /// Ids of one type.
    pub fn of(&self, resource: ProtectedResource) -> impl Iterator<Item = &str> {
        self.open.get(&resource).into_iter().flatten().map(String::as_str)
    }

    /// Without case: GUIDs are numbers, and one that is overlooked would make an open resource look closed.
    pub fn holds(&self, resource: ProtectedResource, id: &str) -> bool {
        self.open
            .get(&resource)
            .is_some_and(|ids| ids.contains(id) || ids.iter().any(|listed| listed.eq_ignore_ascii_case(id)))
    }

    /// How many ids of all types.
    pub fn len(&self) -> usize {
        self.open.values().map(BTreeSet::len).sum()
    }

    /// True where nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the cross-check of an organization's authorized-resources lists came to, for one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ListCheck {
    /// Not done yet.
    #[default]
    NotVerified,
    /// A listed resource was open, and no unlisted one was: the list is believed.
    Agrees,
    /// A single resource said otherwise: permissions are read one by one.
    Disagrees,
    /// Nothing listed was found to check by: permissions are read one by one until something is.
    NothingListed,
}

impl ListCheck {
    /// Every result.
    pub const ALL: [Self; 4] = [Self::NotVerified, Self::Agrees, Self::Disagrees, Self::NothingListed];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotVerified => "notVerified",
            Self::Agrees => "agrees",
            Self::Disagrees => "disagrees",
            Self::NothingListed => "nothingListed",
        }
    }

    /// True where permissions are read one by one.
    pub fn reads_one_by_one(self) -> bool {
        matches!(self, Self::Disagrees | Self::NothingListed)
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
    /// What the cross-check of that type came to.
    pub fn check(&self, resource: ProtectedResource) -> ListCheck {
        self.checks.get(&resource).copied().unwrap_or_default()
    }

    /// Which pipelines may use the resource of that type and id.
    pub fn access(&self, resource: ProtectedResource, id: &str) -> Reading<PipelineAccess> {
        let single = || self.single.get(&(resource, id.to_owned())).copied().map(Reading::Known);
        let check = self.check(resource);
        let list = match &self.list {
            Reading::Unknown(reason) => return single().unwrap_or(Reading::Unknown(*reason)),
            Reading::Known(_) if check == ListCheck::Disagrees => {
                return single().unwrap_or(Reading::Unknown(UnknownReason::PermissionsNotRead));
            }
            Reading::Known(list) => list,
        };
        // What is listed as open needs no further proof to be called open.
        if list.holds(resource, id) {
            return Reading::Known(PipelineAccess::AllPipelines);
        }
        match check {
            ListCheck::Agrees => Reading::Known(PipelineAccess::PermittedOnly),
            ListCheck::NotVerified => single().unwrap_or(Reading::Unknown(UnknownReason::ListNotVerified)),
            ListCheck::Disagrees | ListCheck::NothingListed => {
                single().unwrap_or(Reading::Unknown(UnknownReason::PermissionsNotRead))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PipelineAccess::{AllPipelines, PermittedOnly};
    use ProtectedResource::{Endpoint, SecureFile};

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
            let ids = ids.iter().map(ToString::to_string).collect();
            Reading::Known(AuthorizedResourceList { open: BTreeMap::from([(Endpoint, ids)]) })
        };
        let list = match list {
            List::Holds => of(&["another", ASKED]),
            List::HoldsInUpperCase => of(&["another", &ASKED.to_uppercase()]),
            List::LacksIt => of(&["another"]),
            List::IsEmpty => of(&[]),
            List::IsUnknown(reason) => Reading::Unknown(reason),
        };
        let single = single.map(|access| ((Endpoint, ASKED.to_owned()), access)).into_iter().collect();
        AuthorizedResources { list, checks: BTreeMap::from([(Endpoint, check)]), single }
    }

    #[test]
    fn what_the_list_says_counts_as_far_as_it_is_believed() {
        use ListCheck::{Agrees, Disagrees, NotVerified, NothingListed};
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
            (List::IsEmpty, Disagrees, not_read.clone()),
            (List::Holds, NothingListed, Reading::Known(AllPipelines)),
            (List::LacksIt, NothingListed, not_read),
        ];
        for (list, check, expected) in table {
            assert_eq!(resources(list, check, None).access(Endpoint, ASKED), expected, "{list:?}, {check:?}");
        }
    }

    #[test]
    fn an_unknown_list_passes_its_reason_on() {
        for reason in UnknownReason::ALL {
            for check in ListCheck::ALL {
                let access = resources(List::IsUnknown(reason), check, None).access(Endpoint, ASKED);
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
                assert_eq!(resources.access(Endpoint, ASKED), Reading::Known(access), "{list:?}, {check:?}");
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
                let access = resources(list, check, Some(single)).access(Endpoint, ASKED);
                assert_eq!(access, Reading::Known(expected), "{list:?}, {check:?}, {single:?}");
            }
        }
    }

    #[test]
    fn what_a_single_resource_says_is_said_of_no_other() {
        let resources = resources(List::IsEmpty, ListCheck::NotVerified, Some(PermittedOnly));
        assert_eq!(resources.access(Endpoint, "another"), Reading::Unknown(UnknownReason::ListNotVerified));
        assert_eq!(resources.access(SecureFile, ASKED), Reading::Unknown(UnknownReason::ListNotVerified));
    }

    #[test]
    fn the_wire_names_of_checks_are_those_in_tables() {
        for check in ListCheck::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
        }
        assert_eq!(ListCheck::default(), ListCheck::NotVerified, "nothing is believed before it was checked");
    }
}
