//! Jobs: units of work in the ledger.

use crate::{ConnectorId, OrganizationName, ProjectId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A worker role; each has a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Connectors to organizations, projects and repositories.
    Discovery,
    /// Settings of projects.
    Sync,
    /// Judgement.
    Refresh,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Discovery, Self::Sync, Self::Refresh];

    /// The name: routing key, lane in the ledger, subcommand.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Sync => "sync",
            Self::Refresh => "refresh",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum JobKind {
    /// Proves the credential of a connector and learns its identity.
    #[serde(rename = "connector.authorize")]
    ConnectorAuthorize,
    /// Asks what the credential may read.
    #[serde(rename = "connector.preflight")]
    ConnectorPreflight,
    /// Finds the organizations of a connector.
    #[serde(rename = "connector.discover")]
    ConnectorDiscover,
    /// Takes a connector apart.
    #[serde(rename = "connector.remove")]
    ConnectorRemove,
    /// Lists the projects and repositories of an organization.
    #[serde(rename = "organization.discover")]
    OrganizationDiscover,
    /// Judges an organization.
    #[serde(rename = "organization.refresh")]
    OrganizationRefresh,
    /// Reads the settings of a project.
    #[serde(rename = "project.sync")]
    ProjectSync,
    /// Judges a project.
    #[serde(rename = "project.refresh")]
    ProjectRefresh,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::ConnectorAuthorize,
        Self::ConnectorPreflight,
        Self::ConnectorDiscover,
        Self::ConnectorRemove,
        Self::OrganizationDiscover,
        Self::OrganizationRefresh,
        Self::ProjectSync,
        Self::ProjectRefresh,
    ];

    /// The name on tickets and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectorAuthorize => "connector.authorize",
            Self::ConnectorPreflight => "connector.preflight",
            Self::ConnectorDiscover => "connector.discover",
            Self::ConnectorRemove => "connector.remove",
            Self::OrganizationDiscover => "organization.discover",
            Self::OrganizationRefresh => "organization.refresh",
            Self::ProjectSync => "project.sync",
            Self::ProjectRefresh => "project.refresh",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The role that does it.
    pub fn role(self) -> Role {
        match self {
            Self::ConnectorAuthorize
            | Self::ConnectorPreflight
            | Self::ConnectorDiscover
            | Self::ConnectorRemove
            | Self::OrganizationDiscover => Role::Discovery,
            Self::ProjectSync => Role::Sync,
            Self::OrganizationRefresh | Self::ProjectRefresh => Role::Refresh,
        }
    }

    /// True where it spends the consumption budget of its credential's identity; the dispatcher holds such jobs
    /// back while that identity is blocked.
    pub fn spends_budget(self) -> bool {
        !matches!(self, Self::ConnectorRemove | Self::OrganizationRefresh | Self::ProjectRefresh)
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a job is about. Together with the kind it is the natural key: two wishes for the same are one job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSubject {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The organization, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationName>,
    /// The project, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
}

impl JobSubject {
    /// About a connector.
    pub fn connector(connector_id: ConnectorId) -> Self {
        Self { connector_id, organization: None, project_id: None }
    }

    /// About an organization.
    pub fn organization(connector_id: ConnectorId, organization: OrganizationName) -> Self {
        Self { connector_id, organization: Some(organization), project_id: None }
    }

    /// About a project.
    pub fn project(connector_id: ConnectorId, organization: OrganizationName, project_id: ProjectId) -> Self {
        Self { connector_id, organization: Some(organization), project_id: Some(project_id) }
    }

    /// The natural key: `connector[/organization[/project]]`, organization folded.
    pub fn key(&self) -> String {
        let mut key = self.connector_id.to_string();
        if let Some(organization) = &self.organization {
            key.push('/');
            key.push_str(&organization.folded());
        }
        if let Some(project_id) = self.project_id {
            key.push('/');
            key.push_str(&project_id.to_string());
        }
        key
    }

    /// What the dispatcher is fair between: the organization, or the connector where there is none.
    pub fn fairness_key(&self) -> String {
        match &self.organization {
            Some(organization) => format!("{}/{}", self.connector_id, organization.folded()),
            None => self.connector_id.to_string(),
        }
    }
}

/// State of a job in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waiting for its due time, or for the reason beside it.
    Pending,
    /// Its ticket is on the way to a worker.
    Dispatched,
    /// A worker holds its lease.
    Running,
    /// Over, successfully.
    Done,
    /// Over: given up, kept for a person.
    Dead,
    /// Over: not wanted any more.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Dispatched, Self::Running, Self::Done, Self::Dead, Self::Cancelled];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dispatched => "dispatched",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// True while it will still be worked on.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Dispatched | Self::Running)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a pending job is not simply due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingReason {
    /// The consumption budget of its identity is spent, or Azure DevOps asked for a pause.
    Throttled,
    /// The last attempt failed; the next one is after a delay.
    Retry,
    /// The credential is refused; only a renewed one lets it go on.
    NeedsAuth,
    /// Its payload is newer than the binary that looked at it.
    UnknownVersion,
}

