//! Colours: what each piece of a line is, by the grammar of its language.
//!
//! What a line is depends on all above it, so the state of the grammar is kept at the start of lines that were
//! on the screen. A change makes only the lines below it doubtful, until one begins in the same state as before.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use crate::ui::view::Tone;

use super::Language;
use super::document::Shift;

/// What a piece of source text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    Key,
    Keyword,
    Text,
    Number,
    Bool,
    Null,
    Variable,
    Comment,
}

/// A piece of a line, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub from: usize,
    pub to: usize,
    pub role: Role,
}

/// The state of a grammar between two lines.
#[derive(Debug, Clone, PartialEq)]
struct State {
    parse: ParseState,
    scopes: ScopeStack,
}

/// Constant data, unpacked once.
static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// Which roles the scopes of the grammars have. The most special scope that is here decides.
static ROLES: LazyLock<Vec<(Scope, Option<Role>)>> = LazyLock::new(|| {
    let roles = [
        ("comment", Some(Role::Comment)),
        ("string.unquoted.plain", None),
        ("string.unquoted.heredoc", None),
        ("string", Some(Role::Text)),
        ("meta.string.unquoted", None),
        ("markup.raw", Some(Role::Text)),
        ("constant.numeric", Some(Role::Number)),
        ("constant.language.null", Some(Role::Null)),
        ("constant.language", Some(Role::Bool)),
        ("constant.character.escape", Some(Role::Number)),
        ("keyword.operator", None),
        ("keyword.operator.dockerfile", Some(Role::Keyword)),
        ("keyword.operator.path", Some(Role::Variable)),
        ("keyword.operator.logical.path", Some(Role::Keyword)),
        ("keyword", Some(Role::Keyword)),
        ("storage", Some(Role::Keyword)),
        ("support.function", Some(Role::Key)),
        ("support.type", Some(Role::Key)),
        ("entity.name.tag", Some(Role::Key)),
        ("entity.name.function", Some(Role::Key)),
        ("entity.name.class", Some(Role::Key)),
        ("entity.name.table", Some(Role::Keyword)),
        ("entity.name.enum", Some(Role::Number)),
        ("entity.name.pattern", None),
        ("entity.name.section", Some(Role::Keyword)),
        ("punctuation.definition.variable", Some(Role::Variable)),
        ("punctuation.definition.comment", Some(Role::Comment)),
        ("entity.name", Some(Role::Key)),
        ("meta.mapping.key", Some(Role::Key)),
        ("markup.heading", Some(Role::Keyword)),
        ("markup.bold", Some(Role::Key)),
        ("markup.underline.link", Some(Role::Variable)),
        ("variable.language", Some(Role::Bool)),
        ("variable.function", None),
        ("variable.parameter.option", Some(Role::Variable)),
        ("variable", Some(Role::Variable)),
    ];
    roles.iter().filter_map(|(name, role)| Some((Scope::new(name).ok()?, *role))).collect()
});

fn grammar(language: Language) -> Option<&'static SyntaxReference> {
    let name = match language {
        Language::Dockerfile => "Dockerfile",
        Language::Yaml => "YAML",
        Language::Dockerignore => "Git Ignore",
        Language::Shell => "Bourne Again Shell (bash)",
        Language::Python => "Python",
        Language::Json => "JSON",
        Language::Toml => "TOML",
        Language::Markdown => "Markdown",
        Language::Plain => return None,
    };
    GRAMMARS.find_syntax_by_name(name)
}

/// Around strings that are keys, in JSON.
static KEYS: LazyLock<Option<Scope>> = LazyLock::new(|| Scope::new("meta.mapping.key").ok());

fn role_of(scopes: &ScopeStack) -> Option<Role> {
    let role = scopes.as_slice().iter().rev().find_map(|scope| {
        let fits = ROLES.iter().filter(|(prefix, _)| prefix.is_prefix_of(*scope));
        fits.max_by_key(|(prefix, _)| prefix.len()).map(|(_, role)| *role)
    })?;
    let is_key = |scope: &Scope| KEYS.is_some_and(|keys| keys.is_prefix_of(*scope));
    if role == Some(Role::Text) && scopes.as_slice().iter().any(is_key) { Some(Role::Key) } else { role }
}

/// Longer lines have no colour: a grammar takes its time with them.
const COLOURED: usize = 2000;

