//! Where Azure DevOps is.

use crate::client::ClientError;
use muster_domain::OrganizationName;
use muster_domain::snapshot::encode_path_segment;
use reqwest::Url;

/// Where Azure DevOps is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Azure DevOps Services, with its own host for each service.
    #[default]
    Cloud,
    /// Every service under one base URL (`MUSTER_AZURE_DEVOPS_URL`): Azure DevOps Server, a proxy, a simulator.
    Override(String),
}

/// A service of Azure DevOps that has a host of its own in the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceHost {
    /// Everything that lies in an organization and is not below.
    Organization,
    /// Profiles and accounts, which lie in no organization.
    Directory,
    /// Access levels of people, and the organizations of a tenant.
    Entitlements,
    /// The audit log.
    Audit,
    /// Installed extensions.
    Extensions,
    /// Advanced Security.
    AdvancedSecurity,
}

impl ServiceHost {
    /// The host in the cloud. Source: `host` of Microsoft's published REST specifications.
    fn in_cloud(self) -> &'static str {
        match self {
            Self::Organization => "https://dev.azure.com",
            Self::Directory => "https://app.vssps.visualstudio.com",
            Self::Entitlements => "https://vsaex.dev.azure.com",
            Self::Audit => "https://auditservice.dev.azure.com",
            Self::Extensions => "https://extmgmt.dev.azure.com",
            Self::AdvancedSecurity => "https://advsec.dev.azure.com",
        }
    }

    /// What comes before the organization where one base URL holds every service: paths of Advanced Security would
    /// be taken for others without it.
    fn prefix_in_override(self) -> &'static str {
        match self {
            Self::AdvancedSecurity => "/advsec",
            Self::Organization | Self::Directory | Self::Entitlements | Self::Audit | Self::Extensions => "",
        }
    }
}

/// Hosts that have been read and found usable.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrls {
    /// The one URL of an override, without a trailing slash; absent in the cloud.
    one: Option<String>,
    is_loopback: bool,
}

impl BaseUrls {
    pub(crate) fn of(hosts: &Hosts) -> Result<Self, ClientError> {
        match hosts {
            Hosts::Cloud => Ok(Self { one: None, is_loopback: false }),
            Hosts::Override(text) => Self::of_override(text),
        }
    }

    fn of_override(text: &str) -> Result<Self, ClientError> {
        let url = Url::parse(text).map_err(|error| ClientError::BaseUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ClientError::BaseUrl("its scheme must be http or https".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ClientError::BaseUrl("it must not contain credentials".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ClientError::BaseUrl("it must end with its path".to_owned()));
        }
        let is_loopback = is_loopback(&url);
        if url.scheme() == "http" && !is_loopback {
            tracing::warn!(host = url.host_str(), "credentials go to azure devops without tls");
        }
        Ok(Self { one: Some(url.as_str().trim_end_matches('/').to_owned()), is_loopback })
    }

    /// Whether everything stays on this machine; a proxy of the environment does not apply then.
    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The page of an organization, without a trailing slash. `None` for a name that no organization can have
    /// because it would lead elsewhere.
    pub(crate) fn organization(&self, organization: &OrganizationName) -> Option<String> {
        self.of_service(ServiceHost::Organization, Some(organization))
    }

    /// Where the paths of a service begin, those of `organization` or those of none, without a trailing slash. `None`
    /// as for [`BaseUrls::organization`].
    pub(crate) fn of_service(
        &self,
        service: ServiceHost,
        organization: Option<&OrganizationName>,
    ) -> Option<String> {
        let base = match &self.one {
            Some(one) => format!("{one}{}", service.prefix_in_override()),
            None => service.in_cloud().to_owned(),
        };
        let Some(organization) = organization else { return Some(base) };
        let name = organization.as_str().trim();
        // `.` and `..` are resolved by every URL library, however they are encoded.
        if matches!(name, "" | "." | "..") {
            return None;
        }
        Some(format!("{base}/{}", encode_path_segment(name)))
    }
}

/// Whether a URL stays on this machine: a proxy of the environment does not apply then.
pub fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cloud_has_a_host_per_service() {
        let urls = BaseUrls::of(&Hosts::Cloud).unwrap();
        let name = OrganizationName::new("contoso one");
        assert_eq!(urls.organization(&name).unwrap(), "https://dev.azure.com/contoso%20one");
        for (service, expected) in [
            (ServiceHost::Organization, "https://dev.azure.com/contoso%20one"),
            (ServiceHost::Entitlements, "https://vsaex.dev.azure.com/contoso%20one"),
            (ServiceHost::Audit, "https://auditservice.dev.azure.com/contoso%20one"),
            (ServiceHost::Extensions, "https://extmgmt.dev.azure.com/contoso%20one"),
            (ServiceHost::AdvancedSecurity, "https://advsec.dev.azure.com/contoso%20one"),
        ] {
            assert_eq!(urls.of_service(service, Some(&name)).unwrap(), expected);
        }
        let directory = urls.of_service(ServiceHost::Directory, None).unwrap();
        assert_eq!(directory, "https://app.vssps.visualstudio.com");
    }

    #[test]
    fn an_override_holds_every_service_and_keeps_its_path() {
        let urls = BaseUrls::of(&Hosts::Override("http://127.0.0.1:8080/tfs/".to_owned())).unwrap();
        let name = OrganizationName::new("c");
        for service in [
            ServiceHost::Organization,
            ServiceHost::Directory,
            ServiceHost::Entitlements,
            ServiceHost::Audit,
            ServiceHost::Extensions,
        ] {
            let base = urls.of_service(service, None).unwrap();
            assert_eq!(base, "http://127.0.0.1:8080/tfs", "{service:?}");
        }
        assert_eq!(urls.organization(&name).unwrap(), "http://127.0.0.1:8080/tfs/c");
        let advanced_security = urls.of_service(ServiceHost::AdvancedSecurity, Some(&name)).unwrap();
        assert_eq!(advanced_security, "http://127.0.0.1:8080/tfs/advsec/c");
        assert!(urls.is_loopback());
        let urls = BaseUrls::of(&Hosts::Override("https://devops.contoso.example".to_owned())).unwrap();
        assert!(!urls.is_loopback());
    }

    #[test]
    fn an_unusable_override_is_refused_without_showing_credentials() {
        for text in
            ["no url", "ftp://host", "https://user:hidden@host", "https://host/?x=1", "https://host/#f"]
        {
            let error = BaseUrls::of(&Hosts::Override(text.to_owned())).unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_is_no_organization() {
        let urls = BaseUrls::of(&Hosts::Cloud).unwrap();
        for name in ["", " ", ".", ".."] {
            assert_eq!(urls.organization(&OrganizationName::new(name)), None);
        }
        assert_eq!(
            urls.organization(&OrganizationName::new("a/../b")).unwrap(),
            "https://dev.azure.com/a%2F..%2Fb"
        );
    }
}
