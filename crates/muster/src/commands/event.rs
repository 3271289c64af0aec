//! `muster event`: requests of other systems, and what they look like.

mod http;
mod publish;
mod queue;
mod schema;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;

/// `source` of requests from the command line, where nothing else is given.
pub(super) const SOURCE: &str = "urn:muster:command-line";

#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    /// Publishes a request, as another system would.
    ///
    /// It is checked first. It goes to --url where that is given, else to the broker of `MUSTER_AMQP_URL`, else to the
    /// API of this machine.
    #[command(after_help = publish::EXAMPLES)]
    Publish(publish::Publish),
    /// Lists the types of events, or prints the JSON Schema of one.
    Schema(schema::Schema),
}

impl Event {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::Publish(publish) => publish.run(global).await,
            Self::Schema(schema) => schema.run(global),
        }
    }
}
