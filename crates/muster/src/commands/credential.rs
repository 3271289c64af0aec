//! `muster credential`: the secrets that connectors name.

mod token;
mod verify;

use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::lookup;
use crate::output::{Row, moment, note, or_dash, print_row, print_rows};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use muster_domain::connector::ConnectorState;
use muster_domain::credential::{Credential as Stored, CredentialKind};
use muster_domain::{OrganizationName, TenantId};
use muster_messages::request::check_credential_name;
use muster_store::StoreError;
use muster_store::connectors::ConnectorFilter;
use muster_store::inbox::RequestEffects;
use serde::Serialize;
use serde_json::json;
use token::TokenSource;
use uuid::Uuid;
use verify::verify;

#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// Stores a secret under a name, encrypted; one that exists by that name is replaced.
    ///
    /// It is a personal access token of Azure DevOps, or, with --tenant-id and --client-id, the client secret of an
    /// application of Microsoft Entra that is a member of the organizations.
    ///
    /// The secret is read from a file or from standard input, never from the command line, where other users of the
    /// machine could see it. Connectors that wait for a renewed credential go on at once.
    #[command(after_help = SET_EXAMPLES)]
    Set(Set),
    /// Lists names and identities, never secrets.
    List,
    /// Deletes a credential that no connector uses.
    Delete(Delete),
}

const SET_EXAMPLES: &str = "\
Examples:
  muster credential set contoso-reader --pat-file ./token
  pass show azure-devops/contoso | muster credential set contoso-reader --pat-file -
  muster credential set contoso-app --secret-file ./secret --verify contoso \\
    --tenant-id 44444444-4444-4444-8444-444444444444 \\
    --client-id 55555555-5555-4555-8555-555555555555";

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Name by which connectors and requests refer to it.
    name: String,
    /// File with the secret, or `-` for standard input.
    #[arg(long, visible_alias = "pat-file", value_name = "PATH")]
    secret_file: TokenSource,
    /// Tenant of the application whose client secret it is.
    #[arg(long, value_name = "GUID", requires = "client_id")]
    tenant_id: Option<TenantId>,
    /// Application (client) id of the application whose client secret it is.
    #[arg(long, value_name = "GUID", requires = "tenant_id")]
    client_id: Option<Uuid>,
    /// Organization that is asked whom the credential acts as; where it is refused, nothing is stored.
    #[arg(long, value_name = "ORGANIZATION", value_parser = organization_name)]
    verify: Option<OrganizationName>,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name of the credential.
    name: String,
}

impl Credential {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::Set(set) => set.run(global).await,
            Self::List => list(global).await,
            Self::Delete(delete) => delete.run(global).await,
        }
    }
}

impl Set {
    async fn run(self, global: &Global) -> Result<(), Failed> {
        check_name(&self.name)?;
        let kind = kind(self.tenant_id, self.client_id);
        let secret = self.secret_file.read()?;
        Session::run(global, async |session| {
            let acts_as = match &self.verify {
                Some(organization) => {
                    Some(verify(session, &self.name, &kind, secret.clone(), organization).await?)
                }
                None => None,
            };
            let stored = session.store.credentials().put(&self.name, kind, &secret).await;
            let stored = stored.map_err(cannot_store)?;
            session
                .note("credential.set", &stored.name, json!({ "id": stored.id, "kind": stored.kind }))
                .await;
            resume(session, &stored).await?;
            let mut shown = Shown::from(stored);
            shown.identity = acts_as.or(shown.identity);
            print_row(global.output, &shown)
        })
        .await
    }
}

/// With the ids of an application, the secret is its client secret.
fn kind(tenant_id: Option<TenantId>, client_id: Option<Uuid>) -> CredentialKind {
    match (tenant_id, client_id) {
        (Some(tenant_id), Some(client_id)) => CredentialKind::ClientSecret { tenant_id, client_id },
        _ => CredentialKind::PersonalAccessToken,
    }
}

fn organization_name(written: &str) -> Result<OrganizationName, String> {
    match written.trim() {
        "" => Err("it is empty".to_owned()),
        name if name.contains("/") => {
            Err("it is a URL or a path; give the name of the organization alone".to_owned())
        }
        name => Ok(OrganizationName::new(name)),
    }
}

