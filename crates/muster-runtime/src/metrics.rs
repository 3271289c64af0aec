//! The instruments of every role, and their text form for `/metrics`.
//!
//! Names follow the OpenTelemetry semantic conventions for messaging where those have one. No name of an
//! organization, project or repository is ever a label.

use muster_domain::job::{JobKind, Role};
use muster_store::dead_letters::{LetterStatus, ReasonCount};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bounds of the duration histograms, in seconds: from a judged project to a slice that is cut off.
const DURATION_BOUNDS_SECONDS: [f64; 12] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];

/// The labels of a count of dead letters. Reasons and origins are names of this code: there are few.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LetterSeries {
    reason: String,
    origin: String,
    status: LetterStatus,
}

impl LetterSeries {
    fn labels(&self) -> [KeyValue; 3] {
        [
            KeyValue::new("reason", self.reason.clone()),
            KeyValue::new("origin", self.origin.clone()),
            KeyValue::new("status", self.status.as_str()),
        ]
    }
}

/// The instruments of a process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    _provider: Arc<SdkMeterProvider>,
    process_duration: Histogram<f64>,
    queue_delay: Histogram<f64>,
    outcomes: Counter<u64>,
    stale_tickets: Counter<u64>,
    leases_lost: Counter<u64>,
    leases_expired: Counter<u64>,
    tickets_published: Counter<u64>,
    tickets_redispatched: Counter<u64>,
    events_received: Counter<u64>,
    facts_published: Counter<u64>,
    dead_letters: Gauge<u64>,
    dead_letter_series: Arc<Mutex<BTreeSet<LetterSeries>>>,
    letters_settled: Counter<u64>,
    letters_forgotten: Counter<u64>,
    jobs: Gauge<u64>,
    due_age: Gauge<f64>,
    rows_forgotten: Counter<u64>,
    outbox_pending: Gauge<u64>,
    outbox_age: Gauge<f64>,
}

/// The text form of the metrics cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be rendered: {0}")]
pub struct MetricsError(String);

