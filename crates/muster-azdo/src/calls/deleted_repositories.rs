//! `GET /{organization}/{project}/_apis/git/recycleBin/repositories`: repositories that can still be restored.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Violation, Wire};
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId, RepositoryId};
use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;

/// A repository that was deleted and can still be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRepositoryItem {
    /// Its immutable id.
    pub id: RepositoryId,
    /// Its last name.
    pub name: String,
    /// When it was deleted, as Azure DevOps writes it.
    pub deleted_on: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedRepositoryWire {
    id: Uuid,
    name: String,
    #[serde(default)]
    deleted_date: Option<String>,
}

impl Wire for DeletedRepositoryWire {
    type Item = DeletedRepositoryItem;

    fn into_item(self) -> Result<DeletedRepositoryItem, Violation> {
        Ok(DeletedRepositoryItem {
            id: RepositoryId(self.id),
            name: self.name,
            deleted_on: self.deleted_date,
        })
    }
}

impl Session {
    /// The deleted repositories of `project`: they tell a repository that is gone from one that the credential does
    /// not see any more. One that was deleted for good is in no list.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.deletedRepositories", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn deleted_repositories(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
    ) -> Result<Vec<DeletedRepositoryItem>, CallError> {
        let path = "_apis/git/recycleBin/repositories";
        let call = Call::in_project(Read::DeletedRepositories, organization, project, path).preview();
        self.list_of::<DeletedRepositoryWire>(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const REPOSITORY: &str = "49c1d4d0-aaaa-4f20-9e0a-4ecfafc39257";

    fn read(repository: Value) -> DeletedRepositoryItem {
        serde_json::from_value::<DeletedRepositoryWire>(repository).unwrap().into_item().unwrap()
    }

    #[test]
    fn a_deleted_repository_is_read_with_and_without_its_time() {
        let full = read(
            json!({"id": REPOSITORY.to_uppercase(), "name": "old", "createdDate": "2024-01-01T00:00:00Z",
            "deletedDate": "2026-02-03T04:05:06.78Z", "deletedBy": {"uniqueName": "hidden@contoso.example"},
            "project": {"id": "6ce954b1-aaaa-45d1-b94d-e6bf2464ba2c", "name": "Web", "state": "wellFormed"}}),
        );
        assert_eq!((full.id, full.name.as_str()), (REPOSITORY.parse().unwrap(), "old"));
        assert_eq!(full.deleted_on.as_deref(), Some("2026-02-03T04:05:06.78Z"));
        assert!(!format!("{full:?}").contains("hidden"));
        assert_eq!(read(json!({"id": REPOSITORY, "name": "old"})).deleted_on, None);
    }
}
