//! The inventory as people look through it: lists with names, page by page.

use super::row::{COLUMNS, stored};
use super::{Inventory, StoredResource};
use crate::error::StoreError;
use crate::paging::{Cursor, Direction, PageOrder, SortColumn};
use crate::session::{Row, places};
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId, ResourceId};
use sea_orm::Value;

/// Which resources to look through. Absent and empty conditions hold for all.
#[derive(Clone, Debug)]
pub struct InventoryFilter {
    /// Of these kinds; lists of one kind are paged without sorting all.
    pub kinds: Vec<ResourceKind>,
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// In this organization.
    pub organization_id: Option<OrganizationId>,
    /// In the organization of this name, compared without case.
    pub organization: Option<OrganizationName>,
    /// In this project, the project itself too.
    pub project_id: Option<ProjectId>,
    /// In the project of this name, compared without case, the project itself too.
    pub project: Option<String>,
    /// Of this name, compared without case, or of this id of Azure DevOps.
    pub name: Option<String>,
    /// With this in their name, compared without case.
    pub name_contains: Option<String>,
    /// So present; empty: all but those that are gone.
    pub presence: Vec<Presence>,
    /// In which order they come.
    pub sort: ResourceSort,
    /// Which way the order runs.
    pub direction: Direction,
    /// Only beyond this: where the page before ended.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: u32,
}

/// In which order resources come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourceSort {
    /// By name, without case.
    #[default]
    Name,
    /// By their last change.
    ChangedAt,
    /// By when they were seen first.
    FirstSeen,
}

/// Resources of a page where nothing else is said.
const DEFAULT_PAGE_LIMIT: u32 = 1_000;

impl Default for InventoryFilter {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            connector: None,
            organization_id: None,
            organization: None,
            project_id: None,
            project: None,
            name: None,
            name_contains: None,
            presence: Vec::new(),
            sort: ResourceSort::Name,
            direction: Direction::Ascending,
            after: None,
            limit: DEFAULT_PAGE_LIMIT,
        }
    }
}

impl ResourceSort {
    fn page_order(self, direction: Direction) -> PageOrder {
        let first = match self {
            Self::Name => SortColumn::Text("lower(r.name)".to_owned()),
            Self::ChangedAt => SortColumn::Number("r.changed_at_ms".to_owned()),
            Self::FirstSeen => SortColumn::Number("r.first_seen_ms".to_owned()),
        };
        PageOrder { columns: vec![first, SortColumn::Id("r.id".to_owned())], direction }
    }
}

/// A resource with the names of what it lies in.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceView {
    /// The resource.
    pub stored: StoredResource,
    /// Name of the connector; empty where it is not known.
    pub connector: String,
    /// Name of the organization; empty while that is not known.
    pub organization: String,
    /// Name of the project, where it lies in one.
    pub project: Option<String>,
}

/// A page of resources.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourcePage {
    /// In the order that was asked for.
    pub resources: Vec<ResourceView>,
    /// Where the next page begins; absent after the last one.
    pub next: Option<Cursor>,
}

impl Inventory {
    /// A page of resources with the names of what they lie in.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another order; [`StoreError::Unavailable`],
    /// [`StoreError::Inconsistent`].
    pub async fn browse(&self, filter: &InventoryFilter) -> Result<ResourcePage, StoreError> {
        let order = filter.sort.page_order(filter.direction);
        let (mut conditions, mut parameters) = conditions(filter);
        if let Some(after) = &filter.after {
            conditions.push(order.beyond(after, &mut parameters)?);
        }
        parameters.push(Value::from(i64::from(filter.limit)));
        let statement = format!(
            "SELECT {}, {} FROM {FROM} WHERE {} ORDER BY {} LIMIT ${}",
            view_columns(),
            order.selected(),
            conditions.join(" AND "),
            order.order_by(),
            parameters.len()
        );
        let rows = self.store.reader().all("resource", &statement, parameters).await?;
        let next = order.next(&rows, filter.limit)?;
        Ok(ResourcePage { resources: rows.iter().map(view).collect::<Result<_, _>>()?, next })
    }

