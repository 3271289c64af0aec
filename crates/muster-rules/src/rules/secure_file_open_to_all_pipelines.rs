use crate::Rule;
use crate::open_to_all_pipelines::RestrictedKind;
use crate::pages::secure_file_page;
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{ProjectSnapshot, SecureFileView};
use uuid::uuid;

/// **What it checks:** the secure file is not open to every pipeline of the project.
///
/// **Why:** who may create or change any pipeline can copy the certificate or key that the file holds.
///
/// **Remediation:** restrict the permission, then permit the pipelines that need the file one by one.
pub(crate) struct SecureFileOpenToAllPipelines;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("6855e9b1-c493-4a43-a6d1-74f30e72c5af")),
    title: "Azure DevOps secure files shouldn't grant access to all pipelines",
    severity: Severity::High,
    resource_kind: ResourceKind::SecureFile,
    description: "Secure files are where signing certificates, SSH keys and provisioning profiles lie. A pipeline that \
                  may use one can download it, and while it is open to all pipelines, so can a new pipeline that \
                  anybody with the right to create pipelines writes.",
    remediation: &[
        "Open the library of the project, the tab \"Secure files\", and choose the file.",
        "Under \"Pipeline permissions\", choose \"Restrict permission\".",
        "Add the pipelines that need the file.",
        "Replace the certificate or key if pipelines that should not have it may have used it.",
    ],
    reads: &[Read::SecureFiles, Read::AuthorizedResources],
    is_preview: false,
};

/// What is judged.
const KIND: RestrictedKind = RestrictedKind { resource: ProtectedResource::SecureFile, noun: "secure file" };

impl Rule for SecureFileOpenToAllPipelines {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let expected = KIND.expected();
        let judge_one = |file: &SecureFileView| {
            let key = snapshot.key_of(ResourceKind::SecureFile, file.id.as_str());
            let link = secure_file_page(snapshot, file);
            KIND.answer(snapshot, &file.id).judgement(&RECOMMENDATION, key, &expected, link)
        };
        snapshot.secure_files.iter().map(judge_one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{SECURE_FILE, assert_verdict, project, secure_file, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, Unhealthy, Unknown};
    use muster_domain::read::{Reading, UnknownReason};
    use muster_domain::snapshot::ListCheck::{Agrees, Disagrees, NotVerified, NothingListed};
    use muster_domain::snapshot::PipelineAccess::{AllPipelines, PermittedOnly};

    const RULE: SecureFileOpenToAllPipelines = SecureFileOpenToAllPipelines;
    const LISTED: Reading<&[&str]> = Reading::Known(&[SECURE_FILE]);
    const EMPTY: Reading<&[&str]> = Reading::Known(&[]);

    #[test]
    fn healthy_where_a_believed_list_lacks_it_or_its_own_permissions_say_so() {
        let believed = secure_file(&EMPTY, Agrees, None);
        assert_verdict(&RULE, &believed, Healthy, "PermittedPipelinesOnly");
        let verdict = verdict(&RULE, &believed);
        let page = format!(
            "https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_library?itemType=SecureFiles\
             &view=SecureFileView&secureFileId={SECURE_FILE}"
        );
        assert_eq!(verdict.link, Some(page));
        assert_eq!(verdict.observed, "The secure file is not open to all pipelines of the project.");
        for check in [NotVerified, Disagrees, NothingListed] {
            let asked = secure_file(&EMPTY, check, Some(PermittedOnly));
            assert_verdict(&RULE, &asked, Healthy, "PermittedPipelinesOnly");
        }
    }

    #[test]
    fn unhealthy_where_it_is_listed_or_its_own_permissions_say_so() {
        for check in [Agrees, NotVerified] {
            assert_verdict(&RULE, &secure_file(&LISTED, check, None), Unhealthy, "OpenToAllPipelines");
        }
        let asked = secure_file(&EMPTY, NothingListed, Some(AllPipelines));
        assert_verdict(&RULE, &asked, Unhealthy, "OpenToAllPipelines");
    }

    #[test]
    fn unknown_while_the_list_is_or_is_not_to_be_believed() {
        for reason in UnknownReason::ALL {
            let snapshot = secure_file(&Reading::Unknown(reason), Agrees, None);
            assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
        }
        let unproved = secure_file(&EMPTY, NotVerified, None);
        assert_verdict(&RULE, &unproved, Unknown, "AuthorizedResourcesNotVerified");
        let disproved = secure_file(&LISTED, Disagrees, None);
        assert_verdict(&RULE, &disproved, Unknown, "PipelinePermissionsNotRead");
    }

    #[test]
    fn not_applicable_is_never_said_and_without_files_nothing_is() {
        assert_eq!(RULE.judge(&project()), []);
    }
}
