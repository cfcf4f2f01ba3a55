//! Commands that people add: a name, perhaps a key, and a shell command with places for the selected thing.
//!
//! Names and labels come from whoever made a container, so a value must never become part of the command.
//! Every value is quoted for the shell, and a place is refused where quoting cannot hold: inside quotes (an
//! inner shell would read the value again), here-documents, comments and arithmetic.

use std::collections::BTreeMap;

use super::chord::Chord;
use super::source::{Place, quoted, suggestion};

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// A container.
    Container,
    /// A service of a stack.
    Service,
    /// A stack.
    Stack,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// The host.
    Host,
}

impl On {
    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Service => "service",
            Self::Stack => "stack",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Host => "host",
        }
    }

    /// The fields that a command for it can use.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Container => &["id", "name", "image", "stack", "service", "dir", "host"],
            Self::Service => &["name", "image", "stack", "service", "dir", "host"],
            Self::Stack => &["name", "stack", "dir", "host"],
            Self::Image | Self::Network => &["id", "name", "host"],
            Self::Volume => &["name", "host"],
            Self::Host => &["host"],
        }
    }
}

/// A command of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomCommand {
    /// What the palette and hints call it.
    pub name: String,
    /// Its key, while such a thing is selected.
    pub key: Option<Chord>,
    /// What it is for.
    pub on: On,
    /// Whether to ask first.
    pub confirm: bool,
    /// Whether it needs the terminal (a shell, an editor); else it runs as a task and its output is kept.
    pub terminal: bool,
    /// Where the file says so.
    pub place: Place,
    /// What to run.
    template: Template,
}

/// The values of the selected thing, by field name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    /// No values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more value. An empty value counts as none: a container outside every stack has no `stack`.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(field, value);
        }
        self
    }
}

impl CustomCommand {
    /// A command from its parts as they stand in the file; an error is a message and a hint.
    pub(super) fn new(
        name: String,
        key: Option<Chord>,
        on: On,
        command: &str,
        place: Place,
    ) -> Result<Self, (String, String)> {
        let template = Template::read(command, on)?;
        Ok(Self { name, key, on, confirm: false, terminal: true, place, template })
    }

    /// The command for one selected thing, to be given to `sh -c`. An error says in words why it cannot run.
    pub fn expand(&self, fields: &Fields) -> Result<String, String> {
        let mut command = String::new();
        for piece in &self.template.pieces {
            match piece {
                Piece::Text(text) => command.push_str(text),
                Piece::Field { name, starts_word } => {
                    let value = fields.0.get(name).ok_or_else(|| {
                        format!("`{}` needs the {name}, and this {} has none", self.name, self.on.name())
                    })?;
                    if value.chars().any(char::is_control) {
                        return Err(format!("the {name} holds control characters: {}", quoted(value)));
                    }
                    if *starts_word && value.starts_with('-') {
                        return Err(format!(
                            "the {name} begins with `-`, which a program takes for an option: {}",
                            quoted(value)
                        ));
                    }
                    command.push_str(&shell_quoted(value));
                }
            }
        }
        Ok(command)
    }

    /// The command as it was written.
    pub fn written(&self) -> &str {
        &self.template.written
    }
}

