//! The map of the crates, the crate READMEs, the list of traps and the change log are true.

use crate::scanner::{code, occurrences};
use crate::workspace::{members, none, root, sources};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

#[test]
fn the_map_lists_exactly_the_crates() {
    let map = read("crates/README.md");
    let rows = map.lines().skip_while(|line| !line.starts_with("| crate |")).skip(2);
    let first_column = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    let mut listed: Vec<_> = rows.map_while(first_column).collect();
    listed.sort();
    let crates: Vec<_> = members().into_iter().map(|member| member.name).collect();
    assert_eq!(listed, crates, "the first table of crates/README.md, and cargo metadata");
}

#[test]
fn every_readme_is_its_crates_documentation() {
    let mut complaints = Vec::new();
    for member in members() {
        let folder = root().join(&member.folder);
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap_or_default();
        if !readme.starts_with(&format!("# {}\n", member.name)) {
            complaints
                .push(format!("{}/README.md does not begin with the crate's name", member.folder.display()));
        }
        for file in ["src/lib.rs", "src/main.rs"] {
            let includes = r#"#![doc = include_str!("../README.md")]"#;
            let text = std::fs::read_to_string(folder.join(file));
            if text.is_ok_and(|text| !text.contains(includes)) {
                complaints.push(format!("{}/{file} does not include the README", member.folder.display()));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_trap_has_a_test() {
    let guide = read("tests/README.md");
    let section = guide.lines().skip_while(|line| *line != "## Traps that others fell into").skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    let rows: Vec<_> = section.filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "the table of traps in tests/README.md: {rows:?}");
    let code: Vec<_> = sources(&["rs"]).into_iter().map(|source| code(&source.text)).collect();
    let mut complaints = Vec::new();
    for row in rows {
        let (_, tests) = row.trim_end_matches([' ', '|']).rsplit_once(" | ").expect("two columns");
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            complaints.push(format!("no test: {row}"));
        }
        for name in names {
            let needle = format!("fn {name}(");
            if !code.iter().any(|code| !occurrences(code, &needle).is_empty()) {
                complaints.push(format!("no such test: {name}"));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_change_log_begins_with_what_is_unreleased() {
    let log = read("CHANGELOG.md");
    let first = log.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"), "the first section of CHANGELOG.md");
}
