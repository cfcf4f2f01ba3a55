//! Vim's keys: what one uses every day, not all there is.
//!
//! A command is gathered until it is whole ([`parse`]), then carried out. Its keys are kept for `.`.

mod command;
mod motion;
mod object;
mod operator;
mod parse;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::document::{Kind, Place};
use super::{Answer, Editor, VimCommand, layout};
use operator::Op;
use parse::{Command, Parsed, Target};

/// What keys do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Normal,
    Insert,
    Visual,
    VisualLine,
    /// A line is typed: its first letter (`:`, `/`, `?`) and what follows.
    Asks(char, String),
}

/// How many keys one change may have to be made again with `.`.
const REMEMBERED: usize = 10_000;

/// The largest number before a command.
const COUNT: usize = 9999;

/// Where one is with Vim's keys.
#[derive(Debug, Default)]
pub(super) struct Vim {
    mode: Mode,
    /// The keys of a command that is not whole yet.
    pending: String,
    /// The last search within a line, for `;` and `,`.
    sought: Option<(char, char)>,
    /// Whether `n` goes back.
    backwards: bool,
    /// The keys of the change being made, and of the one before, for `.`.
    keys: Vec<KeyEvent>,
    last: Vec<KeyEvent>,
    /// The text when the first of the keys came.
    since: u64,
    replays: bool,
    /// How often what is inserted now comes, the command that began it, and its keys from where on.
    inserts: (usize, char, usize),
    /// What is shown once in the place of the mode.
    said: Option<String>,
}

impl Vim {
    pub fn status(&self) -> String {
        match &self.mode {
            Mode::Asks(first, typed) => format!("{first}{typed}"),
            _ if self.said.is_some() => self.said.clone().unwrap_or_default(),
            Mode::Normal => self.pending.clone(),
            Mode::Insert => "-- INSERT --".to_owned(),
            Mode::Visual => format!("-- VISUAL -- {}", self.pending),
            Mode::VisualLine => format!("-- VISUAL LINE -- {}", self.pending),
        }
    }

    pub fn inserts(&self) -> bool {
        self.mode == Mode::Insert
    }

    pub fn asks(&self) -> bool {
        matches!(self.mode, Mode::Asks(..))
    }

    fn visual(&self) -> bool {
        matches!(self.mode, Mode::Visual | Mode::VisualLine)
    }
}

impl Editor {
    pub(super) fn vim_key(&mut self, key: KeyEvent) -> Answer {
        // The mouse, a search or a change from outside may have selected, or ended what was selected.
        if self.vim.visual() && self.anchor.is_none() {
            self.vim.mode = Mode::Normal;
        } else if self.vim.mode == Mode::Normal && self.selection().is_some() {
            self.vim.mode = Mode::Visual;
            if Some(self.cursor) > self.anchor {
                self.cursor = self.left_of(self.cursor).unwrap_or(self.cursor);
            } else {
                self.anchor = self.anchor.and_then(|anchor| self.left_of(anchor));
            }
        }
        self.vim.said = None;
        let first = self.vim.mode == Mode::Normal && self.vim.pending.is_empty();
        if first && !self.vim.replays {
            self.vim.keys.clear();
            self.vim.since = self.revision();
        }
        if !self.vim.replays && self.vim.keys.len() < REMEMBERED {
            self.vim.keys.push(key);
        }
        let before = (self.cursor, self.anchor, self.revision(), self.vim.mode.clone(), self.vim.pending.clone());
        let answer = match self.vim.mode {
            Mode::Insert => self.vim_insert_key(key),
            Mode::Asks(..) => self.vim_asks_key(key),
            _ => self.vim_command_key(key),
        };
        self.vim_settle();
        let answer = match answer {
            Answer::Say(words) => {
                self.vim.said = Some(words.clone());
                Answer::Say(words)
            }
            Answer::Changed | Answer::Moved | Answer::Nothing if self.revision() != before.2 => Answer::Changed,
            Answer::Changed | Answer::Moved | Answer::Nothing => {
                let now = (self.cursor, self.anchor, self.revision(), self.vim.mode.clone(), self.vim.pending.clone());
                if now == before && answer != Answer::Moved { Answer::Nothing } else { Answer::Moved }
            }
            other => other,
        };
        let whole = self.vim.mode == Mode::Normal && self.vim.pending.is_empty();
        if whole && !self.vim.replays && self.revision() != self.vim.since && self.vim.repeatable() {
            self.vim.last = std::mem::take(&mut self.vim.keys);
        }
        answer
    }

