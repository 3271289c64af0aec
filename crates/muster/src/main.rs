//! Placeholder entry, replaced by the roles and commands.
fn main() {}
