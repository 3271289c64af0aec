//! What every route shares: errors, what is read of a request, pages, and the layers around all of it.

pub(crate) mod body;
pub(crate) mod busy;
pub(crate) mod caller;
pub(crate) mod envelope;
pub(crate) mod errors;
pub(crate) mod local;
pub(crate) mod paging;
pub(crate) mod panics;
pub(crate) mod parameters;
pub(crate) mod path;
pub(crate) mod request_id;
