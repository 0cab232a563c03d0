//! The probes do the work that they are timed for.

use cutaway::kernels::probe::{CHAINS, Probes};
use proptest::prelude::*;

#[test]
fn the_sum_that_comes_out_is_the_work_that_went_in() {
    for probes in Probes::available() {
        for (what, probe) in [("dot", probes.dot), ("fma", probes.fma)] {
            let one = probe(1);
            assert!(one >= 4 * CHAINS as u64, "{} {what}: {one} multiply-adds in a round", probes.name);
            for rounds in [0, 1, 2, 1000, 12_345] {
                assert_eq!(probe(rounds), rounds as u64 * one, "{} {what}: {rounds} rounds", probes.name);
            }
        }
    }
}

/// Wider registers do more; AVX-VNNI has the registers of AVX2 and needs fewer instructions.
#[test]
fn probes_are_ordered_by_the_work_of_a_round() {
    for pair in Probes::available().windows(2) {
        let [before, after] = [(pair[0].dot)(1), (pair[1].dot)(1)];
        match (pair[0].name, pair[1].name) {
            ("avx2", "avx_vnni") => assert_eq!(before, after),
            names => assert!(before < after, "{names:?}: {before}, {after}"),
        }
    }
}

proptest! {
    #[test]
    fn every_byte_is_read(bytes in prop::collection::vec(any::<u8>(), 0..3000), skip in 0_usize..64) {
        let bytes = &bytes[skip.min(bytes.len())..];
        let expected = bytes.chunks(8).fold(0_u64, |sum, word| {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            sum.wrapping_add(u64::from_le_bytes(padded))
        });
        for probes in Probes::available() {
            prop_assert_eq!((probes.read)(bytes), expected, "{}", probes.name);
        }
    }
}
