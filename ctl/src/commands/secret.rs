//! Secrets on their way between people and the daemon: in files without a name, never as text on the bus.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read, Seek as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use zeroize::Zeroizing;

use super::Context;
use crate::errors::Failure;

/// The daemon takes no more.
const LONGEST: u64 = 64 * 1024;

/// Where somebody says that a password is.
pub(super) struct Given<'a> {
    pub(super) stdin: bool,
    pub(super) file: Option<&'a Path>,
    /// What a person is asked for.
    pub(super) prompt: &'a str,
    /// The command that reads standard input, for whoever has no terminal.
    pub(super) command: &'a str,
}

/// Reads a password from a file, from standard input, or from whoever sits at the terminal, and hands it over.
pub(super) fn handed_over(context: &Context<'_>, given: &Given<'_>) -> Result<OwnedFd, Failure> {
    sealed(&password(context, given)?)
        .map_err(|error| Failure::failed(format!("the password cannot be handed over: {error}")))
}

fn password(context: &Context<'_>, given: &Given<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if let Some(path) = given.file {
        let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
        return read(file).map_err(|error| Failure::file("read", path, &error));
    }
    if given.stdin {
        let input = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map(File::from)
            .and_then(read);
        return input.map_err(|error| Failure::failed(format!("standard input cannot be read: {error}")));
    }
    if !io::stdin().is_terminal() {
        let command = context.scope.command(given.command);
        return Err(Failure::usage("there is no terminal to ask for the password")
            .hint(format!("pipe it into `{command}`")));
    }
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(|error| Failure::failed(format!("the terminal cannot be asked: {error}")))
    };
    let first = ask(format!("{}: ", given.prompt))?;
    if first.trim().is_empty() {
        return Err(Failure::failed(
            "an empty password protects nothing; nothing was changed",
        ));
    }
    if *ask("The same again: ".to_owned())? != *first {
        return Err(Failure::failed("the two passwords differ; nothing was changed"));
    }
    Ok(Zeroizing::new(first.as_bytes().to_vec()))
}

fn read(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // As long as it may get: a vector that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024 + 1));
    source.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    Ok(bytes)
}

/// A file in memory that nobody can change any more.
fn sealed(password: &[u8]) -> io::Result<OwnedFd> {
    let mut file = in_memory()?;
    file.write_all(password)?;
    file.rewind()?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file.into())
}

/// A file in memory for the daemon to have a password written into.
pub(super) fn in_memory() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(File::from(memfd_create("backupd-password", flags)?))
}

/// What was written into it.
pub(super) fn written(mut file: File) -> io::Result<Zeroizing<String>> {
    file.rewind()?;
    let bytes = read(file)?;
    let text = str::from_utf8(&bytes).map_err(|_| io::Error::other("it is no UTF-8"))?;
    if text.is_empty() {
        return Err(io::Error::other("nothing was handed over"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_read_from_its_start_and_never_changes() {
        let mut file = File::from(sealed(b"hush").unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hush");
        assert!(file.write_all(b"x").is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn what_is_too_long_is_no_password() {
        assert_eq!(read(&b"hush\n"[..]).unwrap().as_slice(), b"hush\n");
        assert!(read(io::repeat(b'x')).is_err());
    }

    #[test]
    fn what_comes_back_is_whole_or_an_error() {
        let mut file = in_memory().unwrap();
        file.write_all("hüsh".as_bytes()).unwrap();
        assert_eq!(written(file).unwrap().as_str(), "hüsh");
        assert!(written(in_memory().unwrap()).is_err());
    }
}
