//! Where Microsoft Entra is.

use crate::client::ClientError;
use crate::hosts::is_loopback;
use muster_domain::TenantId;
use reqwest::Url;

/// Microsoft Entra of the public cloud.
pub const ENTRA_URL: &str = "https://login.microsoftonline.com";

/// An authority that was found usable.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    base: Url,
    is_loopback: bool,
}

impl Authority {
    /// Reads the URL. Secrets are sent there: without TLS only on this machine.
    ///
    /// # Errors
    /// What is wrong with it, without showing it.
    pub(crate) fn of(text: &str) -> Result<Self, ClientError> {
        let unusable = |reason: &str| ClientError::EntraUrl(reason.to_owned());
        let mut base = Url::parse(text).map_err(|error| unusable(&error.to_string()))?;
        let is_loopback = is_loopback(&base);
        match base.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return Err(unusable("client secrets go there, so it must begin with https://")),
            _ => return Err(unusable("it must begin with https://")),
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(unusable("it must not contain credentials"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(unusable("it must end with its path"));
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Self { base, is_loopback })
    }

    /// Whether it is on this machine; a proxy of the environment does not apply then.
    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Where tokens of `tenant` are asked for (Microsoft identity platform, version 2.0).
    pub(crate) fn token_url(&self, tenant: TenantId) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{tenant}/oauth2/v2.0/token", self.base.path().trim_end_matches('/')));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(uuid::uuid!("44444444-4444-4444-8444-444444444444"));

    fn token_url(text: &str) -> String {
        Authority::of(text).unwrap().token_url(TENANT).to_string()
    }

    #[test]
    fn the_token_of_a_tenant_has_its_own_address() {
        let path = format!("{TENANT}/oauth2/v2.0/token");
        assert_eq!(token_url(ENTRA_URL), format!("https://login.microsoftonline.com/{path}"));
        assert_eq!(token_url("http://127.0.0.1:8080/entra/"), format!("http://127.0.0.1:8080/entra/{path}"));
        assert!(!Authority::of(ENTRA_URL).unwrap().is_loopback());
    }

    #[test]
    fn secrets_go_without_tls_only_to_this_machine() {
        for text in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:9"] {
            assert!(Authority::of(text).unwrap().is_loopback(), "{text}");
        }
        for text in [
            "http://login.contoso.example",
            "http://localhost.contoso.example",
            "ftp://127.0.0.1",
            "https://user:hidden@login.contoso.example",
            "https://login.contoso.example/?x=hidden",
            "hidden",
        ] {
            let error = Authority::of(text).unwrap_err().to_string();
            assert!(!error.contains("hidden") && error.contains("MUSTER_ENTRA_URL"), "{error}");
        }
    }
}
