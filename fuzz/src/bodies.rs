//! Bytes that others packed: compressed bodies, columns of integers, the queue of remote write.

use std::io::Write as _;

use bellwether_codec::varint::Reader;
use bellwether_codec::{bits, ints, rans};
use bellwether_outbound::{Encoding, decode_body};

use crate::seal;
use crate::targets::Target;

/// Bytes that a body may have when it is unpacked.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The byte that chooses the encoding, then the body.
pub(crate) const COMPRESSED_BODY: Target = Target {
    name: "compressed_body",
    seeds: compressed_bodies,
    dictionary: &["\x1f", "\x08", "\x28", "\x7f"],
    run: compressed_body,
    // The unpacked body, which grows by doubling.
    memory_max_bytes: 4 * BODY_BYTES_MAX,
};

const ENCODINGS: [Encoding; 3] = [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd];

/// A short text, and a bomb, in each encoding.
fn compressed_bodies() -> Vec<Vec<u8>> {
    let bomb = vec![b'a'; 64 * BODY_BYTES_MAX];
    let mut seeds = Vec::new();
    for plain in [b"# TYPE a counter\na 1\n".as_slice(), &bomb] {
        let level = flate2::Compression::best();
        let mut gzip = flate2::write::GzEncoder::new(vec![0], level);
        let mut zlib = flate2::write::ZlibEncoder::new(vec![1], level);
        let written = gzip.write_all(plain).and_then(|()| zlib.write_all(plain));
        seeds.extend(written.and_then(|()| gzip.finish()));
        seeds.extend(zlib.finish());
        let zstd = zstd::bulk::compress(plain, 1);
        seeds.extend(zstd.map(|body| [&[2], body.as_slice()].concat()));
    }
    seeds
}

fn compressed_body(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let encoding = ENCODINGS[usize::from(*choice) % ENCODINGS.len()];
    let mut out = Vec::new();
    let result = decode_body(encoding, body, BODY_BYTES_MAX as u64, &mut out);
    assert!(
        result.is_err() || out.len() <= BODY_BYTES_MAX,
        "{encoding:?}: {} bytes",
        out.len()
    );
}

/// Columns of integers, packed bits and entropy coding: a byte for the count, then the bytes.
pub(crate) const COLUMNS: Target = Target {
    name: "columns",
    seeds: || {
        let mut seeds = Vec::new();
        let mut scratch = ints::Scratch::default();
        let columns: [Vec<i64>; 4] = [
            (0..200).map(|i| i * 15_000).collect(),
            (0..200).map(|i| (i * 7_919) % 13).collect(),
            (0..50).map(|i| i64::MAX >> i).collect(),
            vec![-1],
        ];
        for column in columns {
            for effort in [ints::Effort::Quick, ints::Effort::Thorough] {
                let mut out = vec![column.len() as u8];
                ints::encode(&column, effort, &mut scratch, &mut out);
                seeds.push(out);
            }
        }
        seeds
    },
    dictionary: &["\x7f", "\x00\x00"],
    run: columns,
    memory_max_bytes: 1 << 20,
};

fn columns(input: &[u8]) {
    let Some((count, bytes)) = input.split_first() else {
        return;
    };
    let count = usize::from(*count);
    let mut out = Vec::new();
    if ints::decode(&mut Reader::new(bytes), count, &mut out).is_ok() {
        assert_eq!(out.len(), count);
    }
    let mut symbols = vec![0; count];
    for states in [rans::States::Two, rans::States::Four] {
        if rans::decode(&mut Reader::new(bytes), states, 7, &mut symbols).is_ok() {
            let alphabet = 7..7 + rans::SYMBOLS_MAX as i64;
            assert!(symbols.iter().all(|symbol| alphabet.contains(symbol)));
        }
    }
    let mut numbers = vec![0; count];
    for width in [0, 1, 7, 63, 64, 65] {
        let unpacked = bits::unpack(bytes, width, &mut numbers, |number| number);
        let enough = width <= 64 && bytes.len() >= bits::packed_len(count, width);
        assert_eq!(unpacked.is_ok(), enough);
    }
}

/// The queue of remote write: a byte for the file that is changed, then its bytes.
pub(crate) const FORWARD_QUEUE: Target = Target {
    name: "forward_queue",
    seeds: || {
        let (segment, position) = bellwether_forward::fuzzing::queue_files();
        vec![
            [b"s".as_slice(), &segment].concat(),
            [b"p".as_slice(), &position].concat(),
        ]
    },
    dictionary: &["BWFQ\x01", "BWFP", "__name__", "\x7f"],
    run: forward_queue,
    memory_max_bytes: 32 << 20,
};

fn forward_queue(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else {
        return;
    };
    let (segment, position) = bellwether_forward::fuzzing::queue_files();
    // As it is, and with checksums that fit, so that what is behind them is reached.
    let mut sealed = bytes.to_vec();
    if *choice == b'p' {
        seal::queue_position(&mut sealed);
    } else {
        seal::queue_segment(&mut sealed);
    }
    for changed in [bytes, &sealed] {
        match choice {
            b'p' => bellwether_forward::fuzzing::read_queue(&segment, changed),
            _ => bellwether_forward::fuzzing::read_queue(changed, &position),
        }
    }
}
