//! The applications that a process acts as.

use super::authority::Authority;
use super::tokens::ApplicationTokens;
use muster_domain::{Clock, CredentialId, TenantId};
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// An application of Microsoft Entra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Application {
    /// Its tenant.
    pub(crate) tenant_id: TenantId,
    /// Its application (client) id.
    pub(crate) client_id: Uuid,
}

/// Tokens of all applications of a process; one entry for each credential that was used, so that the map stays small.
pub(crate) struct Applications {
    http: reqwest::Client,
    authority: Authority,
    clock: Arc<dyn Clock>,
    by_credential: Mutex<HashMap<CredentialId, ApplicationTokens>>,
}

impl Applications {
    pub(crate) fn new(http: reqwest::Client, authority: Authority, clock: Arc<dyn Clock>) -> Self {
        Self { http, authority, clock, by_credential: Mutex::default() }
    }

    /// The tokens of a credential: one cache for all sessions, as long as application and secret stay the same.
    pub(crate) fn tokens_of(
        &self,
        credential: CredentialId,
        application: Application,
        secret: SecretString,
    ) -> ApplicationTokens {
        let mut by_credential = self.by_credential.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokens) = by_credential.get(&credential)
            && tokens.are_of(application, &secret)
        {
            return tokens.clone();
        }
        let url = self.authority.token_url(application.tenant_id);
        let tokens =
            ApplicationTokens::new(self.http.clone(), url, application, secret, Arc::clone(&self.clock));
        by_credential.insert(credential, tokens.clone());
        tokens
    }
}
