//! The command line as people and scripts use it: the real binary against an embedded store and a simulator. Every
//! command succeeds once and fails once, with the exit code that is promised.

mod budget;
mod dead_letter;
mod machine;

use machine::{DEADLINE, Machine, PLACE, array, number, text};
use serde_json::Value;
use tests::processes::Process;
use tests::waiting::PATIENT;

const NO_JOB: &str = "01900000-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_configured_wrong_is_named_with_the_remedy() {
    let machine = Machine::new().await;
    let file = machine.folder.path().join("muster.toml");
    std::fs::write(&file, "[consumption]\nshares = 0.5\n").unwrap();
    let config = file.display().to_string();
    machine.fails(&["connector", "list", "--config", &config], 2, &["consumption", "shares", "share"]).await;
    let ended = machine.ended(&["doctor", "--config", &config, "-o", "json"]).await;
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let checks: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(array(&checks).iter().any(|check| check["status"] == "failed" && check["check"] == "keys"));

    let wrong = [("MUSTER_DATABASE_URL", "mysql://db/muster")];
    let ended = machine.ended_with(&["connector", "list"], &wrong).await;
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("MUSTER_DATABASE_URL") && ended.stderr.contains("postgres:"),
        "{}",
        ended.stderr
    );
    let away = [("MUSTER_DATABASE_URL", "postgres://muster:hunter2@127.0.0.1:1/muster")];
    let ended = machine.ended_with(&["doctor", "--offline", "-o", "json"], &away).await;
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let all = ended.stdout + &ended.stderr;
    assert!(all.contains("127.0.0.1:1/muster") && !all.contains("hunter2"), "{all}");

    machine.fails(&["connector", "list", "--sort", "colour"], 2, &["--sort", "name, state, since"]).await;
    machine.fails(&["job", "list", "--watch=never"], 2, &["--watch", "seconds"]).await;
    machine.fails(&["cost"], 2, &["--connector"]).await;
    machine.fails(&["completion", "tcsh"], 2, &["bash, zsh, fish, powershell"]).await;
    for (shell, part) in
        [("bash", "complete -F"), ("zsh", "#compdef"), ("fish", "complete -c"), ("powershell", "Register-")]
    {
        let script = machine.done(&["completion", shell]).await;
        assert!(script.contains(part) && script.contains("preview"), "{shell}");
    }
}

