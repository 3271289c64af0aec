//! The processes of a fleet under a supervisor: what ends is started again, what was said is kept.

use crate::processes::Process;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often the supervisor looks.
const LOOK: Duration = Duration::from_millis(250);
/// What a process says when it is up.
const UP: &str = "listening";
/// Lines of a process that ended by itself, for the report.
const LAST_LINES: usize = 12;

/// One place in the fleet: a role with the environment of its processes.
#[derive(Clone, Debug)]
pub struct Place {
    /// The arguments of the binary.
    pub arguments: Vec<&'static str>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

/// Processes that are started again whenever they end.
#[derive(Debug)]
pub struct Crew {
    members: Arc<Vec<Mutex<Member>>>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Member {
    place: Place,
    process: Process,
    killed: bool,
    /// What processes of this place said that are gone.
    past: String,
    /// Processes that ended without being asked to, after they were up.
    fallen: Vec<String>,
}

impl Crew {
    /// Starts a process for each place.
    pub fn start(places: Vec<Place>) -> Self {
        let member = |place: Place| {
            let process = Process::muster(&place.arguments, &place.environment);
            Mutex::new(Member { place, process, killed: false, past: String::new(), fallen: Vec::new() })
        };
        let members: Arc<Vec<_>> = Arc::new(places.into_iter().map(member).collect());
        let stop = CancellationToken::new();
        let (looked_after, stopped) = (Arc::clone(&members), stop.clone());
        tokio::spawn(async move {
            while tokio::time::timeout(LOOK, stopped.cancelled()).await.is_err() {
                for member in looked_after.iter() {
                    lock(member).start_again_where_it_ended();
                }
            }
        });
        Self { members, _stop: stop.drop_guard() }
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a place is one of a scheduler.
    pub fn is_scheduler(&self, place: usize) -> bool {
        lock(&self.members[place]).place.arguments.first() == Some(&"scheduler")
    }

    /// Ends the process of a place as `kill -9` does; another one is started soon.
    pub fn kill(&self, place: usize) {
        let mut member = lock(&self.members[place]);
        member.killed = true;
        member.process.kill();
    }

    /// Stops the process of a place where it stands, or lets it go on: a machine that hangs.
    pub fn freeze(&self, place: usize, frozen: bool) {
        lock(&self.members[place]).process.signal(if frozen { "STOP" } else { "CONT" });
    }

    /// Whether every place has a process that is up.
    pub fn is_up(&self) -> bool {
        self.members.iter().all(|member| lock(member).is_up())
    }

    /// Processes that ended by themselves after they were up, with their last lines.
    pub fn fallen(&self) -> Vec<String> {
        self.members.iter().flat_map(|member| lock(member).fallen.clone()).collect()
    }

    /// The addresses of the probes of the processes of now.
    pub fn addresses(&self) -> Vec<String> {
        self.members.iter().filter_map(|member| address(&lock(member).process.stderr())).collect()
    }

    /// Everything that any process ever said, place by place.
    pub fn said(&self) -> Vec<(String, String)> {
        let of_member = |member: &Mutex<Member>| {
            let member = lock(member);
            let said = format!("{}{}{}", member.past, member.process.stdout(), member.process.stderr());
            (member.place.arguments.join(" "), said)
        };
        self.members.iter().map(of_member).collect()
    }
}

impl Member {
    fn is_up(&self) -> bool {
        self.process.exit_status().is_none() && self.process.stderr().contains(UP)
    }

    fn start_again_where_it_ended(&mut self) {
        let Some(status) = self.process.exit_status() else { return };
        let (stdout, stderr) = (self.process.stdout(), self.process.stderr());
        // A process that cannot reach its services says so and ends: its supervisor tries again.
        if !self.killed && stderr.contains(UP) {
            let lines: Vec<&str> = stderr.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            self.fallen.push(format!("{} ended with {status}:\n{last}", self.place.arguments.join(" ")));
        }
        self.past.push_str(&stdout);
        self.past.push_str(&stderr);
        self.killed = false;
        self.process = Process::muster(&self.place.arguments, &self.place.environment);
    }
}

/// Where a process listens, from what it logged.
pub fn address(log: &str) -> Option<String> {
    log.lines().filter(|line| line.contains(UP)).find_map(|line| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        let address = entry.get("address").or_else(|| entry.get("fields")?.get("address"))?;
        address.as_str().map(str::to_owned)
    })
}

fn lock(member: &Mutex<Member>) -> MutexGuard<'_, Member> {
    member.lock().unwrap_or_else(PoisonError::into_inner)
}
