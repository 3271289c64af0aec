//! Organizations and projects of the inventory by the names that people use. A name may be used by several
//! connectors or organizations; what is one thing only must be told apart.

use crate::exit::Failed;
use muster_api::scopes::organization_of;
use muster_domain::connector::Connector;
use muster_domain::{OrganizationId, OrganizationName, ProjectId};
use muster_store::Store;
use muster_store::inventory::{KnownOrganization, KnownProject};

/// An organization in the inventory of a connector.
#[derive(Clone, Debug)]
pub(crate) struct OrganizationPlace {
    pub(crate) connector: Connector,
    pub(crate) organization: KnownOrganization,
}

/// A project in the inventory of a connector.
#[derive(Clone, Debug)]
pub(crate) struct ProjectPlace {
    pub(crate) place: OrganizationPlace,
    pub(crate) project: KnownProject,
}

/// The organizations of that name or id, or all; of that connector, or of all.
pub(crate) async fn organizations(
    store: &Store,
    connector: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<OrganizationPlace>, Failed> {
    let connectors = match connector {
        Some(connector) => vec![super::connector(store, connector).await?],
        None => store.connectors().list().await?,
    };
    let mut found = Vec::new();
    for connector in connectors {
        let known = store.inventory().organizations(connector.id).await?;
        let matching = known.into_iter().filter(|known| name.is_none_or(|name| is_organization(known, name)));
        found.extend(
            matching.map(|organization| OrganizationPlace { connector: connector.clone(), organization }),
        );
    }
    match name {
        Some(name) if found.is_empty() => Err(Failed::not_found(format!(
            "no connector has found an organization {name}; list them with `muster organization list`"
        ))),
        _ => Ok(found),
    }
}

/// Refuses a name that no connector knows as an organization, chosen or found; of that connector, or of all.
pub(crate) async fn has_organization(
    store: &Store,
    connector: Option<&Connector>,
    name: &str,
) -> Result<(), Failed> {
    let connectors = match connector {
        Some(connector) => vec![connector.clone()],
        None => store.connectors().list().await?,
    };
    for connector in &connectors {
        if organization_of(store, connector, &OrganizationName::new(name)).await?.is_some() {
            return Ok(());
        }
    }
    Err(Failed::not_found(format!(
        "no connector has an organization {name}; list them with `muster organization list`"
    )))
}

/// The projects of that name or id in these organizations.
pub(crate) async fn projects(
    store: &Store,
    places: &[OrganizationPlace],
    name: &str,
) -> Result<Vec<ProjectPlace>, Failed> {
    let mut found = Vec::new();
    for place in places {
        let known = store.inventory().projects(place.connector.id, place.organization.id).await?;
        let matching = known.into_iter().filter(|project| is_project(project, name));
        found.extend(matching.map(|project| ProjectPlace { place: place.clone(), project }));
    }
    if found.is_empty() {
        return Err(Failed::not_found(format!(
            "no connector has found a project {name}; list them with `muster project list`"
        )));
    }
    Ok(found)
}

/// The one project of that name or id.
pub(crate) async fn project(
    store: &Store,
    connector: Option<&str>,
    organization: Option<&str>,
    name: &str,
) -> Result<ProjectPlace, Failed> {
    let places = organizations(store, connector, organization).await?;
    let found = projects(store, &places, name).await?;
    let candidates: Vec<String> = found
        .iter()
        .map(|found| format!("{} in {}", found.project.id, describe_organization(&found.place)))
        .collect();
    one(found, &candidates, name, "projects", "give --organization, --connector or the id")
}

/// The only one of what was found; several are refused with the candidates.
pub(crate) fn one<T>(
    mut found: Vec<T>,
    candidates: &[String],
    name: &str,
    what: &str,
    remedy: &str,
) -> Result<T, Failed> {
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Failed::not_found(format!("there are no {what} {name}"))),
        (Some(_), false) => {
            Err(Failed::usage(format!("{name} names several {what}, {remedy}: {}", candidates.join(", "))))
        }
    }
}

fn describe_organization(place: &OrganizationPlace) -> String {
    format!("{} ({}) of connector {}", place.organization.name, place.organization.id, place.connector.name)
}

fn is_organization(known: &KnownOrganization, name: &str) -> bool {
    known.name == OrganizationName::new(name) || name.parse::<OrganizationId>().is_ok_and(|id| id == known.id)
}

fn is_project(project: &KnownProject, name: &str) -> bool {
    project.name.to_lowercase() == name.to_lowercase()
        || name.parse::<ProjectId>().is_ok_and(|id| id == project.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn several_candidates_are_named_with_the_remedy() {
        let pick = |found: Vec<u32>| {
            let candidates: Vec<String> = found.iter().map(|id| format!("candidate-{id}")).collect();
            one(found, &candidates, "shop", "projects", "give --organization")
        };
        assert_eq!(pick(vec![7]).unwrap(), 7);
        assert_eq!(pick(Vec::new()).unwrap_err().exit, Exit::NotFound);
        let ambiguous = pick(vec![1, 2]).unwrap_err();
        assert_eq!(ambiguous.exit, Exit::Usage);
        for part in ["shop", "candidate-1", "candidate-2", "--organization"] {
            assert!(ambiguous.message.contains(part), "{ambiguous}");
        }
    }
}
