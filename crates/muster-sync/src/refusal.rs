//! What a call that refuses, or finds nothing, says about the credential, the organization and the project.

use crate::pass::Pass;
use crate::reads::ReadError;
use muster_azdo::CallError;
use muster_domain::connector::ConnectorState;
use muster_domain::read::{Read, UnknownReason};
use muster_runtime::HandlerError;
use muster_store::changes::{ReadingKey, ReadingWrite};

/// Code of Azure DevOps' answer (404) where the project itself is not there, or is not shown to the caller.
const PROJECT_DOES_NOT_EXIST: &str = "TF200016";

/// True where the answer says that the project itself is not there.
pub(crate) fn is_project_absent(error: &CallError) -> bool {
    matches!(error, CallError::NotFound { detail, .. } if detail.contains(PROJECT_DOES_NOT_EXIST))
}

/// True where a call was refused or not found, and the organization admits the credential: what depends on the call is
/// Unknown. False where the credential is lost, or the call failed otherwise. Asked once in a pass.
///
/// # Errors
/// [`HandlerError::Gone`] where the organization is not there, is stopped, or refuses what others admit: discovery says
/// how it stands.
pub(crate) async fn is_refused_alone(pass: &mut Pass<'_>, error: &CallError) -> Result<bool, ReadError> {
    let is_in_doubt = match error {
        CallError::Forbidden { .. } => return Ok(true),
        // A token without the scope of one call is answered like one that is lost, and a read that is not offered like
        // an organization that was deleted.
        CallError::Unauthorized { .. } | CallError::NotFound { .. } => !pass.progress.admitted_after_refusal,
        CallError::Throttled { .. }
        | CallError::OrganizationStopped { .. }
        | CallError::Transient { .. }
        | CallError::HostUnavailable { .. }
        | CallError::CertificateRefused { .. }
        | CallError::Unexpected { .. }
        | CallError::GateUnavailable { .. } => return Ok(false),
    };
    if !is_in_doubt {
        return Ok(true);
    }
    if matches!(error, CallError::Unauthorized { .. }) && is_lost_already(pass).await? {
        return Ok(false);
    }
    match pass.session.connection_data(&pass.organization).await {
        Ok(_) => {
            pass.progress.admitted_after_refusal = true;
            Ok(true)
        }
        Err(refused @ CallError::Unauthorized { .. }) if is_known_elsewhere(pass).await? => {
            Err(HandlerError::Gone { message: refused.to_string() }.into())
        }
        Err(CallError::Unauthorized { .. }) => {
            pass.is_refused = true;
            Ok(false)
        }
        Err(absent @ (CallError::NotFound { .. } | CallError::OrganizationStopped { .. })) => {
            Err(HandlerError::Gone { message: absent.to_string() }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// True where this run, or another worker, has found out already that the credential is lost: nobody need ask again.
async fn is_lost_already(pass: &Pass<'_>) -> Result<bool, HandlerError> {
    if pass.is_refused {
        return Ok(true);
    }
    let connector = pass.slice.store().connectors().get(pass.connector.id).await?;
    Ok(connector.is_some_and(|connector| connector.state == ConnectorState::NeedsAuth))
}

/// True where another organization admits the credential.
async fn is_known_elsewhere(pass: &Pass<'_>) -> Result<bool, ReadError> {
    let connectors = pass.slice.store().connectors();
    let refusing = std::slice::from_ref(&pass.organization);
    let other =
        connectors.admitting(pass.connector.credential_id, refusing).await.map_err(HandlerError::from)?;
    let Some(other) = other else { return Ok(false) };
    Ok(pass.session.connection_data(&other).await.is_ok())
}

/// The project answers as if it were not there. The first time its organization is listed again, which tells what became
/// of it. Where it is still listed then, it is there and not shown to this credential: true, and what was not read of
/// it is Unknown until it answers.
///
/// # Errors
/// [`HandlerError::Gone`] the first time.
pub(crate) async fn is_listed_all_the_same(
    pass: &mut Pass<'_>,
    error: &CallError,
) -> Result<bool, HandlerError> {
    if let Some(since) = pass.absent_since()
        && is_listed_after(pass, since).await?
    {
        tracing::info!(%error, "the project is listed and answers as if it were not there, it is unknown");
        return Ok(true);
    }
    if pass.absent_since().is_none() {
        let (key, outcome) = (pass.absence_key(), Err(UnknownReason::Forbidden));
        pass.changes.readings.push(ReadingWrite { key, outcome });
    }
    pass.keep().await?;
    Err(HandlerError::Gone { message: error.to_string() })
}

/// Whether the projects of the organization were listed since; that the project is among them, its presence says.
async fn is_listed_after(
    pass: &Pass<'_>,
    since: chrono::DateTime<chrono::Utc>,
) -> Result<bool, HandlerError> {
    let key = ReadingKey { project_id: None, ..pass.reading_key(Read::Projects, "") };
    let listing = pass.slice.store().inventory().reading(&key).await?;
    Ok(listing.is_some_and(|listing| listing.read_at > since))
}

/// The project answers (again).
pub(crate) fn note_answer(pass: &mut Pass<'_>) {
    if pass.absent_since().is_some() {
        let key = pass.absence_key();
        pass.changes.forgotten_readings.push(key);
    }
}
