//! Object stores and WebDAV, by way of `opendal`.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{Request, Response, StatusCode};
use opendal::{
    Buffer, ErrorKind as Theirs, HttpBody, HttpTransport, HttpTransporter, OperationContext, Operator,
};

use crate::ErrorKind;

use super::{
    Entry, Fault, Found, Kind, Object,
    http::Http,
    is_kind_directory,
    remote::{Answer, Service},
};

/// So many files are looked for at once.
const LOOKS: usize = 16;

/// A repository in a bucket, or below an address.
#[derive(Debug)]
pub(crate) struct Objects {
    operator: Operator,
    location: String,
    /// Whether directories are things of their own.
    directories: bool,
}

impl Objects {
    /// `builder` knows the service and the place in it.
    pub(crate) fn new(
        builder: impl opendal::Builder,
        http: Http,
        location: String,
        directories: bool,
    ) -> Result<Self, Fault> {
        let context = OperationContext::new().with_http_transport(HttpTransporter::new(http));
        let operator = Operator::new(builder)
            .map_err(|error| fault(&error))?
            .with_context(context);
        Ok(Self {
            operator,
            location,
            directories,
        })
    }
}

impl Objects {
    /// Whether only directories are there.
    async fn has_no_file(&self) -> Result<bool, Fault> {
        if !self.directories {
            return Ok(true);
        }
        let all = self.operator.list_with("/").recursive(true).await;
        let all = all.map_err(|error| fault(&error))?;
        Ok(all.iter().all(|entry| entry.metadata().is_dir()))
    }

    /// Removes a directory with those below it, unless there is a file in it.
    async fn remove_if_empty(&self, directory: String) -> Result<(), Fault> {
        let all = match self.operator.list_with(&directory).recursive(true).await {
            Err(error) if error.kind() == Theirs::NotFound => return Ok(()),
            other => other.map_err(|error| fault(&error))?,
        };
        if !all.iter().all(|entry| entry.metadata().is_dir()) {
            return Ok(());
        }
        self.operator
            .delete(&directory)
            .await
            .map_err(|error| fault(&error))
    }

    /// Those of a list that are there.
    ///
    /// A store of several nodes may list for minutes what was removed while one of them was away. An index file like that
    /// may be in our cache, and names packs that are gone: a backup would take what they held for stored.
    async fn only_there(&self, kind: Kind, listed: Vec<Entry>) -> Result<Vec<Entry>, Fault> {
        let looked = futures_util::stream::iter(listed).map(|entry| async move {
            let size = self.size(&Object::new(kind, &entry.name)).await?;
            if size.is_none() {
                tracing::warn!(
                    place = self.location,
                    file = entry.name,
                    "listed, and not there: passed over"
                );
            }
            Ok(size.map(|_| entry))
        });
        let there = looked.buffered(LOOKS).try_collect::<Vec<_>>().await?;
        Ok(there.into_iter().flatten().collect())
    }
}

/// All requests of the library take our way.
impl HttpTransport for Http {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let answer = self
            .send(request.map(Iterator::collect))
            .await
            .map_err(|fault| opendal::Error::new(Theirs::Unexpected, fault.to_string()).set_source(fault))?;
        Ok(answer.map(|body| {
            let size = body.len() as u64;
            let whole = futures_util::stream::iter([Ok(Buffer::from(body))]);
            HttpBody::new(whole, Some(size))
        }))
    }
}

/// What an error of the library means.
fn fault(error: &opendal::Error) -> Fault {
    if let Some(fault) = Fault::below(error) {
        return fault.clone();
    }
    // Its other forms hold the address, and headers of the answer.
    let text = error.message().lines().next().unwrap_or_default().trim();
    let text = match shorter(text) {
        "" => match status(error) {
            Some(status) => return Fault::status(status, &[]),
            None => "the server refuses without a reason",
        },
        text => text,
    };
    if super::fault::says_full(error.message()) {
        return Fault::new(ErrorKind::NoSpace, text);
    }
    match error.kind() {
        Theirs::NotFound => Fault::missing(),
        Theirs::PermissionDenied => Fault::new(
            ErrorKind::AccessRefused,
            format!("the server refuses access: {text}"),
        ),
        Theirs::ConfigInvalid if error.message().contains("NoSuchBucket") => bucket_is_missing(),
        Theirs::ConfigInvalid => Fault::new(ErrorKind::InvalidRequest, text),
        Theirs::RateLimited => Fault::network(format!("the server asks for fewer requests: {text}")),
        _ if says_refused(error.message()) => Fault::new(
            ErrorKind::AccessRefused,
            format!("the server refuses access: {text}"),
        ),
        _ if error.is_temporary() => Fault::network(text),
        Theirs::Unexpected if is_nonsense(error.message()) => Fault::senseless(text),
        _ => Fault::new(ErrorKind::Other, text),
    }
}

