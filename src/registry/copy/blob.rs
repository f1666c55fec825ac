//! One blob on its way: read, verified and sent at the same time, without ever
//! being held as a whole. The last piece is sent only once the digest is right.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::super::RegistryError;
use super::super::manifest::{Descriptor, Hasher};
use super::super::session::{Ask, Session};
use super::Meter;

/// Pieces that were read and are not sent yet.
const WAITING: usize = 4;

/// How a blob came to the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// It was there.
    There,
    /// The registry took it from the other repository.
    Mounted,
    /// So many bytes were sent.
    Sent(u64),
}

type Ends = (Arc<Session>, Arc<Session>);

/// Brings a blob to the destination, from its beginning where that has to be
/// tried again.
pub(super) async fn copy(
    (source, target): Ends,
    blob: Descriptor,
    meter: Arc<Meter>,
) -> Result<Went, RegistryError> {
    let mut tried = 0;
    loop {
        tried += 1;
        let limits = target.wire.limits;
        let sent = Arc::new(AtomicU64::new(0));
        let way = Way { source: &source, target: &target, blob: &blob, meter: &meter };
        match way.once(&sent).await {
            Err(error) if error.may_pass() && tried < limits.tries => {
                meter.take_back(sent.load(Ordering::Relaxed));
                tokio::time::sleep(limits.pause * tried).await;
            }
            Ok(went) => {
                if !matches!(went, Went::Sent(_)) {
                    meter.add(blob.size);
                }
                return Ok(went);
            }
            Err(error) => return Err(error),
        }
    }
}

/// From where, to where, what.
struct Way<'a> {
    source: &'a Arc<Session>,
    target: &'a Session,
    blob: &'a Descriptor,
    meter: &'a Arc<Meter>,
}

impl Way<'_> {
    async fn once(&self, sent: &Arc<AtomicU64>) -> Result<Went, RegistryError> {
        if self.is_there().await? {
            return Ok(Went::There);
        }
        let Some(upload) = self.begin().await? else { return Ok(Went::Mounted) };
        let (queue, pieces) = mpsc::channel(WAITING);
        let reading = Reading {
            source: Arc::clone(self.source),
            blob: self.blob.clone(),
            meter: Arc::clone(self.meter),
            sent: Arc::clone(sent),
        };
        let reading = tokio::spawn(reading.run(queue));
        let sending = self.send(&upload, pieces, sent).await;
        if sending.is_err() && !reading.is_finished() {
            reading.abort();
        }
        match (reading.await, sending) {
            // What is wrong with the blob matters more than that it did not arrive.
            (Ok(Err(error)), _) | (_, Err(error)) => Err(error),
            (_, Ok(())) => Ok(Went::Sent(self.blob.size)),
        }
    }

    async fn is_there(&self) -> Result<bool, RegistryError> {
        let path = format!("blobs/{}", self.blob.digest);
        let ask = Ask::new(Method::HEAD, self.target.url(&path)?);
        let response = self.target.send(&ask).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let what = self.target.shown(self.blob.digest.as_str());
        let response = self.target.verdict(response, &what).await?;
        let length = response.headers().get(CONTENT_LENGTH).and_then(|l| l.to_str().ok());
        match length.and_then(|length| length.parse::<u64>().ok()) {
            Some(length) if length != self.blob.size => {
                Err(self.target.wrong(&what, &format!("it is there with {length} bytes")))
            }
            _ => Ok(true),
        }
    }

    /// Where it may be sent to; `None` where the registry has it without that.
    async fn begin(&self) -> Result<Option<Url>, RegistryError> {
        let url = self.target.url("blobs/uploads/")?;
        let what = format!("the repository {}", self.target.name);
        if let Some(from) = self.target.neighbour() {
            let mut mount = url.clone();
            mount
                .query_pairs_mut()
                .append_pair("mount", self.blob.digest.as_str())
                .append_pair("from", from);
            let response = self.target.send(&Ask::new(Method::POST, mount.clone())).await?;
            match response.status() {
                StatusCode::CREATED => return self.mounted(&response, &what),
                StatusCode::ACCEPTED => return self.target.location(&response, &mount).map(Some),
                // One that cannot do this is asked in the usual way.
                _ => {}
            }
        }
        let response = self.target.expect(&Ask::new(Method::POST, url.clone()), &what).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(self.target.strange(&format!("{} to an upload", response.status())));
        }
        self.target.location(&response, &url).map(Some)
    }

    fn mounted(&self, response: &Response, what: &str) -> Result<Option<Url>, RegistryError> {
        let told = response.headers().get("docker-content-digest");
        match told.and_then(|told| told.to_str().ok()) {
            Some(told) if told != self.blob.digest.as_str() => {
                Err(self.target.wrong(what, "it took another blob"))
            }
            _ => Ok(None),
        }
    }

    /// All bytes, then the digest that they have.
    async fn send(
        &self,
        to: &Url,
        pieces: Receiver<io::Result<Bytes>>,
        sent: &AtomicU64,
    ) -> Result<(), RegistryError> {
        let ask = Ask::new(Method::PATCH, to.clone());
        let ask = ask.with(CONTENT_TYPE, "application/octet-stream");
        let body = reqwest::Body::wrap(Pieces { pieces, left: self.blob.size });
        let response = self.watched(self.target.pour(&ask, body), sent).await?;
        let what = self.target.shown(self.blob.digest.as_str());
        if response.status() == StatusCode::UNAUTHORIZED {
            // It ended in the middle, and is fetched anew with the next try.
            return Err(self.target.unavailable("the token ended in the middle of a blob"));
        }
        let response = self.target.verdict(response, "the upload").await?;
        let mut url = self.target.location(&response, to)?;
        url.query_pairs_mut().append_pair("digest", self.blob.digest.as_str());
        let response = self.target.send(&Ask::new(Method::PUT, url)).await?;
        let response = self.target.verdict(response, "the upload").await?;
        if response.status() != StatusCode::CREATED {
            let message = format!("{} to the end of an upload", response.status());
            return Err(self.target.strange(&message));
        }
        let told = response.headers().get("docker-content-digest");
        match told.and_then(|told| told.to_str().ok()) {
            Some(told) if told != self.blob.digest.as_str() => {
                Err(self.target.wrong(&what, "the registry says that it got another digest"))
            }
            _ => Ok(()),
        }
    }

    /// Waits for as long as bytes move.
    async fn watched(
        &self,
        sending: impl Future<Output = Result<Response, RegistryError>>,
        sent: &AtomicU64,
    ) -> Result<Response, RegistryError> {
        let limit = self.target.wire.limits.stall;
        let mut sending = pin!(sending);
        let mut before = u64::MAX;
        loop {
            if let Ok(response) = tokio::time::timeout(limit, &mut sending).await {
                return response;
            }
            let now = sent.load(Ordering::Relaxed);
            if now == before {
                return Err(self.target.late(limit));
            }
            before = now;
        }
    }
}

