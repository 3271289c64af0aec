//! PostgreSQL servers of one test's own: restarted, killed, made read-only, and a standby that takes over.

use crate::services;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The user who may do everything.
const OWNER: &str = "postgres";
/// Longest that a server takes to boot, to recover, or to be promoted, in seconds.
const BOOT_SECONDS: &str = "60";

/// A PostgreSQL server of one test's own, on a free loopback port; it is gone with this value.
#[derive(Debug)]
pub struct DatabaseNode {
    /// Laid out as `tests/run` lays out its services, which sweeps what a killed test leaves.
    folder: TempDir,
    binaries: PathBuf,
    account: Option<Account>,
    port: u16,
}

/// Who runs a server: not root, which PostgreSQL refuses.
#[derive(Clone, Copy, Debug)]
struct Account {
    user: u32,
    group: u32,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, everything is written.
    Fast,
    /// Everything is dropped, as by a crash; the next start recovers.
    Immediate,
}

impl DatabaseNode {
    /// Makes and starts an empty server.
    pub async fn start() -> Self {
        off_the_runtime(|| {
            let node = Self::prepare();
            let data = node.data();
            node.run("initdb", &["-D", &data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]);
            node.control_start();
            node
        })
        .await
    }

    /// A standby that streams from this server. From now on this server confirms only what the standby has: without
    /// that, a fail-over loses what was committed last.
    pub async fn standby(&self) -> Self {
        let port = self.port.to_string();
        let standby = off_the_runtime(move || {
            let node = Self::prepare();
            let data = node.data();
            node.run(
                "pg_basebackup",
                &[
                    "-h",
                    "127.0.0.1",
                    "-p",
                    &port,
                    "-U",
                    OWNER,
                    "-D",
                    &data,
                    "-R",
                    "-X",
                    "stream",
                    "-c",
                    "fast",
                    "-N",
                ],
            );
            node.control_start();
            node
        })
        .await;
        self.set("synchronous_standby_names", "'*'").await;
        standby
    }

    /// Its URL, as `MUSTER_DATABASE_URL` takes it.
    pub fn url(&self) -> String {
        format!("postgres://{OWNER}@{}/postgres", self.address())
    }

    /// Its `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops it.
    pub async fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.control(&["stop", "-m", mode]).await;
    }

    /// Starts it again, with what it had.
    pub async fn start_again(&self) {
        let launch = self.launch();
        off_the_runtime(move || launch.start()).await;
    }

    /// Ends it as `kill -9` of its first process does; its sessions end at once.
    pub async fn kill(&self) {
        let file = self.folder.path().join("database/data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("the server runs");
        let id = text.lines().next().expect("a process id").to_owned();
        let status = Command::new("kill").args(["-KILL", &id]).status().expect("run kill");
        assert!(status.success(), "the server does not run");
    }

    /// Makes a standby the server that takes writes.
    pub async fn promote(&self) {
        self.control(&["promote"]).await;
    }

    /// Sets a parameter of the server, also for sessions that are open.
    pub async fn set(&self, parameter: &str, value: &str) {
        self.execute(&format!("ALTER SYSTEM SET {parameter} = {value}")).await;
        self.execute("SELECT pg_reload_conf()").await;
    }

    /// Runs a statement, and returns what it prints without decoration.
    pub async fn execute(&self, statement: &str) -> String {
        let (launch, statement, port) = (self.launch(), statement.to_owned(), self.port.to_string());
        off_the_runtime(move || {
            launch
                .run("psql", &["-h", "127.0.0.1", "-p", &port, "-U", OWNER, "-Atqc", &statement, "postgres"])
        })
        .await
    }

    async fn control(&self, arguments: &[&str]) {
        let launch = self.launch();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        off_the_runtime(move || {
            let mut all = vec!["-D", launch.data.as_str(), "-w", "-t", BOOT_SECONDS];
            all.extend(arguments.iter().map(String::as_str));
            launch.run("pg_ctl", &all);
        })
        .await;
    }

    /// A folder and a port, with nothing in them.
    fn prepare() -> Self {
        let folder = tempfile::Builder::new().prefix("muster-services.").tempdir().expect("make a folder");
        let inner = folder.path().join("database");
        std::fs::create_dir(&inner).expect("make the server's folder");
        std::fs::write(folder.path().join("owner"), std::process::id().to_string()).expect("name the owner");
        let account = Account::of_servers();
        if let Some(Account { user, group }) = account {
            open_to_all(folder.path());
            std::os::unix::fs::chown(&inner, Some(user), Some(group)).expect("give the folder away");
        }
        Self { folder, binaries: binaries(), account, port: free_port() }
    }

    fn data(&self) -> String {
        self.folder.path().join("database/data").display().to_string()
    }

    fn launch(&self) -> Launch {
        Launch {
            binaries: self.binaries.clone(),
            account: self.account,
            home: self.folder.path().join("database"),
            data: self.data(),
            port: self.port,
        }
    }

    fn control_start(&self) {
        self.launch().start();
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        self.launch().run(program, arguments);
    }
}

