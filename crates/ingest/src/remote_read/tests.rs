use bellwether_codec::protobuf::{Cursor, zigzag_decode};
use bellwether_model::{CounterReset, FloatHistogram, STALE_NAN, Span};
use bellwether_storage::{MemoryStore, Source, WriteBatch};
use bellwether_wire::read::{Chunk, ChunkEncoding, Query, ReadRequest, encode_request};

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn request(matchers: Vec<Matcher>, accepted: &[ResponseType]) -> Vec<u8> {
    let accepted = accepted.iter().map(|accepted| Some(*accepted)).collect();
    let queries = vec![Query {
        start_ms: 0,
        end_ms: 1_000_000,
        matchers,
    }];
    let mut message = Vec::new();
    encode_request(&ReadRequest { queries, accepted }, &mut message);
    snappy::encode(&message).unwrap()
}

fn reader(store: MemoryStore, external: &[(&str, &str)]) -> RemoteReader {
    let external_labels = labels(external);
    RemoteReader::new(
        Arc::new(store),
        Settings {
            external_labels,
            ..Settings::default()
        },
    )
}

/// Reads bits as a client does, from the description of the format.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> u64 {
        (0..count).fold(0, |value, _| {
            let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
            self.at += 1;
            value << 1 | u64::from(bit)
        })
    }

    fn uvarint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.take(8);
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    fn prefixed(&mut self, sizes: &[u32], signed: bool) -> i64 {
        let mut ones = 0;
        while ones <= sizes.len() && self.take(1) == 1 {
            ones += 1;
        }
        match ones {
            0 => 0,
            n if n > sizes.len() => self.take(64) as i64,
            n => {
                let size = sizes[n - 1];
                let value = self.take(size) as i64;
                let negative = signed && value > 1 << (size - 1);
                if negative { value - (1 << size) } else { value }
            }
        }
    }

    fn xor(&mut self, value: &mut f64, window: &mut (u32, u32)) {
        if self.take(1) == 0 {
            return;
        }
        if self.take(1) == 1 {
            let leading = self.take(5) as u32;
            let significant = match self.take(6) as u32 {
                0 => 64,
                other => other,
            };
            *window = (leading, 64 - leading - significant);
        }
        let delta = self.take(64 - window.0 - window.1) << window.1;
        *value = f64::from_bits(value.to_bits() ^ delta);
    }
}

fn read_xor(data: &[u8]) -> Vec<(i64, u64)> {
    let count = usize::from(u16::from_be_bytes([data[0], data[1]]));
    let mut bits = Bits {
        bytes: &data[2..],
        at: 0,
    };
    let mut window = (0, 0);
    let mut out = Vec::new();
    let (mut time_ms, mut distance, mut value) = (0i64, 0i64, 0.0);
    for index in 0..count {
        if index == 0 {
            time_ms = zigzag_decode(bits.uvarint());
            value = f64::from_bits(bits.take(64));
        } else {
            if index == 1 {
                distance = bits.uvarint() as i64;
            } else {
                // The largest class has no zero behind its ones.
                let change = bits.prefixed(&[14, 17, 20], true);
                distance = distance.wrapping_add(change);
            }
            time_ms = time_ms.wrapping_add(distance);
            bits.xor(&mut value, &mut window);
        }
        out.push((time_ms, value.to_bits()));
    }
    out
}

const VARBITS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

fn read_spans(bits: &mut Bits<'_>) -> Vec<Span> {
    let count = bits.prefixed(&VARBITS, false);
    (0..count)
        .map(|_| {
            let length = bits.prefixed(&VARBITS, false) as u32;
            Span {
                offset: bits.prefixed(&VARBITS, true) as i32,
                length,
            }
        })
        .collect()
}

