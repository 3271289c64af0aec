//! The API over an embedded store, one request at a time.

mod bench;
mod consumption;
mod dead_letters;
mod envelope;
mod events;
mod jobs;
