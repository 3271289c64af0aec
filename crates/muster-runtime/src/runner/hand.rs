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

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::JobId;
    use muster_domain::job::{JobKind, Role};
    use muster_messages::Ticket;
    use muster_messages::ticket::{TICKET_VERSION, TracedTicket};
    use muster_queue::{InProcessTransport, TicketTransport};
    use uuid::Uuid;

    /// Deliveries of tickets, each urgent or not.
    async fn deliveries(urgent: &[bool]) -> Vec<Delivery> {
        let transport = InProcessTransport::new();
        let tickets = (1..).zip(urgent).map(|(number, urgent)| TracedTicket {
            ticket: Ticket {
                v: TICKET_VERSION,
                job: JobId(Uuid::from_u128(number)),
                seq: 1,
                kind: JobKind::ProjectSync,
                subject: "subject".to_owned(),
                cause: "test".to_owned(),
                urgent: *urgent,
            },
            trace: None,
        });
        transport.publish(tickets.collect()).await;
        let mut consumer = transport.consume(Role::Sync, u16::MAX).await.expect("a consumer");
        let mut deliveries = Vec::new();
        for _ in urgent {
            deliveries.push(consumer.next().await);
        }
        deliveries
    }

    fn number(delivery: &Delivery) -> u128 {
        delivery.ticket.as_ref().expect("a ticket").job.0.as_u128()
    }

    #[tokio::test]
    async fn what_a_person_waits_for_goes_first_and_has_slots_that_others_cannot_take() {
        let slots = Slots::new(1);
        let mut hand = Hand::default();
        for delivery in deliveries(&[false, false, true, true, true, true]).await {
            hand.take(delivery);
        }
        let mut held = Vec::new();
        while let Some((delivery, slot)) = hand.next(&slots) {
            held.push((number(&delivery), slot));
        }
        let begun: Vec<_> = held.iter().map(|(number, _)| *number).collect();
        assert_eq!(begun, [3, 4, 5], "one slot for all, two for people");
        // A slot for people that becomes free is none for background work.
        held.truncate(1);
        let (delivery, _urgent) = hand.next(&slots).expect("the last urgent one");
        assert_eq!(number(&delivery), 6);
        assert!(hand.next(&slots).is_none());
        held.clear();
        let (delivery, _slot) = hand.next(&slots).expect("a slot for all");
        assert_eq!(number(&delivery), 1);
    }

    #[test]
    fn a_worker_takes_more_tickets_than_can_be_in_the_way_of_an_urgent_one() {
        let background_on_the_way = SPENDING_WINDOW as usize;
        for slots in [1, 4, 16] {
            assert!(usize::from(prefetch(slots, 1)) > slots + background_on_the_way);
        }
        assert_eq!(prefetch(usize::MAX / 8, 1), u16::MAX);
    }
}