fn read_histograms(data: &[u8]) -> Vec<(i64, FloatHistogram)> {
    let count = usize::from(u16::from_be_bytes([data[0], data[1]]));
    let counter_reset = match data[2] >> 6 {
        0 => CounterReset::Unknown,
        1 => CounterReset::NotReset,
        2 => CounterReset::Reset,
        _ => CounterReset::Gauge,
    };
    let mut bits = Bits {
        bytes: &data[3..],
        at: 0,
    };
    let zero_threshold = match bits.take(8) {
        0 => 0.0,
        255 => f64::from_bits(bits.take(64)),
        exponent => 0.5 * 2f64.powi(exponent as i32 - 243),
    };
    let schema = bits.prefixed(&VARBITS, true) as i32;
    let positive_spans = read_spans(&mut bits);
    let negative_spans = read_spans(&mut bits);
    let mut custom_values = Vec::new();
    if schema == -53 {
        for _ in 0..bits.prefixed(&VARBITS, false) {
            custom_values.push(match bits.prefixed(&VARBITS, false) {
                0 => f64::from_bits(bits.take(64)),
                thousandths => (thousandths - 1) as f64 / 1000.0,
            });
        }
    }
    let length = |spans: &[Span]| spans.iter().map(|span| span.length as usize).sum::<usize>();
    let (positive, negative) = (length(&positive_spans), length(&negative_spans));
    let mut cells = vec![(0.0, (0, 0)); 3 + positive + negative];
    let (mut time_ms, mut distance) = (0, 0);
    let mut out = Vec::new();
    for index in 0..count {
        let change = bits.prefixed(&VARBITS, true);
        if index == 0 {
            time_ms = change;
            cells
                .iter_mut()
                .for_each(|cell| cell.0 = f64::from_bits(bits.take(64)));
        } else {
            distance += change;
            time_ms += distance;
            cells
                .iter_mut()
                .for_each(|(value, window)| bits.xor(value, window));
        }
        let values: Vec<f64> = cells.iter().map(|cell| cell.0).collect();
        out.push((
            time_ms,
            FloatHistogram {
                counter_reset: if index == 0 {
                    counter_reset
                } else {
                    CounterReset::NotReset
                },
                schema,
                zero_threshold,
                count: values[0],
                zero_count: values[1],
                sum: values[2],
                positive_spans: positive_spans.clone(),
                negative_spans: negative_spans.clone(),
                positive_buckets: values[3..3 + positive].to_vec(),
                negative_buckets: values[3 + positive..].to_vec(),
                custom_values: custom_values.clone(),
            },
        ));
    }
    out
}

/// Takes a frame apart: query index, labels, chunks.
fn read_frame(frame: &[u8]) -> (u64, Labels, Vec<Chunk>) {
    let mut cursor = Cursor::new(frame);
    let length = cursor.varint().unwrap() as usize;
    let head = cursor.position();
    let message = &frame[head + 4..];
    assert_eq!(message.len(), length);
    let crc = u32::from_be_bytes(frame[head..head + 4].try_into().unwrap());
    assert_eq!(crc, crc32c::checksum(message));
    let (mut index, mut pairs, mut chunks) = (0, Vec::new(), Vec::new());
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field().unwrap() {
        if field.number == 2 {
            index = cursor.varint().unwrap();
            continue;
        }
        let series = cursor.bytes().unwrap();
        let mut inner = Cursor::new(series);
        while let Some(field) = inner.field().unwrap() {
            let bytes = inner.bytes_of(field).unwrap();
            if field.number == 1 {
                let (name, value) = v1::decode_label(bytes).unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                pairs.push((text(name), text(value)));
                continue;
            }
            let mut chunk = Chunk {
                min_time_ms: 0,
                max_time_ms: 0,
                encoding: ChunkEncoding::Xor,
                data: vec![],
            };
            let mut fields = Cursor::new(bytes);
            while let Some(field) = fields.field().unwrap() {
                match field.number {
                    1 => chunk.min_time_ms = fields.varint().unwrap() as i64,
                    2 => chunk.max_time_ms = fields.varint().unwrap() as i64,
                    3 => {
                        chunk.encoding = match fields.varint().unwrap() {
                            1 => ChunkEncoding::Xor,
                            3 => ChunkEncoding::FloatHistogram,
                            other => panic!("encoding {other}"),
                        };
                    }
                    _ => chunk.data = fields.bytes().unwrap().to_vec(),
                }
            }
            chunks.push(chunk);
        }
    }
    (index, Labels::from_pairs(pairs), chunks)
}

