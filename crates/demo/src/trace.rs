//! The real request traces that are replayed.
//!
//! ## Format
//! `data/README.md` of this crate, with licences and citations in the `NOTICE.md` beside each file.

use std::io::Read as _;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

/// One request of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceRequest {
    /// Microseconds since the request before; 0 for the first.
    pub(crate) gap_us: u64,
    pub(crate) input_tokens: u32,
    pub(crate) output_tokens: u32,
}

/// All traces, in the order of [`crate::workload::Workload`].
pub(crate) static TRACES: LazyLock<[Vec<TraceRequest>; 3]> = LazyLock::new(|| {
    [
        read(include_bytes!(
            "../data/azure-llm-2023/conv.first40min.csv.gz"
        )),
        read(include_bytes!(
            "../data/azure-llm-2023/code.first40min.csv.gz"
        )),
        read(include_bytes!(
            "../data/mooncake-fast25/conversation.first40min.csv.gz"
        )),
    ]
});

/// Chosen: several times the largest trace, so that a wrong file cannot take memory without bound.
const CSV_BYTES_MAX: u64 = 4 << 20;

fn read(gzip: &[u8]) -> Vec<TraceRequest> {
    let mut text = String::new();
    GzDecoder::new(gzip)
        .take(CSV_BYTES_MAX)
        .read_to_string(&mut text)
        .expect("the embedded trace is gzip of UTF-8, which the test of this module reads");
    parse(&text)
}

/// Requests that arrive in the same instant are spread evenly up to the next instant, because the
/// source rounded their times.
fn parse(text: &str) -> Vec<TraceRequest> {
    let rows: Vec<(f64, u32, u32)> = text
        .lines()
        .filter_map(|line| {
            let mut columns = line.split(',');
            let time_s: f64 = columns.next()?.parse().ok()?;
            Some((
                time_s,
                columns.next()?.parse().ok()?,
                columns.next()?.parse().ok()?,
            ))
        })
        .collect();
    let mut requests = Vec::with_capacity(rows.len());
    let mut previous_us = None;
    let mut begin = 0;
    while let Some((time_s, _, _)) = rows.get(begin) {
        let same = rows[begin..]
            .iter()
            .take_while(|row| row.0 == *time_s)
            .count();
        let next_s = rows.get(begin + same).map_or(*time_s, |row| row.0);
        let step_us = (next_s - time_s) * 1e6 / same as f64;
        for (index, row) in rows[begin..begin + same].iter().enumerate() {
            let at_us = (time_s * 1e6 + step_us * index as f64) as u64;
            let gap_us = at_us.saturating_sub(previous_us.unwrap_or(at_us));
            requests.push(TraceRequest {
                gap_us,
                input_tokens: row.1,
                output_tokens: row.2,
            });
            previous_us = Some(at_us);
        }
        begin += same;
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_traces_are_whole() {
        let counts = TRACES.each_ref().map(Vec::len);
        assert_eq!(counts, [13_927, 7_000, 7_851]);
        for trace in TRACES.iter() {
            let minutes = trace.iter().map(|request| request.gap_us).sum::<u64>() / 60_000_000;
            assert!((37..=40).contains(&minutes), "{minutes}");
            assert!(trace.iter().all(|request| request.input_tokens > 0));
        }
    }

    #[test]
    fn requests_of_one_instant_are_spread_and_bad_rows_left_out() {
        let gaps: Vec<u64> = parse("t,a,b\n0.0,1,1\n0.0,2,2\n0.0,3,3\nx,1\n3.0,4,4\n3.5,5,5\n")
            .iter()
            .map(|request| request.gap_us)
            .collect();
        assert_eq!(gaps, [0, 1_000_000, 1_000_000, 1_000_000, 500_000]);
    }
}
