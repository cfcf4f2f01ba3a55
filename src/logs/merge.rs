//! Several logs into one, by time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::chunk::{Builder, Chunk, Line};

/// Text of a merged chunk.
const FULL: usize = 64 << 10;

/// All lines of `queues` (one a source) whose time is `within`, in the order of time. The lines of one
/// source stay in its own order even where its times go back; sources with the same time take turns
/// by their number, so that the same logs always give the same order.
pub(super) fn merge(queues: Vec<VecDeque<Arc<Chunk>>>, within: &RangeInclusive<i64>) -> Vec<Arc<Chunk>> {
    let all = *within == (i64::MIN..=i64::MAX);
    let mut queues: Vec<_> = queues.into_iter().filter(|queue| !queue.is_empty()).collect();
    if all && queues.len() < 2 {
        return queues.pop().map(Vec::from).unwrap_or_default();
    }
    let mut cursors: Vec<Cursor> = queues.into_iter().map(|chunks| Cursor { chunks, at: 0, time: i64::MIN }).collect();
    let mut heads: BinaryHeap<Reverse<(i64, usize)>> =
        cursors.iter_mut().enumerate().filter_map(|(n, cursor)| Some(Reverse((cursor.head()?, n)))).collect();
    let mut merged = Vec::new();
    let mut builder = Builder::default();
    while let Some(Reverse((_, n))) = heads.pop() {
        let next = heads.peek().map(|Reverse(next)| *next);
        let cursor = &mut cursors[n];
        // As long as this source is first it goes on without the heap.
        while let Some(time) = cursor.head() {
            if next.is_some_and(|next| next < (time, n)) {
                heads.push(Reverse((time, n)));
                break;
            }
            if let Some(line) = cursor.line().filter(|line| within.contains(&line.nanos)) {
                builder.push(&line);
            }
            cursor.at += 1;
            if builder.text_len() >= FULL {
                merged.extend(builder.take());
            }
        }
    }
    merged.extend(builder.take());
    merged
}

struct Cursor {
    chunks: VecDeque<Arc<Chunk>>,
    at: usize,
    /// The latest time so far: a line that goes back in time counts as written then.
    time: i64,
}

impl Cursor {
    fn head(&mut self) -> Option<i64> {
        while self.chunks.front().is_some_and(|chunk| self.at >= chunk.len()) {
            self.chunks.pop_front();
            self.at = 0;
        }
        self.time = self.time.max(self.line()?.nanos);
        Some(self.time)
    }

    fn line(&self) -> Option<Line<'_>> {
        self.chunks.front()?.line(self.at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::chunk::Flags;
    use super::*;

    fn queue(source: u16, times: &[i64], split: usize) -> VecDeque<Arc<Chunk>> {
        let mut queue = VecDeque::new();
        let mut builder = Builder::default();
        for (n, nanos) in times.iter().enumerate() {
            let text = n.to_string();
            builder.push(&Line { text: &text, nanos: *nanos, source, dropped: 0, flags: Flags::default() });
            if n % split == 0 {
                queue.extend(builder.take());
            }
        }
        queue.extend(builder.take());
        queue
    }

    proptest! {
        #[test]
        fn merged_logs_are_in_time_order_and_complete(
            mut logs in prop::collection::vec(prop::collection::vec(0_i64..50, 0..60), 0..6),
            split in 1_usize..9,
            low in 0_i64..30,
        ) {
            for log in &mut logs {
                log.sort_unstable();
            }
            let queues = || logs.iter().enumerate().map(|(n, log)| queue(n as u16, log, split)).collect::<Vec<_>>();
            for within in [i64::MIN..=i64::MAX, low..=40] {
                let merged = merge(queues(), &within);
                let lines: Vec<_> = merged.iter().flat_map(|chunk| chunk.lines()).collect();
                let wanted = logs.iter().flatten().filter(|time| within.contains(time)).count();
                prop_assert_eq!(lines.len(), wanted);
                prop_assert!(lines.is_sorted_by_key(|line| (line.nanos, line.source)));
                for n in 0..logs.len() {
                    let own: Vec<usize> = lines.iter().filter(|line| usize::from(line.source) == n).map(|line| line.text.parse().unwrap()).collect();
                    prop_assert!(own.is_sorted());
                }
            }
        }

        #[test]
        fn a_source_keeps_its_own_order(log in prop::collection::vec(0_i64..50, 0..60), other in prop::collection::vec(0_i64..50, 0..9)) {
            let merged = merge(vec![queue(0, &log, 4), queue(1, &other, 4)], &(i64::MIN..=i64::MAX));
            let own: Vec<usize> = merged.iter().flat_map(|chunk| chunk.lines()).filter(|line| line.source == 0).map(|line| line.text.parse().unwrap()).collect();
            prop_assert_eq!(own, (0..log.len()).collect::<Vec<_>>());
        }
    }
}
