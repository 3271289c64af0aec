use crate::Rule;
use crate::answer::Answer;
use crate::pages::pipeline_page;
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::properties::{PipelineProperties, QueueStatus};
use muster_domain::read::Read;
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{GeneralSettings, PipelineView, ProjectSnapshot};
use uuid::uuid;

/// **What it checks:** no trigger of the pipeline gives its secrets to builds of pull requests from forks, unless the
/// repository is private or the project limits builds of forks. The settings of the project overrule triggers.
///
/// **Why:** whoever forks a public repository writes what such a build does.
///
/// **Remediation:** no secrets for forks in the trigger, and the limit for all pipelines in the settings of the
/// project.
pub(crate) struct PipelineForkSecrets;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("d5711372-9b5f-4926-a711-13dcf51565a6")),
    title: "Azure DevOps pipelines shouldn't have secrets available to builds of forks",
    severity: Severity::High,
    resource_kind: ResourceKind::Pipeline,
    description: "Anybody can fork a public repository, change what its pipeline runs and open a pull request. When \
                  the build of that pull request gets the secrets of the pipeline, it can send them anywhere: no \
                  member of the project has to agree.",
    remediation: &[
        "Edit the pipeline, open its triggers and choose the pull request validation.",
        "Clear \"Make secrets available to builds of forks\".",
        "For all pipelines at once, switch on \"Limit building pull requests from forked GitHub repositories\" in the \
         pipeline settings of the project, without secrets.",
        "Renew the secrets if pull requests of strangers were built with them.",
    ],
    reads: &[Read::BuildDefinitions, Read::GeneralSettings],
    is_preview: false,
};

/// What is asked for, for people.
const EXPECTED: &str = "Builds of pull requests from forks get no secrets.";

impl Rule for PipelineForkSecrets {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let judge_one = |pipeline: &PipelineView| {
            let key = snapshot.key_of(ResourceKind::Pipeline, pipeline.id.as_str());
            let link = pipeline_page(snapshot, pipeline);
            answer(snapshot, &pipeline.properties).judgement(&RECOMMENDATION, key, EXPECTED, link)
        };
        snapshot.pipelines.iter().map(judge_one).collect()
    }
}

fn answer(snapshot: &ProjectSnapshot, pipeline: &PipelineProperties) -> Answer {
    if pipeline.queue_status == QueueStatus::Disabled {
        return Answer::NotApplicable {
            cause: "PipelineDisabled",
            observed: "The pipeline is disabled: nothing starts it.".to_owned(),
        };
    }
    let healthy = |cause, observed: &str| Answer::Healthy { cause, observed: observed.to_owned() };
    let forks = pipeline.fork_builds.unwrap_or_default();
    if !forks.enabled {
        return healthy("ForksNotBuilt", "No trigger of the pipeline builds pull requests from forks.");
    }
    if !forks.allow_secrets {
        return healthy("ForksGetNoSecrets", "Builds of pull requests from forks get no secrets.");
    }
    if pipeline.is_repository_private == Some(true) {
        return healthy("RepositoryIsPrivate", "The repository is private: strangers cannot fork it.");
    }
    // Only from here on do the settings of the project matter.
    match snapshot.general_settings.known() {
        Err(reason) => Answer::Unknown(reason),
        Ok(settings) if protects_forks(settings) => healthy(
            "ProjectProtectsForks",
            "The trigger gives secrets to builds of forks, and the settings of the project keep them back.",
        ),
        Ok(_) => Answer::Unhealthy {
            cause: "SecretsAvailableToForks",
            observed:
                "Builds of pull requests from forks get the secrets of the pipeline, and nothing says that \
                       the repository is private."
                    .to_owned(),
        },
    }
}