#[test]
fn samples_come_with_external_labels() {
    let store = MemoryStore::new();
    store.insert(&labels(&[("__name__", "b"), ("dc", "own")]), 5, 2.0);
    store.insert(&labels(&[("__name__", "a")]), 5, 1.5);
    store.insert(&labels(&[("__name__", "a")]), 2_000_000, 1.5);
    let reader = reader(store, &[("dc", "eu")]);
    let all = Matcher::new("__name__", MatchOp::Regex, "a|b").unwrap();
    let Answer::Samples(body) = reader.answer(&request(vec![all], &[])).unwrap() else {
        panic!("not samples");
    };
    let mut out = Vec::new();
    let message = snappy::decode(&body, 1 << 20, &mut out).unwrap();
    let mut want = Vec::new();
    let mut result = Vec::new();
    let (first, second) = (
        labels(&[("__name__", "a"), ("dc", "eu")]),
        labels(&[("__name__", "b"), ("dc", "own")]),
    );
    v1::encode_series(&mut result, &first, &[(5, 1.5)], &[], &[]);
    v1::encode_series(&mut result, &second, &[(5, 2.0)], &[], &[]);
    Writer::new(&mut want).bytes(1, &result);
    assert_eq!(message, want);
    // Asking for the external label finds what does not have it itself.
    let body = request(
        vec![Matcher::equal("dc", "eu")],
        &[ResponseType::StreamedXorChunks],
    );
    let Answer::Frames(frames) = reader.answer(&body).unwrap() else {
        panic!("not frames")
    };
    let frames: Vec<_> = frames.map(|frame| read_frame(&frame.unwrap())).collect();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].1, first);
}

#[test]
fn limits_and_damage_are_refused() {
    let store = MemoryStore::new();
    for time_ms in 0..10 {
        store.insert(&labels(&[("__name__", "a")]), time_ms, 1.0);
    }
    let settings = Settings {
        samples_max: 9,
        body_bytes_max: 100,
        ..Settings::default()
    };
    let reader = RemoteReader::new(Arc::new(store), settings);
    let error = reader.answer(&request(vec![], &[])).unwrap_err();
    assert_eq!(error.to_string(), "exceeded sample limit (9)");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = reader
        .answer(&snappy::encode(&[0; 101]).unwrap())
        .unwrap_err();
    assert!(
        error.to_string().contains("above the limit of 100"),
        "{error}"
    );
    // Field 2, one packed value 7: a type of answer from the future.
    let error = reader
        .answer(&snappy::encode(&[0x12, 1, 7]).unwrap())
        .unwrap_err();
    assert!(matches!(error, ReadError::ResponseType));
    // A query whose matcher is of type 9.
    let bad = snappy::encode(&[0x0a, 4, 0x1a, 2, 0x08, 9]).unwrap();
    let error = reader.answer(&bad).unwrap_err();
    assert_eq!(
        error.to_string(),
        "remote read request: matcher type 9 is not one of 0 to 3"
    );
}

