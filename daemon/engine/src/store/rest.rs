//! restic's REST protocol, second version: its own server's, and that of `rclone serve restic`.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Deserialize;

use crate::{ErrorKind, Space};

use super::{
    Entry, Fault, Found, Kind, Object,
    http::Http,
    remote::{Answer, Service},
};

const LIST: &str = "application/vnd.x.restic.rest.v2";

/// How requests get to the server; it may have to be started first.
pub(crate) trait Connect: std::fmt::Debug + Send + Sync {
    fn connect(&self) -> Answer<'_, Http>;
    /// Why a request through this has failed, where something else knows better than the connection.
    fn explain(&self, fault: Fault) -> Pin<Box<dyn Future<Output = Fault> + Send + '_>>;
    /// What an answer that is an error means, where something else knows better than the answer.
    fn refine(&self, fault: Fault) -> Fault {
        fault
    }
    /// How much room there is, where anybody can say.
    fn space(&self) -> Answer<'_, Option<Space>> {
        Box::pin(async { Ok(None) })
    }
    fn reset(&self);
}

/// A server on the network.
impl Connect for Http {
    fn connect(&self) -> Answer<'_, Http> {
        Box::pin(async { Ok(self.clone()) })
    }

    fn explain(&self, fault: Fault) -> Pin<Box<dyn Future<Output = Fault> + Send + '_>> {
        Box::pin(async { fault })
    }

    fn reset(&self) {}
}

/// A repository on such a server.
#[derive(Debug)]
pub(crate) struct Rest {
    /// With a `/` at its end, and without credentials.
    base: String,
    location: String,
    authorization: Option<HeaderValue>,
    way: Arc<dyn Connect>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    size: u64,
}

impl Rest {
    /// `location` is shown to people; `login` is a name and a password.
    pub(crate) fn new(
        base: &str,
        location: String,
        login: Option<(&str, &str)>,
        way: Arc<dyn Connect>,
    ) -> Result<Self, Fault> {
        let authorization = login.map(basic).transpose().map_err(|_| {
            Fault::new(
                ErrorKind::InvalidRequest,
                "the credentials cannot be sent in a header",
            )
        })?;
        Ok(Self {
            base: format!("{}/", base.trim_end_matches('/')),
            location,
            authorization,
            way,
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        extra: Option<(header::HeaderName, String)>,
        content: Vec<Bytes>,
    ) -> Result<Response<Bytes>, Fault> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(login) = &self.authorization {
            request = request.header(header::AUTHORIZATION, login);
        }
        if let Some((name, value)) = extra {
            request = request.header(name, value);
        }
        let request = request
            .body(content)
            .map_err(|error| Fault::new(ErrorKind::InvalidRequest, error.to_string()))?;
        let http = self.way.connect().await?;
        match http.send(request).await {
            Ok(answer) => Ok(answer),
            Err(fault) => Err(self.way.explain(fault).await),
        }
    }

    /// The bytes of an answer that is good.
    async fn well(
        &self,
        method: Method,
        path: &str,
        extra: Option<(header::HeaderName, String)>,
    ) -> Result<Response<Bytes>, Fault> {
        let answer = self.send(method, path, extra, Vec::new()).await?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(self.refused(&answer))
        }
    }

    fn refused(&self, answer: &Response<Bytes>) -> Fault {
        self.way.refine(Fault::status(answer.status(), answer.body()))
    }