impl Metrics {
    /// Fresh instruments with a registry of their own.
    ///
    /// # Errors
    /// [`MetricsError`] when the exporter cannot be registered.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .map_err(|error| MetricsError(error.to_string()))?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        let meter = provider.meter("muster");
        let histogram = |name: &'static str, description: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(DURATION_BOUNDS_SECONDS.to_vec())
                .build()
        };
        let counter = |name: &'static str, description: &'static str| {
            meter.u64_counter(name).with_description(description).build()
        };
        Ok(Self {
            process_duration: histogram(
                "messaging.process.duration",
                "Duration of one run of a job or group",
            ),
            queue_delay: histogram("muster.job.queue.delay", "Time from due to claimed"),
            outcomes: counter("muster.job.outcomes", "Ends of runs by kind and outcome"),
            stale_tickets: counter("muster.ticket.stale", "Tickets whose job was no longer theirs to claim"),
            leases_lost: counter("muster.job.leases.lost", "Leases found lost at renewal or finish"),
            leases_expired: counter(
                "muster.job.leases.expired",
                "Leases taken back because nobody renewed them",
            ),
            tickets_published: counter("muster.ticket.published", "Tickets by result of their publishing"),
            tickets_redispatched: counter(
                "muster.ticket.redispatched",
                "Tickets made again because they were lost",
            ),
            events_received: counter("muster.inbox.events", "Requests by type and result"),
            facts_published: counter("muster.outbox.published", "Facts by result of their publishing"),
            dead_letters: meter
                .u64_gauge("muster.dead_letter.count")
                .with_description("Dead letters that are kept, by reason, origin and status")
                .build(),
            dead_letter_series: Arc::default(),
            letters_settled: counter(
                "muster.dead_letter.settled",
                "Dead letters that were dealt with, by result",
            ),
            letters_forgotten: counter(
                "muster.dead_letter.forgotten",
                "Dead letters that made room for others before they were too old, by status",
            ),
            jobs: meter
                .u64_gauge("muster.job.count")
                .with_description("Jobs by role, state and reason")
                .build(),
            due_age: meter
                .f64_gauge("muster.job.due.age")
                .with_unit("s")
                .with_description("Age of the oldest due job that nothing holds back")
                .build(),
            rows_forgotten: counter("muster.retention.deleted", "Rows that had served, by table"),
            outbox_pending: meter
                .u64_gauge("muster.outbox.pending")
                .with_description("Facts that wait for their publication")
                .build(),
            outbox_age: meter
                .f64_gauge("muster.outbox.age")
                .with_unit("s")
                .with_description("Age of the oldest fact that waits")
                .build(),
            registry,
            _provider: Arc::new(provider),
        })
    }

    /// The text form, in Prometheus' exposition format.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn render(&self) -> Result<String, MetricsError> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(|error| MetricsError(error.to_string()))
    }

    pub(crate) fn processed(&self, role: Role, kind: JobKind, took: Duration) {
        let labels = [KeyValue::new("role", role.as_str()), KeyValue::new("kind", kind.as_str())];
        self.process_duration.record(took.as_secs_f64(), &labels);
    }

    pub(crate) fn claimed(&self, role: Role, waited: Duration) {
        self.queue_delay.record(waited.as_secs_f64(), &[KeyValue::new("role", role.as_str())]);
    }

    pub(crate) fn ended(&self, kind: JobKind, outcome: &'static str) {
        self.outcomes.add(1, &[KeyValue::new("kind", kind.as_str()), KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn stale_tickets(&self, role: Role, count: usize) {
        self.stale_tickets.add(as_u64(count), &[KeyValue::new("role", role.as_str())]);
    }

    pub(crate) fn leases_lost(&self, role: Role, count: usize) {
        self.leases_lost.add(as_u64(count), &[KeyValue::new("role", role.as_str())]);
    }

    pub(crate) fn leases_expired(&self, count: usize) {
        self.leases_expired.add(as_u64(count), &[]);
    }

    pub(crate) fn tickets_published(&self, role: Role, result: &'static str, count: usize) {
        let labels = [KeyValue::new("role", role.as_str()), KeyValue::new("result", result)];
        self.tickets_published.add(as_u64(count), &labels);
    }

    pub(crate) fn tickets_redispatched(&self, count: usize) {
        self.tickets_redispatched.add(as_u64(count), &[]);
    }

    pub(crate) fn event_received(&self, event_type: &'static str, result: &'static str) {
        self.events_received.add(1, &[KeyValue::new("type", event_type), KeyValue::new("result", result)]);
    }

    pub(crate) fn facts_published(&self, result: &'static str, count: usize) {
        self.facts_published.add(as_u64(count), &[KeyValue::new("result", result)]);
    }

    pub(crate) fn job_count(&self, role: Role, state: &'static str, reason: &'static str, count: u64) {
        let labels = [
            KeyValue::new("role", role.as_str()),
            KeyValue::new("state", state),
            KeyValue::new("waiting_reason", reason),
        ];
        self.jobs.record(count, &labels);
    }

    pub(crate) fn rows_forgotten(&self, table: &'static str, rows: u64) {
        self.rows_forgotten.add(rows, &[KeyValue::new("table", table)]);
    }

    pub(crate) fn outbox(&self, pending: u64, age: Duration) {
        self.outbox_pending.record(pending, &[]);
        self.outbox_age.record(age.as_secs_f64(), &[]);
    }

    /// Counts letters by reason; a series that is not counted any more is zero.
    pub(crate) fn dead_letters(&self, counts: &[ReasonCount]) {
        let mut series = self.dead_letter_series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = series.clone();
        for count in counts {
            let key = LetterSeries {
                reason: count.reason_class.clone(),
                origin: count.origin.clone(),
                status: count.status,
            };
            self.dead_letters.record(count.letters, &key.labels());
            gone.remove(&key);
            series.insert(key);
        }
        for key in gone {
            self.dead_letters.record(0, &key.labels());
        }
    }

    /// Dead letters were replayed or discarded, or a replay was refused.
    pub fn letters_settled(&self, result: &'static str, count: u64) {
        self.letters_settled.add(count, &[KeyValue::new("result", result)]);
    }

    pub(crate) fn letters_forgotten(&self, status: &'static str, count: u64) {
        self.letters_forgotten.add(count, &[KeyValue::new("status", status)]);
    }

    pub(crate) fn due_age(&self, role: Role, age: Duration) {
        self.due_age.record(age.as_secs_f64(), &[KeyValue::new("role", role.as_str())]);
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_described_and_named_as_documented() {
        let metrics = Metrics::new().unwrap();
        metrics.ended(JobKind::ProjectSync, "done");
        metrics.processed(Role::Sync, JobKind::ProjectSync, Duration::from_millis(20));
        let text = metrics.render().unwrap();
        assert!(text.contains("# HELP muster_job_outcomes_total Ends of runs"), "{text}");
        assert!(text.contains("messaging_process_duration_seconds_bucket"), "{text}");
    }
}
