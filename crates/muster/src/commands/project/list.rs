//! `muster project list`.

use super::show::web_url;
use crate::cli::Global;
use crate::commands::inventory::{Identity, PresenceTally, Selection, all_pages, every_state, next_due};
use crate::exit::Failed;
use crate::output::{Row, Sorting, moment, note, or_dash, print_rows};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use muster_domain::assessment::AssessmentState;
use muster_domain::properties::{Properties, Visibility};
use muster_domain::read::Read;
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::{ConnectorId, OrganizationId, ProjectId};
use muster_store::Store;
use muster_store::inventory::{CountFilter, CountLevel, InventoryFilter, ResourceView};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster project list --organization contoso --sort unhealthy:desc
  muster project list --name pay --presence missing";

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Only the project of this name or id.
    #[arg(long, value_name = "NAME|ID")]
    project: Option<String>,
    /// What comes first: name, organization, changed, seen, repositories, unhealthy or read, each also with `:desc`.
    #[arg(long, default_value = "name", value_name = "KEY[:desc]")]
    sort: Sorting<Key>,
    /// List at most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    Name,
    Organization,
    Changed,
    Seen,
    Repositories,
    Unhealthy,
    Read,
}

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let kind = ResourceKind::Project;
            let filter = self.selection.filter(store, kind, self.project.as_deref()).await?;
            let mut rows = Vec::new();
            let mut presence = PresenceTally::default();
            all_pages(store, filter.clone(), async |page| {
                for view in page {
                    presence.count(view.stored.presence);
                    rows.push(Shown::from(&view));
                }
                Ok(true)
            })
            .await?;
            complete(store, &filter, session.configuration.scheduling.sync_hours, &mut rows).await?;
            self.sort.apply(&mut rows, compare);
            let all = rows.len();
            rows.truncate(self.limit.unwrap_or(usize::MAX));
            print_rows(global.output, &rows)?;
            note(&format!("{} of {all} shown; {}", rows.len(), presence.text()));
            let with_gaps = rows.iter().filter(|row| row.gaps > 0).count();
            if with_gaps > 0 {
                note(&format!(
                    "{with_gaps} of them have settings that could not be read; `muster project show NAME` says what to grant"
                ));
            }
            Ok(())
        })
        .await
    }
}

type Place = (ConnectorId, OrganizationId, Option<ProjectId>);

/// Adds what is counted and kept elsewhere: a query each, whatever the number of projects.
async fn complete(
    store: &Store,
    filter: &InventoryFilter,
    sync_hours: f64,
    rows: &mut [Shown],
) -> Result<(), Failed> {
    let filter = CountFilter {
        connector: filter.connector,
        organization_id: filter.organization_id,
        level: CountLevel::Project,
    };
    let counts = store.inventory().scope_counts(&filter).await?;
    let counts: HashMap<Place, _> = counts
        .into_iter()
        .map(|counts| ((counts.connector_id, counts.organization_id, counts.project_id), counts))
        .collect();
    let organizations: BTreeSet<_> =
        rows.iter().map(|row| (row.identity.connector_id, row.identity.organization_id)).collect();
    let mut last_read = HashMap::new();
    let mut gaps = HashMap::new();
    let mut pages = HashMap::new();
    for connector in organizations.iter().map(|(connector, _)| *connector).collect::<BTreeSet<_>>() {
        let known = store.inventory().organizations(connector).await?;
        pages
            .extend(known.into_iter().map(|known| ((connector, known.id), known.stored.resource.properties)));
    }
    for (connector, organization) in organizations {
        // The read by which discovery decides whether a project is due.
        let read = store.inventory().last_read(connector, organization, Read::ServiceEndpoints).await?;
        last_read
            .extend(read.into_iter().map(|(project, at)| ((connector, organization, Some(project)), at)));
        let unread = store.inventory().gap_counts(connector, organization).await?;
        gaps.extend(
            unread.into_iter().map(|(project, count)| ((connector, organization, Some(project)), count)),
        );
    }
    for row in rows {
        let organization = (row.identity.connector_id, row.identity.organization_id);
        row.web_url = web_url(pages.get(&organization), &row.identity.name);
        let place = (row.identity.connector_id, row.identity.organization_id, row.identity.project_id);
        if let Some(counts) = counts.get(&place) {
            row.resources.clone_from(&counts.resources);
            row.resources.remove(&ResourceKind::Project);
            row.assessments = every_state(&counts.assessments);
        }
        row.gaps = gaps.get(&place).copied().unwrap_or_default();
        row.last_read_at = last_read.get(&place).copied();
        row.next_due_at = next_due(row.last_read_at, sync_hours);
    }
    Ok(())
}

