//! The catalogue against the folder of rules, the README and Microsoft's keys.

use super::*;
use crate::fixtures::{
    connection, fork_pipeline, pipeline_settings, project, repository_id, reviewed, reviewers, secure_file,
    secured, variable_group,
};
use muster_domain::assessment::AssessmentState;
use muster_domain::properties::Visibility;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{ReadScope, Reading, UnknownReason};
use muster_domain::recommendation::Severity;
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{ListCheck, PipelineAccess};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use uuid::{Uuid, uuid};

const README: &str = include_str!("../README.md");

/// Every file of the folder of rules: name without ending, and text.
fn rule_files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let files = fs::read_dir(folder).expect("the folder of rules is there").map(|entry| {
        let path = entry.expect("an entry of the folder").path();
        let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        (name, fs::read_to_string(path).expect("a rule is text"))
    });
    files.filter(|(name, _)| name != "mod").collect()
}

/// The rule that a file holds, told by its key.
fn rule_of(name: &str, text: &str) -> &'static dyn Rule {
    let held: Vec<_> = catalogue()
        .iter()
        .filter(|rule| text.contains(&format!("uuid!(\"{}\")", rule.recommendation().key)))
        .collect();
    assert_eq!(held.len(), 1, "{name}.rs holds exactly one rule that is in the catalogue");
    *held[0]
}

#[test]
fn every_file_is_a_rule_of_the_catalogue_and_every_rule_has_a_file() {
    let keys: BTreeSet<_> =
        rule_files().iter().map(|(name, text)| rule_of(name, text).recommendation().key).collect();
    assert_eq!(keys.len(), rule_files().len(), "one rule a file");
    assert_eq!(keys.len(), catalogue().len(), "keys are unique, and every rule has its file");
}

#[test]
fn every_rule_is_tested_in_all_four_states_and_explains_itself() {
    for (name, text) in rule_files() {
        for state in ["healthy", "unhealthy", "unknown", "not_applicable"] {
            let test = format!("#[test]\n    fn {state}_");
            assert!(text.contains(&test), "{name}.rs has no test whose name begins with {state}_");
        }
        for heading in ["/// **What it checks:**", "/// **Why:**", "/// **Remediation:**"] {
            assert!(text.contains(heading), "{name}.rs lacks {heading}");
        }
    }
}

#[test]
fn the_readme_holds_the_catalogue_as_a_table() {
    let mut table = String::new();
    for (name, text) in rule_files() {
        let Recommendation { key, title, severity, resource_kind, reads, is_preview, .. } =
            rule_of(&name, &text).recommendation();
        let reads: Vec<_> = reads.iter().map(|read| format!("`{read}`")).collect();
        let preview = if *is_preview { " (preview)" } else { "" };
        let reads = reads.join(", ");
        table.push_str(&format!(
            "| [`{name}`](src/rules/{name}.rs) | {title}{preview} | `{key}` | {severity} | {resource_kind} | {reads} |\n"
        ));
    }
    let kept: String = README.split_inclusive('\n').filter(|line| line.starts_with("| [`")).collect();
    assert_eq!(kept, table, "README.md: replace the rows of the table by\n{table}");
}

/// Titles and keys as Microsoft's reference of DevOps recommendations has them.
#[test]
fn titles_keys_severities_and_previews_are_microsofts() {
    let expected = [
        (
            uuid!("9f4a17ee-7a02-4978-b968-8c36b74ac8e3"),
            "Azure DevOps projects should have creation of classic pipelines disabled",
            Severity::High,
            ResourceKind::Project,
            true,
        ),
        (
            uuid!("470742ea-324a-406c-b91f-fc1da6a27c0c"),
            "Azure DevOps repositories should require minimum two-reviewer approval for code pushes",
            Severity::High,
            ResourceKind::Repository,
            true,
        ),
        (
            uuid!("98b5895a-0ad8-4ed9-8c9d-d654f5bda816"),
            "Azure DevOps repositories should not allow requestors to approve their own Pull Requests",
            Severity::High,
            ResourceKind::Repository,
            true,
        ),
        (
            uuid!("c7a934bf-7be6-407a-84d9-4f20e6e49592"),
            "Azure DevOps repositories should have GitHub Advanced Security for Azure DevOps (GHAzDO) enabled",
            Severity::High,
            ResourceKind::Repository,
            false,
        ),
        (
            uuid!("d5711372-9b5f-4926-a711-13dcf51565a6"),
            "Azure DevOps pipelines shouldn't have secrets available to builds of forks",
            Severity::High,
            ResourceKind::Pipeline,
            false,
        ),
        (
            uuid!("9245366d-393f-49c5-b8e6-258b1b1c2daa"),
            "Azure DevOps service connections shouldn't grant access to all pipelines",
            Severity::High,
            ResourceKind::ServiceConnection,
            false,
        ),
        (
            uuid!("a887e860-40ff-4b57-9ef9-5177a11091ac"),
            "Azure DevOps Classic Azure service connections shouldn't be used to access a subscription",
            Severity::Medium,
            ResourceKind::ServiceConnection,
            false,
        ),
        (
            uuid!("2c2c801e-6279-4d88-a419-af73f0eff4fb"),
            "Azure DevOps variable groups with secret variables shouldn't grant access to all pipelines",
            Severity::High,
            ResourceKind::VariableGroup,
            false,
        ),
        (
            uuid!("6855e9b1-c493-4a43-a6d1-74f30e72c5af"),
            "Azure DevOps secure files shouldn't grant access to all pipelines",
            Severity::High,
            ResourceKind::SecureFile,
            false,
        ),
    ];
    assert_eq!(catalogue().len(), expected.len());
    for (key, title, severity, kind, is_preview) in expected {
        let rule = find(RecommendationKey(key)).expect("in the catalogue");
        let recommendation = rule.recommendation();
        assert_eq!(recommendation.key, RecommendationKey(key));
        assert_eq!(recommendation.title, title);
        assert_eq!(recommendation.severity, severity, "{title}");
        assert_eq!((recommendation.resource_kind, recommendation.is_preview), (kind, is_preview), "{title}");
    }
    assert!(find(RecommendationKey(Uuid::nil())).is_none());
}

