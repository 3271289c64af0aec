//! What an organization answers about itself: settings, people, rights, Advanced Security.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::support::{Fixture, text};

const POLICIES: &str = "ms.vss-admin-web.organization-policies-data-provider";
const PIPELINES: &str = "ms.vss-build-web.pipelines-org-settings-data-provider";
const GIT_NAMESPACE: &str = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87";

async fn policies(fixture: &Fixture, organization: &str) -> Value {
    let path = format!("/{organization}/_settings/organizationPolicy?__rt=fps&__ver=2");
    fixture.json(&path).await["fps"]["dataProviders"]["data"][POLICIES].clone()
}

fn each_policy(provider: &Value) -> Vec<Value> {
    let groups = provider["policies"].as_object().unwrap();
    let entries = groups.values().flat_map(|group| group.as_array().unwrap());
    entries.map(|entry| entry["policy"].clone()).collect()
}

#[tokio::test]
async fn neighbouring_organizations_tell_the_sign_of_policies_in_different_ways() {
    let fixture = Fixture::of(2, 4, 10).await;
    let [older, newer] = [0, 1].map(|place| fixture.simulator.organizations()[place].clone());
    let (older, newer) = (policies(&fixture, &older).await, policies(&fixture, &newer).await);
    assert!(older.get("invertedPolicies").is_none());
    for policy in each_policy(&older) {
        let is_inverted = text(&policy["name"]).contains("Disallow");
        assert_eq!(policy["value"] != policy["effectiveValue"], is_inverted, "{policy}");
    }
    let named: BTreeSet<_> = newer["invertedPolicies"].as_array().unwrap().iter().map(text).collect();
    for policy in each_policy(&newer) {
        assert_eq!(policy["value"], policy["effectiveValue"], "{policy}");
        assert_eq!(named.contains(text(&policy["name"])), text(&policy["name"]).contains("Disallow"));
    }
    assert_eq!((each_policy(&older).len(), each_policy(&newer).len()), (13, 13));
    let set = each_policy(&older).into_iter().filter(|policy| policy.get("isValueUndefined").is_none());
    assert!((1..13).contains(&set.count()));
}

