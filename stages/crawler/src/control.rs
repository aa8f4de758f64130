//! How a caller follows a crawl or a download, and cancels it.
//!
//! Progress is reported by the events of [`corpusmill_pipeline::progress`], as everywhere in corpusmill.
//!
//! Invariant: a cancelled call returns within a fraction of a second, however long a host asks to wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use corpusmill_pipeline::progress::{Event, Progress, Silent};

/// Interval at which cancellation is checked while no response arrives.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The name of a piece of work, the receiver of its progress, and the flag that cancels it.
///
/// The default reports nothing and is never cancelled.
#[derive(Debug, Clone, Copy)]
pub struct Control<'a> {
    /// The name in events, unique among what runs at a time, such as `web/crawl`.
    pub name: &'a str,
    /// Receives the events.
    pub progress: &'a dyn Progress,
    /// Once set, the work stops: it keeps what it has, and the next call resumes it.
    pub cancel: &'a AtomicBool,
}

static NEVER_CANCELLED: AtomicBool = AtomicBool::new(false);

impl Default for Control<'_> {
    fn default() -> Self {
        Self { name: "", progress: &Silent, cancel: &NEVER_CANCELLED }
    }
}

impl<'a> Control<'a> {
    /// Reports that the work begins; dropping the returned value reports its end.
    pub fn start(self, total: u64, unit: &'static str) -> RunningWork<'a> {
        self.progress.handle(Event::Started { name: self.name, total, unit });
        RunningWork { control: self }
    }

    /// Reports what is done: pages or files, those waiting, and bytes.
    pub(crate) fn advance(self, done: u64, waiting: u64, bytes: u64) {
        let detail = format!("{waiting} waiting, {}", decimal_bytes(bytes));
        self.progress.handle(Event::Advanced { name: self.name, done, detail: &detail });
    }

    /// Whether the caller has cancelled the work.
    pub(crate) fn cancelled(self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Awaits a future; `None` if the caller cancels first. A host may ask for a pause of minutes, and a user must be
    /// able to cancel during that time.
    pub(crate) async fn unless_cancelled<T>(self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        while !self.cancelled() {
            if let Ok(done) = tokio::time::timeout(POLL_INTERVAL, future.as_mut()).await {
                return Some(done);
            }
        }
        None
    }
}

/// Work that has been reported as started.
#[derive(Debug)]
pub struct RunningWork<'a> {
    control: Control<'a>,
}

impl Drop for RunningWork<'_> {
    fn drop(&mut self) {
        self.control.progress.handle(Event::Finished { name: self.control.name });
    }
}

/// A number of bytes in the largest decimal unit that is not above it: `1.23 MB`.
fn decimal_bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
    let mut value = bytes as f64 / 1000.0;
    let mut units = ["kB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value >= 1000.0
        && let Some(larger) = units.next()
    {
        value /= 1000.0;
        unit = larger;
    }
    format!("{value:.2} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_decimal_units() {
        let shown = [0, 999, 1000, 1_234_567, 64_000_000_000, u64::MAX].map(decimal_bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.00 kB", "1.23 MB", "64.00 GB", "18446744.07 TB"]);
    }
}
