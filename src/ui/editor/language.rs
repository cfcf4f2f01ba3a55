//! What a file is written in, and the few habits of each language that an editor has to know.

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// A Dockerfile.
    Dockerfile,
    /// YAML, compose files among it.
    Yaml,
    /// `.dockerignore`, and `.gitignore`, which is written the same way.
    Dockerignore,
    /// A shell script, and files of variables such as `.env`.
    Shell,
    /// Python.
    Python,
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// Markdown.
    Markdown,
    /// Anything else.
    #[default]
    Plain,
}

impl Language {
    /// The language of a file, by its name and, where that says nothing, by its first line.
    pub fn of(name: &str, first_line: &str) -> Self {
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let stem = name.split('.').next().unwrap_or_default();
        match extension {
            "dockerignore" | "gitignore" => return Self::Dockerignore,
            "dockerfile" | "containerfile" => return Self::Dockerfile,
            "yaml" | "yml" => return Self::Yaml,
            "sh" | "bash" | "zsh" | "ksh" | "env" => return Self::Shell,
            "py" | "pyi" | "pyw" => return Self::Python,
            "json" => return Self::Json,
            "toml" => return Self::Toml,
            "md" | "markdown" => return Self::Markdown,
            _ => {}
        }
        if matches!(stem, "dockerfile" | "containerfile") {
            return Self::Dockerfile;
        }
        if name.starts_with(".env") || matches!(name.as_str(), ".bashrc" | ".profile" | ".bash_profile") {
            return Self::Shell;
        }
        let Some(program) = first_line.trim_start_matches('\u{feff}').strip_prefix("#!") else {
            let directive = first_line.trim_start_matches('#').trim_start().starts_with("syntax=docker/dockerfile");
            return if directive && first_line.starts_with('#') { Self::Dockerfile } else { Self::Plain };
        };
        let mut words = program.split_whitespace().map(|w| w.rsplit('/').next().unwrap_or(w));
        let program = words.find(|w| *w != "env" && !w.starts_with('-')).unwrap_or_default();
        match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" => Self::Shell,
            "python" => Self::Python,
            _ => Self::Plain,
        }
    }

    /// What begins a comment that goes to the end of its line.
    pub fn comment(self) -> Option<&'static str> {
        match self {
            Self::Json | Self::Markdown | Self::Plain => None,
            _ => Some("#"),
        }
    }

    /// How many columns one indent has where the file itself shows no habit.
    pub fn indent(self) -> usize {
        match self {
            Self::Yaml | Self::Json | Self::Shell | Self::Markdown => 2,
            _ => 4,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dockerfile => "Dockerfile",
            Self::Yaml => "YAML",
            Self::Dockerignore => ".dockerignore",
            Self::Shell => "shell",
            Self::Python => "Python",
            Self::Json => "JSON",
            Self::Toml => "TOML",
            Self::Markdown => "Markdown",
            Self::Plain => "text",
        }
    }
}