/// The pieces of one line that have a colour, and the state behind it. Every language comes through here.
fn tokens(state: &mut State, line: &str) -> Vec<Token> {
    if line.len() > COLOURED {
        return Vec::new();
    }
    let whole = format!("{line}\n");
    // A grammar that fails on a line leaves it without colours and goes on with the next.
    let Ok(parsed) = state.parse.parse_line(&whole, &GRAMMARS) else { return Vec::new() };
    let mut found: Vec<Token> = Vec::new();
    let mut add = |from: usize, to: usize, role: Option<Role>| {
        let to = to.min(line.len());
        let Some(role) = role.filter(|_| from < to) else { return };
        let role = if role == Role::Bool && matches!(&line[from..to], "null" | "None") { Role::Null } else { role };
        match found.last_mut() {
            Some(last) if last.to == from && last.role == role => last.to = to,
            _ => found.push(Token { from, to, role }),
        }
    };
    let mut from = 0;
    let mut role = role_of(&state.scopes);
    for (at, change) in parsed {
        if at > from {
            add(from, at, role);
            from = at;
        }
        if state.scopes.apply(&change).is_err() {
            break;
        }
        role = role_of(&state.scopes);
    }
    add(from, line.len(), role);
    found
}

/// The pieces of a short text that is only shown, line by line.
pub fn coloured(language: Language, lines: &[String]) -> Vec<Vec<(Tone, String)>> {
    let mut state = grammar(language).map(|g| State { parse: ParseState::new(g), scopes: ScopeStack::new() });
    let mut all = Vec::new();
    for line in lines {
        let found = state.as_mut().map(|state| tokens(state, line)).unwrap_or_default();
        let mut pieces = Vec::new();
        let mut at = 0;
        for token in found {
            pieces.push((Tone::Plain, line[at..token.from].to_owned()));
            let tone = match token.role {
                Role::Key => Tone::Key,
                Role::Keyword => Tone::Keyword,
                Role::Text => Tone::Text,
                Role::Number => Tone::Number,
                Role::Bool | Role::Null => Tone::Word,
                Role::Variable => Tone::Variable,
                Role::Comment => Tone::Comment,
            };
            pieces.push((tone, line[token.from..token.to].to_owned()));
            at = token.to;
        }
        pieces.push((Tone::Plain, line[at..].to_owned()));
        pieces.retain(|(_, text)| !text.is_empty());
        all.push(pieces);
    }
    all
}

#[derive(Debug, Default)]
struct Row {
    /// The state at its start.
    state: Option<Box<State>>,
    tokens: Option<Box<[Token]>>,
}

/// At most so many lines are worked through for one frame to know the state of the first one shown.
const CATCH_UP: usize = 400;

/// Where that is too far, the grammar begins afresh so many lines above.
const AFRESH: usize = 60;

/// With more lines than this known, only those around the screen and every few stay.
const KEPT: usize = 4000;

/// The colours of one text, as far as they were needed.
#[derive(Debug, Default)]
pub(super) struct Colours {
    rows: Vec<Row>,
    /// Lines whose state may be another than it says since something above them changed.
    doubtful: BTreeSet<usize>,
    known: usize,
}

impl Colours {
    /// Follows a change of the text.
    pub fn shift(&mut self, shift: Shift) {
        if self.rows.is_empty() {
            return;
        }
        let (from, was, is) = (shift.from.line, shift.was.line, shift.is.line);
        if was < self.rows.len() {
            let new = (from..is).map(|_| Row::default());
            self.rows.splice(from + 1..=was, new);
            if let Some(row) = self.rows.get_mut(from) {
                row.tokens = None;
            }
        }
        let moved = self.doubtful.split_off(&from);
        self.doubtful.extend(moved.into_iter().filter(|line| *line > was).map(|line| line - was + is));
        self.doubtful.insert(from);
    }

