//! One call before it is sent.

use crate::error::CallTarget;
use crate::hosts::{BaseUrls, ServiceHost};
use crate::page::PageRequest;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use reqwest::Url;
use serde_json::Value;

/// Items per page that are asked for. Accepted by every listing that is paged (reported for projects and build
/// definitions, whose own defaults are 100 and 10,000).
const PAGE_SIZE: &str = "1000";

/// Version of the released resources.
const RELEASED: &str = "7.1";
/// Version of resources that were never released: they refuse the number without the suffix.
const PREVIEW: &str = "7.1-preview.1";

/// Name of the parameter with the version.
const API_VERSION: &str = "api-version";

/// A call, with what is needed to send it and to name it in errors.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) target: CallTarget,
    host: ServiceHost,
    path: String,
    query: Vec<(&'static str, String)>,
    pub(crate) method: Method,
    pub(crate) size: AnswerSize,
    pub(crate) content: AnswerContent,
}

/// How a call asks. Both only ask: a POST here is a question that is too long for a URL, changes nothing, and may be
/// repeated like a GET.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Method {
    /// The question is the URL.
    Get,
    /// The question is this document.
    Post { body: Value },
}

/// What a good answer consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerContent {
    /// JSON; anything else is of no use.
    Json,
    /// Plain text, comma-separated values among it; a page to sign in is of no use.
    Text,
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
        Self::new(CallTarget::of_credential(read), ServiceHost::Directory, path.to_owned())
    }

    /// Something of an organization.
    pub(crate) fn in_organization(read: Read, organization: &OrganizationName, path: &str) -> Self {
        Self::new(CallTarget::in_organization(read, organization), ServiceHost::Organization, path.to_owned())
    }

    /// Something of a project.
    pub(crate) fn in_project(
        read: Read,
        organization: &OrganizationName,
        project: ProjectId,
        path: &str,
    ) -> Self {
        let target = CallTarget::in_project(read, organization, project);
        Self::new(target, ServiceHost::Organization, format!("{project}/{path}"))
    }

    fn new(target: CallTarget, host: ServiceHost, path: String) -> Self {
        Self {
            target,
            host,
            path,
            query: vec![(API_VERSION, RELEASED.to_owned())],
            method: Method::Get,
            size: AnswerSize::Bounded,
            content: AnswerContent::Json,
        }
    }

    /// The host of another service.
    pub(crate) fn on(mut self, host: ServiceHost) -> Self {
        self.host = host;
        self
    }

    /// A question as a document.
    pub(crate) fn post(mut self, body: Value) -> Self {
        self.method = Method::Post { body };
        self
    }

    /// The version for a resource that was never released.
    pub(crate) fn preview(self) -> Self {
        self.version(PREVIEW)
    }

    /// Another version.
    pub(crate) fn version(self, version: &str) -> Self {
        let mut call = self.without_version();
        call.query.insert(0, (API_VERSION, version.to_owned()));
        call
    }

    /// No version: pages have none.
    pub(crate) fn without_version(mut self) -> Self {
        self.query.retain(|(name, _)| *name != API_VERSION);
        self
    }

    /// An answer that is no JSON.
    pub(crate) fn text(mut self) -> Self {
        self.content = AnswerContent::Text;
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

    /// Where it goes; `None` when there can be no such organization or resource.
    pub(crate) fn url(&self, urls: &BaseUrls) -> Option<Url> {
        // An id of dots would lead out of the path that it ends: every URL library resolves them.
        if self.path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return None;
        }
        let base = urls.of_service(self.host, self.target.organization.as_ref())?;
        let mut url = Url::parse(&format!("{base}/{}", self.path)).ok()?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Hosts;
    use muster_domain::snapshot::encode_path_segment;
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
    fn another_service_is_asked_on_its_host_in_its_version() {
        let organization = OrganizationName::new("Contoso");
        let path = "_apis/management/enablement";
        let call = Call::in_organization(Read::AdvancedSecurityEnablement, &organization, path)
            .on(ServiceHost::AdvancedSecurity)
            .version("7.2-preview.3");
        assert_eq!(
            url(&call),
            "https://advsec.dev.azure.com/Contoso/_apis/management/enablement?api-version=7.2-preview.3"
        );
        let simulated = BaseUrls::of(&Hosts::Override("http://127.0.0.1:9".to_owned())).unwrap();
        assert_eq!(call.url(&simulated).unwrap().path(), "/advsec/Contoso/_apis/management/enablement");
        let catalog = Call::of_credential(Read::EnterpriseCatalog, "_apis/EnterpriseCatalog/Organizations")
            .on(ServiceHost::Entitlements)
            .without_version();
        assert_eq!(url(&catalog), "https://vsaex.dev.azure.com/_apis/EnterpriseCatalog/Organizations");
    }

    #[test]
    fn neither_name_nor_id_leads_elsewhere() {
        let urls = BaseUrls::of(&Hosts::Cloud).unwrap();
        let path = |id: &str| format!("_apis/things/{}", encode_path_segment(id));
        let host_and_depth = |url: &Url| {
            (url.host_str().unwrap().to_owned(), url.path_segments().unwrap().count(), url.query().is_some())
        };
        let usual = Call::in_organization(Read::RoleAssignments, &OrganizationName::new("a"), &path("b"));
        let usual = host_and_depth(&usual.url(&urls).unwrap());
        for hostile in [
            "../../evil",
            "..%2f..",
            "%2e%2e",
            "//evil.example/x",
            "\\\\evil.example",
            "@evil.example",
            ":443@evil.example",
            "a?b=c",
            "a#b",
            "a;b",
            "a\r\nhost: evil.example",
            "a\tb",
            "\u{ff0e}\u{ff0e}",
        ] {
            let name = OrganizationName::new(hostile);
            let call = Call::in_organization(Read::RoleAssignments, &name, &path(hostile));
            let url = call.url(&urls).unwrap();
            assert_eq!(host_and_depth(&url), usual, "{hostile:?}: {url}");
        }
        for dots in [".", ".."] {
            let call = Call::in_organization(Read::RoleAssignments, &OrganizationName::new("a"), &path(dots));
            assert_eq!(call.url(&urls), None, "{dots}");
            let call = Call::in_organization(Read::RoleAssignments, &OrganizationName::new(dots), &path("b"));
            assert_eq!(call.url(&urls), None, "{dots}");
        }
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
