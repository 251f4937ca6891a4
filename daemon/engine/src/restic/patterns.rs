//! Exclude patterns as restic reads them. Where the two differ, more is stored, never less.

use crate::{BackupRequest, EngineError, ErrorKind, Result};

/// So many patterns one with braces may stand for.
const MOST: usize = 1000;

/// What is to be left out, in restic's words.
pub(super) fn exclude(request: &BackupRequest) -> Result<Vec<String>> {
    let refused = |why: &str| Err(EngineError::new(ErrorKind::InvalidRequest, why));
    if !request.include.is_empty() {
        return refused("restic stores all that is not excluded: with it `include` cannot be used");
    }
    if request.exclude_if_present.iter().any(|name| name.contains(':')) {
        return refused("restic takes no `:` in `exclude_if_present`");
    }
    let mut patterns = Vec::new();
    for pattern in &request.exclude {
        let (negation, body) = pattern
            .strip_prefix('!')
            .map_or(("", pattern.as_str()), |body| ("!", body));
        let Some(bodies) = alternatives(body) else {
            return refused(&format!("the pattern `{pattern}` stands for too many"));
        };
        let bodies = bodies
            .into_iter()
            .map(|body| directory(&classes(&body), negation));
        patterns.extend(bodies.map(|body| format!("{negation}{body}")));
    }
    Ok(patterns)
}

/// A path as a pattern that means it alone.
pub(super) fn escaped(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for letter in path.chars() {
        if matches!(letter, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// restic has no pattern for directories alone: what is below is left out, and the directory stays.
fn directory(body: &str, negation: &str) -> String {
    let trimmed = body.trim_end_matches('/');
    if trimmed.len() == body.len() || !negation.is_empty() {
        trimmed.to_owned()
    } else {
        format!("{trimmed}/*")
    }
}

/// `[!a]` is written `[^a]`.
fn classes(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut letters = body.chars().peekable();
    while let Some(letter) = letters.next() {
        out.push(letter);
        match letter {
            '\\' => out.extend(letters.next()),
            '[' if letters.next_if_eq(&'!').is_some() => out.push('^'),
            _ => {}
        }
    }
    out
}

/// The patterns that one with braces stands for; `None` for too many.
fn alternatives(body: &str) -> Option<Vec<String>> {
    let Some((before, inside, after)) = brace(body) else {
        return Some(vec![body.to_owned()]);
    };
    let mut all = Vec::new();
    for choice in choices(inside) {
        all.extend(alternatives(&format!("{before}{choice}{after}"))?);
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

/// The first pair of braces, with what is before, in and behind them.
fn brace(body: &str) -> Option<(&str, &str, &str)> {
    let (mut open, mut depth) = (0, 0_u32);
    for (at, letter) in plain(body) {
        match letter {
            '{' => {
                if depth == 0 {
                    open = at;
                }
                depth += 1;
            }
            '}' if depth == 1 => {
                return Some((body.get(..open)?, body.get(open + 1..at)?, body.get(at + 1..)?));
            }
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// What stands between commas that are in no braces of their own.
fn choices(inside: &str) -> Vec<&str> {
    let (mut from, mut depth) = (0, 0_u32);
    let mut choices = Vec::new();
    for (at, letter) in plain(inside) {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                choices.extend(inside.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    choices.extend(inside.get(from..));
    choices
}

/// Letters that stand for more than themselves, if they can: none behind a backslash, none in a class.
fn plain(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut escaped, mut class) = (false, false);
    text.char_indices().filter(move |(_, letter)| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match letter {
            '\\' => escaped = true,
            '[' if !class => class = true,
            ']' => class = false,
            _ => return !class,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(exclude: &[&str]) -> Vec<String> {
        let request = BackupRequest {
            exclude: exclude.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..BackupRequest::default()
        };
        super::exclude(&request).unwrap()
    }

    #[test]
    fn patterns_are_put_into_restics_words() {
        assert_eq!(
            written(&[
                "*.tmp",
                "/home/*/x",
                "**/.cache",
                "cache/",
                "!keep/",
                "[!a]x",
                "\\!odd",
                "#x"
            ]),
            [
                "*.tmp",
                "/home/*/x",
                "**/.cache",
                "cache/*",
                "!keep",
                "[^a]x",
                "\\!odd",
                "#x"
            ]
        );
    }

    #[test]
    fn braces_are_spelled_out() {
        assert_eq!(
            written(&["*.{jpg,p{n,d}g}", "!{a,b}/", "\\{a,b\\}", "[{]x,y}"]),
            ["*.jpg", "*.png", "*.pdg", "!a", "!b", "\\{a,b\\}", "[{]x,y}"]
        );
        let request = BackupRequest {
            exclude: vec!["{a,b}".repeat(30)],
            ..BackupRequest::default()
        };
        assert!(super::exclude(&request).is_err());
    }

    #[test]
    fn a_path_means_itself() {
        assert_eq!(escaped("/odd*[name?\\"), "/odd\\*\\[name\\?\\\\");
    }

    #[test]
    fn what_restic_cannot_do_is_refused() {
        for change in [
            |request: &mut BackupRequest| request.include = vec!["x".to_owned()],
            |request: &mut BackupRequest| request.exclude_if_present = vec!["a:b".to_owned()],
        ] {
            let mut request = BackupRequest::default();
            change(&mut request);
            let error = super::exclude(&request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        }
    }
}