    /// Outside of Insert the cursor is on a character, not behind the last.
    fn vim_settle(&mut self) {
        if self.vim.mode == Mode::Insert || self.vim.asks() {
            return;
        }
        let line = self.document.line(self.cursor.line);
        if !line.is_empty() && self.cursor.byte >= line.len() {
            self.cursor.byte = layout::previous(line, line.len()).unwrap_or(0);
        }
        if self.vim.mode == Mode::Normal {
            self.anchor = None;
        }
    }

    /// The selection as it is seen: Vim's has the character under the cursor, or whole lines.
    pub(super) fn shown_selection(&self) -> Option<(Place, Place)> {
        let anchor = self.anchor.filter(|_| self.vim.visual());
        let Some(anchor) = anchor else { return self.selection() };
        let (from, to) = (anchor.min(self.cursor), anchor.max(self.cursor));
        Some(match self.vim.mode {
            Mode::VisualLine if to.line < self.document.last() => {
                (Place::new(from.line, 0), Place::new(to.line + 1, 0))
            }
            Mode::VisualLine => (Place::new(from.line, 0), self.end_of(to.line)),
            _ => (from, layout::next(self.document.line(to.line), to.byte).map_or(to, |b| Place::new(to.line, b))),
        })
    }

    /// The mouse selects as it does with other keys; the next key of Vim's makes its own of it.
    pub(super) fn vim_selected(&mut self) {
        if self.vim.visual() {
            self.vim.mode = Mode::Normal;
        }
    }

