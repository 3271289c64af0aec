//! What a handler wants to be true afterwards. Committed in one transaction with the end of its job.

use crate::ledger::NewJob;
use chrono::{DateTime, Utc};
use muster_domain::assessment::{Assessment, AssessmentState};
use muster_domain::connector::ConnectorEvent;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::{ContentHash, Presence, Resource, ResourceKey};
use muster_domain::snapshot::{ListCheck, PipelineAccess};
use muster_domain::{
    ConnectorId, CredentialId, IdentityKey, OrganizationId, OrganizationName, ProjectId, RecommendationKey,
    ResourceId, TenantId,
};
use muster_messages::Fact;

/// Everything that one job, or one page of it, changes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Resources that are new, changed, or present again. Handlers leave out what did not change.
    pub resources: Vec<ResourceWrite>,
    /// Resources that were not listed, or are confirmed to be gone. Gone resources lose their assessments
    /// (kept in the history).
    pub presence: Vec<PresenceWrite>,
    /// Links between resources.
    pub relations: Vec<RelationWrite>,
    /// What came of reads. Writing an unchanged one moves its freshness only.
    pub readings: Vec<ReadingWrite>,
    /// New or changed assessments.
    pub assessments: Vec<AssessmentWrite>,
    /// What happened to connectors.
    pub connectors: Vec<ConnectorTransition>,
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
            && self.assessments.is_empty()
            && self.connectors.is_empty()
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
}

impl RelationKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builds => "builds",
        }
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
#[serde(rename_all = "camelCase")]
pub struct ListCheckDocument {
    /// What it came to.
    pub check: ListCheck,
    /// Day (UTC) of the calls counted in `calls_today`.
    pub day: Option<chrono::NaiveDate>,
    /// Cross-check calls made on that day; at most 8.
    pub calls_today: u32,
    /// A listed resource was asked for and is open.
    pub listed_confirmed: bool,
    /// An unlisted resource was asked for and is not open.
    pub unlisted_confirmed: bool,
}

/// The answer for a single resource, as a document of `Read::PipelinePermissions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineAccessDocument {
    /// Which pipelines may use it.
    pub access: PipelineAccess,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// A claim on an organization: one connector per organization and tenant.
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
