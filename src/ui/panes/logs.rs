//! The log pane: what is shown of a log or of several merged, and where one stands in it.
//!
//! The view hangs on its last line. While it follows, that is the newest one there is; else it stays
//! where it is, whatever arrives.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Logs;
use crate::engine::model::Container;
use crate::engine::{EngineError, ErrorKind};
use crate::logs::{Direction, FollowAsk, Held, LogBuffer, LogEvent, Mark, Page, Pos, Query, Source, plain};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::detail::Tab;
pub use crate::ui::log_task::{LogAnswer, LogOrder, Wanted};
use crate::ui::message::Effect;
use crate::ui::view::{Target, Tone};

/// Bytes of a page of older or newer lines.
const PAGE: usize = 4 << 20;
/// Lines left above or below the screen when the next page is asked for.
const NEAR: i64 = 200;

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::ui) enum Times {
    None,
    #[default]
    Clock,
    Full,
}

/// What is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui) enum Loading {
    Older,
    Newer,
    First,
}

/// One person's log pane.
#[derive(Debug, Default)]
pub struct LogPane {
    /// Counts the logs opened; answers about others are dropped.
    pub(in crate::ui) turn: u64,
    /// What was asked to be open.
    pub(in crate::ui) wanted: Vec<Wanted>,
    /// What is open, once it is known how to read it.
    pub(in crate::ui) sources: Vec<Source>,
    pub(in crate::ui) buffer: LogBuffer,
    /// Whether the newest line stays on screen.
    pub(in crate::ui) follow: bool,
    /// The last line on screen, while not following.
    pub(in crate::ui) last: Pos,
    pub(in crate::ui) query: Option<Query>,
    /// The match one stands on.
    pub(in crate::ui) hit: Option<Pos>,
    /// Whether the last search found nothing.
    pub(in crate::ui) missed: bool,
    pub(in crate::ui) only: bool,
    /// All matches up to `filtered`, while only they are shown.
    pub(in crate::ui) hits: Vec<Pos>,
    pub(in crate::ui) filtered: Pos,
    pub(in crate::ui) filtering: bool,
    pub(in crate::ui) wrap: bool,
    pub(in crate::ui) times: Times,
    pub(in crate::ui) pretty: bool,
    pub(in crate::ui) ask: FollowAsk,
    pub(in crate::ui) since: String,
    pub(in crate::ui) tail: u64,
    pub(in crate::ui) loading: Option<Loading>,
    pub(in crate::ui) backlog: bool,
    pub(in crate::ui) ended: Vec<bool>,
    pub(in crate::ui) error: Option<EngineError>,
}

impl LogPane {
    /// Takes the config's wishes over.
    pub fn configure(&mut self, config: &Logs) {
        self.buffer = LogBuffer::new(usize::try_from(config.budget.0).unwrap_or(LogBuffer::BUDGET));
        self.wrap = config.wrap;
        self.times = if config.timestamps { Times::Clock } else { Times::None };
        self.tail = u64::from(config.tail);
        self.since = config.since.map_or(String::new(), |p| p.to_string());
    }

    /// What is searched for.
    pub fn query(&self) -> &str {
        self.query.as_ref().map_or("", Query::text)
    }

    /// What is followed.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// A name for what is followed, for files.
    pub fn title(&self) -> String {
        self.wanted.iter().take(3).map(|w| &*w.name).collect::<Vec<_>>().join("-")
    }

    /// What became of the search, in words.
    pub fn search_words(&self) -> String {
        match &self.query {
            Some(query) if query.error().is_some() => "taken literally".to_owned(),
            Some(_) if self.missed => "no match".to_owned(),
            Some(_) if self.only => crate::text::count(self.hits.len(), "line"),
            _ => String::new(),
        }
    }

    /// Where one is, in words, for the lower border.
    pub fn place_words(&self, app: &App) -> String {
        let lines = thousands(self.buffer.len());
        let mut words = Vec::new();
        match self.loading {
            Some(Loading::Older | Loading::First) => words.push("reading older lines…".to_owned()),
            Some(Loading::Newer) => words.push("reading newer lines…".to_owned()),
            None => {}
        }
        if self.only {
            words.push("only matches".to_owned());
        }
        if !self.since.is_empty() {
            words.push(format!("since {}", self.since));
        }
        if self.follow && self.ended.iter().any(|e| !e) {
            words.push("following".to_owned());
        } else if !self.follow {
            words.push(if self.buffer.at_tail() { "stands still".to_owned() } else { "an older part".to_owned() });
        }
        if self.buffer.dropped_oldest() > 0 && self.buffer.at_tail() {
            words.push(format!("{lines} lines kept"));
        } else if !self.buffer.is_empty() {
            words.push(format!("{lines} lines"));
        }
        words.join(&format!(" {} ", app.settings.symbols.dot))
    }