    fn vim_insert_key(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => self.vim_leave_insert(),
            KeyCode::Char('[' | 'c') if control => self.vim_leave_insert(),
            KeyCode::Char('u') if control => self.erase_to(Some(Place::new(self.cursor.line, 0))),
            KeyCode::Char('t') if control => self.indent_lines(self.cursor.line, self.cursor.line, 1),
            KeyCode::Char('d') if control => self.unindent_lines(self.cursor.line, self.cursor.line, 1),
            KeyCode::Char('h' | 'w' | 'v') if control => self.standard_key(key),
            KeyCode::Char(_) if control => Answer::Ignored,
            _ => self.standard_key(key),
        }
    }

    fn vim_leave_insert(&mut self) -> Answer {
        let (count, began, from) = std::mem::take(&mut self.vim.inserts);
        let typed: Vec<KeyEvent> = self.vim.keys.get(from..).unwrap_or_default().to_vec();
        if count > 1 && !self.vim.replays {
            let typed = &typed[..typed.len().saturating_sub(1)];
            self.vim.replays = true;
            for _ in 1..count {
                if matches!(began, 'o' | 'O') {
                    self.cursor = self.end_of(self.cursor.line);
                    self.enter();
                }
                for key in typed {
                    self.vim_insert_key(*key);
                }
            }
            self.vim.replays = false;
        }
        self.document.end_group();
        self.vim.mode = Mode::Normal;
        self.anchor = None;
        // A line that was opened and got nothing keeps no blanks.
        let line = self.document.line(self.cursor.line);
        if matches!(began, 'o' | 'O') && line.trim().is_empty() && !line.is_empty() {
            let (from, to) = (Place::new(self.cursor.line, 0), self.end_of(self.cursor.line));
            self.edit(vec![super::Edit::delete(from, to)], Kind::Other, from, None);
        } else if self.cursor.byte > 0 {
            let byte = layout::previous(line, self.cursor.byte).unwrap_or(0);
            self.move_to(Place::new(self.cursor.line, byte), false);
        }
        Answer::Moved
    }

    fn vim_insert(&mut self, began: char, count: usize) -> Answer {
        self.document.begin_group();
        self.vim.mode = Mode::Insert;
        self.vim.inserts = (count, began, self.vim.keys.len());
        self.anchor = None;
        Answer::Moved
    }

    fn vim_command_key(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let c = match key.code {
            KeyCode::Esc => return self.vim_escape(),
            KeyCode::Char('[' | 'c') if control => return self.vim_escape(),
            KeyCode::Char(c) if control != alt => return self.vim_control(c, control),
            KeyCode::Char(c) => c,
            KeyCode::Enter => '\n',
            KeyCode::Backspace => 'h',
            KeyCode::Delete => 'x',
            KeyCode::Left if !control && !alt => 'h',
            KeyCode::Right if !control && !alt => 'l',
            KeyCode::Up if !control && !alt => 'k',
            KeyCode::Down if !control && !alt => 'j',
            KeyCode::Home if !control => '0',
            KeyCode::End if !control => '$',
            KeyCode::F(3) => 'n',
            _ => {
                self.vim.pending.clear();
                let anchor = self.anchor;
                let answer = self.move_key(KeyEvent::new(key.code, key.modifiers - KeyModifiers::SHIFT));
                self.anchor = anchor.filter(|_| self.vim.visual());
                return answer;
            }
        };
        // What stands for a letter does so only where no letter is awaited.
        let letter = key.code == KeyCode::Char(c) || self.vim.pending.is_empty();
        self.vim.pending.push(if letter { c } else { '\u{1b}' });
        match parse::parse(&self.vim.pending, self.vim.visual()) {
            Parsed::More => Answer::Moved,
            Parsed::Nothing => {
                self.vim.pending.clear();
                Answer::Nothing
            }
            Parsed::Whole(command) => {
                self.vim.pending.clear();
                self.vim_command(&command)
            }
        }
    }

    fn vim_escape(&mut self) -> Answer {
        if self.vim.visual() || !self.vim.pending.is_empty() {
            self.vim.pending.clear();
            self.vim.mode = Mode::Normal;
            self.anchor = None;
            Answer::Moved
        } else if self.search.take().is_some() {
            Answer::Moved
        } else {
            Answer::Ignored
        }
    }

    fn vim_control(&mut self, c: char, control: bool) -> Answer {
        let count = parse::count(&self.vim.pending);
        let digits = self.vim.pending.chars().all(|c| c.is_ascii_digit());
        self.vim.pending.clear();
        if !control || !digits {
            return if control && "dufbreyv".contains(c) { Answer::Nothing } else { Answer::Ignored };
        }
        let (page, half) = (self.page(), self.page().div_ceil(2));
        let by = match c {
            'd' => count.unwrap_or(half) as isize,
            'u' => -(count.unwrap_or(half) as isize),
            'f' => (page * count.unwrap_or(1)) as isize,
            'b' => -((page * count.unwrap_or(1)) as isize),
            'e' => return self.scroll(count.unwrap_or(1) as isize),
            'y' => return self.scroll(-(count.unwrap_or(1) as isize)),
            'r' => return self.vim_times(count, |editor| editor.vim_undo(false)),
            _ => return Answer::Ignored,
        };
        let visual = self.vim.visual();
        self.move_lines(by, visual);
        Answer::Moved
    }

    fn vim_times(&mut self, count: Option<usize>, step: fn(&mut Self) -> Answer) -> Answer {
        let mut answer = Answer::Nothing;
        for _ in 0..count.unwrap_or(1) {
            if step(self) == Answer::Nothing {
                break;
            }
            answer = Answer::Changed;
        }
        answer
    }

    fn vim_command(&mut self, command: &Command) -> Answer {
        let count = command.count;
        if self.vim.visual()
            && let Some(answer) = self.vim_visual(command)
        {
            return answer;
        }
        match (command.op, command.target) {
            (Some(op), target) => self.vim_operate(op, target, count),
            (None, Target::Motion(motion)) => {
                let visual = self.vim.visual();
                self.vim_move(motion, count, visual)
            }
            (None, Target::Simple(c)) => self.vim_simple(c, count),
            (None, Target::Letter('z', where_to)) => {
                let line = self.cursor.line;
                let screen = self.screen_mut();
                let rows = usize::from(screen.rows);
                screen.top = match where_to {
                    't' => line,
                    'b' => (line + 1).saturating_sub(rows),
                    _ => line.saturating_sub(rows / 2),
                };
                screen.follow = true;
                Answer::Moved
            }
            (None, Target::Letter(_, with)) => self.vim_replace_letters(with, count.unwrap_or(1)),
            (None, Target::Object(..) | Target::Lines) => Answer::Nothing,
        }
    }

    /// A command while something is selected; none when it is a move.
    fn vim_visual(&mut self, command: &Command) -> Option<Answer> {
        let anchor = self.anchor?;
        let by_lines = self.vim.mode == Mode::VisualLine;
        let (from, to) = self.shown_selection()?;
        let (first, last) = (anchor.min(self.cursor).line, anchor.max(self.cursor).line);
        let op = match (command.op, command.target) {
            (Some(op), _) => op,
            (None, Target::Object(around, kind)) => {
                let (from, to, _) = self.vim_object(around, kind)?;
                self.move_to(from, false);
                let end = self.left_of(to).unwrap_or(to).max(from);
                self.move_to(end, true);
                self.anchor = Some(from);
                return Some(Answer::Moved);
            }
            (None, Target::Letter('r', with)) => {
                let text = self.document.between(from, to);
                let text = text.chars().map(|c| if c == '\n' { c } else { with }).collect();
                self.vim.mode = Mode::Normal;
                return Some(self.edit(vec![super::Edit { from, to, text }], Kind::Other, from, None));
            }
            (None, Target::Simple(c)) => match c {
                'v' | 'V' => {
                    let asked = if c == 'v' { Mode::Visual } else { Mode::VisualLine };
                    self.vim.mode = if self.vim.mode == asked { Mode::Normal } else { asked };
                    return Some(Answer::Moved);
                }
                'o' | 'O' => {
                    self.anchor = Some(self.cursor);
                    self.cursor = anchor;
                    self.screen_mut().follow = true;
                    return Some(Answer::Moved);
                }
                ':' => {
                    self.cursor = Place::new(first, 0);
                    self.anchor = None;
                    self.vim.mode = Mode::Asks(':', format!("{},{}", first + 1, last + 1));
                    return Some(Answer::Moved);
                }
                'x' => Op::Delete,
                's' => Op::Change,
                '~' => Op::Swap,
                'u' => Op::Lower,
                'U' => Op::Upper,
                'D' | 'X' | 'C' | 'S' | 'R' | 'Y' => {
                    self.vim.mode = Mode::Normal;
                    let op = match c {
                        'D' | 'X' => Op::Delete,
                        'Y' => Op::Copy,
                        _ => Op::Change,
                    };
                    return Some(self.vim_on_lines(op, first, last, 1));
                }
                'J' => {
                    self.vim.mode = Mode::Normal;
                    self.cursor = Place::new(first, 0);
                    return Some(self.vim_join((last - first).max(1)));
                }
                'p' | 'P' => {
                    let put = self.copied.clone();
                    self.vim.mode = Mode::Normal;
                    self.document.begin_group();
                    if by_lines {
                        self.vim_on_lines(Op::Delete, first, last, 1);
                    } else {
                        self.vim_on_range(Op::Delete, from, to);
                    }
                    let removed = std::mem::replace(&mut self.copied, put);
                    self.vim_put(by_lines && first > self.document.last(), 1);
                    self.document.end_group();
                    self.copied = removed;
                    return Some(Answer::Changed);
                }
                _ => return Some(Answer::Nothing),
            },
            (None, Target::Motion(_) | Target::Letter(..) | Target::Lines) => return None,
        };
        self.vim.mode = Mode::Normal;
        let times = command.count.unwrap_or(1);
        let lines = by_lines || matches!(op, Op::Indent | Op::Unindent | Op::Comment);
        Some(if lines { self.vim_on_lines(op, first, last, times) } else { self.vim_on_range(op, from, to) })
    }

    /// A command of one letter.
    fn vim_simple(&mut self, c: char, count: Option<usize>) -> Answer {
        let times = count.unwrap_or(1);
        let line = self.cursor.line;
        match c {
            'i' => self.vim_insert(c, times),
            'I' => {
                self.move_to(self.first_of(line), false);
                self.vim_insert(c, times)
            }
            'a' => {
                let byte = layout::next(self.document.line(line), self.cursor.byte);
                self.move_to(byte.map_or(self.cursor, |byte| Place::new(line, byte)), false);
                self.vim_insert(c, times)
            }
            'A' => {
                self.move_to(self.end_of(line), false);
                self.vim_insert(c, times)
            }
            'o' => {
                self.vim_insert(c, times);
                self.cursor = self.end_of(line);
                self.enter()
            }
            'O' => {
                self.vim_insert(c, times);
                let first = self.first_of(line);
                let blanks = self.document.between(Place::new(line, 0), first);
                let end = Place::new(line, blanks.len());
                let edit = super::Edit::insert(Place::new(line, 0), format!("{blanks}\n"));
                self.edit(vec![edit], Kind::Other, end, None)
            }
            'x' => self.vim_operate(Op::Delete, Target::Motion(motion::Motion::Right), count),
            'X' => self.vim_operate(Op::Delete, Target::Motion(motion::Motion::Left), count),
            's' => self.vim_operate(Op::Change, Target::Motion(motion::Motion::Right), count),
            'S' => self.vim_operate(Op::Change, Target::Lines, count),
            'Y' => self.vim_operate(Op::Copy, Target::Lines, count),
            'D' => self.vim_operate(Op::Delete, Target::Motion(motion::Motion::LineEnd), count),
            'C' => self.vim_operate(Op::Change, Target::Motion(motion::Motion::LineEnd), count),
            'J' => self.vim_join(times.saturating_sub(1).max(1)),
            '~' => self.vim_swap_letters(times),
            'p' => self.vim_put(true, times),
            'P' => self.vim_put(false, times),
            'u' => self.vim_times(count, |editor| editor.vim_undo(true)),
            '.' => self.vim_again(count),
            'v' | 'V' => {
                self.anchor = Some(self.cursor);
                self.vim.mode = if c == 'v' { Mode::Visual } else { Mode::VisualLine };
                Answer::Moved
            }
            ':' | '/' | '?' => {
                let range =
                    count.filter(|_| c == ':').map_or(String::new(), |n| format!(".,.+{}", n.saturating_sub(1)));
                self.vim.mode = Mode::Asks(c, range);
                Answer::Moved
            }
            'Z' => Answer::Command(VimCommand::SaveQuit),
            'Q' => Answer::Command(VimCommand::QuitUnsaved),
            _ => Answer::Nothing,
        }
    }

    /// `.`: the last change once more.
    fn vim_again(&mut self, count: Option<usize>) -> Answer {
        let mut keys = self.vim.last.clone();
        if let Some(count) = count {
            let digits = |key: &KeyEvent| matches!(key.code, KeyCode::Char('0'..='9'));
            let first = keys.iter().position(|key| !digits(key)).unwrap_or(0);
            let number = count.to_string();
            let typed = number.chars().map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            keys.splice(..first, typed);
            self.vim.last.clone_from(&keys);
        }
        let revision = self.revision();
        // What is inserted several times needs its keys: they are those of the change made again.
        let own = std::mem::take(&mut self.vim.keys);
        self.vim.replays = true;
        self.document.begin_group();
        for key in keys {
            self.vim.keys.push(key);
            if key.code == KeyCode::Esc && self.vim.inserts() {
                self.vim.replays = false;
                self.vim_leave_insert();
                self.vim.replays = true;
                continue;
            }
            self.vim_key(key);
        }
        self.document.end_group();
        self.vim.replays = false;
        self.vim.keys = own;
        if self.revision() == revision { Answer::Nothing } else { Answer::Changed }
    }
}

impl Vim {
    /// Whether the keys gathered are a change that `.` makes again, and not undo or `.` itself.
    fn repeatable(&self) -> bool {
        let first = self.keys.iter().find(|key| !matches!(key.code, KeyCode::Char('0'..='9')));
        let control = first.is_some_and(|key| key.modifiers.contains(KeyModifiers::CONTROL));
        !control && !first.is_some_and(|key| matches!(key.code, KeyCode::Char('u' | '.' | ':')))
    }
}
