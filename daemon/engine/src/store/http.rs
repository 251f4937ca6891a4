//! HTTP for all places that speak it: no faster than it may be, and with a pulse.

use std::{
    collections::VecDeque,
    convert::Infallible,
    error::Error,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;
use tokio::time::Sleep;

use crate::ErrorKind;

use super::{
    Fault,
    remote::Pulse,
    throttle::{Direction, Throttle},
};

/// No file of a repository, and no list of them, is larger.
const LARGEST_ANSWER: u64 = 4 << 30;

/// Sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    way: Way,
    throttle: Arc<Throttle>,
}

#[derive(Debug, Clone)]
enum Way {
    /// Over the network, with TLS where the address says so.
    Network(reqwest::Client),
    /// To a program of ours, through its standard input and output.
    Pipe(SendRequest<Upload>),
}

impl Http {
    /// A client for the network. Beside the system's certificates those in the file `authority` are trusted.
    pub(crate) fn new(authority: Option<&Path>, throttle: Arc<Throttle>) -> Result<Self, Fault> {
        // Somebody may have chosen before: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unusable = |what: String| Fault::new(ErrorKind::InvalidRequest, what);
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("backupd/", env!("CARGO_PKG_VERSION")))
            // Who redirects may be anybody, and would be given the credentials.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = authority {
            let path_text = path.display();
            let pem = std::fs::read(path).map_err(|error| {
                unusable(format!("cannot read the certificates in `{path_text}`: {error}"))
            })?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| unusable(format!("`{path_text}` holds no certificates")))?;
            client = client.tls_certs_merge(certificates);
        }
        let client = client
            .build()
            .map_err(|error| unusable(format!("cannot set up TLS: {}", deepest(&error))))?;
        Ok(Self {
            way: Way::Network(client),
            throttle,
        })
    }

    /// A client of a program that serves at the other end of pipes.
    pub(crate) fn through(sender: SendRequest<Upload>, throttle: Arc<Throttle>) -> Self {
        Self {
            way: Way::Pipe(sender),
            throttle,
        }
    }

    /// Sends a request and takes the whole answer, whatever its status is.
    pub(crate) async fn send(&self, request: Request<Vec<Bytes>>) -> Result<Response<Bytes>, Fault> {
        let pulse = Pulse::current();
        let throttle = Arc::clone(&self.throttle);
        let request = request.map(|chunks| Upload::new(chunks, throttle, pulse.clone()));
        match &self.way {
            Way::Network(client) => {
                let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))
                    .map_err(|error| Fault::new(ErrorKind::InvalidRequest, deepest(&error)))?;
                let answer = client.execute(request).await.map_err(|error| broken(&error))?;
                self.collect(answer.into(), &pulse).await
            }
            Way::Pipe(sender) => {
                let answer = sender
                    .clone()
                    .send_request(request)
                    .await
                    .map_err(|error| broken(&error))?;
                self.collect(answer, &pulse).await
            }
        }
    }

    async fn collect<B>(&self, answer: Response<B>, pulse: &Pulse) -> Result<Response<Bytes>, Fault>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Error + 'static,
    {
        let (parts, mut body) = answer.into_parts();
        let mut content = BytesMut::new();
        while let Some(frame) = body.frame().await {
            pulse.beat();
            let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else {
                continue;
            };
            if (content.len() + data.len()) as u64 > LARGEST_ANSWER {
                return Err(Fault::senseless("it has no end"));
            }
            content.extend_from_slice(&data);
            self.throttle.wait(Direction::Download, data.len()).await;
            pulse.beat();
        }
        Ok(Response::from_parts(parts, content.freeze()))
    }
}

/// What the chain of an error says of the connection.
fn broken(error: &(dyn Error + 'static)) -> Fault {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Fault::new(
                ErrorKind::Untrusted,
                format!("the server's certificate is not trusted: {why}"),
            );
        }
        next = below(error);
    }
    Fault::network(deepest(error))
}

/// The last cause says what happened; those before it name the address, in which there may be a secret.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = below(error) {
        error = cause;
    }
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// What an error came from. One of the system that wraps another passes over it when it is asked.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// A body that is sent piece by piece.
#[derive(Debug)]
pub(crate) struct Upload {
    chunks: VecDeque<Bytes>,
    left: u64,
    throttle: Arc<Throttle>,
    pulse: Pulse,
    /// Until when the first piece has to wait.
    pause: Option<Pin<Box<Sleep>>>,
    /// Bytes of the first chunk that may go.
    granted: usize,
}

impl Upload {
    fn new(chunks: Vec<Bytes>, throttle: Arc<Throttle>, pulse: Pulse) -> Self {
        let left = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self {
            chunks: chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect(),
            left,
            throttle,
            pulse,
            pause: None,
            granted: 0,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        this.pulse.beat();
        let Some(first) = this.chunks.front_mut() else {
            return Poll::Ready(None);
        };
        if this.granted == 0 {
            this.granted = first.len().min(this.throttle.piece(Direction::Upload));
            this.pause = this
                .throttle
                .reserve(Direction::Upload, this.granted)
                .map(|time| Box::pin(tokio::time::sleep_until(time)));
        }
        if let Some(pause) = &mut this.pause {
            std::task::ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        let piece = first.split_to(this.granted.min(first.len()));
        if first.is_empty() {
            this.chunks.pop_front();
        }
        this.granted = 0;
        this.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
