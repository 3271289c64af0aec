//! Requests are accepted once, in the transaction of their effects.

use crate::Store;
use crate::apply::Applied;
use crate::changes::ConnectorTransition;
use crate::connectors::{self, NewConnector};
use crate::error::StoreError;
use crate::ledger::enqueue::enqueue;
use crate::ledger::{Enqueued, NewJob};
use crate::outbox;
use crate::session::{Session, milliseconds, values};
use muster_domain::resource::ContentHash;
use muster_messages::Fact;
use std::time::Duration;

/// The inbox of a store.
#[derive(Clone, Debug)]
pub struct Inbox {
    pub(crate) store: Store,
}

/// Everything that a request does. `muster_store::requests` makes it from requests.
#[derive(Clone, Debug, Default)]
pub struct RequestEffects {
    /// Connectors that come to be.
    pub connectors: Vec<NewConnector>,
    /// What happens to connectors.
    pub transitions: Vec<ConnectorTransition>,
    /// Jobs that follow.
    pub jobs: Vec<NewJob>,
    /// What subscribers are told.
    pub facts: Vec<Fact>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Its effects are committed, with the jobs in the order of the effects.
    Accepted(Vec<Enqueued>),
    /// It was accepted before: nothing happened.
    Duplicate,
    /// Another request was accepted under the same source and id: its sender made a mistake.
    ConflictingBody,
}

impl Inbox {
    /// Accepts a request by its source and id, once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the name of a new connector is taken; [`StoreError::Transition`] and
    /// [`StoreError::NotFound`] where the connector cannot do what is asked: nothing is committed.
    pub async fn accept(
        &self,
        source: &str,
        id: &str,
        body_hash: ContentHash,
        effects: &RequestEffects,
    ) -> Result<Acceptance, StoreError> {
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                if let Some(seen) = claim(&session, source, id, body_hash).await? {
                    return Ok(seen);
                }
                let applied = Applied { installation, now_ms: session.now_ms().await?, max_attempts };
                perform(&session, &applied, effects).await.map(Acceptance::Accepted)
            })
            .await
    }

    /// Does what a request would do, for callers that are sure that they ask once (the API, the command line).
    ///
    /// # Errors
    /// As [`Inbox::accept`].
    pub async fn perform(&self, effects: &RequestEffects) -> Result<Vec<Enqueued>, StoreError> {
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let applied = Applied { installation, now_ms: session.now_ms().await?, max_attempts };
                perform(&session, &applied, effects).await
            })
            .await
    }

    /// Writes facts on their own, for what is told without anything else being done (a request that is refused).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn tell(&self, facts: &[Fact]) -> Result<(), StoreError> {
        let effects = RequestEffects { facts: facts.to_vec(), ..RequestEffects::default() };
        self.perform(&effects).await.map(|_| ())
    }

    /// Forgets requests older than any replay.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn prune(&self, older_than: Duration) -> Result<u64, StoreError> {
        self.store
            .transaction(|session| async move {
                session
                    .run(
                        "DELETE FROM inbox WHERE received_at_ms < {now} - $1",
                        values![milliseconds(older_than)],
                    )
                    .await
            })
            .await
    }
}

/// Takes the pair of source and id; what to answer where it is taken already.
async fn claim(
    session: &Session,
    source: &str,
    id: &str,
    body_hash: ContentHash,
) -> Result<Option<Acceptance>, StoreError> {
    let inserted = session
        .run(
            "INSERT INTO inbox (source, message_id, body_hash, received_at_ms) VALUES ($1, $2, $3, {now}) \
             ON CONFLICT (source, message_id) DO NOTHING",
            values![source, id, body_hash.0.to_vec()],
        )
        .await?;
    if inserted > 0 {
        return Ok(None);
    }
    let row = session
        .one(
            "inbox",
            "SELECT message_id AS name, body_hash FROM inbox WHERE source = $1 AND message_id = $2",
            values![source, id],
        )
        .await?
        .ok_or_else(|| StoreError::not_found("request", id))?;
    let kept: Vec<u8> = row.get("body_hash")?;
    Ok(Some(if kept == body_hash.0 { Acceptance::Duplicate } else { Acceptance::ConflictingBody }))
}

async fn perform(
    session: &Session,
    applied: &Applied,
    effects: &RequestEffects,
) -> Result<Vec<Enqueued>, StoreError> {
    for connector in &effects.connectors {
        connectors::create(session, applied, connector).await?;
    }
    let mut facts: Vec<(Fact, _)> = Vec::new();
    for transition in &effects.transitions {
        let fact = connectors::transition_by_person(session, applied, transition).await?;
        facts.extend(fact.map(|fact| (fact, None)));
    }
    facts.extend(effects.facts.iter().map(|fact| (fact.clone(), None)));
    outbox::put(session, applied, &facts).await?;
    enqueue(session, effects.jobs.iter(), applied.max_attempts).await
}
