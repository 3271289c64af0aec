//! Each connector: does its credential work, whom does it act as, how do its organizations stand.

use super::check::Report;
use crate::commands::survey::Survey;
use crate::exit::{Exit, Failed};
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::connector::{Connector, ConnectorState, OrganizationAccess, OrganizationsChoice};
use muster_domain::credential::Credential;
use muster_store::connectors::OrganizationStanding;

const AREA: &str = "connectors";

pub(super) async fn examine(session: &Session, offline: bool, report: &mut Report) {
    let connectors = match session.store.connectors().list().await {
        Ok(connectors) => connectors,
        Err(error) => return report.failed(AREA, "connectors", error.to_string(), "see the message"),
    };
    if connectors.is_empty() {
        report.ok(AREA, "connectors", "there is none yet; create one with `muster connector create`");
    }
    for connector in connectors {
        state(&connector, report);
        if let Err(failed) = organizations(session, &connector, offline, report).await {
            report.failed(AREA, connector.name.clone(), failed.message, "see the message");
        }
    }
}

fn state(connector: &Connector, report: &mut Report) {
    let check = format!("{}: state", connector.name);
    let detail = match &connector.state_reason {
        Some(reason) => format!("{}: {reason}", connector.state),
        None => connector.state.to_string(),
    };
    let name = &connector.name;
    match connector.state {
        ConnectorState::Active | ConnectorState::Pending | ConnectorState::Removing | ConnectorState::Removed => {
            report.ok(AREA, check, detail);
        }
        ConnectorState::Paused => {
            report.warning(AREA, check, detail, format!("`muster connector resume {name}` lets it go on"));
        }
        ConnectorState::NeedsAuth => {
            report.failed(AREA, check, detail, "store a new secret with `muster credential set`");
        }
        ConnectorState::NeedsPermission => report.failed(
            AREA,
            check,
            detail,
            format!("grant what the reason names, then `muster connector resume {name}`"),
        ),
        ConnectorState::Conflict => report.failed(
            AREA,
            check,
            detail,
            "remove the organization from the other connector, or from this one with `muster connector update`",
        ),
    }
}

async fn organizations(
    session: &Session,
    connector: &Connector,
    offline: bool,
    report: &mut Report,
) -> Result<(), Failed> {
    let standings = session.store.connectors().organizations(Some(connector.id)).await?;
    if !offline && connector.state.may_work() {
        let credential = session.store.credentials().get(connector.credential_id).await?;
        if let Some(organization) = first(connector, &standings) {
            prove(session, connector, &credential, &organization, report).await;
        }
    }
    for standing in standings.iter().filter(|standing| standing.access != OrganizationAccess::Connected) {
        let check = format!("{}: organization {}", connector.name, standing.organization);
        let reason = standing.reason.clone().unwrap_or_default();
        let detail = format!("{} {reason}", standing.access);
        if standing.access == OrganizationAccess::Pending {
            report.ok(AREA, check, detail.trim_end());
        } else {
            let remedy = leave_out(connector, &standing.organization);
            report.warning(AREA, check, detail.trim_end(), remedy);
        }
    }
    let connected =
        standings.iter().filter(|standing| standing.access == OrganizationAccess::Connected).count();
    report.ok(
        AREA,
        format!("{}: access", connector.name),
        format!("{connected} of {} organizations are connected", standings.len()),
    );
    Ok(())
}

/// What to do about an organization that cannot be read. Only one that was named can be left out.
fn leave_out(connector: &Connector, organization: &OrganizationName) -> String {
    match &connector.organizations {
        OrganizationsChoice::Selected { .. } => format!(
            "do what the reason says, or leave it out: `muster connector update {} --remove-organization {organization}`",
            connector.name
        ),
        OrganizationsChoice::AllExistingAndFuture => {
            format!(
                "do what the reason says; the connector has every organization that its credential finds, or name those \
                 that you want: `muster connector update {} --organization NAME`",
                connector.name
            )
        }
    }
}

/// An organization to prove the credential on: one that is connected, else one that was named.
fn first(connector: &Connector, standings: &[OrganizationStanding]) -> Option<OrganizationName> {
    let connected = standings
        .iter()
        .find(|standing| standing.access == OrganizationAccess::Connected)
        .or(standings.first());
    let named = match &connector.organizations {
        OrganizationsChoice::Selected { organizations } => organizations.first(),
        OrganizationsChoice::AllExistingAndFuture => None,
    };
    connected.map(|standing| &standing.organization).or(named).cloned()
}

/// Makes one call with the credential.
async fn prove(
    session: &Session,
    connector: &Connector,
    credential: &Credential,
    organization: &OrganizationName,
    report: &mut Report,
) {
    let check = format!("{}: credential {}", connector.name, credential.name);
    let looked = async {
        let survey = Survey::with(session, credential).await?;
        survey.look(organization, connector.tenant_id, Some(connector.id)).await
    };
    match looked.await {
        Ok(found) => match (found.subject, found.reason) {
            (Some(subject), _) => report.ok(AREA, check, format!("works in {organization} as {subject}")),
            (None, reason) => report.failed(
                AREA,
                check,
                reason.unwrap_or_else(|| format!("{organization} does not answer")),
                format!(
                    "store a new secret with `muster credential set {}`, or grant access",
                    credential.name
                ),
            ),
        },
        Err(failed) if matches!(failed.exit, Exit::Throttled | Exit::Unavailable) => {
            report.warning(AREA, check, failed.message, "look again later");
        }
        Err(failed) => report.failed(AREA, check, failed.message, "see the message"),
    }
}
