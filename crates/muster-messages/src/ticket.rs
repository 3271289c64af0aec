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
        let ticket: Self = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| UnreadableTicket::Malformed(error.to_string()))?;
        if ticket.v == TICKET_VERSION { Ok(ticket) } else { Err(UnreadableTicket::UnknownVersion(ticket.v)) }
    }
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
    /// A ticket of a newer binary.
    #[error("ticket of version {0}, this binary reads version {TICKET_VERSION}")]
    UnknownVersion(u32),
}