#[test]
fn histograms_are_cut_where_readers_need_it() {
    let store = MemoryStore::new();
    let series = labels(&[("__name__", "h")]);
    let histogram = |count: f64, spans: &[Span], buckets: &[f64]| FloatHistogram {
        schema: 3,
        zero_threshold: 2f64.powi(-128),
        count,
        sum: 1.25,
        positive_spans: spans.to_vec(),
        positive_buckets: buckets.to_vec(),
        ..FloatHistogram::default()
    };
    let one = [Span {
        offset: -2,
        length: 2,
    }];
    let two = [
        Span {
            offset: -2,
            length: 2,
        },
        Span {
            offset: 9,
            length: 1,
        },
    ];
    let stale = FloatHistogram {
        sum: STALE_NAN,
        ..FloatHistogram::default()
    };
    let custom = FloatHistogram {
        schema: -53,
        count: 2.0,
        positive_spans: vec![Span {
            offset: 0,
            length: 1,
        }],
        positive_buckets: vec![2.0],
        custom_values: vec![-1.0, 0.005, 3.0, 1e9],
        ..FloatHistogram::default()
    };
    let all = [
        histogram(3.0, &one, &[1.0, 2.0]),
        histogram(5.0, &one, &[1.0, 4.0]),
        histogram(9.0, &one, &[2.0, 7.0]),
        histogram(9.0, &one, &[1.0, 8.0]), // A bucket fell: a reset.
        histogram(12.0, &two, &[1.0, 8.0, 3.0]),
        stale,
        custom,
    ];
    for (index, histogram) in all.iter().enumerate() {
        store.insert_histogram(&series, 1_000 * index as i64, 0, histogram.clone());
    }
    store.insert(&series, 100_000, 7.0);
    let reader = reader(store, &[]);
    let body = request(
        vec![],
        &[ResponseType::StreamedXorChunks, ResponseType::Samples],
    );
    let Answer::Frames(mut frames) = reader.answer(&body).unwrap() else {
        panic!("not frames")
    };
    let (index, found, chunks) = read_frame(&frames.next().unwrap().unwrap());
    assert!(frames.next().is_none());
    assert_eq!((index, found), (0, series));
    let mut read = Vec::new();
    let sizes: Vec<usize> = chunks
        .iter()
        .map(|chunk| match chunk.encoding {
            ChunkEncoding::Xor => read_xor(&chunk.data).len(),
            _ => {
                let histograms = read_histograms(&chunk.data);
                let count = histograms.len();
                read.extend(histograms);
                count
            }
        })
        .collect();
    assert_eq!(sizes, [3, 1, 1, 1, 1, 1]);
    for (index, ((time_ms, got), want)) in read.iter().zip(&all).enumerate() {
        assert_eq!(*time_ms, 1_000 * index as i64);
        let hint = got.counter_reset;
        let want = FloatHistogram {
            counter_reset: hint,
            ..want.clone()
        };
        assert_eq!(format!("{got:?}"), format!("{want:?}"));
    }
}

proptest::proptest! {
    #[test]
    fn floats_come_back(
        values in proptest::collection::btree_map(-1_000_000_000_000i64..1_000_000_000_000, proptest::prelude::any::<f64>(), 1..300),
        regular in proptest::prelude::any::<bool>(),
    ) {
        let store = MemoryStore::new();
        let series = labels(&[("__name__", "a")]);
        let key = store.register(&Source::new("test"), None, &series).unwrap();
        let mut batch = WriteBatch::default();
        let mut want = Vec::new();
        for (index, (time_ms, value)) in values.into_iter().enumerate() {
            let time_ms = if regular { 1_000 + 15_000 * index as i64 } else { time_ms };
            batch.push(key, time_ms, value);
            want.push((time_ms, value.to_bits()));
        }
        store.write(&Source::new("test"), &batch).unwrap();
        let reader = reader(store, &[]);
        let mut message = Vec::new();
        let query = Query { start_ms: i64::MIN, end_ms: i64::MAX, matchers: vec![] };
        let accepted = vec![Some(ResponseType::StreamedXorChunks)];
        encode_request(&ReadRequest { queries: vec![query], accepted }, &mut message);
        let answer = reader.answer(&snappy::encode(&message).unwrap()).unwrap();
        let Answer::Frames(frames) = answer else { panic!("not frames") };
        let mut got = Vec::new();
        for frame in frames {
            for chunk in read_frame(&frame.unwrap()).2 {
                let samples = read_xor(&chunk.data);
                proptest::prop_assert!(samples.len() <= chunks::SAMPLES_MAX);
                proptest::prop_assert_eq!(chunk.min_time_ms, samples[0].0);
                proptest::prop_assert_eq!(chunk.max_time_ms, samples[samples.len() - 1].0);
                got.extend(samples);
            }
        }
        proptest::prop_assert_eq!(got, want);
    }

    #[test]
    fn random_bodies_never_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let reader = reader(MemoryStore::new(), &[]);
        let _any_answer = reader.answer(&bytes);
        let _any_answer = reader.answer(&snappy::encode(&bytes).unwrap());
    }
}