    /// One resource with the names of what it lies in, whatever its presence.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn view(&self, id: ResourceId) -> Result<Option<ResourceView>, StoreError> {
        Ok(self.views(&[id]).await?.pop())
    }

    pub(super) async fn views(&self, ids: &[ResourceId]) -> Result<Vec<ResourceView>, StoreError> {
        let mut views = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(IDS_PER_STATEMENT) {
            let statement = format!(
                "SELECT {} FROM {FROM} WHERE r.id IN ({}) ORDER BY r.kind, lower(r.name), r.id",
                view_columns(),
                places(1, chunk.len())
            );
            let parameters = chunk.iter().map(|id| Value::from(id.0)).collect();
            for row in self.store.reader().all("resource", &statement, parameters).await? {
                views.push(view(&row)?);
            }
        }
        Ok(views)
    }
}

/// Rows of one statement.
const IDS_PER_STATEMENT: usize = 1_000;

/// A resource `r` with its connector, organization and project.
const FROM: &str = "resource r
    LEFT JOIN connector c ON c.id = r.connector_id
    LEFT JOIN resource o ON o.connector_id = r.connector_id AND o.organization_id = r.organization_id
        AND o.kind = 'organization'
    LEFT JOIN resource p ON p.connector_id = r.connector_id AND p.organization_id = r.organization_id
        AND p.kind = 'project' AND p.project_id = r.project_id";

fn view_columns() -> String {
    let own: Vec<String> = COLUMNS.split(',').map(|column| format!("r.{}", column.trim())).collect();
    format!(
        "{}, c.name AS connector_name, o.name AS organization_name, p.name AS project_name",
        own.join(", ")
    )
}

fn view(row: &Row) -> Result<ResourceView, StoreError> {
    Ok(ResourceView {
        stored: stored(row)?,
        connector: row.get::<Option<String>>("connector_name")?.unwrap_or_default(),
        organization: row.get::<Option<String>>("organization_name")?.unwrap_or_default(),
        project: row.get("project_name")?,
    })
}

fn conditions(filter: &InventoryFilter) -> (Vec<String>, Vec<Value>) {
    let presence: &[Presence] = match filter.presence.as_slice() {
        [] => &[Presence::Present, Presence::Missing],
        asked => asked,
    };
    let presence: Vec<String> = presence.iter().map(|one| format!("'{}'", one.as_str())).collect();
    let mut conditions = vec![format!("r.presence IN ({})", presence.join(", "))];
    if !filter.kinds.is_empty() {
        let kinds: Vec<String> = filter.kinds.iter().map(|kind| format!("'{kind}'")).collect();
        conditions.push(format!("r.kind IN ({})", kinds.join(", ")));
    }
    let mut parameters: Vec<Value> = Vec::new();
    // `{place}` stands for the value.
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            parameters.push(value);
            conditions.push(condition.replace("{place}", &format!("${}", parameters.len())));
        }
    };
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    add("r.connector_id = {place}", filter.connector.map(|id| id.0.into()));
    add("r.organization_id = {place}", filter.organization_id.map(|id| id.0.into()));
    let organization = filter.organization.as_ref().map(|name| name.folded().into());
    add("lower(o.name) = {place}", organization);
    add("r.project_id = {place}", filter.project_id.map(|id| id.0.into()));
    add("lower(p.name) = lower({place})", text(&filter.project));
    add("(lower(r.name) = lower({place}) OR r.external_id = {place})", text(&filter.name));
    let pattern = filter.name_contains.as_deref().map(|part| format!("%{}%", literally(part)).into());
    add("lower(r.name) LIKE lower({place}) ESCAPE '!'", pattern);
    (conditions, parameters)
}

/// A text in a pattern that stands for nothing but itself.
fn literally(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut pattern, character| {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
        pattern
    })
}