/// Lets the connectors go on that wait for this credential.
async fn resume(session: &Session, credential: &Stored) -> Result<(), Failed> {
    let filter = ConnectorFilter {
        credential_id: Some(credential.id),
        states: vec![ConnectorState::NeedsAuth],
        ..ConnectorFilter::default()
    };
    for connector in session.store.connectors().find(&filter).await? {
        match session.store.inbox().perform(&RequestEffects::resume(&connector, &session.asked())).await {
            Ok(_) => note(&format!("the connector {} proves itself with the new secret", connector.name)),
            // It was removed meanwhile.
            Err(StoreError::Transition(refused)) => note(&format!("{}: {refused}", connector.name)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The name is never repeated where it looks like the secret itself.
fn check_name(name: &str) -> Result<(), Failed> {
    check_credential_name(name).map_err(|rejection| {
        Failed::usage(format!("the name of the credential {}; choose another one", rejection.reason))
    })
}

fn cannot_store(error: StoreError) -> Failed {
    match error {
        StoreError::Encryption(reason) => Failed::usage(format!(
            "the secret cannot be encrypted: {reason}; set MUSTER_ENCRYPTION_KEY to the key of this installation, for \
             a new one `openssl rand -base64 32`"
        )),
        error => error.into(),
    }
}

async fn list(global: &Global) -> Result<(), Failed> {
    Session::run(global, async |session| {
        let credentials = session.store.credentials().list().await?;
        let rows: Vec<Shown> = credentials.into_iter().map(Shown::from).collect();
        print_rows(global.output, &rows)
    })
    .await
}

impl Delete {
    async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let credential = lookup::credential(&session.store, &self.name).await?;
            session.store.credentials().delete(credential.id).await.map_err(|error| match error {
                StoreError::Conflict { what, .. } => {
                    Failed::new(Exit::Conflict, format!("{what}; remove that connector first"))
                }
                error => error.into(),
            })?;
            session.note("credential.delete", &credential.name, json!({ "id": credential.id })).await;
            note(&format!("the credential {} is deleted", credential.name));
            Ok(())
        })
        .await
    }
}

/// A credential as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: String,
    kind: &'static str,
    tenant_id: Option<TenantId>,
    client_id: Option<Uuid>,
    identity: Option<String>,
    updated_at: DateTime<Utc>,
}

impl From<Stored> for Shown {
    fn from(stored: Stored) -> Self {
        let (tenant_id, client_id) = match stored.kind {
            CredentialKind::PersonalAccessToken => (None, None),
            CredentialKind::ClientSecret { tenant_id, client_id } => (Some(tenant_id), Some(client_id)),
        };
        Self {
            name: stored.name,
            kind: stored.kind.as_str(),
            tenant_id,
            client_id,
            identity: stored.identity.map(|identity| identity.to_string()),
            updated_at: stored.updated_at,
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &["name", "kind", "client", "identity", "updated"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.kind.to_owned(),
            or_dash(self.client_id.as_ref()),
            or_dash(self.identity.as_ref()),
            moment(self.updated_at),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::{CredentialId, IdentityKey};

    #[test]
    fn a_token_in_the_place_of_the_name_is_refused_and_not_repeated() {
        let token = "a1".repeat(42);
        let refused = check_name(&token).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(!refused.message.contains(&token), "{refused}");
        assert!(check_name("two words").is_err());
        assert!(check_name("contoso-reader").is_ok());
    }

    #[test]
    fn a_missing_key_is_named_with_the_remedy() {
        let failed = cannot_store(StoreError::Encryption("no encryption key is configured".to_owned()));
        assert_eq!(failed.exit, Exit::Usage);
        assert!(failed.message.contains("MUSTER_ENCRYPTION_KEY"), "{failed}");
    }

    fn shown(kind: CredentialKind) -> Shown {
        Shown::from(Stored {
            id: CredentialId(Uuid::nil()),
            name: "reader".to_owned(),
            kind,
            identity: Some(IdentityKey::subject("aad.abc")),
            updated_at: DateTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn json_has_the_same_names_as_the_contract() {
        let token = shown(CredentialKind::PersonalAccessToken);
        let mut expected = json!({
            "name": "reader", "kind": "personalAccessToken", "tenantId": null, "clientId": null,
            "identity": "aad.abc", "updatedAt": "1970-01-01T00:00:00Z"
        });
        assert_eq!(serde_json::to_value(&token).unwrap(), expected);
        assert_eq!(token.cells().len(), Shown::COLUMNS.len());
        let (tenant_id, client_id) = (TenantId(Uuid::from_u128(1)), Uuid::from_u128(2));
        let application = shown(kind(Some(tenant_id), Some(client_id)));
        expected["kind"] = json!("clientSecret");
        expected["tenantId"] = json!(tenant_id);
        expected["clientId"] = json!(client_id);
        assert_eq!(serde_json::to_value(&application).unwrap(), expected);
        assert!(application.cells().contains(&client_id.to_string()));
    }

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        set: Set,
    }

    fn parse(arguments: &[&str]) -> Result<Set, clap::Error> {
        clap::Parser::try_parse_from([&["set", "app"], arguments].concat()).map(|line: Line| line.set)
    }

    #[test]
    fn an_application_is_named_by_both_of_its_ids() {
        let id = Uuid::from_u128(7).to_string();
        let set = parse(&["--pat-file", "-"]).unwrap();
        assert_eq!(kind(set.tenant_id, set.client_id), CredentialKind::PersonalAccessToken);
        let set = parse(&["--secret-file", "-", "--tenant-id", &id, "--client-id", &id]).unwrap();
        assert!(kind(set.tenant_id, set.client_id).is_application());
        for wrong in [
            &["--secret-file", "-", "--tenant-id", &id][..],
            &["--secret-file", "-", "--client-id", &id],
            &["--secret-file", "-", "--tenant-id", "contoso", "--client-id", &id],
            &["--tenant-id", &id, "--client-id", &id],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_organization_is_named_without_its_address() {
        assert_eq!(organization_name(" Contoso "), Ok(OrganizationName::new("contoso")));
        assert!(organization_name("https://dev.azure.com/contoso").is_err());
        assert!(organization_name(" ").is_err());
    }
}
