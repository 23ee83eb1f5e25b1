//! Checksums of joined texts, from the checksums of the parts.
//!
//! A checksum is a polynomial over two values, modulo the one of CRC-32; appending bytes multiplies it by
//! a power of x. `crc32fast` works that power out for every joint, which was most of what a scrape did in
//! this process. Here it is worked out once, when a part is made, and a joint is a single product.

/// The polynomial, as the checksum has its bits: the highest power comes last.
const POLYNOMIAL: u32 = 0xedb8_8320;
const ONE: u32 = 1 << 31;

/// x to the powers of two, from the first on.
const POWERS: [u32; 32] = {
    let mut powers = [ONE >> 1; 32];
    let mut at = 1;
    while at < 32 {
        powers[at] = product(powers[at - 1], powers[at - 1]);
        at += 1;
    }
    powers
};

const fn product(one: u32, mut other: u32) -> u32 {
    let (mut product, mut bit) = (0, ONE);
    while bit != 0 {
        if one & bit != 0 {
            product ^= other;
        }
        bit >>= 1;
        other = match other & 1 {
            0 => other >> 1,
            _ => (other >> 1) ^ POLYNOMIAL,
        };
    }
    product
}

/// What appending bytes multiplies the checksum of those before by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift(u32);

impl Shift {
    /// That of so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        let (mut shift, mut rest) = (ONE, bytes);
        // A byte has eight bits, and the exponents go round after 32 squares.
        let mut powers = POWERS.iter().cycle().skip(3);
        while rest != 0 {
            let power = powers.next().copied().unwrap_or(ONE);
            if rest & 1 != 0 {
                shift = product(power, shift);
            }
            rest >>= 1;
        }
        Self(shift)
    }

    /// The checksum of texts with the checksum `before`, and one of this length with `checksum`.
    pub(super) fn join(self, before: u32, checksum: u32) -> u32 {
        product(self.0, before) ^ checksum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_checksums_are_those_of_the_joined_texts(
            before in prop::collection::vec(any::<u8>(), 0..300),
            text in prop::collection::vec(any::<u8>(), 0..5000),
        ) {
            let sum = crc32fast::hash;
            let joined = Shift::of(text.len()).join(sum(&before), sum(&text));
            prop_assert_eq!(joined, sum(&[before, text].concat()));
        }

        #[test]
        fn any_length_is_shifted_as_crc32fast_does(before: u32, checksum: u32, length: u32) {
            let mut combined = crc32fast::Hasher::new_with_initial(before);
            let other = crc32fast::Hasher::new_with_initial_len(checksum, length.into());
            combined.combine(&other);
            let joined = Shift::of(length as usize).join(before, checksum);
            prop_assert_eq!(joined, combined.finalize());
        }
    }
}