impl Drop for DatabaseNode {
    fn drop(&mut self) {
        // It may be stopped, or killed, already.
        let data = self.data();
        let mut command = self.launch().command("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// What it takes to run a program of PostgreSQL on a server's folder.
#[derive(Clone, Debug)]
struct Launch {
    binaries: PathBuf,
    account: Option<Account>,
    home: PathBuf,
    data: String,
    port: u16,
}

impl Launch {
    fn start(&self) {
        // Nothing outlives the test, so nothing needs to reach the disk.
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c max_connections=200 -c fsync=off",
            self.port,
            self.home.display()
        );
        let log = self.home.join("log").display().to_string();
        self.run(
            "pg_ctl",
            &["-D", &self.data, "-w", "-t", BOOT_SECONDS, "-l", &log, "-o", &options, "start"],
        );
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.args(arguments).current_dir(&self.home).env("HOME", &self.home).env("LC_ALL", "C");
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group);
        }
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        // Output goes to files: a server inherits the streams of `pg_ctl`, and a pipe would not end before it.
        let [said, errors] = ["out", "err"].map(|kind| self.home.join(format!("{program}.{kind}")));
        let create = |path: &Path| std::fs::File::create(path).expect("create a file for output");
        let mut command = self.command(program, arguments);
        let status =
            command.stdout(create(&said)).stderr(create(&errors)).status().expect("run PostgreSQL's program");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            status.success(),
            "{program} {arguments:?}: {status} {}{}{}",
            read(&said),
            read(&errors),
            read(&self.home.join("log"))
        );
        read(&said).trim_end().to_owned()
    }
}

impl Account {
    /// The packages' own account where this is root.
    fn of_servers() -> Option<Self> {
        let number = |arguments: &[&str]| {
            let output = Command::new("id").args(arguments).output().expect("run id");
            String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
        };
        (number(&["-u"]) == Some(0)).then(|| Self {
            user: number(&["-u", OWNER]).expect("the account postgres of PostgreSQL's package"),
            group: number(&["-g", OWNER]).expect("its group"),
        })
    }
}

/// Lets the server's account enter the folder.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("open the folder");
}

/// Where PostgreSQL's programs are: as `tests/run` looks for them.
fn binaries() -> PathBuf {
    let find = "ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV | head -n 1; command -v initdb";
    let output = Command::new("sh").args(["-c", find]).output().expect("look for PostgreSQL");
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_else(|| {
        panic!(
            "this test starts a PostgreSQL of its own, which is not installed: see {}",
            services::DATABASE_URL
        )
    });
    let path = Path::new(first);
    if path.ends_with("initdb") { path.parent().expect("a folder").to_owned() } else { path.to_owned() }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind to a free port");
    listener.local_addr().expect("its address").port()
}

async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the program ends well")
}
