//! Recent samples in memory, before they are written to a block.
//!
//! ## Model
//! Samples of a series stand in small blocks of eight that point back to the block before, in the
//! order in which they came. A series knows its last block only. Histograms and start timestamps
//! are rare and stand beside, by series.
//!
//! ## Limits
//! 14 bytes a sample when blocks are full. Times in one block span less than 49 days.

use bellwether_model::Histogram;
use rustc_hash::FxHashMap;

use crate::points::{PointRef, Points};

/// No block.
pub(crate) const NONE: u32 = u32::MAX;
/// Samples in a block: fewer waste room in pointers, more in blocks that are not full.
const SAMPLES: usize = 8;
/// About what a start timestamp takes.
const START_BYTES: usize = 24;
/// Blocks in a page: pages are never moved, so that growing copies nothing.
const PAGE: usize = 4_096;

#[derive(Debug, Clone, Copy)]
struct SampleBlock {
    base_ms: i64,
    previous: u32,
    len: u32,
    offsets: [u32; SAMPLES],
    values: [f64; SAMPLES],
}

/// What a memtable knew before a write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    min_ms: Option<i64>,
    max_ms: Option<i64>,
    since_ms: Option<i64>,
}

/// A histogram in memory.
#[derive(Debug, Clone)]
pub(crate) struct HistogramPoint {
    pub(crate) time_ms: i64,
    pub(crate) start_ms: i64,
    pub(crate) histogram: Histogram,
}

impl HistogramPoint {
    /// About how many bytes of memory.
    fn memory_bytes(&self) -> usize {
        let buckets = match &self.histogram {
            Histogram::Int(h) => h.positive_deltas.len() + h.negative_deltas.len(),
            Histogram::Float(h) => h.positive_buckets.len() + h.negative_buckets.len(),
        };
        300 + buckets * 8
    }
}

/// Samples of all series since the last block was written.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    pages: Vec<Vec<SampleBlock>>,
    pub(crate) histograms: FxHashMap<u32, Vec<HistogramPoint>>,
    starts: FxHashMap<u32, Vec<(i64, i64)>>,
    pub(crate) sample_count: usize,
    extra_bytes: usize,
    pub(crate) min_ms: Option<i64>,
    pub(crate) max_ms: Option<i64>,
    /// When the first sample came, by the clock.
    pub(crate) since_ms: Option<i64>,
}

impl Memtable {
    pub(crate) fn is_empty(&self) -> bool {
        self.sample_count == 0
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.pages.len() * PAGE * size_of::<SampleBlock>() + self.extra_bytes
    }

    #[inline]
    fn block(&self, number: u32) -> &SampleBlock {
        &self.pages[number as usize / PAGE][number as usize % PAGE]
    }

    fn note(&mut self, time_ms: i64, now_ms: i64) {
        self.sample_count += 1;
        self.min_ms = Some(self.min_ms.map_or(time_ms, |t| t.min(time_ms)));
        self.max_ms = Some(self.max_ms.map_or(time_ms, |t| t.max(time_ms)));
        self.since_ms.get_or_insert(now_ms);
    }