#[test]
fn words_are_sentences_for_people() {
    for rule in catalogue() {
        let Recommendation { title, description, remediation, reads, .. } = rule.recommendation();
        assert!(!title.starts_with("(Preview)") && !title.ends_with('.'), "{title}");
        assert!(!remediation.is_empty() && !reads.is_empty(), "{title}");
        for sentence in remediation.iter().chain([description]) {
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{title}: {sentence}");
        }
    }
}

#[test]
fn required_reads_are_the_union_and_never_per_resource() {
    let reads = required_reads();
    let expected = [
        Read::Repositories,
        Read::AdvancedSecurityEnablement,
        Read::PolicyConfigurations,
        Read::GeneralSettings,
        Read::BuildDefinitions,
        Read::ServiceEndpoints,
        Read::VariableGroups,
        Read::SecureFiles,
        Read::AuthorizedResources,
    ];
    assert_eq!(reads, BTreeSet::from(expected));
    assert!(reads.iter().all(|read| read.scope() != ReadScope::Resource));
}

#[test]
fn every_read_tells_what_rests_on_it() {
    let titles = |read| rules_reading(read).iter().map(|rule| rule.title).collect::<Vec<_>>();
    assert_eq!(
        titles(Read::GeneralSettings),
        [
            "Azure DevOps projects should have creation of classic pipelines disabled",
            "Azure DevOps pipelines shouldn't have secrets available to builds of forks",
        ]
    );
    assert_eq!(titles(Read::AuthorizedResources).len(), 3);
    assert_eq!(titles(Read::PipelinePermissions), titles(Read::AuthorizedResources));
    assert_eq!(titles(Read::AuditStreams), Vec::<&str>::new());
    for read in Read::ALL.into_iter().filter(|read| *read != Read::PipelinePermissions) {
        assert_eq!(rules_reading(read).is_empty(), !required_reads().contains(&read), "{read}");
    }
}

/// A project with one resource of every kind that is judged, all of it as recommended.
fn healthy_project() -> ProjectSnapshot {
    let (nothing, agrees) = (Reading::Known(&[][..]), ListCheck::Agrees);
    let mut settings = pipeline_settings(Some(true), Some(true), None).general_settings;
    if let Reading::Known(settings) = &mut settings {
        settings.enforce_no_access_to_secrets_from_forks = Some(true);
    }
    let mut snapshot = ProjectSnapshot {
        policies: reviewed(vec![reviewers(2)]).policies,
        general_settings: settings,
        pipelines: fork_pipeline().pipelines,
        service_connections: connection(&nothing, agrees, None).service_connections,
        variable_groups: variable_group(&nothing, agrees, None).variable_groups,
        secure_files: secure_file(&nothing, agrees, None).secure_files,
        authorized_resources: connection(&nothing, agrees, None).authorized_resources,
        ..secured(Some(true), Some(true))
    };
    let checks = &mut snapshot.authorized_resources.checks;
    checks.extend(ProtectedResource::LISTED_WHEN_OPEN.map(|resource| (resource, agrees)));
    snapshot
}

#[test]
fn a_project_is_judged_by_every_rule() {
    let judgements = judge_project(&healthy_project());
    let keys: Vec<_> = judgements.iter().map(|judgement| judgement.recommendation).collect();
    assert_eq!(keys, catalogue().iter().map(|rule| rule.recommendation().key).collect::<Vec<_>>());
    for judgement in judgements {
        assert_eq!(judgement.verdict.state, AssessmentState::Healthy, "{judgement:?}");
    }
}

