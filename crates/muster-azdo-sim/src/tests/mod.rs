//! The simulator over HTTP, as its clients see it.

mod admission;
mod changes;
mod entra;
mod faults;
mod large;
mod library_changes;
mod lists;
mod locations;
mod organization;
mod permissions;
mod project_changes;
mod quirks;
mod repository_changes;
mod resources;
mod support;
mod throttling;
mod truth;
