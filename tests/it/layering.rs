//! Who may depend on whom. The compiler holds the edges that exist; this holds which may be added.

use crate::workspace::{members, none, root};
use std::collections::{BTreeMap, BTreeSet};

/// Our crates that each crate may use. `crates/README.md` says what each is.
const EDGES: &[(&str, &[&str])] = &[
    ("migrations", &[]),
    (
        "muster",
        &[
            "migrations",
            "muster-api",
            "muster-azdo",
            "muster-azdo-sim",
            "muster-dashboard",
            "muster-discovery",
            "muster-domain",
            "muster-messages",
            "muster-queue",
            "muster-refresh",
            "muster-rules",
            "muster-runtime",
            "muster-store",
            "muster-sync",
        ],
    ),
    ("muster-api", &["muster-domain", "muster-messages", "muster-runtime", "muster-store"]),
    ("muster-azdo", &["muster-domain"]),
    ("muster-azdo-sim", &[]),
    ("muster-dashboard", &["muster-api", "muster-domain", "muster-store"]),
    (
        "muster-discovery",
        &["muster-azdo", "muster-domain", "muster-messages", "muster-runtime", "muster-store"],
    ),
    ("muster-domain", &[]),
    ("muster-messages", &["muster-domain"]),
    ("muster-queue", &["muster-domain", "muster-messages"]),
    // Never muster-azdo: it cannot spend the consumption limit.
    (
        "muster-refresh",
        &["muster-domain", "muster-messages", "muster-rules", "muster-runtime", "muster-store"],
    ),
    ("muster-rules", &["muster-domain"]),
    ("muster-runtime", &["muster-domain", "muster-messages", "muster-queue", "muster-store"]),
    // The tables and the code that reads them are one contract: a store opens only the schema it knows.
    ("muster-store", &["migrations", "muster-domain", "muster-messages"]),
    ("muster-sync", &["muster-azdo", "muster-domain", "muster-messages", "muster-runtime", "muster-store"]),
];

/// The harness and the integration tests: they may use everything.
const TESTS: &str = "tests";

/// Ours that any crate's own tests may use beside its edges: the simulated Azure DevOps.
const FOR_TESTS: &[&str] = &["muster-azdo-sim"];

/// One door per outside thing: a package, or all whose names start so (`*`), who may name it, and whether
/// every crate's own tests may.
const DOORS: &[(&str, &[&str], bool)] = &[
    ("askama*", &["muster-dashboard"], false),
    ("axum*", &["muster-api", "muster-azdo-sim", "muster-dashboard", "muster-runtime"], true),
    ("backon", &["muster-domain"], false),
    ("clap*", &["muster"], false),
    ("lapin", &["muster-queue"], false),
    ("reqwest*", &["muster", "muster-api", "muster-azdo"], true),
    ("sea-*", &["migrations", "muster-store"], false),
    ("sqlx*", &["migrations", "muster-store"], false),
    ("utoipa*", &["muster-api"], false),
];

/// Crates without input and output, and what they may therefore not name.
const PURE: &[&str] = &["muster-domain", "muster-messages", "muster-rules"];
const IMPURE: &[&str] = &["tokio*", "opentelemetry*", "tracing*", "async-*", "futures*", "hyper*", "rustls*"];

/// What the top level contains beside dotfiles and build results.
const TOP_LEVEL: &[&str] =
    &["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "README.md", "crates", "deploy", "migrations", "tests"];

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

#[test]
fn our_crates_use_only_what_lies_below_them() {
    let edges: BTreeMap<_, _> = EDGES.iter().copied().collect();
    let members = members();
    let ours: BTreeSet<_> = members.iter().map(|member| member.name.as_str()).collect();
    let mut complaints = Vec::new();
    for member in members.iter().filter(|member| member.name != TESTS) {
        let Some(allowed) = edges.get(member.name.as_str()) else {
            complaints.push(format!("{} is not in the table of edges", member.name));
            continue;
        };
        for dependency in member.dependencies.iter().filter(|d| ours.contains(d.name.as_str())) {
            let name = dependency.name.as_str();
            let for_tests = dependency.dev && FOR_TESTS.contains(&name);
            if !allowed.contains(&name) && !for_tests {
                complaints.push(format!("{} may not use {name}", member.name));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_table_of_edges_has_no_cycle() {
    // Each crate is removed once all that it uses are: what remains goes in circles.
    let mut left: BTreeMap<_, _> = EDGES.iter().copied().collect();
    while let Some(free) = left.iter().find(|(_, uses)| uses.iter().all(|u| !left.contains_key(u))) {
        let free = *free.0;
        left.remove(free);
    }
    assert!(left.is_empty(), "these use each other: {:?}", left.keys());
}

#[test]
fn every_outside_thing_has_its_door() {
    let mut complaints = Vec::new();
    for member in members().iter().filter(|member| member.name != TESTS) {
        for dependency in &member.dependencies {
            for (pattern, doors, tests_too) in DOORS {
                let free = dependency.dev && *tests_too;
                if matches(pattern, &dependency.name) && !free && !doors.contains(&member.name.as_str()) {
                    complaints.push(format!("{} may not name {}", member.name, dependency.name));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn pure_crates_name_nothing_that_acts() {
    let mut complaints = Vec::new();
    for member in members().iter().filter(|member| PURE.contains(&member.name.as_str())) {
        for dependency in member.dependencies.iter().filter(|dependency| !dependency.dev) {
            if IMPURE.iter().any(|pattern| matches(pattern, &dependency.name)) {
                complaints.push(format!("{} is pure and names {}", member.name, dependency.name));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_member_inherits_from_the_workspace() {
    let mut complaints = Vec::new();
    for member in members() {
        let manifest = member.folder.join("Cargo.toml");
        let text = std::fs::read_to_string(root().join(&manifest)).expect("read a manifest");
        let folder_name = member.folder.file_name().expect("a folder's name").to_string_lossy();
        if folder_name != member.name {
            complaints.push(format!("{}: the folder is called {folder_name}", member.name));
        }
        let mut section = "";
        let mut inherits_lints = false;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                section = line;
            } else if section == "[lints]" {
                inherits_lints |= line.replace(' ', "") == "workspace=true";
            } else if section.contains("dependencies") {
                let inherited = line.replace(' ', "").contains("workspace=true");
                let own = ["version", "path", "git"].iter().any(|key| line.contains(&format!("{key} =")));
                if !inherited || own {
                    complaints.push(format!("{}: not from the workspace: {line}", manifest.display()));
                }
            }
        }
        if !inherits_lints {
            complaints.push(format!("{}: no [lints] workspace = true", manifest.display()));
        }
    }
    none(&complaints);
}

#[test]
fn the_root_is_virtual_and_its_top_level_fixed() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("read the root manifest");
    assert!(manifest.lines().all(|line| line.trim() != "[package]"), "the root manifest is virtual");
    let mut complaints = Vec::new();
    for entry in std::fs::read_dir(root()).expect("read the top level") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if name != "target" && !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()) {
            complaints.push(format!("{name} does not belong at the top level"));
        }
    }
    none(&complaints);
}