/// Every rule, with nothing but the listings read; a rule that needs no more than a listing is judged by it.
#[test]
fn nothing_is_healthy_or_unhealthy_where_nothing_was_read() {
    for reason in UnknownReason::ALL {
        let mut blind = healthy_project();
        blind.policies = Reading::Unknown(reason);
        blind.general_settings = Reading::Unknown(reason);
        blind.authorized_resources.list = Reading::Unknown(reason);
        blind.advanced_security = Reading::Unknown(reason);
        for rule in catalogue() {
            let needs_more = rule.recommendation().reads.iter().any(|read| !read.lists_resources());
            let [judgement] = &rule.judge(&blind)[..] else { panic!("one resource of each kind") };
            if needs_more {
                assert_eq!(judgement.verdict.state, AssessmentState::Unknown, "{judgement:?}");
                assert_eq!(judgement.verdict.cause, reason.cause());
            } else {
                assert_eq!(judgement.verdict.state, AssessmentState::Healthy, "{judgement:?}");
            }
        }
    }
}

/// What is known from earlier of resources that cannot be listed now is believed by no rule.
#[test]
fn a_listing_that_gave_nothing_makes_all_that_rests_on_it_unknown() {
    let listings = required_reads().into_iter().filter(|read| read.lists_resources());
    for listing in listings {
        for reason in UnknownReason::ALL {
            let mut snapshot = healthy_project();
            snapshot.gaps.insert(listing, reason);
            let judgements = judge_project(&snapshot);
            assert_eq!(judgements.len(), catalogue().len());
            for (judgement, rule) in judgements.iter().zip(catalogue()) {
                let rests_on_it = rule.recommendation().reads.contains(&listing);
                let verdict = &judgement.verdict;
                let expected = if rests_on_it { AssessmentState::Unknown } else { AssessmentState::Healthy };
                assert_eq!(verdict.state, expected, "{listing}: {judgement:?}");
                if rests_on_it {
                    assert_eq!(
                        (verdict.cause.as_str(), verdict.observed.as_str()),
                        (reason.cause(), reason.explanation_of(listing).as_str())
                    );
                    assert!(!verdict.expected.is_empty() && verdict.link.is_some());
                }
            }
        }
    }
}

#[test]
fn an_unhealthy_resource_is_unknown_too_while_its_listing_fails_and_one_without_the_question_is_not() {
    let mut snapshot = secured(Some(false), Some(false));
    let mut disabled = snapshot.repositories[0].clone();
    disabled.id = repository_id(2);
    disabled.properties.is_disabled = true;
    snapshot.repositories.push(disabled);
    snapshot.gaps.insert(Read::Repositories, UnknownReason::Forbidden);
    let rule =
        find(RecommendationKey(uuid!("c7a934bf-7be6-407a-84d9-4f20e6e49592"))).expect("in the catalogue");
    let causes: Vec<_> =
        judge(rule, &snapshot).into_iter().map(|judgement| judgement.verdict.cause).collect();
    assert_eq!(causes, ["ReadForbidden", "RepositoryDisabled"]);
}

/// A failed read that lists no resource is told by its own reading, not by a gap of something else.
#[test]
fn a_gap_in_what_lists_nothing_changes_nothing() {
    let mut snapshot = healthy_project();
    for read in Read::ALL.into_iter().filter(|read| !read.lists_resources()) {
        snapshot.gaps.insert(read, UnknownReason::Forbidden);
    }
    assert_eq!(judge_project(&snapshot), judge_project(&healthy_project()));
}

/// A project is judged alike whoever may see it, and whatever word a newer server has for that.
#[test]
fn visibility_of_any_value_leaves_every_judgement_as_it_is() {
    let expected = judge_project(&healthy_project());
    let newer = Visibility::Other("systemPrivate".to_owned());
    for visibility in [Visibility::Public, Visibility::Organization, Visibility::Unspecified, newer] {
        let mut snapshot = healthy_project();
        snapshot.project.visibility = visibility;
        assert_eq!(judge_project(&snapshot), expected);
    }
}

#[test]
fn an_empty_project_is_judged_as_a_project_only() {
    let judgements = judge_project(&project());
    let kinds: Vec<_> = judgements.iter().map(|judgement| judgement.resource.kind).collect();
    assert_eq!(kinds, [ResourceKind::Project]);
}

#[test]
fn a_shared_connection_is_judged_in_each_project_under_its_own_key() {
    let mut here =
        connection(&Reading::Known(&[]), ListCheck::NotVerified, Some(PipelineAccess::PermittedOnly));
    here.service_connections[0].properties.is_shared = true;
    let mut there = here.clone();
    there.project_id = muster_domain::ProjectId(Uuid::from_u128(99));
    there.authorized_resources.single.values_mut().for_each(|access| *access = PipelineAccess::AllPipelines);
    let rule =
        find(RecommendationKey(uuid!("9245366d-393f-49c5-b8e6-258b1b1c2daa"))).expect("in the catalogue");
    let (here, there) = (rule.judge(&here), rule.judge(&there));
    assert_ne!(here[0].resource, there[0].resource);
    assert_eq!(here[0].verdict.state, AssessmentState::Healthy);
    assert_eq!(there[0].verdict.state, AssessmentState::Unhealthy);
}
