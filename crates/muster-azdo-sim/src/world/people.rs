//! People of an organization and the groups that hold rights.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::world::{Draw, OrganizationIndex, Project, Topic, World, moment};

const FIRST_NAMES: [&str; 8] = ["Ana", "Björn", "Chidi", "Dana", "Emre", "Fatima", "Grace", "Hiro"];
const LAST_NAMES: [&str; 9] =
    ["Abe", "Berg", "Costa", "Dahl", "Evans", "Fischer", "García", "Horvat", "Ivanova"];

/// One person of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) display_name: String,
    pub(crate) principal_name: String,
    pub(crate) subject_descriptor: String,
    pub(crate) is_guest: bool,
    pub(crate) access: AccessLevel,
    pub(crate) created: String,
    /// Whoever never came has the service's word for never.
    pub(crate) last_accessed: String,
}

/// What a person pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessLevel {
    pub(crate) licensing_source: &'static str,
    pub(crate) account_license: &'static str,
    pub(crate) msdn_license: &'static str,
    pub(crate) name: &'static str,
}

const BASIC: AccessLevel = AccessLevel {
    licensing_source: "account",
    account_license: "express",
    msdn_license: "none",
    name: "Basic",
};
const STAKEHOLDER: AccessLevel = AccessLevel { account_license: "stakeholder", name: "Stakeholder", ..BASIC };
const TEST_PLANS: AccessLevel =
    AccessLevel { account_license: "advanced", name: "Basic + Test Plans", ..BASIC };
const SUBSCRIBER: AccessLevel = AccessLevel {
    licensing_source: "msdn",
    account_license: "none",
    msdn_license: "enterprise",
    name: "Visual Studio Enterprise subscription",
};

/// The service's word for a moment that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// An organization has this many people at least, and up to [`MORE_PEOPLE`] more.
const LEAST_PEOPLE: usize = 14;
const MORE_PEOPLE: usize = 130;

impl Person {
    pub(crate) fn count(world: &World, organization: OrganizationIndex) -> usize {
        LEAST_PEOPLE + Draw::new(world.seed, Topic::People, &[organization.0]).below(MORE_PEOPLE)
    }

    pub(crate) fn generate(world: &World, organization: OrganizationIndex, position: usize) -> Self {
        let mut draw = Draw::new(world.seed, Topic::Person, &[organization.0, position]);
        let id = draw.uuid();
        let (first, last) = (draw.pick(&FIRST_NAMES), draw.pick(&LAST_NAMES));
        let is_guest = draw.percent(10);
        let domain = if is_guest { "partner.example" } else { "contoso.example" };
        let subject = URL_SAFE_NO_PAD.encode(draw.uuid().to_string());
        let created = moment(&mut draw);
        let last_accessed = if draw.percent(12) { NEVER.to_owned() } else { moment(&mut draw) };
        Self {
            id,
            display_name: format!("{first} {last}"),
            principal_name: format!("person{}@{domain}", position + 1),
            subject_descriptor: format!("aad.{subject}"),
            is_guest,
            access: draw.weighted(&[(55, BASIC), (30, STAKEHOLDER), (8, TEST_PLANS), (7, SUBSCRIBER)]),
            // Nobody comes before being invited.
            last_accessed: if last_accessed == NEVER {
                last_accessed
            } else {
                last_accessed.max(created.clone())
            },
            created,
        }
    }

    pub(crate) fn all(world: &World, organization: OrganizationIndex) -> impl Iterator<Item = Self> {
        (0..Self::count(world, organization))
            .map(move |position| Self::generate(world, organization, position))
    }

    /// The name that access control lists use.
    pub(crate) fn descriptor(&self, world: &World) -> String {
        format!("Microsoft.IdentityModel.Claims.ClaimsIdentity;{}\\{}", world.tenant_id, self.principal_name)
    }
}

/// A group that the service made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: Uuid,
    pub(crate) role: GroupRole,
    /// What the group belongs to, by its name.
    pub(crate) scope_name: String,
    pub(crate) scope_id: Uuid,
    security_id: String,
}

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupRole {
    CollectionAdministrators,
    CollectionValidUsers,
    ProjectAdministrators,
    Contributors,
    Readers,
}

impl GroupRole {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CollectionAdministrators => "Project Collection Administrators",
            Self::CollectionValidUsers => "Project Collection Valid Users",
            Self::ProjectAdministrators => "Project Administrators",
            Self::Contributors => "Contributors",
            Self::Readers => "Readers",
        }
    }

    /// The end of the security identifier.
    fn tail(self) -> &'static str {
        match self {
            Self::CollectionAdministrators => "0-0-0-0-1",
            Self::CollectionValidUsers => "0-0-0-0-3",
            Self::ProjectAdministrators => "1-0-0-0-1",
            Self::Contributors => "1-0-0-0-2",
            Self::Readers => "1-0-0-0-3",
        }
    }
}

impl Group {
    pub(crate) fn of_organization(world: &World, index: OrganizationIndex) -> [Self; 2] {
        let organization = world.organization(index);
        [GroupRole::CollectionAdministrators, GroupRole::CollectionValidUsers]
            .map(|role| Self::new(world, role, organization.id, &organization.name))
    }

    pub(crate) fn of_project(world: &World, project: &Project) -> [Self; 3] {
        [GroupRole::ProjectAdministrators, GroupRole::Contributors, GroupRole::Readers]
            .map(|role| Self::new(world, role, project.id, &project.name))
    }

    fn new(world: &World, role: GroupRole, scope_id: Uuid, scope_name: &str) -> Self {
        // Four numbers of 32 bits name the scope, as in the service.
        let [a, b, c, d]: [u32; 4] = std::array::from_fn(|part| {
            u32::from_be_bytes(std::array::from_fn(|byte| scope_id.as_bytes()[part * 4 + byte]))
        });
        let security_id = format!("S-1-9-1551374245-{a}-{b}-{c}-{d}-{}", role.tail());
        let key = [usize::try_from(a).unwrap_or_default(), role as usize];
        let id = Draw::new(world.seed, Topic::Group, &key).uuid();
        Self { id, role, scope_name: scope_name.to_owned(), scope_id, security_id }
    }

    /// The name that people see.
    pub(crate) fn display_name(&self) -> String {
        format!("[{}]\\{}", self.scope_name, self.role.name())
    }

    /// The name that access control lists use.
    pub(crate) fn descriptor(&self) -> String {
        format!("Microsoft.TeamFoundation.Identity;{}", self.security_id)
    }

    /// The name that the graph uses.
    pub(crate) fn subject_descriptor(&self) -> String {
        format!("vssgp.{}", URL_SAFE_NO_PAD.encode(&self.security_id))
    }
}
