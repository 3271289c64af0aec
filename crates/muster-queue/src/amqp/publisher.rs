//! Publishing with confirms that are read.
//!
//! One task owns the confirming channel and publishes one batch at a time. That is not only simple: the client
//! library hands a returned (unroutable) message to whichever confirm comes next, so that only a whole batch, read to
//! its end, tells which of its messages were returned. A batch that was not read to its end costs the channel.

use super::connection::Dialer;
use super::declare;
use super::link::{self, Link, LiveLink};
use super::state::State;
use crate::LARGEST_BODY_BYTES;
use crate::transport::PublishOutcome;
use futures::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Messages on the way to the broker at a time.
const LARGEST_BATCH: usize = 256;
/// Callers that wait for the publisher at a time; more wait before they are in.
pub(crate) const INBOX: usize = 64;
/// Time for the last batch when the transport closes.
const LAST_BATCH_DEADLINE: Duration = Duration::from_millis(1500);
/// A message to publish.
pub(crate) struct Outgoing {
    pub(crate) exchange: &'static str,
    pub(crate) routing_key: ShortString,
    /// True where no queue is an error.
    pub(crate) mandatory: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) properties: BasicProperties,
}

/// Messages of one caller, and where their outcomes go.
pub(crate) struct Order {
    pub(crate) messages: Vec<Outgoing>,
    pub(crate) reply: oneshot::Sender<Vec<PublishOutcome>>,
}

/// What identifies a message when the broker returns it.
type ReturnKey = (String, String, String);

/// The task that publishes.
pub(crate) struct Publisher {
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) state: Arc<State>,
    pub(crate) live: LiveLink,
    pub(crate) inbox: mpsc::Receiver<Order>,
    /// When the topology is declared again.
    pub(crate) redeclare_at: Option<Instant>,
}

/// Why a channel is not used any more.
enum Ended {
    /// The transport closes.
    Closing,
    /// Confirms are outstanding that nobody will read.
    Unreadable,
    /// Its connection or itself is gone.
    Broken,
}

impl Publisher {
    /// Until the transport closes.
    pub(crate) async fn run(mut self) {
        while let Some(link) = self.next_link().await {
            // Orders may wait already: not longer for this than for a confirm.
            let deadline = Instant::now() + self.dialer.options.confirm_deadline;
            match self.before(deadline, open_channel(&link)).await {
                None => {
                    tracing::warn!(address = %link.address, "no channel to publish on in time");
                    link.give_up();
                }
                Some(Err(error)) => {
                    tracing::warn!(address = %link.address, %error, "no channel to publish on");
                    link.give_up();
                }
                Some(Ok(channel)) => match self.serve(&link, &channel).await {
                    Ended::Closing => break,
                    Ended::Broken => link.give_up(),
                    Ended::Unreadable if *self.state.blocked.borrow() => {
                        self.wait_until_unblocked(&link).await;
                    }
                    Ended::Unreadable => link.give_up(),
                },
            }
            self.wait_until_withdrawn(&link).await;
        }
        self.inbox.close();
        while let Some(order) = self.inbox.recv().await {
            refuse(order);
        }
    }

    /// The connection of the moment. Whoever publishes while there is none hears it at once.
    async fn next_link(&mut self) -> Option<Arc<Link>> {
        loop {
            tokio::select! {
                biased;
                () = self.state.closing.cancelled() => return None,
                link = link::wait_for(&mut self.live) => return link,
                Some(order) = self.inbox.recv() => refuse(order),
            }
        }
    }

    /// Until a connection that was given up is not offered any more.
    async fn wait_until_withdrawn(&mut self, link: &Link) {
        while link.broken.is_cancelled()
            && self.live.borrow().as_ref().is_some_and(|live| live.broken.is_cancelled())
        {
            tokio::select! {
                changed = self.live.changed() => if changed.is_err() { return },
                Some(order) = self.inbox.recv() => refuse(order),
            }
        }
    }

    async fn wait_until_unblocked(&mut self, link: &Link) {
        let mut blocked = self.state.blocked.subscribe();
        loop {
            tokio::select! {
                _ = blocked.wait_for(|blocked| !*blocked) => return,
                () = link.broken.cancelled() => return,
                () = self.state.closing.cancelled() => return,
                Some(order) = self.inbox.recv() => refuse(order),
            }
        }
    }

