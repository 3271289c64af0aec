//! Every call: what is sent, and what becomes of a good answer.

use super::service::{JSON, Service, list};
use super::{Fixture, PROJECT, TOKEN, options, organization};
use crate::{CallError, PageRequest, ProfileId, UnauthorizedReason};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_domain::properties::Visibility;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::snapshot::PipelineAccess;
use muster_domain::{OrganizationId, OrganizationName, TenantId};
use serde_json::{Value, json};
use uuid::uuid;

const ID: &str = "5febef5a-833d-4e14-b9c0-14cb638f91e6";

/// The only request that came, as path and query, after its headers were looked at.
fn only_request(service: &Service, fixture: &Fixture, read: Read) -> String {
    let requests = service.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    let credentials = STANDARD.encode(format!(":{TOKEN}"));
    assert_eq!(request.header("authorization"), format!("Basic {credentials}"));
    assert_eq!(request.header("x-tfs-fedauthredirect"), "Suppress");
    assert_eq!(request.header("accept"), "application/json");
    assert!(request.header("user-agent").starts_with("muster/"), "{request:?}");
    assert_eq!(fixture.gate.granted().iter().map(|(read, _)| *read).collect::<Vec<_>>(), [read]);
    assert_eq!(fixture.gate.settled().len(), 1);
    request.uri.to_string()
}

fn connection_data(descriptor: &str) -> Value {
    json!({
        "authenticatedUser": {"id": ID, "descriptor": descriptor, "subjectDescriptor": "aad.abc",
            "providerDisplayName": "Jamal Hartnett", "customDisplayName": null, "isActive": true},
        "instanceId": "2ad38d1e-3eaf-4769-931c-3a2da67bbb01", "deploymentType": "hosted"
    })
}

#[tokio::test]
async fn connection_data_tells_identity_organization_and_tenant() {
    let tenant = "44444444-4444-4444-8444-444444444444";
    let body = connection_data("Microsoft.IdentityModel.Claims.ClaimsIdentity;x").to_string();
    for (header, expected) in [
        (tenant, Some(TenantId(tenant.parse().unwrap()))),
        ("00000000-0000-0000-0000-000000000000", None),
        ("none", None),
    ] {
        let service = Service::answering(200, &[JSON, ("x-vss-resourcetenant", header)], body.clone()).await;
        let fixture = Fixture::new(options(&service.url));
        let data = fixture.background().connection_data(&organization()).await.unwrap();
        assert_eq!(data.organization_id, OrganizationId(uuid!("2ad38d1e-3eaf-4769-931c-3a2da67bbb01")));
        assert_eq!(data.subject_descriptor, "aad.abc");
        assert_eq!(data.display_name.as_deref(), Some("Jamal Hartnett"));
        assert_eq!(data.tenant_id, expected);
        assert_eq!(data.web_url, format!("{}/Contoso", service.url));
        let request = only_request(&service, &fixture, Read::ConnectionData);
        assert_eq!(request, "/Contoso/_apis/connectionData?api-version=7.1-preview.1");
    }
}

#[tokio::test]
async fn an_anonymous_identity_is_a_refused_credential() {
    let service =
        Service::json(connection_data("System:PublicAccess;aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa")).await;
    let fixture = Fixture::new(options(&service.url));
    let error = fixture.background().connection_data(&organization()).await.unwrap_err();
    let CallError::Unauthorized { reason, .. } = error else { panic!("{error}") };
    assert_eq!(reason, UnauthorizedReason::TreatedAsAnonymous);
}

#[tokio::test]
async fn an_identity_without_descriptor_breaks_the_contract() {
    let service = Service::json(json!({"authenticatedUser": {"id": ID}, "instanceId": ID})).await;
    let fixture = Fixture::new(options(&service.url));
    let error = fixture.background().connection_data(&organization()).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
}

