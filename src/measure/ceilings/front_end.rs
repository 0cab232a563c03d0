//! How many instructions a core takes in at a time, now. Two hardware threads that share a core share what reads and decodes
//! instructions, and a program that needs four of them a cycle is slow beside a busy neighbour although no arithmetic unit is
//! missing. In a virtual machine the neighbour may be another machine's, which nothing else shows.

use super::seconds;
use crate::kernels::probe::front_end::{chained_cycles, nops};

/// Instructions without effect that this thread's core takes in during a cycle, measured in about 0.2 ms: 6 or 8 on a core of
/// one's own (as many as it can take), about half of that beside a busy hardware thread. The cycle is that of a chain of
/// multiplications, so no clock frequency has to be known. `None` where there is no such probe.
pub fn instructions_per_cycle() -> Option<f64> {
    let each = |work: fn(u32) -> u64, rounds: u32| {
        let mut done = 0;
        let time = seconds(|| done = work(rounds));
        (done > 0).then(|| time / done as f64)
    };
    each(chained_cycles, 16)?; // wakes the core
    Some(each(chained_cycles, 300)? / each(nops, 1500)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_takes_in_a_few_instructions_a_cycle() {
        let found = instructions_per_cycle();
        assert_eq!(found.is_some(), cfg!(target_arch = "x86_64"));
        assert!(found.is_none_or(|found| found > 0.05 && found < 32.0), "{found:?}");
    }
}
