//! Asynchronous work at the end of a value's life, where nothing can be awaited.

use std::future::Future;
use std::time::Duration;

/// A deadline: a service that hangs must not hang the end of every test.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs the future to its end, or to the deadline, on a thread and a runtime of its own.
pub(crate) fn finish(work: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(async {
                // Late is as good as never here: what is left over vanishes with the service.
                let _ = tokio::time::timeout(DEADLINE, work).await;
            });
        }
    });
    // A panic in there was printed; a second one while a test fails would hide the first.
    let _ = thread.join();
}
