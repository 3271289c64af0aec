//! Credentials: stored encrypted, shown without their secret, revealed to whoever makes the calls.

use crate::Store;
use crate::apply::Applied;
use crate::budget;
use crate::changes::IdentityWrite;
use crate::encryption::{KeyRing, Sealed};
use crate::error::StoreError;
use crate::ledger::control;
use crate::session::{Row, Session, values};
use muster_domain::credential::{Credential, CredentialKind};
use muster_domain::{CredentialId, IdentityKey};
use secrecy::SecretString;
use uuid::Uuid;

/// The credentials of a store.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(crate) store: Store,
}

const COLUMNS: &str = "id, name, kind, settings, identity, updated_at_ms";

impl Credentials {
    /// Stores a secret under a name; one that exists by that name is replaced and keeps its id, and jobs that wait for
    /// it wait no longer. It keeps its identity
    /// where it is of the same kind: another application, or a token in place of one, acts as somebody else.
    ///
    /// # Errors
    /// [`StoreError::Encryption`] where no key is configured.
    pub async fn put(
        &self,
        name: &str,
        kind: CredentialKind,
        secret: &SecretString,
    ) -> Result<Credential, StoreError> {
        let keys = self.keys()?;
        let kind = &kind;
        self.store.transaction(|session| async move { put(&session, keys, name, kind, secret).await }).await
    }

    /// All credentials by name, without secrets.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self) -> Result<Vec<Credential>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM credential ORDER BY name");
        self.store.reader().all("credential", &statement, values![]).await?.iter().map(credential).collect()
    }

    /// One credential, without its secret.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Inconsistent`].
    pub async fn get(&self, id: CredentialId) -> Result<Credential, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM credential WHERE id = $1");
        let row = self.store.reader().one("credential", &statement, values![id.0]).await?;
        credential(&row.ok_or_else(|| StoreError::not_found("credential", &id))?)
    }

    /// The credential of that name, without its secret.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get_by_name(&self, name: &str) -> Result<Option<Credential>, StoreError> {
        by_name(&self.store.reader(), name).await
    }

    /// The secret itself.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Encryption`] where the key is missing or the row was changed.
    pub async fn reveal(&self, id: CredentialId) -> Result<SecretString, StoreError> {
        let keys = self.keys()?;
        let row = self
            .store
            .reader()
            .one(
                "credential",
                "SELECT id, key_id, nonce, ciphertext FROM credential WHERE id = $1",
                values![id.0],
            )
            .await?
            .ok_or_else(|| StoreError::not_found("credential", &id))?;
        keys.open(id, &sealed(&row)?)
    }

    /// Azure DevOps said whom the credential acts as: what was spent on its own account counts for that identity.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn set_identity(&self, id: CredentialId, identity: &IdentityKey) -> Result<(), StoreError> {
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        let write = &IdentityWrite { credential_id: id, identity: identity.clone() };
        self.store
            .transaction(|session| async move {
                let applied = Applied { installation, now_ms: session.now_ms().await?, max_attempts };
                set_identity(&session, &applied, write).await
            })
            .await
    }

    /// Deletes a credential.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] naming a connector that uses it.
    pub async fn delete(&self, id: CredentialId) -> Result<(), StoreError> {
        self.store.transaction(|session| async move { delete(&session, id).await }).await
    }

    /// Encrypts every secret with the active key that another one encrypted; how many were.
    ///
    /// # Errors
    /// [`StoreError::Encryption`] where an older key is missing.
    pub async fn rotate_keys(&self) -> Result<u64, StoreError> {
        let keys = self.keys()?;
        self.store.transaction(|session| async move { rotate(&session, keys).await }).await
    }

    fn keys(&self) -> Result<&KeyRing, StoreError> {
        self.store
            .inner
            .encryption
            .as_ref()
            .ok_or_else(|| StoreError::Encryption("no encryption key is configured".to_owned()))
    }
}

async fn by_name(session: &Session, name: &str) -> Result<Option<Credential>, StoreError> {
    // Names are compared without case; one that was stored when they were not is still found by its own.
    let statement = format!(
        "SELECT {COLUMNS} FROM credential WHERE lower(name) = lower($1) \
         ORDER BY CASE WHEN name = $1 THEN 0 ELSE 1 END, name LIMIT 1"
    );
    session.one("credential", &statement, values![name]).await?.as_ref().map(credential).transpose()
}

pub(crate) async fn by_id(session: &Session, id: CredentialId) -> Result<Option<Credential>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM credential WHERE id = $1");
    session.one("credential", &statement, values![id.0]).await?.as_ref().map(credential).transpose()
}

