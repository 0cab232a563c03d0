//! Eight 6-bit scales and eight 6-bit minima in twelve bytes: the part that Q4_K and Q5_K share.
//!
//! ```text
//!             bits 7 6             5 … 0                  s = scale, m = minimum
//!  byte 0 … 3  │ high 2 of s[4+i] │ s[i]             │
//!  byte 4 … 7  │ high 2 of m[4+i] │ m[i]             │
//!             bits 7 … 4           3 … 0
//!  byte 8 … 11 │ low 4 of m[4+i]  │ low 4 of s[4+i]  │
//! ```
//!
//! The first four of each lie whole in six bits of a byte; the two bits left over there, and four more bytes, hold
//! the other four. Source: `get_scale_min_k4` in `ggml-quants.c`.

/// The scales and minima of the eight groups, each 0…63.
#[inline]
pub fn unpack(bytes: &[u8; 12]) -> ([u8; 8], [u8; 8]) {
    let (mut scales, mut mins) = ([0; 8], [0; 8]);
    for i in 0..4 {
        scales[i] = bytes[i] & 63;
        mins[i] = bytes[4 + i] & 63;
        scales[4 + i] = bytes[8 + i] & 0xF | bytes[i] >> 6 << 4;
        mins[4 + i] = bytes[8 + i] >> 4 | bytes[4 + i] >> 6 << 4;
    }
    (scales, mins)
}

/// The inverse of [`unpack`] for values of at most six bits.
pub fn pack(scales: &[u8; 8], mins: &[u8; 8]) -> [u8; 12] {
    let mut bytes = [0; 12];
    for i in 0..4 {
        bytes[i] = scales[i] | scales[4 + i] >> 4 << 6;
        bytes[4 + i] = mins[i] | mins[4 + i] >> 4 << 6;
        bytes[8 + i] = scales[4 + i] & 0xF | mins[4 + i] << 4;
    }
    bytes
}