#[tokio::test]
async fn profile_and_accounts_need_no_organization() {
    let service = Service::json(json!({"id": ID, "displayName": "", "emailAddress": null})).await;
    let fixture = Fixture::new(options(&service.url));
    let profile = fixture.background().profile().await.unwrap();
    assert_eq!(profile.id, ProfileId(ID.parse().unwrap()));
    let request = only_request(&service, &fixture, Read::Profile);
    assert_eq!(request, "/_apis/profile/profiles/me?api-version=7.1");

    let account =
        json!({"accountId": ID, "accountName": "Fabrikam", "accountUri": "https://x/", "properties": {}});
    let service = Service::json(list(&[account])).await;
    let fixture = Fixture::new(options(&service.url));
    let accounts = fixture.background().accounts(profile.id).await.unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].name, OrganizationName::new("Fabrikam"));
    assert_eq!(accounts[0].id, OrganizationId(ID.parse().unwrap()));
    let request = only_request(&service, &fixture, Read::Accounts);
    assert_eq!(request, format!("/_apis/accounts?api-version=7.1&memberId={ID}"));
}

#[tokio::test]
async fn projects_are_read_with_values_that_the_specification_lacks() {
    let service = Service::json(list(&[
        json!({"id": ID, "name": "a", "state": "wellFormed", "revision": 12, "visibility": "organization"}),
        json!({"id": PROJECT.0, "name": "b"}),
    ]))
    .await;
    let fixture = Fixture::new(options(&service.url));
    let page = fixture.background().projects(&organization(), PageRequest::first()).await.unwrap();
    assert_eq!(page.continuation, None);
    assert_eq!(page.items[0].properties.visibility, Visibility::Organization);
    assert_eq!(page.items[0].properties.revision, Some(12));
    assert_eq!(page.items[1].id, PROJECT);
    assert_eq!(page.items[1].properties.visibility, Visibility::Unspecified);
    let request = only_request(&service, &fixture, Read::Projects);
    assert_eq!(request, "/Contoso/_apis/projects?api-version=7.1&stateFilter=wellFormed&%24top=1000");
}

#[tokio::test]
async fn repositories_are_those_of_the_whole_organization() {
    let service = Service::json(list(&[
        json!({"id": ID, "name": "app", "project": {"id": PROJECT.0}, "defaultBranch": "refs/heads/main",
            "isDisabled": true, "isFork": true, "size": 5, "webUrl": "https://x"}),
        json!({"id": PROJECT.0, "name": "empty", "project": {"id": PROJECT.0}}),
    ]))
    .await;
    let fixture = Fixture::new(options(&service.url));
    let mut batches = fixture.background().repositories(&organization()).await.unwrap();
    let items = batches.next_batch().await.unwrap().unwrap();
    assert_eq!(items[0].project_id, PROJECT);
    assert!(items[0].properties.is_disabled && items[0].properties.is_fork);
    assert_eq!(items[0].properties.default_branch.as_deref(), Some("refs/heads/main"));
    assert_eq!(items[1].properties.default_branch, None);
    let request = only_request(&service, &fixture, Read::Repositories);
    assert_eq!(request, "/Contoso/_apis/git/repositories?api-version=7.1");
}

#[tokio::test]
async fn policies_are_those_of_the_whole_project() {
    let policy = json!({"id": 18, "type": {"id": "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"}, "isEnabled": true,
        "isBlocking": true, "createdBy": {"uniqueName": "who@contoso.example"},
        "settings": {"minimumApproverCount": 2, "scope": [{"repositoryId": null, "matchKind": "DefaultBranch"}]}});
    let service = Service::json(list(&[policy])).await;
    let fixture = Fixture::new(options(&service.url));
    let page = PageRequest::after("17");
    let page = fixture.background().policy_configurations(&organization(), PROJECT, page).await.unwrap();
    assert!(page.items[0].is_enforced());
    let request = only_request(&service, &fixture, Read::PolicyConfigurations);
    let path = format!("/Contoso/{PROJECT}/_apis/policy/configurations");
    assert_eq!(request, format!("{path}?api-version=7.1&%24top=1000&continuationToken=17"));
}

