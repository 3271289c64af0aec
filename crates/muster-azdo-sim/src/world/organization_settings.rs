//! What was planted about an organization as a whole: policies, pipeline settings, audit streams, extensions.

use uuid::Uuid;

use crate::world::{Draw, OrganizationIndex, Topic, World, moment};

/// In which shape an organization tells its policies: the real service changed it over the years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyShape {
    /// `effectiveValue` of policies that disallow something says whether it is allowed.
    InvertedEffect,
    /// `effectiveValue` equals `value`, and a list names the policies that disallow something.
    NamedInversions,
}

/// One policy of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrganizationPolicy {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// The raw value: true of a policy that disallows something means it is not allowed.
    pub(crate) value: bool,
    /// Nobody ever set it.
    pub(crate) is_undefined: bool,
}

/// Group, name, description, and how often it is true, of 100 organizations.
const POLICIES: [(&str, &str, &str, usize); 13] = [
    (
        "applicationConnection",
        "Policy.DisallowOAuthAuthentication",
        "Third-party application access via OAuth",
        40,
    ),
    ("applicationConnection", "Policy.DisallowSecureShell", "SSH authentication", 40),
    (
        "applicationConnection",
        "Policy.DisallowBasicAuthentication",
        "Alternate authentication credentials",
        60,
    ),
    ("security", "Policy.LogAuditEvents", "Log Audit Events", 60),
    ("security", "Policy.AllowAnonymousAccess", "Allow public projects", 40),
    (
        "security",
        "Policy.ArtifactsExternalPackageProtectionToken",
        "Additional protections when using public package registries",
        60,
    ),
    ("security", "Policy.EnforceAADConditionalAccess", "Enable IP Conditional Access policy validation", 50),
    ("security", "Policy.AllowOrgAccess", "Organization visible to all its members", 30),
    ("security", "Policy.ValidateSshKeyExpiration", "Validate SSH key expiration", 70),
    ("user", "Policy.DisallowAadGuestUserAccess", "External guest access", 40),
    (
        "user",
        "Policy.AllowTeamAdminsInvitationsAccessToken",
        "Allow team and project administrators to invite new users",
        50,
    ),
    ("user", "Policy.AllowRequestAccessToken", "Request access", 50),
    ("privacy", "Policy.AllowFeedbackCollection", "Allow Microsoft to collect feedback from users", 50),
];

impl OrganizationPolicy {
    /// The policy that refuses tokens of applications that act for a person.
    pub(crate) const OAUTH: &'static str = "Policy.DisallowOAuthAuthentication";

    pub(crate) fn all(world: &World, organization: OrganizationIndex) -> Vec<Self> {
        let mut draw = Draw::new(world.seed, Topic::OrganizationSettings, &[organization.0, 0]);
        let policies = POLICIES.into_iter().map(|(group, name, description, chance)| Self {
            group,
            name,
            description,
            value: draw.percent(chance),
            is_undefined: draw.percent(40),
        });
        policies.collect()
    }

    /// Whether the policy forbids something, so that the switch that people see shows its opposite.
    pub(crate) fn is_inverted(&self) -> bool {
        self.name.starts_with("Policy.Disallow")
    }
}

impl PolicyShape {
    /// Neighbouring organizations differ.
    pub(crate) fn of(organization: OrganizationIndex) -> Self {
        if organization.0.is_multiple_of(2) { Self::InvertedEffect } else { Self::NamedInversions }
    }
}

/// Switches of the pipeline settings of an organization, with how often they are on, of 100 organizations.
const PIPELINE_SWITCHES: [(&str, usize); 16] = [
    ("enforceReferencedRepoScopedToken", 60),
    ("enforceJobAuthScope", 60),
    ("enforceJobAuthScopeForReleases", 60),
    ("enforceSettableVar", 60),
    ("statusBadgesArePrivate", 60),
    ("publishPipelineMetadata", 30),
    ("disableClassicBuildPipelineCreation", 50),
    ("disableClassicReleasePipelineCreation", 50),
    ("disableClassicPipelineCreation", 40),
    ("disableInBoxTasksVar", 10),
    ("disableMarketplaceTasksVar", 20),
    ("forkProtectionEnabled", 60),
    ("buildsEnabledForForks", 40),
    ("enforceJobAuthScopeForForks", 60),
    ("enforceNoAccessToSecretsFromForks", 60),
    ("isCommentRequiredForPullRequest", 50),
];

