//! Which pipelines may use a protected resource: what every rule on resources open to all pipelines begins with.

use crate::answer::Answer;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Reading;
use muster_domain::snapshot::{PipelineAccess, ProjectSnapshot};

/// A kind of resource that must not be open to all pipelines, and what people call it (`service connection`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RestrictedKind {
    /// Its kind.
    pub(crate) resource: ProtectedResource,
    /// Its name in a sentence.
    pub(crate) noun: &'static str,
}

impl RestrictedKind {
    /// What is asked for, for people.
    pub(crate) fn expected(self) -> String {
        format!("Only pipelines that were permitted one by one may use the {}.", self.noun)
    }

    /// Whether all pipelines of the project may use the resource of that id.
    pub(crate) fn answer(self, snapshot: &ProjectSnapshot, id: &str) -> Answer {
        let noun = self.noun;
        match snapshot.authorized_resources.access(self.resource, id) {
            Reading::Known(PipelineAccess::PermittedOnly) => Answer::Healthy {
                cause: "PermittedPipelinesOnly",
                observed: format!("The {noun} is not open to all pipelines of the project."),
            },
            Reading::Known(PipelineAccess::AllPipelines) => Answer::Unhealthy {
                cause: "OpenToAllPipelines",
                observed: format!(
                    "Every pipeline of the project may use the {noun}, and so may every new one."
                ),
            },
            Reading::Unknown(reason) => Answer::Unknown(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{SECURE_FILE as FILE, authorized, project};
    use muster_domain::read::UnknownReason;
    use muster_domain::snapshot::ListCheck::{Agrees, Disagrees, NotVerified, NothingListed};
    use muster_domain::snapshot::PipelineAccess::{AllPipelines, PermittedOnly};

    const SECURE_FILE: RestrictedKind =
        RestrictedKind { resource: ProtectedResource::SecureFile, noun: "secure file" };

    #[test]
    fn the_words_name_the_kind() {
        let open = authorized(ProtectedResource::SecureFile, &Reading::Known(&[FILE]), Agrees, None);
        let snapshot = ProjectSnapshot { authorized_resources: open, ..project() };
        let observed =
            "Every pipeline of the project may use the secure file, and so may every new one.".to_owned();
        let expected = Answer::Unhealthy { cause: "OpenToAllPipelines", observed };
        assert_eq!(SECURE_FILE.answer(&snapshot, FILE), expected);
        let expected = "Only pipelines that were permitted one by one may use the secure file.";
        assert_eq!(SECURE_FILE.expected(), expected);
    }

    /// What is open of one kind says nothing of another: ids of queues and variable groups are small numbers.
    #[test]
    fn kinds_are_not_confused() {
        let open = authorized(ProtectedResource::VariableGroup, &Reading::Known(&["7"]), Agrees, None);
        let snapshot = ProjectSnapshot { authorized_resources: open, ..project() };
        let of = |resource| RestrictedKind { resource, noun: "resource" }.answer(&snapshot, "7");
        assert!(matches!(of(ProtectedResource::VariableGroup), Answer::Unhealthy { .. }));
        assert_eq!(of(ProtectedResource::SecureFile), Answer::Unknown(UnknownReason::ListNotVerified));
    }

    #[test]
    fn nothing_is_healthy_by_a_list_that_is_not_believed() {
        for check in [NotVerified, NothingListed, Disagrees] {
            for (single, is_healthy) in
                [(None, false), (Some(AllPipelines), false), (Some(PermittedOnly), true)]
            {
                let list = authorized(ProtectedResource::SecureFile, &Reading::Known(&[]), check, single);
                let snapshot = ProjectSnapshot { authorized_resources: list, ..project() };
                let answer = SECURE_FILE.answer(&snapshot, FILE);
                assert_eq!(matches!(answer, Answer::Healthy { .. }), is_healthy, "{check:?}, {single:?}");
            }
        }
    }
}