#[tokio::test]
async fn general_settings_are_asked_of_the_project() {
    let service = Service::json(json!({"disableClassicBuildPipelineCreation": false})).await;
    let fixture = Fixture::new(options(&service.url));
    let settings = fixture.background().general_settings(&organization(), PROJECT).await.unwrap();
    assert_eq!(settings.disable_classic_build_pipeline_creation, Some(false));
    assert_eq!(settings.disable_classic_release_pipeline_creation, None);
    let request = only_request(&service, &fixture, Read::GeneralSettings);
    assert_eq!(request, format!("/Contoso/{PROJECT}/_apis/build/generalsettings?api-version=7.1"));
}

#[tokio::test]
async fn definitions_are_listed_in_order_with_all_properties() {
    let service = Service::json(list(&[json!({"id": 7, "name": "ci", "process": {"type": 1}})])).await;
    let fixture = Fixture::new(options(&service.url));
    let page =
        fixture.background().build_definitions(&organization(), PROJECT, PageRequest::first()).await.unwrap();
    assert_eq!((page.items[0].id, page.items[0].name.as_str()), (7, "ci"));
    let request = only_request(&service, &fixture, Read::BuildDefinitions);
    assert_eq!(
        request,
        format!(
            "/Contoso/{PROJECT}/_apis/build/definitions?api-version=7.1&includeAllProperties=true\
             &queryOrder=definitionNameAscending&%24top=1000"
        )
    );
}

#[tokio::test]
async fn service_connections_come_without_their_secrets() {
    let service =
        Service::json(list(&[json!({"id": ID.to_uppercase(), "name": "deploy", "type": "azurerm",
        "url": "https://user:hidden@management.example/", "isReady": true, "isShared": true,
        "authorization": {"scheme": "ServicePrincipal", "parameters": {"serviceprincipalkey": "hidden"}}})]))
        .await;
    let fixture = Fixture::new(options(&service.url));
    let connections = fixture.background().service_endpoints(&organization(), PROJECT).await.unwrap();
    assert!(!format!("{connections:?}").contains("hidden"));
    assert_eq!(connections[0].id, ID);
    assert!(connections[0].properties.is_ready && connections[0].properties.is_shared);
    assert_eq!(connections[0].properties.authorization_scheme.as_deref(), Some("ServicePrincipal"));
    let request = only_request(&service, &fixture, Read::ServiceEndpoints);
    let path = format!("/Contoso/{PROJECT}/_apis/serviceendpoint/endpoints");
    assert_eq!(request, format!("{path}?api-version=7.1&includeFailed=true"));
}

#[tokio::test]
async fn authorized_resources_hold_the_open_service_connections() {
    let service = Service::json(list(&[
        json!({"type": "endpoint", "id": ID.to_uppercase(), "name": "deploy", "authorized": true}),
        json!({"type": "queue", "id": 12, "authorized": true}),
    ]))
    .await;
    let fixture = Fixture::new(options(&service.url));
    let resources = fixture.background().authorized_resources(&organization(), PROJECT).await.unwrap();
    assert_eq!(resources.of(ProtectedResource::Endpoint).collect::<Vec<_>>(), [ID]);
    let request = only_request(&service, &fixture, Read::AuthorizedResources);
    assert_eq!(
        request,
        format!("/Contoso/{PROJECT}/_apis/build/authorizedresources?api-version=7.1-preview.1")
    );
}

#[tokio::test]
async fn permissions_are_those_of_the_resource_that_was_asked_for() {
    let body = json!({"resource": {"type": "endpoint", "id": ID}, "allPipelines": {"authorized": true},
        "pipelines": []});
    let service = Service::json(body).await;
    let ask = async |id: &str| {
        let fixture = Fixture::new(options(&service.url));
        let endpoint = ProtectedResource::Endpoint;
        fixture.background().pipeline_permissions(&organization(), PROJECT, endpoint, id).await
    };
    assert_eq!(ask(ID).await, Ok(PipelineAccess::AllPipelines));
    let path = format!("/Contoso/{PROJECT}/_apis/pipelines/pipelinepermissions/endpoint/{ID}");
    assert_eq!(service.requests()[0].uri.to_string(), format!("{path}?api-version=7.1-preview.1"));
    let error = ask(&PROJECT.to_string()).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
}
