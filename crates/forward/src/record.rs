//! Records of a queue: the series and samples of one write.
//!
//! ## Format
//! `docs/format/forward-queue.md`

use bellwether_codec::protobuf::{
    Cursor, ProtobufError, Writer, put_varint, zigzag_decode, zigzag_encode,
};
use bellwether_model::{Exemplar, Labels};
use bellwether_wire::histogram::{self, TimedHistogram};

/// The parts of a record while it is filled.
#[derive(Debug, Default)]
pub(crate) struct RecordBuilder {
    series: (u64, Vec<u8>),
    floats: (u64, Vec<u8>),
    histograms: (u64, Vec<u8>),
    exemplars: (u64, Vec<u8>),
    last_ms: i64,
    scratch: Vec<u8>,
}

impl RecordBuilder {
    pub(crate) fn clear(&mut self) {
        for list in [
            &mut self.series,
            &mut self.floats,
            &mut self.histograms,
            &mut self.exemplars,
        ] {
            list.0 = 0;
            list.1.clear();
        }
        self.last_ms = 0;
    }

    pub(crate) fn sample_count(&self) -> u64 {
        self.floats.0 + self.histograms.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sample_count() + self.exemplars.0 == 0
    }

    pub(crate) fn series(&mut self, id: u32, labels: &Labels) {
        self.series.0 += 1;
        put_varint(&mut self.series.1, u64::from(id));
        put_bytes(&mut self.series.1, labels.as_bytes());
    }

    pub(crate) fn float(&mut self, id: u32, time_ms: i64, start_ms: i64, value: f64) {
        let out = &mut self.floats.1;
        self.floats.0 += 1;
        put_varint(out, u64::from(id));
        put_varint(out, zigzag_encode(time_ms.wrapping_sub(self.last_ms)));
        put_varint(out, zigzag_encode(start_ms));
        out.extend_from_slice(&value.to_bits().to_le_bytes());
        self.last_ms = time_ms;
    }

    pub(crate) fn histogram(&mut self, id: u32, timed: &TimedHistogram) {
        self.histograms.0 += 1;
        put_varint(&mut self.histograms.1, u64::from(id));
        self.scratch.clear();
        let mut writer = Writer::new(&mut self.scratch);
        histogram::encode(&mut writer, timed.time_ms, timed.start_ms, &timed.histogram);
        put_bytes(&mut self.histograms.1, &self.scratch);
    }

    pub(crate) fn exemplar(&mut self, id: u32, exemplar: &Exemplar) {
        let out = &mut self.exemplars.1;
        self.exemplars.0 += 1;
        put_varint(out, u64::from(id));
        put_varint(out, zigzag_encode(exemplar.timestamp_ms));
        out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
        put_bytes(out, exemplar.labels.as_bytes());
    }

    /// Appends the payload to `out`.
    pub(crate) fn finish(&self, out: &mut Vec<u8>) {
        for (count, bytes) in [
            &self.series,
            &self.floats,
            &self.histograms,
            &self.exemplars,
        ] {
            put_varint(out, *count);
            out.extend_from_slice(bytes);
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What a record that is read is handed to.
pub(crate) trait RecordSink {
    fn series(&mut self, id: u32, labels: Labels);
    fn float(&mut self, id: u32, time_ms: i64, start_ms: i64, value: f64);
    fn histogram(&mut self, id: u32, timed: TimedHistogram);
    fn exemplar(&mut self, id: u32, exemplar: Exemplar);
}

/// Reads a payload. The text says what is wrong with it.
pub(crate) fn read(payload: &[u8], sink: &mut impl RecordSink) -> Result<(), String> {
    let text = |error: ProtobufError| error.to_string();
    let mut cursor = Cursor::new(payload);
    for _ in 0..cursor.varint().map_err(text)? {
        let id = read_id(&mut cursor)?;
        sink.series(id, read_labels(&mut cursor)?);
    }
    let mut time_ms = 0i64;
    for _ in 0..cursor.varint().map_err(text)? {
        let id = read_id(&mut cursor)?;
        time_ms = time_ms.wrapping_add(zigzag_decode(cursor.varint().map_err(text)?));
        let start_ms = zigzag_decode(cursor.varint().map_err(text)?);
        sink.float(id, time_ms, start_ms, cursor.double().map_err(text)?);
    }
    for _ in 0..cursor.varint().map_err(text)? {
        let id = read_id(&mut cursor)?;
        let message = cursor.bytes().map_err(text)?;
        sink.histogram(id, histogram::decode(message).map_err(|e| e.to_string())?);
    }
    for _ in 0..cursor.varint().map_err(text)? {
        let id = read_id(&mut cursor)?;
        let timestamp_ms = zigzag_decode(cursor.varint().map_err(text)?);
        let value = cursor.double().map_err(text)?;
        sink.exemplar(
            id,
            Exemplar {
                labels: read_labels(&mut cursor)?,
                value,
                timestamp_ms,
            },
        );
    }
    Ok(())
}

fn read_id(cursor: &mut Cursor<'_>) -> Result<u32, String> {
    let id = cursor.varint().map_err(|e| e.to_string())?;
    u32::try_from(id).map_err(|_| format!("series number {id} is out of range"))
}

fn read_labels(cursor: &mut Cursor<'_>) -> Result<Labels, String> {
    let bytes = cursor.bytes().map_err(|e| e.to_string())?;
    Labels::from_bytes(bytes).map_err(|e| e.to_string())
}
