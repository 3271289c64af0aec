//! `muster organization list`.

use crate::cli::Global;
use crate::commands::inventory::{
    PresenceTally, Selection, all_pages, counted, every_state, gaps, last_read, next_due, read_states,
};
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Row, Sorting, moment, note, or_dash, print_rows};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::{Connector, OrganizationAccess};
use muster_domain::properties::Properties;
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, TenantId};
use muster_store::connectors::OrganizationStanding;
use muster_store::inventory::{CountFilter, CountLevel, InventoryFilter, ResourceView, ScopeCounts};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster organization list --access refused
  muster organization list --sort unhealthy:desc --limit 10
  muster organization list -o json | jq '.[] | select(.gaps > 0) | .name'";

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Only those that stand so with their connector; may be given several times.
    #[arg(long, value_name = "ACCESS", value_parser = lookup::organization_access(), ignore_case = true)]
    access: Vec<OrganizationAccess>,
    /// What comes first: name, access, projects, repositories, unhealthy or read, each also with `:desc`.
    #[arg(long, default_value = "name", value_name = "KEY[:desc]")]
    sort: Sorting<Key>,
    /// List at most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    Name,
    Access,
    Projects,
    Repositories,
    Unhealthy,
    Read,
}

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let mut rows = rows(session, &self.selection).await?;
            rows.retain(|row| {
                self.access.is_empty() || row.access.is_some_and(|access| self.access.contains(&access))
            });
            self.sort.apply(&mut rows, compare);
            let all = rows.len();
            rows.truncate(self.limit.unwrap_or(usize::MAX));
            print_rows(global.output, &rows)?;
            note(&summary(&rows, all));
            Ok(())
        })
        .await
    }
}

/// The organizations that a selection lets through, by connector and name: those of the inventory, and those that
/// connectors ask for without being able to read them.
pub(super) async fn rows(session: &Session, selection: &Selection) -> Result<Vec<Shown>, Failed> {
    let store = &session.store;
    let connectors = match &selection.connector {
        Some(name) => vec![lookup::connector(store, name).await?],
        None => store.connectors().list().await?,
    };
    let mut rows = Vec::new();
    for connector in &connectors {
        rows.extend(rows_of(session, connector, selection).await?);
    }
    narrow(rows, selection)
}

async fn rows_of(
    session: &Session,
    connector: &Connector,
    selection: &Selection,
) -> Result<Vec<Shown>, Failed> {
    let store = &session.store;
    let filter = InventoryFilter {
        kinds: vec![ResourceKind::Organization],
        connector: Some(connector.id),
        presence: selection.presence.clone(),
        ..InventoryFilter::default()
    };
    let mut found = Vec::new();
    all_pages(store, filter, async |page| {
        found.extend(page);
        Ok(true)
    })
    .await?;
    let level = CountLevel::Organization;
    let filter = CountFilter { connector: Some(connector.id), organization_id: None, level };
    let counts = store.inventory().scope_counts(&filter).await?;
    let mut standings = store.connectors().organizations(Some(connector.id)).await?;
    let hours = session.configuration.scheduling.discovery_hours;
    let mut rows = Vec::new();
    for view in found {
        let name = OrganizationName::new(view.organization.clone());
        let standing = standings.iter().position(|standing| standing.organization == name);
        let standing = standing.map(|index| standings.remove(index));
        let mut row = Shown::of(connector, standing.as_ref());
        row.found(&view, &counts);
        let id = view.stored.resource.key.organization_id;
        let reads = read_states(&store.inventory().reading_views(connector.id, id, None).await?);
        row.last_read_at = last_read(&reads);
        row.next_due_at = next_due(row.last_read_at, hours);
        row.gaps = gaps(&reads).len();
        rows.push(row);
    }
    if selection.presence.is_empty() {
        rows.extend(standings.iter().map(|standing| Shown::of(connector, Some(standing))));
    }
    Ok(rows)
}