async fn put(
    session: &Session,
    keys: &KeyRing,
    name: &str,
    kind: &CredentialKind,
    secret: &SecretString,
) -> Result<Credential, StoreError> {
    let existing = by_name(session, name).await?;
    let id = existing.as_ref().map_or_else(|| CredentialId(Uuid::now_v7()), |credential| credential.id);
    let sealed = keys.seal(id, secret)?;
    session
        .run(
            "INSERT INTO credential (id, name, kind, key_id, nonce, ciphertext, budget_key, settings, \
             created_at_ms, updated_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {now}, {now}) \
             ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, settings = excluded.settings, \
             key_id = excluded.key_id, nonce = excluded.nonce, ciphertext = excluded.ciphertext, \
             updated_at_ms = excluded.updated_at_ms",
            values![
                id.0,
                name,
                kind.as_str(),
                sealed.key_id,
                sealed.nonce,
                sealed.ciphertext,
                IdentityKey::of_credential(id).as_str(),
                settings(kind)?
            ],
        )
        .await?;
    if existing.is_some_and(|existing| existing.kind != *kind) {
        forget_identity(session, id).await?;
    }
    // What waited for it goes on as soon as its connector does.
    control::release(session, "credential_id = $1", id.0).await?;
    by_name(session, name).await?.ok_or_else(|| StoreError::not_found("credential", name))
}

/// Whom the credential acts as is to be asked; until then it spends on its own account.
async fn forget_identity(session: &Session, id: CredentialId) -> Result<(), StoreError> {
    let own = IdentityKey::of_credential(id);
    let statement = "UPDATE credential SET identity = NULL, budget_key = $2 WHERE id = $1";
    session.run(statement, values![id.0, own.as_str()]).await?;
    Ok(())
}

async fn delete(session: &Session, id: CredentialId) -> Result<(), StoreError> {
    let user = session
        .one(
            "connector",
            "SELECT id, name FROM connector WHERE credential_id = $1 AND state <> 'removed' ORDER BY name LIMIT 1",
            values![id.0],
        )
        .await?;
    if let Some(user) = user {
        let name: String = user.get("name")?;
        return Err(StoreError::conflict(format!("the credential is used by the connector {name}")));
    }
    let key = IdentityKey::of_credential(id);
    session.run("DELETE FROM budget WHERE identity_key = $1", values![key.as_str()]).await?;
    budget::scopes::forget(session, &key).await?;
    match session.run("DELETE FROM credential WHERE id = $1", values![id.0]).await? {
        0 => Err(StoreError::not_found("credential", &id)),
        _ => Ok(()),
    }
}

async fn rotate(session: &Session, keys: &KeyRing) -> Result<u64, StoreError> {
    let rows = session
        .all(
            "credential",
            "SELECT id, key_id, nonce, ciphertext FROM credential WHERE key_id <> $1 ORDER BY id {for_update}",
            values![keys.active_key_id()],
        )
        .await?;
    let mut count = 0;
    for row in rows {
        let id: CredentialId = row.id("id")?;
        let secret = keys.open(id, &sealed(&row)?)?;
        let sealed = keys.seal(id, &secret)?;
        count += session
            .run(
                "UPDATE credential SET key_id = $2, nonce = $3, ciphertext = $4 WHERE id = $1",
                values![id.0, sealed.key_id, sealed.nonce, sealed.ciphertext],
            )
            .await?;
    }
    Ok(count)
}

/// In the transaction of the caller. A credential that does not exist any more needs no identity.
pub(crate) async fn set_identity(
    session: &Session,
    applied: &Applied,
    write: &IdentityWrite,
) -> Result<(), StoreError> {
    let row = session
        .one(
            "credential",
            "SELECT id, budget_key FROM credential WHERE id = $1 {for_update}",
            values![write.credential_id.0],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let before: String = row.get("budget_key")?;
    if before == write.identity.as_str() {
        return Ok(());
    }
    session
        .run(
            "UPDATE credential SET identity = $2, budget_key = $2 WHERE id = $1",
            values![write.credential_id.0, write.identity.as_str()],
        )
        .await?;
    let provisional = IdentityKey::of_credential(write.credential_id);
    if before == provisional.as_str() {
        budget::merge(session, applied, &provisional, &write.identity).await?;
    }
    Ok(())
}

fn sealed(row: &Row) -> Result<Sealed, StoreError> {
    Ok(Sealed { key_id: row.get("key_id")?, nonce: row.get("nonce")?, ciphertext: row.get("ciphertext")? })
}

/// What a kind consists of beside its name; nothing for those that have nothing.
fn settings(kind: &CredentialKind) -> Result<Option<serde_json::Value>, StoreError> {
    match kind {
        CredentialKind::PersonalAccessToken => Ok(None),
        CredentialKind::ClientSecret { .. } => serde_json::to_value(kind)
            .map(Some)
            .map_err(|error| StoreError::Invalid(format!("settings of the credential: {error}"))),
    }
}

fn kind(row: &Row) -> Result<CredentialKind, StoreError> {
    let name: String = row.get("kind")?;
    let kind = match row.get::<Option<serde_json::Value>>("settings")? {
        Some(settings) => serde_json::from_value(settings).map_err(|error| row.broken("settings", error))?,
        None => CredentialKind::PersonalAccessToken,
    };
    if kind.as_str() == name {
        Ok(kind)
    } else {
        Err(row.broken("kind", format!("{name:?} without its settings")))
    }
}

fn credential(row: &Row) -> Result<Credential, StoreError> {
    Ok(Credential {
        id: row.id("id")?,
        name: row.get("name")?,
        kind: kind(row)?,
        identity: row.get::<Option<String>>("identity")?.map(IdentityKey::subject),
        updated_at: row.time("updated_at_ms")?,
    })
}