fn compare(key: Key, left: &Shown, right: &Shown) -> Ordering {
    let by = match key {
        Key::Name => Ordering::Equal,
        Key::Organization => folded(&left.identity.organization).cmp(&folded(&right.identity.organization)),
        Key::Changed => left.identity.changed_at.cmp(&right.identity.changed_at),
        Key::Seen => left.identity.first_seen_at.cmp(&right.identity.first_seen_at),
        Key::Repositories => left.repositories().cmp(&right.repositories()),
        Key::Unhealthy => left.unhealthy().cmp(&right.unhealthy()),
        Key::Read => left.last_read_at.cmp(&right.last_read_at),
    };
    by.then_with(|| folded(&left.identity.name).cmp(&folded(&right.identity.name)))
        .then_with(|| left.identity.resource_id.cmp(&right.identity.resource_id))
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// A project as it is listed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    #[serde(flatten)]
    pub(super) identity: Identity,
    pub(super) visibility: Option<Visibility>,
    pub(super) state: Option<String>,
    pub(super) web_url: Option<String>,
    /// How many resources of each kind lie in it.
    pub(super) resources: BTreeMap<ResourceKind, u64>,
    pub(super) assessments: BTreeMap<AssessmentState, u64>,
    /// Reads of the project that gave nothing: what they would list is not even Unknown.
    pub(super) gaps: u64,
    pub(super) last_read_at: Option<DateTime<Utc>>,
    pub(super) next_due_at: Option<DateTime<Utc>>,
}

impl From<&ResourceView> for Shown {
    fn from(view: &ResourceView) -> Self {
        let (visibility, state) = match &view.stored.resource.properties {
            Properties::Project(project) => (Some(project.visibility.clone()), Some(project.state.clone())),
            _ => (None, None),
        };
        Self {
            identity: Identity::from(view),
            visibility,
            state,
            web_url: None,
            resources: BTreeMap::new(),
            assessments: every_state(&BTreeMap::new()),
            gaps: 0,
            last_read_at: None,
            next_due_at: None,
        }
    }
}

impl Shown {
    fn repositories(&self) -> u64 {
        self.resources.get(&ResourceKind::Repository).copied().unwrap_or_default()
    }

    fn unhealthy(&self) -> u64 {
        self.assessments.get(&AssessmentState::Unhealthy).copied().unwrap_or_default()
    }

    pub(super) fn visibility_text(&self) -> String {
        let word = self.visibility.as_ref().and_then(|visibility| serde_json::to_value(visibility).ok());
        word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_else(|| "-".to_owned())
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "organization",
        "visibility",
        "presence",
        "repositories",
        "unhealthy",
        "unknown",
        "gaps",
        "last read",
        "next due",
        "id",
    ];

    fn cells(&self) -> Vec<String> {
        let unknown = self.assessments.get(&AssessmentState::Unknown).copied().unwrap_or_default();
        vec![
            self.identity.name.clone(),
            self.identity.organization.clone(),
            self.visibility_text(),
            Presence::as_str(self.identity.presence).to_owned(),
            self.repositories().to_string(),
            self.unhealthy().to_string(),
            unknown.to_string(),
            self.gaps.to_string(),
            or_dash(self.last_read_at.map(moment)),
            or_dash(self.next_due_at.map(moment)),
            self.identity.id.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::repository::tests::view;
    use muster_domain::properties::ProjectProperties;

    fn project(name: &str, repositories: u64) -> Shown {
        let properties = ProjectProperties {
            visibility: Visibility::Public,
            state: "wellFormed".to_owned(),
            revision: None,
        };
        let mut shown = Shown::from(&view(name, Properties::Project(properties)));
        shown.resources.insert(ResourceKind::Repository, repositories);
        shown
    }

    #[test]
    fn lists_are_sorted_by_what_is_asked_for_and_then_by_name() {
        let mut rows = [project("b", 1), project("C", 5), project("a", 1)];
        "repositories".parse::<Sorting<Key>>().unwrap().apply(&mut rows, compare);
        let names = |rows: &[Shown]| rows.iter().map(|row| row.identity.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&rows), ["a", "b", "C"]);
        "name:desc".parse::<Sorting<Key>>().unwrap().apply(&mut rows, compare);
        assert_eq!(names(&rows), ["C", "b", "a"]);
    }

    #[test]
    fn json_names_visibility_and_every_state() {
        let json = serde_json::to_value(project("shop", 2)).unwrap();
        assert_eq!(json["visibility"], "public");
        assert_eq!(json["resources"]["repository"], 2);
        assert_eq!(json["assessments"]["Unknown"], 0);
        assert_eq!(json["kind"], "project");
        let shown = project("shop", 2);
        assert_eq!(shown.cells().len(), Shown::COLUMNS.len());
        assert_eq!(shown.visibility_text(), "public");
    }
}
