//! `GET /{organization}/_apis/management/enablement`: Advanced Security of every repository of the organization.

use crate::call::Call;
use crate::error::CallError;
use crate::hosts::ServiceHost;
use crate::json::{ListReader, Violation, Wire};
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::snapshot::AdvancedSecurityState;
use muster_domain::{OrganizationName, ProjectId, RepositoryId};
use serde::Deserialize;
use std::fmt;
use tracing::{Instrument as _, Span, instrument};
use uuid::Uuid;

/// Most repositories of one batch: what one transaction writes.
const BATCH_SIZE: usize = 1_000;

/// The version that tells Secret Protection and Code Security apart.
const VERSION: &str = "7.2-preview.3";

/// Property of the answer that holds the repositories.
const REPOSITORIES: &str = "reposEnablementStatus";

/// Advanced Security of one repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvancedSecurityItem {
    /// The project that the repository lies in.
    pub project_id: ProjectId,
    /// The repository.
    pub repository_id: RepositoryId,
    /// What is on.
    pub state: AdvancedSecurityState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnablementWire {
    project_id: Uuid,
    repository_id: Uuid,
    #[serde(default)]
    secret_protection_features: Option<SecretProtectionWire>,
    #[serde(default)]
    code_security_features: Option<CodeSecurityWire>,
    /// The older form (`7.2-preview.1`): one switch for everything.
    #[serde(default)]
    adv_sec_enabled: Option<bool>,
    /// The older form.
    #[serde(default)]
    block_pushes: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretProtectionWire {
    #[serde(default)]
    secret_protection_enabled: Option<bool>,
    #[serde(default)]
    block_pushes: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CodeSecurityWire {
    #[serde(default)]
    code_security_enabled: Option<bool>,
}

impl Wire for EnablementWire {
    type Item = AdvancedSecurityItem;

    fn into_item(self) -> Result<AdvancedSecurityItem, Violation> {
        let secrets = self.secret_protection_features;
        let (secret_protection, block_pushes) =
            secrets.map_or((None, None), |wire| (wire.secret_protection_enabled, wire.block_pushes));
        let code_security = self.code_security_features.and_then(|wire| wire.code_security_enabled);
        Ok(AdvancedSecurityItem {
            project_id: ProjectId(self.project_id),
            repository_id: RepositoryId(self.repository_id),
            state: AdvancedSecurityState {
                secret_protection: secret_protection.or(self.adv_sec_enabled),
                block_pushes: block_pushes.or(self.block_pushes),
                code_security: code_security.or(self.adv_sec_enabled),
            },
        })
    }
}

/// Advanced Security of the repositories of an organization while it arrives. Dropping it ends the call.
pub struct AdvancedSecurityBatches {
    reader: ListReader<EnablementWire>,
    span: Span,
}

impl AdvancedSecurityBatches {
    /// Up to 1,000 more repositories. `None` only after the whole answer has arrived: until then, what was handed out
    /// says nothing about the others.
    ///
    /// # Errors
    /// When the answer does not arrive whole or breaks the contract; every later call says so again.
    pub async fn next_batch(&mut self) -> Result<Option<Vec<AdvancedSecurityItem>>, CallError> {
        self.reader.next_batch(BATCH_SIZE).instrument(self.span.clone()).await
    }
}

impl fmt::Debug for AdvancedSecurityBatches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AdvancedSecurityBatches").finish_non_exhaustive()
    }
}

impl Session {
    /// Advanced Security of all repositories of `organization`, in one answer without pages, however long: it is parsed
    /// while it arrives.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.advancedSecurityEnablement", skip_all, fields(ado.organization = %organization))]
    pub async fn advanced_security_enablement(
        &self,
        organization: &OrganizationName,
    ) -> Result<AdvancedSecurityBatches, CallError> {
        let path = "_apis/management/enablement";
        let call = Call::in_organization(Read::AdvancedSecurityEnablement, organization, path)
            .on(ServiceHost::AdvancedSecurity)
            .version(VERSION)
            // Without it whether pushes are blocked is not told.
            .with("includeAllProperties", "true")
            .streamed();
        let mut answer = self.send(call).await?;
        answer.leave();
        let reader = ListReader::of_property(REPOSITORIES, answer);
        Ok(AdvancedSecurityBatches { reader, span: Span::current() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const PROJECT: &str = "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c";
    const REPOSITORY: &str = "5febef5a-833d-4e14-b9c0-14cb638f91e6";

    fn read(mut rest: Value) -> AdvancedSecurityState {
        rest["projectId"] = json!(PROJECT);
        rest["repositoryId"] = json!(REPOSITORY);
        let item = serde_json::from_value::<EnablementWire>(rest).unwrap().into_item().unwrap();
        assert_eq!(
            (item.project_id.to_string(), item.repository_id.to_string()),
            (PROJECT.into(), REPOSITORY.into())
        );
        item.state
    }

    #[test]
    fn both_products_are_told_apart() {
        let state = read(json!({
            "codeSecurityFeatures": {"codeSecurityEnabled": false, "codeQLEnabled": true, "autofixEnabled": null},
            "secretProtectionFeatures": {"secretProtectionEnabled": true, "blockPushes": false,
                "secretProtectionChangedBy": REPOSITORY}}));
        let expected = AdvancedSecurityState {
            secret_protection: Some(true),
            block_pushes: Some(false),
            code_security: Some(false),
        };
        assert_eq!(state, expected);
    }

    #[test]
    fn the_older_form_has_one_switch_for_everything() {
        for on in [true, false] {
            let state = read(
                json!({"advSecEnabled": on, "blockPushes": on, "advSecEnablementLastChangedDate": null}),
            );
            let expected = AdvancedSecurityState {
                secret_protection: Some(on),
                block_pushes: Some(on),
                code_security: Some(on),
            };
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn what_is_not_told_is_not_off() {
        for silent in [
            json!({}),
            json!({"codeSecurityFeatures": null, "secretProtectionFeatures": null}),
            json!({"codeSecurityFeatures": {}, "secretProtectionFeatures": {"blockPushes": null}}),
        ] {
            assert_eq!(read(silent), AdvancedSecurityState::default());
        }
    }
}
