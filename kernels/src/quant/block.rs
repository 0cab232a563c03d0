//! What every block format needs and none of them is about: moving between a struct of byte arrays and plain bytes.
//!
//! A block's struct has only `[u8; N]` fields. It therefore has alignment 1 and no padding, a block may start at any
//! byte of a file, and reading one is copying: no pointer cast, no `unsafe`. The compiler turns the copies into loads.

/// Gives a block struct `from_bytes` and `to_bytes`; lists its fields in file order.
macro_rules! bytes_of_fields {
    ($block:ident { $($field:ident),+ }) => {
        impl $block {
            /// Reads a block from its bytes in a file. Every bit pattern is a block.
            #[inline]
            pub fn from_bytes(bytes: &[u8; size_of::<Self>()]) -> Self {
                let mut rest = bytes.as_slice();
                Self { $($field: crate::quant::block::take(&mut rest)),+ }
            }

            /// The block as a file holds it.
            #[inline]
            pub fn to_bytes(&self) -> [u8; size_of::<Self>()] {
                let mut bytes = [0; size_of::<Self>()];
                let mut rest = bytes.as_mut_slice();
                $(crate::quant::block::put(&mut rest, &self.$field);)+
                bytes
            }
        }
    };
}
pub(super) use bytes_of_fields;

/// Takes the next `N` bytes off the front of `rest`.
#[inline]
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (field, after) = rest.split_first_chunk().expect("a block has as many bytes as its fields together");
    *rest = after;
    *field
}

/// Writes `field` to the front of `rest` and steps over it.
#[inline]
pub(super) fn put<const N: usize>(rest: &mut &mut [u8], field: &[u8; N]) {
    let (place, after) =
        std::mem::take(rest).split_first_chunk_mut().expect("a block has as many bytes as its fields together");
    *place = *field;
    *rest = after;
}

/// 1/d for a step `d`; 0 where that is not finite, so that a block without a step gets the code of zero everywhere.
///
/// That is a block of zeros, and also one whose weights lie so close to zero (below about 1e-37) that 1/d overflows:
/// its step is zero as an f16 anyway, and C leaves undefined which codes such a block gets.
#[inline]
pub(super) fn inverse_or_zero(d: f32) -> f32 {
    let inverse = 1.0 / d;
    if inverse.is_finite() { inverse } else { 0.0 }
}

/// Calls `dequantize` for each block of `BYTES` bytes and the `LEN` weights it stands for. Lengths were checked before.
#[inline]
pub(super) fn for_each_block<const BYTES: usize, const LEN: usize>(
    src: &[u8],
    dst: &mut [f32],
    dequantize: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    let (blocks, _) = src.as_chunks::<BYTES>();
    let (weights, _) = dst.as_chunks_mut::<LEN>();
    for (block, weights) in blocks.iter().zip(weights) {
        dequantize(block, weights);
    }
}

/// The other direction: `quantize` makes `BYTES` bytes of `LEN` weights.
#[inline]
pub(super) fn make_each_block<const BYTES: usize, const LEN: usize>(
    src: &[f32],
    dst: &mut [u8],
    quantize: impl Fn(&[f32; LEN]) -> [u8; BYTES],
) {
    let (weights, _) = src.as_chunks::<LEN>();
    let (blocks, _) = dst.as_chunks_mut::<BYTES>();
    for (weights, block) in weights.iter().zip(blocks) {
        *block = quantize(weights);
    }
}
