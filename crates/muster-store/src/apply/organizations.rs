//! How organizations stand with their connector, and what that makes of the connector.

use super::Applied;
use crate::changes::{ChoiceWrite, ConnectorTransition, OrganizationWrite};
use crate::connectors;
use crate::error::StoreError;
use crate::session::{Row, Session, values};
use muster_domain::connector::{ConnectorState, OrganizationAccess, OrganizationsChoice, standing};
use muster_domain::{ConnectorId, OrganizationName};
use muster_messages::Fact;
use std::collections::BTreeSet;

/// Longest reason that is put together from those of single organizations; more of them are counted.
const REASON_CHARACTERS_MAX: usize = 1_000;

/// Writes how organizations stand; the facts of connectors whose state or reason that changes.
pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    writes: &[OrganizationWrite],
) -> Result<Vec<Fact>, StoreError> {
    let mut touched: BTreeSet<ConnectorId> = BTreeSet::new();
    let mut admitted: BTreeSet<ConnectorId> = BTreeSet::new();
    for write in writes {
        let is_written = write_one(session, applied, write).await?;
        if is_written {
            touched.insert(connector_of(write));
        }
        if let OrganizationWrite::Stands { connector_id, access: OrganizationAccess::Connected, .. } = write {
            admitted.insert(*connector_id);
        }
    }
    let mut facts = Vec::new();
    for connector in touched {
        facts.extend(draw(session, applied, connector, admitted.contains(&connector)).await?);
    }
    Ok(facts)
}

fn connector_of(write: &OrganizationWrite) -> ConnectorId {
    match write {
        OrganizationWrite::Stands { connector_id, .. }
        | OrganizationWrite::Renamed { connector_id, .. }
        | OrganizationWrite::Forgotten { connector_id, .. } => *connector_id,
    }
}

/// False where the connector does not exist (any more).
async fn write_one(
    session: &Session,
    applied: &Applied,
    write: &OrganizationWrite,
) -> Result<bool, StoreError> {
    let written = match write {
        OrganizationWrite::Stands { connector_id, organization, organization_id, access, reason } => {
            let parameters = values![
                connector_id.0,
                organization.folded(),
                organization.as_str(),
                organization_id.map(|id| id.0),
                access.as_str(),
                reason.clone(),
                applied.now_ms
            ];
            session.run(STANDS, parameters).await?
        }
        OrganizationWrite::Renamed { connector_id, from, to } => {
            rename(session, applied, *connector_id, from, to).await?
        }
        OrganizationWrite::Forgotten { connector_id, organization } => {
            let forget =
                "DELETE FROM connector_organization WHERE connector_id = $1 AND organization_folded = $2";
            session.run(forget, values![connector_id.0, organization.folded()]).await?
        }
    };
    Ok(written > 0)
}

/// Gives an organization its new name where the connector keeps the old one: how it stands, and what was chosen.
async fn rename(
    session: &Session,
    applied: &Applied,
    connector_id: ConnectorId,
    from: &OrganizationName,
    to: &OrganizationName,
) -> Result<u64, StoreError> {
    let Some(connector) = connectors::get(session, connector_id, "{for_update}").await? else { return Ok(0) };
    // By the new name it may stand there already, found by a listing.
    let forget = "DELETE FROM connector_organization WHERE connector_id = $1 AND organization_folded = $2";
    session.run(forget, values![connector_id.0, to.folded()]).await?;
    let standing = "UPDATE connector_organization SET organization_folded = $3, organization = $4 \
         WHERE connector_id = $1 AND organization_folded = $2";
    let parameters = values![connector_id.0, from.folded(), to.folded(), to.as_str()];
    let renamed = session.run(standing, parameters).await?;
    if let OrganizationsChoice::Selected { organizations } = &connector.organizations
        && organizations.contains(from)
    {
        let names: BTreeSet<&OrganizationName> =
            organizations.iter().map(|name| if name == from { to } else { name }).collect();
        write_choice(session, applied, connector_id, names).await?;
    }
    Ok(renamed)
}

const STANDS: &str = "
    INSERT INTO connector_organization (connector_id, organization_folded, organization, organization_id, access,
        reason, since_ms, checked_at_ms)
    SELECT c.id, $2, $3, $4, $5, $6, $7, $7 FROM connector c WHERE c.id = $1
    ON CONFLICT (connector_id, organization_folded) DO UPDATE SET
        organization = excluded.organization,
        organization_id = COALESCE(excluded.organization_id, connector_organization.organization_id),
        access = excluded.access,
        reason = excluded.reason,
        since_ms = CASE WHEN connector_organization.access = excluded.access
            THEN connector_organization.since_ms ELSE excluded.since_ms END,
        checked_at_ms = excluded.checked_at_ms";

