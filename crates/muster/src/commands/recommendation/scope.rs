//! What a list is about. A name that nothing has is an error: a gate on it would never trip.

use super::{List, chosen};
use crate::exit::Failed;
use crate::lookup;
use muster_domain::OrganizationName;
use muster_store::Store;
use muster_store::assessments::AssessmentFilter;

/// The conditions of a list; nothing where they exclude each other.
pub(super) async fn filter(store: &Store, list: &List) -> Result<Option<AssessmentFilter>, Failed> {
    let Some(recommendations) = chosen::recommendations(&list.severities, &list.recommendations)? else {
        return Ok(None);
    };
    let mut filter = AssessmentFilter {
        recommendations,
        states: list.states.clone(),
        kinds: list.kinds.clone(),
        ..AssessmentFilter::default()
    };
    if let Some(since) = list.since {
        filter.since_after = Some(since.moment(store.now().await?));
    }
    if let Some(name) = &list.connector {
        filter.connector = Some(lookup::connector(store, name).await?.id);
    }
    if list.organization.is_none() && list.project.is_none() {
        return Ok(Some(filter));
    }
    let places =
        lookup::organizations(store, list.connector.as_deref(), list.organization.as_deref()).await?;
    if list.organization.is_some() {
        filter.organization =
            places.first().map(|place| OrganizationName::new(place.organization.name.as_str()));
    }
    if let Some(name) = &list.project {
        let projects = lookup::projects(store, &places, name).await?;
        match projects.first() {
            // The same project of two connectors is one id.
            Some(first) if projects.iter().all(|found| found.project.id == first.project.id) => {
                filter.project_id = Some(first.project.id);
            }
            _ => filter.project = Some(name.clone()),
        }
    }
    Ok(Some(filter))
}
