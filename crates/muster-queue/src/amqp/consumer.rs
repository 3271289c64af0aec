//! A consumer that is made again for ever.

use super::connection::Dialer;
use super::declare::{self, answer};
use super::error::{self, ConnectError};
use super::inspect;
use super::link::{self, Link, LiveLink};
use super::properties;
use super::settle::{AmqpSettler, OpenChannel};
use super::state::State;
use crate::acknowledger::{Acknowledger, Settler};
use crate::health::count;
use crate::message::IncomingMessage;
use crate::transport::{Delivery, RequestConsumer, TicketConsumer};
use async_trait::async_trait;
use futures::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use muster_domain::backoff::Schedule;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time for the broker to answer a cancel and to hand over what is on the way.
const CANCEL_DEADLINE: Duration = Duration::from_millis(700);
/// Time for giving back what nobody took out.
const GIVE_BACK_DEADLINE: Duration = Duration::from_millis(700);
/// Time that [`Consumer::cancel`] waits for both.
const STOP_DEADLINE: Duration = Duration::from_secs(2);
/// How often the state of a channel is looked at beside its stream: a stream can end in silence.
const LOOK: Duration = Duration::from_secs(1);

/// How often a consumer that gets nothing asks whether there is something.
const PROBE: Duration = Duration::from_secs(5);

/// A delivery with the channel that it came on.
struct Received {
    delivery: lapin::message::Delivery,
    channel: Arc<OpenChannel>,
}

/// What the task of a consumer has received and nobody has taken out. Bounded by the prefetch count.
#[derive(Default)]
struct Mailbox {
    received: Mutex<VecDeque<Received>>,
    arrived: Notify,
}

/// The consuming end.
pub(crate) struct Consumer {
    mailbox: Arc<Mailbox>,
    state: Arc<State>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// The task that keeps a consumer registered.
struct Keeper {
    queue: &'static str,
    prefetch: u16,
    dialer: Arc<Dialer>,
    state: Arc<State>,
    live: LiveLink,
    mailbox: Arc<Mailbox>,
    stop: CancellationToken,
}

/// A registered consumer.
struct Registered {
    channel: Arc<OpenChannel>,
    stream: lapin::Consumer,
}

impl Consumer {
    pub(crate) fn start(
        queue: &'static str,
        prefetch: u16,
        dialer: Arc<Dialer>,
        state: Arc<State>,
        live: LiveLink,
        tasks: &TaskTracker,
    ) -> Self {
        let mailbox = Arc::<Mailbox>::default();
        let stop = state.closing.child_token();
        state.consumers_wanted.fetch_add(1, Ordering::SeqCst);
        let keeper = Keeper {
            queue,
            // Zero would be without bound.
            prefetch: prefetch.max(1),
            dialer,
            state: state.clone(),
            live,
            mailbox: mailbox.clone(),
            stop: stop.clone(),
        };
        let task = Some(tasks.spawn(keeper.run()));
        Self { mailbox, state, stop, task }
    }

    async fn next(&mut self) -> Received {
        loop {
            if let Some(received) = self.try_next() {
                return received;
            }
            self.mailbox.arrived.notified().await;
        }
    }

    fn try_next(&mut self) -> Option<Received> {
        loop {
            let received = self.mailbox.received().pop_front()?;
            // What came over a channel that is gone is on its way to somebody else.
            if received.delivery.acker.usable() {
                self.state.counters.handed_out(received.delivery.redelivered);
                return Some(received);
            }
        }
    }

