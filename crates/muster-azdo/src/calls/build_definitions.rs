//! `GET /{organization}/{project}/_apis/build/definitions`, with all properties.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Fields, LenientId, Violation, Wire};
use crate::page::{Page, PageRequest};
use crate::session::Session;
use muster_domain::properties::{ForkBuilds, PipelineProcess, PipelineProperties, QueueStatus};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId, RepositoryId};
use serde::Deserialize;
use serde_json::{Map, Value};
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
#[serde(rename_all = "camelCase")]
struct DefinitionWire {
    id: LenientId,
    name: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    process: Option<ProcessWire>,
    #[serde(default)]
    repository: Option<RepositoryWire>,
    #[serde(default)]
    revision: Option<i64>,
    #[serde(default)]
    queue_status: Option<LenientId>,
    #[serde(default)]
    triggers: Option<Vec<TriggerWire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProcessWire {
    r#type: i64,
    #[serde(default)]
    yaml_filename: Option<String>,
}

#[derive(Default, Deserialize)]
struct RepositoryWire {
    #[serde(default)]
    id: Option<LenientId>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TriggerWire {
    #[serde(default)]
    trigger_type: Option<LenientId>,
    #[serde(default)]
    forks: Option<ForksWire>,
}

/// A switch that is absent is off: the service leaves out what is off.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ForksWire {
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    allow_secrets: Option<bool>,
    #[serde(default)]
    allow_full_access_token: Option<bool>,
}

/// Process type of a definition made in the designer.
const DESIGNER: i64 = 1;
/// Process type of a definition in a file of the repository.
const YAML: i64 = 2;
/// Stands for a process that the answer does not tell.
const UNTOLD: i64 = 0;
/// Repository type of Azure Repos Git: the only one whose id is one of ours.
const AZURE_REPOS_GIT: &str = "TfsGit";
/// Trigger type of pull requests: older answers write the number of the enumeration.
const PULL_REQUEST: (&str, &str) = ("pullRequest", "64");
/// Property of a repository that says whether it is private; only those of some hosts have it.
const IS_PRIVATE: &str = "IsPrivate";

impl Wire for DefinitionWire {
    type Item = PipelineItem;