    async fn serve(&mut self, link: &Link, channel: &Channel) -> Ended {
        loop {
            let order = tokio::select! {
                biased;
                () = link.broken.cancelled() => return Ended::Broken,
                () = sleep_until(self.redeclare_at.unwrap_or_else(Instant::now)), if self.redeclare_at.is_some() => {
                    self.redeclare(link).await;
                    continue;
                }
                order = self.inbox.recv() => order,
                () = self.state.closing.cancelled() => return Ended::Closing,
            };
            let Some(order) = order else { return Ended::Closing };
            if *self.state.blocked.borrow() {
                refuse(order);
                continue;
            }
            let orders = self.more_orders(order);
            if let Err(ended) = self.publish(channel, orders).await {
                return ended;
            }
        }
    }

    /// Takes along what waits already: callers that publish one by one share the round trip to the broker.
    fn more_orders(&mut self, first: Order) -> Vec<Order> {
        let mut size = first.messages.len();
        let mut orders = vec![first];
        while size < LARGEST_BATCH {
            let Ok(order) = self.inbox.try_recv() else { break };
            size += order.messages.len();
            orders.push(order);
        }
        orders
    }

    async fn publish(&mut self, channel: &Channel, orders: Vec<Order>) -> Result<(), Ended> {
        let mut outcomes = Vec::new();
        let messages: Vec<&Outgoing> = orders.iter().flat_map(|order| &order.messages).collect();
        let mut ended = None;
        for batch in messages.chunks(LARGEST_BATCH) {
            match ended {
                // Nothing of this batch was sent.
                Some(_) => outcomes.extend(batch.iter().map(|_| PublishOutcome::Refused)),
                None => {
                    let (batch_outcomes, batch_ended) = self.publish_batch(channel, batch).await;
                    outcomes.extend(batch_outcomes);
                    ended = batch_ended;
                }
            }
        }
        if outcomes.contains(&PublishOutcome::Unroutable) && self.redeclare_at.is_none() {
            self.redeclare_at = Some(Instant::now() + declare::PAUSE_BEFORE_AGAIN);
        }
        let mut outcomes = outcomes.into_iter();
        for order in orders {
            let own = outcomes.by_ref().take(order.messages.len()).collect();
            // A caller that went away hears nothing; what it published is harmless.
            let _ = order.reply.send(own);
        }
        ended.map_or(Ok(()), Err)
    }

    /// Publishes a batch and reads every confirm.
    async fn publish_batch(
        &self,
        channel: &Channel,
        batch: &[&Outgoing],
    ) -> (Vec<PublishOutcome>, Option<Ended>) {
        let deadline = Instant::now() + self.dialer.options.confirm_deadline;
        let unknown = || vec![PublishOutcome::Unconfirmed; batch.len()];
        let sent = join_all(batch.iter().map(|message| send(channel, message)));
        let Some(sent) = self.before(deadline, sent).await else {
            return (unknown(), Some(Ended::Unreadable));
        };
        let mut answers = Vec::with_capacity(batch.len());
        let mut ended = None;
        for confirm in sent {
            let confirmation = match (confirm, &ended) {
                (Ok(confirm), None) => self.before(deadline, confirm).await,
                (Err(error), _) => Some(Err(error)),
                // One confirm is missing: it may carry the return of any later one, which then proves nothing.
                (Ok(_), Some(_)) => None,
            };
            match &confirmation {
                None => ended = ended.or(Some(Ended::Unreadable)),
                Some(Err(error)) => {
                    tracing::debug!(%error, "not confirmed");
                    ended = Some(Ended::Broken);
                }
                Some(Ok(_)) => {}
            }
            answers.push(confirmation.and_then(Result::ok).map_or(UNKNOWN, read));
        }
        let keys = batch.iter().map(|message| return_key(message)).collect();
        (outcomes(keys, answers), ended)
    }

    /// The value, unless the deadline passes first or the transport has been closing for a while.
    async fn before<T>(&self, deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
        let closing = async {
            self.state.closing.cancelled().await;
            tokio::time::sleep(LAST_BATCH_DEADLINE).await;
        };
        tokio::select! {
            biased;
            value = timeout_at(deadline, future) => value.ok(),
            () = closing => None,
        }
    }

