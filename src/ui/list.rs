//! The state of one list: cursor, filter, order, marks. It knows rows, not what they mean.

use std::collections::BTreeSet;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Matcher, Utf32Str};

use super::view::{Column, Cx, Row, Rows, SortKey, Target};

/// Rows whose cells are measured for the widths of columns; beyond, they would only cost time.
const MEASURED: usize = 1000;

/// Columns whose figure is at least this go before a more useful one is cut.
const EXPENDABLE: u8 = 5;

/// What one person sees of one list.
#[derive(Debug, Default)]
pub struct ListState {
    /// The rows shown, filtered and sorted.
    pub rows: Vec<Row>,
    /// How many there are without the filter.
    pub total: usize,
    /// Widest cell of each column.
    pub widths: Vec<u16>,
    /// The selected row's place in `rows`.
    pub cursor: usize,
    /// What the cursor is on; it stays there when rows come and go.
    pub on: Option<Target>,
    /// Whether the person put the cursor where it is. Until then it stays on the first row, so that what
    /// turns up above it is selected.
    pub touched: bool,
    /// First row on screen.
    pub offset: usize,
    /// The filter's text.
    pub filter: String,
    /// Column and whether it is reversed; `None` is the view's own order.
    pub sort: Option<(usize, bool)>,
    /// Marked things.
    pub marked: BTreeSet<Target>,
    /// Folded branches.
    pub folded: BTreeSet<Target>,
}

impl ListState {
    /// Makes the rows anew from `cx` and puts the cursor back on what it was on.
    pub fn refresh(&mut self, view: &dyn Rows, cx: &Cx<'_>, matcher: &mut Matcher) {
        let none = BTreeSet::new();
        let unfolded = Cx { folded: &none, ..*cx };
        let mut rows = view.rows(if self.filter.is_empty() { cx } else { &unfolded });
        self.total = rows.len();
        if !self.filter.is_empty() {
            rows = filtered(view, cx, rows, &self.filter, matcher);
        }
        if let Some((column, reverse)) = self.sort {
            rows = sorted(rows, &|row| view.key(cx, row, column), reverse);
        }
        self.widths = view.columns().iter().enumerate().map(|(i, c)| widest(view, cx, &rows, i, c)).collect();
        self.rows = rows;
        if !self.marked.is_empty() {
            let there: BTreeSet<&Target> = self.rows.iter().map(|r| &r.target).collect();
            let filtering = !self.filter.is_empty();
            self.marked.retain(|t| filtering || there.contains(t));
        }
        // The thing may be gone: then its neighbour is selected.
        let on = self.on.as_ref().filter(|_| self.touched);
        let place = on.and_then(|on| self.rows.iter().position(|r| r.target == *on));
        self.place(place.unwrap_or(if self.touched { self.cursor } else { 0 }));
    }

    /// Puts the cursor on the row at `index`, or the last one.
    pub fn select(&mut self, index: usize) {
        self.touched = true;
        self.place(index);
    }

    fn place(&mut self, index: usize) {
        self.cursor = index.min(self.rows.len().saturating_sub(1));
        if let Some(row) = self.rows.get(self.cursor) {
            self.on = Some(row.target.clone());
        }
    }

    /// Puts the cursor on `target` now, or as soon as it shows up.
    pub fn go_to(&mut self, target: Target) {
        if let Some(index) = self.rows.iter().position(|r| r.target == target) {
            self.cursor = index;
        }
        self.touched = true;
        self.on = Some(target);
    }

    /// Moves the cursor by `by` rows.
    pub fn step(&mut self, by: isize) {
        self.select(self.cursor.saturating_add_signed(by));
    }

    /// The selected row.
    pub fn selected(&self) -> Option<&Row> {
        self.rows.get(self.cursor)
    }

    /// Keeps the cursor on screen, `height` rows high.
    pub fn scroll_into(&mut self, height: usize) {
        self.offset = scrolled(self.offset, self.cursor, self.rows.len(), height);
    }

    /// Marks the selected row or takes the mark away, and goes one down.
    pub fn toggle_mark(&mut self) {
        if let Some(row) = self.rows.get(self.cursor) {
            let target = row.target.clone();
            if !self.marked.remove(&target) {
                self.marked.insert(target);
            }
            self.step(1);
        }
    }

    /// Marks every row shown; when all are, none.
    pub fn toggle_all(&mut self) {
        if self.rows.iter().all(|r| self.marked.contains(&r.target)) {
            self.marked.clear();
        } else {
            self.marked.extend(self.rows.iter().map(|r| r.target.clone()));
        }
    }

    /// Folds or unfolds the selected branch; returns whether there was one to change.
    pub fn fold(&mut self, fold: bool) -> bool {
        match self.rows.get(self.cursor) {
            Some(Row { target, branch: Some(open), .. }) if *open == fold => {
                if fold {
                    self.folded.insert(target.clone());
                } else {
                    self.folded.remove(target);
                }
                true
            }
            _ => false,
        }
    }

    /// Goes to the row that the selected one hangs below.
    pub fn to_parent(&mut self) {
        if let Some(depth) = self.selected().map(|r| r.depth).filter(|d| *d > 0)
            && let Some(parent) = self.rows[..self.cursor].iter().rposition(|r| r.depth < depth)
        {
            self.select(parent);
        }
    }
}

