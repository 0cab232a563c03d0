//! What this processor can do at best: loops that do one thing, as fast as an instruction set allows.
//!
//! They are no kernels: no model needs their results. A kernel's speed means little alone ("40 GB/s"), and much as a share
//! of what the same machine reached in the same minute ("92 % of the memory's bandwidth"): these are the hundred percent.
//!
//! | probe | what limits it | what it is the roof of |
//! |---|---|---|
//! | [`Probes::read`] | how fast bytes come from a cache or from memory | decoding, which reads every weight once per token |
//! | [`Probes::dot`] | multiplications of bytes per cycle | a prompt through quantised weights |
//! | [`Probes::fma`] | fused multiply-adds of f32 per cycle | a prompt through float weights, and attention |
//!
//! **A probe counts itself.** All operands of `dot` and `fma` are ones, so the sum that comes out *is* the number of
//! multiply-adds that went in; `read` returns the sum of what it read. A compiler that optimised the work away would be
//! caught by the result, and a test compares it. The work of one round runs in [`CHAINS`] independent sums, because an
//! addition takes four or five cycles and two can begin in each: a single sum would measure that latency instead.
//!
//! What is deliberately not here: clocks, threads, memory. Those are in `measure/ceilings`.

#[allow(unsafe_code)] // instructions that do nothing, or multiply a register
pub mod front_end;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86;

/// Independent sums of `dot` and `fma`, each a whole register.
pub const CHAINS: usize = 12;

/// One function for each ceiling.
#[derive(Debug, Clone, Copy)]
pub struct Probes {
    /// The instruction set, named as the [kernels](super::Kernels) of the same instructions are.
    pub name: &'static str,
    /// The sum (mod 2⁶⁴) of the 64-bit little-endian words of `bytes`; what is left at the end is filled up with zeros.
    pub read: fn(bytes: &[u8]) -> u64,
    /// Multiply-adds of bytes into 32-bit sums; returns how many were done in so many rounds. Up to 2²⁸ rounds.
    pub dot: fn(rounds: usize) -> u64,
    /// The instructions of one step of `dot`.
    pub dot_by: &'static str,
    /// Multiply-adds of f32; returns how many were done in so many rounds. Up to 2²⁴ rounds.
    pub fma: fn(rounds: usize) -> u64,
    /// The instructions of one step of `fma`.
    pub fma_by: &'static str,
}

impl Probes {
    /// Plain Rust, compiled for the instructions that every processor of the target has.
    pub fn scalar() -> Self {
        Self {
            name: "scalar",
            read: scalar::read,
            dot: scalar::dot,
            dot_by: "plain Rust",
            fma: scalar::fma,
            fma_by: "plain Rust: multiply, then add",
        }
    }

    /// Every set that this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let faster = [x86::avx2(), x86::avx_vnni(), x86::avx512()];
        #[cfg(not(target_arch = "x86_64"))]
        let faster: [Option<Self>; 0] = [];
        std::iter::once(Self::scalar()).chain(faster.into_iter().flatten()).collect()
    }

    /// The best that this machine can run.
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or_else(Self::scalar)
    }
}

/// The probes in plain Rust: what the others must return.
mod scalar {
    use super::CHAINS;
    use std::hint::black_box;

    /// Sums in one register of plain Rust's making.
    const LANES: usize = 4;

    pub(super) fn read(bytes: &[u8]) -> u64 {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words.iter().fold(u64::from_le_bytes(last), |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
    }

    pub(super) fn dot(rounds: usize) -> u64 {
        let ones = black_box([1_i32; LANES]);
        let mut sums = black_box([[0_i32; LANES]; CHAINS]); // unknown, or the compiler sees that all are the same
        for _ in 0..rounds {
            let one = black_box(1_i8); // unknown in every round, so that the products cannot be computed beforehand
            for sum in &mut sums {
                (0..LANES).for_each(|lane| sum[lane] += i32::from(one) * ones[lane]);
            }
        }
        sums.as_flattened().iter().map(|&sum| sum as u64).sum()
    }

    pub(super) fn fma(rounds: usize) -> u64 {
        let ones = black_box([1_f32; LANES]);
        let mut sums = black_box([[0_f32; LANES]; CHAINS]);
        for _ in 0..rounds {
            let one = black_box(1_f32);
            for sum in &mut sums {
                (0..LANES).for_each(|lane| sum[lane] += one * ones[lane]);
            }
        }
        sums.as_flattened().iter().map(|&sum| sum as u64).sum()
    }
}
