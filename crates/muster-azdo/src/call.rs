//! One call before it is sent.

use crate::error::CallTarget;
use crate::hosts::BaseUrls;
use crate::page::PageRequest;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use reqwest::Url;

/// Items per page that are asked for. Accepted by every listing that is paged (reported for projects and build
/// definitions, whose own defaults are 100 and 10,000).
const PAGE_SIZE: &str = "1000";

/// Version of the released resources.
const RELEASED: &str = "7.1";
/// Version of resources that were never released: they refuse the number without the suffix.
const PREVIEW: &str = "7.1-preview.1";

/// A GET, with what is needed to send it and to name it in errors.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) target: CallTarget,
    path: String,
    query: Vec<(&'static str, String)>,
    pub(crate) size: AnswerSize,
}

/// How large an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerSize {
    /// Bounded by the client's `max_body_bytes` and its total timeout.
    Bounded,
    /// Parsed while it arrives; may take as long as it keeps arriving.
    Streamed,
}

impl Call {
    /// Something of the credential itself.
    pub(crate) fn of_credential(read: Read, path: &str) -> Self {
        Self::new(CallTarget::of_credential(read), path.to_owned())
    }

    /// Something of an organization.
    pub(crate) fn in_organization(read: Read, organization: &OrganizationName, path: &str) -> Self {
        Self::new(CallTarget::in_organization(read, organization), path.to_owned())
    }

    /// Something of a project.
    pub(crate) fn in_project(
        read: Read,
        organization: &OrganizationName,
        project: ProjectId,
        path: &str,
    ) -> Self {
        Self::new(CallTarget::in_project(read, organization, project), format!("{project}/{path}"))
    }

    fn new(target: CallTarget, path: String) -> Self {
        Self { target, path, query: vec![("api-version", RELEASED.to_owned())], size: AnswerSize::Bounded }
    }

    /// The version for a resource that was never released.
    pub(crate) fn preview(mut self) -> Self {
        self.query[0].1 = PREVIEW.to_owned();
        self
    }

    /// One more parameter.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// One page, as large as the service gives.
    pub(crate) fn page(self, page: &PageRequest) -> Self {
        let call = self.with("$top", PAGE_SIZE);
        match &page.continuation {
            Some(token) => call.with("continuationToken", token),
            None => call,
        }
    }

    /// An answer that may be huge.
    pub(crate) fn streamed(mut self) -> Self {
        self.size = AnswerSize::Streamed;
        self
    }

    /// Where it goes; `None` when there can be no such organization.
    pub(crate) fn url(&self, urls: &BaseUrls) -> Option<Url> {
        let base = match &self.target.organization {
            Some(organization) => urls.organization(organization)?,
            None => urls.directory().to_owned(),
        };
        Url::parse_with_params(&format!("{base}/{}", self.path), &self.query).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Hosts;
    use uuid::uuid;

    fn url(call: &Call) -> String {
        call.url(&BaseUrls::of(&Hosts::Cloud).unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_page_is_asked_for_with_its_size_and_its_token() {
        let project = ProjectId(uuid!("11111111-1111-1111-1111-111111111111"));
        let organization = OrganizationName::new("Contoso");
        let call = Call::in_project(
            Read::PolicyConfigurations,
            &organization,
            project,
            "_apis/policy/configurations",
        );
        assert_eq!(
            url(&call.page(&PageRequest::after("a b&c"))),
            "https://dev.azure.com/Contoso/11111111-1111-1111-1111-111111111111/_apis/policy/configurations\
             ?api-version=7.1&%24top=1000&continuationToken=a+b%26c"
        );
    }

    #[test]
    fn what_belongs_to_the_credential_is_asked_of_the_directory() {
        let call = Call::of_credential(Read::Accounts, "_apis/accounts").with("memberId", "m").preview();
        assert_eq!(
            url(&call),
            "https://app.vssps.visualstudio.com/_apis/accounts?api-version=7.1-preview.1&memberId=m"
        );
    }
}
