//! Acknowledging, giving back and refusing deliveries.

use crate::health::{Counters, count};
use futures::future::join_all;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Time for a settlement to be written; afterwards the broker's redelivery and the ledger decide.
const SETTLE_DEADLINE: Duration = Duration::from_secs(2);

/// A channel with the deliveries that are outstanding on it. It stays open while one of them is in hand, also after
/// its consumer is gone.
#[derive(Debug)]
pub(crate) struct OpenChannel {
    pub(crate) channel: lapin::Channel,
    counters: Arc<Counters>,
    /// Tags whose settlement has not been written yet.
    unsettled: Mutex<BTreeSet<u64>>,
}

/// Settles one delivery.
pub(crate) struct AmqpSettler {
    acker: Acker,
    tag: u64,
    channel: Arc<OpenChannel>,
}

impl OpenChannel {
    pub(crate) fn new(channel: lapin::Channel, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self { channel, counters, unsettled: Mutex::default() })
    }

    /// Notes a delivery, in the order of arrival.
    pub(crate) fn received(&self, tag: u64) {
        self.unsettled().insert(tag);
    }

    /// Deliveries in hand or on their way back.
    pub(crate) fn outstanding(&self) -> usize {
        self.unsettled().len()
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AmqpSettler {
    pub(crate) fn new(acker: Acker, tag: u64, channel: Arc<OpenChannel>) -> Self {
        Self { acker, tag, channel }
    }

    pub(crate) async fn acknowledge(self) {
        let written = self.write("acknowledge", self.acker.ack(BasicAckOptions::default())).await;
        self.count_acknowledged(written, 1);
    }

    pub(crate) async fn give_back(self) {
        let options = BasicNackOptions { multiple: false, requeue: true };
        if self.write("give back", self.acker.nack(options)).await {
            count(&self.channel.counters.given_back);
        }
    }

    pub(crate) async fn reject(self) {
        self.write("reject", self.acker.reject(BasicRejectOptions { requeue: false })).await;
    }

    /// For a delivery that was dropped undecided.
    pub(crate) fn give_back_in_background(self) {
        // Without a runtime the channel goes with the process, which has the same effect.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(self.give_back());
        }
    }

    /// False where it did not reach the broker. On a channel that is gone the library writes nothing, so that a tag
    /// never settles what another connection delivered.
    async fn write(&self, what: &'static str, settlement: impl Future<Output = lapin::Result<bool>>) -> bool {
        match timeout(SETTLE_DEADLINE, settlement).await {
            Ok(Ok(true)) => {
                self.channel.unsettled().remove(&self.tag);
                return true;
            }
            Ok(Ok(false)) => {
                tracing::debug!(what, "the channel is gone, the delivery will be handed out again");
            }
            Ok(Err(error)) => tracing::debug!(what, %error, "not settled, it will be handed out again"),
            Err(_elapsed) => tracing::warn!(what, "not settled in time, it may be handed out again"),
        }
        false
    }

    fn count_acknowledged(&self, written: bool, deliveries: u64) {
        let counters = &self.channel.counters;
        let counter = if written { &counters.acknowledged } else { &counters.acknowledgements_lost };
        counter.fetch_add(deliveries, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Acknowledges all: per channel one frame for those that are the oldest outstanding ones, one by one for the others.
pub(crate) async fn acknowledge_many(mut settlers: Vec<AmqpSettler>) {
    settlers.sort_by_key(|settler| (Arc::as_ptr(&settler.channel) as usize, settler.tag));
    let mut rest = settlers.into_iter().peekable();
    let mut channels = Vec::new();
    while let Some(first) = rest.next() {
        let mut own = vec![first];
        while let Some(next) = rest.next_if(|next| Arc::ptr_eq(&next.channel, &own[0].channel)) {
            own.push(next);
        }
        channels.push(acknowledge_of_channel(own));
    }
    join_all(channels).await;
}

/// `own` is sorted by tag and not empty.
async fn acknowledge_of_channel(mut own: Vec<AmqpSettler>) {
    let oldest = oldest_outstanding(&own[0].channel.unsettled(), own.iter().map(|settler| settler.tag));
    // A settlement under way keeps its tag outstanding until it is written: no frame overtakes it.
    let singles = own.split_off(if oldest > 1 { oldest } else { 0 });
    if let Some(last) = own.last() {
        let written = last.write("acknowledge", last.acker.ack(BasicAckOptions { multiple: true })).await;
        if written {
            let mut unsettled = last.channel.unsettled();
            for settler in &own {
                unsettled.remove(&settler.tag);
            }
        }
        last.count_acknowledged(written, own.len() as u64);
    }
    join_all(singles.into_iter().map(AmqpSettler::acknowledge)).await;
}

/// How many of the tags, from the first, are exactly the oldest outstanding ones.
fn oldest_outstanding(unsettled: &BTreeSet<u64>, tags: impl Iterator<Item = u64>) -> usize {
    unsettled.iter().zip(tags).take_while(|(outstanding, tag)| *outstanding == tag).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oldest(unsettled: &[u64], tags: &[u64]) -> usize {
        oldest_outstanding(&unsettled.iter().copied().collect(), tags.iter().copied())
    }

    #[test]
    fn one_frame_covers_only_what_is_complete_from_the_oldest_on() {
        assert_eq!(oldest(&[4, 5, 6, 9], &[4, 5, 6]), 3);
        assert_eq!(oldest(&[4, 5, 6, 9], &[4, 6, 9]), 1, "5 is somebody else's");
        assert_eq!(oldest(&[3, 4, 5], &[4, 5]), 0, "3 is older and not ours");
        assert_eq!(oldest(&[], &[4, 5]), 0);
    }
}
