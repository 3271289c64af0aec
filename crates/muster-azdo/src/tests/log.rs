//! What was logged on this thread, as one text.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// The log of a thread, until it is dropped.
pub(super) struct Log {
    lines: Lines,
    _guard: DefaultGuard,
    /// With only one, whether a place in the code logs at all is decided by the thread that comes there first, which
    /// may belong to a test that keeps no log.
    _second: Dispatch,
}

impl Log {
    /// Keeps what is logged on this thread from now on.
    pub(super) fn keep() -> Self {
        let second = Dispatch::new(Lines::default());
        let lines = Lines::default();
        let guard = tracing::subscriber::set_default(lines.clone());
        Self { lines, _guard: guard, _second: second }
    }

    pub(super) fn text(&self) -> String {
        self.lines.text.lock().unwrap().clone()
    }
}

/// Names and fields of every span and event.
#[derive(Clone, Default)]
struct Lines {
    text: Arc<Mutex<String>>,
    spans: Arc<AtomicU64>,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = self.text.lock().unwrap();
        let _ = write!(text, "\n{}", span.metadata().name());
        span.record(&mut Fields(&mut text));
        Id::from_u64(self.spans.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn record(&self, _span: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.text.lock().unwrap()));
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = self.text.lock().unwrap();
        let _ = write!(text, "\n{}", event.metadata().name());
        event.record(&mut Fields(&mut text));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}