    fn is_open_for(&self, wanted: &[Wanted]) -> bool {
        self.wanted.len() == wanted.len() && self.wanted.iter().zip(wanted).all(|(a, b)| a.id == b.id)
    }

    fn held(&self) -> Vec<Held> {
        (0..self.sources.len()).map(|n| self.buffer.held(n as u16)).collect()
    }

    fn marks(&self) -> Vec<Option<Mark>> {
        self.held().into_iter().map(|h| h.newest).collect()
    }

    /// The position `by` shown lines from `from`, within what is held.
    pub(in crate::ui) fn step(&self, from: Pos, by: i64) -> Pos {
        let (first, end) = (self.buffer.first().0, self.buffer.end().0);
        if !self.only {
            return Pos((from.0 + by).clamp(first, (end - 1).max(first)));
        }
        let here = self.hits.partition_point(|p| *p < from) as i64;
        let there = (here + by).clamp(0, (self.hits.len() as i64 - 1).max(0));
        self.hits.get(there as usize).copied().unwrap_or(Pos(first))
    }

    /// The last line on screen.
    pub(in crate::ui) fn bottom(&self) -> Pos {
        if self.follow {
            if self.only { self.hits.last().copied().unwrap_or(Pos(i64::MIN)) } else { Pos(self.buffer.end().0 - 1) }
        } else {
            self.last
        }
    }

    /// Shown lines from `pos` upwards.
    pub(in crate::ui) fn upwards(&self, pos: Pos) -> Box<dyn Iterator<Item = Pos> + '_> {
        if self.only {
            let n = self.hits.partition_point(|p| *p <= pos);
            Box::new(self.hits[..n].iter().rev().copied())
        } else {
            let first = self.buffer.first().0;
            Box::new((first..=pos.0).rev().map(Pos))
        }
    }
}

impl App {
    /// Opens the logs of `containers`, unless they are open already.
    pub(in crate::ui) fn open_logs(&mut self, containers: &[Arc<Container>]) {
        let several = containers.len() > 1;
        let name = |c: &Container| -> Arc<str> {
            // Within one stack the services' names tell enough.
            let one_stack = containers.iter().all(|o| o.stack().is_some() && o.stack() == c.stack());
            let alone = containers.iter().filter(|o| o.service() == c.service()).count() == 1;
            match c.service() {
                Some(service) if several && one_stack && alone => service.into(),
                _ => c.name.as_str().into(),
            }
        };
        let wanted: Vec<Wanted> = containers
            .iter()
            .map(|c| Wanted { id: c.id.clone(), name: name(c), tty: c.detail.as_ref().map(|d| d.tty) })
            .collect();
        let pane = &mut self.detail.logs;
        if pane.is_open_for(&wanted) {
            return;
        }
        pane.turn += 1;
        pane.ended = vec![false; wanted.len()];
        pane.wanted.clone_from(&wanted);
        pane.sources.clear();
        pane.buffer.clear();
        pane.hits.clear();
        pane.filtered = pane.buffer.end();
        (pane.hit, pane.missed, pane.loading, pane.error, pane.backlog, pane.filtering) =
            (None, false, None, None, false, false);
        pane.follow = true;
        if wanted.is_empty() {
            self.out.push(Effect::Logs(LogOrder::Close));
            return;
        }
        let ask = match self.since_ask() {
            Ok(ask) => ask,
            Err(_) => FollowAsk { tail: Some(self.detail.logs.tail), ..FollowAsk::default() },
        };
        self.detail.logs.ask = ask;
        self.out.push(Effect::Logs(LogOrder::Open(self.detail.logs.turn, wanted, ask, Vec::new())));
    }

    /// Stops following.
    pub(in crate::ui) fn close_logs(&mut self) {
        if !self.detail.logs.wanted.is_empty() {
            self.detail.logs.wanted.clear();
            self.detail.logs.turn += 1;
            self.out.push(Effect::Logs(LogOrder::Close));
        }
    }

