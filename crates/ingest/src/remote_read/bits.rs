//! Bits in the order in which Prometheus' chunks hold them: the highest bit of a byte first.

/// Appends bits to bytes.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that are still free in the last byte.
    free: u32,
}

/// Leading and trailing zero bits of the last XOR that was written; none yet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct XorWindow(Option<(u32, u32)>);

impl BitWriter {
    pub(super) fn new(header: &[u8]) -> Self {
        Self {
            bytes: header.to_vec(),
            free: 0,
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes the lowest `count` bits of `value`, at most 64.
    pub(super) fn bits(&mut self, value: u64, mut count: u32) {
        while count > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let take = count.min(self.free);
            let chunk = (value >> (count - take)) & ((1 << take) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (chunk << (self.free - take)) as u8;
            }
            self.free -= take;
            count -= take;
        }
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.bits(u64::from(value), 8);
    }

    pub(super) fn float(&mut self, value: f64) {
        self.bits(value.to_bits(), 64);
    }

    /// A varint as Go writes it, bit-aligned.
    pub(super) fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    pub(super) fn varint(&mut self, value: i64) {
        self.uvarint(bellwether_codec::protobuf::zigzag_encode(value));
    }

    /// A signed number under a prefix that says how many bits it takes. `sizes` ascend; the value
    /// fits `n` bits when it is in `-(2^(n-1) - 1) ..= 2^(n-1)`; if none fits, 64 bits follow.
    fn prefixed(&mut self, value: i64, sizes: &[u32]) {
        if value == 0 {
            return self.bits(0, 1);
        }
        let fits = |bits: &u32| {
            let half = 1i64 << (bits - 1);
            (-(half - 1)..=half).contains(&value)
        };
        match sizes.iter().position(fits) {
            // As many ones as the position in the list tells, then a zero.
            Some(position) => {
                let ones = position as u32 + 1;
                self.bits((1 << (ones + 1)) - 2, ones + 1);
                self.bits(value as u64, sizes[position]);
            }
            None => {
                let ones = sizes.len() as u32 + 1;
                self.bits((1 << ones) - 1, ones);
                self.bits(value as u64, 64);
            }
        }
    }

    /// The change of the distance between times in a float chunk.
    pub(super) fn time_change(&mut self, value: i64) {
        self.prefixed(value, &[14, 17, 20]);
    }

    /// A signed number in a histogram chunk.
    pub(super) fn varbit(&mut self, value: i64) {
        self.prefixed(value, &[3, 6, 9, 12, 18, 25, 56]);
    }

    /// An unsigned number in a histogram chunk.
    pub(super) fn varbit_unsigned(&mut self, value: u64) {
        if value == 0 {
            return self.bits(0, 1);
        }
        let sizes = [3, 6, 9, 12, 18, 25, 56];
        match sizes.iter().position(|bits| value >> bits == 0) {
            Some(position) => {
                let ones = position as u32 + 1;
                self.bits((1 << (ones + 1)) - 2, ones + 1);
                self.bits(value, sizes[position]);
            }
            None => {
                self.bits(0xff, 8);
                self.bits(value, 64);
            }
        }
    }

    /// A float as the difference in bits to the one before.
    pub(super) fn xor(&mut self, value: f64, previous: f64, window: &mut XorWindow) {
        let delta = value.to_bits() ^ previous.to_bits();
        if delta == 0 {
            return self.bits(0, 1);
        }
        // Five bits hold at most 31.
        let leading = delta.leading_zeros().min(31);
        let trailing = delta.trailing_zeros();
        if let Some((open, close)) = window.0
            && leading >= open
            && trailing >= close
        {
            self.bits(0b10, 2);
            return self.bits(delta >> close, 64 - open - close);
        }
        window.0 = Some((leading, trailing));
        let significant = 64 - leading - trailing;
        self.bits(0b11, 2);
        self.bits(u64::from(leading), 5);
        // 64 does not fit into six bits; 0 never occurs and stands for it.
        self.bits(u64::from(significant & 63), 6);
        self.bits(delta >> trailing, significant);
    }
}
