//! A backend that is a recording: each answer is given to the request that it was recorded for, as often as it was
//! recorded, in that order. What was not recorded gets no answer, and is told with what comes nearest.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::RecordingError;
use super::exchange::Asked;
use super::file::{self, Recorded};
use super::needles::Needles;
use super::text::{self, Part};
use crate::case::Case;

/// A request as it has to be, and its answer.
struct Track {
    asked: Pattern,
    left: usize,
    times: usize,
    answer: Response<Bytes>,
}

struct Pattern {
    server: String,
    method: String,
    path: Vec<Part>,
    headers: Vec<(String, Vec<Vec<Part>>)>,
    body: Vec<Part>,
    /// For messages: with names in place of values.
    line: String,
}

/// The recording of a case.
#[derive(Default)]
pub(super) struct Player {
    tracks: Vec<Track>,
}

impl Player {
    /// Of a case, with the values of the bench that replays it.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn load(folder: &Path, case: Case, needles: &Needles) -> Result<Self, RecordingError> {
        let file = file::load(folder, case)?;
        let tracks = file.exchanges.iter().enumerate().map(|(index, recorded)| {
            track(needles, recorded).map_err(|why| {
                file::malformed(&file::path(folder, case), format!("exchange {}: {why}", index + 1))
            })
        });
        Ok(Self { tracks: tracks.collect::<Result<_, _>>()? })
    }

    /// The answer to a request.
    ///
    /// # Errors
    /// That it was not recorded; may quote the request's path.
    pub(super) fn answer(&mut self, asked: &Asked) -> Result<Response<Bytes>, String> {
        let found =
            self.tracks.iter_mut().find(|track| track.left > 0 && track.asked.difference(asked).is_none());
        if let Some(track) = found {
            track.left -= 1;
            return Ok(track.answer.clone());
        }
        let near = self.tracks.iter().max_by_key(|track| track.asked.nearness(asked));
        let near = near.map(|track| match track.asked.difference(asked) {
            Some(difference) => format!("the nearest one is {}, with {difference}", track.asked.line),
            None => format!("it is {}, but was asked for {} times only", track.asked.line, track.times),
        });
        let near = near.unwrap_or_else(|| "nothing was recorded for this case".to_owned());
        Err(format!("{}, which is not in the recording: {near}", asked.line()))
    }
}

fn track(needles: &Needles, recorded: &Recorded) -> Result<Track, String> {
    let parts = |text: &str| text::decode(needles, text);
    let mut headers = Vec::new();
    for (name, fields) in &recorded.headers {
        headers
            .push((name.clone(), fields.each().iter().map(|field| parts(field)).collect::<Result<_, _>>()?));
    }
    let mut answer = Response::new(Bytes::from(text::whole(parts(&recorded.answer.body)?)));
    *answer.status_mut() = StatusCode::from_u16(recorded.answer.status).map_err(|error| error.to_string())?;
    for (name, fields) in &recorded.answer.headers {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        for field in fields.each() {
            let value =
                HeaderValue::try_from(text::whole(parts(field)?)).map_err(|error| error.to_string())?;
            answer.headers_mut().append(name.clone(), value);
        }
    }
    let asked = Pattern {
        server: recorded.server.clone(),
        method: recorded.method.clone(),
        path: parts(&recorded.path)?,
        headers,
        body: parts(&recorded.body)?,
        line: format!("{} {} of server {}", recorded.method, recorded.path, recorded.server),
    };
    Ok(Track { asked, left: recorded.times, times: recorded.times, answer })
}

impl Pattern {
    /// The first thing in which a request is another. Fields that the recording does not have may be there.
    fn difference(&self, asked: &Asked) -> Option<String> {
        if self.server != asked.server {
            return Some("another server".to_owned());
        }
        if self.method != asked.method {
            return Some("another method".to_owned());
        }
        if !text::fits(&self.path, asked.path.as_bytes()) {
            let place = text::differs_at(&self.path, asked.path.as_bytes());
            return Some(format!("another path or query from byte {place} on"));
        }
        for (name, recorded) in &self.headers {
            let sent: Vec<&[u8]> = asked
                .headers
                .iter()
                .filter(|(sent, _)| sent == name)
                .map(|(_, value)| value.as_slice())
                .collect();
            let same = sent.len() == recorded.len()
                && sent.iter().zip(recorded).all(|(sent, recorded)| text::fits(recorded, sent));
            if !same {
                let how = if sent.is_empty() { "a field" } else { "another field" };
                return Some(format!("{how} {name}"));
            }
        }
        if !text::fits(&self.body, &asked.body) {
            return Some(format!("another body from byte {} on", text::differs_at(&self.body, &asked.body)));
        }
        None
    }

    fn nearness(&self, asked: &Asked) -> (bool, bool, bool, usize, usize) {
        let path = asked.path.as_bytes();
        (
            self.server == asked.server,
            self.method == asked.method,
            text::fits(&self.path, path),
            text::differs_at(&self.path, path),
            text::differs_at(&self.body, &asked.body),
        )
    }
}
