//! Calls about a whole organization, or a tenant: what is sent to which host, and what becomes of good answers.

use super::service::{HTML, JSON, Seen, Service, list};
use super::{Fixture, PROJECT, TOKEN, options, organization};
use crate::{AccessControlEntry, CallError, CatalogEntry, PageRequest, RoleScope, UnauthorizedReason};
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_domain::organization_settings::DISALLOW_OAUTH;
use muster_domain::read::Read;
use muster_domain::snapshot::AdvancedSecurityState;
use muster_domain::{OrganizationId, OrganizationName, RepositoryId, TenantId};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

const ID: &str = "5febef5a-833d-4e14-b9c0-14cb638f91e6";
const TENANT: TenantId = TenantId(uuid!("44444444-4444-4444-8444-444444444444"));
const CSV: (&str, &str) = ("content-type", "text/csv; charset=utf-8");

/// A service with this answer, in the bytes that some servers write before it, and a client of it.
async fn answering(body: &Value) -> (Service, Fixture) {
    let service = Service::answering(200, &[JSON], format!("\u{feff}{body}")).await;
    let fixture = Fixture::new(options(&service.url));
    (service, fixture)
}

/// The only request that came, after it was told to the budget as one of `read`.
#[track_caller]
fn only_request(service: &Service, fixture: &Fixture, read: Read) -> Seen {
    assert_eq!(fixture.gate.granted().iter().map(|(read, _)| *read).collect::<Vec<_>>(), [read]);
    assert_eq!(fixture.gate.settled().len(), 1);
    let mut requests = service.requests();
    assert_eq!(requests.len(), 1);
    let request = requests.remove(0);
    assert_eq!(request.header("authorization"), format!("Basic {}", STANDARD.encode(format!(":{TOKEN}"))));
    request
}

/// Asserts that the only request was a GET of `path`.
#[track_caller]
fn assert_asked(service: &Service, fixture: &Fixture, read: Read, path: &str) {
    let request = only_request(service, fixture, read);
    assert_eq!(request.method, Method::GET);
    assert_eq!(request.uri.to_string(), path);
}

#[tokio::test]
async fn agent_pools_are_those_of_the_organization() {
    let pool = json!({"id": 9, "name": "Azure Pipelines", "isHosted": true, "autoUpdate": true});
    let (service, fixture) = answering(&list(&[pool])).await;
    let pools = fixture.background().agent_pools(&organization()).await.unwrap();
    assert_eq!((pools.len(), pools[0].id), (1, 9));
    let path = "/Contoso/_apis/distributedtask/pools?api-version=7.1";
    assert_asked(&service, &fixture, Read::AgentPools, path);
}

#[tokio::test]
async fn extensions_include_those_that_are_switched_off() {
    let extension =
        json!({"publisherId": "fabrikam", "extensionId": "scanner", "installState": {"flags": "disabled"}});
    let (service, fixture) = answering(&list(&[extension])).await;
    let extensions = fixture.background().extensions(&organization()).await.unwrap();
    assert_eq!(extensions[0].id, "fabrikam.scanner");
    assert!(extensions[0].properties.is_disabled);
    let path = "/Contoso/_apis/extensionmanagement/installedextensions?api-version=7.1-preview.1&\
                includeDisabledExtensions=true";
    assert_asked(&service, &fixture, Read::Extensions, path);
}

#[tokio::test]
async fn policies_of_the_organization_come_from_its_settings_page() {
    let policy = json!({"policy": {"name": DISALLOW_OAUTH, "value": true, "effectiveValue": false}});
    let data = json!({"ms.vss-admin-web.organization-policies-data-provider":
        {"policies": {"applicationConnection": [policy]}}});
    let (service, fixture) = answering(&json!({"fps": {"dataProviders": {"data": data}}})).await;
    let policies = fixture.background().organization_policies(&organization()).await.unwrap();
    assert_eq!(policies.value(DISALLOW_OAUTH), Some(true));
    let path = "/Contoso/_settings/organizationPolicy?__rt=fps&__ver=2";
    assert_asked(&service, &fixture, Read::OrganizationPolicies, path);
}

