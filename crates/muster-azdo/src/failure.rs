//! From what came of a call to what it means for the work that made it and for the organization that was asked, and from
//! a stored credential to a session.

use crate::authorization::Authorization;
use crate::client::AzureDevOps;
use crate::entra::Application;
use crate::error::CallError;
use crate::session::Session;
use muster_domain::budget::Caller;
use muster_domain::connector::OrganizationAccess;
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
            CallError::HostUnavailable { until, .. } => Self::HostUnavailable { until, message },
            CallError::CertificateRefused { .. } => Self::CertificateRefused { message },
            CallError::Unexpected { .. } => Self::Unexpected { message },
        }
    }
}

impl CallError {
    /// How the organization that was asked stands with its connector after this; `None` where the failure says nothing
    /// about it.
    pub fn organization_access(&self) -> Option<OrganizationAccess> {
        match self {
            Self::Unauthorized { .. } | Self::Forbidden { .. } => Some(OrganizationAccess::Refused),
            Self::NotFound { .. } => Some(OrganizationAccess::NotFound),
            Self::OrganizationStopped { .. } => Some(OrganizationAccess::Stopped),
            // The limit, the network, our own budget, an answer that nobody understands: asked again.
            Self::Throttled { .. }
            | Self::Transient { .. }
            | Self::HostUnavailable { .. }
            | Self::CertificateRefused { .. }
            | Self::Unexpected { .. }
            | Self::GateUnavailable { .. } => None,
        }
    }
}

impl AzureDevOps {
    /// A session of a stored credential, on the budget of the identity that it acts as.
    pub fn session_of(
        &self,
        credential: &Credential,
        secret: SecretString,
        caller: impl Into<Caller>,
    ) -> Session {
        let authorization = match credential.kind {
            CredentialKind::PersonalAccessToken => Authorization::PersonalAccessToken(secret),
            CredentialKind::ClientSecret { tenant_id, client_id } => {
                let application = Application { tenant_id, client_id };
                let tokens = self.inner.applications.tokens_of(credential.id, application, secret);
                Authorization::Application(tokens)
            }
        };
        self.session(credential.budget_key(), authorization, caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{CallTarget, UnauthorizedReason};
    use muster_domain::OrganizationName;
    use muster_domain::read::Read;

    #[test]
    fn only_answers_about_the_organization_are_its_standing() {
        let call = || CallTarget::in_organization(Read::ConnectionData, &OrganizationName::new("contoso"));
        let detail = String::new;
        let refused = CallError::Unauthorized {
            call: call(),
            reason: UnauthorizedReason::CredentialRefused,
            detail: detail(),
        };
        for (error, access) in [
            (refused, Some(OrganizationAccess::Refused)),
            (CallError::Forbidden { call: call(), detail: detail() }, Some(OrganizationAccess::Refused)),
            (CallError::NotFound { call: call(), detail: detail() }, Some(OrganizationAccess::NotFound)),
            (CallError::OrganizationStopped { call: call() }, Some(OrganizationAccess::Stopped)),
            (CallError::Transient { call: call(), detail: detail() }, None),
        ] {
            assert_eq!(error.organization_access(), access, "{error}");
        }
    }
}
