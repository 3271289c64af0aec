//! Who may come in, and what everybody else is told.

use reqwest::StatusCode;
use serde_json::Value;

use super::support::{Fixture, header, text};
use crate::{IdentityKind, Simulator, SimulatorError, SimulatorOptions};

#[tokio::test]
async fn a_wrong_token_gets_401_with_an_empty_body_or_the_sign_in_page() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let call = || {
        fixture
            .client
            .get(fixture.url(&format!("/{organization}/_apis/projects")))
            .basic_auth("me", Some("x"))
    };
    let refused = call().header("X-TFS-FedAuthRedirect", "Suppress").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(header(&refused, "www-authenticate").unwrap().starts_with("Basic realm="));
    assert_eq!(header(&refused, "x-vss-resourcetenant").unwrap(), fixture.simulator.tenant_id().to_string());
    assert_eq!(refused.text().await.unwrap(), "");
    let page = call().send().await.unwrap();
    assert_eq!(page.status(), StatusCode::NON_AUTHORITATIVE_INFORMATION);
    assert!(header(&page, "content-type").unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("Sign In"));
    let stats = fixture.simulator.stats();
    assert_eq!((stats.requests["projects"], stats.failures["projects"]), (2, 1));
    assert!(stats.spent_tstu.values().all(|spent| *spent == 0.0));
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_in_the_way_of_the_service() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let project = fixture.answer(&format!("/{organization}/No%20Such/_apis/build/generalsettings")).await;
    assert_eq!(project.status(), StatusCode::NOT_FOUND);
    let body: Value = project.json().await.unwrap();
    assert!(text(&body["message"]).starts_with("TF200016: The following project does not exist: No Such."));
    assert_eq!(body["typeKey"], "ProjectDoesNotExistWithNameException");
    let repository =
        fixture.answer(&format!("/{organization}/_apis/git/repositories/{}", uuid::Uuid::nil())).await;
    assert_eq!(repository.status(), StatusCode::NOT_FOUND);
    let route = fixture.answer(&format!("/{organization}/_apis/nothing/here")).await;
    assert_eq!(route.status(), StatusCode::NOT_FOUND);
    assert!(header(&route, "content-type").unwrap().starts_with("text/plain"));
    let organization = fixture.answer("/nobody/_apis/projects").await;
    assert_eq!(organization.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_answer_of_an_organization_has_the_headers_of_the_service() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let answer =
        fixture.answer(&format!("/{}/_APIS/Projects?api-version=7.0", organization.to_uppercase())).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "content-type"), Some("application/json; charset=utf-8; api-version=7.0"));
    assert_eq!(header(&answer, "x-vss-resourcetenant").unwrap(), fixture.simulator.tenant_id().to_string());
    assert_eq!(header(&answer, "activityid"), header(&answer, "x-vss-e2eid"));
    assert!(header(&answer, "x-vss-userdata").unwrap().contains("@contoso.example"));
}

#[tokio::test]
async fn a_preview_resource_wants_a_version_from_the_query_or_the_header() {
    let fixture = Fixture::of(1, 1, 1).await;
    let (organization, project) = fixture.projects().await.remove(0);
    let path = format!("/{organization}/{}/_apis/build/authorizedresources", text(&project["id"]));
    let missing = fixture.answer(&path).await;
    assert_eq!(missing.status(), StatusCode::BAD_REQUEST);
    assert_eq!(missing.json::<Value>().await.unwrap()["typeKey"], "VssVersionNotSpecifiedException");
    let released = fixture.answer(&format!("{path}?api-version=7.1")).await;
    assert_eq!(released.json::<Value>().await.unwrap()["typeKey"], "VssInvalidPreviewVersionException");
    assert_eq!(fixture.answer(&format!("{path}?api-version=7.1-preview.1")).await.status(), StatusCode::OK);
    let by_header =
        fixture.get(&path).header("Accept", "application/json;api-version=7.1-preview.1").send().await;
    assert_eq!(by_header.unwrap().status(), StatusCode::OK);
    let posted =
        fixture.client.post(fixture.url(&path)).basic_auth("", Some(fixture.simulator.pat())).send().await;
    assert_eq!(posted.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_project_answers_to_its_encoded_name_as_to_its_id() {
    let fixture = Fixture::of(2, 60, 100).await;
    let mut needs_encoding = 0;
    for (organization, project) in fixture.projects().await {
        let name = text(&project["name"]);
        needs_encoding += usize::from(!name.is_ascii());
        let mut url = reqwest::Url::parse(&fixture.url("")).unwrap();
        url.path_segments_mut().unwrap().extend([&organization, name, "_apis", "build", "generalsettings"]);
        let by_name = fixture.json(url.path()).await;
        let id = text(&project["id"]);
        assert_eq!(by_name, fixture.json(&format!("/{organization}/{id}/_apis/build/generalsettings")).await);
        assert_eq!(fixture.json(&format!("/{organization}/_apis/projects/{id}")).await["name"], name);
    }
    assert!(needs_encoding > 0);
}

#[tokio::test]
async fn each_identity_is_told_who_it_is_and_which_organizations_it_has() {
    let fixture = Fixture::of(2, 4, 4).await;
    let organization = fixture.simulator.organizations().remove(0);
    for identity in fixture.simulator.identities() {
        for pat in &identity.pats {
            let get = |path: String| fixture.client.get(fixture.url(&path)).basic_auth("", Some(pat)).send();
            let data: Value =
                get(format!("/{organization}/_apis/connectionData")).await.unwrap().json().await.unwrap();
            assert_eq!(data["authenticatedUser"]["subjectDescriptor"], identity.subject_descriptor);
            let profile: Value =
                get("/_apis/profile/profiles/me".to_owned()).await.unwrap().json().await.unwrap();
            assert_eq!(profile["id"], identity.id.to_string());
            let path = format!("/_apis/accounts?memberId={}", identity.id);
            let accounts: Value = get(path).await.unwrap().json().await.unwrap();
            let expected = if identity.kind == IdentityKind::Person { 2 } else { 0 };
            assert_eq!(accounts["count"], expected);
        }
    }
    let tenant = fixture.simulator.tenant_id();
    let path = format!("/_apis/EnterpriseCatalog/Organizations?tenantId={tenant}&api-version=7.1-preview.1");
    let catalogue = fixture.answer(&path).await.text().await.unwrap();
    assert_eq!(catalogue.lines().count(), 3);
    assert!(catalogue.contains(&organization));
}

#[tokio::test]
async fn an_address_in_use_and_an_impossible_option_are_refused_at_the_start() {
    let fixture = Fixture::of(1, 1, 1).await;
    let listen = fixture.simulator.base_url().trim_start_matches("http://").parse().unwrap();
    let error = Simulator::start(SimulatorOptions { listen, ..Default::default() }).await.unwrap_err();
    assert!(matches!(error, SimulatorError::Bind { .. }), "{error}");
    let options = SimulatorOptions { organizations: 0, ..Default::default() };
    assert!(matches!(Simulator::start(options).await, Err(SimulatorError::Option(_))));
}

#[tokio::test]
async fn stopping_ends_the_wait_and_frees_the_port() {
    let fixture = Fixture::of(1, 1, 1).await;
    let url = fixture.url("/_sim/health");
    assert!(fixture.client.get(&url).send().await.unwrap().status().is_success());
    let banner = serde_json::to_value(fixture.simulator.banner()).unwrap();
    assert_eq!(banner["baseUrl"], fixture.simulator.base_url());
    assert_eq!(banner.as_object().unwrap().len(), 3);
    fixture.simulator.stop().await;
    assert!(fixture.client.get(&url).send().await.is_err());
}
