//! Access tokens, and what they open.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::support::{Fixture, header, text, unlimited};
use crate::{Change, ChangeKind, IdentityKind, SimulatedClient, SimulatorOptions};

const SCOPE: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default";

fn client(fixture: &Fixture) -> SimulatedClient {
    fixture.simulator.application().client.clone().unwrap()
}

async fn ask(fixture: &Fixture, tenant: &str, fields: &[(&str, &str)]) -> Response {
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let request = fixture.client.post(fixture.url(&format!("/{tenant}/oauth2/v2.0/token")));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    request.body(body.join("&")).send().await.unwrap()
}

async fn of_application(fixture: &Fixture, change: &[(&str, &str)]) -> Response {
    let client = client(fixture);
    let tenant = fixture.simulator.tenant_id().to_string();
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client.client_id.as_str()),
        ("client_secret", client.client_secret.as_str()),
        ("scope", SCOPE),
    ];
    for (name, value) in change {
        fields.retain(|(other, _)| other != name);
        fields.push((name, value));
    }
    ask(fixture, &tenant, &fields).await
}

async fn with_bearer(fixture: &Fixture, path: &str, token: &str) -> Response {
    let request = fixture.client.get(fixture.url(path)).bearer_auth(token);
    request.header("X-TFS-FedAuthRedirect", "Suppress").send().await.unwrap()
}

async fn delegated(fixture: &Fixture) -> String {
    let refresh_token = fixture.simulator.identities()[0].refresh_token.clone().unwrap();
    let tenant = fixture.simulator.tenant_id().to_string();
    let scope = format!("offline_access {SCOPE}");
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", "11111111-1111-4111-8111-111111111111"),
        ("refresh_token", refresh_token.as_str()),
        ("scope", scope.as_str()),
    ];
    let answer = ask(fixture, &tenant, &fields).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["refresh_token"], refresh_token);
    assert_eq!(body["scope"], SCOPE);
    text(&body["access_token"]).to_owned()
}

#[tokio::test]
async fn an_application_gets_a_token_by_secret_assertion_or_managed_identity() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let answer = of_application(&fixture, &[]).await;
    assert_eq!(header(&answer, "cache-control"), Some("no-store, no-cache"));
    let by_secret: Value = answer.json().await.unwrap();
    assert_eq!((&by_secret["expires_in"], &by_secret["token_type"]), (&json!(3_599), &json!("Bearer")));
    assert!(by_secret.get("refresh_token").is_none());
    let assertion = client(&fixture).client_assertion;
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let proof =
        [("client_secret", ""), ("client_assertion", assertion.as_str()), ("client_assertion_type", kind)];
    let by_assertion: Value = of_application(&fixture, &proof).await.json().await.unwrap();
    let metadata = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=499b84ac-1321-427f-aa17-267ca6975798";
    let request = fixture.client.get(fixture.url(metadata)).header("Metadata", "true");
    let by_metadata: Value = request.send().await.unwrap().json().await.unwrap();
    for token in [&by_secret, &by_assertion, &by_metadata].map(|answer| text(&answer["access_token"])) {
        let path = format!("/{organization}/_apis/connectionData");
        let data: Value = with_bearer(&fixture, &path, token).await.json().await.unwrap();
        let application = fixture.simulator.application();
        assert_eq!(application.kind, IdentityKind::ServicePrincipal);
        assert_eq!(data["authenticatedUser"]["subjectDescriptor"], application.subject_descriptor);
    }
    let without = fixture.client.get(fixture.url(metadata)).send().await.unwrap();
    assert_eq!(without.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_number() {
    let fixture = Fixture::of(1, 1, 1).await;
    for (change, status, number, error) in [
        (("client_secret", "wrong"), 401, 7_000_215, "invalid_client"),
        (("client_secret", ""), 401, 7_000_216, "invalid_client"),
        (("client_id", "nobody"), 400, 700_016, "unauthorized_client"),
        (("scope", ""), 400, 70_011, "invalid_scope"),
        (("scope", "https://graph.microsoft.com/.default"), 400, 70_011, "invalid_scope"),
        (("grant_type", "password"), 400, 70_003, "unsupported_grant_type"),
        (("grant_type", ""), 400, 900_144, "invalid_request"),
    ] {
        let refused = of_application(&fixture, &[change]).await;
        assert_eq!(refused.status().as_u16(), status, "{change:?}");
        let body: Value = refused.json().await.unwrap();
        assert_eq!((&body["error"], &body["error_codes"]), (&json!(error), &json!([number])));
        assert!(text(&body["error_description"]).starts_with(&format!("AADSTS{number}: ")), "{body}");
    }
    let elsewhere = uuid::Uuid::nil().to_string();
    let refused = ask(&fixture, &elsewhere, &[("grant_type", "client_credentials")]).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused.json::<Value>().await.unwrap()["error_codes"], json!([90_002]));
    let tenant = fixture.simulator.tenant_id().to_string();
    let fields =
        [("grant_type", "refresh_token"), ("client_id", "x"), ("refresh_token", "x"), ("scope", SCOPE)];
    let refused = ask(&fixture, &tenant, &fields).await;
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "invalid_grant");
    assert_eq!(fixture.simulator.stats().failures["token"], 9);
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let fixture = Fixture::start(SimulatorOptions { token_seconds: 1, ..unlimited() }).await;
    let organization = fixture.simulator.organizations().remove(0);
    let body: Value = of_application(&fixture, &[]).await.json().await.unwrap();
    assert_eq!(body["expires_in"], 1);
    let path = format!("/{organization}/_apis/projects");
    let asked = tokio::time::Instant::now();
    loop {
        let status = with_bearer(&fixture, &path, text(&body["access_token"])).await.status();
        if status == StatusCode::UNAUTHORIZED {
            break;
        }
        assert_eq!(status, StatusCode::OK);
        assert!(asked.elapsed() < Duration::from_secs(30), "the token is still good");
        // Looks again when a part of the token's second has passed.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(asked.elapsed() > Duration::from_millis(500));
}

