//! Answers of interfaces that nobody promises: read as far as they are known, and never guessed from.

use super::service::{JSON, Service};
use super::{Fixture, options, organization};
use crate::CallError;
use muster_domain::TenantId;
use muster_domain::organization_settings::DISALLOW_OAUTH;
use serde_json::{Value, json};
use uuid::Uuid;

const POLICIES: &str = "ms.vss-admin-web.organization-policies-data-provider";
const PIPELINE_SETTINGS: &str = "ms.vss-build-web.pipelines-org-settings-data-provider";

async fn answering(body: &Value) -> (Service, Fixture) {
    let service = Service::json(body.clone()).await;
    let fixture = Fixture::new(options(&service.url));
    (service, fixture)
}

#[track_caller]
fn assert_no_answer<T: std::fmt::Debug>(outcome: &Result<T, CallError>) {
    assert!(matches!(outcome, Err(CallError::Unexpected { .. })), "{outcome:?}");
}

/// A settings page with policies under `provider`, among keys that are new, misspelt or of another shape.
fn page(provider: &str, policies: &Value) -> Value {
    json!({"fps": {
        "dataProviders": {
            "data": {
                "ms.vss-admin-web.organization-admin-aad-data-provider":
                    {"orgnizationTenantData": {"domain": "contoso.example"}},
                provider: {"policies": policies, "permissionBits": 3, "isPreveiw": [1, null]},
            },
            "exceptions": null,
            "sharedData": {"_featureFlags": {}},
        },
        "newer": [{}, 1, "text", null],
    }, "__rt": "fps"})
}

#[tokio::test]
async fn a_settings_page_is_read_whatever_else_it_holds() {
    let policies = json!({"applicationConnection": [
        {"policy": {"name": DISALLOW_OAUTH, "value": true, "efectiveValue": false, "isValueUndefined": false},
            "desciption": "for people"},
        {"polciy": {"name": "Policy.Misspelt", "value": true}},
    ], "newer": {"not": "a list"}});
    let (_service, fixture) = answering(&page(POLICIES, &policies)).await;
    let found = fixture.background().organization_policies(&organization()).await.unwrap();
    assert_eq!(found.value(DISALLOW_OAUTH), Some(true));
    assert_eq!(found.policies.len(), 1, "{found:?}");
}

#[tokio::test]
async fn a_misspelt_key_is_not_told_rather_than_off() {
    let settings = json!({"enforceJobAuthScop": true, "EnforceSettableVar": true, "disableInboxTaskVar": true,
        "newer": {"enforceJobAuthScope": true}});
    let (_service, fixture) = answering(&json!({"dataProviders": {PIPELINE_SETTINGS: settings}})).await;
    let found = fixture.background().organization_pipeline_settings(&organization()).await.unwrap();
    assert_eq!(found.general.enforce_settable_var, Some(true), "another case is no other key");
    assert_eq!((found.general.enforce_job_auth_scope, found.disable_in_box_tasks), (None, None));

    let misspelt =
        json!({"user": [{"policy": {"name": DISALLOW_OAUTH, "vaule": false, "effectiveValue": false}}]});
    let (_service, fixture) = answering(&page(POLICIES, &misspelt)).await;
    let found = fixture.background().organization_policies(&organization()).await.unwrap();
    assert_eq!(found.value(DISALLOW_OAUTH), None);
}

#[tokio::test]
async fn an_undocumented_answer_under_another_name_is_no_answer() {
    let moved = page("ms.vss-admin-web.orgnization-policies-data-provider", &json!({}));
    let (_service, fixture) = answering(&moved).await;
    assert_no_answer(&fixture.background().organization_policies(&organization()).await);
    let moved = json!({"dataProviders": {"ms.vss-build-web.pipelines-settings-data-provider": {}}});
    let (_service, fixture) = answering(&moved).await;
    assert_no_answer(&fixture.background().organization_pipeline_settings(&organization()).await);
    let csv = ("content-type", "text/csv");
    let service = Service::answering(200, &[csv], "Organisation Id,Organisation Name\r\n1,Contoso\r\n").await;
    let fixture = Fixture::new(options(&service.url));
    assert_no_answer(&fixture.background().enterprise_catalog(TenantId(Uuid::nil())).await);
    let service = Service::answering(200, &[JSON], "[]").await;
    let fixture = Fixture::new(options(&service.url));
    assert_no_answer(&fixture.background().organization_policies(&organization()).await);
    assert_no_answer(&fixture.background().organization_pipeline_settings(&organization()).await);
}
