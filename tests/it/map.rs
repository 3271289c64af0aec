//! The map of the crates, the crate READMEs, the lists of traps and faults and the change log are true.

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
    let rows = table_below("## Traps that others fell into");
    assert!(rows.len() > 10, "the table of traps in tests/README.md: {rows:?}");
    let mut complaints = Vec::new();
    for row in &rows {
        let tests = row.trim_end_matches([' ', '|']).rsplit_once(" | ").expect("two columns").1;
        if named(tests).is_empty() {
            complaints.push(format!("no test: {row}"));
        }
    }
    complaints.extend(missing_tests(rows.iter().flat_map(|row| named(row))));
    none(&complaints);
}

/// Faults of the list: F01 to F74.
const FAULTS: usize = 74;

#[test]
fn every_fault_has_a_test() {
    let rows = table_below("## Faults");
    let mut complaints = Vec::new();
    let mut tests = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let columns: Vec<_> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [number, _fault, of_fault, _holds] = columns[..] else {
            complaints.push(format!("not four columns: {row}"));
            continue;
        };
        if number != format!("F{:02}", index + 1) {
            complaints.push(format!("out of order: {row}"));
        }
        if named(of_fault).is_empty() {
            complaints.push(format!("no test: {row}"));
        }
        tests.extend(named(of_fault));
    }
    assert_eq!(rows.len(), FAULTS, "rows of the table of faults in tests/README.md");
    complaints.extend(missing_tests(tests.into_iter()));
    none(&complaints);
}

/// The rows of the first table of a section of `tests/README.md`.
fn table_below(heading: &str) -> Vec<String> {
    let guide = read("tests/README.md");
    let section = guide.lines().skip_while(|line| *line != heading).skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    section.filter(|line| line.starts_with("| ")).skip(1).map(str::to_owned).collect()
}

/// What is in backticks.
fn named(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn missing_tests(names: impl Iterator<Item = String>) -> Vec<String> {
    let code: Vec<_> = sources(&["rs"]).into_iter().map(|source| code(&source.text)).collect();
    let is_there = |name: &str| {
        let needle = format!("fn {name}(");
        code.iter().any(|code| !occurrences(code, &needle).is_empty())
    };
    names.filter(|name| !is_there(name)).map(|name| format!("no such test: {name}")).collect()
}

#[test]
fn the_change_log_begins_with_what_is_unreleased() {
    let log = read("CHANGELOG.md");
    let first = log.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"), "the first section of CHANGELOG.md");
}