    /// Takes an answer in.
    pub(in crate::ui) fn log_answer(&mut self, answer: LogAnswer) {
        if answer.about() != self.detail.logs.turn {
            return;
        }
        let height = i64::from(self.areas().inside.height);
        let pane = &mut self.detail.logs;
        match answer {
            LogAnswer::Opened(_, sources) => pane.sources = sources,
            LogAnswer::Failed(_, error) => pane.error = Some(error),
            LogAnswer::Event(_, LogEvent::Chunk(chunk)) => {
                pane.buffer.append(chunk);
                self.filter_on();
            }
            LogAnswer::Event(_, LogEvent::BacklogDone) => {
                pane.backlog = true;
                // A short log is whole when fewer lines came than were asked for.
                if pane.ask.tail.is_some_and(|t| (pane.buffer.len() as u64) < t)
                    && pane.ask.since.is_none()
                    && pane.buffer.dropped_oldest() == 0
                {
                    pane.buffer.mark_head();
                }
            }
            LogAnswer::Event(_, LogEvent::Ended { source }) => {
                if let Some(ended) = pane.ended.get_mut(usize::from(source)) {
                    *ended = true;
                }
            }
            LogAnswer::Event(_, LogEvent::Failed { source, error }) => {
                if let Some(ended) = pane.ended.get_mut(usize::from(source)) {
                    *ended = true;
                }
                // A container that is gone has no log any more; what was read of it stays.
                if error.kind != ErrorKind::NotFound || pane.buffer.is_empty() {
                    pane.error = Some(error);
                }
            }
            LogAnswer::Older(_, result) => {
                pane.loading = None;
                match result {
                    Ok(page) => {
                        pane.buffer.prepend_page(page);
                        self.filter_anew();
                    }
                    Err(e) => self.tell(Tone::Bad, e.to_string()),
                }
            }
            LogAnswer::Newer(_, result) => {
                pane.loading = None;
                match result {
                    Ok(page) => self.take_newer(page),
                    Err(e) => self.tell(Tone::Bad, e.to_string()),
                }
            }
            LogAnswer::First(_, result) => {
                pane.loading = None;
                match result {
                    Ok(page) => {
                        pane.buffer.start_at_head(page);
                        pane.follow = false;
                        pane.last = Pos((pane.buffer.first().0 + height - 1).min(pane.buffer.end().0 - 1));
                        self.out.push(Effect::Logs(LogOrder::Close));
                        self.filter_anew();
                    }
                    Err(e) => self.tell(Tone::Bad, e.to_string()),
                }
            }
            LogAnswer::Found(_, found, direction) => self.log_found(found, direction),
            LogAnswer::Filtered(_, hits, end) => {
                pane.filtering = false;
                if pane.only {
                    pane.hits.extend(hits);
                    pane.filtered = end;
                    self.filter_on();
                }
            }
        }
    }

    /// A page below what is held; once it is the last, following goes on from there.
    fn take_newer(&mut self, page: Page) {
        let pane = &mut self.detail.logs;
        let complete = page.complete;
        pane.buffer.append_page(page);
        if complete {
            let (wanted, marks) = (pane.wanted.clone(), pane.marks());
            let order = LogOrder::Open(pane.turn, wanted, FollowAsk::default(), marks);
            self.out.push(Effect::Logs(order));
        }
        self.filter_anew();
    }

    /// A container that is followed runs again: its log goes on.
    pub(in crate::ui) fn reopen_logs(&mut self) {
        let pane = &mut self.detail.logs;
        for (n, ended) in pane.ended.iter_mut().enumerate() {
            let runs =
                pane.wanted.get(n).and_then(|w| self.snap.containers.get(&w.id)).is_some_and(|c| c.state.is_up());
            if *ended && runs && pane.buffer.at_tail() {
                *ended = false;
                self.out.push(Effect::Logs(LogOrder::Resume(n as u16, None)));
            }
        }
        // A stack that is open may have got new containers, or lost some.
        if self.detail.tab == Some(Tab::Logs)
            && let Some(target @ (Target::Stack(_) | Target::Service(..))) = self.detail.target.clone()
        {
            let containers = self.containers_of(&target);
            if !containers.is_empty() && !self.detail.logs.wanted.is_empty() {
                self.open_logs(&containers);
            }
        }
    }

    /// Scrolls by lines, downwards when positive.
    pub(in crate::ui) fn scroll_logs(&mut self, by: isize) {
        let height = i64::from(self.areas().inside.height);
        let pane = &mut self.detail.logs;
        if pane.buffer.is_empty() {
            return;
        }
        let from = pane.bottom();
        let newest = pane.step(Pos(pane.buffer.end().0), i64::MAX / 4);
        // At least a screen stays full where lines do not wrap.
        let least =
            if pane.wrap || pane.pretty { pane.buffer.first() } else { pane.step(pane.buffer.first(), height - 1) };
        let to = pane.step(from, by as i64).max(least.min(newest));
        pane.last = to;
        pane.follow = by > 0 && to >= newest && pane.buffer.at_tail();
        self.want_pages();
    }

