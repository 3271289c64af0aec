//! What a handler wants to be true afterwards. Committed in one transaction with the end of its job.

use crate::ledger::NewJob;
use chrono::{DateTime, Utc};
use muster_domain::assessment::{Assessment, AssessmentState};
use muster_domain::connector::{ConnectorEvent, OrganizationAccess};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::{ContentHash, Presence, Resource, ResourceKey};
use muster_domain::snapshot::{ListCheck, PipelineAccess};
use muster_domain::{
    ConnectorId, CredentialId, IdentityKey, OrganizationId, OrganizationName, ProjectId, RecommendationKey,
    ResourceId, TenantId,
};
use muster_messages::Fact;
use std::collections::BTreeMap;

/// Everything that one job, or one page of it, changes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Resources that are new, changed, or present again. Handlers leave out what did not change. The store tells
    /// subscribers: only there before and after are known at one moment.
    pub resources: Vec<ResourceWrite>,
    /// Resources that were not listed, or are confirmed to be gone. Gone resources lose their assessments
    /// (kept in the history); subscribers are told by the store.
    pub presence: Vec<PresenceWrite>,
    /// Links between resources.
    pub relations: Vec<RelationWrite>,
    /// What came of reads. Writing an unchanged one moves its freshness only.
    pub readings: Vec<ReadingWrite>,
    /// Readings that are not wanted any more, such as those of single resources that are no longer listed.
    pub forgotten_readings: Vec<ReadingKey>,
    /// New or changed assessments.
    pub assessments: Vec<AssessmentWrite>,
    /// Assessments that no rule makes any more: they end (kept in the history); subscribers are told by the store.
    pub withdrawn_assessments: Vec<AssessmentId>,
    /// What happened to connectors.
    pub connectors: Vec<ConnectorTransition>,
    /// Credentials that Azure DevOps does not take any more: every connector that works with one says so and what to do,
    /// and its jobs wait.
    pub refused_credentials: Vec<RefusedCredential>,
    /// How organizations stand with their connector; the store draws the connector's state from all of them.
    pub organizations: Vec<OrganizationWrite>,
    /// Choices of organizations that are settled now.
    pub choices: Vec<ChoiceWrite>,
    /// Organizations that a connector claims, or lets go.
    pub claims: Vec<ClaimWrite>,
    /// Identities that Azure DevOps named.
    pub identities: Vec<IdentityWrite>,
    /// Jobs that follow.
    pub jobs: Vec<NewJob>,
    /// What subscribers are told.
    pub facts: Vec<Fact>,
}

impl Changes {
    /// True where nothing at all would be written.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
            && self.presence.is_empty()
            && self.relations.is_empty()
            && self.readings.is_empty()
            && self.forgotten_readings.is_empty()
            && self.assessments.is_empty()
            && self.withdrawn_assessments.is_empty()
            && self.connectors.is_empty()
            && self.refused_credentials.is_empty()
            && self.organizations.is_empty()
            && self.choices.is_empty()
            && self.claims.is_empty()
            && self.identities.is_empty()
            && self.jobs.is_empty()
            && self.facts.is_empty()
    }
}

/// A resource as it was read now; its row becomes present.
#[derive(Clone, Debug)]
pub struct ResourceWrite {
    /// In whose inventory.
    pub connector_id: ConnectorId,
    /// What was read.
    pub resource: Resource,
}

/// Whether a known resource is still there.
#[derive(Clone, Copy, Debug)]
pub struct PresenceWrite {
    /// The row.
    pub resource_id: ResourceId,
    /// What it is now.
    pub presence: Presence,
}

/// A link between two resources (`repository` built by `pipeline`, …).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationWrite {
    /// In whose inventory.
    pub connector_id: ConnectorId,
    /// Where the link starts.
    pub from: ResourceKey,
    /// What the link means.
    pub kind: RelationKind,
    /// Where it ends.
    pub to: ResourceKey,
    /// The link is no more.
    pub removed: bool,
}