/// Whether the project keeps secrets from all builds of forks. Answers of older servers know the limit on secrets and
/// not yet the protection that it became a part of: absent does not switch it off, where being off does.
fn protects_forks(settings: &GeneralSettings) -> bool {
    let protection = settings.fork_protection_enabled;
    let builds_none = settings.builds_enabled_for_forks == Some(false) && protection == Some(true);
    let no_secrets =
        settings.enforce_no_access_to_secrets_from_forks == Some(true) && protection != Some(false);
    builds_none || no_secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{assert_verdict, fork_pipeline, project, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, NotApplicable, Unhealthy, Unknown};
    use muster_domain::properties::ForkBuilds;
    use muster_domain::read::{Reading, UnknownReason};

    const RULE: PipelineForkSecrets = PipelineForkSecrets;
    const ON: Option<bool> = Some(true);
    const OFF: Option<bool> = Some(false);

    fn with_settings(settings: GeneralSettings) -> ProjectSnapshot {
        ProjectSnapshot { general_settings: Reading::Known(settings), ..fork_pipeline() }
    }

    /// The pipeline of [`fork_pipeline`], whose settings are not known, changed by `change`.
    fn changed(change: impl FnOnce(&mut PipelineProperties)) -> ProjectSnapshot {
        let mut snapshot = fork_pipeline();
        change(&mut snapshot.pipelines[0].properties);
        snapshot
    }

    #[test]
    fn healthy_where_forks_are_not_built_or_get_no_secrets_whatever_the_settings() {
        let forks = |enabled, allow_secrets, allow_full_access_token| {
            changed(|pipeline| {
                pipeline.fork_builds = Some(ForkBuilds { enabled, allow_secrets, allow_full_access_token });
            })
        };
        assert_verdict(&RULE, &changed(|pipeline| pipeline.fork_builds = None), Healthy, "ForksNotBuilt");
        assert_verdict(&RULE, &forks(false, true, true), Healthy, "ForksNotBuilt");
        assert_verdict(&RULE, &forks(true, false, true), Healthy, "ForksGetNoSecrets");
        let page = "https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_build?definitionId=12";
        assert_eq!(verdict(&RULE, &forks(false, true, true)).link.as_deref(), Some(page));
    }

    #[test]
    fn healthy_where_the_repository_is_known_to_be_private() {
        let snapshot = changed(|pipeline| pipeline.is_repository_private = ON);
        assert_verdict(&RULE, &snapshot, Healthy, "RepositoryIsPrivate");
    }

    #[test]
    fn healthy_where_the_project_protects_forks() {
        for (protection, built, no_secrets) in [
            (ON, OFF, None),
            (ON, OFF, OFF),
            (ON, OFF, ON),
            (ON, ON, ON),
            (ON, None, ON),
            (None, None, ON),
            (None, OFF, ON),
        ] {
            let settings = GeneralSettings {
                fork_protection_enabled: protection,
                builds_enabled_for_forks: built,
                enforce_no_access_to_secrets_from_forks: no_secrets,
                ..GeneralSettings::default()
            };
            assert_verdict(&RULE, &with_settings(settings), Healthy, "ProjectProtectsForks");
        }
    }

    #[test]
    fn unhealthy_where_nothing_keeps_the_secrets_back() {
        for (protection, built, no_secrets) in [
            (None, None, None),
            // Switches below a protection that is off do nothing.
            (OFF, OFF, ON),
            (OFF, OFF, OFF),
            (OFF, ON, ON),
            (None, OFF, OFF),
            (None, OFF, None),
            (ON, ON, OFF),
            (ON, None, None),
        ] {
            let settings = GeneralSettings {
                fork_protection_enabled: protection,
                builds_enabled_for_forks: built,
                enforce_no_access_to_secrets_from_forks: no_secrets,
                ..GeneralSettings::default()
            };
            for is_private in [None, OFF] {
                let mut snapshot = with_settings(settings.clone());
                snapshot.pipelines[0].properties.is_repository_private = is_private;
                assert_verdict(&RULE, &snapshot, Unhealthy, "SecretsAvailableToForks");
            }
        }
    }

    #[test]
    fn unhealthy_while_it_is_only_paused() {
        for status in [QueueStatus::Paused, QueueStatus::Other("draining".to_owned())] {
            let mut snapshot = with_settings(GeneralSettings::default());
            snapshot.pipelines[0].properties.queue_status = status;
            assert_verdict(&RULE, &snapshot, Unhealthy, "SecretsAvailableToForks");
        }
    }

    #[test]
    fn unknown_where_the_settings_are_needed_and_not_read() {
        for reason in UnknownReason::ALL {
            let snapshot = ProjectSnapshot { general_settings: Reading::Unknown(reason), ..fork_pipeline() };
            assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
            assert_eq!(verdict(&RULE, &snapshot).observed, reason.explanation_of(Read::GeneralSettings));
        }
    }

    #[test]
    fn not_applicable_to_a_disabled_pipeline() {
        let snapshot = changed(|pipeline| pipeline.queue_status = QueueStatus::Disabled);
        assert_verdict(&RULE, &snapshot, NotApplicable, "PipelineDisabled");
        assert_eq!(RULE.judge(&project()), []);
    }
}