#[tokio::test]
async fn without_oauth_only_tokens_that_act_for_people_are_refused() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let set = |change| {
        let change = Change { change, organization: Some(organization.clone()), ..Default::default() };
        fixture.simulator.change(&change).unwrap();
    };
    let path = format!("/{organization}/_apis/projects");
    set(ChangeKind::AllowOauth);
    let token = delegated(&fixture).await;
    assert_eq!(with_bearer(&fixture, &path, &token).await.status(), StatusCode::OK);
    set(ChangeKind::DisallowOauth);
    let refused = with_bearer(&fixture, &path, &delegated(&fixture).await).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let body: Value = refused.json().await.unwrap();
    let id = fixture.simulator.identities()[0].id;
    let message = format!("TF400813: The user '{id}' is not authorized to access this resource.");
    assert_eq!(
        (text(&body["message"]), text(&body["typeKey"])),
        (message.as_str(), "UnauthorizedRequestException")
    );
    assert_eq!(fixture.answer(&path).await.status(), StatusCode::OK);
    let application: Value = of_application(&fixture, &[]).await.json().await.unwrap();
    let token = text(&application["access_token"]);
    assert_eq!(with_bearer(&fixture, &path, token).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_organization_of_another_tenant_says_so_and_takes_no_token_of_the_first() {
    let options = SimulatorOptions { organizations: 2, projects: 2, tenants: 2, ..unlimited() };
    let fixture = Fixture::start(options).await;
    let organizations = fixture.simulator.organizations();
    let tenants = fixture.simulator.tenants();
    assert_eq!((tenants.len(), tenants[0]), (2, fixture.simulator.tenant_id()));
    let body: Value = of_application(&fixture, &[]).await.json().await.unwrap();
    let token = text(&body["access_token"]);
    for (number, organization) in organizations.iter().enumerate() {
        let path = format!("/{organization}/_apis/projects");
        let by_person = fixture.answer(&path).await;
        assert_eq!(by_person.status(), StatusCode::OK);
        let tenant = tenants[number].to_string();
        assert_eq!(header(&by_person, "x-vss-resourcetenant"), Some(tenant.as_str()));
        let by_application = with_bearer(&fixture, &path, token).await;
        assert_eq!(by_application.status() == StatusCode::OK, number == 0);
        assert_eq!(header(&by_application, "x-vss-resourcetenant"), Some(tenant.as_str()));
        let catalogue =
            format!("/_apis/EnterpriseCatalog/Organizations?tenantId={tenant}&api-version=7.1-preview.1");
        let request = fixture.client.get(fixture.url(&catalogue)).bearer_auth(token);
        let rows = request.send().await.unwrap().text().await.unwrap();
        let columns = "Organization Id, Organization Name, Url, Owner, Exception Type, Error Message";
        assert_eq!(rows.trim_start_matches('\u{feff}').lines().next(), Some(columns));
        let row = rows.lines().nth(1).unwrap();
        assert_eq!(row.split(", ").nth(1), Some(organization.as_str()));
        assert_eq!((rows.lines().count(), row.matches(',').count()), (2, 5));
    }
}
