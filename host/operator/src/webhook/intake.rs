//! How much of what is sent to the webhook is in memory at once, whoever sends it: nobody is asked who he is.
//!
//! A review as it usually is is read right away. What is larger waits for a place, and all wait for their turn to be
//! unpacked: JSON takes many times its own size. What a review says is not looked at here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use claviger_core::limit::{Limits, Pace};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Buf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The largest request that the API server takes itself, so the largest that it sends on.
const MAX_BODY: usize = 3 * 1024 * 1024;

/// What is read without a place: more than most reviews have. With all connections that is 8 MiB.
const SMALL: usize = 64 * 1024;

/// Bodies that are larger, at once.
const LARGE: usize = 4;

/// Reviews that are unpacked and judged at once.
const JUDGED: usize = 2;

/// For a body to come in whole, the wait for a place included: the API server waits 10 s by default, and 30 s at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// For a body to come in once it has a place: who sends slowly does not keep the places.
const PROMPT: Duration = Duration::from_secs(2);

/// Objects and lists of a review. An empty one takes two bytes of the text and hundreds of memory: these are 40 MiB.
const MAX_BRANCHES: usize = 65_536;

/// Fields and elements of a review, at up to some 100 bytes each.
const MAX_LEAVES: usize = 262_144;

/// Lines about refusals.
const LINES: Pace = Pace { burst: 50.0, per_second: 1.0 };

/// A status and its words.
pub(super) type Refusal = (StatusCode, &'static str);

/// A body that came in whole, and the right to be judged now.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) bytes: Vec<u8>,
    _place: Option<OwnedSemaphorePermit>,
    _turn: OwnedSemaphorePermit,
}

/// Where bodies come in.
pub(super) struct Intake {
    large: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    /// See [`PROMPT`].
    prompt: Duration,
    lines: Limits<()>,
    unsaid: AtomicU64,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE)),
            turns: Arc::new(Semaphore::new(JUDGED)),
            prompt: PROMPT,
            lines: Limits::new(LINES, 1),
            unsaid: AtomicU64::new(0),
        }
    }
}

impl Intake {
    /// Reads a body.
    ///
    /// # Errors
    /// If it is too large, in bytes or in what it unpacks to, or does not come in whole and in time.
    pub(super) async fn take<B>(&self, body: B) -> Result<Taken, Refusal>
    where
        B: Body + Unpin,
    {
        let late = (StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
        timeout(PATIENCE, self.read(body)).await.map_err(|_| late)?
    }

    async fn read<B>(&self, mut body: B) -> Result<Taken, Refusal>
    where
        B: Body + Unpin,
    {
        let mut bytes = Vec::new();
        let place = if grow(&mut body, &mut bytes, SMALL).await? {
            None
        } else {
            let place = permit(&self.large).await?;
            let late = (StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
            if !timeout(self.prompt, grow(&mut body, &mut bytes, MAX_BODY)).await.map_err(|_| late)?? {
                return Err((StatusCode::PAYLOAD_TOO_LARGE, "more than 3 MiB"));
            }
            Some(place)
        };
        if !is_unpackable(&bytes) {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, "too many objects, lists or fields"));
        }
        Ok(Taken { bytes, _place: place, _turn: permit(&self.turns).await? })
    }

    /// Whether a refusal has a line in the log, and how many before it had none. Who is refused is not known to be anybody.
    pub(super) fn line(&self, now: Instant) -> Option<u64> {
        if self.lines.take((), 1.0, now).is_ok() {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

async fn permit(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    // They are never closed.
    let closed = |_| (StatusCode::SERVICE_UNAVAILABLE, "the webhook ends");
    of.clone().acquire_owned().await.map_err(closed)
}

/// Reads on while there are no more than `most` bytes; whether that was all.
async fn grow<B>(body: &mut B, bytes: &mut Vec<u8>, most: usize) -> Result<bool, Refusal>
where
    B: Body + Unpin,
{
    while bytes.len() <= most {
        let Some(frame) = body.frame().await else { return Ok(true) };
        let broken = |_| (StatusCode::BAD_REQUEST, "the body did not come in whole");
        if let Ok(mut data) = frame.map_err(broken)?.into_data() {
            while data.has_remaining() {
                let chunk = data.chunk();
                bytes.extend_from_slice(chunk);
                let read = chunk.len();
                data.advance(read);
            }
        }
    }
    Ok(false)
}

/// Whether JSON has no more in it than memory is set aside for. What is no JSON is told apart later.
fn is_unpackable(bytes: &[u8]) -> bool {
    let (mut branches, mut leaves, mut text) = (0, 0, false);
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match (text, byte) {
            (_, b'"') => text = !text,
            (true, b'\\') => {
                bytes.next();
            }
            (false, b'{' | b'[') => branches += 1,
            (false, b',') => leaves += 1,
            _ => {}
        }
    }
    branches <= MAX_BRANCHES && leaves <= MAX_LEAVES
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::pin::Pin;
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Poll};

    use hyper::body::{Bytes, Frame};
    use tokio::task::JoinSet;

    use super::*;

    /// Bytes that were given and whose body is not dropped yet, of all bodies of a test.
    #[derive(Default)]
    struct Count {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    /// Gives spaces, 16 KiB at a time.
    struct Spaces {
        left: usize,
        given: usize,
        count: Arc<Count>,
        /// It ceases to give.
        stalls: bool,
    }

    impl Body for Spaces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let some = self.left.min(16 * 1024);
            if some == 0 {
                return if self.stalls { Poll::Pending } else { Poll::Ready(None) };
            }
            self.left -= some;
            self.given += some;
            let now = self.count.now.fetch_add(some, Ordering::SeqCst) + some;
            self.count.most.fetch_max(now, Ordering::SeqCst);
            Poll::Ready(Some(Ok(Frame::data(vec![b' '; some].into()))))
        }
    }