pub(crate) fn pipeline_settings(
    world: &World,
    organization: OrganizationIndex,
) -> impl Iterator<Item = (&'static str, bool)> {
    let mut draw = Draw::new(world.seed, Topic::OrganizationSettings, &[organization.0, 1]);
    PIPELINE_SWITCHES.into_iter().map(move |(name, chance)| (name, draw.percent(chance)))
}

/// Where the audit log of an organization is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditStream {
    pub(crate) id: usize,
    pub(crate) consumer_type: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) is_enabled: bool,
    pub(crate) updated: String,
}

const CONSUMERS: [(&str, &str); 3] = [
    ("AzureMonitorLogs", "audit-workspace"),
    ("Splunk", "splunk.contoso.example:8088"),
    ("AzureEventGrid", "audit-topic"),
];

impl AuditStream {
    /// Some organizations have none.
    pub(crate) fn all(world: &World, organization: OrganizationIndex) -> Vec<Self> {
        let mut draw = Draw::new(world.seed, Topic::AuditStream, &[organization.0]);
        let count = draw.weighted(&[(40, 0), (45, 1), (15, 2)]);
        let first = draw.below(CONSUMERS.len());
        let stream = |position: usize| {
            let (consumer_type, display_name) = CONSUMERS[(first + position) % CONSUMERS.len()];
            let is_enabled = draw.percent(75);
            Self { id: position + 1, consumer_type, display_name, is_enabled, updated: moment(&mut draw) }
        };
        (0..count).map(stream).collect()
    }
}

/// An extension that is installed in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) publisher_id: &'static str,
    pub(crate) publisher_name: &'static str,
    pub(crate) extension_id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) flags: Option<&'static str>,
    pub(crate) state_flags: &'static str,
    pub(crate) scopes: &'static [&'static str],
    pub(crate) registration_id: Uuid,
    pub(crate) published: String,
    pub(crate) updated: String,
}

type KnownExtension =
    (&'static str, &'static str, &'static str, &'static str, usize, &'static [&'static str]);

/// Publisher, its name, extension, its name, how many of 100 organizations have it, and its scopes.
const EXTENSIONS: [KnownExtension; 7] = [
    ("ms", "Microsoft", "vss-code-search", "Code Search", 100, &["vso.code"]),
    ("ms", "Microsoft", "azure-pipelines-app", "Azure Pipelines", 100, &[]),
    (
        "ms-securitydevops",
        "Microsoft Security DevOps",
        "microsoft-security-devops-azdevops",
        "Microsoft Security DevOps",
        60,
        &["vso.build", "vso.code"],
    ),
    ("fabrikam-tools", "Fabrikam Tools", "release-notes", "Release Notes", 60, &["vso.work", "vso.code"]),
    (
        "tailwind",
        "Tailwind Traders",
        "deploy-board",
        "Deploy Board",
        50,
        &["vso.release_manage", "vso.build_execute"],
    ),
    (
        "northwind",
        "Northwind",
        "everything-admin",
        "Everything Admin",
        35,
        &["vso.code_full", "vso.security_manage"],
    ),
    ("adatum", "A. Datum", "time-sheet", "Time Sheet", 40, &["vso.work_write"]),
];

/// The first extensions are part of the service.
const BUILT_IN_EXTENSIONS: usize = 2;

impl Extension {
    /// All, also those that are switched off.
    pub(crate) fn all(world: &World, organization: OrganizationIndex) -> Vec<Self> {
        let mut list = Vec::new();
        for (position, (publisher_id, publisher_name, extension_id, name, chance, scopes)) in
            EXTENSIONS.into_iter().enumerate()
        {
            let mut draw = Draw::new(world.seed, Topic::Extension, &[organization.0, position]);
            if !draw.percent(chance) {
                continue;
            }
            let is_built_in = position < BUILT_IN_EXTENSIONS;
            let state_flags = match is_built_in {
                true => "none",
                false => draw.weighted(&[(80, "none"), (12, "disabled"), (8, "versionCheckError")]),
            };
            list.push(Self {
                publisher_id,
                publisher_name,
                extension_id,
                name,
                version: format!("{}.{}.{}", 1 + draw.below(9), draw.below(40), draw.below(200)),
                flags: is_built_in.then_some("builtIn, trusted"),
                state_flags,
                scopes,
                registration_id: draw.uuid(),
                published: moment(&mut draw),
                updated: moment(&mut draw),
            });
        }
        list
    }
}