    /// Asks for the next page when the screen comes near the end of what is held.
    fn want_pages(&mut self) {
        let height = i64::from(self.areas().inside.height);
        let pane = &mut self.detail.logs;
        if pane.loading.is_some() || pane.sources.is_empty() {
            return;
        }
        let at = if pane.only { Pos(pane.buffer.first().0 + NEAR + height) } else { pane.bottom() };
        if at.0 - height - NEAR < pane.buffer.first().0 && !pane.buffer.at_head() && pane.backlog {
            pane.loading = Some(Loading::Older);
            let order = LogOrder::Older(pane.turn, pane.sources.clone(), pane.held(), PAGE);
            self.out.push(Effect::Logs(order));
        } else if at.0 + NEAR > pane.buffer.end().0 && !pane.buffer.at_tail() {
            pane.loading = Some(Loading::Newer);
            let order = LogOrder::Newer(pane.turn, pane.sources.clone(), pane.held(), PAGE);
            self.out.push(Effect::Logs(order));
        }
    }

    /// Goes to the first line there is, or to the newest.
    pub(in crate::ui) fn logs_end(&mut self, first: bool) {
        let height = i64::from(self.areas().inside.height);
        let pane = &mut self.detail.logs;
        if first {
            if pane.buffer.at_head() || pane.sources.is_empty() {
                pane.follow = false;
                let from = pane.step(pane.buffer.first(), 0);
                pane.last = pane.step(from, height - 1);
            } else if pane.loading.is_none() {
                pane.loading = Some(Loading::First);
                let order = LogOrder::First(pane.turn, pane.sources.clone(), pane.ask.since, PAGE * 2);
                self.out.push(Effect::Logs(order));
            }
        } else if pane.buffer.at_tail() {
            pane.follow = true;
        } else {
            self.open_again();
        }
    }

    /// Reads the newest lines afresh.
    fn open_again(&mut self) {
        let wanted = std::mem::take(&mut self.detail.logs.wanted);
        let containers: Vec<_> = wanted.iter().filter_map(|w| self.snap.containers.get(&w.id)).cloned().collect();
        self.open_logs(&containers);
    }

    /// Toggles of the log pane.
    pub(in crate::ui) fn log_action(&mut self, action: &Action) {
        let pane = &mut self.detail.logs;
        match action {
            Action::Follow => {
                if pane.follow {
                    pane.last = pane.bottom();
                    pane.follow = false;
                } else {
                    self.logs_end(false);
                }
            }
            Action::Wrap => pane.wrap = !pane.wrap,
            Action::Timestamps => {
                pane.times = match pane.times {
                    Times::None => Times::Clock,
                    Times::Clock => Times::Full,
                    Times::Full => Times::None,
                }
            }
            Action::Pretty => pane.pretty = !pane.pretty,
            Action::OnlyMatches => {
                if pane.query.is_none() {
                    return self.tell(Tone::Muted, "search first (/); then only the lines that match can be shown");
                }
                pane.only = !pane.only;
                self.filter_anew();
            }
            _ => {}
        }
    }

    /// Searches as one types: the newest match at or above the last line shown, else the first below.
    pub(in crate::ui) fn search_logs(&mut self, text: &str) {
        let pane = &mut self.detail.logs;
        (pane.hit, pane.missed) = (None, false);
        if text.is_empty() {
            pane.query = None;
            if std::mem::take(&mut pane.only) {
                self.filter_anew();
            }
            return;
        }
        let query = Query::new(text);
        pane.query = Some(query.clone());
        if pane.only {
            return self.filter_anew();
        }
        let from = Pos(pane.bottom().0 + 1);
        let order = LogOrder::Find(pane.turn, pane.buffer.snapshot(), Box::new(query), from, Direction::Backward);
        self.out.push(Effect::Logs(order));
    }

    /// Goes to the next match downwards, or upwards.
    pub(in crate::ui) fn find_in_logs(&mut self, down: bool) {
        let pane = &self.detail.logs;
        let Some(query) = pane.query.clone() else {
            return self.tell(Tone::Muted, "nothing is searched for; / searches");
        };
        let direction = if down { Direction::Forward } else { Direction::Backward };
        let from = pane.hit.unwrap_or_else(|| pane.bottom());
        let order = LogOrder::Find(pane.turn, pane.buffer.snapshot(), Box::new(query), from, direction);
        self.out.push(Effect::Logs(order));
    }

