//! `GET /{organization}/{project}/_apis/build/definitions`, with all properties.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{LenientId, Violation, Wire};
use crate::page::{Page, PageRequest};
use crate::session::Session;
use muster_domain::properties::{PipelineProcess, PipelineProperties, QueueStatus};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId, RepositoryId};
use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;

/// A build definition as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineItem {
    /// Its number within the organization.
    pub id: i64,
    /// Its present name.
    pub name: String,
    /// What is kept of it; variables are not.
    pub properties: PipelineProperties,
}

#[derive(Deserialize)]
struct DefinitionWire {
    id: i64,
    name: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    process: Option<ProcessWire>,
    #[serde(default)]
    repository: Option<RepositoryWire>,
    #[serde(default)]
    revision: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProcessWire {
    r#type: i64,
    #[serde(default)]
    yaml_filename: Option<String>,
}

#[derive(Deserialize)]
struct RepositoryWire {
    #[serde(default)]
    id: Option<LenientId>,
    #[serde(default)]
    r#type: Option<String>,
}

/// Process type of a definition made in the designer.
const DESIGNER: i64 = 1;
/// Process type of a definition in a file of the repository.
const YAML: i64 = 2;
/// Stands for a process that the answer does not tell.
const UNTOLD: i64 = 0;
/// Repository type of Azure Repos Git: the only one whose id is one of ours.
const AZURE_REPOS_GIT: &str = "TfsGit";

impl Wire for DefinitionWire {
    type Item = PipelineItem;

    fn into_item(self) -> Result<PipelineItem, Violation> {
        let (id, repository_type) =
            self.repository.map_or((None, None), |repository| (repository.id, repository.r#type));
        let is_ours =
            repository_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case(AZURE_REPOS_GIT));
        let repository_id = id.filter(|_| is_ours).and_then(|id| Uuid::parse_str(&id.into_text()).ok());
        Ok(PipelineItem {
            id: self.id,
            name: self.name,
            properties: PipelineProperties {
                folder: self.path.unwrap_or_else(|| "\\".to_owned()),
                process: process(self.process),
                repository_id: repository_id.map(RepositoryId),
                repository_type,
                revision: self.revision,
                queue_status: QueueStatus::default(),
                is_repository_private: None,
                fork_builds: None,
            },
        })
    }
}

fn process(wire: Option<ProcessWire>) -> PipelineProcess {
    match wire {
        None => PipelineProcess::Other { number: UNTOLD },
        Some(ProcessWire { r#type: DESIGNER, .. }) => PipelineProcess::Classic,
        Some(ProcessWire { r#type: YAML, yaml_filename }) => {
            PipelineProcess::Yaml { file_name: yaml_filename.unwrap_or_default() }
        }
        Some(ProcessWire { r#type: number, .. }) => PipelineProcess::Other { number },
    }
}

impl Session {
    /// One page of the build definitions of `project`, by name: without an order the service loses some of many.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.buildDefinitions", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn build_definitions(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
        page: PageRequest,
    ) -> Result<Page<PipelineItem>, CallError> {
        let path = "_apis/build/definitions";
        let call = Call::in_project(Read::BuildDefinitions, organization, project, path)
            .with("includeAllProperties", "true")
            .with("queryOrder", "definitionNameAscending")
            // A thousand definitions with all their steps can be tens of MiB; little of it is kept.
            .streamed();
        self.page_of::<DefinitionWire>(call, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(definition: Value) -> PipelineItem {
        serde_json::from_value::<DefinitionWire>(definition).unwrap().into_item().unwrap()
    }

    #[test]
    fn the_process_tells_how_a_definition_is_written() {
        let yaml = read(json!({"id": 7, "name": "ci", "path": "\\team", "revision": 3,
            "process": {"type": 2, "yamlFilename": "/azure-pipelines.yml"}}));
        assert_eq!(
            yaml.properties.process,
            PipelineProcess::Yaml { file_name: "/azure-pipelines.yml".to_owned() }
        );
        assert_eq!((yaml.id, yaml.properties.folder.as_str()), (7, "\\team"));
        let classic = read(json!({"id": 8, "name": "old", "process": {"type": 1, "phases": []}}));
        assert_eq!(classic.properties.process, PipelineProcess::Classic);
        let newer = read(json!({"id": 9, "name": "new", "process": {"type": 5}}));
        assert_eq!(newer.properties.process, PipelineProcess::Other { number: 5 });
    }

    #[test]
    fn only_a_repository_of_azure_repos_has_an_id_of_ours() {
        let id = "5febef5a-833d-4e14-b9c0-14cb638f91e6";
        let ours = read(json!({"id": 1, "name": "a", "repository": {"id": id, "type": "TfsGit"}}));
        assert_eq!(ours.properties.repository_id, Some(id.parse().unwrap()));
        let theirs =
            read(json!({"id": 1, "name": "a", "repository": {"id": "contoso/app", "type": "GitHub"}}));
        assert_eq!(theirs.properties.repository_id, None);
        assert_eq!(theirs.properties.repository_type.as_deref(), Some("GitHub"));
    }
}
