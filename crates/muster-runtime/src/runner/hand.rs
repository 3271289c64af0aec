//! Tickets in a worker's hand and the slots that they wait for: what a person waits for goes first.

use crate::dispatcher::SPENDING_WINDOW;
use muster_queue::Delivery;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Slots beside the configured ones that only urgent tickets take: background jobs may hold all others for a whole
/// slice, a call every two seconds, when the consumption budget is spent.
const SLOTS_FOR_PEOPLE: usize = 2;
/// Tickets that may be in hand for each that is worked on: a quorum queue is slow to hand over one at a time.
const PREFETCH_FACTOR: usize = 2;

/// How many unacknowledged tickets a worker takes. All background tickets of a role that are on their way, and those
/// that this worker works on, are fewer: so a worker has always room for an urgent one, and it is never stuck behind
/// others in the queue.
pub(super) fn prefetch(slots: usize, group_size: usize) -> u16 {
    let working = slots * group_size;
    let on_their_way = 2 * usize::try_from(SPENDING_WINDOW).unwrap_or(0);
    let in_hand = (working * PREFETCH_FACTOR).max(working + on_their_way) + SLOTS_FOR_PEOPLE;
    u16::try_from(in_hand).unwrap_or(u16::MAX)
}

/// Places to work in.
pub(super) struct Slots {
    any: Arc<Semaphore>,
    for_people: Arc<Semaphore>,
}

impl Slots {
    pub(super) fn new(slots: usize) -> Self {
        Self { any: Arc::new(Semaphore::new(slots)), for_people: Arc::new(Semaphore::new(SLOTS_FOR_PEOPLE)) }
    }

    fn take(slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        Arc::clone(slots).try_acquire_owned().ok()
    }
}

/// Tickets that were delivered and have no slot yet.
#[derive(Default)]
pub(super) struct Hand {
    urgent: VecDeque<Delivery>,
    others: VecDeque<Delivery>,
}

impl Hand {
    /// Takes a ticket in. One that cannot be read is no matter of urgency.
    pub(super) fn take(&mut self, delivery: Delivery) {
        if delivery.ticket.as_ref().is_ok_and(|ticket| ticket.urgent) {
            self.urgent.push_back(delivery);
        } else {
            self.others.push_back(delivery);
        }
    }

    /// The next ticket that has a slot.
    pub(super) fn next(&mut self, slots: &Slots) -> Option<(Delivery, OwnedSemaphorePermit)> {
        if !self.urgent.is_empty()
            && let Some(slot) = Slots::take(&slots.any).or_else(|| Slots::take(&slots.for_people))
        {
            return self.urgent.pop_front().map(|delivery| (delivery, slot));
        }
        if !self.others.is_empty()
            && let Some(slot) = Slots::take(&slots.any)
        {
            return self.others.pop_front().map(|delivery| (delivery, slot));
        }
        None
    }

    /// One more for a group that has its slot.
    pub(super) fn more(&mut self) -> Option<Delivery> {
        self.urgent.pop_front().or_else(|| self.others.pop_front())
    }

    /// Gives back what was not begun.
    pub(super) async fn give_back(self) {
        for delivery in self.urgent.into_iter().chain(self.others) {
            delivery.acknowledger.give_back().await;
        }
    }
}
