//! What is read once per organization: pools, extensions, policies, pipeline settings, audit streams, Advanced Security.

use super::{Case, named, world};
use muster_domain::job::JobKind;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::ResourceKind;
use muster_runtime::HandlerError;
use muster_store::changes::{ReadingKey, ReadingKind};
use serde_json::json;
use std::collections::BTreeSet;
use tests::workbench::Workbench;

/// Reads of an organization that every pass makes.
const EVERY: [Read; 9] = [
    Read::ConnectionData,
    Read::Projects,
    Read::Repositories,
    Read::AgentPools,
    Read::Extensions,
    Read::OrganizationPolicies,
    Read::OrganizationPipelineSettings,
    Read::AuditStreams,
    Read::AdvancedSecurityEnablement,
];

impl Case {
    async fn reading_key(&self, read: Read) -> ReadingKey {
        let organizations = self.bench.store.inventory().organizations(self.connector).await.expect("list");
        ReadingKey {
            connector_id: self.connector,
            organization_id: organizations[0].id,
            project_id: None,
            kind: ReadingKind::Read(read),
            subject: String::new(),
        }
    }

    async fn gap(&self, read: Read) -> Option<UnknownReason> {
        self.unknown_reason(&self.reading_key(read).await).await
    }

    /// One run of the discovery alone.
    async fn discover_only(&self) {
        self.bench.run_once(JobKind::OrganizationDiscover, self.subject()).await.expect("discover");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_of_an_organization_is_made_once_whatever_its_size() {
    let case = Case::begin(world()).await;
    assert!(!case.all(ResourceKind::AgentPool).await.is_empty());
    assert!(!case.all(ResourceKind::Extension).await.is_empty());
    case.discover_only().await;
    let counted = case.bench.simulator.stats().requests;
    for read in EVERY {
        assert_eq!(counted.get(read.as_str()), Some(&1), "{read}");
        if read != Read::ConnectionData {
            assert_eq!(case.gap(read).await, None, "{read}");
        }
    }
    let total: u64 = counted.values().sum();
    assert_eq!(total, u64::try_from(EVERY.len()).unwrap(), "{counted:?}");
    assert!(total <= 12, "the bound of calls per organization");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_organization_refuses_is_unknown_and_the_rest_goes_on() {
    let case = Case::begin(world()).await;
    case.break_route("agentPools", 1, &json!({ "status": 403, "body": "no" }));
    case.break_route("auditStreams", 1, &json!({ "status": 404, "body": "no" }));
    let pools = case.presences(ResourceKind::AgentPool).await;
    case.discover_only().await;
    assert_eq!(case.gap(Read::AgentPools).await, Some(UnknownReason::Forbidden));
    assert_eq!(case.gap(Read::AuditStreams).await, Some(UnknownReason::NotOffered));
    assert_eq!(case.gap(Read::Extensions).await, None);
    assert_eq!(case.presences(ResourceKind::AgentPool).await, pools, "what may not be listed is not missing");
    case.discover_only().await;
    assert_eq!(case.gap(Read::AgentPools).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_comes_of_an_undocumented_read_fails_the_discovery() {
    let case = Case::begin(world()).await;
    let sign_in =
        json!({ "status": 203, "body": "<html>sign in</html>", "headers": { "Content-Type": "text/html" } });
    for (action, reason) in [
        (sign_in, UnknownReason::Forbidden),
        (json!({ "status": 401 }), UnknownReason::Forbidden),
        (json!({ "status": 500, "body": "oops" }), UnknownReason::ContractViolation),
        (json!({ "status": 200, "body": "[]" }), UnknownReason::ContractViolation),
        (json!({ "status": 404 }), UnknownReason::NotOffered),
    ] {
        case.break_route("organizationPolicies", 1, &action);
        case.break_route("organizationPipelineSettings", 1, &action);
        case.discover_only().await;
        for read in [Read::OrganizationPolicies, Read::OrganizationPipelineSettings] {
            assert_eq!(case.gap(read).await, Some(reason), "{read}: {action}");
        }
    }
    case.discover_only().await;
    assert_eq!(case.gap(Read::OrganizationPolicies).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_of_some_reads_is_not_lost() {
    let case = Case::begin(world()).await;
    for route in ["agentPools", "auditStreams"] {
        case.break_route(route, 1, &json!({ "status": 401 }));
    }
    case.discover_only().await;
    for read in [Read::AgentPools, Read::AuditStreams] {
        assert_eq!(case.gap(read).await, Some(UnknownReason::Forbidden), "{read}");
    }
    assert_eq!(case.calls("connectionData"), 2, "the organization is asked once whether it still admits it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_lost_on_the_way_is_lost() {
    let case = Case::begin(world()).await;
    case.break_route("organizationPolicies", 1, &json!({ "status": 401 }));
    let fault = json!({ "match": { "route": "connectionData", "nth": 2 }, "action": { "status": 401 } });
    case.bench.simulator.install_fault(serde_json::from_value(fault).unwrap()).unwrap();
    let error = case.bench.run_once(JobKind::OrganizationDiscover, case.subject()).await.unwrap_err();
    assert!(matches!(error, HandlerError::NeedsAuth { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_not_asked_and_says_so() {
    let off = BTreeSet::from([Read::OrganizationPolicies, Read::OrganizationPipelineSettings]);
    let bench = Workbench::prepare_without(world(), off.clone()).await;
    bench.run_all().await;
    let connector = bench.connector().await.id;
    let organization = bench.store.inventory().organizations(connector).await.unwrap().remove(0).name;
    let case = Case { bench, organization, connector };
    for read in off {
        assert_eq!(case.calls(read.as_str()), 0);
        assert_eq!(case.gap(read).await, Some(UnknownReason::SwitchedOff));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_in_passing_is_made_again_and_no_other() {
    let case = Case::begin(world()).await;
    case.break_route("auditStreams", 1, &json!({ "status": 502, "body": "bad gateway" }));
    let error = case.discover_failing().await;
    assert!(matches!(error, HandlerError::Retry { .. }), "{error}");
    case.bench.run_all().await;
    for read in EVERY {
        let expected = if read == Read::AuditStreams { 2 } else { 1 };
        assert_eq!(case.calls(read.as_str()), expected, "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_understood_twice_is_a_gap() {
    let case = Case::begin(world()).await;
    case.break_route("extensions", 2, &json!({ "status": 200, "body": "{\"nothing\": 1}" }));
    let error = case.discover_failing().await;
    assert!(matches!(error, HandlerError::RetryUpTo { attempts: 2, .. }), "{error}");
    case.bench.run_all().await;
    assert_eq!(case.gap(Read::Extensions).await, Some(UnknownReason::ContractViolation));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_projects_whose_advanced_security_changed_are_judged_anew() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    let changes = case.bench.run_once(JobKind::OrganizationDiscover, case.subject()).await.unwrap();
    assert!(
        changes.jobs.iter().all(|job| job.kind == JobKind::ProjectSync),
        "nothing changed: {:?}",
        changes.jobs
    );
    let (before, kind) = (case.bench.truth(), "enableAdvancedSecurity");
    case.change(kind, named(&repository));
    if case.bench.truth() == before {
        case.change("disableAdvancedSecurity", named(&repository));
    }
    assert_ne!(case.bench.truth(), before);
    let changes = case.bench.run_once(JobKind::OrganizationDiscover, case.subject()).await.unwrap();
    let refreshed: Vec<_> = changes
        .jobs
        .iter()
        .filter(|job| job.kind == JobKind::ProjectRefresh)
        .map(|job| job.subject.project_id)
        .collect();
    assert_eq!(refreshed, [repository.resource.key.project_id]);
    // What the run committed on the way stands; the judgement is asked for once more.
    for job in changes.jobs {
        case.bench.ask(job.kind, job.subject).await;
    }
    case.bench.run_all().await;
    case.assert_judged_truly("with another Advanced Security").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn advanced_security_that_may_not_be_read_is_unknown_everywhere() {
    let case = Case::begin(world()).await;
    case.break_route("advancedSecurityEnablement", 1, &json!({ "status": 403, "body": "no" }));
    let count = |assessments: &BTreeSet<tests::fleet::Judged>, state: &str| {
        assessments.iter().filter(|row| row.5 == state).count()
    };
    let before = count(&case.bench.assessments().await, "unknown");
    case.discover().await;
    assert_eq!(case.gap(Read::AdvancedSecurityEnablement).await, Some(UnknownReason::Forbidden));
    assert!(count(&case.bench.assessments().await, "unknown") > before, "what rests on it is unknown");
    case.discover().await;
    case.assert_judged_truly("readable again").await;
}