    /// A queue or binding is gone: declares everything anew, so that the next attempt finds it.
    async fn redeclare(&mut self, link: &Link) {
        self.redeclare_at = None;
        tracing::warn!(address = %link.address, "unroutable messages, the topology is declared anew");
        if let Err(error) =
            declare::apply(&link.connection, &link.address, self.dialer.options.topology).await
        {
            tracing::warn!(address = %link.address, %error, "the topology cannot be declared");
        }
    }
}

async fn open_channel(link: &Link) -> lapin::Result<Channel> {
    let channel = link.connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

async fn send(channel: &Channel, message: &Outgoing) -> lapin::Result<PublisherConfirm> {
    let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
    let (exchange, key, properties) =
        (message.exchange.into(), message.routing_key.clone(), message.properties.clone());
    channel.basic_publish(exchange, key, options, &message.body, properties).await
}

fn refuse(order: Order) {
    let _ = order.reply.send(vec![PublishOutcome::Refused; order.messages.len()]);
}

/// What a confirm says of its message, and which message was returned with it: not necessarily the same.
struct Answer {
    outcome: PublishOutcome,
    returned: Option<ReturnKey>,
}

/// No confirm came.
const UNKNOWN: Answer = Answer { outcome: PublishOutcome::Unconfirmed, returned: None };

fn read(confirmation: Confirmation) -> Answer {
    let outcome = match &confirmation {
        Confirmation::Ack(_) => PublishOutcome::Confirmed,
        Confirmation::Nack(_) => PublishOutcome::Refused,
        // Confirms are on: no request for one would be a defect of the library.
        Confirmation::NotRequested => PublishOutcome::Unconfirmed,
    };
    let key = |message: lapin::message::BasicReturnMessage| {
        (message.exchange.to_string(), message.routing_key.to_string(), message_id(&message.properties))
    };
    Answer { outcome, returned: confirmation.take_message().map(key) }
}

/// What the answers of a batch say together. Only an acknowledgement of a message that was not returned is success.
fn outcomes(keys: Vec<ReturnKey>, answers: Vec<Answer>) -> Vec<PublishOutcome> {
    let returned: HashSet<ReturnKey> = answers.iter().filter_map(|answer| answer.returned.clone()).collect();
    let outcome = |(key, answer): (ReturnKey, Answer)| {
        if returned.contains(&key) { PublishOutcome::Unroutable } else { answer.outcome }
    };
    keys.into_iter().zip(answers).map(outcome).collect()
}

fn return_key(message: &Outgoing) -> ReturnKey {
    (message.exchange.to_owned(), message.routing_key.to_string(), message_id(&message.properties))
}

fn message_id(properties: &BasicProperties) -> String {
    properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

impl Outgoing {
    /// True where the broker, or the protocol, would not take it.
    pub(crate) fn is_too_large(&self) -> bool {
        self.body.len() > LARGEST_BODY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ReturnKey {
        ("exchange".to_owned(), "key".to_owned(), name.to_owned())
    }

    fn answer(outcome: PublishOutcome, returned: Option<&str>) -> Answer {
        Answer { outcome, returned: returned.map(key) }
    }

    #[test]
    fn a_return_counts_for_its_message_and_not_for_the_confirm_that_carries_it() {
        let keys = ["routed", "returned", "refused", "unknown"].map(key).to_vec();
        let answers = vec![
            answer(PublishOutcome::Confirmed, Some("returned")),
            answer(PublishOutcome::Confirmed, None),
            answer(PublishOutcome::Refused, None),
            UNKNOWN,
        ];
        assert_eq!(
            outcomes(keys, answers),
            [
                PublishOutcome::Confirmed,
                PublishOutcome::Unroutable,
                PublishOutcome::Refused,
                PublishOutcome::Unconfirmed
            ]
        );
    }

    #[test]
    fn only_a_confirm_that_was_asked_for_is_success() {
        assert_eq!(read(Confirmation::Ack(None)).outcome, PublishOutcome::Confirmed);
        assert_eq!(read(Confirmation::Nack(None)).outcome, PublishOutcome::Refused);
        assert_eq!(read(Confirmation::NotRequested).outcome, PublishOutcome::Unconfirmed);
    }
}
