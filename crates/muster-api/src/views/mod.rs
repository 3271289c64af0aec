//! What is shown, as JSON: the same over HTTP and on the command line (`-o json`). Fields are only ever added.

pub mod budget;
pub mod consumption;
pub mod dead_letter;
pub mod fleet;
pub mod job;
pub mod operation;
