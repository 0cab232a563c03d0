//! Instructions that only cost the core their reading: see `measure/ceilings/front_end.rs`, which times them. Only on x86-64;
//! elsewhere both functions do nothing and return 0.

/// Instructions without effect; returns how many, in so many rounds.
pub fn nops(rounds: u32) -> u64 {
    #[cfg(target_arch = "x86_64")]
    for _ in 0..rounds {
        // SAFETY: instructions that do nothing.
        unsafe { std::arch::asm!(".rept 256", "nop", ".endr", options(nomem, nostack, preserves_flags)) };
    }
    if cfg!(target_arch = "x86_64") { 256 * u64::from(rounds) } else { 0 }
}

/// A chain of multiplications, each of which waits for the one before, which takes three cycles on every x86-64 processor of
/// the last decade; returns how many cycles the chain takes.
pub fn chained_cycles(rounds: u32) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        let mut x = 3_u64;
        for _ in 0..rounds {
            // SAFETY: multiplies a register by itself; the flags that this changes are not declared to be kept.
            unsafe { std::arch::asm!(".rept 256", "imul {0}, {0}", ".endr", inout(reg) x, options(nomem, nostack)) };
        }
        std::hint::black_box(x);
    }
    if cfg!(target_arch = "x86_64") { 3 * 256 * u64::from(rounds) } else { 0 }
}
