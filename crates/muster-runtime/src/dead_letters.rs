//! A look at the dead letters from time to time: counted, and never more than there is room for.

use crate::metrics::Metrics;
use muster_store::dead_letters::{DeadLetterFilter, LetterStatus, MOST_KEPT};
use muster_store::{Store, StoreError};

/// Counts the letters by reason, and makes room where there are too many; what nobody looked at is told.
///
/// # Errors
/// [`StoreError`] when the database cannot be reached.
pub async fn watch(store: &Store, metrics: &Metrics) -> Result<(), StoreError> {
    let letters = store.dead_letters();
    let forgotten = letters.make_room(MOST_KEPT).await?;
    if forgotten.open > 0 {
        tracing::error!(
            count = forgotten.open,
            kept = MOST_KEPT,
            "dead letters that nobody looked at made room for newer ones"
        );
        metrics.letters_forgotten(LetterStatus::Open.as_str(), forgotten.open);
    }
    if forgotten.settled > 0 {
        metrics.letters_forgotten("settled", forgotten.settled);
    }
    metrics.dead_letters(&letters.count_by_reason(&DeadLetterFilter::default()).await?);
    Ok(())
}
