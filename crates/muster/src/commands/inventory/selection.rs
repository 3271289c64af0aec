//! Which resources of the inventory a list is about.

use crate::exit::Failed;
use crate::lookup;
use clap::Args;
use muster_domain::resource::{Presence, ResourceKind};
use muster_store::Store;
use muster_store::inventory::{InventoryFilter, ResourceView};

/// Conditions that every list of the inventory takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selection {
    /// Only those of this connector.
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) connector: Option<String>,
    /// Only those of this organization.
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) organization: Option<String>,
    /// Only those whose name contains this, in any case.
    #[arg(long, value_name = "CONTAINS")]
    pub(crate) name: Option<String>,
    /// Only those that are present, missing (not listed any more, not confirmed to be gone) or gone; may be given
    /// several times. Without it, all but gone ones.
    #[arg(long, value_name = "PRESENCE", value_parser = lookup::presence(), ignore_case = true)]
    pub(crate) presence: Vec<Presence>,
}

/// Rows that are fetched at a time: some MiB.
const PAGE_ROWS: u32 = 1_000;

impl Selection {
    /// The filter for resources of a kind. A name that nothing has is an error.
    pub(crate) async fn filter(
        &self,
        store: &Store,
        kind: ResourceKind,
        project: Option<&str>,
    ) -> Result<InventoryFilter, Failed> {
        let mut filter = InventoryFilter {
            kinds: vec![kind],
            name_contains: self.name.clone(),
            presence: self.presence.clone(),
            limit: PAGE_ROWS,
            ..InventoryFilter::default()
        };
        if let Some(connector) = &self.connector {
            filter.connector = Some(lookup::connector(store, connector).await?.id);
        }
        if self.organization.is_none() && project.is_none() {
            return Ok(filter);
        }
        let places =
            lookup::organizations(store, self.connector.as_deref(), self.organization.as_deref()).await?;
        if self.organization.is_some()
            && let Some(first) = places.first()
        {
            // Several connectors may have seen it; it is one organization, unless a name was used again.
            if places.iter().all(|place| place.organization.id == first.organization.id) {
                filter.organization_id = Some(first.organization.id);
            } else {
                filter.organization = Some(first.organization.name.clone());
            }
        }
        if let Some(name) = project {
            let projects = lookup::projects(store, &places, name).await?;
            match projects.first() {
                Some(first) if projects.iter().all(|found| found.project.id == first.project.id) => {
                    filter.project_id = Some(first.project.id);
                }
                _ => filter.project = Some(name.to_owned()),
            }
        }
        Ok(filter)
    }
}

/// Everything that a filter lets through, page after page; ends early where `take` has enough.
pub(crate) async fn all_pages(
    store: &Store,
    mut filter: InventoryFilter,
    mut take: impl AsyncFnMut(Vec<ResourceView>) -> Result<bool, Failed>,
) -> Result<(), Failed> {
    loop {
        let page = store.inventory().browse(&filter).await?;
        if !take(page.resources).await? {
            return Ok(());
        }
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return Ok(()),
        }
    }
}
