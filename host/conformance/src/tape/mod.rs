//! Recordings: what passed the proxy, written down so that the same cases run without the backend.
//!
//! No value that the bench knows, no token that the backend issued and no credential is in one; what cannot be
//! replaced for certain is refused (docs/plugins/conformance.md says what nobody can know). Faults are the proxy's, and
//! happen on top of recorded answers as they do on top of real ones.

mod exchange;
mod file;
mod issued;
mod needles;
mod redact;
mod replay;
mod stand_in;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use claviger_core::secret::SecretBytes;
use http::Response;

use crate::bench::{Bench, BenchError};
use crate::case::Case;
use exchange::{Answered, Exchange};
use file::CaseFile;
use redact::Book;
use replay::Player;

pub(crate) use exchange::Asked;
pub(crate) use file::Index;
pub(crate) use needles::Known;

/// The host takes 8 MiB of an answer.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Whether a run is about a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording<'a> {
    /// It is not.
    None,
    /// The run against the real backend is written down in that folder.
    Record(&'a Path),
    /// The folder's recording is the backend.
    Replay(&'a Path),
}

/// Why there is no recording, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder or a file in it.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is no recording, or not one of this bench.
    #[error("{path} cannot be replayed: {why}")]
    Malformed {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something would stand in it that may not; nothing was written.
    #[error("nothing was recorded: {0}")]
    Refused(String),
    /// The bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
}

/// Why a case has no part in recordings, if it has none.
pub(crate) fn left_out(bench: &Bench, case: Case) -> Option<&'static str> {
    match case {
        Case::ThousandKeys => {
            Some("a thousand answers are nothing that somebody reads: run it against the backend")
        }
        _ if bench.expects_a_digest(case) => {
            Some("the bench knows a digest of the value alone, so it could not be taken out")
        }
        _ => None,
    }
}

/// What a proxy does besides.
#[derive(Default)]
pub(crate) enum Tape {
    #[default]
    None,
    Record(Box<Recorder>),
    Replay(Box<Replayer>),
}

/// What came so far.
pub(crate) struct Recorder {
    folder: PathBuf,
    index: Index,
    book: Book,
    exchanges: Vec<Exchange>,
    read: Vec<SecretBytes>,
    done: Vec<(Case, CaseFile)>,
}

/// The recording, and what of the present case has not been asked for.
pub(crate) struct Replayer {
    players: BTreeMap<Case, Player>,
    present: Player,
    /// What was asked for and is not there.
    strangers: Vec<String>,
}

impl Tape {
    /// A tape to record on.
    ///
    /// # Errors
    /// If a value of the bench could not be taken out again.
    pub(crate) fn record(
        folder: &Path,
        plugin: String,
        bench: &Bench,
        origins: &BTreeMap<String, String>,
    ) -> Result<Self, RecordingError> {
        let index = Index::new(plugin, bench.servers.keys().cloned().collect());
        let both = bench.servers.iter().map(|(name, upstream)| (name.clone(), upstream.origin()));
        let both = origins.iter().map(|(name, origin)| (name.clone(), origin.clone())).chain(both);
        let book = Book::new(bench.known(origins)?, both.collect()).map_err(RecordingError::Refused)?;
        let (exchanges, read, done) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self::Record(Box::new(Recorder { folder: folder.to_owned(), index, book, exchanges, read, done })))
    }

    /// A tape to replay.
    ///
    /// # Errors
    /// If a file of the recording cannot be read, or names a value that the bench does not have.
    pub(crate) fn replay(
        folder: &Path,
        bench: &Bench,
        origins: &BTreeMap<String, String>,
    ) -> Result<Self, RecordingError> {
        let mut needles = needles::Needles::of(&bench.known(origins)?);
        let origins: Vec<_> = origins.iter().map(|(name, origin)| (name.clone(), origin.clone())).collect();
        redact::origins(&mut needles, &origins);
        let players = Case::all().map(|case| Ok((case, Player::load(folder, case, &needles)?)));
        let players = players.collect::<Result<_, RecordingError>>()?;
        Ok(Self::Replay(Box::new(Replayer { players, present: Player::default(), strangers: Vec::new() })))
    }

    /// Whether there is no backend.
    pub(crate) fn is_replayed(&self) -> bool {
        matches!(self, Self::Replay(_))
    }

    /// A case begins.
    pub(crate) fn begin(&mut self, case: Case) {
        match self {
            Self::None => {}
            Self::Record(recorder) => {
                recorder.exchanges.clear();
                recorder.read.clear();
            }
            Self::Replay(replayer) => {
                replayer.present = replayer.players.remove(&case).unwrap_or_default();
                replayer.strangers.clear();
            }
        }
    }

    /// A case ended. What was asked for in vain, if it was replayed.
    ///
    /// # Errors
    /// If what passed cannot be written down.
    pub(crate) fn end(&mut self, case: Case, passed: bool) -> Result<Option<String>, RecordingError> {
        match self {
            Self::None => Ok(None),
            Self::Record(recorder) => {
                if passed {
                    let file = recorder.book.write(&recorder.exchanges, &recorder.read);
                    let file = file.map_err(|why| RecordingError::Refused(format!("case {case}: {why}")))?;
                    recorder.done.push((case, file));
                }
                Ok(None)
            }
            Self::Replay(replayer) => Ok(replayer.strangers.first().cloned()),
        }
    }

    /// Writes what was recorded.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn save(&self) -> Result<(), RecordingError> {
        match self {
            Self::Record(recorder) => file::save(&recorder.folder, &recorder.index, &recorder.done),
            Self::None | Self::Replay(_) => Ok(()),
        }
    }

    /// A value that the plugin answered.
    pub(crate) fn read(&mut self, value: &SecretBytes) {
        if let Self::Record(recorder) = self {
            recorder.read.push(value.duplicate());
        }
    }

    /// A request on its way to the backend; its number.
    pub(crate) fn asked(&mut self, asked: Asked) -> Passage {
        match self {
            Self::None => Passage::Through(None),
            Self::Record(recorder) => {
                recorder.exchanges.push(Exchange { asked, answered: None });
                Passage::Through(Some(recorder.exchanges.len() - 1))
            }
            Self::Replay(replayer) => match replayer.present.answer(&asked) {
                Ok(answer) => Passage::Answered(answer),
                Err(why) => {
                    replayer.strangers.push(why);
                    Passage::Nowhere
                }
            },
        }
    }

    /// Its answer.
    pub(crate) fn answered(&mut self, number: usize, answer: &Response<Bytes>) {
        if let Self::Record(recorder) = self
            && let Some(exchange) = recorder.exchanges.get_mut(number)
        {
            exchange.answered = Some(Answered::new(answer));
        }
    }
}

/// What becomes of a request.
pub(crate) enum Passage {
    /// It goes to the backend; under that number its answer is awaited.
    Through(Option<usize>),
    /// This is the recorded answer.
    Answered(Response<Bytes>),
    /// There is none.
    Nowhere,
}