    /// Works out the lines from `top` to before `bottom`.
    pub fn prepare(&mut self, lines: &[String], language: Language, top: usize, bottom: usize) {
        let Some(grammar) = grammar(language) else { return };
        let fresh = || State { parse: ParseState::new(grammar), scopes: ScopeStack::new() };
        self.rows.resize_with(lines.len(), Row::default);
        let bottom = bottom.min(lines.len());
        // From the last doubtful line in reach, or the last line whose state is known.
        let reach = top.saturating_sub(CATCH_UP);
        let first = self.doubtful.range(reach..bottom).next().copied().unwrap_or(bottom);
        let first = match (top..bottom).find(|line| self.rows[*line].tokens.is_none()) {
            Some(line) => first.min(line),
            None => first,
        };
        if first >= bottom {
            return;
        }
        let known = (reach..=first).rev().find(|line| self.rows[*line].state.is_some());
        let mut line = match known {
            Some(line) => line,
            None if reach == 0 => 0,
            None => top.saturating_sub(AFRESH).min(first),
        };
        let mut state = match &self.rows[line].state {
            Some(state) => (**state).clone(),
            None => fresh(),
        };
        self.rows[line].state.get_or_insert_with(|| Box::new(state.clone()));
        while line < bottom {
            self.doubtful.remove(&line);
            let found = tokens(&mut state, &lines[line]);
            self.known += usize::from(self.rows[line].tokens.is_none());
            self.rows[line].tokens = Some(found.into());
            line += 1;
            let Some(next) = self.rows.get_mut(line) else { break };
            match &next.state {
                // From here on all is as it was, to the next line that is doubtful or new.
                Some(known) if **known == state => {
                    let doubtful = self.doubtful.range(line..bottom).next().copied();
                    let new = (line..bottom).find(|line| self.rows[*line].tokens.is_none());
                    let Some(go_on) = doubtful.into_iter().chain(new).min() else { break };
                    if let Some(row) = (line..=go_on).rev().find(|line| self.rows[*line].state.is_some()) {
                        line = row;
                        if let Some(known) = &self.rows[line].state {
                            state = (**known).clone();
                        }
                    }
                }
                _ => {
                    next.state = Some(Box::new(state.clone()));
                    next.tokens = None;
                    if line >= bottom {
                        self.doubtful.insert(line);
                    }
                }
            }
        }
        self.forget(top, bottom);
    }

    /// The pieces of a line.
    pub fn of(&self, line: usize) -> &[Token] {
        self.rows.get(line).and_then(|row| row.tokens.as_deref()).unwrap_or_default()
    }

    fn forget(&mut self, top: usize, bottom: usize) {
        if self.known < KEPT {
            return;
        }
        self.known = 0;
        let near = top.saturating_sub(KEPT / 4)..bottom + KEPT / 4;
        for (line, row) in self.rows.iter_mut().enumerate() {
            if near.contains(&line) {
                self.known += usize::from(row.tokens.is_some());
            } else {
                row.tokens = None;
                if line % 64 != 0 && !self.doubtful.contains(&line) {
                    row.state = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is coloured in a text, line by line.
    fn coloured(language: Language, text: &str) -> Vec<Vec<(&str, Role)>> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut colours = Colours::default();
        colours.prepare(&lines, language, 0, lines.len());
        let pieces = text.lines().enumerate();
        pieces.map(|(n, line)| colours.of(n).iter().map(|t| (&line[t.from..t.to], t.role)).collect()).collect()
    }

    #[test]
    fn every_language_has_its_colours() {
        use Role::{Bool, Comment, Key, Keyword, Null, Number, Text, Variable};
        let yaml = coloured(Language::Yaml, "a: 1 # c\nb: '2\n  c'\n- d: true\n- ~\n- plain");
        assert_eq!(yaml[0], [("a", Key), ("1", Number), ("# c", Comment)]);
        assert_eq!(yaml[2], [("  c'", Text)]);
        assert_eq!(yaml[3], [("d", Key), ("true", Bool)]);
        assert_eq!((&yaml[4], &yaml[5]), (&vec![("~", Null)], &vec![]));
        let docker = coloured(Language::Dockerfile, "FROM a:12 AS b\nRUN x \"y\"\nCMD [\"z\"]\n# c");
        assert_eq!(docker[0], [("FROM", Keyword), ("12", Number), ("AS", Keyword), ("b", Variable)]);
        assert_eq!(docker[2], [("CMD ", Keyword), ("\"z\"", Text)]);
        assert_eq!(docker[3], [("# c", Comment)]);
        let shell = coloured(Language::Shell, "if true; then echo \"x $A\"; fi");
        assert!(shell[0].contains(&("if", Keyword)) && shell[0].contains(&("$A", Variable)));
        let python = coloured(Language::Python, "def f(a):\n    return 'x'");
        assert!(python[0].contains(&("def", Keyword)) && python[0].contains(&("f", Key)));
        assert_eq!(python[1], [("return", Keyword), ("'x'", Text)]);
        let json = coloured(Language::Json, "{\"a\": 1, \"b\": [true, null, \"x\"]}");
        assert_eq!(
            json[0],
            [("\"a\"", Key), ("1", Number), ("\"b\"", Key), ("true", Bool), ("null", Null), ("\"x\"", Text)]
        );
        let toml = coloured(Language::Toml, "[t]\na = \"b\"");
        assert_eq!(toml, [vec![("t", Keyword)], vec![("a", Key), ("\"b\"", Text)]]);
        let markdown = coloured(Language::Markdown, "# T\n`code`");
        assert_eq!(markdown[1], [("`code`", Text)]);
        let ignore = coloured(Language::Dockerignore, "# c\n!keep/**");
        assert_eq!(ignore, [vec![("# c", Comment)], vec![("!", Keyword), ("**", Variable)]]);
    }
}
