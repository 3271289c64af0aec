//! How a step of a job fails.

use muster_azdo::CallError;
use muster_runtime::HandlerError;
use muster_store::StoreError;

/// Why a step gave nothing.
#[derive(Debug)]
pub(crate) enum StepError {
    /// A call failed: the job decides what that means for it.
    Call(CallError),
    /// Something else did, and it is decided.
    Handler(HandlerError),
}

impl From<CallError> for StepError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<HandlerError> for StepError {
    fn from(error: HandlerError) -> Self {
        Self::Handler(error)
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Handler(error.into())
    }
}