/// By name; one that nothing has is an error.
fn narrow(mut rows: Vec<Shown>, selection: &Selection) -> Result<Vec<Shown>, Failed> {
    if let Some(name) = &selection.organization {
        rows.retain(|row| {
            row.name == OrganizationName::new(name.clone())
                || row.organization_id.is_some_and(|id| id.to_string() == name.to_lowercase())
        });
        if rows.is_empty() {
            return Err(Failed::not_found(format!(
                "no connector asks for an organization {name}; list them with `muster organization list`"
            )));
        }
    }
    if let Some(part) = &selection.name {
        rows.retain(|row| row.name.folded().contains(&part.to_lowercase()));
    }
    Ok(rows)
}

fn compare(key: Key, left: &Shown, right: &Shown) -> Ordering {
    let by = match key {
        Key::Name => Ordering::Equal,
        Key::Access => left.access_text().cmp(right.access_text()),
        Key::Projects => left.projects.cmp(&right.projects),
        Key::Repositories => left.repositories.cmp(&right.repositories),
        Key::Unhealthy => left.unhealthy().cmp(&right.unhealthy()),
        Key::Read => left.last_read_at.cmp(&right.last_read_at),
    };
    by.then_with(|| left.name.cmp(&right.name)).then_with(|| left.connector.cmp(&right.connector))
}

fn summary(rows: &[Shown], all: usize) -> String {
    let mut presence = PresenceTally::default();
    rows.iter().filter_map(|row| row.presence).for_each(|found| presence.count(found));
    let access: Vec<(u64, &str)> = OrganizationAccess::ALL
        .into_iter()
        .map(|access| (rows.iter().filter(|row| row.access == Some(access)).count() as u64, access.as_str()))
        .collect();
    let shown = rows.len();
    format!("{shown} of {all} shown; access: {}; in the inventory: {}", counted(&access), presence.text())
}

/// An organization as it is listed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) name: OrganizationName,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) connector: String,
    pub(super) connector_id: ConnectorId,
    /// How it stands with the connector; absent where that was never asked.
    pub(super) access: Option<OrganizationAccess>,
    pub(super) onboarding_state: Option<&'static str>,
    pub(super) reason: Option<String>,
    pub(super) access_since: Option<DateTime<Utc>>,
    pub(super) checked_at: Option<DateTime<Utc>>,
    pub(super) tenant_id: Option<TenantId>,
    pub(super) web_url: Option<String>,
    /// Absent where it never was in the inventory.
    pub(super) presence: Option<Presence>,
    pub(super) projects: u64,
    pub(super) repositories: u64,
    /// How many resources of each kind.
    pub(super) resources: BTreeMap<ResourceKind, u64>,
    pub(super) assessments: BTreeMap<AssessmentState, u64>,
    pub(super) last_read_at: Option<DateTime<Utc>>,
    pub(super) next_due_at: Option<DateTime<Utc>>,
    /// Reads of the organization that gave nothing.
    pub(super) gaps: usize,
}

impl Shown {
    fn of(connector: &Connector, standing: Option<&OrganizationStanding>) -> Self {
        let access = standing.map(|standing| standing.access);
        let name = standing.map_or("", |standing| standing.organization.as_str());
        Self {
            name: OrganizationName::new(name),
            organization_id: standing.and_then(|standing| standing.organization_id),
            connector: connector.name.clone(),
            connector_id: connector.id,
            access,
            onboarding_state: access.map(OrganizationAccess::onboarding_state),
            reason: standing.and_then(|standing| standing.reason.clone()),
            access_since: standing.map(|standing| standing.since),
            checked_at: standing.map(|standing| standing.checked_at),
            tenant_id: None,
            web_url: None,
            presence: None,
            projects: 0,
            repositories: 0,
            resources: BTreeMap::new(),
            assessments: every_state(&BTreeMap::new()),
            last_read_at: None,
            next_due_at: None,
            gaps: 0,
        }
    }

