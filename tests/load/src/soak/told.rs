//! What is going on, for whoever watches: a line for each fault, and one at least every few seconds, also while the soak
//! itself waits for a server. Every action stands in a file of the run.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use claviger_testenv::Progress;

/// Nobody waits longer for a line.
const SIGN_OF_LIFE: Duration = Duration::from_secs(4);

/// Characters of a line on standard error.
const LINE: usize = 160;

const LOOK: Duration = Duration::from_millis(200);

/// Tells it on standard error. The thread that does ends when this is dropped.
pub(crate) struct Told {
    shared: Arc<Shared>,
    file: File,
    begin: Instant,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    progress: Progress,
    now: Mutex<Now>,
}

struct Now {
    doing: String,
    said: Instant,
    over: bool,
}

impl Told {
    /// Begins, with the list of actions in that folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn start(dir: &Path) -> Result<Self> {
        let path = dir.join("actions.log");
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let now = Now { doing: "starting".to_owned(), said: Instant::now(), over: false };
        let shared = Arc::new(Shared { progress: Progress::default(), now: Mutex::new(now) });
        let watching = shared.clone();
        let thread = std::thread::spawn(move || watching.watch());
        Ok(Self { shared, file, begin: Instant::now(), thread: Some(thread) })
    }

    /// Says a line.
    pub(crate) fn say(&mut self, line: &str) {
        self.note(line);
        self.shared.progress.say(short(line));
        let mut now = self.shared.now();
        now.doing = short(line);
        now.said = Instant::now();
    }

    /// What is going on from now on; it is said when there was nothing else to say for a while.
    pub(crate) fn doing(&mut self, what: &str) {
        self.note(what);
        self.shared.now().doing = short(what);
    }

    fn note(&mut self, line: &str) {
        // The list is for whoever looks for a cause; a run does not end for it.
        let _ = writeln!(self.file, "{:>9.3} {line}", self.begin.elapsed().as_secs_f64());
    }
}

/// As much of it as a line holds; the file has the rest.
fn short(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        loop {
            std::thread::sleep(LOOK);
            let mut now = self.now();
            if now.over {
                return;
            }
            if now.said.elapsed() >= SIGN_OF_LIFE {
                self.progress.say(&now.doing);
                now.said = Instant::now();
            }
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.shared.now().over = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
