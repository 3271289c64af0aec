//! Letters that nobody wants any more. They are kept, with who said so and why, until they are too old.

use super::list::{IS_OPEN, conditions};
use super::{DeadLetter, DeadLetterFilter, DeadLetters, LetterStatus};
use crate::audit::{self, AuditEntry};
use crate::error::StoreError;
use crate::session::{Session, values};
use sea_orm::Value;
use serde_json::json;
use uuid::Uuid;

/// Letters that are discarded in one transaction.
const DISCARD_BATCH: i64 = 500;

/// What became of a wish to discard a letter.
#[derive(Clone, Debug, PartialEq)]
pub enum Discarding {
    /// It is discarded.
    Discarded,
    /// It was replayed or discarded before, as it says: nothing happened.
    NothingToDo(Box<DeadLetter>),
}

impl DeadLetters {
    /// Discards a letter that is open.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such letter; [`StoreError::Unavailable`].
    pub async fn discard(&self, id: Uuid, actor: &str, reason: &str) -> Result<Discarding, StoreError> {
        let statement = format!("{DISCARD} id = $3 AND {IS_OPEN}");
        let statement = statement.as_str();
        let touched = self
            .store
            .transaction(|session| async move {
                let touched = session.run(statement, values![actor, reason, id]).await?;
                if touched > 0 {
                    let entry = entry(actor, &id.to_string(), json!({ "reason": reason }));
                    audit::write(&session, &entry).await?;
                }
                Ok(touched)
            })
            .await?;
        if touched > 0 {
            return Ok(Discarding::Discarded);
        }
        let letter = self.get(id).await?.ok_or_else(|| StoreError::not_found("dead letter", &id))?;
        Ok(Discarding::NothingToDo(Box::new(letter)))
    }

    /// Discards every open letter that a filter finds; how many. Whoever is interrupted asks again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn discard_matching(
        &self,
        filter: &DeadLetterFilter,
        actor: &str,
        reason: &str,
    ) -> Result<u64, StoreError> {
        if filter.status.is_some_and(|status| status != LetterStatus::Open) {
            return Ok(0);
        }
        // Letters that come meanwhile are for the next time.
        let until = filter.until.unwrap_or(self.store.now().await? + chrono::Duration::milliseconds(1));
        let filter =
            &DeadLetterFilter { status: Some(LetterStatus::Open), until: Some(until), ..filter.clone() };
        let mut discarded = 0;
        loop {
            let touched = self
                .store
                .transaction(|session| async move { discard_some(&session, filter, actor, reason).await })
                .await?;
            discarded += touched;
            if touched == 0 {
                return Ok(discarded);
            }
        }
    }
}

async fn discard_some(
    session: &Session,
    filter: &DeadLetterFilter,
    actor: &str,
    reason: &str,
) -> Result<u64, StoreError> {
    const FIRST_CONDITION: usize = 4;
    let (conditions, of_filter) = conditions(filter, FIRST_CONDITION);
    let statement = format!(
        "{DISCARD} {IS_OPEN} AND id IN (SELECT id FROM dead_letter WHERE {} ORDER BY seen_at_ms, id LIMIT $3)",
        conditions.join(" AND ")
    );
    let mut parameters: Vec<Value> = values![actor, reason, DISCARD_BATCH];
    parameters.extend(of_filter);
    let touched = session.run(&statement, parameters).await?;
    if touched > 0 {
        let detail = json!({ "reason": reason, "matching": filter, "letters": touched });
        audit::write(session, &entry(actor, "matching", detail)).await?;
    }
    Ok(touched)
}

const DISCARD: &str =
    "UPDATE dead_letter SET discarded_at_ms = {now}, discarded_by = $1, discard_reason = $2 WHERE";

fn entry(actor: &str, target: &str, detail: serde_json::Value) -> AuditEntry {
    AuditEntry {
        actor: actor.to_owned(),
        action: "dead_letter.discard".to_owned(),
        target: target.to_owned(),
        detail,
    }
}