/// What a link means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// A pipeline builds a repository.
    Builds,
    /// A project has a queue of an agent pool.
    UsesPool,
}

impl RelationKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builds => "builds",
            Self::UsesPool => "usesPool",
        }
    }

    /// The link of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Builds, Self::UsesPool].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Where a reading belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadingKey {
    /// By whose credential it was read.
    pub connector_id: ConnectorId,
    /// Of which organization.
    pub organization_id: OrganizationId,
    /// Of which project; absent for what is read once per organization.
    pub project_id: Option<ProjectId>,
    /// What was read.
    pub kind: ReadingKind,
    /// Id of the single resource it is about; empty for listings.
    pub subject: String,
}

/// What a reading is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadingKind {
    /// A call to Azure DevOps.
    Read(Read),
    /// The cross-check of the authorized-resources lists of an organization ([`ListCheck`]).
    ListCheck,
    /// A judgement: when a project was last refreshed.
    Refresh,
}

/// What came of a read.
#[derive(Clone, Debug)]
pub struct ReadingWrite {
    /// Where it belongs.
    pub key: ReadingKey,
    /// The outcome: a document (JSON; `null` for listings whose items are resources) or why there is none.
    pub outcome: Result<ReadingDocument, UnknownReason>,
}

/// The document of a reading.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingDocument {
    /// What is kept of the answer.
    pub document: serde_json::Value,
    /// Hash of it: equal hashes mean that nothing changed.
    pub content_hash: ContentHash,
    /// Number of items that the listing held.
    pub item_count: u64,
}

/// A reading as it is kept.
#[derive(Clone, Debug)]
pub struct StoredReading {
    /// The outcome.
    pub outcome: Result<ReadingDocument, UnknownReason>,
    /// When it was last read.
    pub read_at: DateTime<Utc>,
    /// When the outcome last changed.
    pub changed_at: DateTime<Utc>,
}

/// The state of an organization's cross-check, as a document.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListCheckDocument {
    /// Day (UTC) of the calls that are counted.
    pub day: Option<chrono::NaiveDate>,
    /// By type of resource.
    pub types: BTreeMap<ProtectedResource, TypeCheck>,
    /// Whom the calls of that day went to: at most two of each type.
    pub asked: Vec<CheckedResource>,
}

/// A resource that a cross-check asks for.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckedResource {
    /// Its type.
    pub resource: ProtectedResource,
    /// Whose pass asks.
    pub project_id: ProjectId,
    /// Its id.
    pub id: String,
    /// The list of the project holds it.
    pub is_listed: bool,
    /// An answer came, or the word that there will be none.
    pub is_settled: bool,
}

/// The cross-check of one type of resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TypeCheck {
    /// What it came to.
    pub check: ListCheck,
    /// What other projects were told that it came to; where this differs, they rest on what holds no longer.
    pub told: ListCheck,
    /// Day of the last answer that bore it out.
    pub evidence_on: Option<chrono::NaiveDate>,
    /// Cross-check calls made on that day; at most 2.
    pub calls_today: u32,
    /// A listed resource was asked for and is open.
    pub listed_confirmed: bool,
    /// An unlisted resource was asked for and is not open.
    pub unlisted_confirmed: bool,
}

impl ListCheckDocument {
    /// What it came to, by type.
    pub fn checks(&self) -> BTreeMap<ProtectedResource, ListCheck> {
        self.types.iter().map(|(resource, check)| (*resource, check.check)).collect()
    }
}

/// The answer for a single resource, as a document of `Read::PipelinePermissions`. The subject of its reading is
/// [`permission_subject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineAccessDocument {
    /// Which pipelines may use it.
    pub access: PipelineAccess,
}

/// Subject of the reading of a single resource's permissions: type and id.
pub fn permission_subject(resource: ProtectedResource, id: &str) -> String {
    format!("{resource}/{id}")
}

