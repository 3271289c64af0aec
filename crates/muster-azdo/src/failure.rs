//! From what came of a call to what the work that made it does next, and from a stored credential to a session.

use crate::authorization::Authorization;
use crate::client::AzureDevOps;
use crate::entra::Application;
use crate::error::CallError;
use crate::session::Session;
use muster_domain::budget::ConsumptionClass;
use muster_domain::credential::{Credential, CredentialKind};
use muster_domain::failure::CallFailure;
use secrecy::SecretString;

impl From<CallError> for CallFailure {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Throttled { until, .. } => Self::Throttled { until },
            CallError::Unauthorized { .. } => Self::NeedsAuth { message },
            CallError::Forbidden { .. } => Self::Forbidden { message },
            CallError::NotFound { .. } => Self::Gone { message },
            CallError::OrganizationStopped { .. } => Self::OrganizationStopped { message },
            // Nothing was called: the database passes, as the network does.
            CallError::Transient { .. } | CallError::GateUnavailable { .. } => Self::Passing { message },
            CallError::Unexpected { .. } => Self::Unexpected { message },
        }
    }
}

impl AzureDevOps {
    /// A session of a stored credential, on the budget of the identity that it acts as.
    pub fn session_of(
        &self,
        credential: &Credential,
        secret: SecretString,
        class: ConsumptionClass,
    ) -> Session {
        let authorization = match credential.kind {
            CredentialKind::PersonalAccessToken => Authorization::PersonalAccessToken(secret),
            CredentialKind::ClientSecret { tenant_id, client_id } => {
                let application = Application { tenant_id, client_id };
                let tokens = self.inner.applications.tokens_of(credential.id, application, secret);
                Authorization::Application(tokens)
            }
        };
        self.session(credential.budget_key(), authorization, class)
    }
}
