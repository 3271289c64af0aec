//! What can come of a call, named by what the caller does next.

use chrono::{DateTime, Utc};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use std::fmt;

/// What was called: part of every error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTarget {
    /// Which read.
    pub read: Read,
    /// The organization that was asked; absent for reads of the credential itself.
    pub organization: Option<OrganizationName>,
    /// The project that was asked; absent for reads of the whole organization.
    pub project: Option<ProjectId>,
}

impl CallTarget {
    /// A read of what belongs to the credential.
    pub fn of_credential(read: Read) -> Self {
        Self { read, organization: None, project: None }
    }

    /// A read of a whole organization.
    pub fn in_organization(read: Read, organization: &OrganizationName) -> Self {
        Self { read, organization: Some(organization.clone()), project: None }
    }

    /// A read of one project.
    pub fn in_project(read: Read, organization: &OrganizationName, project: ProjectId) -> Self {
        Self { read, organization: Some(organization.clone()), project: Some(project) }
    }
}

impl fmt::Display for CallTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.read)?;
        if let Some(project) = self.project {
            write!(formatter, " of project {project}")?;
        }
        match &self.organization {
            Some(organization) => write!(formatter, " in organization {organization}"),
            None => Ok(()),
        }
    }
}

/// Why a call gave nothing. No variant ever holds a secret or a whole body: details are cut and redacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The service or our own budget asks for a pause: come back later, it is no failed attempt.
    #[error("{call}: the consumption limit asks for a pause until {until}")]
    Throttled {
        /// What was called.
        call: CallTarget,
        /// When it makes sense to ask again.
        until: DateTime<Utc>,
    },
    /// The credential does not work here: nobody should go on with it until somebody has renewed it.
    #[error("{call}: {reason}{}", detail_suffix(detail))]
    Unauthorized {
        /// What was called.
        call: CallTarget,
        /// How the service said so.
        reason: UnauthorizedReason,
        /// What the service said, redacted; may be empty.
        detail: String,
    },
    /// The credential works but may not read this: what depends on it stays Unknown.
    #[error("{call}: the credential may not read this{}", detail_suffix(detail))]
    Forbidden {
        /// What was called.
        call: CallTarget,
        /// What the service said, redacted; may be empty.
        detail: String,
    },
    /// There is no such thing, or the credential may not know of it: confirm before anything is removed.
    #[error("{call}: not found{}{}", detail_suffix(detail), not_found_remedy(call))]
    NotFound {
        /// What was called.
        call: CallTarget,
        /// What the service said, redacted; may be empty.
        detail: String,
    },
    /// The organization is deactivated (503 with TF24668): probe once a day.
    #[error("{call}: the organization is stopped")]
    OrganizationStopped {
        /// What was called.
        call: CallTarget,
    },
    /// Something failed in passing: try again with a growing delay.
    #[error("{call}: {detail}")]
    Transient {
        /// What was called.
        call: CallTarget,
        /// What failed, redacted.
        detail: String,
    },
    /// The host failed many times in a row and is left alone for a while: nothing was called, it is no failed attempt.
    #[error("{call}: host_unavailable: {host} has failed again and again, it is asked again at {until}")]
    HostUnavailable {
        /// What was to be called.
        call: CallTarget,
        /// The host.
        host: String,
        /// When it makes sense to ask again.
        until: DateTime<Utc>,
    },
    /// The certificate of the host is not to be trusted: somebody must look at it if it stays so.
    #[error(
        "{call}: the certificate of {host} is not trusted ({detail}): check the address, the clock of this machine, and \
         whether this machine knows the authority that signed it"
    )]
    CertificateRefused {
        /// What was called.
        call: CallTarget,
        /// The host.
        host: String,
        /// What is wrong with the certificate.
        detail: String,
    },
    /// The answer breaks the contract: once may be an accident, twice is not.
    #[error("{call}: unexpected answer: {detail}")]
    Unexpected {
        /// What was called.
        call: CallTarget,
        /// What was wrong with it, redacted.
        detail: String,
    },
    /// Our own consumption budget is out of reach: nothing was called.
    #[error("{call}: {detail}")]
    GateUnavailable {
        /// What was to be called.
        call: CallTarget,
        /// Why.
        detail: String,
    },
}

impl CallError {
    /// What was called.
    pub fn call(&self) -> &CallTarget {
        match self {
            Self::Throttled { call, .. }
            | Self::Unauthorized { call, .. }
            | Self::Forbidden { call, .. }
            | Self::NotFound { call, .. }
            | Self::OrganizationStopped { call }
            | Self::Transient { call, .. }
            | Self::HostUnavailable { call, .. }
            | Self::CertificateRefused { call, .. }
            | Self::Unexpected { call, .. }
            | Self::GateUnavailable { call, .. } => call,
        }
    }
}

/// How the service said that a credential does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnauthorizedReason {
    /// 401 without more: wrong, expired or revoked.
    CredentialRefused,
    /// 401 with TF400813: the identity is unknown or blocked in this organization, or the organization forbids
    /// this kind of credential.
    IdentityNotAuthorized,
    /// A page to sign in instead of an answer.
    SignInPage,
    /// The organization answered as to a visitor without credentials; organizations with public projects do so
    /// instead of refusing.
    TreatedAsAnonymous,
    /// Microsoft Entra gives the application no token: its secret, its id or its tenant is not right.
    ApplicationRefused,
    /// The application belongs to another tenant than the organization, which knows no application of that one.
    ApplicationOfAnotherTenant,
}

impl fmt::Display for UnauthorizedReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CredentialRefused => {
                "the credential was refused (401): it is wrong, expired or revoked, or acts for nobody in this \
                 organization"
            }
            Self::IdentityNotAuthorized => {
                "the identity is not authorized in this organization, or the organization does not admit this \
                 kind of credential (TF400813)"
            }
            Self::SignInPage => "the credential was answered with a page to sign in",
            Self::ApplicationRefused => "Microsoft Entra gives the application no token",
            Self::ApplicationOfAnotherTenant => "the application belongs to another tenant than the organization",
            Self::TreatedAsAnonymous => "the credential was ignored and the caller treated as anonymous",
        })
    }
}

/// An organization that does not exist is mostly one that is written otherwise.
fn not_found_remedy(call: &CallTarget) -> &'static str {
    match call.read {
        Read::ConnectionData => "; check the name of the organization",
        _ => "",
    }
}

fn detail_suffix(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}