/// Draws the state of a connector from all of its organizations. A refused credential is only taken for good again
/// where an organization has just admitted it: what stood before the refusal proves nothing.
async fn draw(
    session: &Session,
    applied: &Applied,
    connector_id: ConnectorId,
    is_admitted: bool,
) -> Result<Option<Fact>, StoreError> {
    let Some(connector) = connectors::get(session, connector_id, "{for_update}").await? else {
        return Ok(None);
    };
    let is_drawn = match connector.state {
        ConnectorState::NeedsAuth => is_admitted,
        state => state.may_work(),
    };
    if !is_drawn {
        return Ok(None);
    }
    let organizations = standings(session, connector_id).await?;
    let accesses: Vec<OrganizationAccess> = organizations.iter().map(|(_, access, _)| *access).collect();
    let Some(event) = standing(&accesses) else { return Ok(None) };
    let reason = reason(&organizations);
    let transition = ConnectorTransition { connector_id, event, reason, tenant_id: None };
    connectors::transition_of_job(session, applied, &transition).await
}

/// Why organizations of a connector are not connected; `None` where all are.
pub(crate) async fn reason_of(
    session: &Session,
    connector_id: ConnectorId,
) -> Result<Option<String>, StoreError> {
    Ok(reason(&standings(session, connector_id).await?))
}

async fn standings(session: &Session, connector_id: ConnectorId) -> Result<Vec<Standing>, StoreError> {
    let rows = session
        .all(
            "connector_organization",
            "SELECT organization AS name, access, reason FROM connector_organization \
             WHERE connector_id = $1 ORDER BY organization_folded",
            values![connector_id.0],
        )
        .await?;
    rows.iter().map(standing_of).collect()
}

type Standing = (String, OrganizationAccess, Option<String>);

fn standing_of(row: &Row) -> Result<Standing, StoreError> {
    Ok((row.get("name")?, row.parse("access", OrganizationAccess::parse)?, row.get("reason")?))
}

/// Which organizations are not connected, and why; `None` where all are, or are not asked yet.
fn reason(organizations: &[Standing]) -> Option<String> {
    let refused: Vec<String> = organizations
        .iter()
        .filter(|(_, access, _)| {
            !matches!(access, OrganizationAccess::Connected | OrganizationAccess::Pending)
        })
        .map(|(name, access, reason)| match reason {
            Some(reason) => format!("{name}: {reason}"),
            None => format!("{name}: {}", access.as_str().replace('_', " ")),
        })
        .collect();
    let mut text = String::new();
    for (index, part) in refused.iter().enumerate() {
        let is_too_long = text.chars().count() + part.chars().count() > REASON_CHARACTERS_MAX;
        if is_too_long && index > 0 {
            text.push_str(&format!("; and {} more", refused.len() - index));
            break;
        }
        if index > 0 {
            text.push_str("; ");
        }
        text.extend(part.chars().take(REASON_CHARACTERS_MAX));
    }
    (!text.is_empty()).then_some(text)
}

/// Settles choices that named nothing: from now on they hold the organizations that exist.
pub(super) async fn settle(
    session: &Session,
    applied: &Applied,
    choices: &[ChoiceWrite],
) -> Result<(), StoreError> {
    for choice in choices {
        let Some(connector) = connectors::get(session, choice.connector_id, "{for_update}").await? else {
            continue;
        };
        let names_nothing = matches!(
            &connector.organizations,
            OrganizationsChoice::Selected { organizations } if organizations.is_empty()
        );
        if !names_nothing || choice.organizations.is_empty() {
            continue;
        }
        let distinct: BTreeSet<&OrganizationName> = choice.organizations.iter().collect();
        write_choice(session, applied, choice.connector_id, distinct).await?;
    }
    Ok(())
}

async fn write_choice(
    session: &Session,
    applied: &Applied,
    connector_id: ConnectorId,
    names: BTreeSet<&OrganizationName>,
) -> Result<(), StoreError> {
    let choice = OrganizationsChoice::Selected { organizations: names.into_iter().cloned().collect() };
    let choice = serde_json::to_value(&choice)
        .map_err(|error| StoreError::Invalid(format!("organizations: {error}")))?;
    let statement = "UPDATE connector SET organizations = $2, updated_at_ms = $3 WHERE id = $1";
    session.run(statement, values![connector_id.0, choice, applied.now_ms]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_those_that_are_not_connected_and_stays_short() {
        let of =
            |name: &str, access, reason: Option<&str>| (name.to_owned(), access, reason.map(str::to_owned));
        let organizations = [
            of("a", OrganizationAccess::Connected, None),
            of("b", OrganizationAccess::Refused, Some("grant a right")),
            of("c", OrganizationAccess::NotFound, None),
            of("d", OrganizationAccess::Pending, None),
        ];
        assert_eq!(reason(&organizations).as_deref(), Some("b: grant a right; c: not found"));
        assert_eq!(reason(&organizations[..1]), None);
        let long = "x".repeat(400);
        let many: Vec<_> = (0..10).map(|_| of("b", OrganizationAccess::Refused, Some(&long))).collect();
        let text = reason(&many).expect("a reason");
        assert!(text.ends_with("; and 8 more"), "{text}");
        let endless = [of("b", OrganizationAccess::Refused, Some(&"x".repeat(5_000)))];
        assert_eq!(reason(&endless).expect("a reason").len(), REASON_CHARACTERS_MAX);
    }
}
