//! Remote-write 1.0 requests.

/// A sample of a series with the given labels.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// Sorted by name, `__name__` included.
    pub labels: &'a [(&'a str, &'a str)],
    /// In milliseconds.
    pub time_ms: i64,
    /// The value.
    pub value: f64,
}

/// The compressed request with one `TimeSeries` a sample.
#[must_use]
pub fn request(samples: &[Sample<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for sample in samples {
        let mut series = Vec::new();
        for (name, value) in sample.labels {
            let mut label = Vec::new();
            bytes_field(&mut label, 1, name.as_bytes());
            bytes_field(&mut label, 2, value.as_bytes());
            bytes_field(&mut series, 1, &label);
        }
        let mut point = vec![0x09];
        point.extend_from_slice(&sample.value.to_le_bytes());
        point.push(0x10);
        varint(&mut point, sample.time_ms as u64);
        bytes_field(&mut series, 2, &point);
        bytes_field(&mut body, 1, &series);
    }
    snap::raw::Encoder::new()
        .compress_vec(&body)
        .unwrap_or_default()
}

fn bytes_field(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
