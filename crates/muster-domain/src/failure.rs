//! Why a call to Azure DevOps came to nothing, named by what the caller does next.

use chrono::{DateTime, Utc};

/// What a failed call means for the work that made it. Texts hold nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// Park the work until then; it costs no attempt.
    #[error("throttled until {until}")]
    Throttled {
        /// When asking again makes sense.
        until: DateTime<Utc>,
    },
    /// The credential is refused everywhere: ask a person.
    #[error("{message}")]
    NeedsAuth {
        /// What was refused.
        message: String,
    },
    /// This one thing is refused: what depends on it is Unknown, the rest goes on.
    #[error("{message}")]
    Forbidden {
        /// What was refused.
        message: String,
    },
    /// It is not there: have its parent listed again.
    #[error("{message}")]
    Gone {
        /// What is not there.
        message: String,
    },
    /// The organization is stopped (503 with TF24668): ask again in a day.
    #[error("{message}")]
    OrganizationStopped {
        /// Which one.
        message: String,
    },
    /// It passes: try again with growing delays.
    #[error("{message}")]
    Passing {
        /// What happened.
        message: String,
    },
    /// The host failed many times in a row and is left alone: park the work until then; it costs no attempt.
    #[error("{message}")]
    HostUnavailable {
        /// When asking again makes sense.
        until: DateTime<Utc>,
        /// Which host.
        message: String,
    },
    /// The certificate of the host is not trusted: try a few times, then ask a person.
    #[error("{message}")]
    CertificateRefused {
        /// Which host, and what is wrong.
        message: String,
    },
    /// The answer is not what was agreed: try once more, then treat it as Unknown.
    #[error("{message}")]
    Unexpected {
        /// What was found.
        message: String,
    },
}
