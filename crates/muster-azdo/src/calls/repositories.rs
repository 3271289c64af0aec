//! `GET /{organization}/_apis/git/repositories`, of the whole organization.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{ListReader, ListShape, Violation, Wire};
use crate::session::Session;
use muster_domain::properties::RepositoryProperties;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId, RepositoryId};
use serde::Deserialize;
use std::fmt;
use tracing::{Instrument as _, Span, instrument};
use uuid::Uuid;

/// Most repositories of one batch: what one transaction writes.
const BATCH_SIZE: usize = 1_000;

/// A repository as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryItem {
    /// Its immutable id.
    pub id: RepositoryId,
    /// Its present name.
    pub name: String,
    /// The project that it lies in.
    pub project_id: ProjectId,
    /// What is kept of it.
    pub properties: RepositoryProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryWire {
    id: Uuid,
    name: String,
    project: ProjectReferenceWire,
    #[serde(default)]
    default_branch: Option<String>,
    #[serde(default)]
    is_disabled: Option<bool>,
    #[serde(default)]
    is_in_maintenance: Option<bool>,
    #[serde(default)]
    is_fork: Option<bool>,
    #[serde(default)]
    web_url: Option<String>,
    #[serde(default)]
    size: Option<u64>,
}

#[derive(Deserialize)]
struct ProjectReferenceWire {
    id: Uuid,
}

impl Wire for RepositoryWire {
    type Item = RepositoryItem;

    fn into_item(self) -> Result<RepositoryItem, Violation> {
        Ok(RepositoryItem {
            id: RepositoryId(self.id),
            name: self.name,
            project_id: ProjectId(self.project.id),
            properties: RepositoryProperties {
                // Absent for a repository without a commit.
                default_branch: self.default_branch.filter(|branch| !branch.is_empty()),
                is_disabled: self.is_disabled.unwrap_or(false),
                is_in_maintenance: self.is_in_maintenance.unwrap_or(false),
                is_fork: self.is_fork.unwrap_or(false),
                web_url: self.web_url,
                size_bytes: self.size,
            },
        })
    }
}

/// The repositories of an organization while they arrive. Dropping it ends the call.
pub struct RepositoryBatches {
    reader: ListReader<RepositoryWire>,
    span: Span,
}

impl RepositoryBatches {
    /// Up to 1,000 more repositories. `None` only after the whole list has arrived: until then, what was handed out
    /// says nothing about what else there is.
    ///
    /// # Errors
    /// When the list does not arrive whole or breaks the contract; every later call says so again.
    pub async fn next_batch(&mut self) -> Result<Option<Vec<RepositoryItem>>, CallError> {
        self.reader.next_batch(BATCH_SIZE).instrument(self.span.clone()).await
    }
}

impl fmt::Debug for RepositoryBatches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RepositoryBatches").finish_non_exhaustive()
    }
}

impl Session {
    /// The repositories of all projects of `organization` that the credential may see, in one answer without pages,
    /// however long: it is parsed while it arrives.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.repositories", skip_all, fields(ado.organization = %organization))]
    pub async fn repositories(
        &self,
        organization: &OrganizationName,
    ) -> Result<RepositoryBatches, CallError> {
        let call =
            Call::in_organization(Read::Repositories, organization, "_apis/git/repositories").streamed();
        let mut answer = self.send(call).await?;
        answer.leave();
        Ok(RepositoryBatches { reader: ListReader::new(answer, ListShape::Whole), span: Span::current() })
    }
}