    fn log_found(&mut self, found: Option<Pos>, direction: Direction) {
        let height = i64::from(self.areas().inside.height);
        let pane = &mut self.detail.logs;
        match found {
            Some(pos) => {
                let bottom = pane.bottom();
                pane.hit = Some(pos);
                pane.missed = false;
                let visible = pos <= bottom && pos.0 > bottom.0 - height;
                if !visible {
                    pane.last = Pos((pos.0 + height / 3).min(pane.buffer.end().0 - 1));
                    pane.follow = false;
                } else if pos.0 < bottom.0 - height + 2 || !pane.follow {
                    pane.last = bottom;
                }
            }
            // Nothing at or above what is shown: then the first one below.
            None if pane.hit.is_none() && direction == Direction::Backward => self.find_in_logs(true),
            None if pane.hit.is_none() => {
                pane.missed = true;
                // Older lines may have it.
                if !pane.buffer.at_head() {
                    self.tell(Tone::Muted, "not in the lines held; g reads from the first line");
                }
            }
            None => {
                let words = if direction == Direction::Forward {
                    "no match further down; N looks up"
                } else {
                    "no match further up; n looks down"
                };
                self.tell(Tone::Muted, words);
            }
        }
    }

    /// Takes the search back; returns whether there was one.
    pub(in crate::ui) fn clear_log_search(&mut self) -> bool {
        let had = self.detail.logs.query.is_some();
        self.search_logs("");
        had
    }

    /// Looks for matches among all lines held.
    fn filter_anew(&mut self) {
        let pane = &mut self.detail.logs;
        pane.hits.clear();
        pane.filtered = pane.buffer.first();
        pane.filtering = false;
        self.filter_on();
    }

    /// Looks for matches among the lines that came since.
    fn filter_on(&mut self) {
        let pane = &mut self.detail.logs;
        let end = pane.buffer.end();
        let (Some(query), true, false) = (&pane.query, pane.only, pane.filtering) else { return };
        let first = pane.buffer.first();
        let gone = pane.hits.partition_point(|p| *p < first);
        pane.hits.drain(..gone);
        if pane.filtered >= end {
            return;
        }
        pane.filtering = true;
        let order = LogOrder::Filter(pane.turn, pane.buffer.snapshot(), Box::new(query.clone()), pane.filtered, end);
        self.out.push(Effect::Logs(order));
    }

    /// Which lines to begin with: a span of time, or the newest.
    fn since_ask(&self) -> Result<FollowAsk, String> {
        let text = self.detail.logs.since.trim();
        let tail = Some(self.detail.logs.tail);
        if text.is_empty() {
            return Ok(FollowAsk { tail, ..FollowAsk::default() });
        }
        let ago = |text: &str| -> Result<Timestamp, String> {
            if let Ok(time) = text.parse::<Timestamp>() {
                return Ok(time);
            }
            let period: crate::config::Period = text.parse().map_err(|e| format!("{e}"))?;
            self.now
                .checked_sub(jiff::SignedDuration::try_from(period.0).unwrap_or_default())
                .map_err(|e| e.to_string())
        };
        match text.split_once("..") {
            Some((from, to)) => {
                Ok(FollowAsk { tail: None, since: Some(ago(from.trim())?), until: Some(ago(to.trim())?) })
            }
            None => Ok(FollowAsk { tail: None, since: Some(ago(text)?), until: None }),
        }
    }

    /// Shows only a span of time.
    pub(in crate::ui) fn logs_since(&mut self, text: &str) -> Result<(), String> {
        let before = std::mem::replace(&mut self.detail.logs.since, text.to_owned());
        if let Err(why) = self.since_ask() {
            self.detail.logs.since = before;
            return Err(why);
        }
        self.open_again();
        Ok(())
    }

    /// The match one stands on, or what is on screen.
    pub(in crate::ui) fn log_copy(&self) -> Option<String> {
        let pane = &self.detail.logs;
        let text = |pos: Pos| pane.buffer.line(pos).map(|l| plain(&l).into_owned());
        if let Some(hit) = pane.hit {
            return text(hit);
        }
        let height = usize::from(self.areas().inside.height);
        let mut lines: Vec<String> = pane.upwards(pane.bottom()).take(height).filter_map(text).collect();
        lines.reverse();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// A number with a thin mark between thousands: `2.1k` from ten thousand on.
fn thousands(n: usize) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{:.1}k", n as f64 / 1000.0),
        _ => format!("{:.1}M", n as f64 / 1_000_000.0),
    }
}