impl WaitingReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Throttled, Self::Retry, Self::NeedsAuth, Self::UnknownVersion];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Retry => "retry",
            Self::NeedsAuth => "needs_auth",
            Self::UnknownVersion => "unknown_version",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    use uuid::Uuid;

    const CONNECTOR: ConnectorId = ConnectorId(Uuid::from_u128(1));
    const PROJECT: ProjectId = ProjectId(Uuid::from_u128(2));
    const CONNECTOR_TEXT: &str = "00000000-0000-0000-0000-000000000001";
    const PROJECT_TEXT: &str = "00000000-0000-0000-0000-000000000002";

    fn subjects() -> [JobSubject; 3] {
        let name = || OrganizationName::new("Contoso-EU");
        [
            JobSubject::connector(CONNECTOR),
            JobSubject::organization(CONNECTOR, name()),
            JobSubject::project(CONNECTOR, name(), PROJECT),
        ]
    }

    #[test]
    fn subjects_have_natural_keys() {
        let keys = subjects().map(|subject| subject.key());
        let expected = [
            CONNECTOR_TEXT.to_owned(),
            format!("{CONNECTOR_TEXT}/contoso-eu"),
            format!("{CONNECTOR_TEXT}/contoso-eu/{PROJECT_TEXT}"),
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn the_case_of_an_organization_makes_no_other_subject() {
        let hash = |subject: &JobSubject| {
            let mut hasher = DefaultHasher::new();
            subject.hash(&mut hasher);
            hasher.finish()
        };
        let [lower, upper] = ["contoso", "CONTOSO"]
            .map(|name| JobSubject::project(CONNECTOR, OrganizationName::new(name), PROJECT));
        assert_eq!(lower, upper);
        assert_eq!(lower.key(), upper.key());
        assert_eq!(lower.fairness_key(), upper.fairness_key());
        assert_eq!(hash(&lower), hash(&upper));
    }

    #[test]
    fn fairness_is_between_organizations_of_a_connector() {
        let [connector, organization, project] = subjects();
        assert_eq!(connector.fairness_key(), CONNECTOR_TEXT);
        assert_eq!(organization.fairness_key(), format!("{CONNECTOR_TEXT}/contoso-eu"));
        assert_eq!(project.fairness_key(), organization.fairness_key());
        let other = JobSubject::organization(ConnectorId(Uuid::nil()), OrganizationName::new("contoso-eu"));
        assert_ne!(other.fairness_key(), organization.fairness_key());
    }

    #[test]
    fn subjects_carry_only_what_they_are_about_on_the_wire() {
        let expected = [
            serde_json::json!({"connectorId": CONNECTOR_TEXT}),
            serde_json::json!({"connectorId": CONNECTOR_TEXT, "organization": "Contoso-EU"}),
            serde_json::json!({
                "connectorId": CONNECTOR_TEXT, "organization": "Contoso-EU", "projectId": PROJECT_TEXT
            }),
        ];
        for (subject, json) in subjects().into_iter().zip(expected) {
            assert_eq!(serde_json::to_value(&subject).unwrap(), json);
            assert_eq!(serde_json::from_value::<JobSubject>(json).unwrap(), subject);
        }
    }

    #[test]
    fn every_kind_has_a_role_and_every_role_a_kind() {
        let served: BTreeSet<_> = JobKind::ALL.into_iter().map(JobKind::role).collect();
        assert_eq!(served, BTreeSet::from(Role::ALL));
    }

    /// Refresh cannot spend the limit, so its jobs must not wait for it; nor does a removal.
    #[test]
    fn only_jobs_that_ask_azure_devops_spend_the_budget() {
        let free: Vec<_> = JobKind::ALL.into_iter().filter(|kind| !kind.spends_budget()).collect();
        let expected = [JobKind::ConnectorRemove, JobKind::OrganizationRefresh, JobKind::ProjectRefresh];
        assert_eq!(free, expected);
        assert!(JobKind::ALL.iter().all(|kind| kind.role() != Role::Refresh || !kind.spends_budget()));
    }

    #[test]
    fn live_states_are_those_before_the_end() {
        let live: Vec<_> = JobState::ALL.into_iter().filter(|state| state.is_live()).collect();
        assert_eq!(live, [JobState::Pending, JobState::Dispatched, JobState::Running]);
    }

    #[test]
    fn names_are_the_same_on_the_wire_and_in_tables() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(
                (Role::parse(role.as_str()), role.to_string()),
                (Some(role), role.as_str().to_owned())
            );
        }
        for kind in JobKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(
                (JobKind::parse(kind.as_str()), kind.to_string()),
                (Some(kind), kind.as_str().to_owned())
            );
        }
        for state in JobState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(
                (JobState::parse(state.as_str()), state.to_string()),
                (Some(state), state.as_str().to_owned())
            );
        }
        for reason in WaitingReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(WaitingReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!((Role::parse(""), JobKind::parse("project"), JobState::parse("Done")), (None, None, None));
        assert_eq!(WaitingReason::parse("Retry"), None);
    }
}
