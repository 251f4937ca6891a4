//! A unit as the text of a unit file.

use std::fmt;

use super::{
    Unit,
    setting::{Section, Setting, Value},
};

impl Unit {
    /// The text of a unit file that says the same.
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}", self.name)?;
        for (section, heading) in [(Section::Unit, "[Unit]"), (Section::Service, "\n[Service]")] {
            writeln!(f, "{heading}")?;
            for setting in self.settings.iter().filter(|setting| setting.section == section) {
                writeln!(f, "{setting}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, text(&self.value))
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Flag(true) | Value::NoNamespaces => "yes".to_owned(),
        Value::Flag(false) => "no".to_owned(),
        Value::Word(word) | Value::Errno(word, _) => (*word).to_owned(),
        Value::Text(text) => without_specifiers(text),
        Value::Number(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Mode(mode) => format!("{mode:04o}"),
        Value::Time(time) if time.subsec_nanos() == 0 => format!("{}s", time.as_secs()),
        Value::Time(time) => format!("{}us", time.as_micros()),
        Value::Paths(paths) => {
            // `-`: what is not there is the worker's to tell, in words that help.
            joined(paths.iter().map(|path| quoted(&format!("-{}", path.display()))))
        }
        Value::Words(words) | Value::Only(words) => words.join(" "),
        Value::Except(words) => format!("~{}", words.join(" ")),
        Value::Capabilities(all) => joined(all.iter().map(|capability| capability.as_str().to_owned())),
        // One a line.
        Value::Devices(devices) => devices
            .iter()
            .map(|(group, what)| format!("{group} {what}"))
            .collect::<Vec<_>>()
            .join("\nDeviceAllow="),
        Value::Credential(name, place) if name == place => without_specifiers(name),
        Value::Credential(name, place) => without_specifiers(&format!("{name}:{place}")),
        Value::Codes(codes) => joined(codes.iter().map(u8::to_string)),
        Value::Fields(fields) => joined(
            fields
                .iter()
                .map(|(name, value)| quoted(&format!("{name}={value}"))),
        ),
        // `$` begins a variable in commands, and there alone.
        Value::Command(words) => joined(
            words
                .iter()
                .map(|word| quoted(&word.display().to_string()).replace('$', "$$")),
        ),
    }
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn without_specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word of a line, in quotes where it would fall apart or mean something.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=@:+,$%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return without_specifiers(word);
    }
    let mut text = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            character => text.push(character),
        }
    }
    text.push('"');
    without_specifiers(&text)
}
