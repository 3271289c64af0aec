//! What people set about consumption, by command.

use super::machine::{Machine, array, text};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn consumption_is_paused_shared_rested_and_cleared_by_command() {
    let machine = Machine::with_credential().await;
    let organization = machine.simulator.organizations().remove(0);
    machine.create("contoso", &[&organization]).await;
    let upper = organization.to_uppercase();
    let paused =
        machine.json(&["budget", "pause", "CONTOSO", "--organization", &upper, "--reason", "release"]).await;
    assert_eq!((&paused["paused"], &paused["reason"]), (&json!(true), &json!("release")));
    assert_eq!(
        (text(&paused["organization"]), text(&paused["connector"])),
        (organization.as_str(), "contoso")
    );
    assert!(text(&paused["changedBy"]).starts_with("cli"), "{paused}");

    let quiet = "Mon-Fri 08:00-18:00 Europe/Berlin";
    let set = machine.json(&["budget", "set", "contoso", "--share", "30%", "--quiet", quiet]).await;
    assert_eq!((&set["share"], &set["paused"]), (&json!(0.3), &json!(false)));
    assert_eq!(set["quietHours"]["timeZone"], "Europe/Berlin");
    assert_eq!(array(&set["quietHours"]["weekdays"]).len(), 5);
    let less = machine.json(&["budget", "set", "contoso", "--share", "none"]).await;
    assert_eq!((&less["share"], less["quietHours"].is_object()), (&Value::Null, true));

    let controls = machine.json(&["budget", "controls", "--connector", "contoso"]).await;
    let paused: Vec<bool> =
        array(&controls).iter().map(|control| control["paused"].as_bool().unwrap()).collect();
    assert_eq!(paused, [false, true], "the connector, then its organization: {controls}");
    let table = machine.done(&["budget", "controls"]).await;
    assert!(table.contains("Mon, Tue, Wed, Thu, Fri 08:00 to 18:00 Europe/Berlin"), "{table}");

    let resumed = machine.json(&["budget", "resume", "contoso", "--organization", &organization]).await;
    assert_eq!(resumed["paused"], false);
    machine.done(&["budget", "clear", "contoso"]).await;
    let ended = machine.ended(&["budget", "clear", "contoso"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing was set"), "{}", ended.stderr);
    assert_eq!(array(&machine.json(&["budget", "controls"]).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_says_so_and_what_is_not_there_is_not_found() {
    let machine = Machine::with_credential().await;
    let organization = machine.simulator.organizations().remove(0);
    machine.create("contoso", &[&organization]).await;
    machine.done(&["budget", "pause", "contoso"]).await;
    let jobs = machine.json(&["job", "list", "--state", "pending"]).await;
    assert!(!array(&jobs).is_empty());
    assert!(array(&jobs).iter().all(|job| job["heldBy"] == "consumption_paused"), "{jobs}");
    let table = machine.done(&["job", "list"]).await;
    assert!(table.contains("WAITING FOR") && table.contains("consumption_paused"), "{table}");
    let shown = machine.done(&["job", "show", text(&jobs[0]["id"])]).await;
    assert!(shown.contains("consumption_paused"), "{shown}");
    assert!(array(&machine.json(&["job", "list", "--organization", &organization]).await).is_empty());
    machine.fails(&["job", "list", "--organization", "nobody"], 3, &["nobody", "organization list"]).await;

    machine.fails(&["budget", "pause", "nobody"], 3, &["nobody", "muster connector list"]).await;
    let elsewhere = ["budget", "pause", "contoso", "--organization", "nobody"];
    machine.fails(&elsewhere, 3, &["nobody", "muster connector show contoso"]).await;
    let elsewhere = ["budget", "clear", "contoso", "--organization", "nobody"];
    machine.fails(&elsewhere, 3, &["nobody"]).await;
    machine.fails(&["budget", "show", "nobody"], 3, &["nobody", "muster budget"]).await;
    machine.fails(&["budget", "controls", "--connector", "nobody"], 3, &["nobody"]).await;
    machine.fails(&["budget", "set", "contoso"], 2, &["--share"]).await;
    machine.fails(&["budget", "set", "contoso", "--share", "2"], 2, &["--share", "30%"]).await;
    let wrong = ["budget", "set", "contoso", "--quiet", "Mon-Fri 08:00-18:00"];
    machine.fails(&wrong, 2, &["--quiet", "Europe/Berlin"]).await;
    let wrong = ["budget", "set", "contoso", "--quiet", "Mon-Fri 08:00-18:00 Mars/Base"];
    machine.fails(&wrong, 2, &["--quiet", "Mars/Base"]).await;
    machine.fails(&["budget", "--watch", "controls"], 2, &["--watch"]).await;
}
