//! What changed of a text, without what is nobody's business.

use super::seal::hash;

/// A record's text of more bytes is cut.
const LONGEST: usize = 16 * 1024;

/// The lines that differ, as they were and as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// As they were.
    pub old: String,
    /// As they are.
    pub new: String,
}

/// The lines between the first and the last that differ, with user names and passwords taken out of URLs.
pub fn change(old: &str, new: &str) -> Change {
    let (before, after): (Vec<&str>, Vec<&str>) = (
        old.split_inclusive('\n').collect(),
        new.split_inclusive('\n').collect(),
    );
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut before.iter().zip(&after));
    let rest = before.len().min(after.len()) - head;
    let tail = same(&mut before.iter().rev().zip(after.iter().rev()).take(rest));
    let middle = |lines: &[&str]| {
        let text: String = lines
            .iter()
            .take(lines.len() - tail)
            .skip(head)
            .copied()
            .collect();
        without_userinfo(&text)
    };
    Change {
        old: middle(&before),
        new: middle(&after),
    }
}

/// The text with `***` for what stands before an `@` in each of its URLs.
///
/// Where a password holds a `/`, which it must not, more than the user is taken out rather than less.
pub fn without_userinfo(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || c == '"' || c == '\'')
            .unwrap_or(after.len());
        let (url, next) = after.split_at(end);
        match url.rsplit_once('@') {
            Some((_, host)) => {
                clean.push_str("***@");
                clean.push_str(host);
            }
            None => clean.push_str(url),
        }
        rest = next;
    }
    clean.push_str(rest);
    clean
}

/// The text, or its beginning and the hash of the whole.
pub(super) fn clip(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(LONGEST);
    let (beginning, _) = text.split_at(end);
    format!("{beginning}… ({} bytes, sha256 {})", text.len(), hash(text))
}
