//! The ways in which a backend or the network fails.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};

use super::Body;
use crate::bench::Answer;

/// Pieces of an answer that trickles in, and the time before each: together a second.
const PIECES: usize = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// What becomes of a request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// This is the answer; the backend is not asked.
    Answer(Answer),
    /// There is none, until the other side gives up.
    Silence,
    /// The backend's, a tenth of it at a time.
    Slow,
    /// The first half of the backend's, under the length of the whole.
    Truncated,
    /// So many bytes.
    Oversized(u64),
}

impl Fault {
    pub(super) async fn answer(
        self,
        backend: impl AsyncFnOnce() -> io::Result<Response<Bytes>>,
    ) -> io::Result<Response<Body>> {
        match self {
            Self::Answer(answer) => made_up(answer),
            Self::Silence => std::future::pending().await,
            Self::Oversized(size) => Ok(Response::new(endless(size))),
            Self::Slow => Ok(backend().await?.map(trickling)),
            Self::Truncated => {
                let mut answer = backend().await?;
                let length = HeaderValue::from(answer.body().len());
                answer.headers_mut().insert(CONTENT_LENGTH, length);
                Ok(answer.map(half))
            }
        }
    }
}

/// A body that is all there.
pub(super) fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn made_up(answer: Answer) -> io::Result<Response<Body>> {
    let mut response = Response::new(whole(answer.body.into()));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(io::Error::other)?;
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name).map_err(io::Error::other)?;
        response.headers_mut().insert(name, HeaderValue::try_from(value).map_err(io::Error::other)?);
    }
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().entry(CONTENT_TYPE).or_insert(json);
    Ok(response)
}

fn streamed(pieces: impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    BodyExt::boxed_unsync(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))))
}

fn trickling(body: Bytes) -> Body {
    let size = body.len().div_ceil(PIECES).max(1);
    let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    streamed(stream::iter(pieces).then(|piece| async {
        tokio::time::sleep(PAUSE).await;
        Ok(piece)
    }))
}

fn half(body: Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    // The break comes when the half is on its way, or nothing at all would be sent.
    let broken = async {
        tokio::time::sleep(PAUSE).await;
        Err(io::ErrorKind::ConnectionReset.into())
    };
    streamed(stream::once(async { Ok(half) }).chain(stream::once(broken)))
}

fn endless(size: u64) -> Body {
    const PIECE: usize = 64 * 1024;
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let pieces = usize::try_from(size).unwrap_or(usize::MAX).div_ceil(PIECE);
    streamed(stream::iter(std::iter::repeat_n(piece, pieces).map(Ok)))
}
