//! Budgets are shown; pauses, shares and quiet hours are set, merged and taken away.

use super::bench::Bench;
use axum::http::{Method, StatusCode};
use muster_domain::IdentityKey;
use muster_domain::budget::{BudgetSettings, Caller, ConsumptionClass, ConsumptionGate as _};
use muster_domain::consumption_control::ControlScope;
use muster_domain::read::Read;
use serde_json::{Value, json};

#[tokio::test]
async fn a_budget_says_what_was_spent_for_whom() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/api/v1/budget").await, json!({ "value": [] }));
    let connector = bench.connector("contoso", "Contoso-EU").await;
    let identity = IdentityKey::of_credential(connector.credential_id);
    let scope = ControlScope::connector(connector.id);
    let caller = Caller::of(ConsumptionClass::Background, scope);
    let gate = bench.store.budget(BudgetSettings::default());
    let grant = gate.reserve(&identity, Read::Projects, &caller).await.unwrap().expect("room");
    gate.settle(&grant, None).await.unwrap();
    let budget = bench.get("/api/v1/budget").await["value"][0].clone();
    assert_eq!((&budget["identity"], &budget["standing"]), (&json!(identity.as_str()), &json!("open")));
    assert_eq!((&budget["credentials"], &budget["limitTstu"]), (&json!(["contoso"]), &json!(200.0)));
    assert!(budget["costs"]["projects"].as_f64().unwrap() > 0.0, "{budget}");
    assert_eq!(budget["spent"][0]["connectorId"], json!(connector.id), "{budget}");
    let one = bench.get(&format!("/api/v1/budget/{identity}")).await;
    assert_eq!(one["identity"], budget["identity"]);
    let wanted = (StatusCode::NOT_FOUND, "NotFound", "identity");
    bench.refused((Method::GET, "/api/v1/budget/nobody"), None, wanted).await;
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name() {
    let bench = Bench::new().await;
    let connector = bench.connector("contoso", "Contoso-EU").await;
    let path = format!("/api/v1/connectors/{}/consumption", connector.id);
    let nothing = bench.get(&path).await;
    assert_eq!((&nothing["paused"], &nothing["share"]), (&json!(false), &Value::Null));
    assert_eq!((&nothing["changedBy"], &nothing["connector"]), (&Value::Null, &json!("contoso")));

    let put = async |body: Value| {
        let answer = bench.ask(Method::PUT, &path, Some(body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    };
    let quiet = json!({ "timeZone": "Europe/Berlin", "weekdays": ["mon"], "from": "08:00", "to": "18:00" });
    put(json!({ "share": 0.25, "quietHours": quiet, "reason": "people work" })).await;
    let paused = put(json!({ "paused": true })).await;
    assert_eq!((&paused["paused"], &paused["share"]), (&json!(true), &json!(0.25)));
    assert_eq!((&paused["quietHours"], &paused["reason"]), (&quiet, &json!("people work")));
    assert_eq!(paused["changedBy"], "http:local");
    let fewer = put(json!({ "share": null, "paused": null })).await;
    assert_eq!((&fewer["share"], &fewer["paused"]), (&Value::Null, &json!(false)));
    assert_eq!(fewer["quietHours"], quiet);
    assert_eq!(bench.get("/api/v1/consumption").await["value"], json!([bench.get(&path).await]));
    let (actor, action, target) = bench.last_deed().await;
    assert_eq!((actor.as_str(), target), ("http:local", connector.id.to_string()), "{action}");

    for _ in 0..2 {
        let answer = bench.ask(Method::DELETE, &path, None).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(bench.get(&path).await, nothing);
}

#[tokio::test]
async fn what_cannot_be_set_is_named() {
    let bench = Bench::new().await;
    let connector = bench.connector("contoso", "Contoso-EU").await;
    let path = format!("/api/v1/connectors/{}/consumption", connector.id);
    for (body, target, part) in [
        (json!({}), "body", "quietHours"),
        (json!({ "share": 1.5 }), "share", "at most 1"),
        (json!({ "pause": true }), "pause", "paused"),
        (json!({ "paused": "yes" }), "paused", "boolean"),
        (json!({ "quietHours": { "timeZone": "Mars" } }), "quietHours", "weekdays"),
    ] {
        let wanted = (StatusCode::BAD_REQUEST, "InvalidRequest");
        let answer = bench.ask(Method::PUT, &path, Some(body.clone())).await;
        let told = answer.body["error"]["target"].as_str().unwrap_or_default().to_owned();
        assert!(told.starts_with(target), "{body}: {}", answer.body);
        let message = answer.is_error(wanted.0, wanted.1, &told);
        assert!(message.contains(part), "{body}: {message}");
    }
    let pause = Some(json!({ "paused": true }));
    let nobody = "/api/v1/connectors/00000000-0000-0000-0000-000000000007/consumption";
    let wanted = (StatusCode::NOT_FOUND, "NotFound", "connectorId");
    bench.refused((Method::PUT, nobody), pause.clone(), wanted).await;
    let organization =
        |name: &str| format!("/api/v1/connectors/{}/organizations/{name}/consumption", connector.id);
    let wanted = (StatusCode::NOT_FOUND, "NotFound", "organization");
    let message = bench.refused((Method::PUT, &organization("fabrikam")), pause.clone(), wanted).await;
    assert!(message.contains("contoso") && message.contains("fabrikam"), "{message}");
    let answer = bench.ask(Method::PUT, &organization("CONTOSO-eu"), pause).await;
    assert_eq!(answer.body["organization"], "Contoso-EU", "{}", answer.body);
    assert_eq!(bench.get(&path).await["paused"], false, "only the organization is paused");
}
