//! What the management plugin of the broker tells beyond the protocol: alarms, leaders, members, arguments.

use super::check::Report;
use muster_queue::topology::{Argument, queues};
use muster_runtime::configuration::Configuration;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use std::time::Duration;

const AREA: &str = "broker";
/// A plugin that takes longer to answer is as good as away.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks the plugin where the configuration names one.
pub(super) async fn examine(configuration: &Configuration, report: &mut Report) {
    const CHECK: &str = "management";
    let (Some(url), Some(amqp)) = (&configuration.amqp_management_url, &configuration.amqp_url) else {
        return;
    };
    let vhost = vhost_of(amqp.expose_secret());
    let mut last = "no address is given".to_owned();
    for base in url.expose_secret().split(',').map(str::trim) {
        match ask(base, "nodes").await {
            Ok(nodes) => {
                alarms(&nodes, report);
                match ask(base, &format!("queues/{vhost}")).await {
                    Ok(found) => compare(&found, report),
                    Err(error) => report.warning(AREA, CHECK, error, REMEDY),
                }
                return;
            }
            Err(error) => last = error,
        }
    }
    report.warning(AREA, CHECK, last, REMEDY);
}

const REMEDY: &str = "check MUSTER_AMQP_MANAGEMENT_URL, and that its user has the tag `monitoring`";

async fn ask(base: &str, path: &str) -> Result<Value, String> {
    let client = reqwest::Client::builder().timeout(DEADLINE).build().map_err(|error| error.to_string())?;
    let url = format!("{}/api/{path}", base.trim_end_matches('/'));
    // The error of the client may show the address with its password.
    let response = client.get(url).send().await.map_err(|error| error.without_url().to_string())?;
    if !response.status().is_success() {
        return Err(format!("the management plugin answers {} for {path}", response.status().as_u16()));
    }
    response.json().await.map_err(|error| error.without_url().to_string())
}

/// The virtual host in the path of an address, as the plugin takes it.
fn vhost_of(url: &str) -> String {
    let first = url.split(',').next().unwrap_or(url);
    let rest = first.split_once("://").map_or(first, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path).split('?').next().unwrap_or_default();
    if path.is_empty() { "%2F".to_owned() } else { path.to_owned() }
}

fn alarms(nodes: &Value, report: &mut Report) {
    let mut raised = Vec::new();
    for node in nodes.as_array().into_iter().flatten() {
        let name = node["name"].as_str().unwrap_or("a node");
        for (key, what) in [("mem_alarm", "memory"), ("disk_free_alarm", "disk")] {
            if node[key].as_bool() == Some(true) {
                raised.push(format!("{what} on {name}"));
            }
        }
        if node["running"].as_bool() == Some(false) {
            raised.push(format!("{name} does not run"));
        }
    }
    if raised.is_empty() {
        report.ok(AREA, "alarms", "none is raised");
    } else {
        report.failed(
            AREA,
            "alarms",
            raised.join(", "),
            "the broker takes no messages meanwhile: give it memory or disk, and start what is down",
        );
    }
}

fn compare(found: &Value, report: &mut Report) {
    let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
    for queue in queues() {
        // One that is missing is told by the protocol.
        let Some(there) = found.iter().find(|there| there["name"] == queue.name) else { continue };
        let different: Vec<String> = queue
            .arguments
            .iter()
            .filter_map(|(key, wanted)| difference(key, wanted, &there["arguments"][*key]))
            .collect();
        let check = format!("queue {}: arguments", queue.name);
        if different.is_empty() {
            report.ok(AREA, check, "as they should be");
        } else {
            report.failed(
                AREA,
                check,
                different.join(", "),
                "delete the queue while nothing runs, and start `muster scheduler`, which makes it",
            );
        }
        leader(queue.name, there, report);
    }
}

fn difference(key: &str, wanted: &Argument, there: &Value) -> Option<String> {
    let same = match wanted {
        Argument::Text(text) => there.as_str() == Some(text),
        Argument::Number(number) => there.as_i64() == Some(*number),
    };
    (!same).then(|| format!("{key} is {there} and should be {wanted}"))
}

fn leader(name: &str, there: &Value, report: &mut Report) {
    let check = format!("queue {name}: leader");
    let list = |key: &str| there[key].as_array().map_or(0, Vec::len);
    let (online, members) = (list("online"), list("members"));
    match there["leader"].as_str().filter(|leader| !leader.is_empty()) {
        None => report.failed(
            AREA,
            check,
            "it has none: too few of its nodes run",
            "start the nodes of the broker that are down",
        ),
        Some(leader) if online < members => report.warning(
            AREA,
            check,
            format!("{leader}; {online} of {members} members are online"),
            "start the nodes of the broker that are down",
        ),
        Some(leader) => report.ok(AREA, check, format!("{leader}; {online} of {members} members are online")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::super::statuses;
    use super::*;
    use serde_json::json;

    #[test]
    fn virtual_hosts_are_named_as_the_plugin_takes_them() {
        assert_eq!(vhost_of("amqp://user:word@host:5672"), "%2F");
        assert_eq!(vhost_of("amqp://user:word@host:5672/muster,amqp://other"), "muster");
        assert_eq!(vhost_of("amqps://host/%2f?heartbeat=10"), "%2f");
    }

    #[test]
    fn what_differs_is_named_and_a_queue_without_a_leader_fails() {
        let queue = &queues()[0];
        let mut arguments: serde_json::Map<String, Value> = queue
            .arguments
            .iter()
            .map(|(key, value)| {
                let value = match value {
                    Argument::Text(text) => json!(text),
                    Argument::Number(number) => json!(number),
                };
                ((*key).to_owned(), value)
            })
            .collect();
        let found = |arguments: &serde_json::Map<String, Value>, leader: Value| {
            let mut report = Report::default();
            let there = json!([{
                "name": queue.name, "arguments": arguments, "leader": leader, "online": ["a"], "members": ["a"],
            }]);
            compare(&there, &mut report);
            report
        };
        let well = found(&arguments, json!("a"));
        assert!(statuses(&well).iter().all(|(_, status)| *status == Status::Ok), "{well:?}");
        arguments.insert("x-delivery-limit".to_owned(), json!(3));
        let ill = found(&arguments, Value::Null);
        assert!(statuses(&ill).iter().all(|(_, status)| *status == Status::Failed), "{ill:?}");
        assert!(ill.checks()[0].detail.starts_with("x-delivery-limit is 3 and should be"), "{ill:?}");
    }

    #[test]
    fn an_alarm_fails() {
        let mut report = Report::default();
        alarms(&json!([{ "name": "rabbit@a", "running": true, "mem_alarm": true }]), &mut report);
        assert_eq!(statuses(&report)[0].1, Status::Failed);
        assert!(report.checks()[0].detail.contains("memory on rabbit@a"));
    }
}