    /// Adds a float to the series whose last block is `last`.
    #[inline]
    pub(crate) fn push(&mut self, last: &mut u32, time_ms: i64, value: f64, now_ms: i64) {
        self.note(time_ms, now_ms);
        if *last != NONE {
            let block = &mut self.pages[*last as usize / PAGE][*last as usize % PAGE];
            let at = block.len as usize;
            if at < SAMPLES
                && let Ok(offset) = u32::try_from(time_ms.wrapping_sub(block.base_ms))
            {
                block.offsets[at] = offset;
                block.values[at] = value;
                block.len += 1;
                return;
            }
        }
        let mut block = SampleBlock {
            base_ms: time_ms,
            previous: *last,
            len: 1,
            offsets: [0; SAMPLES],
            values: [0.0; SAMPLES],
        };
        block.values[0] = value;
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(block),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(block);
                self.pages.push(page);
            }
        }
        let pages = self.pages.len();
        let in_last = self.pages.last().map_or(0, Vec::len);
        *last = ((pages - 1) * PAGE + in_last - 1) as u32;
    }

    /// The time of the float that came last.
    pub(crate) fn newest(&self, last: u32) -> Option<i64> {
        if last == NONE {
            return None;
        }
        let block = self.block(last);
        let offset = block.offsets[(block.len as usize).saturating_sub(1).min(SAMPLES - 1)];
        Some(block.base_ms + i64::from(offset))
    }

    /// What must be known to take a write back.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            min_ms: self.min_ms,
            max_ms: self.max_ms,
            since_ms: self.since_ms,
        }
    }

    /// Says that all samples since a mark were taken back.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        (self.min_ms, self.max_ms, self.since_ms) = (mark.min_ms, mark.max_ms, mark.since_ms);
    }

    /// Takes the newest float of a series back. Of several floats the one that came last goes
    /// first, so that their blocks are given back too: writes may fail for hours.
    pub(crate) fn pop(&mut self, series: u32, last: &mut u32) {
        let Some(time_ms) = self.newest(*last) else {
            return;
        };
        if let Some(starts) = self.starts.get_mut(&series)
            && starts.last().is_some_and(|(of_ms, _)| *of_ms == time_ms)
        {
            starts.pop();
            self.extra_bytes = self.extra_bytes.saturating_sub(START_BYTES);
            if starts.is_empty() {
                self.starts.remove(&series);
            }
        }
        self.sample_count = self.sample_count.saturating_sub(1);
        let (page_at, at) = (*last as usize / PAGE, *last as usize % PAGE);
        let block = &mut self.pages[page_at][at];
        block.len -= 1;
        if block.len > 0 {
            return;
        }
        *last = block.previous;
        if page_at + 1 == self.pages.len() && at + 1 == self.pages[page_at].len() {
            self.pages[page_at].pop();
            if at == 0 {
                self.pages.pop();
            }
        }
    }

    /// Says when the counter of a sample started.
    pub(crate) fn set_start(&mut self, series: u32, time_ms: i64, start_ms: i64) {
        self.extra_bytes += START_BYTES;
        self.starts
            .entry(series)
            .or_default()
            .push((time_ms, start_ms));
    }

    /// Adds a histogram.
    pub(crate) fn push_histogram(&mut self, series: u32, point: HistogramPoint, now_ms: i64) {
        self.note(point.time_ms, now_ms);
        self.extra_bytes += point.memory_bytes();
        self.histograms.entry(series).or_default().push(point);
    }

    /// Takes the newest histogram of a series back.
    pub(crate) fn pop_histogram(&mut self, series: u32) {
        let Some(points) = self.histograms.get_mut(&series) else {
            return;
        };
        if let Some(point) = points.pop() {
            self.sample_count = self.sample_count.saturating_sub(1);
            self.extra_bytes = self.extra_bytes.saturating_sub(point.memory_bytes());
        }
        // A series counts as one with samples while it stands here.
        if points.is_empty() {
            self.histograms.remove(&series);
        }
    }

    fn each_newest_first(&self, mut last: u32, mut take: impl FnMut(i64, f64) -> bool) {
        while last != NONE {
            let block = self.block(last);
            for at in (0..block.len as usize).rev() {
                let time_ms = block.base_ms + i64::from(block.offsets[at]);
                if take(time_ms, block.values[at]) {
                    return;
                }
            }
            last = block.previous;
        }
    }

    /// Compares the sample of a series at a time with another; `None` where there is no sample.
    pub(crate) fn compare(
        &self,
        series: u32,
        last: u32,
        time_ms: i64,
        with: PointRef<'_>,
    ) -> Option<bool> {
        let mut found = None;
        self.each_newest_first(last, |time, value| {
            if time == time_ms {
                found = Some(PointRef::Float(value).same(&with));
            }
            found.is_some()
        });
        if found.is_none()
            && let Some(points) = self.histograms.get(&series)
        {
            let point = points.iter().find(|p| p.time_ms == time_ms);
            found = point.map(|p| PointRef::Histogram(&p.histogram).same(&with));
        }
        found
    }

    /// The samples of a series, ascending, appended to `out`, which is empty.
    pub(crate) fn points_into(&self, series: u32, last: u32, out: &mut Points) {
        // The chain leads from the newest to the oldest: count first, then fill from the end.
        let mut count = 0;
        let mut block = last;
        while block != NONE {
            let of = self.block(block);
            count += of.len as usize;
            block = of.previous;
        }
        out.times_ms.resize(count, 0);
        out.values.resize(count, 0.0);
        let (mut ordered, mut newer) = (true, i64::MAX);
        let mut at = count;
        self.each_newest_first(last, |time_ms, value| {
            at -= 1;
            ordered &= time_ms < newer;
            newer = time_ms;
            out.times_ms[at] = time_ms;
            out.values[at] = value;
            false
        });
        if !ordered {
            let mut both: Vec<(i64, f64)> = out
                .times_ms
                .iter()
                .copied()
                .zip(out.values.iter().copied())
                .collect();
            both.sort_by_key(|(time_ms, _)| *time_ms);
            both.dedup_by_key(|(time_ms, _)| *time_ms);
            out.times_ms.clear();
            out.values.clear();
            for (time_ms, value) in both {
                out.times_ms.push(time_ms);
                out.values.push(value);
            }
        }
        if let Some(starts) = self.starts.get(&series) {
            out.starts_ms.resize(out.times_ms.len(), 0);
            for (time_ms, start_ms) in starts {
                if let Ok(at) = out.times_ms.binary_search(time_ms) {
                    out.starts_ms[at] = *start_ms;
                }
            }
        }
        if let Some(histograms) = self.histograms.get(&series) {
            let mut sorted: Vec<&HistogramPoint> = histograms.iter().collect();
            sorted.sort_by_key(|point| point.time_ms);
            let mut points = Points::default();
            for point in sorted {
                if points.times_ms.last() != Some(&point.time_ms) {
                    points.push_histogram(point.time_ms, point.start_ms, point.histogram.clone());
                }
            }
            out.absorb(&points);
        }
    }
}

/// A memtable that takes no more samples and is being written to a block.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) memtable: Memtable,
    /// Series and last block, ascending.
    pub(crate) series: Vec<(u32, u32)>,
    /// The log from here on holds what is not in this memtable.
    pub(crate) log_next: u64,
    /// Writes in it are newer than those with smaller numbers.
    pub(crate) sequence: u64,
}

impl Frozen {
    /// The last block of a series, or `None` where it has no samples here.
    pub(crate) fn last_of(&self, series: u32) -> Option<u32> {
        let at = self
            .series
            .binary_search_by_key(&series, |(id, _)| *id)
            .ok()?;
        Some(self.series[at].1)
    }
}
