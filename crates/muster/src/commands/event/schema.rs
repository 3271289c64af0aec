//! `muster event schema`.

use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Row, print_json, print_rows};
use clap::Args;
use muster_messages::schema::{event_schema, event_types, schema};
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Type of the event; without it, the types are listed.
    #[arg(value_name = "TYPE")]
    event_type: Option<String>,
    /// Only the schema of the payload, which `--data` of `muster event publish` takes.
    #[arg(long, requires = "event_type")]
    payload: bool,
}

impl Schema {
    pub(super) fn run(&self, global: &Global) -> Result<(), Failed> {
        let Some(event_type) = &self.event_type else {
            let types: Vec<Type> = event_types()
                .into_iter()
                .map(|found| Type { name: found.name, direction: found.direction.as_str() })
                .collect();
            return print_rows(global.output, &types);
        };
        let found = if self.payload { schema(event_type) } else { event_schema(event_type) };
        match found {
            // A schema is JSON, whatever lists are printed as.
            Some(schema) => print_json(&schema),
            None => Err(Failed::not_found(format!(
                "there is no event type {event_type}; list them with `muster event schema`"
            ))),
        }
    }
}

/// A type of event as it is listed.
#[derive(Debug, Serialize)]
struct Type {
    #[serde(rename = "type")]
    name: &'static str,
    direction: &'static str,
}

impl Row for Type {
    const COLUMNS: &'static [&'static str] = &["type", "direction"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), self.direction.to_owned()]
    }
}
