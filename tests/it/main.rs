//! The one integration binary: a module per behaviour, sorted by name.

/// What is found is what was planted, in any world.
mod assessments_truth;
/// Events that cannot be taken are answered and kept.
mod bad_events;
/// Every command once for success and once for failure, with its exit code.
mod command_line;
/// What a pass costs, and that an unchanged one writes nothing.
mod cost;
/// What goes wrong in brokers, databases, networks, processes and answers, and what must hold then.
mod faults;
/// Handlers are idempotent, and their decisions lead where they should.
mod handlers;
/// What the harness itself promises: databases, virtual hosts, processes, the proxy, waiting.
mod harness;
/// The inventory and the standing of organizations tell what is true, whatever becomes of things.
mod inventory_truth;
/// Who may depend on whom: the table of `crates/README.md`, held by the manifests.
mod layering;
/// The map of the crates, the crate READMEs, the lists of traps and faults and the change log are true.
mod map;
/// The official Python and Node clients walk the simulator.
mod official_clients;
/// Operations over HTTP, and the same by command.
mod operations_api;
/// The README tells the truth: its commands are run, its samples are read.
mod readme;
/// Nothing grows for ever: every table levels off.
mod retention;
/// Sources as the gates see them: code without comments and literals.
mod scanner;
/// Rules that every source file keeps.
mod source_rules;
/// Workers that die, and workers that nobody gave work.
mod take_over;
/// The trace of a request is linked from the work that it caused.
mod trace_link;
/// The main job from end to end, embedded and as a fleet.
mod whole_pass;
/// What the gates read: members, manifests, source files.
mod workspace;