    fn into_item(self) -> Result<PipelineItem, Violation> {
        let repository = self.repository.unwrap_or_default();
        let is_ours =
            repository.r#type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case(AZURE_REPOS_GIT));
        let repository_id =
            repository.id.filter(|_| is_ours).and_then(|id| Uuid::parse_str(&id.into_text()).ok());
        let properties = repository.properties.unwrap_or_default();
        Ok(PipelineItem {
            id: self.id.into_number()?,
            name: self.name,
            properties: PipelineProperties {
                folder: self.path.unwrap_or_else(|| "\\".to_owned()),
                process: process(self.process),
                repository_id: repository_id.map(RepositoryId),
                repository_type: repository.r#type,
                revision: self.revision,
                queue_status: queue_status(self.queue_status),
                is_repository_private: Fields(&properties).worded_switch(IS_PRIVATE),
                fork_builds: fork_builds(self.triggers.unwrap_or_default()),
            },
        })
    }
}

/// Whether it may run; without a word it does.
fn queue_status(wire: Option<LenientId>) -> QueueStatus {
    let Some(status) = wire.map(LenientId::into_text) else { return QueueStatus::default() };
    match status.to_ascii_lowercase().as_str() {
        "enabled" | "0" => QueueStatus::Enabled,
        "paused" | "1" => QueueStatus::Paused,
        "disabled" | "2" => QueueStatus::Disabled,
        _ => QueueStatus::Other(status),
    }
}

/// What all triggers of pull requests together allow: the service runs a build for each of them.
fn fork_builds(triggers: Vec<TriggerWire>) -> Option<ForkBuilds> {
    let is_pull_request = |trigger: &TriggerWire| match &trigger.trigger_type {
        Some(LenientId::Text(text)) => {
            text.eq_ignore_ascii_case(PULL_REQUEST.0) || text.trim() == PULL_REQUEST.1
        }
        Some(LenientId::Number(number)) => number.to_string() == PULL_REQUEST.1,
        None => false,
    };
    let of_pull_requests = triggers.into_iter().filter(is_pull_request);
    of_pull_requests.map(|trigger| trigger.forks.unwrap_or_default().allowed()).reduce(|one, other| {
        ForkBuilds {
            enabled: one.enabled || other.enabled,
            allow_secrets: one.allow_secrets || other.allow_secrets,
            allow_full_access_token: one.allow_full_access_token || other.allow_full_access_token,
        }
    })
}

impl ForksWire {
    /// A switch of a trigger that builds no fork says nothing: it must not join with those of another trigger.
    fn allowed(&self) -> ForkBuilds {
        let enabled = self.enabled == Some(true);
        ForkBuilds {
            enabled,
            allow_secrets: enabled && self.allow_secrets == Some(true),
            allow_full_access_token: enabled && self.allow_full_access_token == Some(true),
        }
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
    use serde_json::json;

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
    fn the_file_of_a_pipeline_is_the_one_that_its_definition_names() {
        for file in ["/deploy/release.yml", "ci.yaml", "/.azure/nightly build.yml"] {
            let item = read(json!({"id": 7, "name": "x", "process": {"type": 2, "yamlFilename": file}}));
            assert_eq!(item.properties.process, PipelineProcess::Yaml { file_name: file.to_owned() });
        }
        let silent = read(json!({"id": 7, "name": "x", "process": {"type": 2}})).properties.process;
        assert_eq!(silent, PipelineProcess::Yaml { file_name: String::new() }, "no name is guessed");
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

    #[test]
    fn whether_it_runs_is_read_from_words_and_numbers() {
        for (status, expected) in [
            (json!("enabled"), QueueStatus::Enabled),
            (json!("Paused"), QueueStatus::Paused),
            (json!("disabled"), QueueStatus::Disabled),
            (json!(0), QueueStatus::Enabled),
            (json!(1), QueueStatus::Paused),
            (json!(2), QueueStatus::Disabled),
            (json!("draining"), QueueStatus::Other("draining".to_owned())),
            (json!(null), QueueStatus::Enabled),
        ] {
            let item = read(json!({"id": "1", "name": "a", "queueStatus": status}));
            assert_eq!((item.id, item.properties.queue_status), (1, expected), "{status}");
        }
    }

    #[test]
    fn privacy_is_known_only_where_the_repository_says_so() {
        for (properties, expected) in [
            (json!({"IsPrivate": "True", "cloneUrl": "https://user:hidden@host/x"}), Some(true)),
            (json!({"isPrivate": "False"}), Some(false)),
            (json!({"ISPRIVATE": false}), Some(false)),
            (json!({"IsPrivate": ""}), None),
            (json!({"reportBuildStatus": "true"}), None),
            (json!(null), None),
        ] {
            let item = read(json!({"id": 1, "name": "a",
                "repository": {"id": "contoso/app", "type": "GitHub", "properties": properties}}));
            assert_eq!(item.properties.is_repository_private, expected, "{properties}");
            assert!(!format!("{item:?}").contains("hidden"));
        }
        assert_eq!(read(json!({"id": 1, "name": "a"})).properties.is_repository_private, None);
    }

    fn forks(triggers: &Value) -> Option<ForkBuilds> {
        read(json!({"id": 1, "name": "a", "triggers": triggers})).properties.fork_builds
    }

    #[test]
    fn fork_builds_are_those_of_pull_request_triggers() {
        let all = json!({"enabled": true, "allowSecrets": true, "allowFullAccessToken": true});
        let everything = ForkBuilds { enabled: true, allow_secrets: true, allow_full_access_token: true };
        for kind in [json!("pullRequest"), json!("PullRequest"), json!(64), json!("64")] {
            assert_eq!(forks(&json!([{"triggerType": kind, "forks": all}])), Some(everything), "{kind}");
        }
        for kind in [json!("continuousIntegration"), json!("schedule"), json!(2), json!(null)] {
            assert_eq!(forks(&json!([{"triggerType": kind, "forks": all}])), None, "{kind}");
        }
        for none in [json!(null), json!([]), json!([{"branchFilters": []}])] {
            assert_eq!(forks(&none), None);
        }
        for quiet in [json!(null), json!({}), json!({"enabled": false, "allowSecrets": true})] {
            let trigger = json!([{"triggerType": "pullRequest", "forks": quiet}]);
            assert_eq!(forks(&trigger), Some(ForkBuilds::default()), "{quiet}");
        }
    }

    #[test]
    fn several_triggers_allow_what_any_of_them_allows() {
        let trigger = |forks: Value| json!({"triggerType": "pullRequest", "forks": forks});
        let secrets = trigger(json!({"enabled": true, "allowSecrets": true}));
        let token = trigger(json!({"enabled": true, "allowFullAccessToken": true}));
        let silent = trigger(json!({"enabled": false, "allowSecrets": true, "allowFullAccessToken": true}));
        let enabled = trigger(json!({"enabled": true}));
        let built = |allow_secrets, allow_full_access_token| {
            Some(ForkBuilds { enabled: true, allow_secrets, allow_full_access_token })
        };
        assert_eq!(forks(&json!([secrets, token])), built(true, true));
        assert_eq!(forks(&json!([enabled, silent])), built(false, false));
        assert_eq!(forks(&json!([silent, secrets])), built(true, false));
    }
}
