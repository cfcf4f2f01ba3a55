//! What a Dockerfile is made of, as read.

use super::lint::Fix;
use super::source::{Joined, Span};

/// A Dockerfile as read: everything that could be understood, and what could not.
#[derive(Debug, Clone, Default)]
pub struct Dockerfile {
    /// What escapes a character and continues a line: a backslash, or a backtick by directive.
    pub escape: char,
    /// `# syntax=`, `# escape=` and `# check=` at the beginning.
    pub directives: Vec<Directive>,
    /// In the order of the file; those that cannot be read, too.
    pub instructions: Vec<Instruction>,
    /// All comments but those in heredocs, in the order of the file.
    pub comments: Vec<Comment>,
    /// The stages, in the order of the file.
    pub stages: Vec<Stage>,
    /// What BuildKit would refuse.
    pub problems: Vec<Problem>,
    /// Where each line begins.
    pub(super) lines: Vec<usize>,
    /// The last line says that it goes on.
    pub(super) open_end: bool,
}

/// A parser directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// In lower case.
    pub name: String,
    /// Without white space around it.
    pub value: String,
    /// The whole comment.
    pub span: Span,
    /// The value only.
    pub value_span: Span,
}

/// A comment, from its `#` to the end of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// With the `#`, without the end of the line.
    pub span: Span,
    /// The instruction within which it stands, or before which it stands (which need not be there).
    pub instruction: usize,
    /// Between the lines of an instruction, not before it.
    pub within: bool,
}

/// A build stage: a `FROM` and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Which instruction its `FROM` is.
    pub from: usize,
    /// The instruction after its last.
    pub end: usize,
    /// In lower case, as BuildKit compares it.
    pub name: Option<String>,
    /// What comes after `FROM`: an image, the name of a stage, `scratch`; empty when it is missing.
    pub base: String,
    /// The earlier stage that it is made from.
    pub parent: Option<usize>,
}

/// Something BuildKit would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `DL1000`, or a more special code.
    pub code: &'static str,
    /// What is wrong.
    pub span: Span,
    /// In words.
    pub message: String,
    /// How to mend it.
    pub mend: String,
    /// When it can be mended by a machine.
    pub fix: Option<Fix>,
}

macro_rules! names {
    ($($name:ident $text:literal $about:literal,)*) => {
        /// Which instruction it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Name {
            $(#[doc = $about] $name,)*
            /// None that Docker knows.
            Unknown,
        }

        impl Name {
            /// All that Docker knows.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it should be written; empty for an unknown one.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unknown => "",
                }
            }

            /// What it does, in a few words.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)*
                    Self::Unknown => "",
                }
            }
        }
    };
}

names! {
    Add "ADD" "Copy files in; unpacks archives and downloads addresses",
    Arg "ARG" "A variable that the build may be given",
    Cmd "CMD" "What a container runs when it is told nothing else",
    Copy "COPY" "Copy files from the context, a stage or an image",
    Entrypoint "ENTRYPOINT" "The program that a container always runs",
    Env "ENV" "A variable for the build and for containers",
    Expose "EXPOSE" "A port on which the program listens",
    From "FROM" "Begin a stage from an image",
    Healthcheck "HEALTHCHECK" "How to see that a container is well",
    Label "LABEL" "Facts about the image",
    Maintainer "MAINTAINER" "Who looks after the image (old; use LABEL)",
    Onbuild "ONBUILD" "An instruction for images built from this one",
    Run "RUN" "Run a command and keep what it changes",
    Shell "SHELL" "The shell of the shell forms",
    Stopsignal "STOPSIGNAL" "The signal that asks a container to end",
    User "USER" "Who runs the commands from here on",
    Volume "VOLUME" "A path whose data lives outside the container",
    Workdir "WORKDIR" "The directory in which the following happens",
}

impl Name {
    /// As written, in whatever case.
    pub fn of(word: &str) -> Self {
        Self::ALL.iter().copied().find(|n| n.as_str().eq_ignore_ascii_case(word)).unwrap_or(Self::Unknown)
    }
}

/// One instruction with all its lines.
#[derive(Debug, Clone)]
pub struct Instruction {
    /// From its first line (mostly its keyword) to the end of its last one, with heredocs, without the line's end.
    pub span: Span,
    /// Its first word.
    pub keyword: Span,
    /// Which one it is.
    pub name: Name,
    /// `--name=value` after the keyword.
    pub flags: Vec<Flag>,
    /// What comes after the flags, with continuations removed.
    pub arguments: Joined,
    /// How the arguments are written.
    pub form: Form,
    /// Files written in place.
    pub heredocs: Vec<Heredoc>,
    /// What `ONBUILD` will do.
    pub inner: Option<Box<Instruction>>,
    /// The stage it belongs to; none before the first `FROM`.
    pub stage: Option<usize>,
    /// BuildKit would refuse it.
    pub broken: bool,
    /// Lines without anything between its lines, each with its end.
    pub empty_lines: Vec<Span>,
    /// The escape characters that continue a line.
    pub continuations: Vec<usize>,
}

impl Instruction {
    /// The value of a flag that is given once.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|f| f.name == name)
    }

    /// Its words when it has words: sources and target, ports, JSON's strings.
    pub fn words(&self) -> &[Word] {
        match &self.form {
            Form::Json(words) | Form::Words(words) => words,
            Form::Shell(_) | Form::Pairs(_) | Form::None => &[],
        }
    }

    /// Its pairs when it has pairs.
    pub fn pairs(&self) -> &[Pair] {
        if let Form::Pairs(pairs) = &self.form { pairs } else { &[] }
    }

    /// The whole line in shell form.
    pub fn shell(&self) -> Option<&Joined> {
        if let Form::Shell(line) = &self.form { Some(line) } else { None }
    }
}

/// `--name` or `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// What comes after `=`, without quotes.
    pub value: Option<String>,
    /// All of it.
    pub span: Span,
    /// The name only, without the dashes.
    pub name_span: Span,
    /// The value only.
    pub value_span: Option<Span>,
}

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As written; strings of JSON without quotes and escapes.
    pub text: String,
    /// With its quotes.
    pub span: Span,
}

/// `name=value` of `ARG`, `ENV` and `LABEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name, as written.
    pub name: Word,
    /// The value, as written, with quotes; none for `ARG name`.
    pub value: Option<Word>,
    /// The old form: `ENV name value`.
    pub old: bool,
}

/// How arguments are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `["a", "b"]`.
    Json(Vec<Word>),
    /// Words with white space between them, or one text that may hold white space (`WORKDIR`, `USER`).
    Words(Vec<Word>),
    /// Names with values.
    Pairs(Vec<Pair>),
    /// A line for a shell.
    Shell(Joined),
    /// Nothing, or nothing that could be read.
    None,
}

/// A file written in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, without quotes.
    pub name: String,
    /// `<<NAME` on the first line.
    pub opening: Span,
    /// The lines within, with their ends.
    pub body: Span,
    /// The line that ends it; none when the file ends first.
    pub closing: Option<Span>,
    /// Variables are replaced: its word has no quotes.
    pub expand: bool,
    /// `<<-`: tabs at the beginning of lines are dropped.
    pub chomp: bool,
}
