//! Markdown as lines of a width: instructions of labs, READMEs of workspaces, answers of an assistant.
//!
//! Whoever wrote it may mean ill: control characters, nesting without end and megabytes come out harmless and short.

mod table;
#[cfg(test)]
mod tests;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::text::{clean, fit, size, width as cells};

use super::editor::{Language, coloured};
use super::panes::text::TextLine;
use super::panes::wrap::{Lead, Piece, flow};
use super::view::Tone;
use table::Table;

/// Bytes of a text that are looked at.
const MOST: usize = 256 << 10;
/// Lines that are made of it.
const MOST_LINES: usize = 5_000;
/// Lists and quotes within each other that are indented; those within them stand below them.
const DEEPEST: usize = 6;
/// Lines of code that get colours: a grammar takes its time with them.
const COLOURED: usize = 400;
/// Lays a text out. Code stands as it is and is cut where it is too long; addresses of links stand at the end.
pub fn markdown(text: &str, width: usize) -> Vec<TextLine> {
    let (shown, hidden) = match text.char_indices().map(|(at, _)| at).take_while(|at| *at <= MOST).last() {
        Some(end) if text.len() > MOST => (&text[..end], text.len() - end),
        _ => (text, 0),
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page { width: width.max(10), ..Page::default() };
    for event in Parser::new_ext(shown, options) {
        page.take(event);
        if page.lines.len() >= MOST_LINES {
            break;
        }
    }
    page.flush();
    page.addresses();
    let cut = page.lines.len() > MOST_LINES;
    page.lines.truncate(MOST_LINES);
    if hidden > 0 || cut {
        let words =
            if hidden > 0 { format!("… {} more are not shown", size(hidden as u64)) } else { "…".to_owned() };
        page.lines.push(TextLine::new(Tone::Muted, words));
    }
    page.lines
}

/// A list, an item of one, or a quote.
#[derive(Debug)]
enum Around {
    /// The number of its next item, if it has numbers.
    List(Option<u64>),
    /// What stands before its first line, until it stood there; and the cells it takes.
    Item(Option<String>, usize),
    Quote,
}

#[derive(Debug, Default)]
struct Page {
    width: usize,
    lines: Vec<TextLine>,
    around: Vec<Around>,
    /// The text of the paragraph, heading or cell that is being read.
    pieces: Vec<Piece>,
    /// What it is within: emphasis, links. The last one counts.
    tones: Vec<Tone>,
    /// The address of each link, and those that stand at the end.
    links: Vec<String>,
    addresses: Vec<String>,
    /// Language and text of the code that is being read.
    code: Option<(Language, String)>,
    coloured: usize,
    table: Option<Table>,
    html: bool,
    /// Whether an empty line belongs before the next one, and within how many quotes it stands at most.
    apart: Option<usize>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.begin(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.text(None, &text),
            },
            Event::Code(text) => self.text(Some(Tone::Text), &text),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.text(None, &text);
            }
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html),
            Event::SoftBreak => self.text(None, " "),
            Event::HardBreak => self.pieces.push((Tone::Plain, "\n".to_owned())),
            Event::Rule => {
                self.flush();
                self.space();
                let lead = self.lead();
                let taken = lead.first.iter().map(|(_, text)| cells(text)).sum::<usize>();
                let rule = "─".repeat(self.width.saturating_sub(taken).max(3));
                self.lines.extend(flow(&[(Tone::Muted, rule)], &lead, self.width));
                self.part();
            }
            Event::TaskListMarker(done) => {
                let task = if done { "✔ " } else { "○ " };
                if let Some(Around::Item(sign, wide)) = self.around.last_mut() {
                    (*sign, *wide) = (Some(task.to_owned()), cells(task));
                }
            }
        }
    }

    fn begin(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.part();
                self.tones.push(if level <= HeadingLevel::H2 { Tone::Heading } else { Tone::Strong });
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.around.push(Around::Quote);
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => language(&info),
                    CodeBlockKind::Indented => Language::Plain,
                };
                self.code = Some((language, String::new()));
            }
            Tag::HtmlBlock => self.flush(),
            Tag::List(first) => {
                self.flush();
                self.around.push(Around::List(first));
            }
            Tag::Item => {
                self.flush();
                let depth = self.around.iter().filter(|a| matches!(a, Around::List(_))).count();
                let sign = match self.around.last_mut() {
                    Some(Around::List(Some(number))) => {
                        let sign = format!("{number}. ");
                        *number = number.saturating_add(1);
                        sign
                    }
                    _ => ["• ", "◦ ", "▪ "][depth.saturating_sub(1) % 3].to_owned(),
                };
                let wide = cells(&sign);
                self.around.push(Around::Item(Some(sign), wide));
            }
            Tag::Table(alignments) => {
                self.flush();
                self.table = Some(Table::new(alignments));
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.row();
                }
            }
            Tag::Emphasis => self.tones.push(Tone::Emphasis),
            Tag::Strong => self.tones.push(Tone::Strong),
            Tag::Strikethrough => self.tones.push(Tone::Struck),
            Tag::Link { dest_url, .. } => {
                self.tones.push(Tone::Link);
                self.links.push(dest_url.into_string());
            }
            Tag::Image { dest_url, .. } => {
                self.tones.push(Tone::Link);
                self.links.push(dest_url.into_string());
                self.text(Some(Tone::Muted), "picture: ");
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.flush();
                self.part();
                self.html = false;
            }
            TagEnd::Heading(_) => {
                self.flush();
                self.tones.pop();
                self.part();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.around.pop();
                self.part();
            }
            TagEnd::CodeBlock => self.code_ended(),
            TagEnd::List(_) => {
                self.flush();
                self.around.pop();
                if !self.around.iter().any(|a| matches!(a, Around::List(_))) {
                    self.part();
                }
            }
            TagEnd::Item => {
                self.flush();
                // An item without any text has its sign all the same.
                if matches!(self.around.last(), Some(Around::Item(Some(_), _))) {
                    let lead = self.lead();
                    self.space();
                    self.lines.extend(flow(&[], &lead, self.width));
                }
                self.around.pop();
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.pieces);
                if let Some(table) = &mut self.table {
                    table.cell(cell);
                }
            }
            TagEnd::Table => self.table_ended(),
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.tones.pop()),
            TagEnd::Link | TagEnd::Image => self.link_ended(),
            _ => {}
        }
    }

    /// Text of a paragraph.
    fn text(&mut self, tone: Option<Tone>, text: &str) {
        let around = self.tones.last().copied().unwrap_or_default();
        // Code in a heading or a link is part of it.
        let tone = tone.filter(|_| !matches!(around, Tone::Heading | Tone::Link)).unwrap_or(around);
        let text = text.replace(['\n', '\t'], " ");
        let twice = self.pieces.last().is_some_and(|(_, last)| last.ends_with(' '));
        let text = if twice { text.trim_start() } else { &text };
        match self.pieces.last_mut().filter(|(last, _)| *last == tone) {
            Some((_, last)) => last.push_str(text),
            None => self.pieces.push((tone, text.to_owned())),
        }
    }

    /// HTML stands as it was written, but for comments and the one that breaks lines.
    fn html(&mut self, html: &str) {
        let text = html.trim();
        if matches!(text, "<br>" | "<br/>" | "<br />") {
            return self.pieces.push((Tone::Plain, "\n".to_owned()));
        }
        let begins = text.starts_with("<!--");
        if !(self.html || begins) {
            let html = html.to_owned();
            self.text(Some(Tone::Muted), &html);
        }
        self.html = (self.html || begins) && !text.ends_with("-->");
    }

    fn link_ended(&mut self) {
        self.tones.pop();
        let Some(address) = self.links.pop() else { return };
        let shown = self.pieces.last().is_some_and(|(_, text)| text.ends_with(address.trim_start_matches("mailto:")));
        if address.is_empty() || address.starts_with('#') || shown {
            return;
        }
        let at = self.addresses.iter().position(|a| *a == address).unwrap_or_else(|| {
            self.addresses.push(address);
            self.addresses.len() - 1
        });
        self.pieces.push((Tone::Muted, format!("[{}]", at + 1)));
    }

    /// What stands before the lines of a paragraph here. The signs of items are used up by it.
    fn lead(&mut self) -> Lead {
        let mut lead = Lead::default();
        let most = self.width / 2;
        let (mut used, mut depth) = (0, 0);
        for around in &mut self.around {
            let (sign, wide) = match around {
                Around::List(_) => continue,
                Around::Item(sign, wide) => (sign.take(), *wide),
                Around::Quote => (Some("▏ ".to_owned()), 2),
            };
            depth += 1;
            if depth > DEEPEST || used + wide > most {
                continue;
            }
            used += wide;
            let blank = || " ".repeat(wide);
            let rest = if matches!(around, Around::Quote) { "▏ ".to_owned() } else { blank() };
            lead.first.push((Tone::Muted, sign.unwrap_or_else(blank)));
            lead.rest.push((Tone::Muted, rest));
        }
        lead
    }

    /// How many quotes everything here is within.
    fn quotes(&self) -> usize {
        self.around.iter().take_while(|a| matches!(a, Around::Quote)).take(DEEPEST).count()
    }

    /// An empty line belongs before whatever comes next.
    fn part(&mut self) {
        self.apart = Some(self.quotes());
    }

    /// An empty line, where one belongs.
    fn space(&mut self) {
        let Some(quotes) = self.apart.take().filter(|_| !self.lines.is_empty()) else { return };
        let quotes = quotes.min(self.quotes()).min(self.width / 4);
        self.lines.push(if quotes == 0 {
            TextLine::blank()
        } else {
            TextLine::new(Tone::Muted, "▏ ".repeat(quotes).trim_end())
        });
    }

    /// What was read becomes lines.
    fn flush(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        if pieces.iter().all(|(_, text)| text.trim().is_empty()) {
            return;
        }
        self.space();
        let lead = self.lead();
        self.lines.extend(flow(&pieces, &lead, self.width));
    }

    fn code_ended(&mut self) {
        let Some((language, code)) = self.code.take() else { return };
        self.space();
        let lead = self.lead();
        let lines: Vec<String> = code.lines().map(|line| clean(&line.replace('\t', "    ")).into_owned()).collect();
        let some = lines.len().min(COLOURED.saturating_sub(self.coloured));
        self.coloured += some;
        let mut colours = coloured(language, &lines[..some]).into_iter();
        for (n, line) in lines.iter().take(MOST_LINES).enumerate() {
            let mut shown = TextLine::default();
            for (tone, text) in if n == 0 { &lead.first } else { &lead.rest } {
                shown.push(*tone, text);
            }
            shown.push(Tone::Muted, "│ ");
            let room = self.width.saturating_sub(cells(&shown.text())).max(4);
            let pieces = colours.next().unwrap_or_else(|| vec![(Tone::Plain, line.clone())]);
            cut(&mut shown, pieces, room);
            self.lines.push(shown);
        }
        self.part();
    }

    fn table_ended(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.space();
        let lead = self.lead();
        let taken: usize = lead.rest.iter().map(|(_, text)| cells(text)).sum();
        for (n, line) in table.lines(self.width.saturating_sub(taken)).into_iter().enumerate() {
            let mut shown = TextLine::default();
            for (tone, text) in if n == 0 { &lead.first } else { &lead.rest } {
                shown.push(*tone, text);
            }
            shown.pieces.extend(line.pieces);
            self.lines.push(shown);
        }
        self.part();
    }

    /// The addresses of the links, as they are numbered in the text.
    fn addresses(&mut self) {
        for (n, address) in std::mem::take(&mut self.addresses).into_iter().enumerate() {
            if n == 0 && !self.lines.is_empty() {
                self.lines.push(TextLine::blank());
            }
            let sign = format!("[{}] ", n + 1);
            let rest = " ".repeat(cells(&sign));
            let lead = Lead { first: vec![(Tone::Muted, sign)], rest: vec![(Tone::Muted, rest)] };
            self.lines.extend(flow(&[(Tone::Muted, address)], &lead, self.width));
        }
    }
}

/// What code is written in, by the word at its fence.
fn language(info: &str) -> Language {
    let word = info.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "" => Language::Plain,
        "shell" | "console" | "terminal" => Language::Shell,
        "docker" | "containerfile" => Language::Dockerfile,
        "python" | "python3" => Language::Python,
        word => Language::of(&format!("code.{word}"), ""),
    }
}

/// Adds pieces up to a width, with a mark where something is missing.
fn cut(line: &mut TextLine, pieces: Vec<Piece>, mut room: usize) {
    for (tone, text) in pieces {
        let wide = cells(&text);
        if wide > room {
            return line.push(tone, fit(&text, room));
        }
        room -= wide;
        line.push(tone, text);
        if room == 0 {
            return;
        }
    }
}
