//! What the gates read: the workspace's folder, its manifests and its text files.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's top folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

/// A member of the workspace, as cargo understands its manifest.
pub(crate) struct Member {
    pub(crate) name: String,
    /// The folder, relative to the top.
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only for this member's own tests.
    pub(crate) dev: bool,
}

/// All members, sorted by name.
pub(crate) fn members() -> Vec<Member> {
    let arguments = ["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("run cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut members: Vec<_> = packages.iter().map(member).collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}

fn member(package: &Value) -> Member {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().expect("a manifest lies in a folder");
    let folder = folder.strip_prefix(root()).expect("a member lies in the workspace").to_owned();
    let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
    let dependencies =
        dependencies.map(|d| Dependency { name: text(&d["name"]), dev: d["kind"].as_str() == Some("dev") });
    Member { name: text(&package["name"]), folder, dependencies: dependencies.collect() }
}

/// A text file of the project: its path relative to the top and its content.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All text files with one of these extensions (`""`: files without one), build results left out.
pub(crate) fn sources(extensions: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root(), extensions, &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn collect(folder: &Path, extensions: &[&str], sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).expect("read a folder of the project") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | ".git" | "node_modules" | "__pycache__") {
                collect(&path, extensions, sources);
            }
        } else if extensions.contains(&path.extension().unwrap_or_default().to_str().unwrap_or("?"))
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
            sources.push(Source { path, text });
        }
    }
}

/// Fails the test with all complaints, one a line.
pub(crate) fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
