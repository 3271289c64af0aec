use super::*;
use crate::examples;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a personal access token of Azure DevOps looks like; belongs to nobody.
const OLD_TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst";

fn onboarding() -> Value {
    serde_json::to_value(examples::onboarding()).unwrap()
}

fn event(event_type: &str, data: Value) -> CloudEvent {
    let template = examples::requests().remove(0).to_event(examples::envelope());
    CloudEvent { event_type: event_type.to_owned(), data, ..template }
}

fn onboard(data: Value) -> Result<OnboardingRequested, RejectedRequest> {
    match Request::from_event(&event(ONBOARDING_REQUESTED, data))? {
        Request::Onboard(request) => Ok(request),
        other => panic!("read as {other:?}"),
    }
}

fn onboard_with(name: &str, value: Value) -> Result<OnboardingRequested, RejectedRequest> {
    let mut data = onboarding();
    data[name] = value;
    onboard(data)
}

#[test]
fn every_required_field_is_named_where_it_is_missing() {
    for (event_type, fields) in [
        (
            ONBOARDING_REQUESTED,
            &["name", "subscriptionId", "resourceGroup", "region", "credential", "autoDiscovery"][..],
        ),
        (OFFBOARDING_REQUESTED, &["connectorId"]),
        (DISCOVERY_REQUESTED, &["connectorId"]),
        (PROJECT_SYNC_REQUESTED, &["connectorId", "organization", "project"]),
        (REFRESH_REQUESTED, &["connectorId"]),
    ] {
        let request =
            examples::requests().into_iter().find(|request| request.event_type() == event_type).unwrap();
        let data = request.to_event(examples::envelope()).data;
        for field in fields {
            for replacement in [None, Some(Value::Null)] {
                let mut data = data.clone();
                data.as_object_mut().unwrap().remove(*field);
                if let Some(null) = replacement {
                    data[*field] = null;
                }
                let rejected = Request::from_event(&event(event_type, data)).unwrap_err();
                assert_eq!(rejected.kind, RejectionKind::Invalid);
                assert_eq!(rejected.field, Some(format!("data.{field}")));
                assert_eq!(rejected.reason, "is missing");
            }
        }
    }
}

#[test]
fn wrong_values_are_named_and_never_repeated() {
    let cases = [
        ("name", json!(""), "data.name"),
        ("name", json!("with space"), "data.name"),
        ("name", json!(".."), "data.name"),
        ("name", json!("x".repeat(261)), "data.name"),
        ("name", json!(7), "data.name"),
        ("subscriptionId", json!("my subscription"), "data.subscriptionId"),
        ("subscriptionId", json!("20ff7fc3e76244ddbd96b71116dcdc23"), "data.subscriptionId"),
        ("resourceGroup", json!(""), "data.resourceGroup"),
        ("resourceGroup", json!("ends."), "data.resourceGroup"),
        ("resourceGroup", json!("a/b"), "data.resourceGroup"),
        ("resourceGroup", json!("x".repeat(91)), "data.resourceGroup"),
        ("region", json!("atlantis"), "data.region"),
        ("tenantId", json!("contoso.onmicrosoft.com"), "data.tenantId"),
        ("plan", json!("Enterprise, expected nothing"), "data.plan"),
        ("credential", json!("hunter2!"), "data.credential"),
        ("credential", json!({ "pat": "hunter2!" }), "data.credential"),
        ("autoDiscovery", json!(true), "data.autoDiscovery"),
        ("autoDiscovery", json!("enabled"), "data.autoDiscovery"),
        ("organizations", json!("contoso"), "data.organizations"),
        ("organizations", json!(["contoso", 5]), "data.organizations[1]"),
        ("organizations", json!(["contoso", "a b"]), "data.organizations[1]"),
        ("organizations", json!(["x".repeat(51)]), "data.organizations[0]"),
        ("organizations", json!([""]), "data.organizations[0]"),
    ];
    for (name, value, field) in cases {
        let rejected = onboard_with(name, value.clone()).unwrap_err();
        assert_eq!(rejected.field.as_deref(), Some(field), "{value}: {rejected}");
        assert!(!rejected.remedy.is_empty());
        let said = rejected.to_string();
        for never in ["hunter2", "onmicrosoft", "Enterprise", "my subscription"] {
            assert!(!said.contains(never), "{said}");
        }
    }
    let rejected = onboard_with("plan", json!("Enterprise")).unwrap_err();
    assert_eq!(rejected.reason, "is not `Foundational` or `DefenderCspm`");
    let rejected = onboard_with("tenantId", json!("contoso")).unwrap_err();
    assert_eq!(rejected.reason, "is not a GUID");
}

