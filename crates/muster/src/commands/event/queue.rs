//! Requests over AMQP.

use crate::exit::{Exit, Failed};
use crate::process::amqp_options;
use muster_messages::CloudEvent;
use muster_queue::{
    AmqpTransport, ConnectError, EventPublisher as _, FirstConnection, PublishOutcome, TicketTransport as _,
};
use muster_runtime::configuration::Configuration;

/// Publishes a request and waits until a queue has it.
pub(super) async fn publish(event: &CloudEvent, configuration: &Configuration) -> Result<String, Failed> {
    let options = amqp_options(configuration, "muster event publish", FirstConnection::Required)
        .ok_or_else(|| Failed::usage("MUSTER_AMQP_URL is not set"))?;
    let transport = AmqpTransport::connect(options).await.map_err(|error| cannot_connect(&error))?;
    let outcome = transport.publish_request(event).await;
    transport.close().await;
    result(outcome)
}

fn cannot_connect(error: &ConnectError) -> Failed {
    match error {
        ConnectError::Misconfigured(_) => Failed::usage(error),
        ConnectError::Conflict { .. } => Failed::new(Exit::Conflict, error.to_string()),
        ConnectError::Missing { .. } => {
            Failed::unavailable(format!("{error}; start `muster scheduler`, which makes what is missing"))
        }
        ConnectError::Leaderless { .. } => Failed::unavailable(format!("{error}; `muster doctor` says more")),
        ConnectError::Refused { .. } | ConnectError::Unreachable { .. } => {
            Failed::unavailable(format!("{error}; check MUSTER_AMQP_URL, or publish to the API with --url"))
        }
    }
}

fn result(outcome: PublishOutcome) -> Result<String, Failed> {
    let problem = match outcome {
        PublishOutcome::Confirmed => return Ok("confirmed".to_owned()),
        PublishOutcome::TooLarge => return Err(Failed::usage("the event is too large; send ids, not data")),
        PublishOutcome::Unroutable => {
            "no queue takes requests: muster.v1.ingress is not bound to the exchange muster.requests; start \
             `muster scheduler`, which makes both, and publish again"
        }
        PublishOutcome::Refused => {
            "the broker does not take it now: its queue is full, or it blocks publishers; see to that, and publish \
             again"
        }
        PublishOutcome::Unconfirmed => {
            "the broker did not confirm it in time; publish again with the same --id and --source, which is harmless \
             if it arrived after all"
        }
    };
    Err(Failed::unavailable(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_queue_has_is_a_success() {
        assert_eq!(result(PublishOutcome::Confirmed).unwrap(), "confirmed");
        for outcome in [PublishOutcome::Unroutable, PublishOutcome::Refused, PublishOutcome::Unconfirmed] {
            let failed = result(outcome).unwrap_err();
            assert_eq!(failed.exit, Exit::Unavailable, "{outcome:?}");
            assert!(failed.message.contains("publish again"), "{failed}");
        }
        assert_eq!(result(PublishOutcome::TooLarge).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_broker_that_is_away_is_told_from_a_wrong_address() {
        let away =
            ConnectError::Unreachable { address: "broker:5672".to_owned(), reason: "refused".to_owned() };
        assert_eq!(cannot_connect(&away).exit, Exit::Unavailable);
        assert_eq!(cannot_connect(&ConnectError::Misconfigured("no URL".to_owned())).exit, Exit::Usage);
    }
}