/// What the server answered: all there is when it had no words, as to a question for a file's size. The library keeps it
/// in its long form alone.
fn status(error: &opendal::Error) -> Option<StatusCode> {
    let text = error.to_string();
    let (_, rest) = text.split_once("response: Parts { status: ")?;
    rest.split(',').next()?.parse().ok()
}

fn bucket_is_missing() -> Fault {
    Fault::new(ErrorKind::RepositoryNotFound, "the bucket does not exist")
}

/// The library shows errors of servers as its own structures: what the server said is in there.
fn shorter(text: &str) -> &str {
    let said = text
        .split_once("message: \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(said, _)| said)
        .filter(|said| !said.is_empty());
    said.or_else(|| text.get(..200)).unwrap_or(text)
}

/// As the last resort: some servers answer 400 or 401 where others say 403.
fn says_refused(text: &str) -> bool {
    const WORDS: [&str; 6] = [
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidToken",
        "AuthorizationHeaderMalformed",
        "Unauthorized",
        "status: 401",
    ];
    WORDS.iter().any(|words| text.contains(words))
}

fn is_nonsense(text: &str) -> bool {
    text.contains("deserialize")
}

impl Service for Objects {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn look(&self) -> Answer<'_, Found> {
        Box::pin(async {
            match self.operator.stat("config").await {
                Ok(_) => return Ok(Found::Repository),
                Err(error) if error.kind() == Theirs::NotFound => {}
                Err(error) => return Err(fault(&error)),
            }
            let top = self
                .operator
                .list_with("/")
                .limit(1)
                .await
                .map_err(|error| match fault(&error) {
                    fault if fault.is_missing() => bucket_is_missing(),
                    fault => fault,
                })?;
            // Some name the directory itself.
            let mut top = top.iter().filter(|entry| !matches!(entry.path(), "/" | ""));
            let is_bare = top.all(|entry| {
                let name = entry.path().trim_end_matches('/');
                self.directories && entry.metadata().is_dir() && is_kind_directory(name)
            });
            Ok(if is_bare && self.has_no_file().await? {
                Found::Nothing
            } else {
                Found::SomethingElse
            })
        })
    }

    fn create(&self) -> Answer<'_, ()> {
        Box::pin(async {
            if self.directories {
                for kind in Kind::IN_DIRECTORIES {
                    self.operator
                        .create_dir(&format!("{}/", kind.directory()))
                        .await
                        .map_err(|error| fault(&error))?;
                }
            }
            Ok(())
        })
    }

    fn list(&self, kind: Kind) -> Answer<'_, Vec<Entry>> {
        Box::pin(async move {
            let listed = self
                .operator
                .list_with(&format!("{}/", kind.directory()))
                .recursive(kind == Kind::Pack)
                .await
                .map_err(|error| fault(&error))?;
            let files = listed.iter().filter(|entry| entry.metadata().is_file());
            let entries = files.map(|entry| Entry {
                name: entry.name().to_owned(),
                size: entry.metadata().content_length(),
                modified: entry.metadata().last_modified().map(Into::into),
            });
            if kind == Kind::Index && !self.directories {
                return self.only_there(kind, entries.collect()).await;
            }
            Ok(entries.collect())
        })
    }

    fn size<'a>(&'a self, object: &'a Object) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            match self.operator.stat(&object.path()).await {
                Ok(file) => Ok(Some(file.content_length())),
                Err(error) if error.kind() == Theirs::NotFound => Ok(None),
                Err(error) => Err(fault(&error)),
            }
        })
    }

    fn read<'a>(&'a self, object: &'a Object, part: Option<(u64, u64)>) -> Answer<'a, Bytes> {
        Box::pin(async move {
            let path = object.path();
            let read = match part {
                Some((offset, length)) => {
                    self.operator
                        .read_with(&path)
                        .range(offset..offset + length)
                        .await
                }
                None => self.operator.read(&path).await,
            };
            read.map(|buffer| buffer.to_bytes()).map_err(|error| {
                if error.kind() == Theirs::RangeNotSatisfied {
                    Fault::new(ErrorKind::Corrupt, "it ends before the part that was asked for")
                } else {
                    fault(&error)
                }
            })
        })
    }

    fn write<'a>(&'a self, object: &'a Object, content: &'a [Bytes], _again: bool) -> Answer<'a, ()> {
        Box::pin(async move {
            let content: Buffer = content.iter().cloned().collect();
            // As restic says it; some leave out what nobody said, and some do not.
            self.operator
                .write_with(&object.path(), content)
                .content_type("application/octet-stream")
                .await
                .map(drop)
                .map_err(|error| fault(&error))
        })
    }

    fn remove<'a>(&'a self, object: &'a Object) -> Answer<'a, ()> {
        Box::pin(async move {
            self.operator
                .delete(&object.path())
                .await
                .map_err(|error| fault(&error))
        })
    }

    fn remove_directories(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            if !self.directories {
                return Ok(());
            }
            for kind in Kind::IN_DIRECTORIES {
                self.remove_if_empty(format!("{}/", kind.directory())).await?;
            }
            Ok(())
        })
    }
}
