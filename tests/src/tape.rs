//! A tape: every random draw of a test comes from bytes.
//!
//! A seed fills a tape, a fuzzer's input is one, and so is what proptest makes. One harness has
//! three drivers that way, any failure is a file, and a shorter file is a simpler failure.

/// Bytes to draw from. Where they end, every draw is 0: the first of all choices, which is
/// always the quiet one.
#[derive(Clone, Debug)]
pub struct Tape<'a> {
    rest: &'a [u8],
}

impl<'a> Tape<'a> {
    /// A tape with these bytes on it.
    pub fn new(bytes: &'a [u8]) -> Tape<'a> {
        Tape { rest: bytes }
    }

    /// Whether all is drawn.
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }

    /// The next bytes as they are, fewer at the end.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (first, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        first
    }

    /// A number below `bound`, which is at least 1. Costs as few bytes as it needs.
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut number = 0;
        let mut covered: u128 = 1;
        while covered < u128::from(bound) {
            number = number << 8 | u64::from(self.byte());
            covered <<= 8;
        }
        number % bound
    }

    /// An index into something of this length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len.max(1) as u64)).unwrap_or(0)
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())].clone()
    }

    /// True so many times out of 256; false at the end of the tape.
    pub fn chance(&mut self, of_256: u32) -> bool {
        u32::from(self.byte()) + of_256 > 255
    }
}

/// A tape of this length for a seed.
pub fn fill(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next_u64().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// SplitMix64: sixty-four bits of state, a step and a mix.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_costs_the_bytes_it_needs_and_the_end_is_zero() {
        let mut tape = Tape::new(&[7, 1, 2, 255]);
        assert_eq!(tape.below(1), 0);
        assert_eq!(tape.below(256), 7);
        assert_eq!(tape.below(257), 0x0102 % 257);
        assert!(tape.chance(1));
        assert!(tape.is_over());
        assert_eq!((tape.byte(), tape.below(1000), tape.chance(255)), (0, 0, false));
    }

    #[test]
    fn a_seed_fills_the_same_tape_each_time() {
        assert_eq!(fill(1, 20), fill(1, 20));
        assert_eq!(fill(1, 20)[..7], fill(1, 7)[..]);
        assert_ne!(fill(1, 20), fill(2, 20));
        // The published first output of SplitMix64 for the seed 0.
        assert_eq!(Random::new(0).next_u64(), 0xe220_a839_7b1d_cdaf);
    }
}
