//! The broker: reachable, which server, exchanges and queues with their arguments, who listens.

use super::check::Report;
use crate::process::amqp_options;
use muster_domain::job::Role;
use muster_queue::amqp::{BrokerReport, ExchangeState, QueueReport, QueueState, inspect_broker};
use muster_queue::topology::{INGRESS_QUEUE, queues, work_queue};
use muster_queue::{ConnectError, FirstConnection};
use muster_runtime::configuration::Configuration;

const AREA: &str = "broker";

pub(super) async fn examine(configuration: &Configuration, report: &mut Report) {
    let Some(options) = amqp_options(configuration, "muster doctor", FirstConnection::Required) else {
        report.ok(AREA, "reachable", "none is configured (MUSTER_AMQP_URL): one process holds every role");
        return;
    };
    match inspect_broker(options).await {
        Ok(found) => tell(&found, report),
        Err(error) => report.failed(AREA, "reachable", error.to_string(), remedy(&error)),
    }
}

fn remedy(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Misconfigured(_) => "correct MUSTER_AMQP_URL",
        ConnectError::Refused { .. } => {
            "check user, password and virtual host in MUSTER_AMQP_URL, and the rights of the user"
        }
        ConnectError::Unreachable { .. } => {
            "check MUSTER_AMQP_URL, and that the broker runs and takes connections"
        }
        ConnectError::Leaderless { .. } => {
            "boot the missing nodes of the broker; if all of them run, delete the queue: it is made again, and its \
             tickets too"
        }
        ConnectError::Missing { .. } => "start `muster scheduler`, which makes what is missing",
        ConnectError::Conflict { .. } => {
            "delete what was declared otherwise while nothing runs, and start `muster scheduler`"
        }
    }
}

fn tell(found: &BrokerReport, report: &mut Report) {
    let version = found.version.as_deref().unwrap_or("version not told");
    report.ok(AREA, "reachable", format!("{version} at {}", found.address));
    for exchange in &found.exchanges {
        let check = format!("exchange {}", exchange.name);
        match &exchange.state {
            ExchangeState::Present => report.ok(AREA, check, "as it should be"),
            ExchangeState::Missing => report.failed(AREA, check, "missing", MISSING),
            ExchangeState::Different(error) => {
                report.failed(AREA, check, error.to_string(), remedy(error));
            }
        }
    }
    for queue in &found.queues {
        tell_queue(queue, report);
    }
}

const MISSING: &str = "start `muster scheduler`, which makes it";

fn tell_queue(queue: &QueueReport, report: &mut Report) {
    let check = format!("queue {}", queue.name);
    match &queue.state {
        QueueState::Missing => report.failed(AREA, check, "missing", MISSING),
        QueueState::Different(error) | QueueState::Silent(error) => {
            report.failed(AREA, check, error.to_string(), remedy(error));
        }
        QueueState::Present { messages, consumers } => {
            let detail = format!("{messages} messages, {consumers} consumers; {}", arguments(queue.name));
            match listener(queue.name).filter(|_| *consumers == 0) {
                Some(command) => {
                    report.warning(
                        AREA,
                        check,
                        format!("nobody listens: {detail}"),
                        format!("start `{command}`"),
                    );
                }
                None => report.ok(AREA, check, detail),
            }
        }
    }
}

/// The arguments of a queue, which were compared with those of the broker.
fn arguments(name: &str) -> String {
    let queue = queues().into_iter().find(|queue| queue.name == name);
    let arguments = queue.map(|queue| queue.arguments).unwrap_or_default();
    let texts: Vec<String> = arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
    texts.join(" ")
}

/// What listens to a queue.
fn listener(name: &str) -> Option<String> {
    if name == INGRESS_QUEUE {
        return Some("muster scheduler".to_owned());
    }
    let role = Role::ALL.into_iter().find(|role| work_queue(*role) == name)?;
    Some(format!("muster worker {role}"))
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn told(name: &'static str, state: QueueState) -> super::super::check::Check {
        let mut report = Report::default();
        tell_queue(&QueueReport { name, state }, &mut report);
        report.checks()[0].clone()
    }

    #[test]
    fn a_queue_that_nobody_listens_to_names_the_process_to_start() {
        let silent = told(work_queue(Role::Sync), QueueState::Present { messages: 3, consumers: 0 });
        assert_eq!(silent.status, Status::Warning);
        assert!(silent.remedy.unwrap().contains("muster worker sync"));
        assert!(silent.detail.contains("x-delivery-limit="), "{}", silent.detail);
        let busy = told(work_queue(Role::Sync), QueueState::Present { messages: 3, consumers: 1 });
        assert_eq!(busy.status, Status::Ok);
        let ingress = told(INGRESS_QUEUE, QueueState::Missing);
        assert_eq!(ingress.status, Status::Failed);
    }
}