#[tokio::test]
async fn a_settings_page_without_its_parameters_is_a_page() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let answer = fixture.answer(&format!("/{organization}/_settings/organizationPolicy")).await;
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn pipeline_settings_are_asked_for_by_post_and_only_so() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let path = format!("/{organization}/_apis/Contribution/HierarchyQuery?api-version=5.0-preview.1");
    let post = |body: Value| {
        fixture
            .client
            .post(fixture.url(&path))
            .basic_auth("", Some(fixture.simulator.pat()))
            .json(&body)
            .send()
    };
    let answer = post(json!({"contributionIds": [PIPELINES, "another"]})).await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let providers = answer["dataProviders"].as_object().unwrap();
    assert_eq!(providers.len(), 1, "what nobody provides is left out");
    assert!(providers[PIPELINES]["disableMarketplaceTasksVar"].is_boolean());
    assert_eq!(fixture.answer(&path).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post(json!("x")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(fixture.simulator.stats().requests["organizationPipelineSettings"], 3);
}

#[tokio::test]
async fn people_come_in_pages_of_uneven_length_with_the_token_in_the_body() {
    let fixture = Fixture::of(4, 4, 4).await;
    let mut longest = 0;
    for organization in fixture.simulator.organizations() {
        let (mut people, mut pages, mut token) = (Vec::new(), Vec::new(), String::new());
        loop {
            let path = format!("/{organization}/_apis/userentitlements?continuationToken={token}");
            let page = fixture.json(&path).await;
            let members = page["members"].as_array().unwrap().clone();
            assert_eq!(page["items"], page["members"]);
            pages.push(members.len());
            people.extend(members);
            let Some(next) = page["continuationToken"].as_str() else {
                assert_eq!(page["totalCount"], people.len());
                break;
            };
            token = next.to_owned();
        }
        let ids: BTreeSet<_> = people.iter().map(|person| text(&person["id"])).collect();
        assert_eq!(ids.len(), people.len());
        if pages.len() > 2 {
            assert_ne!(pages[0], pages[1], "the second page is short");
        }
        longest = longest.max(pages.len());
        let users =
            fixture.all(&format!("/{organization}/_apis/graph/users?api-version=7.1-preview.1")).await;
        assert_eq!(users.len(), people.len());
    }
    assert!(longest > 2, "{longest}");
}

#[tokio::test]
async fn access_control_lists_name_groups_that_can_be_looked_up() {
    let fixture = Fixture::of(1, 5, 400).await;
    let organization = fixture.simulator.organizations().remove(0);
    let base = format!("/{organization}/_apis/accesscontrollists/{GIT_NAMESPACE}");
    let lists = fixture.all(&base).await;
    let tokens: Vec<_> = lists.iter().map(|list| text(&list["token"])).collect();
    assert_eq!(tokens[0], "repoV2");
    let depths: BTreeSet<_> = tokens.iter().map(|token| token.split('/').count()).collect();
    assert_eq!(depths, BTreeSet::from([1, 2, 3, 6]), "organization, project, repository, branch");
    let bypasses = |list: &&Value| {
        let entries = list["acesDictionary"].as_object().unwrap();
        entries.values().any(|entry| entry["allow"].as_u64().unwrap() & 128 != 0)
    };
    let bypassed = lists.iter().filter(bypasses).count();
    assert!(bypassed > 0 && bypassed < lists.len());

    let project = text(&lists[1]["token"]);
    let below = fixture.all(&format!("{base}?token={project}&recurse=true&includeExtendedInfo=true")).await;
    assert!(below.len() > 1 && below.len() < lists.len());
    assert_eq!(below[0]["includeExtendedInfo"], true);

    let descriptor = lists[1]["acesDictionary"].as_object().unwrap().keys().next().unwrap().clone();
    let path =
        format!("/{organization}/_apis/identities?queryMembership=None&descriptors={descriptor},nobody");
    let identities = fixture.all(&path).await;
    assert_eq!(identities[0]["descriptor"], descriptor.as_str());
    assert_eq!(identities[1], Value::Null);
    let subject = text(&identities[0]["subjectDescriptor"]);
    let memberships =
        format!("/{organization}/_apis/graph/memberships/{subject}?direction=down&api-version=7.1-preview.1");
    let members = fixture.all(&memberships).await;
    assert!(members.iter().all(|member| member["containerDescriptor"] == subject) && !members.is_empty());
    let groups = fixture.all(&format!("/{organization}/_apis/graph/groups?api-version=7.1-preview.1")).await;
    assert_eq!(groups.len(), 2 + 3 * 5);
    let unknown = format!("/{organization}/_apis/accesscontrollists/00000000-0000-0000-0000-000000000001");
    assert_eq!(fixture.answer(&unknown).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn permissions_of_the_caller_are_evaluated_whatever_the_case_of_the_keys() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let namespaces = fixture.all(&format!("/{organization}/_apis/securitynamespaces")).await;
    assert!(namespaces.iter().any(|one| one["namespaceId"] == GIT_NAMESPACE));
    let url =
        fixture.url(&format!("/{organization}/_apis/security/permissionevaluationbatch?api-version=7.1"));
    let application = fixture.simulator.identities().last().unwrap().pats[0].clone();
    for (token, may_administer) in [(fixture.simulator.pat().to_owned(), true), (application, false)] {
        let body = json!({"alwaysallowadministrators": false, "evaluations": [
            {"securitynamespaceid": GIT_NAMESPACE, "token": "repoV2", "permissions": 2},
            {"securityNamespaceId": GIT_NAMESPACE, "token": "repoV2", "permissions": 8192}
        ]});
        let answer = fixture.client.post(&url).basic_auth("", Some(token)).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let values: Vec<_> =
            answer["evaluations"].as_array().unwrap().iter().map(|one| one["value"].clone()).collect();
        assert_eq!(values, [json!(true), json!(may_administer)]);
    }
}

#[tokio::test]
async fn streams_extensions_and_pools_have_the_types_of_the_service() {
    let fixture = Fixture::of(12, 12, 12).await;
    let (mut statuses, mut disabled) = (BTreeSet::new(), 0);
    for organization in fixture.simulator.organizations() {
        let base = format!("/{organization}/_apis");
        for stream in fixture.all(&format!("{base}/audit/streams?api-version=7.1-preview.1")).await {
            statuses.insert(stream["status"].to_string());
        }
        let path = format!("{base}/extensionmanagement/installedextensions?api-version=7.1-preview.1");
        let (shown, all) =
            (fixture.all(&path).await, fixture.all(&format!("{path}&includeDisabledExtensions=true")).await);
        disabled += all.len() - shown.len();
        assert!(all.iter().any(|one| one["flags"] == "builtIn, trusted"));
        let pools = fixture.all(&format!("{base}/distributedtask/pools")).await;
        let deployment = fixture.all(&format!("{base}/distributedtask/pools?poolType=deployment")).await;
        assert_eq!((pools.len(), deployment.len()), (5, 1));
    }
    assert!(statuses.contains("1") && statuses.len() > 1, "{statuses:?}");
    assert!(disabled > 0);
}

#[tokio::test]
async fn advanced_security_is_told_of_every_repository_in_both_of_its_shapes() {
    let fixture = Fixture::of(2, 10, 300).await;
    let mut states = BTreeMap::<(bool, bool), usize>::new();
    for organization in fixture.simulator.organizations() {
        let base = format!("/advsec/{organization}/_apis/management/enablement");
        let newer =
            fixture.json(&format!("{base}?api-version=7.2-preview.3&includeAllProperties=true")).await;
        let older = fixture.json(&format!("{base}?api-version=7.2-preview.1")).await;
        assert_eq!(fixture.answer(&base).await.status(), StatusCode::BAD_REQUEST);
        let [newer, older] =
            [newer, older].map(|answer| answer["reposEnablementStatus"].as_array().unwrap().clone());
        let repositories = fixture.all(&format!("/{organization}/_apis/git/repositories")).await;
        let listed: BTreeSet<_> = repositories.iter().map(|one| text(&one["id"])).collect();
        assert_eq!(newer.iter().map(|one| text(&one["repositoryId"])).collect::<BTreeSet<_>>(), listed);
        for (newer, older) in newer.iter().zip(&older) {
            let secrets = newer["secretProtectionFeatures"]["secretProtectionEnabled"].as_bool().unwrap();
            let code = newer["codeSecurityFeatures"]["codeSecurityEnabled"].as_bool().unwrap();
            assert!(newer["secretProtectionFeatures"]["blockPushes"].is_boolean());
            assert_eq!(older["repositoryId"], newer["repositoryId"]);
            assert_eq!(older["advSecEnabled"], secrets && code);
            assert_eq!(older["blockPushes"], Value::Null);
            *states.entry((secrets, code)).or_default() += 1;
        }
        let project = text(&newer[0]["projectId"]);
        let path =
            format!("/advsec/{organization}/{project}/_apis/management/enablement?api-version=7.2-preview.3");
        let own = fixture.json(&path).await["reposEnablementStatus"].as_array().unwrap().clone();
        assert_eq!(own.len(), newer.iter().filter(|one| one["projectId"] == project).count());
    }
    assert_eq!(states.len(), 4, "{states:?}");
}
