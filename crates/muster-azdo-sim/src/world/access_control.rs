//! Access control lists of Git repositories: of the organization, of projects, of some repositories and branches.

use std::sync::Arc;

use crate::world::{Draw, Group, GroupRole, OrganizationIndex, Presence, Project, Repository, Topic, View};

/// Who may do what with one thing, beside what is inherited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessControlList {
    pub(crate) token: String,
    pub(crate) inherits: bool,
    pub(crate) entries: Vec<AccessControlEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessControlEntry {
    pub(crate) descriptor: String,
    pub(crate) allow: u32,
    pub(crate) deny: u32,
}

/// The namespace of Git repositories.
pub(crate) const GIT_NAMESPACE: &str = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87";

/// Permission bits of Git. Source: recorded answers of `securitynamespaces`.
const READ: u32 = 2;
const CONTRIBUTE: u32 = 4;
const FORCE_PUSH: u32 = 8;
const CREATE: u32 = 16 | 32 | 64;
const BYPASS_ON_PUSH: u32 = 128;
const CONTRIBUTE_TO_PULL_REQUESTS: u32 = 16_384;
const BYPASS_ON_COMPLETION: u32 = 32_768;
const EVERYTHING: u32 = 32_767;

/// All lists of the namespace, lazily: as long as the list of repositories.
pub(crate) fn of_git(
    view: &View,
    organization: OrganizationIndex,
) -> impl Iterator<Item = AccessControlList> + Send + use<> {
    let view = view.clone();
    let root = AccessControlList {
        token: "repoV2".to_owned(),
        inherits: true,
        entries: Group::of_organization(&view.world, organization)
            .iter()
            .map(|group| match group.role {
                GroupRole::CollectionAdministrators => entry(group, EVERYTHING, 0),
                _ => entry(group, READ, 0),
            })
            .collect(),
    };
    let projects: Vec<Project> = view
        .all_projects(organization)
        .filter(|project| matches!(project.presence, Presence::Listed | Presence::Hidden))
        .cloned()
        .collect();
    let below = projects.into_iter().flat_map(move |project| of_project(&view, &project));
    std::iter::once(root).chain(below)
}

fn of_project(view: &View, project: &Project) -> impl Iterator<Item = AccessControlList> + Send + use<> {
    let world = Arc::clone(&view.world);
    let groups = Group::of_project(&world, project);
    let bypasses = Draw::new(world.seed, Topic::AccessControl, &[project.index.0]).percent(15);
    let token = format!("repoV2/{}", project.id);
    let own =
        AccessControlList { token: token.clone(), inherits: true, entries: defaults(&groups, bypasses) };
    let repositories = view.all_repositories(project.index);
    let below = repositories
        .filter(|repository| matches!(repository.presence, Presence::Listed | Presence::Hidden))
        .flat_map(move |repository| of_repository(world.seed, &token, &groups, &repository));
    std::iter::once(own).chain(below)
}

fn defaults(groups: &[Group; 3], contributors_bypass: bool) -> Vec<AccessControlEntry> {
    let [administrators, contributors, readers] = groups;
    let more = if contributors_bypass { BYPASS_ON_PUSH | BYPASS_ON_COMPLETION } else { 0 };
    vec![
        entry(administrators, EVERYTHING, 0),
        entry(contributors, READ | CONTRIBUTE | CREATE | CONTRIBUTE_TO_PULL_REQUESTS | more, 0),
        entry(readers, READ, 0),
    ]
}

/// One repository of eight has a list of its own, some of those one for its default branch.
fn of_repository(
    seed: u64,
    project_token: &str,
    groups: &[Group; 3],
    repository: &Repository,
) -> Vec<AccessControlList> {
    let [_, contributors, readers] = groups;
    let key = [repository.index.project.0, repository.index.position];
    let mut draw = Draw::new(seed, Topic::AccessControl, &key);
    let mut lists = Vec::new();
    let token = format!("{project_token}/{}", repository.id);
    if draw.percent(12) {
        let (bypasses, inherits) = (draw.percent(30), draw.percent(90));
        let allow = if bypasses { BYPASS_ON_PUSH | FORCE_PUSH } else { 0 };
        let entries = vec![entry(contributors, allow, 0), entry(readers, 0, CONTRIBUTE)];
        lists.push(AccessControlList { token: token.clone(), inherits, entries });
    }
    if let Some(branch) = repository.default_branch
        && draw.percent(5)
    {
        let entries = vec![entry(contributors, 0, FORCE_PUSH), entry(readers, 0, BYPASS_ON_COMPLETION)];
        let token = format!("{token}/{}", branch_token(branch));
        lists.push(AccessControlList { token, inherits: true, entries });
    }
    lists
}

fn entry(group: &Group, allow: u32, deny: u32) -> AccessControlEntry {
    AccessControlEntry { descriptor: group.descriptor(), allow, deny }
}

/// `refs/heads/` stays as it is, each folder and name below is written as UTF-16LE in hexadecimal digits.
fn branch_token(branch: &str) -> String {
    let name = branch.strip_prefix("refs/heads/").unwrap_or(branch);
    let part = |part: &str| {
        part.encode_utf16().flat_map(u16::to_le_bytes).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    format!("refs/heads/{}", name.split('/').map(part).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_branch_are_written_in_hexadecimal_digits() {
        assert_eq!(branch_token("refs/heads/main"), "refs/heads/6d00610069006e00");
        assert_eq!(branch_token("refs/heads/a/é"), "refs/heads/6100/e900");
    }
}
