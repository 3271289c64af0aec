//! `GET /_apis/profile/profiles/me`: the person behind a credential.

use crate::call::Call;
use crate::error::CallError;
use crate::session::Session;
use muster_domain::read::Read;
use serde::Deserialize;
use std::fmt;
use tracing::instrument;
use uuid::Uuid;

/// Id of a profile: what accounts are asked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProfileId(pub Uuid);

impl fmt::Display for ProfileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The person behind a credential; nothing personal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Id of the profile.
    pub id: ProfileId,
}

#[derive(Deserialize)]
struct ProfileWire {
    id: Uuid,
}

impl Session {
    /// The person behind the credential. Tokens of one organization are refused this (401 or 403).
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.profile", skip_all)]
    pub async fn profile(&self) -> Result<Profile, CallError> {
        let call = Call::of_credential(Read::Profile, "_apis/profile/profiles/me");
        let wire: ProfileWire = self.send(call).await?.object().await?;
        Ok(Profile { id: ProfileId(wire.id) })
    }
}