/// The half of a copy that reads.
struct Reading {
    source: Arc<Session>,
    blob: Descriptor,
    meter: Arc<Meter>,
    sent: Arc<AtomicU64>,
}

impl Reading {
    /// Reads and verifies a blob, and passes it on piece by piece.
    async fn run(self, to: Sender<io::Result<Bytes>>) -> Result<(), RegistryError> {
        let read = self.read(&to).await;
        if let Err(error) = &read {
            // Nobody may take what came so far for the whole.
            let _ = to.send(Err(io::Error::other(error.to_string()))).await;
        }
        read
    }

    async fn read(&self, to: &Sender<io::Result<Bytes>>) -> Result<(), RegistryError> {
        let what = self.source.shown(self.blob.digest.as_str());
        let mut hasher = Hasher::like(&self.blob.digest);
        let mut held: Option<Bytes> = None;
        let (mut got, mut tried) = (0, 0);
        loop {
            tried += 1;
            let mut response = self.open(got).await?;
            let mut skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { got };
            let broken = loop {
                let mut piece = match self.source.chunk(&mut response).await {
                    Ok(Some(piece)) => piece,
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                };
                let before = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
                skip -= before as u64;
                drop(piece.split_to(before));
                got += piece.len() as u64;
                if got > self.blob.size {
                    return Err(self.source.wrong(&what, "it is longer than it should be"));
                }
                hasher.update(&piece);
                if let Some(piece) = held.replace(piece).filter(|piece| !piece.is_empty()) {
                    self.pass(to, piece).await?;
                }
            };
            match broken {
                _ if got == self.blob.size => break,
                Some(error) if tried >= self.source.wire.limits.tries => return Err(error),
                None if tried >= self.source.wire.limits.tries => {
                    return Err(self.source.wrong(&what, "it is shorter than it should be"));
                }
                _ => tokio::time::sleep(self.source.wire.limits.pause * tried).await,
            }
        }
        let digest = hasher.finish();
        if digest != self.blob.digest.as_str() {
            return Err(self.source.wrong(&what, &format!("its digest is {digest}")));
        }
        match held.filter(|piece| !piece.is_empty()) {
            Some(piece) => self.pass(to, piece).await,
            None => Ok(()),
        }
    }

    /// Opens the blob, from where it broke off.
    async fn open(&self, got: u64) -> Result<Response, RegistryError> {
        let digest = &self.blob.digest;
        let mut ask = Ask::new(Method::GET, self.source.url(&format!("blobs/{digest}"))?);
        if got > 0 {
            ask = ask.with(RANGE, &format!("bytes={got}-"));
        }
        let what = self.source.shown(digest.as_str());
        let response = self.source.expect(&ask, &what).await?;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            let range = response.headers().get(CONTENT_RANGE).and_then(|r| r.to_str().ok());
            if !range.is_some_and(|range| range.starts_with(&format!("bytes {got}-"))) {
                return Err(self.source.strange("another part of a blob than was asked for"));
            }
        }
        Ok(response)
    }

    async fn pass(
        &self,
        to: &Sender<io::Result<Bytes>>,
        piece: Bytes,
    ) -> Result<(), RegistryError> {
        let bytes = piece.len() as u64;
        if to.send(Ok(piece)).await.is_err() {
            // The other half has its own error.
            return Ok(());
        }
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.meter.add(bytes);
        Ok(())
    }
}

/// Pieces of a known length as the body of a request.
struct Pieces {
    pieces: Receiver<io::Result<Bytes>>,
    left: u64,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.pieces.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Ready(Some(Ok(piece))) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