/// One word for a POSIX shell.
fn shell_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Template {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field { name: &'static str, starts_word: bool },
}

impl Template {
    fn read(written: &str, on: On) -> Result<Self, (String, String)> {
        if written.trim().is_empty() {
            return Err(("the command is empty".into(), "such as `docker logs {{id}}`".into()));
        }
        if written.contains('\0') {
            return Err(("the command holds a zero byte".into(), String::new()));
        }
        let mut pieces = Vec::new();
        let mut shell = Shell::default();
        let mut rest = written;
        while let Some(start) = rest.find("{{") {
            let (text, tail) = rest.split_at(start);
            // `docker inspect -f '{{.State.Status}}'` uses Go's templates: those begin with a dot, ours never.
            if is_go_template(&tail[2..]) {
                let end = tail.find("}}").map_or(tail.len(), |end| end + 2);
                let kept = &rest[..start + end];
                shell.read(kept);
                pieces.push(Piece::Text(kept.to_owned()));
                rest = &rest[start + end..];
                continue;
            }
            let Some(end) = tail.find("}}") else {
                return Err((
                    format!("found {} without its end", quoted(tail)),
                    "a field is written `{{name}}`".into(),
                ));
            };
            let wanted = tail[2..end].trim();
            let Some(name) = on.fields().iter().find(|field| **field == wanted) else {
                let message = format!("found {}, expected a field of `on: {}`", quoted(&tail[..end + 2]), on.name());
                return Err((message, suggestion(wanted, on.fields().iter().copied())));
            };
            shell.read(text);
            if let Some(reason) = shell.refusal(written) {
                let hint =
                    "the panel quotes the value itself; to hand it to an inner shell: sh -c 'echo \"$1\"' sh {{name}}";
                return Err((
                    format!("{} stands {reason}, where no value is safe", quoted(&tail[..end + 2])),
                    hint.into(),
                ));
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(text.to_owned()));
            }
            pieces.push(Piece::Field { name, starts_word: shell.at_word_start() });
            shell.last = 'x';
            rest = &tail[end + 2..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { written: written.to_owned(), pieces })
    }
}

/// Whether what follows `{{` is a template of Docker's own `--format`.
fn is_go_template(rest: &str) -> bool {
    let inner = rest.trim_start().trim_start_matches('-').trim_start();
    let word: String = inner.chars().take_while(char::is_ascii_alphabetic).collect();
    inner.starts_with(['.', '$', '"', '(', '/'])
        || matches!(
            word.as_str(),
            "json"
                | "range"
                | "end"
                | "if"
                | "else"
                | "index"
                | "with"
                | "len"
                | "printf"
                | "println"
                | "join"
                | "split"
                | "table"
                | "upper"
                | "lower"
                | "title"
                | "eq"
                | "ne"
        )
}

/// How far into a command a shell has read.
#[derive(Default)]
struct Shell {
    quote: Option<char>,
    escaped: bool,
    backtick: bool,
    comment: bool,
    last: char,
}

impl Shell {
    fn read(&mut self, text: &str) {
        for ch in text.chars() {
            let before = std::mem::replace(&mut self.last, ch);
            if std::mem::take(&mut self.escaped) {
                continue;
            }
            match (self.quote, ch) {
                _ if self.comment => self.comment = ch != '\n',
                (Some(quote), ch) if ch == quote => self.quote = None,
                (Some('\''), _) => {}
                (_, '\\') => self.escaped = true,
                (Some('"') | None, '`') => self.backtick = !self.backtick,
                (None, '\'' | '"') => self.quote = Some(ch),
                (None, '#') if before == '\0' || before.is_whitespace() || ";&|()".contains(before) => {
                    self.comment = true;
                }
                _ => {}
            }
        }
    }

    /// Why a value cannot stand here.
    fn refusal(&self, whole: &str) -> Option<&'static str> {
        if self.comment {
            Some("in a comment")
        } else if self.backtick {
            Some("between backticks")
        } else if self.quote.is_some() {
            Some("inside quotes")
        } else if self.escaped {
            Some("after a backslash")
        } else if self.last == '$' {
            Some("after `$`")
        } else if whole.contains("<<") {
            Some("in a command with a here-document")
        } else if whole.contains("$'") {
            // Where such a quote ends depends on the shell.
            Some("in a command with `$'`")
        } else if whole.contains("((") {
            Some("in a command with arithmetic")
        } else {
            None
        }
    }

    fn at_word_start(&self) -> bool {
        self.last == '\0' || self.last.is_whitespace() || ";&|()".contains(self.last)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn command(on: On, text: &str) -> Result<CustomCommand, (String, String)> {
        CustomCommand::new("test".into(), None, on, text, Place { line: 1, column: 1 })
    }

    fn expand(text: &str, name: &str) -> Result<String, String> {
        command(On::Container, text).unwrap().expand(&Fields::new().with("name", name).with("id", "4f2c"))
    }

    /// What a real shell makes of it.
    fn run(script: &str) -> String {
        let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn values_are_one_word() {
        assert_eq!(expand("docker exec -it {{id}} sh", "x").unwrap(), "docker exec -it '4f2c' sh");
        assert_eq!(expand("echo {{ name }}-{{id}}", "a b").unwrap(), "echo 'a b'-'4f2c'");
        assert_eq!(expand("echo {{name}}", "it's").unwrap(), r"echo 'it'\''s'");
    }

    #[test]
    fn a_value_that_is_not_there() {
        let made = command(On::Container, "echo {{stack}}").unwrap();
        assert!(
            made.expand(&Fields::new().with("stack", ""))
                .unwrap_err()
                .contains("needs the stack, and this container has none")
        );
    }

    #[test]
    fn values_that_no_quoting_helps() {
        assert!(expand("rm {{name}}", "-rf").unwrap_err().contains("option"));
        assert!(expand("rm;{{name}}", "-rf").is_err());
        assert_eq!(expand("rm --name={{name}}", "-rf").unwrap(), "rm --name='-rf'");
        assert!(expand("echo {{name}}", "a\nb").unwrap_err().contains("control"));
        assert!(expand("echo {{name}}", "a\u{1b}[31m").is_err());
    }

    #[test]
    fn places_that_no_quoting_helps() {
        for text in [
            "echo '{{name}}'",
            "echo \"{{name}}\"",
            "sh -c 'echo {{name}}'",
            "echo `echo {{name}}`",
            "echo \"$(echo {{name}})\"",
            "echo \\{{name}}",
            "echo ${{name}}",
            "cat <<E\n{{name}}\nE",
            "ls # {{name}}",
            "echo $(( {{name}} ))",
            "echo it\\'s '{{name}}'",
            "echo \"a\\\"{{name}}\"",
            "# {{name}}",
            "echo $'a\\' {{name}}",
            "echo \"`echo {{name}}`\"",
        ] {
            assert!(command(On::Container, text).is_err(), "{text}");
        }
        for text in [
            "echo 'a' {{name}}",
            "echo it\\'s {{name}}",
            "echo \"a\"{{name}}'b'",
            "echo a#{{name}}",
            "ls # a'b\necho {{name}}",
            "echo $(echo {{name}})",
            "echo `ls` {{name}}",
            "sh -c 'echo \"$1\"' sh {{name}}",
        ] {
            assert!(command(On::Container, text).is_ok(), "{text}");
        }
    }

    #[test]
    fn dockers_own_templates_stay() {
        let text = "docker inspect -f '{{.State.Status}} {{json .Config}}' {{id}}";
        assert_eq!(expand(text, "x").unwrap(), text.replace("{{id}}", "'4f2c'"));
    }

    #[test]
    fn fields_belong_to_kinds() {
        assert!(command(On::Volume, "echo {{id}}").is_err());
        assert!(command(On::Host, "echo {{name}}").is_err());
        assert!(command(On::Host, "ssh {{host}}").is_ok());
    }

    #[test]
    fn a_shell_reads_the_value_back() {
        for value in ["$(id)", "`id`", "'; id; '", "a'b\"c\\", "$HOME", "*", "!!", "a;b|c&d>e", "~", "\\'; id"] {
            for template in ["printf %s {{name}}", "printf %s ''{{name}}", "printf %s \"$(ls >/dev/null)\"{{name}}"] {
                assert_eq!(run(&expand(template, value).unwrap()), value, "{template}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_printable_value_is_one_word(value in "[^\\p{Cc}-][^\\p{Cc}]{0,20}") {
            let script = expand("set -- {{name}}; printf '%s/%s' $# \"$1\"", &value).unwrap();
            prop_assert_eq!(run(&script), format!("1/{value}"));
        }

        #[test]
        fn no_template_makes_it_panic(text in "\\PC{0,40}") {
            let _ = command(On::Container, &text);
        }
    }
}
