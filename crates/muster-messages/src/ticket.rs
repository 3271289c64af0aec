//! Tickets: the message that brings a due job to a worker. It carries ids and no data: the ledger is the truth.

use crate::trace::TraceContext;
use muster_domain::JobId;
use muster_domain::job::{JobKind, Role};
use serde::{Deserialize, Serialize};

/// Version of the ticket's shape.
pub const TICKET_VERSION: u32 = 1;

/// A due job on its way to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Version of this shape.
    pub v: u32,
    /// The job.
    pub job: JobId,
    /// How often the job was dispatched when this ticket was made; an older ticket claims nothing.
    pub seq: i64,
    /// What the job does, for people who look into a queue.
    pub kind: JobKind,
    /// Natural key of what it is about, for people who look into a queue.
    pub subject: String,
    /// What asked for the job ([`muster_domain::cause`]).
    pub cause: String,
    /// A person waits for it: it goes before other tickets in a worker's hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
}

impl Ticket {
    /// The role whose queue it goes to.
    pub fn role(&self) -> Role {
        self.kind.role()
    }

    /// Identity of the message: the same job dispatched again is another message.
    pub fn message_id(&self) -> String {
        format!("{}:{}", self.job, self.seq)
    }

    /// The body.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of ids, numbers and text always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`UnreadableTicket`] with the place that is wrong.
    pub fn from_json(body: &[u8]) -> Result<Self, UnreadableTicket> {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, Self>(&mut deserializer) {
            Ok(ticket) if ticket.v == TICKET_VERSION => Ok(ticket),
            Ok(ticket) => {
                let error = of_version(ticket.v);
                Err(UnreadableTicket::Newer { job: Some((ticket.job, ticket.seq)), error })
            }
            Err(error) => Err(newer(body).unwrap_or_else(|| UnreadableTicket::Malformed(error.to_string()))),
        }
    }
}

/// What every version of a ticket says, as far as it is there.
#[derive(Deserialize)]
struct Outline {
    v: u32,
    job: Option<JobId>,
    seq: Option<i64>,
    kind: Option<String>,
}

/// Whether what cannot be read is a ticket of a newer binary: of another version, or about a kind that is not known.
fn newer(body: &[u8]) -> Option<UnreadableTicket> {
    let outline: Outline = serde_json::from_slice(body).ok()?;
    let unknown_kind = outline.kind.filter(|kind| JobKind::parse(kind).is_none());
    let error = match unknown_kind {
        _ if outline.v > TICKET_VERSION => of_version(outline.v),
        Some(kind) => format!("ticket for the kind {kind:?} of job, which this binary does not know"),
        None => return None,
    };
    Some(UnreadableTicket::Newer { job: outline.job.zip(outline.seq), error })
}

fn of_version(version: u32) -> String {
    format!("ticket of version {version}, this binary reads version {TICKET_VERSION}")
}

/// A ticket with the trace in which its job was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedTicket {
    /// The ticket.
    pub ticket: Ticket,
    /// Where the job was asked for.
    pub trace: Option<TraceContext>,
}

/// Why a ticket cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableTicket {
    /// Not a ticket at all.
    #[error("not a ticket: {0}")]
    Malformed(String),
    /// A ticket of a newer binary: its job waits for one.
    #[error("{error}")]
    Newer {
        /// Its job and sequence, where it names them.
        job: Option<(JobId, i64)>,
        /// What is newer.
        error: String,
    },
}
