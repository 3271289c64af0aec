//! What a list is about. A name that nothing has is an error: a gate on it would never trip.

use super::List;
use crate::exit::Failed;
use crate::lookup;
use muster_domain::connector::Connector;
use muster_domain::recommendation::Severity;
use muster_domain::{OrganizationName, ProjectId, RecommendationKey};
use muster_store::Store;
use muster_store::assessments::AssessmentFilter;
use muster_store::inventory::{KnownOrganization, KnownProject};

/// The conditions of a list; nothing where they exclude each other.
pub(super) async fn filter(store: &Store, list: &List) -> Result<Option<AssessmentFilter>, Failed> {
    let Some(recommendations) = recommendations(&list.severities, &list.keys)? else { return Ok(None) };
    let mut filter =
        AssessmentFilter { recommendations, states: list.states.clone(), ..AssessmentFilter::default() };
    let connectors = match &list.connector {
        Some(name) => vec![lookup::connector(store, name).await?],
        None => store.connectors().list().await?,
    };
    if list.connector.is_some() {
        filter.connector = connectors.first().map(|connector| connector.id);
    }
    if list.organization.is_none() && list.project.is_none() {
        return Ok(Some(filter));
    }
    let organizations = organizations(store, &connectors, list.organization.as_deref()).await?;
    filter.organization = list.organization.as_deref().map(OrganizationName::new);
    if let Some(name) = &list.project {
        let projects = projects(store, &organizations, name).await?;
        match projects.as_slice() {
            [only] => filter.project_id = Some(only.id),
            _ => filter.project = Some(name.clone()),
        }
    }
    Ok(Some(filter))
}

/// Keys that both conditions let through; empty where there is no condition, nothing where none is left.
fn recommendations(
    severities: &[Severity],
    keys: &[RecommendationKey],
) -> Result<Option<Vec<RecommendationKey>>, Failed> {
    if let Some(unknown) = keys.iter().find(|key| muster_rules::find(**key).is_none()) {
        let known: Vec<String> = muster_rules::catalogue()
            .iter()
            .map(|rule| rule.recommendation())
            .map(|recommendation| format!("{} ({})", recommendation.key, recommendation.title))
            .collect();
        return Err(Failed::not_found(format!(
            "there is no recommendation {unknown}; there are: {}",
            known.join(", ")
        )));
    }
    if severities.is_empty() {
        return Ok(Some(keys.to_vec()));
    }
    let wanted: Vec<RecommendationKey> = muster_rules::catalogue()
        .iter()
        .map(|rule| rule.recommendation())
        .filter(|recommendation| severities.contains(&recommendation.severity))
        .map(|recommendation| recommendation.key)
        .filter(|key| keys.is_empty() || keys.contains(key))
        .collect();
    Ok((!wanted.is_empty()).then_some(wanted))
}

async fn organizations<'a>(
    store: &Store,
    connectors: &'a [Connector],
    name: Option<&str>,
) -> Result<Vec<(&'a Connector, KnownOrganization)>, Failed> {
    let wanted = name.map(OrganizationName::new);
    let mut found = Vec::new();
    for connector in connectors {
        let organizations = store.inventory().organizations(connector.id).await?;
        let matching = organizations
            .into_iter()
            .filter(|known| wanted.as_ref().is_none_or(|wanted| *wanted == known.name));
        found.extend(matching.map(|known| (connector, known)));
    }
    match name {
        Some(name) if found.is_empty() => Err(Failed::not_found(format!(
            "no connector has found an organization {name}; see `muster connector show NAME`"
        ))),
        _ => Ok(found),
    }
}

async fn projects(
    store: &Store,
    organizations: &[(&Connector, KnownOrganization)],
    name: &str,
) -> Result<Vec<KnownProject>, Failed> {
    let mut found: Vec<KnownProject> = Vec::new();
    for (connector, organization) in organizations {
        let projects = store.inventory().projects(connector.id, organization.id).await?;
        found.extend(projects.into_iter().filter(|project| is_called(project, name)));
    }
    // The same project of two connectors is one id.
    found.sort_by_key(|project| project.id);
    found.dedup_by_key(|project| project.id);
    if found.is_empty() {
        return Err(Failed::not_found(format!("no connector has found a project {name}")));
    }
    Ok(found)
}

fn is_called(project: &KnownProject, name: &str) -> bool {
    project.name.to_lowercase() == name.to_lowercase()
        || name.parse::<ProjectId>().is_ok_and(|id| id == project.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use uuid::Uuid;

    #[test]
    fn severities_and_keys_both_hold() {
        let rule = muster_rules::catalogue()[0].recommendation();
        assert_eq!(recommendations(&[], &[]).unwrap(), Some(Vec::new()), "no condition lets all through");
        assert_eq!(recommendations(&[], &[rule.key]).unwrap(), Some(vec![rule.key]));
        assert_eq!(recommendations(&[rule.severity], &[rule.key]).unwrap(), Some(vec![rule.key]));
        let others: Vec<Severity> =
            Severity::ALL.into_iter().filter(|severity| *severity != rule.severity).collect();
        assert_eq!(
            recommendations(&others, &[rule.key]).unwrap(),
            None,
            "an empty list would let all through"
        );
        let of_severity = recommendations(&[rule.severity], &[]).unwrap().unwrap();
        assert!(of_severity.contains(&rule.key));
    }

    #[test]
    fn a_key_that_nobody_knows_is_an_error_that_names_the_known_ones() {
        let failed = recommendations(&[], &[RecommendationKey(Uuid::nil())]).unwrap_err();
        assert_eq!(failed.exit, Exit::NotFound);
        assert!(failed.message.contains(muster_rules::catalogue()[0].recommendation().title), "{failed}");
    }
}
