//! Advanced Security of every repository of an organization or project, written as a stream.

use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::world::{AdvancedSecurity, Presence, ProjectIndex, Repository};

/// Versions that know a single switch for everything.
const OLDER_VERSIONS: [&str; 2] = ["preview.1", "preview.2"];

#[derive(Serialize)]
#[serde(untagged)]
enum RepositoryStatus {
    Newer(NewerStatus),
    Older(OlderStatus),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewerStatus {
    project_id: Uuid,
    repository_id: Uuid,
    code_security_features: CodeSecurity,
    secret_protection_features: SecretProtection,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeSecurity {
    code_security_enabled: bool,
    code_security_enablement_last_changed_date: &'static str,
    code_security_changed_by: Uuid,
    #[serde(rename = "codeQLEnabled")]
    code_ql_enabled: bool,
    dependency_scanning_injection_enabled: bool,
    autofix_enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretProtection {
    secret_protection_enabled: bool,
    secret_protection_enablement_last_changed_date: &'static str,
    secret_protection_changed_by: Uuid,
    /// Null unless all properties are asked for.
    block_pushes: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OlderStatus {
    project_id: Uuid,
    repository_id: Uuid,
    adv_sec_enabled: bool,
    adv_sec_enablement_last_changed_date: &'static str,
    changed_by: Uuid,
    block_pushes: Option<bool>,
}

/// One date for all: nothing depends on it.
const CHANGED: &str = "2025-11-03T08:15:30.217Z";

/// How a repository is told.
#[derive(Clone, Copy)]
struct Form {
    is_older: bool,
    has_all_properties: bool,
    changed_by: Uuid,
}

impl Form {
    fn status(self, project_id: Uuid, repository: &Repository) -> RepositoryStatus {
        let security = repository.security;
        let blocks_pushes = security.has_secret_protection() && repository.size_bytes.is_multiple_of(3);
        let block_pushes = self.has_all_properties.then_some(blocks_pushes);
        if self.is_older {
            return RepositoryStatus::Older(OlderStatus {
                project_id,
                repository_id: repository.id,
                adv_sec_enabled: security == AdvancedSecurity::On,
                adv_sec_enablement_last_changed_date: CHANGED,
                changed_by: self.changed_by,
                block_pushes,
            });
        }
        let has_code_security = security.has_code_security();
        RepositoryStatus::Newer(NewerStatus {
            project_id,
            repository_id: repository.id,
            code_security_features: CodeSecurity {
                code_security_enabled: has_code_security,
                code_security_enablement_last_changed_date: CHANGED,
                code_security_changed_by: self.changed_by,
                code_ql_enabled: has_code_security,
                dependency_scanning_injection_enabled: has_code_security,
                autofix_enabled: false,
            },
            secret_protection_features: SecretProtection {
                secret_protection_enabled: security.has_secret_protection(),
                secret_protection_enablement_last_changed_date: CHANGED,
                secret_protection_changed_by: self.changed_by,
                block_pushes,
            },
        })
    }
}

/// The list holds every repository, also those that the caller may not see in the list of repositories.
pub(crate) fn enablement(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let is_there = |presence| matches!(presence, Presence::Listed | Presence::Hidden);
    let projects: Vec<(ProjectIndex, Uuid)> = call
        .view
        .all_projects(index)
        .filter(|project| is_there(project.presence))
        .filter(|project| call.project.is_none_or(|wanted| wanted == project.index))
        .map(|project| (project.index, project.id))
        .collect();
    let form = Form {
        is_older: OLDER_VERSIONS.iter().any(|older| call.version.ends_with(older)),
        has_all_properties: call.query.is_true("includeAllProperties"),
        changed_by: call.identity.id,
    };
    let view = call.view.clone();
    let statuses = projects.into_iter().flat_map(move |(project, id)| {
        let repositories = view.all_repositories(project).filter(move |one| is_there(one.presence));
        repositories.map(move |repository| form.status(id, &repository))
    });
    Ok(call.stream_in(&of_organization(form), "reposEnablementStatus", statuses))
}

/// What stands before the repositories: the sum over all of them, and what new ones begin with.
fn of_organization(form: Form) -> Value {
    if form.is_older {
        return json!({"advSecEnabled": false, "enableOnCreate": false, "blockPushes": null});
    }
    let block_pushes = form.has_all_properties.then_some(false);
    json!({
        "codeSecurityFeatures": {
            "codeSecurityEnabled": false, "codeQLEnabled": false, "dependencyScanningInjectionEnabled": false
        },
        "secretProtectionFeatures": {"secretProtectionEnabled": false, "blockPushes": block_pushes},
        "enablementOnCreateSettings": {
            "enableCodeSecurityOnCreate": false, "enableSecretProtectionOnCreate": true,
            "enableBlockPushesOnCreate": true, "enableCodeQLOnCreate": false,
            "enableDependabotOnCreate": false, "enableDependencyScanningInjectionOnCreate": false
        }
    })
}
