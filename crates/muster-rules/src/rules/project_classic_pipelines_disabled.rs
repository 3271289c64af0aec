use crate::Rule;
use crate::answer::Answer;
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{GeneralSettings, ProjectSnapshot};
use uuid::uuid;

/// **What it checks:** neither classic build nor classic release pipelines can be created in the project. Answers of
/// older servers know one switch for both (`disableClassicPipelineCreation`); it stands in for each newer switch that
/// is absent. Source: `PipelineGeneralSettings` of Microsoft's REST specification, build 7.2.
///
/// **Why:** classic pipelines use the same service connections as YAML pipelines and pass their controls by: no review
/// of the pipeline's code, no templates.
///
/// **Remediation:** both switches "Disable creation of classic … pipelines" in the pipeline settings of the project.
pub(crate) struct ProjectClassicPipelinesDisabled;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("9f4a17ee-7a02-4978-b968-8c36b74ac8e3")),
    title: "Azure DevOps projects should have creation of classic pipelines disabled",
    severity: Severity::High,
    resource_kind: ResourceKind::Project,
    description: "A classic pipeline lies outside version control, so nobody reviews a change of it, and it \
                  reaches the same service connections as the YAML pipelines of the project. Who may create \
                  one walks around every control that YAML pipelines are held by.",
    remediation: &[
        "Open the pipeline settings of the project.",
        "Switch on \"Disable creation of classic build pipelines\".",
        "Switch on \"Disable creation of classic release pipelines\".",
        "Move the classic pipelines that exist to YAML: the switches only keep new ones out.",
    ],
    reads: &[Read::GeneralSettings],
    is_preview: true,
};

/// What is asked for, for people.
const EXPECTED: &str = "Neither classic build nor classic release pipelines can be created.";

impl Rule for ProjectClassicPipelinesDisabled {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let answer = snapshot.general_settings.known().map_or_else(Answer::Unknown, answer);
        let link = snapshot.page("_settings/settings");
        vec![answer.judgement(&RECOMMENDATION, snapshot.key(), EXPECTED, link)]
    }
}

fn answer(settings: &GeneralSettings) -> Answer {
    let older = settings.disable_classic_pipeline_creation;
    let build_disabled = settings.disable_classic_build_pipeline_creation.or(older);
    let release_disabled = settings.disable_classic_release_pipeline_creation.or(older);
    let unhealthy = |cause, observed: &str| Answer::Unhealthy { cause, observed: observed.to_owned() };
    // One open switch is enough to be unhealthy; to be healthy, both must be known.
    match (build_disabled, release_disabled) {
        (Some(true), Some(true)) => Answer::Healthy {
            cause: "ClassicPipelinesDisabled",
            observed: "Neither classic build nor classic release pipelines can be created.".to_owned(),
        },
        (Some(false), Some(false)) => unhealthy(
            "ClassicPipelinesAllowed",
            "Classic build and classic release pipelines can be created.",
        ),
        (Some(false), Some(true) | None) => {
            unhealthy("ClassicBuildPipelinesAllowed", "Classic build pipelines can be created.")
        }
        (Some(true) | None, Some(false)) => {
            unhealthy("ClassicReleasePipelinesAllowed", "Classic release pipelines can be created.")
        }
        (None, _) | (_, None) => Answer::Unknown(UnknownReason::ContractViolation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{assert_verdict, pipeline_settings, project, repository, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, NotApplicable, Unhealthy, Unknown};
    use muster_domain::read::Reading;

    const RULE: ProjectClassicPipelinesDisabled = ProjectClassicPipelinesDisabled;
    const ON: Option<bool> = Some(true);
    const OFF: Option<bool> = Some(false);

    #[test]
    fn healthy_with_both_kinds_disabled() {
        for (build, release, older) in
            [(ON, ON, ON), (ON, ON, OFF), (ON, ON, None), (None, None, ON), (ON, None, ON), (None, ON, ON)]
        {
            let snapshot = pipeline_settings(build, release, older);
            assert_verdict(&RULE, &snapshot, Healthy, "ClassicPipelinesDisabled");
        }
    }

    #[test]
    fn unhealthy_names_what_can_be_created() {
        for (build, release, older, cause) in [
            (OFF, OFF, ON, "ClassicPipelinesAllowed"),
            (None, None, OFF, "ClassicPipelinesAllowed"),
            (OFF, None, OFF, "ClassicPipelinesAllowed"),
            (OFF, ON, ON, "ClassicBuildPipelinesAllowed"),
            (OFF, ON, None, "ClassicBuildPipelinesAllowed"),
            (OFF, None, ON, "ClassicBuildPipelinesAllowed"),
            (OFF, None, None, "ClassicBuildPipelinesAllowed"),
            (None, ON, OFF, "ClassicBuildPipelinesAllowed"),
            (ON, OFF, None, "ClassicReleasePipelinesAllowed"),
            (None, OFF, ON, "ClassicReleasePipelinesAllowed"),
            (None, OFF, None, "ClassicReleasePipelinesAllowed"),
            (ON, None, OFF, "ClassicReleasePipelinesAllowed"),
        ] {
            assert_verdict(&RULE, &pipeline_settings(build, release, older), Unhealthy, cause);
        }
    }

    #[test]
    fn unhealthy_links_to_the_settings_of_the_project() {
        let verdict = verdict(&RULE, &pipeline_settings(OFF, ON, None));
        assert_eq!(verdict.observed, "Classic build pipelines can be created.");
        let page = "https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_settings/settings";
        assert_eq!(verdict.link.as_deref(), Some(page));
    }

    #[test]
    fn unknown_while_the_settings_are() {
        for reason in UnknownReason::ALL {
            let snapshot = ProjectSnapshot { general_settings: Reading::Unknown(reason), ..project() };
            assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
            assert_eq!(verdict(&RULE, &snapshot).observed, reason.explanation_of(Read::GeneralSettings));
        }
    }

    #[test]
    fn unknown_where_the_answer_lacks_the_switches() {
        for (build, release) in [(None, None), (ON, None), (None, ON)] {
            assert_verdict(&RULE, &pipeline_settings(build, release, None), Unknown, "UnexpectedAnswer");
        }
    }

    #[test]
    fn not_applicable_is_never_said_because_every_project_has_the_switches() {
        let mut snapshot = pipeline_settings(ON, ON, None);
        snapshot.repositories = vec![repository()];
        assert_ne!(verdict(&RULE, &snapshot).state, NotApplicable);
        snapshot.repositories.clear();
        assert_eq!(verdict(&RULE, &snapshot).state, Healthy);
    }
}