    async fn length(&self, object: &Object) -> Result<Option<u64>, Fault> {
        match self.well(Method::HEAD, &path(object), None).await {
            Ok(answer) => answer
                .headers()
                .get(header::CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse().ok())
                .map(Some)
                .ok_or_else(|| Fault::senseless("it does not say how long a file is")),
            Err(fault) if fault.is_missing() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn entries(&self, kind: Kind) -> Result<Vec<Entry>, Fault> {
        let accept = Some((header::ACCEPT, LIST.to_owned()));
        let answer = self
            .well(Method::GET, &format!("{}/", kind.directory()), accept)
            .await?;
        // An empty list is `null` for some.
        let listed: Option<Vec<Listed>> = serde_json::from_slice(answer.body()).map_err(|error| {
            if serde_json::from_slice::<Vec<String>>(answer.body()).is_ok() {
                Fault::new(
                    ErrorKind::Other,
                    "the server speaks the first version of the protocol alone",
                )
            } else {
                Fault::senseless(error)
            }
        })?;
        let entry = |listed: Listed| Entry {
            name: listed.name,
            size: listed.size,
            modified: None,
        };
        Ok(listed.unwrap_or_default().into_iter().map(entry).collect())
    }
}

fn basic((user, password): (&str, &str)) -> Result<HeaderValue, header::InvalidHeaderValue> {
    use base64::Engine;
    let login = zeroize::Zeroizing::new(format!("{user}:{password}"));
    let text = base64::engine::general_purpose::STANDARD.encode(login.as_bytes());
    let mut value = HeaderValue::from_str(&format!("Basic {text}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Packs have no directories of their own in the protocol.
fn path(object: &Object) -> String {
    match object.kind {
        Kind::Config => "config".to_owned(),
        kind => format!("{}/{}", kind.directory(), object.name),
    }
}

impl Service for Rest {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn look(&self) -> Answer<'_, Found> {
        Box::pin(async {
            if self.length(&Object::config()).await?.is_some() {
                return Ok(Found::Repository);
            }
            // The protocol lists nothing but what belongs to a repository.
            match self.entries(Kind::Key).await {
                Ok(keys) if !keys.is_empty() => Ok(Found::SomethingElse),
                Ok(_) => Ok(Found::Nothing),
                Err(fault) if fault.is_missing() => Ok(Found::Nothing),
                Err(fault) => Err(fault),
            }
        })
    }

    fn create(&self) -> Answer<'_, ()> {
        Box::pin(async { self.well(Method::POST, "?create=true", None).await.map(drop) })
    }

    fn list(&self, kind: Kind) -> Answer<'_, Vec<Entry>> {
        Box::pin(self.entries(kind))
    }

    fn size<'a>(&'a self, object: &'a Object) -> Answer<'a, Option<u64>> {
        Box::pin(self.length(object))
    }

    fn read<'a>(&'a self, object: &'a Object, part: Option<(u64, u64)>) -> Answer<'a, Bytes> {
        Box::pin(async move {
            let range = part
                .map(|(offset, length)| (header::RANGE, format!("bytes={offset}-{}", offset + length - 1)));
            let answer = self.well(Method::GET, &path(object), range).await;
            match answer {
                Ok(answer) if part.is_some() && answer.status() != StatusCode::PARTIAL_CONTENT => Err(
                    Fault::senseless("it is not the part of a file that was asked for"),
                ),
                Ok(answer) => Ok(answer.into_body()),
                Err(fault) => Err(fault),
            }
        })
    }

    fn write<'a>(&'a self, object: &'a Object, content: &'a [Bytes], again: bool) -> Answer<'a, ()> {
        Box::pin(async move {
            let kind = Some((header::CONTENT_TYPE, "application/octet-stream".to_owned()));
            let answer = self
                .send(Method::POST, &path(object), kind, content.to_vec())
                .await?;
            if answer.status().is_success() {
                return Ok(());
            }
            // The server writes nothing twice; it has the file if the request before came through.
            if again && answer.status() == StatusCode::FORBIDDEN {
                let size: u64 = content.iter().map(|chunk| chunk.len() as u64).sum();
                if self.length(object).await? == Some(size) {
                    return Ok(());
                }
            }
            Err(self.refused(&answer))
        })
    }

    fn remove<'a>(&'a self, object: &'a Object) -> Answer<'a, ()> {
        Box::pin(async move { self.well(Method::DELETE, &path(object), None).await.map(drop) })
    }

    fn space(&self) -> Answer<'_, Option<Space>> {
        self.way.space()
    }

    fn reset(&self) {
        self.way.reset();
    }
}