#[tokio::test]
async fn a_settings_page_that_asks_to_sign_in_or_tells_nothing_is_no_answer() {
    let service = Service::answering(200, &[HTML], "<html>Azure DevOps Services | Sign In</html>").await;
    let fixture = Fixture::new(options(&service.url));
    let error = fixture.background().organization_policies(&organization()).await.unwrap_err();
    let CallError::Unauthorized { reason, .. } = error else { panic!("{error}") };
    assert_eq!(reason, UnauthorizedReason::SignInPage);
    let silent = json!({"fps": {"dataProviders": {"data":
        {"ms.vss-admin-web.organization-policies-data-provider": null}}}});
    let (_service, fixture) = answering(&silent).await;
    let error = fixture.background().organization_policies(&organization()).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn pipeline_settings_of_the_organization_are_asked_for_by_a_document() {
    const PROVIDER: &str = "ms.vss-build-web.pipelines-org-settings-data-provider";
    let settings = json!({"enforceJobAuthScope": true, "disableMarketplaceTasksVar": true});
    let (service, fixture) = answering(&json!({"dataProviders": {PROVIDER: settings}})).await;
    let settings = fixture.background().organization_pipeline_settings(&organization()).await.unwrap();
    assert_eq!(settings.general.enforce_job_auth_scope, Some(true));
    assert_eq!((settings.disable_in_box_tasks, settings.disable_marketplace_tasks), (None, Some(true)));
    let request = only_request(&service, &fixture, Read::OrganizationPipelineSettings);
    assert_eq!(request.method, Method::POST);
    let path = "/Contoso/_apis/Contribution/HierarchyQuery?api-version=5.0-preview.1";
    assert_eq!(request.uri.to_string(), path);
    assert_eq!(request.body["contributionIds"], json!([PROVIDER]));
    let page = &request.body["dataProviderContext"]["properties"]["sourcePage"]["url"];
    assert_eq!(*page, format!("{}/Contoso/_settings/pipelinessettings", service.url));
    let (_service, fixture) = answering(&json!({"dataProviders": {}})).await;
    let error = fixture.background().organization_pipeline_settings(&organization()).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn audit_streams_are_kept_without_their_secrets() {
    let stream = json!({"id": 1, "consumerType": "Splunk", "displayName": "siem", "status": "enabled",
        "consumerInputs": {"SplunkEventCollectorToken": "hidden"}});
    let (service, fixture) = answering(&list(&[stream])).await;
    let streams = fixture.background().audit_streams(&organization()).await.unwrap();
    assert!(streams.streams[0].is_enabled && !format!("{streams:?}").contains("hidden"));
    let path = "/Contoso/_apis/audit/streams?api-version=7.1-preview.1";
    assert_asked(&service, &fixture, Read::AuditStreams, path);
}

#[tokio::test]
async fn people_come_in_pages_whose_tokens_are_in_the_body() {
    let person = json!({"id": "p-1", "user": {"principalName": "one@contoso.example"},
        "accessLevel": {"licenseDisplayName": "Basic"}, "lastAccessedDate": "0001-01-01T00:00:00Z"});
    let (service, fixture) = answering(&json!({"members": [person], "continuationToken": "a b"})).await;
    let session = fixture.background();
    let page = session.user_entitlements(&organization(), PageRequest::after("first")).await.unwrap();
    assert_eq!((page.items.len(), page.continuation.as_deref()), (1, Some("a b")));
    assert_eq!(page.items[0].last_accessed, None);
    let path = "/Contoso/_apis/userentitlements?api-version=7.1-preview.3&continuationToken=first";
    assert_asked(&service, &fixture, Read::UserEntitlements, path);
    let error = session.user_entitlements(&organization(), PageRequest::after("a b")).await.unwrap_err();
    assert!(error.to_string().contains("leads to itself"), "{error}");
}

#[tokio::test]
async fn all_permissions_of_a_namespace_are_one_call() {
    const GIT: Uuid = uuid!("2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87");
    let lists = [
        json!({"token": "repoV2", "inheritPermissions": true, "acesDictionary": {"d": {"allow": 3, "deny": 4}}}),
        json!({"token": format!("repoV2/{PROJECT}"), "inheritPermissions": false, "acesDictionary": {}}),
    ];
    let (service, fixture) = answering(&list(&lists)).await;
    let lists = fixture.background().access_control_lists(&organization(), GIT).await.unwrap();
    assert_eq!(lists[0].entries["d"], AccessControlEntry { allow: 3, deny: 4 });
    assert!(lists[0].inherits && !lists[1].inherits);
    let path = format!("/Contoso/_apis/accesscontrollists/{GIT}?api-version=7.1");
    assert_asked(&service, &fixture, Read::AccessControlLists, &path);
}

#[tokio::test]
async fn roles_are_asked_for_by_scope_and_resource() {
    let assignment =
        json!({"identity": {"id": "g-1"}, "role": {"name": "Administrator"}, "access": "inherited"});
    let (service, fixture) = answering(&list(&[assignment])).await;
    let session = fixture.background();
    let resource = format!("{PROJECT}$7");
    let roles = session.role_assignments(&organization(), RoleScope::VariableGroup, &resource).await.unwrap();
    assert_eq!((roles[0].role.as_str(), roles[0].is_inherited), ("Administrator", true));
    let path = format!(
        "/Contoso/_apis/securityroles/scopes/distributedtask.variablegroup/roleassignments/resources/{PROJECT}%247\
         ?api-version=7.1-preview.1"
    );
    assert_asked(&service, &fixture, Read::RoleAssignments, &path);
}

#[tokio::test]
async fn advanced_security_arrives_in_batches_from_a_host_of_its_own() {
    let repository = |number: u128, on: bool| {
        json!({"projectId": PROJECT.0, "repositoryId": Uuid::from_u128(number),
            "codeSecurityFeatures": {"codeSecurityEnabled": !on},
            "secretProtectionFeatures": {"secretProtectionEnabled": on, "blockPushes": null}})
    };
    let repositories: Vec<_> = (0..2_500).map(|number| repository(number, number % 2 == 0)).collect();
    let answer = json!({"codeSecurityFeatures": {"codeSecurityEnabled": true},
        "enablementOnCreateSettings": {"value": [{}]}, "reposEnablementStatus": repositories});
    let (service, fixture) = answering(&answer).await;
    let mut batches = fixture.background().advanced_security_enablement(&organization()).await.unwrap();
    let mut sizes = Vec::new();
    let mut seen = 0;
    while let Some(batch) = batches.next_batch().await.unwrap() {
        sizes.push(batch.len());
        for item in batch {
            assert_eq!(item.project_id, PROJECT);
            assert_eq!(item.repository_id, RepositoryId(Uuid::from_u128(seen)));
            let on = seen % 2 == 0;
            let expected = AdvancedSecurityState {
                secret_protection: Some(on),
                block_pushes: None,
                code_security: Some(!on),
            };
            assert_eq!(item.state, expected);
            seen += 1;
        }
    }
    assert_eq!(sizes, [1_000, 1_000, 500]);
    assert_eq!(batches.next_batch().await, Ok(None), "it stays ended");
    let path =
        "/advsec/Contoso/_apis/management/enablement?api-version=7.2-preview.3&includeAllProperties=true";
    assert_asked(&service, &fixture, Read::AdvancedSecurityEnablement, path);
}

#[tokio::test]
async fn advanced_security_that_breaks_off_or_lacks_its_list_is_no_answer() {
    let whole = json!({"reposEnablementStatus": [{"projectId": ID, "repositoryId": ID}]}).to_string();
    let cut = &whole[..whole.len() - 2];
    for (body, is_passing) in
        [(cut, true), ("{\"value\":[]}", false), ("{\"reposEnablementStatus\":null}", false)]
    {
        let service = Service::answering(200, &[JSON], body).await;
        let fixture = Fixture::new(options(&service.url));
        let mut batches = fixture.background().advanced_security_enablement(&organization()).await.unwrap();
        let error = loop {
            match batches.next_batch().await {
                Ok(batch) => assert!(batch.is_some(), "it looks whole: {body}"),
                Err(error) => break error,
            }
        };
        assert_eq!(matches!(error, CallError::Transient { .. }), is_passing, "{error}");
    }
}

#[tokio::test]
async fn the_organizations_of_a_tenant_are_read_from_comma_separated_values() {
    let body = format!(
        "\u{feff}Organization Id, Organization Name, Url, Owner, Exception Type, Error Message\r\n\
         {ID}, Contoso, https://dev.azure.com/Contoso/, who@contoso.example, , \r\n, Fabrikam, , , , \r\n"
    );
    let service = Service::answering(200, &[CSV], body).await;
    let fixture = Fixture::new(options(&service.url));
    let entries = fixture.background().enterprise_catalog(TENANT).await.unwrap();
    let entry = |id: Option<&str>, name: &str| CatalogEntry {
        organization_id: id.map(|id| OrganizationId(id.parse().unwrap())),
        name: OrganizationName::new(name),
    };
    assert_eq!(entries, [entry(Some(ID), "Contoso"), entry(None, "Fabrikam")]);
    let path = format!("/_apis/EnterpriseCatalog/Organizations?api-version=7.1-preview.1&tenantId={TENANT}");
    assert_asked(&service, &fixture, Read::EnterpriseCatalog, &path);
}

#[tokio::test]
async fn a_page_is_no_catalogue_whatever_it_is_called() {
    for content in [HTML, CSV] {
        let service = Service::answering(200, &[content], "<!DOCTYPE html><html>Sign In</html>").await;
        let fixture = Fixture::new(options(&service.url));
        let error = fixture.background().enterprise_catalog(TENANT).await.unwrap_err();
        let CallError::Unauthorized { reason, .. } = error else { panic!("{error}") };
        assert_eq!(reason, UnauthorizedReason::SignInPage, "{content:?}");
    }
    let service = Service::answering(200, &[CSV], "Nothing,That,Is,Known\r\n").await;
    let fixture = Fixture::new(options(&service.url));
    let error = fixture.background().enterprise_catalog(TENANT).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
}