/// Type and id of a subject that [`permission_subject`] made.
pub fn permission_of_subject(subject: &str) -> Option<(ProtectedResource, &str)> {
    let (resource, id) = subject.split_once('/')?;
    Some((ProtectedResource::parse(resource)?, id))
}

/// A new or changed assessment, with the state before for the history.
#[derive(Clone, Debug)]
pub struct AssessmentWrite {
    /// In whose inventory.
    pub connector_id: ConnectorId,
    /// The assessment now.
    pub assessment: Assessment,
    /// The state before; absent for a first verdict.
    pub from: Option<AssessmentState>,
}

/// Names an assessment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssessmentId {
    /// The resource.
    pub resource_id: ResourceId,
    /// The recommendation.
    pub recommendation: RecommendationKey,
}

/// Something that happened to a connector; the store applies the state machine and writes the fact.
#[derive(Clone, Debug)]
pub struct ConnectorTransition {
    /// The connector.
    pub connector_id: ConnectorId,
    /// What happened.
    pub event: ConnectorEvent,
    /// Why, for people: what is wrong and what to do.
    pub reason: Option<String>,
    /// Tenant that was learnt on the way.
    pub tenant_id: Option<TenantId>,
}

/// A credential that was refused. Connectors that have another one by now are left alone.
#[derive(Clone, Debug)]
pub struct RefusedCredential {
    /// The credential.
    pub credential_id: CredentialId,
    /// What was refused, and how; the store adds what to do.
    pub message: String,
}

/// How an organization stands with a connector that asks for it.
///
/// After every write the store draws the state of the connector from all of its organizations
/// ([`muster_domain::connector::standing`]), with the reasons of those that are not connected.
#[derive(Clone, Debug)]
pub enum OrganizationWrite {
    /// It stands so.
    Stands {
        /// Who asks for it.
        connector_id: ConnectorId,
        /// What, by its present name.
        organization: OrganizationName,
        /// Its id, where it could be asked for it.
        organization_id: Option<OrganizationId>,
        /// How.
        access: OrganizationAccess,
        /// Why, for people: what is wrong and what to do. Absent where it is connected.
        reason: Option<String>,
    },
    /// It goes by another name now; its id stays. The choice of the connector names it so, too.
    Renamed {
        /// Who asks for it.
        connector_id: ConnectorId,
        /// The name that it had.
        from: OrganizationName,
        /// The name that it has.
        to: OrganizationName,
    },
    /// The connector does not ask for it any more.
    Forgotten {
        /// Who does not.
        connector_id: ConnectorId,
        /// What.
        organization: OrganizationName,
    },
}

/// `Disabled` without names means all organizations that exist when the connector is created: from the first listing on
/// the choice holds their names.
#[derive(Clone, Debug)]
pub struct ChoiceWrite {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The organizations of the first listing.
    pub organizations: Vec<OrganizationName>,
}

/// A claim on an organization: one connector per organization and tenant. The store wakes connectors that wait for an
/// organization when it is let go.
#[derive(Clone, Debug)]
pub enum ClaimWrite {
    /// Claims it; has no effect where another connector holds it (handlers ask first, and again at the next run).
    Claim {
        /// Who claims.
        connector_id: ConnectorId,
        /// What.
        organization_id: OrganizationId,
        /// Its present name.
        organization: OrganizationName,
        /// Its tenant.
        tenant_id: Option<TenantId>,
    },
    /// Lets go of one organization.
    Release {
        /// Who lets go.
        connector_id: ConnectorId,
        /// What.
        organization_id: OrganizationId,
    },
    /// Lets go of everything.
    ReleaseAll {
        /// Who lets go.
        connector_id: ConnectorId,
    },
}

/// Azure DevOps said whom a credential acts as: budgets are merged.
#[derive(Clone, Debug)]
pub struct IdentityWrite {
    /// The credential.
    pub credential_id: CredentialId,
    /// Whom it acts as.
    pub identity: IdentityKey,
}
