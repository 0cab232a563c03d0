//! A counter of the processor that ticks at a steady rate and is read in a few nanoseconds: for stamping operations that take
//! microseconds, hundreds of them in a forward pass. A call of the operating system's clock takes several times as long.
//!
//! Look first at [`ticks`]. What it deliberately does not do: say how long a tick is. Whoever needs seconds reads this counter and
//! [`std::time::Instant`] together, twice, and divides.

#![allow(unsafe_code)]

/// The counter now; `None` where there is none that is known to be steady. Counters of different cores agree to within what it
/// takes to ask one core from another.
///
/// On x86-64 the time-stamp counter, where the processor says that its rate never changes (Intel SDM vol. 3, "Invariant TSC");
/// on AArch64 the virtual count of the generic timer (Arm ARM, `CNTVCT_EL0`).
#[inline]
pub fn ticks() -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has the instruction; it reads a counter and touches no memory.
        is_steady().then(|| unsafe { core::arch::x86_64::_rdtsc() })
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        let count: u64;
        // SAFETY: reads a register that every AArch64 system with an operating system lets programs read; touches no memory.
        unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack, preserves_flags)) };
        Some(count)
    }
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", not(miri)))))]
    {
        None
    }
}

/// Whether the time-stamp counter ticks at one rate, whatever the cores do.
#[cfg(target_arch = "x86_64")]
fn is_steady() -> bool {
    use std::sync::OnceLock;
    static STEADY: OnceLock<bool> = OnceLock::new();
    *STEADY.get_or_init(|| {
        use core::arch::x86_64::__cpuid;
        __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & 1 << 8 != 0
    })
}
