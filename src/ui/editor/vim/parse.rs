//! From keys to a command.

use super::COUNT;
use super::motion::{Motion, Read};
use super::operator::Op;

/// A whole command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui::editor) struct Command {
    pub count: Option<usize>,
    pub op: Option<Op>,
    pub target: Target,
}

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui::editor) enum Target {
    Motion(Motion),
    /// A piece of text: with what is around it or not, and which.
    Object(bool, char),
    /// The lines from the cursor on: the operator twice.
    Lines,
    /// A command by itself.
    Simple(char),
    /// A command that takes a letter.
    Letter(char, char),
}

/// What some keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui::editor) enum Parsed {
    /// The start of a command.
    More,
    /// No command.
    Nothing,
    Whole(Command),
}

/// The number that some keys begin with.
pub(in crate::ui::editor) fn count(keys: &str) -> Option<usize> {
    let digits = keys.len() - keys.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 || keys.starts_with('0') {
        return None;
    }
    Some(keys[..digits].parse().unwrap_or(COUNT).clamp(1, COUNT))
}

fn counted(keys: &str) -> (Option<usize>, &str) {
    match count(keys) {
        Some(n) => (Some(n), keys.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => (None, keys),
    }
}

/// Reads keys.
pub(in crate::ui::editor) fn parse(keys: &str, visual: bool) -> Parsed {
    let (mut number, rest) = counted(keys);
    let mut rest = rest.chars();
    let Some(first) = rest.next() else { return Parsed::More };
    let second = rest.clone().next();
    let whole = |count, op, target| Parsed::Whole(Command { count, op, target });
    let op = match (first, second) {
        ('d', _) => Some(Op::Delete),
        ('c', _) => Some(Op::Change),
        ('y', _) => Some(Op::Copy),
        ('>', _) => Some(Op::Indent),
        ('<', _) => Some(Op::Unindent),
        ('g', Some('c')) => Some(Op::Comment),
        ('g', Some('u')) => Some(Op::Lower),
        ('g', Some('U')) => Some(Op::Upper),
        ('g', Some('~')) => Some(Op::Swap),
        _ => None,
    };
    if let Some(op) = op {
        let last = if first == 'g' { rest.next().unwrap_or(first) } else { first };
        if visual {
            return whole(number, Some(op), Target::Lines);
        }
        let (more, rest) = counted(rest.as_str());
        if more.is_some() {
            number = Some((number.unwrap_or(1) * more.unwrap_or(1)).min(COUNT));
        }
        let mut letters = rest.chars();
        return match letters.next() {
            None => Parsed::More,
            Some(c) if c == last => whole(number, Some(op), Target::Lines),
            Some(c @ ('i' | 'a')) => match letters.next() {
                None => Parsed::More,
                Some(kind) => whole(number, Some(op), Target::Object(c == 'a', kind)),
            },
            Some(_) => match Motion::read(rest) {
                Read::Whole(motion) => whole(number, Some(op), Target::Motion(motion)),
                Read::More => Parsed::More,
                Read::Nothing => Parsed::Nothing,
            },
        };
    }
    match (first, second) {
        ('i' | 'a', None) if visual => Parsed::More,
        ('i' | 'a', Some(kind)) if visual => whole(number, None, Target::Object(first == 'a', kind)),
        ('r' | 'Z' | 'z', None) => Parsed::More,
        ('r', Some(with)) if !with.is_control() => whole(number, None, Target::Letter('r', with)),
        ('Z', Some('Z')) => whole(number, None, Target::Simple('Z')),
        ('Z', Some('Q')) => whole(number, None, Target::Simple('Q')),
        ('z', Some(where_to @ ('z' | 't' | 'b'))) => whole(number, None, Target::Letter('z', where_to)),
        ('r' | 'Z' | 'z', Some(_)) => Parsed::Nothing,
        _ => match Motion::read(&keys[keys.len() - first.len_utf8() - rest.as_str().len()..]) {
            Read::Whole(motion) => whole(number, None, Target::Motion(motion)),
            Read::More => Parsed::More,
            Read::Nothing if "iIaAoOxXsSYDCJ~pPu.vV:/?RU".contains(first) => whole(number, None, Target::Simple(first)),
            Read::Nothing => Parsed::Nothing,
        },
    }
}
