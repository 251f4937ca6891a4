//! The nearest known word to a mistyped one.

/// Below this likeness (Jaro-Winkler, 0 to 1) a guess would be a riddle, not a help.
const LIKENESS: f64 = 0.86;

/// The known word that was probably meant, if one is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    let near = |candidate: &'a str| {
        let other = normal(candidate);
        // One slip in three letters; the likeness catches beginnings such as `repo`.
        let slips = strsim::damerau_levenshtein(&word, &other);
        let likeness = strsim::jaro_winkler(&word, &other);
        (slips * 3 <= other.chars().count() || likeness >= LIKENESS).then_some((slips, likeness, candidate))
    };
    known
        .into_iter()
        .filter_map(near)
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, candidate)| candidate)
}

/// Letter case, `-` and `_` are the commonest slips, and the cheapest to forgive.
fn normal(word: &str) -> String {
    // Longer words are never near, and the comparison takes time with the square of the length.
    word.chars()
        .take(100)
        .collect::<String>()
        .to_lowercase()
        .replace('-', "_")
}

/// A list for people: "`a`, `b` and `c`".
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>, joint: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {joint} {last}", others.join(", ")),
    }
}

/// `did you mean …`, or the whole choice.
pub(super) fn advice(word: &str, known: &[&str], otherwise: &str) -> String {
    nearest(word, known.iter().copied()).map_or_else(
        || format!("{otherwise} {}", listed(known.iter().copied(), "or")),
        |near| format!("did you mean `{near}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_guessed() {
        let known = [
            "repository",
            "sources",
            "exclude",
            "exclude_caches",
            "tags",
            "max_age",
        ];
        for (word, expected) in [
            ("source", Some("sources")),
            ("Sources", Some("sources")),
            ("sorces", Some("sources")),
            ("exclude-caches", Some("exclude_caches")),
            ("excludes", Some("exclude")),
            ("tag", Some("tags")),
            ("repo", Some("repository")),
            ("maxage", Some("max_age")),
            ("color", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(listed([], "or"), "");
        assert_eq!(listed(["a"], "or"), "`a`");
        assert_eq!(listed(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