    impl Drop for Spaces {
        fn drop(&mut self) {
            self.count.now.fetch_sub(self.given, Ordering::SeqCst);
        }
    }

    fn spaces(left: usize, count: &Arc<Count>) -> Spaces {
        Spaces { left, given: 0, count: count.clone(), stalls: false }
    }

    #[tokio::test]
    async fn large_bodies_wait_for_each_other_and_small_ones_do_not_wait_for_them() {
        let (intake, count) = (Arc::new(Intake::default()), Arc::new(Count::default()));
        let mut tasks = JoinSet::new();
        for _ in 0..32 {
            let (intake, body) = (intake.clone(), spaces(MAX_BODY, &count));
            tasks.spawn(async move {
                let taken = intake.take(body).await.unwrap();
                assert_eq!(taken.bytes.len(), MAX_BODY);
                tokio::task::yield_now().await;
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let most = count.most.load(Ordering::SeqCst);
        let bound = LARGE * MAX_BODY + 32 * (SMALL + 16 * 1024);
        assert!(most > MAX_BODY && most <= bound, "{most} > {bound}");

        let places: Vec<_> = (0..LARGE).map(|_| intake.large.clone().try_acquire_owned().unwrap()).collect();
        assert_eq!(intake.take(spaces(SMALL, &count)).await.unwrap().bytes.len(), SMALL);
        drop(places);
        let refused = intake.take(spaces(MAX_BODY + 1, &count)).await.unwrap_err();
        assert_eq!(refused.0, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn who_stalls_does_not_keep_a_place() {
        let intake = Arc::new(Intake { prompt: Duration::from_millis(50), ..Intake::default() });
        let (mut tasks, count) = (JoinSet::new(), Arc::new(Count::default()));
        for _ in 0..LARGE {
            let (intake, mut body) = (intake.clone(), spaces(SMALL + 1, &count));
            body.stalls = true;
            tasks.spawn(async move { intake.take(body).await.unwrap_err() });
        }
        tokio::task::yield_now().await;
        assert_eq!(intake.large.available_permits(), 0);
        let taken = intake.take(spaces(MAX_BODY, &count)).await.unwrap();
        assert_eq!(taken.bytes.len(), MAX_BODY);
        while let Some(refused) = tasks.join_next().await {
            assert_eq!(refused.unwrap().0, StatusCode::REQUEST_TIMEOUT);
        }
    }

    #[test]
    fn what_unpacks_to_too_much_is_not_unpacked() {
        let list = |of: &str, times: usize| format!("[{}0]", format!("{of},").repeat(times));
        let cases = [
            ("objects", list("{}", MAX_BRANCHES), false),
            ("lists", list("[]", MAX_BRANCHES), false),
            ("as many as there may be", list("[]", MAX_BRANCHES - 1), true),
            ("elements", list("0", MAX_LEAVES + 1), false),
            ("signs in a text", format!("[\"{}\"]", "{[,\\\"".repeat(MAX_LEAVES)), true),
            (
                "after a text that ends with a backslash",
                format!("[\"\\\\\",{}]", list("{}", MAX_BRANCHES)),
                false,
            ),
        ];
        for (what, text, expected) in cases {
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{what}");
            assert_eq!(is_unpackable(text.as_bytes()), expected, "{what}");
        }
    }

    #[test]
    fn who_is_refused_often_does_not_fill_the_log() {
        let (intake, start) = (Intake::default(), Instant::now());
        assert_eq!((0..1000).filter(|_| intake.line(start).is_some()).count(), 50);
        assert_eq!(intake.line(start + Duration::from_secs(2)), Some(950));
        assert_eq!(intake.line(start + Duration::from_secs(2)), Some(0));
    }
}
