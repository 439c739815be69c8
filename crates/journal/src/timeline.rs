//! The timeline: rows of each day.

use bellwether_codec::varint::{Malformed, Reader, put, put_signed, put_string};
use bellwether_model::Labels;
use bellwether_storage::record_log::put_record;
use bellwether_storage::{StorageError, TimelineKind, TimelineQuery, TimelineRow};

use crate::day_files::{Damage, DayFiles, Days};

/// What the files' names begin with.
pub(crate) const KIND: &str = "timeline";
const ROW: u8 = 1;
/// Rows that one question gets at most, the newest. Derived: about 200 MiB.
pub const ROWS_MAX: usize = 200_000;

pub(crate) fn append(files: &mut DayFiles, rows: &[TimelineRow]) -> Result<(), StorageError> {
    files.append(
        rows,
        |row| row.time_ms,
        |out, row| {
            put_row(out, row);
            Ok(())
        },
    )
}

/// Rows that satisfy a question, newest first, and damaged places by day.
pub(crate) fn query(
    days: &Days,
    query: &TimelineQuery<'_>,
) -> Result<(Vec<TimelineRow>, Damage), StorageError> {
    let limit = match query.limit {
        0 => ROWS_MAX,
        limit => limit.min(ROWS_MAX),
    };
    let mut found: (Vec<TimelineRow>, Newest) = (Vec::new(), Newest::new(limit));
    let damage = days.read(
        &mut found,
        |(_, newest), kind, payload| {
            if kind != ROW {
                return true;
            }
            match read_row(payload) {
                Ok(row) if query.takes(&row) => newest.add(row),
                Ok(_) => {}
                Err(_) => return false,
            }
            true
        },
        |(rows, newest)| {
            let left = limit.saturating_sub(rows.len());
            let of_day = std::mem::replace(newest, Newest::new(0));
            rows.extend(of_day.into_rows().into_iter().take(left));
            *newest = Newest::new(limit.saturating_sub(rows.len()));
            rows.len() >= limit
        },
    )?;
    Ok((found.0, damage))
}

/// The newest rows of those that come, in a bounded place.
struct Newest {
    limit: usize,
    /// In the order in which they came, and some more than are wanted.
    rows: Vec<TimelineRow>,
}

impl Newest {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            rows: Vec::new(),
        }
    }

    fn add(&mut self, row: TimelineRow) {
        self.rows.push(row);
        if self.rows.len() > self.limit.saturating_mul(2).saturating_add(1_024) {
            self.cut();
        }
    }

    /// Rows mostly come in the order of their times; a stable sort keeps the order of those of the
    /// same time.
    fn cut(&mut self) {
        self.rows.sort_by_key(|row| row.time_ms);
        let more = self.rows.len().saturating_sub(self.limit);
        self.rows.drain(..more);
    }

    /// Newest first; of the same time, the later come first.
    fn into_rows(mut self) -> Vec<TimelineRow> {
        self.cut();
        self.rows.reverse();
        self.rows
    }
}

fn put_row(out: &mut Vec<u8>, row: &TimelineRow) {
    put_record(out, ROW, |out| {
        put_signed(out, row.time_ms);
        let kind = TimelineKind::ALL.iter().position(|kind| *kind == row.kind);
        out.push(kind.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX));
        put(out, row.labels.as_bytes().len() as u64);
        out.extend_from_slice(row.labels.as_bytes());
        put_string(out, &row.cause);
        put_string(out, &row.receiver);
        put_string(out, &row.group);
        put_string(out, &row.detail);
    });
}

fn read_row(payload: &[u8]) -> Result<TimelineRow, Malformed> {
    let mut reader = Reader::new(payload);
    let time_ms = reader.signed()?;
    let kind = usize::from(reader.byte()?);
    let Some(&kind) = TimelineKind::ALL.get(kind) else {
        return Err(reader.malformed("unknown kind of a row"));
    };
    let len = reader.size(reader.left())?;
    let labels = Labels::from_bytes(reader.take(len)?)
        .map_err(|_| reader.malformed("labels that are none"))?;
    Ok(TimelineRow {
        time_ms,
        kind,
        labels,
        cause: reader.string()?.to_owned(),
        receiver: reader.string()?.to_owned(),
        group: reader.string()?.to_owned(),
        detail: reader.string()?.to_owned(),
    })
}
