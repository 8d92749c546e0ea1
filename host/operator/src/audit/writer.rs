//! One thread that writes lines, and a bounded queue to it.
//!
//! Nobody waits for it. Standard output that is not read any more (a log driver that hangs) would else stop every refresh:
//! secrets would go stale for want of a log. What finds the queue full is lost; it is counted, and the log itself says how
//! many lines are missing where they are.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::line;

/// Lines that wait. Some 4 MiB, and several seconds of an operator's start with ten thousand objects.
const WAITING: usize = 8192;

/// How long the end of the process waits for what is still in the queue.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it looks whether there is room for that wish.
const LOOK: Duration = Duration::from_millis(10);

enum Message {
    /// A line, and how many were lost since the one before.
    Line(String, u64),
    End,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    lost: AtomicU64,
    /// Of those that were lost, those of which no message tells yet.
    untold: AtomicU64,
}

impl Counts {
    fn lost(&self, lines: u64) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.untold.fetch_add(lines, Ordering::Relaxed);
    }

    fn take_untold(&self) -> u64 {
        self.untold.swap(0, Ordering::Relaxed)
    }
}

/// Where lines are handed in.
#[derive(Clone)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    counts: Arc<Counts>,
}

impl Queue {
    /// Does not wait.
    pub(super) fn hand_in(&self, line: String) {
        let before = self.counts.take_untold();
        if self.sender.try_send(Message::Line(line, before)).is_err() {
            self.counts.lost(before + 1);
        }
    }

    /// Written, lost.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.counts.written.load(Ordering::Relaxed), self.counts.lost.load(Ordering::Relaxed))
    }
}

/// The thread. Dropped, it writes what is in the queue, for a while.
pub(crate) struct Writer {
    sender: SyncSender<Message>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.sender.try_send(Message::End), Err(TrySendError::Full(_)))
            && Instant::now() < deadline
        {
            std::thread::sleep(LOOK);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if matches!(self.ended.recv_timeout(left), Err(RecvTimeoutError::Timeout)) {
            tracing::error!("standard output is not read: the end of the audit log is lost");
            return;
        }
        if let Some(thread) = self.thread.take().filter(|thread| thread.is_finished()) {
            let _ = thread.join();
        }
    }
}

/// Starts it. If there can be no thread, every line is lost and counted as that.
pub(super) fn start(out: impl Write + Send + 'static) -> (Queue, Writer) {
    let (sender, lines) = sync_channel(WAITING);
    let (end, ended) = sync_channel(1);
    let counts = Arc::<Counts>::default();
    let queue = Queue { sender: sender.clone(), counts: counts.clone() };
    let work = move || {
        write(&lines, out, &counts);
        // From here on what is handed in is lost, and counted as that.
        drop(lines);
        let _ = end.try_send(());
    };
    let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(work);
    if let Err(error) = &thread {
        tracing::error!(%error, "no thread for the audit log: all of it is lost");
    }
    (queue, Writer { sender, ended, thread: thread.ok() })
}

fn write(lines: &Receiver<Message>, mut out: impl Write, counts: &Counts) {
    let (mut untold, mut broken) = (0, false);
    loop {
        let (line, before) = match lines.recv() {
            Ok(Message::Line(line, before)) => (Some(line), before),
            Ok(Message::End) | Err(_) => (None, counts.take_untold()),
        };
        untold += before;
        // Where those that are missing would stand.
        if untold > 0 && put(&mut out, &line::lost(Timestamp::now(), untold)).is_ok() {
            untold = 0;
        }
        let Some(line) = line else { return };
        match put(&mut out, &line) {
            Ok(()) => {
                counts.written.fetch_add(1, Ordering::Relaxed);
                broken = false;
            }
            Err(error) => {
                counts.lost.fetch_add(1, Ordering::Relaxed);
                untold += 1;
                if !std::mem::replace(&mut broken, true) {
                    tracing::error!(%error, "the audit log cannot be written to standard output: lines are lost");
                }
            }
        }
    }
}

fn put(out: &mut impl Write, line: &str) -> std::io::Result<()> {
    out.write_all(line.as_bytes())?;
    out.flush()
}