    fn found(&mut self, view: &ResourceView, counts: &[ScopeCounts]) {
        let resource = &view.stored.resource;
        let id = resource.key.organization_id;
        self.name = OrganizationName::new(resource.name.clone());
        self.organization_id = Some(id);
        self.presence = Some(view.stored.presence);
        if let Properties::Organization(properties) = &resource.properties {
            self.tenant_id = properties.tenant_id;
            self.web_url = Some(properties.web_url.clone());
        }
        if let Some(counts) = counts.iter().find(|counts| counts.organization_id == id) {
            self.resources.clone_from(&counts.resources);
            self.projects = counts.resources.get(&ResourceKind::Project).copied().unwrap_or_default();
            self.repositories = counts.resources.get(&ResourceKind::Repository).copied().unwrap_or_default();
            self.assessments = every_state(&counts.assessments);
        }
    }

    fn access_text(&self) -> &'static str {
        self.access.map_or("-", OrganizationAccess::as_str)
    }

    fn unhealthy(&self) -> u64 {
        self.assessments.get(&AssessmentState::Unhealthy).copied().unwrap_or_default()
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "connector",
        "access",
        "presence",
        "projects",
        "repositories",
        "unhealthy",
        "gaps",
        "last read",
        "next due",
        "reason",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_string(),
            self.connector.clone(),
            self.access_text().to_owned(),
            or_dash(self.presence.map(Presence::as_str)),
            self.projects.to_string(),
            self.repositories.to_string(),
            self.unhealthy().to_string(),
            self.gaps.to_string(),
            or_dash(self.last_read_at.map(moment)),
            or_dash(self.next_due_at.map(moment)),
            or_dash(self.reason.as_ref()),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::connector::tests::connector;
    use muster_domain::connector::OrganizationsChoice;

    pub(in super::super) fn row(name: &str, access: OrganizationAccess) -> Shown {
        let standing = OrganizationStanding {
            connector_id: ConnectorId(uuid::Uuid::nil()),
            organization: OrganizationName::new(name),
            organization_id: None,
            access,
            reason: Some("not admitted".to_owned()),
            since: DateTime::UNIX_EPOCH,
            checked_at: DateTime::UNIX_EPOCH,
        };
        Shown::of(&connector(OrganizationsChoice::AllExistingAndFuture), Some(&standing))
    }

    #[test]
    fn an_organization_that_cannot_be_read_is_listed_with_the_reason() {
        let refused = row("contoso", OrganizationAccess::Refused);
        let json = serde_json::to_value(&refused).unwrap();
        assert_eq!(json["access"], "refused");
        assert_eq!(json["onboardingState"], "NotOnboarded");
        assert_eq!(json["reason"], "not admitted");
        assert_eq!(json["presence"], serde_json::json!(null));
        assert_eq!(refused.cells().len(), Shown::COLUMNS.len());
    }

    #[test]
    fn names_narrow_without_case_and_a_name_of_nothing_is_an_error() {
        let rows = || ["Contoso", "fabrikam"].map(|name| row(name, OrganizationAccess::Connected)).to_vec();
        let named = Selection { organization: Some("CONTOSO".to_owned()), ..Selection::default() };
        assert_eq!(narrow(rows(), &named).unwrap().len(), 1);
        let part = Selection { name: Some("BRIK".to_owned()), ..Selection::default() };
        assert_eq!(narrow(rows(), &part).unwrap()[0].name.as_str(), "fabrikam");
        let nothing = Selection { organization: Some("tailspin".to_owned()), ..Selection::default() };
        let failed = narrow(rows(), &nothing).unwrap_err();
        assert_eq!(failed.exit, crate::exit::Exit::NotFound);
        assert!(failed.message.contains("muster organization list"), "{failed}");
    }

    #[test]
    fn the_summary_counts_by_access() {
        let rows = [row("a", OrganizationAccess::Connected), row("b", OrganizationAccess::Refused)];
        let text = summary(&rows, 3);
        assert!(text.starts_with("2 of 3 shown; access: 1 connected, 1 refused"), "{text}");
    }
}
