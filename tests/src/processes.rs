//! The `muster` binary, and any other program, as child processes of a test.

use crate::waiting;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Names the binary to test; without it the one beside the test's own executable is taken.
pub const BINARY: &str = "MUSTER_TEST_BINARY";

/// Variables of the test's own environment that a child sees; all others would leak a developer's settings.
const INHERITED: [&str; 8] =
    ["PATH", "LANG", "TMPDIR", "USER", "SSL_CERT_FILE", "RUST_BACKTRACE", "RUSTUP_HOME", "CARGO_HOME"];

/// A running child: its lines are kept, and it is killed with this value.
#[derive(Debug)]
pub struct Process {
    name: String,
    id: u32,
    child: Mutex<Child>,
    stdout: Lines,
    stderr: Lines,
    /// A home of its own: nothing is read from or written to the developer's.
    _home: TempDir,
}

/// Lines of one stream, as far as they came.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Process {
    /// Starts `muster` with arguments and environment.
    pub fn muster(arguments: &[&str], environment: &BTreeMap<String, String>) -> Self {
        Self::start(&binary(), arguments, environment)
    }

    /// Starts any program. Its environment is `environment` and a few harmless variables, its home a
    /// throw-away folder.
    pub fn start(program: &Path, arguments: &[&str], environment: &BTreeMap<String, String>) -> Self {
        let home =
            tempfile::Builder::new().prefix("muster-home-").tempdir().expect("create the child's home");
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", home.path());
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("start {}: {error}", program.display()));
        let stdout = Lines::reading(child.stdout.take().expect("the child's output is piped"));
        let stderr = Lines::reading(child.stderr.take().expect("the child's errors are piped"));
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name} {}", arguments.join(" "));
        Self { name, id: child.id(), child: Mutex::new(child), stdout, stderr, _home: home }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it wrote to standard output so far, in whole lines.
    pub fn stdout(&self) -> String {
        self.stdout.text().clone()
    }

    /// What it wrote to standard error so far, in whole lines.
    pub fn stderr(&self) -> String {
        self.stderr.text().clone()
    }

    /// Waits for a line on either stream that the predicate accepts, also one that came before, and returns
    /// it. Fails the test with all output when the deadline passes or the process ends without it.
    pub async fn wait_for_line(&self, deadline: Duration, accepts: impl Fn(&str) -> bool) -> String {
        let look = async || {
            let ended = self.exit_status();
            let found = |text: &str| text.lines().find(|line| accepts(line)).map(str::to_owned);
            let line = found(&self.stdout.text()).or_else(|| found(&self.stderr.text()));
            assert!(line.is_some() || ended.is_none(), "no such line before the end\n{}", self.report());
            line
        };
        self.within("the awaited line", deadline, look).await
    }

    /// Waits until it ends by itself or by a signal sent before.
    pub async fn wait(&self, deadline: Duration) -> ExitStatus {
        let status = self.within("the end", deadline, async || self.exit_status()).await;
        // The streams end with the process, unless a grandchild holds them: that is none of this test's.
        self.stdout.finish();
        self.stderr.finish();
        status
    }

    /// How it ended; nothing while it runs.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("the child belongs to this process")
    }

    /// Asks it to stop, as a supervisor does (SIGTERM).
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Ends it without a chance to clean up (SIGKILL), as `kill -9` and the kernel do, and collects it.
    pub fn kill(&self) {
        let mut child = self.child();
        // It may have ended already.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Sends a signal by name: `STOP` and `CONT` make a process that hangs, `INT` is Ctrl-C.
    pub fn signal(&self, signal: &str) {
        // Not after its end: the number may belong to another process then.
        if self.exit_status().is_none() {
            let command = format!("kill -s {signal} {}", self.id);
            let sent = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
            sent.expect("run the shell's kill");
        }
    }

    /// Waits for the end outside of asynchronous code; false when it still runs at the deadline.
    pub(crate) fn wait_blocking(&self, deadline: Duration) -> bool {
        const PAUSE: Duration = Duration::from_millis(20);
        let end = Instant::now() + deadline;
        while self.exit_status().is_none() {
            if Instant::now() > end {
                return false;
            }
            // Only at the end of a value's life, where nothing can be awaited.
            std::thread::sleep(PAUSE);
        }
        true
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> String {
        format!("{}\n--- standard output\n{}--- standard error\n{}", self.name, self.stdout(), self.stderr())
    }

    async fn within<T>(&self, what: &str, deadline: Duration, look: impl AsyncFnMut() -> Option<T>) -> T {
        let waited = waiting::try_for(deadline, look).await;
        waited.unwrap_or_else(|| panic!("{what}: not within {deadline:?}\n{}", self.report()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Lines {
    fn reading(stream: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let text = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let mut text = text.text();
                text.push_str(String::from_utf8_lossy(&line).trim_end_matches('\r'));
                text.push('\n');
            }
        });
        lines
    }

    fn text(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits shortly until the reading thread has let go of the text, which it does at the stream's end.
    fn finish(&self) {
        const LATEST: Duration = Duration::from_secs(2);
        const PAUSE: Duration = Duration::from_millis(2);
        let end = Instant::now() + LATEST;
        while Arc::strong_count(&self.0) > 1 && Instant::now() < end {
            // A stream ends within microseconds after its process; there is nothing to await.
            std::thread::sleep(PAUSE);
        }
    }
}

/// The `muster` binary under test: [`BINARY`], or the one of the same build as the running test.
pub fn binary() -> PathBuf {
    if let Some(given) = std::env::var_os(BINARY) {
        return given.into();
    }
    let test = std::env::current_exe().expect("the test's own path");
    // target/debug/deps/it-0123456789abcdef -> target/debug/muster
    let folder = test.ancestors().nth(2).expect("the test runs from its build folder");
    let binary = folder.join(format!("muster{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} is not built: start the tests with `tests/run`, or build it with `cargo build --workspace --bins --tests`",
        binary.display()
    );
    binary
}
