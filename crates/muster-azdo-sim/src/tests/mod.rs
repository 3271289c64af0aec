//! The simulator over HTTP, as its clients see it.

mod admission;
mod changes;
mod entra;
mod faults;
mod large;
mod lists;
mod locations;
mod more_changes;
mod organization;
mod permissions;
mod quirks;
mod resources;
mod support;
mod throttling;
mod truth;