#[test]
fn values_at_the_limit_are_taken() {
    for (name, value) in [
        ("name", json!("x".repeat(260))),
        ("name", json!("a_B-c.9")),
        ("resourceGroup", json!("größer_(1)-x.y")),
        ("credential", json!("reader.eu-1_a")),
        ("organizations", json!(["x".repeat(50)])),
        ("tenantId", Value::Null),
        ("plan", Value::Null),
        ("labels", json!({ "added": "later" })),
    ] {
        assert!(onboard_with(name, value.clone()).is_ok(), "{name} {value}");
    }
}

#[test]
fn regions_are_read_in_both_forms_and_national_clouds_are_told_why_not() {
    assert_eq!(onboard_with("region", json!("Central US")).unwrap().region, "centralus");
    for region in [
        "usgovvirginia",
        "USGov Arizona",
        "usdodeast",
        "USNat East",
        "ussecwest",
        "chinaeast2",
        "Germany Central",
        "germanynortheast",
    ] {
        let rejected = onboard_with("region", json!(region)).unwrap_err();
        assert!(
            rejected.reason.contains("DevOps security exists in the commercial cloud only"),
            "{rejected}"
        );
        assert!(rejected.remedy.contains("westeurope"));
    }
    for region in ["germanywestcentral", "germanynorth", "atlantis"] {
        let rejected = onboard_with("region", json!(region)).unwrap_err();
        assert!(rejected.reason.contains("not a region in which the connector exists"), "{rejected}");
        assert!(rejected.remedy.contains("westeurope"));
    }
    for region in muster_domain::connector::REGIONS {
        assert_eq!(onboard_with("region", json!(region)).unwrap().region, region);
    }
}

#[test]
fn the_choice_of_organizations_is_azures() {
    let choice = |auto_discovery: &str, organizations: Option<Value>| {
        let mut data = onboarding();
        data["autoDiscovery"] = json!(auto_discovery);
        data.as_object_mut().unwrap().remove("organizations");
        if let Some(organizations) = organizations {
            data["organizations"] = organizations;
        }
        onboard(data).unwrap().organizations
    };
    let selected = |names: &[&str]| OrganizationsChoice::Selected {
        organizations: names.iter().map(|name| OrganizationName::new(*name)).collect(),
    };
    assert_eq!(choice("Enabled", None), OrganizationsChoice::AllExistingAndFuture);
    assert_eq!(choice("Enabled", Some(json!(["contoso"]))), OrganizationsChoice::AllExistingAndFuture);
    assert_eq!(choice("Disabled", None), selected(&[]));
    assert_eq!(choice("Disabled", Some(Value::Null)), selected(&[]));
    assert_eq!(choice("Disabled", Some(json!(["contoso"]))), selected(&["contoso"]));
}

#[test]
fn a_misspelt_field_is_told_its_name() {
    let renamed = |from: &str, to: &str| {
        let mut data = onboarding();
        let value = data.as_object_mut().unwrap().remove(from).unwrap();
        data[to] = value;
        onboard(data).unwrap_err()
    };
    for (from, to) in
        [("subscriptionId", "subscription_id"), ("credential", "credentials"), ("region", "Region")]
    {
        let rejected = renamed(from, to);
        assert_eq!(rejected.field, Some(format!("data.{from}")));
        assert_eq!(rejected.remedy, format!("rename `{to}` to `{from}`"));
    }
    // Ignored, it would connect every organization instead of two.
    assert_eq!(renamed("organizations", "organisations").field.as_deref(), Some("data.organizations"));
    // A newer contract may add a field beside the one that it resembles.
    assert!(onboard_with("organisations", json!(["x"])).is_ok());

    let refresh = json!({ "connectorId": examples::CONNECTOR, "projectId": examples::PROJECT });
    let rejected = Request::from_event(&event(REFRESH_REQUESTED, refresh)).unwrap_err();
    assert_eq!(rejected.field.as_deref(), Some("data.project"));
}