/// The first row on screen so that the cursor is among the `height` that are shown, moved no further than needed.
pub fn scrolled(offset: usize, cursor: usize, rows: usize, height: usize) -> usize {
    let height = height.max(1);
    offset.min(cursor).max((cursor + 1).saturating_sub(height)).min(rows.saturating_sub(height))
}

fn widest(view: &dyn Rows, cx: &Cx<'_>, rows: &[Row], column: usize, about: &Column) -> u16 {
    let indent = |row: &Row| if column == 0 { usize::from(row.depth) * 2 } else { 0 };
    let cells = rows.iter().take(MEASURED);
    let widest = cells.map(|r| crate::text::width(&view.cell(cx, r, column).text) + indent(r)).max().unwrap_or(0);
    // A column without any content is not shown at all.
    if widest == 0 { 0 } else { widest.max(crate::text::width(about.title)).min(500) as u16 }
}

/// The rows that match, with the branches they hang on.
fn filtered(view: &dyn Rows, cx: &Cx<'_>, rows: Vec<Row>, filter: &str, matcher: &mut Matcher) -> Vec<Row> {
    let pattern = Pattern::parse(filter, CaseMatching::Smart, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut hit: Vec<bool> = rows
        .iter()
        .map(|row| {
            let words = view.words(cx, row);
            pattern.score(Utf32Str::new(&words, &mut buffer), matcher).is_some()
        })
        .collect();
    // A branch that matches shows all that hangs on it; a leaf that matches shows its branch.
    let mut above: Vec<(u8, bool)> = Vec::new();
    let matched = hit.clone();
    for i in 0..rows.len() {
        above.retain(|(depth, _)| *depth < rows[i].depth);
        hit[i] |= above.iter().any(|(_, m)| *m);
        above.push((rows[i].depth, matched[i]));
    }
    let mut needed = 0;
    for i in (0..rows.len()).rev() {
        if rows[i].depth < needed {
            hit[i] = true;
        }
        needed = if hit[i] { rows[i].depth } else { needed.min(rows[i].depth) };
    }
    rows.into_iter().zip(hit).filter_map(|(row, hit)| hit.then_some(row)).collect()
}

/// Sorts rows in preorder: siblings among each other, branches with what hangs on them.
fn sorted(rows: Vec<Row>, key: &dyn Fn(&Row) -> SortKey, reverse: bool) -> Vec<Row> {
    let Some(depth) = rows.first().map(|r| r.depth) else { return rows };
    let mut groups: Vec<(SortKey, Row, Vec<Row>)> = Vec::new();
    for row in rows {
        match groups.last_mut() {
            Some((_, _, below)) if row.depth > depth => below.push(row),
            _ => groups.push((key(&row), row, Vec::new())),
        }
    }
    groups.sort_by(|a, b| if reverse { b.0.order(&a.0) } else { a.0.order(&b.0) });
    groups.into_iter().flat_map(|(_, row, below)| std::iter::once(row).chain(sorted(below, key, reverse))).collect()
}

/// The columns that fit into `width` cells, each with its width; one cell stands between two.
pub fn fit_columns(columns: &[Column], widths: &[u16], width: u16) -> Vec<(usize, u16)> {
    let wanted = |i: usize| widths.get(i).copied().unwrap_or(0).min(columns[i].max.max(columns[i].min));
    let mut shown: Vec<usize> = (0..columns.len()).filter(|i| *i == 0 || wanted(*i) > 0).collect();
    let needed = |shown: &[usize]| -> u16 { shown.iter().map(|i| wanted(*i) + 2).sum::<u16>().saturating_sub(2) };
    while needed(&shown) > width {
        let worst = shown.iter().copied().filter(|i| columns[*i].drop > 0).max_by_key(|i| columns[*i].drop);
        let Some(worst) = worst else { break };
        // Before a column that matters is cut, one that hardly does goes whole.
        let spare: u16 = shown
            .iter()
            .skip(1)
            .filter(|i| !columns[**i].right)
            .map(|i| wanted(*i).saturating_sub(columns[*i].min))
            .sum();
        if columns[worst].drop < EXPENDABLE && needed(&shown).saturating_sub(spare) <= width {
            break;
        }
        shown.retain(|i| *i != worst);
    }
    let mut fitted: Vec<(usize, u16)> = shown.iter().map(|i| (*i, wanted(*i))).collect();
    let mut over = needed(&shown).saturating_sub(width);
    for (i, w) in fitted.iter_mut().rev().filter(|(i, _)| *i > 0 && !columns[*i].right) {
        let cut = over.min(w.saturating_sub(columns[*i].min));
        *w -= cut;
        over -= cut;
    }
    if let Some((_, first)) = fitted.first_mut() {
        *first = first.saturating_sub(over);
    }
    // What is left goes to texts that were cut, then to the last of them, so figures stay near their names.
    let used = fitted.iter().map(|(_, w)| w + 2).sum::<u16>().saturating_sub(2);
    let mut left = width.saturating_sub(used);
    for (i, w) in fitted.iter_mut().filter(|(i, _)| !columns[*i].right) {
        let more = left.min(widths.get(*i).copied().unwrap_or(0).saturating_sub(*w));
        *w += more;
        left -= more;
    }
    if let Some((_, w)) = fitted.iter_mut().rev().find(|(i, _)| !columns[*i].right) {
        *w += left;
    }
    fitted
}
