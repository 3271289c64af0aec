//! Whom a credential acts as, asked before it is stored.

use crate::exit::Failed;
use crate::output::note;
use crate::process::azure_devops;
use crate::session::Session;
use muster_azdo::{CallError, UnauthorizedReason};
use muster_domain::budget::ConsumptionClass;
use muster_domain::credential::{Credential, CredentialKind};
use muster_domain::{Clock as _, CredentialId, IdentityKey, OrganizationName, SystemClock};
use secrecy::SecretString;
use uuid::Uuid;

/// Whose budget the calls of credentials draw on that are not stored yet: one call for each, whoever they act as.
const NOT_STORED: &str = "credential:not-stored";

/// Asks `organization` whom the credential acts as, and says so.
pub(super) async fn verify(
    session: &Session,
    name: &str,
    kind: &CredentialKind,
    secret: SecretString,
    organization: &OrganizationName,
) -> Result<String, Failed> {
    let known = session.store.credentials().get_by_name(name).await?;
    let (id, identity) = match known {
        Some(credential) => (credential.id, credential.identity),
        None => (CredentialId(Uuid::nil()), Some(IdentityKey::subject(NOT_STORED))),
    };
    let credential =
        Credential { id, name: name.to_owned(), kind: kind.clone(), identity, updated_at: SystemClock.now() };
    let client = azure_devops(&session.configuration, &session.store)?;
    let calls = client.session_of(&credential, secret, ConsumptionClass::Interactive);
    let data = calls.connection_data(organization).await.map_err(refused)?;
    let display_name = data.display_name.filter(|name| !name.is_empty());
    let acts_as = display_name.unwrap_or_else(|| data.subject_descriptor.clone());
    note(&format!("in {organization} the credential acts as {acts_as}"));
    Ok(data.subject_descriptor)
}

/// Says beside what failed that nothing was stored, and what to do where that is not said yet.
fn refused(error: CallError) -> Failed {
    let remedy = match &error {
        // Its detail holds the remedy.
        CallError::Unauthorized { reason: UnauthorizedReason::ApplicationRefused, .. } => "",
        CallError::Unauthorized { .. } => {
            "; check the secret, and that its owner is a member of the organization"
        }
        _ => "",
    };
    let failed = Failed::from(error);
    Failed::new(failed.exit, format!("nothing is stored: {failed}{remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use muster_azdo::CallTarget;
    use muster_domain::read::Read;

    #[test]
    fn a_refusal_says_that_nothing_is_stored_and_what_to_do() {
        let call = CallTarget::in_organization(Read::ConnectionData, &OrganizationName::new("contoso"));
        let reason = UnauthorizedReason::CredentialRefused;
        let failed = refused(CallError::Unauthorized { call: call.clone(), reason, detail: String::new() });
        assert_eq!(failed.exit, Exit::Authorization);
        assert!(
            failed.message.starts_with("nothing is stored: ") && failed.message.contains("check the secret")
        );
        let detail = "a remedy of its own".to_owned();
        let reason = UnauthorizedReason::ApplicationRefused;
        let failed = refused(CallError::Unauthorized { call, reason, detail });
        assert!(failed.message.ends_with("a remedy of its own"), "{failed}");
    }
}