#[test]
fn a_secret_is_refused_in_every_place_and_never_repeated() {
    let new_token = format!("{}AZDO{}", "A1b2".repeat(19), "zZ09");
    let client_secret = format!("abc8Q~{}", "x".repeat(34));
    let web_token = "eyJhbGciOiJub25lIn0.e30.";
    for secret in [OLD_TOKEN, &new_token, &client_secret, web_token] {
        for (name, value, field) in [
            ("credential", json!(secret), "data.credential"),
            ("credential", json!(format!(" {secret}\n")), "data.credential"),
            ("name", json!(secret), "data.name"),
            ("pat", json!(secret), "data.pat"),
            ("auth", json!({ "basic": ["user", secret] }), "data.auth"),
        ] {
            let rejected = onboard_with(name, value).unwrap_err();
            assert_eq!(rejected.kind, RejectionKind::ContainsSecret);
            assert_eq!(rejected.field.as_deref(), Some(field));
            assert!(rejected.remedy.contains("muster credential set"));
            assert!(!format!("{rejected} {rejected:?}").contains(secret.trim()));
        }
        let rejected = onboard_with(secret, json!(secret)).unwrap_err();
        assert!(!format!("{rejected} {rejected:?}").contains(secret));
    }
}

#[test]
fn types_are_told_apart() {
    let kind = |event_type: &str| {
        let rejected = Request::from_event(&event(event_type, json!({}))).unwrap_err();
        assert_eq!(rejected.field.as_deref(), Some("type"));
        REQUEST_TYPES.iter().for_each(|known| assert!(rejected.remedy.contains(known)));
        (rejected.kind, rejected.reason)
    };
    for newer in ["muster.connector.onboarding-requested.v2", "muster.project.sync-requested.v10"] {
        assert_eq!(kind(newer).0, RejectionKind::UnsupportedVersion, "{newer}");
    }
    for unknown in [
        "muster.connector.onboarding-requested",
        "muster.connector.onboarding-requested.v0",
        "muster.connector.onboarding-requested.v+2",
        "muster.connector.onboarding-requested.v",
        "muster.connector.onboarding-requested.v99999999999",
        "muster.connector.renaming-requested.v2",
        "com.example.other",
    ] {
        assert_eq!(kind(unknown).0, RejectionKind::UnknownType, "{unknown}");
    }
    assert!(kind("muster.assessment.changed.v1").1.contains("fact"));
}

#[test]
fn organizations_and_ids_of_the_other_requests_are_checked() {
    let cases = [
        (PROJECT_SYNC_REQUESTED, "organization", json!("a/b")),
        (PROJECT_SYNC_REQUESTED, "project", json!("Payments")),
        (REFRESH_REQUESTED, "organization", json!("a b")),
        (REFRESH_REQUESTED, "project", json!(5)),
        (DISCOVERY_REQUESTED, "connectorId", json!("contoso")),
        (OFFBOARDING_REQUESTED, "connectorId", json!([])),
    ];
    for (event_type, name, value) in cases {
        let request =
            examples::requests().into_iter().find(|request| request.event_type() == event_type).unwrap();
        let mut data = request.to_event(examples::envelope()).data;
        data[name] = value;
        let rejected = Request::from_event(&event(event_type, data)).unwrap_err();
        assert_eq!(rejected.field, Some(format!("data.{name}")), "{event_type}");
    }
}

#[test]
fn a_rejection_becomes_a_fact() {
    let event = event("com.example.other", json!({}));
    let fact = Request::from_event(&event).unwrap_err().to_fact(&event);
    assert_eq!((fact.source, fact.id), (Some(event.source), Some(event.id)));
    assert_eq!(fact.field.as_deref(), Some("type"));
}

proptest! {
    #[test]
    fn no_payload_panics(name in "[a-zA-Z]{0,20}", text in any::<String>(), index in 0..REQUEST_TYPES.len()) {
        let mut data = onboarding();
        data[name.as_str()] = json!(text);
        let _ = Request::from_event(&event(REQUEST_TYPES[index], data));
    }
}
