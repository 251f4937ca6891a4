//! Packets of the SFTP protocol, version 3, as far as a repository needs them.

use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};

use crate::store::Fault;

pub(super) const VERSION: u8 = 2;
pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const OPENDIR: u8 = 11;
pub(super) const READDIR: u8 = 12;
pub(super) const REMOVE: u8 = 13;
pub(super) const MKDIR: u8 = 14;
pub(super) const RMDIR: u8 = 15;
pub(super) const STAT: u8 = 17;
pub(super) const RENAME: u8 = 18;
pub(super) const EXTENDED: u8 = 200;

pub(super) const FOR_READING: u32 = 1;
/// Writing, into a new file or one that is emptied.
pub(super) const FOR_WRITING: u32 = 2 | 8 | 16;

/// What says how something went.
pub(super) const OK: u32 = 0;
pub(super) const END: u32 = 1;
pub(super) const NO_SUCH_FILE: u32 = 2;
pub(super) const PERMISSION_DENIED: u32 = 3;
pub(super) const FAILURE: u32 = 4;

/// No packet of ours or of a server is larger.
pub(super) const LARGEST: u32 = 1 << 20;

const DIRECTORY: u32 = 0o040_000;
const FORMAT: u32 = 0o170_000;

/// What a server answers to a request.
#[derive(Debug)]
pub(super) enum Reply {
    Status { code: u32, text: String },
    Handle(Bytes),
    Data(Bytes),
    Names(Vec<(String, About)>),
    About(About),
    Extended(Bytes),
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) size: Option<u64>,
    mode: Option<u32>,
    pub(super) modified: Option<SystemTime>,
}

impl About {
    pub(super) fn is_directory(self) -> bool {
        self.mode.is_some_and(|mode| mode & FORMAT == DIRECTORY)
    }
}

/// A request with its fields, to be sent.
#[derive(Debug)]
pub(super) struct Request(Vec<u8>);

impl Request {
    /// `id` tells its answer from others.
    pub(super) fn new(kind: u8, id: u32) -> Self {
        let mut bytes = vec![0, 0, 0, 0, kind];
        bytes.extend(id.to_be_bytes());
        Self(bytes)
    }

    pub(super) fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// Nothing is said of a file, or its mode.
    pub(super) fn mode(self, mode: Option<u32>) -> Self {
        match mode {
            Some(mode) => self.number(4).number(mode),
            None => self.number(0),
        }
    }

    pub(super) fn finish(mut self) -> Bytes {
        let length = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.0.first_chunk_mut() {
            *place = length;
        }
        self.0.into()
    }
}

/// Reads the body of a packet behind its length: to which request it belongs, and what it says.
pub(super) fn parse(mut body: Bytes) -> Result<(u32, Reply), Fault> {
    let body = &mut body;
    let kind = byte(body)?;
    let id = number(body)?;
    let reply = match kind {
        101 => Reply::Status {
            code: number(body)?,
            // Old servers leave it out.
            text: string(body).unwrap_or_default(),
        },
        102 => Reply::Handle(bytes(body)?),
        103 => Reply::Data(bytes(body)?),
        104 => {
            let count = number(body)?;
            let mut names = Vec::new();
            for _ in 0..count {
                let name = string(body)?;
                let _long = bytes(body)?;
                names.push((name, about(body)?));
            }
            Reply::Names(names)
        }
        105 => Reply::About(about(body)?),
        201 => Reply::Extended(std::mem::take(body)),
        _ => {
            return Err(Fault::senseless(format!(
                "there are no packets of the kind {kind}"
            )));
        }
    };
    Ok((id, reply))
}

/// Reads the first packet, in which a server says what it speaks; the extensions that it has.
pub(super) fn parse_version(mut body: Bytes) -> Result<Vec<String>, Fault> {
    let body = &mut body;
    if byte(body)? != VERSION || number(body)? < 3 {
        return Err(Fault::senseless("it is not SFTP of version 3"));
    }
    let mut extensions = Vec::new();
    while !body.is_empty() {
        extensions.push(string(body)?);
        let _version = bytes(body)?;
    }
    Ok(extensions)
}

fn about(body: &mut Bytes) -> Result<About, Fault> {
    let flags = number(body)?;
    let mut about = About::default();
    if flags & 1 != 0 {
        about.size = Some(long(body)?);
    }
    if flags & 2 != 0 {
        let _owner = long(body)?;
    }
    if flags & 4 != 0 {
        about.mode = Some(number(body)?);
    }
    if flags & 8 != 0 {
        let _read = number(body)?;
        let seconds = Duration::from_secs(number(body)?.into());
        about.modified = SystemTime::UNIX_EPOCH.checked_add(seconds);
    }
    if flags & (1 << 31) != 0 {
        for _ in 0..number(body)? {
            let _name = bytes(body)?;
            let _value = bytes(body)?;
        }
    }
    Ok(about)
}

fn short<T>(_: T) -> Fault {
    Fault::senseless("a packet ends early")
}

fn byte(body: &mut Bytes) -> Result<u8, Fault> {
    body.try_get_u8().map_err(short)
}

fn number(body: &mut Bytes) -> Result<u32, Fault> {
    body.try_get_u32().map_err(short)
}

pub(super) fn long(body: &mut Bytes) -> Result<u64, Fault> {
    body.try_get_u64().map_err(short)
}

fn bytes(body: &mut Bytes) -> Result<Bytes, Fault> {
    let length = number(body)? as usize;
    if length > body.len() {
        return Err(short(length));
    }
    Ok(body.split_to(length))
}

/// Names of files of a repository are plain; what else is there does not matter.
fn string(body: &mut Bytes) -> Result<String, Fault> {
    Ok(String::from_utf8_lossy(&bytes(body)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_begin_with_their_length() {
        let request = Request::new(OPEN, 7).bytes(b"/a").number(FOR_READING).mode(None);
        assert_eq!(
            &*request.finish(),
            b"\0\0\0\x13\x03\0\0\0\x07\0\0\0\x02/a\0\0\0\x01\0\0\0\0"
        );
    }

    #[test]
    fn replies_are_read_and_none_that_is_cut_off() {
        let status = b"\x65\0\0\0\x07\0\0\0\x02\0\0\0\x04gone\0\0\0\0";
        let (id, reply) = parse(Bytes::from_static(status)).unwrap();
        let Reply::Status { code, text } = reply else {
            panic!("{reply:?}")
        };
        assert_eq!((id, code, &*text), (7, NO_SUCH_FILE, "gone"));
        let names = b"\x68\0\0\0\x01\0\0\0\x01\0\0\0\x02ab\0\0\0\x01x\0\0\0\x0d\0\0\0\0\0\0\x01\0\0\0\x41\xed\0\0\0\x01\0\0\0\x02";
        let (_, reply) = parse(Bytes::from_static(names)).unwrap();
        let Reply::Names(listed) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!((&*listed[0].0, listed[0].1.size), ("ab", Some(256)));
        assert!(listed[0].1.is_directory());
        for end in 0..names.len() {
            let fault = parse(Bytes::copy_from_slice(&names[..end])).unwrap_err();
            assert!(fault.to_string().contains("makes no sense"), "{fault}");
        }
        assert!(parse(Bytes::from_static(b"HTTP/1.1 200 OK")).is_err());
        assert!(parse_version(Bytes::from_static(b"\x02\0\0\0\x02")).is_err());
    }
}
