//! Exit codes, and errors that carry one.

use std::fmt;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something failed.
    Failure = 1,
    /// The command or its configuration is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// A credential is refused, or may not do what is asked.
    Authorization = 4,
    /// Something else stands in the way.
    Conflict = 5,
    /// The consumption limit asks for a pause.
    Throttled = 6,
    /// A database, broker or service is out of reach.
    Unavailable = 7,
    /// What was found is worse than `--fail-on` allows.
    PolicyGate = 10,
    /// Somebody pressed Ctrl-C: 128 and the number of the signal, as shells count.
    Interrupted = 130,
}

/// An error with the code that the process ends with.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failed {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message.to_string())
    }

    pub(crate) fn not_found(message: impl fmt::Display) -> Self {
        Self::new(Exit::NotFound, message.to_string())
    }

    pub(crate) fn unavailable(message: impl fmt::Display) -> Self {
        Self::new(Exit::Unavailable, message.to_string())
    }

    pub(crate) fn conflict(message: impl fmt::Display) -> Self {
        Self::new(Exit::Conflict, message.to_string())
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

impl From<muster_messages::request::RejectedRequest> for Failed {
    fn from(rejection: muster_messages::request::RejectedRequest) -> Self {
        Self::usage(rejection)
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failure, error.to_string())
    }
}

impl From<muster_runtime::configuration::ConfigurationError> for Failed {
    fn from(error: muster_runtime::configuration::ConfigurationError) -> Self {
        Self::usage(error)
    }
}

impl From<muster_queue::ConnectError> for Failed {
    fn from(error: muster_queue::ConnectError) -> Self {
        use muster_queue::ConnectError;
        match &error {
            ConnectError::Misconfigured(reason) => Self::usage(format!("MUSTER_AMQP_URL: {reason}")),
            ConnectError::Conflict { .. } => Self::conflict(format!(
                "{error}; delete what was declared otherwise while nothing runs, and start `muster scheduler`"
            )),
            ConnectError::Missing { .. } => {
                Self::unavailable(format!("{error}; start `muster scheduler`, which makes what is missing"))
            }
            ConnectError::Leaderless { .. } => {
                Self::unavailable(format!("{error}; `muster doctor` says more"))
            }
            ConnectError::Refused { .. } | ConnectError::Unreachable { .. } => Self::unavailable(format!(
                "{error}; check MUSTER_AMQP_URL, and that the broker runs and takes connections"
            )),
        }
    }
}

impl From<muster_store::StoreError> for Failed {
    fn from(error: muster_store::StoreError) -> Self {
        use muster_store::StoreError;
        let exit = match &error {
            StoreError::Unavailable(_) | StoreError::Serialization(_) => Exit::Unavailable,
            StoreError::Conflict { .. } | StoreError::Transition(_) => Exit::Conflict,
            StoreError::NotFound { .. } => Exit::NotFound,
            _ => Exit::Failure,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<muster_azdo::CallError> for Failed {
    fn from(error: muster_azdo::CallError) -> Self {
        use muster_azdo::CallError;
        let exit = match &error {
            CallError::Throttled { .. } => Exit::Throttled,
            CallError::Unauthorized { .. } | CallError::Forbidden { .. } => Exit::Authorization,
            CallError::NotFound { .. } => Exit::NotFound,
            CallError::OrganizationStopped { .. }
            | CallError::Transient { .. }
            | CallError::HostUnavailable { .. }
            | CallError::CertificateRefused { .. }
            | CallError::GateUnavailable { .. } => Exit::Unavailable,
            CallError::Unexpected { .. } => Exit::Failure,
        };
        Self::new(exit, error.to_string())
    }
}
