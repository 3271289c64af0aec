//! Settling deliveries.

use crate::amqp::settle::{self, AmqpSettler};
use crate::in_process::InProcessSettler;
use std::fmt;

/// Settles one delivery. Failures are logged and harmless: the broker hands the ticket out again, and the ledger
/// decides by its own state what that is worth. On a connection that is gone every method does nothing.
///
/// Dropped undecided it gives the delivery back, so that a panic or a cancelled task keeps neither the ticket nor
/// its place in the prefetch window.
pub struct Acknowledger(Option<Settler>);

/// What stands behind an acknowledger.
pub(crate) enum Settler {
    Amqp(AmqpSettler),
    InProcess(InProcessSettler),
}

impl Acknowledger {
    pub(crate) fn new(settler: Settler) -> Self {
        Self(Some(settler))
    }

    /// It is done with; takes at most two seconds.
    pub async fn acknowledge(mut self) {
        match self.0.take() {
            Some(Settler::Amqp(settler)) => settler.acknowledge().await,
            Some(Settler::InProcess(settler)) => settler.acknowledge(),
            None => {}
        }
    }

    /// Acknowledges many, with one frame for all deliveries of a channel that are the oldest outstanding ones there.
    pub async fn acknowledge_many(acknowledgers: Vec<Self>) {
        let mut amqp = Vec::new();
        for mut acknowledger in acknowledgers {
            match acknowledger.0.take() {
                Some(Settler::Amqp(settler)) => amqp.push(settler),
                Some(Settler::InProcess(settler)) => settler.acknowledge(),
                None => {}
            }
        }
        settle::acknowledge_many(amqp).await;
    }

    /// Puts it back into the queue for somebody else, marked as redelivered. Never a way to retry: a quorum queue
    /// drops a ticket that came back too often.
    pub async fn give_back(mut self) {
        match self.0.take() {
            Some(Settler::Amqp(settler)) => settler.give_back().await,
            Some(Settler::InProcess(settler)) => settler.give_back(),
            None => {}
        }
    }

    /// Refuses it for good: a dead letter where the queue has them.
    pub(crate) async fn reject(mut self) {
        match self.0.take() {
            Some(Settler::Amqp(settler)) => settler.reject().await,
            // Tickets have no dead letters.
            Some(Settler::InProcess(settler)) => settler.acknowledge(),
            None => {}
        }
    }
}

impl Drop for Acknowledger {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Settler::Amqp(settler)) => settler.give_back_in_background(),
            Some(Settler::InProcess(settler)) => settler.give_back(),
            None => {}
        }
    }
}

impl fmt::Debug for Acknowledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Acknowledger")
    }
}