/// The AMQP client logs errors of its own, in colour; whoever called a command has its check and its remedy.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_told_once_and_without_colours() {
    let machine = Machine::new().await;
    let away = [("MUSTER_AMQP_URL", "amqp://muster:hunter2@127.0.0.1:1")];
    let ended = machine.ended_with(&["doctor", "--offline", "-o", "json"], &away).await;
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let checks: Value = serde_json::from_str(&ended.stdout).unwrap();
    let is_failed = |check: &&Value| check["area"] == "broker" && check["status"] == "failed";
    let failed = array(&checks).iter().find(is_failed).expect("the broker is away");
    assert!(text(&failed["remedy"]).contains("MUSTER_AMQP_URL"), "{failed}");
    let errors = ["ERROR", "\u{1b}", "hunter2"].map(|part| ended.stderr.contains(part));
    assert_eq!(errors, [false; 3], "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_help_with_an_example() {
    let machine = Machine::new().await;
    for command in [
        &["connector", "create"][..],
        &["connector", "preview"],
        &["connector", "update"],
        &["connector", "pause"],
        &["connector", "resume"],
        &["connector", "delete"],
        &["connector", "list"],
        &["connector", "show"],
        &["organization", "list"],
        &["organization", "show"],
        &["project", "list"],
        &["project", "show"],
        &["repository", "list"],
        &["repository", "show"],
        &["recommendation", "list"],
        &["recommendation", "show"],
        &["job", "list"],
        &["job", "show"],
        &["job", "retry"],
        &["job", "cancel"],
        &["dead-letter", "list"],
        &["dead-letter", "show"],
        &["budget"],
        &["budget", "show"],
        &["budget", "controls"],
        &["budget", "pause"],
        &["budget", "resume"],
        &["budget", "set"],
        &["budget", "clear"],
        &["cost"],
        &["doctor"],
        &["completion"],
    ] {
        let help = machine.done(&[command, &["--help"]].concat()).await;
        let example = format!("muster {}", command.join(" "));
        assert!(help.contains("Example") && help.matches(&example).count() > 1, "{command:?}\n{help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_what_would_be_connected_and_creates_nothing() {
    let machine = Machine::with_credential().await;
    let organizations = machine.simulator.organizations();
    let preview = |more: &[&'static str]| {
        let mut arguments = vec!["connector", "preview", "contoso", "--credential", "reader"];
        arguments.extend(PLACE);
        arguments.extend(more);
        arguments
    };
    let mut named = preview(&["--organization", "no-such-organization"]);
    named.extend(["--organization", &organizations[0]]);
    let told = machine.json(&named).await;
    let by_name = |name: &str| {
        array(&told["organizations"]).iter().find(|found| found["organization"] == *name).unwrap().clone()
    };
    let found = by_name(&organizations[0]);
    assert_eq!(found["access"], "connected", "{told}");
    assert!(
        found["projects"].as_u64().unwrap() > 0 && found["repositories"].as_u64().unwrap() > 0,
        "{found}"
    );
    assert_ne!(by_name("no-such-organization")["access"], "connected");
    let pass = &told["firstPass"];
    assert!(pass["calls"].as_u64().unwrap() <= pass["boundCalls"].as_u64().unwrap(), "{pass}");
    assert!(pass["tstu"].as_f64().unwrap() > 0.0 && pass["minutes"].as_f64().unwrap() > 0.0, "{pass}");
    assert!(array(&machine.json(&["connector", "list"]).await).is_empty());
    assert!(array(&machine.json(&["job", "list"]).await).is_empty());

    let all = machine.json(&preview(&["--all-organizations"])).await;
    assert_eq!(array(&all["organizations"]).len(), organizations.len());
    let cost = ["cost", "--credential", "reader", "--organization", &organizations[0], "--probe"];
    let cost = machine.json(&cost).await;
    assert_eq!(cost["isProbed"], true);
    assert_eq!(cost["access"]["projects"]["state"], "granted", "{cost}");
    machine.fails(&["cost", "--credential", "nobody"], 3, &["nobody", "muster credential set"]).await;
    let mut unknown = vec!["connector", "preview", "contoso", "--credential", "nobody"];
    unknown.extend(PLACE);
    machine.fails(&unknown, 3, &["nobody"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_listed_shown_and_changed() {
    let machine = Machine::with_credential().await;
    let organizations = machine.simulator.organizations();
    machine.create("contoso", &organizations.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let up = machine.pass().await;
    look_at_connectors(&machine, &organizations).await;
    look_at_inventory(&machine, &organizations).await;
    look_at_recommendations(&machine).await;
    look_at_jobs(&machine).await;
    look_at_cost_and_health(&machine).await;
    change_the_connector(&machine, &organizations).await;
    up.terminate();
    assert!(up.wait(DEADLINE).await.success(), "{}", up.stderr());
}

async fn look_at_connectors(machine: &Machine, organizations: &[String]) {
    let shown = machine.json(&["connector", "show", "CONTOSO"]).await;
    let access = array(&shown["organizationAccess"]);
    assert_eq!(access.len(), organizations.len(), "{shown}");
    assert!(access.iter().all(|standing| standing["access"] == "connected"), "{shown}");
    assert_eq!(array(&machine.json(&["connector", "list", "--state", "active"]).await).len(), 1);
    assert!(array(&machine.json(&["connector", "list", "--state", "paused"]).await).is_empty());
    machine.fails(&["connector", "show", "nobody"], 3, &["nobody", "muster connector list"]).await;
    // The organization is taken: a second connector is told by whom.
    let mut arguments = vec!["connector", "preview", "second", "--credential", "reader"];
    arguments.extend(PLACE);
    arguments.extend(["--organization", &organizations[0]]);
    let told = machine.json(&arguments).await;
    assert_eq!(told["organizations"][0]["access"], "claimed_elsewhere", "{told}");
    assert!(text(&told["organizations"][0]["reason"]).contains("contoso"), "{told}");
}

async fn look_at_inventory(machine: &Machine, organizations: &[String]) {
    let list = machine.json(&["organization", "list", "--sort", "projects:desc"]).await;
    assert_eq!(array(&list).len(), organizations.len());
    assert!(list[0]["projects"].as_u64() >= list[1]["projects"].as_u64(), "{list}");
    assert!(list[0]["lastReadAt"].is_string() && list[0]["nextDueAt"].is_string(), "{list}");
    let name = organizations[0].to_uppercase();
    let shown = machine.json(&["organization", "show", &name]).await;
    assert_eq!(shown["access"], "connected");
    assert!(shown["webUrl"].is_string() && shown["advancedSecurity"].is_object(), "{shown}");
    assert!(!array(&shown["details"]["reads"]).is_empty(), "{shown}");
    machine.fails(&["organization", "show", "nobody"], 3, &["nobody"]).await;
    machine.fails(&["organization", "list", "--organization", "nobody"], 3, &["nobody"]).await;

    let projects = machine.json(&["project", "list", "--sort", "repositories:desc"]).await;
    assert_eq!(array(&projects).len(), 5, "{projects}");
    let (project, organization) = (text(&projects[0]["name"]), text(&projects[0]["organization"]));
    let shown = machine.json(&["project", "show", project, "--organization", organization]).await;
    assert_eq!(shown["id"], projects[0]["id"]);
    assert!(text(&shown["webUrl"]).starts_with("http"), "{shown}");
    assert!(!array(&shown["details"]["reads"]).is_empty(), "{shown}");
    machine.fails(&["project", "show", "nobody"], 3, &["nobody", "muster project list"]).await;
    machine.fails(&["project", "list", "--connector", "nobody"], 3, &["nobody"]).await;

    let repositories = machine.json(&["repository", "list"]).await;
    assert_eq!(array(&repositories).len(), 30);
    let id = text(&repositories[0]["id"]);
    let shown = machine.json(&["repository", "show", id]).await;
    assert_eq!(shown["name"], repositories[0]["name"]);
    let of_project = ["repository", "list", "--project", project, "--organization", organization];
    let of_project = machine.json(&of_project).await;
    assert_eq!(array(&of_project).len() as u64, number(&projects[0]["resources"]["repository"]));
    let disabled = machine.json(&["repository", "list", "--disabled", "true"]).await;
    let enabled = machine.json(&["repository", "list", "--disabled", "false"]).await;
    assert_eq!(array(&disabled).len() + array(&enabled).len(), 30);
    let first = machine.done(&["repository", "list", "-o", "tsv", "--limit", "3"]).await;
    assert_eq!(first.lines().count(), 3);
    machine.fails(&["repository", "show", "nobody"], 3, &["nobody", "muster repository list"]).await;
    machine.fails(&["repository", "list", "--sort", "size"], 2, &["--sort"]).await;
}

async fn look_at_recommendations(machine: &Machine) {
    let all = machine.json(&["recommendation", "list"]).await;
    let of_repositories = machine.json(&["recommendation", "list", "--resource", "repository"]).await;
    let count = |list: &Value| array(list).len();
    assert!(count(&of_repositories) > 0 && count(&of_repositories) < count(&all));
    assert!(array(&of_repositories).iter().all(|found| found["resource"]["kind"] == "repository"));
    let title = text(&of_repositories[0]["title"]);
    let by_title = machine.json(&["recommendation", "list", "--recommendation", &title.to_uppercase()]).await;
    assert!(array(&by_title).iter().all(|found| found["title"] == title));
    let by_time = machine.json(&["recommendation", "list", "--sort", "since:desc", "--since", "7d"]).await;
    assert_eq!(count(&by_time), count(&all), "everything was judged within the last week");
    // Without the zone, texts of a different number of digits are in the order of time.
    let moment = |found: &'_ Value| text(&found["since"]).trim_end_matches('Z').to_owned();
    let times: Vec<String> = array(&by_time).iter().map(moment).collect();
    assert!(times.is_sorted_by(|left, right| left >= right), "{times:?}");
    assert!(array(&machine.json(&["recommendation", "list", "--since", "2999-01-01"]).await).is_empty());
    let shown = machine.json(&["recommendation", "show", text(&of_repositories[0]["assessmentKey"])]).await;
    assert!(!array(&shown["remediation"]).is_empty() && !array(&shown["reads"]).is_empty(), "{shown}");
    let judged: u64 = shown["counts"].as_object().expect("counts").values().map(number).sum();
    assert_eq!(judged, count(&by_title) as u64);
    machine.fails(&["recommendation", "show", "no such title"], 3, &["no such title", title]).await;
    machine.fails(&["recommendation", "list", "--fail-on", "low"], 10, &["--fail-on"]).await;
    machine.fails(&["recommendation", "list", "--since", "tomorrow"], 2, &["--since"]).await;
}

async fn look_at_jobs(machine: &Machine) {
    let done = machine.json(&["job", "list", "--state", "done", "--kind", "project.sync"]).await;
    let id = text(&done[0]["id"]);
    let shown = machine.json(&["job", "show", id]).await;
    assert_eq!(shown["kind"], "project.sync");
    assert!(number(&shown["maxAttempts"]) > 0 && shown["cause"].is_string(), "{shown}");
    assert!(array(&machine.json(&["job", "list", "--waiting-reason", "throttled"]).await).is_empty());
    machine.fails(&["job", "show", NO_JOB], 3, &[NO_JOB, "muster job list"]).await;
    machine.fails(&["job", "retry", NO_JOB], 3, &[NO_JOB]).await;
    machine.fails(&["dead-letter", "show", NO_JOB], 3, &[NO_JOB, "muster dead-letter list"]).await;
    assert!(array(&machine.json(&["dead-letter", "list"]).await).is_empty());
    machine.fails(&["job", "retry", id], 5, &[id, "done"]).await;
    machine.fails(&["job", "cancel", id], 5, &[id, "done"]).await;
    machine.fails(&["job", "cancel"], 2, &["<ID>"]).await;

    let watching = Process::muster(&["job", "list", "--watch=0.2", "-o", "json"], &machine.environment);
    watching.wait_for_line(PATIENT, |line| line.contains("project.sync")).await;
    watching.signal("INT");
    assert_eq!(watching.wait(DEADLINE).await.code(), Some(130), "{}", watching.stderr());
}

async fn look_at_cost_and_health(machine: &Machine) {
    let budget = machine.json(&["budget"]).await;
    assert!(!array(&budget).is_empty());
    machine.fails(&["budget", "--watch=x"], 2, &["--watch"]).await;
    let cost = machine.json(&["cost", "--connector", "contoso"]).await;
    assert!(number(&cost["calls"]) <= number(&cost["boundCalls"]), "{cost}");
    assert!(array(&cost["byRead"]).iter().any(|line| line["isLearnt"] == true), "{cost}");
    assert_eq!(cost["access"]["serviceEndpoints"]["state"], "granted", "{cost}");
    machine.fails(&["cost", "--connector", "nobody"], 3, &["nobody"]).await;

    let checks = machine.json(&["doctor"]).await;
    let failed: Vec<&Value> = array(&checks).iter().filter(|check| check["status"] == "failed").collect();
    assert!(failed.is_empty(), "{failed:?}");
    for area in ["configuration", "data folder", "database", "broker", "services", "connectors"] {
        assert!(array(&checks).iter().any(|check| check["area"] == area), "{area} is not looked at");
    }
    let away = [("MUSTER_AZURE_DEVOPS_URL", "http://127.0.0.1:1")];
    let ended = machine.ended_with(&["doctor"], &away).await;
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("MUSTER_AZURE_DEVOPS_URL"), "{}", ended.stdout);
}

async fn change_the_connector(machine: &Machine, organizations: &[String]) {
    let one = ["connector", "update", "contoso", "--remove-organization", &organizations[1]];
    let changed = machine.json(&one).await;
    assert_eq!(changed["changes"][0]["field"], "organizations", "{changed}");
    assert_eq!(array(&changed["organizations"]).len(), 1);
    machine.fails(&one, 3, &[&organizations[1], "--remove-organization"]).await;
    machine.fails(&["connector", "update", "contoso", "--credential", "nobody"], 3, &["nobody"]).await;
    let plan = machine.json(&["connector", "update", "contoso", "--plan", "defendercspm"]).await;
    assert_eq!(plan["plan"], "DefenderCspm");
    let future = machine.json(&["connector", "update", "contoso", "--all-organizations"]).await;
    assert_eq!(future["autoDiscovery"], "Enabled", "{future}");

    let paused = machine.json(&["connector", "pause", "contoso"]).await;
    assert_eq!(paused[0]["state"], "paused");
    machine.fails(&["connector", "pause", "nobody"], 3, &["nobody"]).await;
    let resumed = machine.json(&["connector", "resume", "contoso"]).await;
    assert_eq!(resumed[0]["state"], "pending");
    machine.fails(&["connector", "resume", "contoso", "nobody"], 3, &["nobody"]).await;

    machine.fails(&["connector", "delete", "contoso"], 2, &["--yes"]).await;
    let removed = machine.json(&["connector", "delete", "contoso", "--yes", "--wait"]).await;
    assert_eq!(removed["state"], "removed");
    machine.fails(&["connector", "delete", "contoso", "--yes"], 3, &["contoso"]).await;
    machine.fails(&["connector", "resume", text(&removed["id"])], 5, &["removed"]).await;
    assert!(array(&machine.json(&["organization", "list"]).await).is_empty());
}