    async fn cancel(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && timeout(STOP_DEADLINE, task).await.is_err()
        {
            tracing::warn!("the consumer did not stop in time");
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Received {
    fn settler(&self) -> Acknowledger {
        let (acker, tag) = (self.delivery.acker.clone(), self.delivery.delivery_tag);
        Acknowledger::new(Settler::Amqp(AmqpSettler::new(acker, tag, self.channel.clone())))
    }
}

impl Mailbox {
    fn received(&self) -> MutexGuard<'_, VecDeque<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, received: Received) {
        self.received().push_back(received);
        self.arrived.notify_one();
    }

    fn take_all(&self) -> Vec<Received> {
        self.received().drain(..).collect()
    }
}

impl Keeper {
    async fn run(mut self) {
        let stop = self.stop.clone();
        let mut failures = 0;
        let mut last: Option<Arc<Link>> = None;
        while let Some(Some(link)) = stop.run_until_cancelled(link::wait_for(&mut self.live)).await {
            // The connection is as it was, the consumer is not: its queue may be gone.
            let again = last.replace(link.clone()).is_some_and(|last| Arc::ptr_eq(&last, &link));
            // Whatever failed before must not cost the connection, which is not this consumer's alone.
            if failures > 0
                && let Some(Err(error)) = stop.run_until_cancelled(self.try_apart(&link)).await
            {
                failures += 1;
                tracing::warn!(queue = self.queue, failures, %error, "not consuming");
                let pause = Schedule::RECONNECT.delay(failures, rand::random());
                stop.run_until_cancelled(sleep(pause)).await;
                continue;
            }
            match stop.run_until_cancelled(self.register(&link, again)).await {
                None => break,
                Some(Ok(registered)) => {
                    failures = 0;
                    self.serve(&link, registered).await;
                }
                Some(Err(error)) => {
                    failures += 1;
                    tracing::warn!(queue = self.queue, failures, %error, "not consuming");
                    if !error::is_not_found(&error) && !link.connection.status().connected() {
                        link.give_up();
                    }
                }
            }
            if stop.is_cancelled() {
                break;
            }
            if failures > 0 {
                let pause = Schedule::RECONNECT.delay(failures, rand::random());
                stop.run_until_cancelled(sleep(pause)).await;
            }
        }
        self.state.consumers_wanted.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether the queue takes consumers; one that is not there is declared by the registration.
    async fn try_apart(&self, link: &Link) -> Result<(), ConnectError> {
        let address = self.dialer.addresses.iter().find(|address| address.to_string() == link.address);
        let Some(address) = address else { return Ok(()) };
        match inspect::serves(&self.dialer, address, self.queue).await {
            Ok(()) | Err(ConnectError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn register(&self, link: &Link, again: bool) -> lapin::Result<Registered> {
        if again
            && let Err(error) =
                declare::apply(&link.connection, &link.address, self.dialer.options.topology).await
        {
            tracing::warn!(queue = self.queue, %error, "the topology cannot be declared");
        }
        let channel = answer(link.connection.create_channel()).await?;
        answer(channel.basic_qos(self.prefetch, BasicQosOptions { global: false })).await?;
        // Unique in the broker's list, and told apart there.
        let number = self.state.registrations.fetch_add(1, Ordering::Relaxed);
        let tag = format!("{number}:{}:{}", self.queue, self.dialer.options.client_name);
        let options = BasicConsumeOptions { no_ack: false, ..BasicConsumeOptions::default() };
        let stream = answer(channel.basic_consume(
            self.queue.into(),
            properties::short(&tag),
            options,
            FieldTable::default(),
        ))
        .await?;
        let channel = OpenChannel::new(channel, self.state.counters.clone());
        Ok(Registered { channel, stream })
    }

    /// Until the consumer is lost or stopped.
    async fn serve(&self, link: &Link, registered: Registered) {
        let Registered { channel, mut stream } = registered;
        self.state.consumers.fetch_add(1, Ordering::SeqCst);
        tracing::debug!(queue = self.queue, prefetch = self.prefetch, "consuming");
        let mut look = interval(LOOK);
        let received = AtomicU64::new(0);
        let mut deaf = pin!(self.deaf(&channel, &received));
        let cause = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break None,
                item = stream.next() => match item {
                    Some(Ok(delivery)) => {
                        received.fetch_add(1, Ordering::Relaxed);
                        self.received(&channel, delivery);
                    }
                    Some(Err(error)) => break Some(error.to_string()),
                    // The broker cancelled it: after this the stream is silent for ever.
                    None => break Some("cancelled by the broker".to_owned()),
                },
                () = link.broken.cancelled() => break Some("connection lost".to_owned()),
                cause = &mut deaf => break Some(cause),
                _ = look.tick() => if !channel.channel.status().connected() {
                    break Some("channel closed".to_owned());
                },
            }
        };
        self.state.consumers.fetch_sub(1, Ordering::SeqCst);
        match cause {
            Some(cause) => {
                tracing::warn!(queue = self.queue, cause, "consumer lost");
                count(&self.state.counters.consumer_rebuilds);
                for received in self.mailbox.take_all() {
                    // Has an effect where only the consumer is lost, not its channel.
                    drop(received.settler());
                }
            }
            None => self.hand_back(&channel, stream).await,
        }
    }

    /// Waits until the consumer gets nothing although it has room and messages wait, and says so. RabbitMQ counts such
    /// a consumer as active: see [`declare::PAUSE_BEFORE_AGAIN`].
    async fn deaf(&self, channel: &OpenChannel, received: &AtomicU64) -> String {
        let mut before = None;
        loop {
            sleep(PROBE).await;
            let now = received.load(Ordering::Relaxed);
            let idle = before == Some(now);
            before = Some(now);
            if !idle || channel.outstanding() >= usize::from(self.prefetch) {
                continue;
            }
            match self.doubt(channel).await {
                Ok(Some(doubt)) if received.load(Ordering::Relaxed) == now => return doubt.to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    /// What is wrong with the queue now and a second later: messages that have just arrived do not count, nor does the
    /// moment in which a cluster chooses another leader.
    async fn doubt(&self, channel: &OpenChannel) -> lapin::Result<Option<&'static str>> {
        let first = self.doubt_now(channel).await?;
        if first.is_none() {
            return Ok(None);
        }
        sleep(LOOK).await;
        Ok(self.doubt_now(channel).await?.filter(|second| first == Some(*second)))
    }

    async fn doubt_now(&self, channel: &OpenChannel) -> lapin::Result<Option<&'static str>> {
        let queue = declare::look_for_queue(&channel.channel, self.queue).await?;
        Ok(if queue.message_count() > 0 {
            Some("messages wait and none comes")
        } else if queue.consumer_count() == 0 {
            Some("the queue knows no consumer, it may have no leader")
        } else {
            None
        })
    }

    fn received(&self, channel: &Arc<OpenChannel>, delivery: lapin::message::Delivery) {
        channel.received(delivery.delivery_tag);
        self.mailbox.put(Received { delivery, channel: channel.clone() });
    }

    /// Cancels the consumer and gives back what nobody took out, so that it waits for nobody's end.
    async fn hand_back(&self, channel: &Arc<OpenChannel>, mut stream: lapin::Consumer) {
        let deadline = Instant::now() + CANCEL_DEADLINE;
        let cancel = channel.channel.basic_cancel(stream.tag(), BasicCancelOptions::default());
        if let Ok(Ok(())) = timeout_at(deadline, cancel).await {
            // What was on the way when the broker heard of it.
            while let Ok(Some(Ok(delivery))) = timeout_at(deadline, stream.next()).await {
                self.received(channel, delivery);
            }
        }
        let given_back = self.mailbox.take_all().into_iter().map(|received| received.settler().give_back());
        let _ = timeout(GIVE_BACK_DEADLINE, futures::future::join_all(given_back)).await;
    }
}

/// Takes tickets.
pub(crate) struct AmqpTicketConsumer(pub(crate) Consumer);

#[async_trait]
impl TicketConsumer for AmqpTicketConsumer {
    async fn next(&mut self) -> Delivery {
        ticket(self.0.next().await)
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.0.try_next().map(ticket)
    }

    async fn cancel(&mut self) {
        self.0.cancel().await;
    }
}

fn ticket(received: Received) -> Delivery {
    let settler = received.settler();
    properties::to_delivery(received.delivery, settler)
}

/// Takes messages of others.
pub(crate) struct AmqpRequestConsumer(pub(crate) Consumer);

#[async_trait]
impl RequestConsumer for AmqpRequestConsumer {
    async fn next(&mut self) -> IncomingMessage {
        message(self.0.next().await)
    }

    fn try_next(&mut self) -> Option<IncomingMessage> {
        self.0.try_next().map(message)
    }

    async fn cancel(&mut self) {
        self.0.cancel().await;
    }
}

fn message(received: Received) -> IncomingMessage {
    let settler = received.settler();
    properties::to_message(received.delivery, settler)
}
