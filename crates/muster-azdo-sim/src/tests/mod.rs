//! The simulator over HTTP, as its clients see it.

mod admission;
mod changes;
mod faults;
mod large;
mod lists;
mod permissions;
mod support;
mod throttling;
mod truth;
