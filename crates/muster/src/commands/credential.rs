//! `muster credential`: the secrets that connectors name.

mod token;

use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::lookup;
use crate::output::{Row, moment, note, or_dash, print_row, print_rows};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use muster_domain::connector::ConnectorState;
use muster_domain::credential::{Credential as Stored, CredentialKind};
use muster_messages::request::check_credential_name;
use muster_store::StoreError;
use muster_store::connectors::ConnectorFilter;
use muster_store::inbox::RequestEffects;
use serde::Serialize;
use serde_json::json;
use token::TokenSource;

#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// Stores a secret under a name, encrypted; one that exists by that name is replaced.
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
  pass show azure-devops/contoso | muster credential set contoso-reader --pat-file -";

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Name by which connectors and requests refer to it.
    name: String,
    /// File with a personal access token of Azure DevOps, or `-` for standard input.
    #[arg(long, value_name = "PATH")]
    pat_file: TokenSource,
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
        let token = self.pat_file.read()?;
        Session::run(global, async |session| {
            let credentials = session.store.credentials();
            let stored = credentials.put(&self.name, CredentialKind::PersonalAccessToken, &token).await;
            let stored = stored.map_err(cannot_store)?;
            session
                .note("credential.set", &stored.name, json!({ "id": stored.id, "kind": stored.kind }))
                .await;
            resume(session, &stored).await?;
            print_row(global.output, &Shown::from(stored))
        })
        .await
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
    kind: CredentialKind,
    identity: Option<String>,
    updated_at: DateTime<Utc>,
}

impl From<Stored> for Shown {
    fn from(stored: Stored) -> Self {
        Self {
            name: stored.name,
            kind: stored.kind,
            identity: stored.identity.map(|identity| identity.to_string()),
            updated_at: stored.updated_at,
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &["name", "kind", "identity", "updated"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.kind.as_str().to_owned(),
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

    #[test]
    fn json_has_the_same_names_as_the_contract() {
        let shown = Shown::from(Stored {
            id: CredentialId(uuid::Uuid::nil()),
            name: "reader".to_owned(),
            kind: CredentialKind::PersonalAccessToken,
            identity: Some(IdentityKey::subject("aad.abc")),
            updated_at: DateTime::UNIX_EPOCH,
        });
        let expected = json!({
            "name": "reader", "kind": "personalAccessToken", "identity": "aad.abc", "updatedAt": "1970-01-01T00:00:00Z"
        });
        assert_eq!(serde_json::to_value(&shown).unwrap(), expected);
        assert_eq!(shown.cells().len(), Shown::COLUMNS.len());
    }
}
