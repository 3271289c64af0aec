//! Where the discovery of an organization stands; kept between slices and over throttling.

use muster_domain::read::Read;
use muster_domain::{OrganizationId, ProjectId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a discovery stands.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Progress {
    /// The organization, once it has said which one it is.
    pub organization_id: Option<OrganizationId>,
    /// The listing of projects.
    pub projects: ProjectListing,
    /// The listing of deleted projects: only where one is not listed.
    pub deleted_projects: DeletedProjects,
    /// What became of projects that are not listed is written.
    pub absent_projects_settled: bool,
    /// The listing of repositories.
    pub repositories: RepositoryListing,
    /// Projects whose recycle bin was asked.
    pub bins_asked: BTreeSet<ProjectId>,
    /// What became of repositories that are not listed is written.
    pub absent_repositories_settled: bool,
    /// Reads of the organization that are done, or are known to give nothing.
    pub reads_done: BTreeSet<Read>,
    /// Projects that were read before and in which something changed: judged anew.
    pub changed_projects: BTreeSet<ProjectId>,
    /// Projects that were read before and came back, or in which a repository appeared: read anew, however fresh their
    /// reading is.
    pub unread_projects: BTreeSet<ProjectId>,
    /// A read refused the credential, and the organization still admitted it afterwards: reads refuse it one by one.
    pub admitted_after_refusal: bool,
    /// Something of the organization itself changed: it is judged anew.
    pub organization_changed: bool,
}

/// The listing of projects.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProjectListing {
    /// Leads to the next page.
    pub continuation: Option<String>,
    /// Pages read so far, beside the first.
    pub pages: u64,
    /// Projects listed so far.
    pub listed: BTreeSet<ProjectId>,
    /// The last page has come.
    pub is_complete: bool,
    /// The listing lost more than half; this is the second look, which is believed.
    pub is_second_look: bool,
}

/// The listing of deleted projects.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DeletedProjects {
    /// Leads to the next page.
    pub continuation: Option<String>,
    /// Pages read so far, beside the first.
    pub pages: u64,
    /// Those of them that the inventory misses.
    pub found: BTreeSet<ProjectId>,
    /// The last page has come, or it is known that none will.
    pub is_complete: bool,
}

/// The listing of repositories. It comes in one answer: what an unfinished one listed is not kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RepositoryListing {
    /// The whole answer has come, or it is known that none will.
    pub is_complete: bool,
    /// The listing lost more than half; this is the second look, which is believed.
    pub is_second_look: bool,
}
