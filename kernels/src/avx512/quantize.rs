//! Activations → integers, 32 at a time in two registers: the twin of `activations.rs`.
//!
//! ```text
//!  largest  ← max |x|, as bit patterns          d ← largest / 127, or / 32,512
//!  integers ← round(clamp(x / d)), 2 × 16 × i32
//!  limbs    ← the integers; or two of each: high ← round(integer / 255), low ← integer − 255 · high; 32 × i8
//!  sums     ← vpdpbusd(0, ones, limbs): eight sums of four, then four by four; those of high limbs count 255 times
//! ```

use super::dot::times_base;
use super::registers::load_f32;
use crate::activations::{ActBlock, BASE};
use crate::packed::{ROWS, STRIP};
use core::arch::x86_64::*;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn quantize_inner<const LIMBS: usize>(x: &[f32], out: &mut [ActBlock<LIMBS>]) {
    assert_eq!(x.len(), STRIP * out.len(), "one block for every 32 activations");
    for (x, out) in x.as_chunks::<STRIP>().0.iter().zip(out) {
        let [low, high] = x.as_chunks::<ROWS>().0 else { unreachable!("a strip is two registers") };
        quantize_strip([load_f32(low), load_f32(high)], out);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn quantize_strip<const LIMBS: usize>(x: [__m512; 2], out: &mut ActBlock<LIMBS>) {
    let bound = const { ActBlock::<LIMBS>::LARGEST as f32 };
    let magnitude = |x| _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFF_FFFF));
    let largest = _mm512_max_epi32(magnitude(x[0]), magnitude(x[1]));
    let largest = f32::from_bits(_mm512_reduce_max_epi32(largest) as u32);
    let d = largest / bound;
    let inverse = 1.0 / d;
    let inverse = if inverse < f32::INFINITY { inverse } else { 0.0 }; // zeros, or too small to divide by

    // Of a NaN and a bound, min and max give the bound; the conversion rounds to nearest, ties to even.
    let mut integers = x.map(|x| {
        let scaled = _mm512_mul_ps(x, _mm512_set1_ps(inverse));
        let clamped = _mm512_max_ps(_mm512_min_ps(scaled, _mm512_set1_ps(bound)), _mm512_set1_ps(-bound));
        _mm512_cvtps_epi32(clamped)
    });
    let mut value = 1; // what a limb counts
    out.sums = [0; 2];
    for limb in 0..LIMBS {
        let mut limbs = integers;
        if limb + 1 < LIMBS {
            // Rounds integer / 255 to the nearest. A fraction of n / 255 is at least 0.002 away from a half, and the error of
            // this product is far smaller, so it cannot round the wrong way.
            let one_255th = _mm512_set1_ps(1.0 / BASE as f32);
            integers = integers.map(|x| _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(x), one_255th)));
            (0..2).for_each(|h| limbs[h] = _mm512_sub_epi32(limbs[h], times_base(integers[h])));
        }
        let q = _mm256_set_m128i(_mm512_cvtepi32_epi8(limbs[1]), _mm512_cvtepi32_epi8(limbs[0]));
        // SAFETY: the limbs are 32 writable bytes, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(out.q[limb].as_mut_ptr().cast(), q) };
        let sums = halves(q);
        (0..2).for_each(|h| out.sums[h] += value * sums[h]);
        value *= BASE;
    }
    out.d = d;
    out.s = d * out.sum() as f32;
}

/// The sum of each half of 32 limbs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn halves(q: __m256i) -> [i32; 2] {
    let fours = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), q);
    let eights = _mm256_add_epi32(fours, _mm256_shuffle_epi32::<0b10_11_00_01>(fours));
    let sixteens = _mm256_add_epi32(eights, _mm256_shuffle_epi32::<0b01_00_11_10>(eights));
    [_mm256_cvtsi256_si32(sixteens), _mm256_extract_epi32::<4>(sixteens)]
}

pub(super) fn quantize<const LIMBS: usize>(x: &[f32], out: &mut [ActBlock<LIMBS>]) {
    // SAFETY: see the top of `avx512/mod.rs`: this function is reachable only where the instructions exist.
    unsafe { quantize_inner(x, out) }
}
