//! The probes with AVX2, with AVX-VNNI and with AVX-512.
//!
//! **Safety of this file.** As in `avx512/mod.rs`: a function that is compiled for special instructions is reachable only
//! through [`avx2`], [`avx_vnni`] and [`avx512`], which ask the processor first.

use super::{CHAINS, Probes};
use std::arch::asm;
use std::arch::x86_64::*;
use std::hint::black_box;

/// The probes with AVX2, where the processor has it.
pub(super) fn avx2() -> Option<Probes> {
    let has_all = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    has_all.then_some(Probes {
        name: "avx2",
        // SAFETY: here and below, the processor has been asked for the instructions before the table is handed out.
        read: |bytes| unsafe { read_256(bytes) },
        // SAFETY: as above.
        dot: |rounds| unsafe { dot_256(rounds) },
        dot_by: "vpmaddubsw, vpmaddwd, vpaddd, 256 bits",
        // SAFETY: as above.
        fma: |rounds| unsafe { fma_256(rounds) },
        fma_by: "vfmadd231ps, 256 bits",
    })
}

/// The probes with AVX-VNNI, where the processor has it: those of AVX2 but for `dot`.
pub(super) fn avx_vnni() -> Option<Probes> {
    let avx2 = avx2()?;
    is_x86_feature_detected!("avxvnni").then_some(Probes {
        name: "avx_vnni",
        // SAFETY: the processor has been asked for the instruction before the table is handed out.
        dot: |rounds| unsafe { dot_256_vnni(rounds) },
        dot_by: "vpdpbusd, 256 bits",
        ..avx2
    })
}

/// The probes with AVX-512 and VNNI, where the processor has them.
pub(super) fn avx512() -> Option<Probes> {
    let has_all = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni");
    has_all.then_some(Probes {
        name: "avx512",
        // SAFETY: here and below, the processor has been asked for the instructions before the table is handed out.
        read: |bytes| unsafe { read_512(bytes) },
        // SAFETY: as above.
        dot: |rounds| unsafe { dot_512(rounds) },
        dot_by: "vpdpbusd, 512 bits",
        // SAFETY: as above.
        fma: |rounds| unsafe { fma_512(rounds) },
        fma_by: "vfmadd231ps, 512 bits",
    })
}

/// Eight loads are under way at a time, each of a whole register.
macro_rules! read {
    ($name:ident, $features:literal, $bytes:literal, $lanes:literal, $zero:ident, $load:ident, $add:ident, $store:ident) => {
        #[target_feature(enable = $features)]
        fn $name(bytes: &[u8]) -> u64 {
            let (steps, rest) = bytes.as_chunks::<{ 8 * $bytes }>();
            let mut sums = [$zero(); 8];
            for step in steps {
                for (sum, line) in sums.iter_mut().zip(step.as_chunks::<$bytes>().0) {
                    // SAFETY: the line is as many readable bytes as a register has, and the load needs no alignment.
                    *sum = $add(*sum, unsafe { $load(line.as_ptr().cast()) });
                }
            }
            let sum = sums.into_iter().reduce(|a, b| $add(a, b)).unwrap_or($zero());
            let mut lanes = [0_u64; $lanes];
            // SAFETY: `lanes` has the size of a register, and the store needs no alignment.
            unsafe { $store(lanes.as_mut_ptr().cast(), sum) };
            lanes.into_iter().fold(super::scalar::read(rest), u64::wrapping_add)
        }
    };
}
read!(read_256, "avx2", 32, 4, _mm256_setzero_si256, _mm256_loadu_si256, _mm256_add_epi64, _mm256_storeu_si256);
read!(read_512, "avx512f", 64, 8, _mm512_setzero_si512, _mm512_loadu_si512, _mm512_add_epi64, _mm512_storeu_si512);

/// 64 multiply-adds an instruction.
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_512(rounds: usize) -> u64 {
    let ones = black_box(_mm512_set1_epi8(1));
    let mut sums = black_box([_mm512_setzero_si512(); CHAINS]); // unknown, or the compiler sees that all are the same
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, ones, ones);
        }
    }
    sums.into_iter().map(|sum| _mm512_reduce_add_epi64(widened(sum)) as u64).sum()
}

/// Sixteen 32-bit sums as eight 64-bit sums of two, which cannot overflow.
#[target_feature(enable = "avx512f")]
fn widened(sums: __m512i) -> __m512i {
    let (even, odd) = (_mm512_srai_epi64::<32>(_mm512_slli_epi64::<32>(sums)), _mm512_srai_epi64::<32>(sums));
    _mm512_add_epi64(even, odd)
}

/// 32 multiply-adds in three instructions: pairs of products in 16 bits, pairs of those in 32, added.
#[target_feature(enable = "avx2")]
fn dot_256(rounds: usize) -> u64 {
    let (bytes, words) = black_box((_mm256_set1_epi8(1), _mm256_set1_epi16(1)));
    let mut sums = black_box([_mm256_setzero_si256(); CHAINS]);
    for _ in 0..rounds {
        for sum in &mut sums {
            let products = _mm256_maddubs_epi16(unknown(bytes), bytes);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(products, words));
        }
    }
    total(sums)
}

/// 32 multiply-adds an instruction.
#[target_feature(enable = "avx2,avxvnni")]
fn dot_256_vnni(rounds: usize) -> u64 {
    let ones = black_box(_mm256_set1_epi8(1));
    let mut sums = black_box([_mm256_setzero_si256(); CHAINS]);
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_dpbusd_avx_epi32(*sum, ones, ones);
        }
    }
    total(sums)
}

/// The sum of all 32-bit sums.
#[inline]
#[target_feature(enable = "avx2")]
fn total(sums: [__m256i; CHAINS]) -> u64 {
    let mut lanes = [[0_i32; 8]; CHAINS];
    for (lanes, sum) in lanes.iter_mut().zip(sums) {
        // SAFETY: eight 32-bit numbers have the size of the register, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
    }
    lanes.as_flattened().iter().map(|&sum| sum as u64).sum()
}

/// The same register, of which the compiler no longer knows the contents: no instruction is emitted, and none that uses
/// it can be moved out of a loop.
#[inline]
#[target_feature(enable = "avx2")]
fn unknown(mut x: __m256i) -> __m256i {
    // SAFETY: there are no instructions in it.
    unsafe { asm!("/* {0} */", inout(ymm_reg) x, options(nomem, nostack, preserves_flags)) };
    x
}

/// Fused multiply-adds of whole registers.
macro_rules! fma {
    ($name:ident, $features:literal, $lanes:literal, $zero:ident, $set:ident, $fma:ident, $store:ident) => {
        #[target_feature(enable = $features)]
        fn $name(rounds: usize) -> u64 {
            let ones = black_box($set(1.0));
            let mut sums = black_box([$zero(); CHAINS]);
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = $fma(ones, ones, *sum);
                }
            }
            let mut lanes = [[0_f32; $lanes]; CHAINS];
            for (lanes, sum) in lanes.iter_mut().zip(sums) {
                // SAFETY: `lanes` has the size of the register, and the store needs no alignment.
                unsafe { $store(lanes.as_mut_ptr(), sum) };
            }
            lanes.as_flattened().iter().map(|&sum| sum as u64).sum()
        }
    };
}
fma!(fma_256, "avx2,fma", 8, _mm256_setzero_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_storeu_ps);
fma!(fma_512, "avx512f", 16, _mm512_setzero_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_storeu_ps);
