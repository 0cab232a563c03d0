//! Codes of a GGUF block: 32 codes of one row are eight 32-bit words, four inputs in each. Where the bits of a code lie
//! in a block is told in the format's file in `quant/`.

use crate::quant::GgmlType;

/// Every byte has its lowest `n` bits set.
pub(super) const fn low_bits(n: u32) -> u32 {
    0x0101_0101 * ((1 << n) - 1)
}

#[inline(always)]
pub(super) fn word(bytes: &[u8], j: usize) -> u32 {
    u32::from_le_bytes([bytes[4 * j], bytes[4 * j + 1], bytes[4 * j + 2], bytes[4 * j + 3]])
}

#[inline(always)]
pub(super) fn or_word(bytes: &mut [u8], j: usize, value: u32) {
    let old = word(bytes, j);
    bytes[4 * j..][..4].copy_from_slice(&(old | value).to_le_bytes());
}

/// Bits 0…3 of `nibble` to the lowest bits of four bytes. The product has bit `i` at `8i`: `i + 7i`.
#[inline(always)]
fn spread(nibble: u32) -> u32 {
    ((nibble & 15) * 0x0020_4081) & 0x0101_0101
}

/// The inverse of [`spread`].
#[inline(always)]
fn squeeze(bits: u32) -> u32 {
    (bits & 0x0101_0101).wrapping_mul(0x0102_0408) >> 24 & 15
}

/// The unsigned codes of strip `b` of a GGUF block: word `j` holds inputs `4j … 4j+3`. (Table formats: table indices.)
#[inline(always)]
pub(super) fn codes(ty: GgmlType, block: &[u8], b: usize) -> [u32; 8] {
    use GgmlType::*;
    let nibbles = |at: usize, j: usize| word(&block[at..], j % 4) >> (4 * (j / 4)) & low_bits(4);
    std::array::from_fn(|j| match ty {
        Q4_0 | IQ4_NL => nibbles(2, j),
        MXFP4 => nibbles(1, j),
        Q4_1 => nibbles(4, j),
        IQ4_XS => nibbles(8 + 16 * b, j),
        Q5_0 => nibbles(6, j) | spread(word(&block[2..], 0) >> (4 * j)) << 4,
        Q5_1 => nibbles(8, j) | spread(word(&block[4..], 0) >> (4 * j)) << 4,
        Q8_0 => word(&block[2..], j) ^ 0x8080_8080,
        Q2_K => word(&block[16 + 32 * (b / 4)..], j) >> (2 * (b % 4)) & low_bits(2),
        Q3_K => {
            let low = word(&block[32 + 32 * (b / 4)..], j) >> (2 * (b % 4)) & low_bits(2);
            low | (word(block, j) >> b & low_bits(1)) << 2
        }
        Q4_K => word(&block[16 + 32 * (b / 2)..], j) >> (4 * (b % 2)) & low_bits(4),
        Q5_K => {
            let low = word(&block[48 + 32 * (b / 2)..], j) >> (4 * (b % 2)) & low_bits(4);
            low | (word(&block[16..], j) >> b & low_bits(1)) << 4
        }
        Q6_K => {
            let (half, quarter) = (b / 4, b % 4);
            let low = word(&block[64 * half + 32 * (quarter % 2)..], j) >> (4 * (quarter / 2)) & low_bits(4);
            low | (word(&block[128 + 32 * half..], j) >> (2 * quarter) & low_bits(2)) << 4
        }
        _ => 0, // floats have no codes and never come here
    })
}

/// The inverse of [`codes`] on a block whose codes are all zero bits.
#[inline(always)]
pub(super) fn put_codes(ty: GgmlType, codes: [u32; 8], block: &mut [u8], b: usize) {
    use GgmlType::*;
    for (j, code) in codes.into_iter().enumerate() {
        let low = code & low_bits(4);
        let mut nibbles = |at: usize| or_word(&mut block[at..], j % 4, low << (4 * (j / 4)));
        match ty {
            Q4_0 | IQ4_NL => nibbles(2),
            MXFP4 => nibbles(1),
            Q4_1 => nibbles(4),
            IQ4_XS => nibbles(8 + 16 * b),
            Q5_0 => {
                nibbles(6);
                or_word(&mut block[2..], 0, squeeze(code >> 4) << (4 * j));
            }
            Q5_1 => {
                nibbles(8);
                or_word(&mut block[4..], 0, squeeze(code >> 4) << (4 * j));
            }
            Q8_0 => or_word(&mut block[2..], j, code ^ 0x8080_8080),
            Q2_K => or_word(&mut block[16 + 32 * (b / 4)..], j, code << (2 * (b % 4))),
            Q3_K => {
                or_word(&mut block[32 + 32 * (b / 4)..], j, (code & low_bits(2)) << (2 * (b % 4)));
                or_word(block, j, (code >> 2 & low_bits(1)) << b);
            }
            Q4_K => or_word(&mut block[16 + 32 * (b / 2)..], j, low << (4 * (b % 2))),
            Q5_K => {
                or_word(&mut block[48 + 32 * (b / 2)..], j, low << (4 * (b % 2)));
                or_word(&mut block[16..], j, (code >> 4 & low_bits(1)) << b);
            }
            Q6_K => {
                let (half, quarter) = (b / 4, b % 4);
                or_word(&mut block[64 * half + 32 * (quarter % 2)..], j, low << (4 * (quarter / 2)));
                or_word(&mut block[128 + 32 * half..], j, (code >> 4 & low_bits(2)) << (2 * quarter));
            }
            _ => {}
        }
    }
}
