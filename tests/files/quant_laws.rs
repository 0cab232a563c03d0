//! Laws of the block formats: what holds for every block, every weight and every length.

use cutaway::quant::{GgmlType, QuantError, bf16, can_quantize, dequantize, f16, k_scales, k_search, quantize};
use proptest::prelude::*;

fn written_blocks() -> impl Iterator<Item = GgmlType> {
    GgmlType::ALL.into_iter().filter(|&ty| can_quantize(ty) && !ty.is_float())
}

fn round_trip(ty: GgmlType, weights: &[f32]) -> Result<Vec<f32>, QuantError> {
    let mut blocks = vec![0; ty.row_bytes(weights.len()).expect("whole blocks")];
    quantize(ty, weights, &mut blocks)?;
    let mut back = vec![0.0; weights.len()];
    dequantize(ty, &blocks, &mut back).expect("the bytes just written");
    Ok(back)
}

/// The distance between neighbouring codes of a block that has no groups inside, from the weights themselves.
fn step(ty: GgmlType, weights: &[f32]) -> f32 {
    let magnitude = weights.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    let range =
        weights.iter().fold(f32::MIN, |max, &x| max.max(x)) - weights.iter().fold(f32::MAX, |min, &x| min.min(x));
    match ty {
        GgmlType::Q4_0 => magnitude / 8.0,
        GgmlType::Q5_0 => magnitude / 16.0,
        GgmlType::Q8_0 => magnitude / 127.0,
        GgmlType::Q4_1 => range / 15.0,
        GgmlType::Q5_1 => range / 31.0,
        _ => unreachable!("a format without groups"),
    }
}

proptest! {
    /// A weight comes back within half a step, where the format is symmetric or has an offset of its own.
    ///
    /// Allowed beyond that: the f16 scale is off by up to 2⁻¹¹ of itself, and codes reach 31 or 127 of it (for the
    /// offset formats, also 2⁻¹¹ of the offset). Q4_0 and Q5_0 lack the code opposite to the largest weight, so near
    /// that end the error is up to a whole step.
    #[test]
    fn simple_formats_are_off_by_half_a_step(
        weights in prop::collection::vec(-1.0f32..1.0, 32),
        exponent in -2i32..=3,
        shift in prop::sample::select(vec![0.0f32, 0.5, -3.0]),
    ) {
        let weights: Vec<f32> = weights.iter().map(|x| (x + shift) * 10f32.powi(exponent)).collect();
        let magnitude = weights.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        for ty in [GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0] {
            let back = round_trip(ty, &weights).expect("ordinary weights");
            let step = step(ty, &weights);
            let rounding_of_f16 = 2.0 * magnitude * 2f32.powi(-11);
            let missing_code = matches!(ty, GgmlType::Q4_0 | GgmlType::Q5_0);
            let largest = weights.iter().fold(0.0_f32, |max, &x| if x.abs() > max.abs() { x } else { max });
            for (x, y) in weights.iter().zip(&back) {
                let opposite_end = missing_code && -x * largest.signum() > magnitude - 1.5 * step;
                let limit = if opposite_end { step } else { step / 2.0 } * 1.0001 + rounding_of_f16;
                prop_assert!((x - y).abs() <= limit, "{ty}: {x} came back as {y}, step {step}");
            }
        }
    }

    /// Quantising what was read from a block loses nothing more, for the formats whose largest code is always used.
    #[test]
    fn q8_0_is_stable(weights in prop::collection::vec(-1.0f32..1.0, 32)) {
        let once = round_trip(GgmlType::Q8_0, &weights).expect("ordinary weights");
        let twice = round_trip(GgmlType::Q8_0, &once).expect("ordinary weights");
        prop_assert_eq!(once, twice);
    }

    /// Whatever weights there are: refused with a reason, or read back as finite numbers. The magnitudes of a block
    /// lie around some power of two between the smallest subnormal and the largest f32; some numbers are not finite.
    #[test]
    fn any_weights_are_refused_or_come_back_finite(
        bits in prop::collection::vec(any::<u32>(), 256),
        exponent in 0u32..=255,
        spread in prop::sample::select(vec![1u32, 4, 40, 256]),
    ) {
        let weights: Vec<f32> = bits.iter().map(|&bits| {
            let exponent = (exponent + (bits >> 23 & 0xFF) % spread).min(255);
            f32::from_bits(bits & 0x807F_FFFF | exponent << 23)
        }).collect();
        for ty in written_blocks() {
            match round_trip(ty, &weights) {
                Ok(back) => prop_assert!(back.iter().all(|y| y.is_finite()), "{ty}"),
                Err(QuantError::NotFinite { index, .. }) => prop_assert!(!weights[index].is_finite()),
                Err(QuantError::ScaleTooLarge { first, last, .. }) => {
                    prop_assert!(weights[first..=last].iter().any(|x| x.abs() > 65504.0), "{ty}");
                }
                Err(other) => prop_assert!(false, "{ty}: {other}"),
            }
        }
    }

    /// Any bytes are blocks: reading never panics, and refuses exactly the lengths that do not match.
    #[test]
    fn any_bytes_are_blocks(bytes in prop::collection::vec(any::<u8>(), 0..900), n in 0usize..600) {
        for ty in GgmlType::ALL {
            let mut weights = vec![0.0; n];
            let fits = n % ty.block_len() == 0 && bytes.len() == n / ty.block_len() * ty.block_bytes();
            prop_assert_eq!(dequantize(ty, &bytes, &mut weights).is_ok(), fits && ty.is_weight());

            let blocks = bytes.len() / ty.block_bytes();
            let mut weights = vec![0.0; blocks * ty.block_len()];
            let whole = &bytes[..blocks * ty.block_bytes()];
            prop_assert_eq!(dequantize(ty, whole, &mut weights).is_ok(), ty.is_weight());
        }
    }

    /// A block's bytes depend on its own weights only.
    #[test]
    fn blocks_are_independent(
        a in prop::collection::vec(-1.0f32..1.0, 256),
        b in prop::collection::vec(-9.0f32..9.0, 256),
    ) {
        for ty in written_blocks() {
            let both = round_trip(ty, &[a.clone(), b.clone()].concat()).expect("ordinary weights");
            prop_assert_eq!(&both[..256], &round_trip(ty, &a).expect("ordinary weights")[..]);
            prop_assert_eq!(&both[256..], &round_trip(ty, &b).expect("ordinary weights")[..]);
        }
    }
}

#[test]
fn lengths_that_do_not_match_are_refused_with_what_was_expected() {
    let ty = GgmlType::Q4_K;
    let partial = QuantError::PartialBlock { ty, block_len: 256, found: 100 };
    assert_eq!(dequantize(ty, &[0; 144], &mut [0.0; 100]), Err(partial));
    assert_eq!(quantize(ty, &[0.0; 100], &mut [0; 144]), Err(partial));
    let short = QuantError::WrongByteCount { ty, weights: 256, expected: 144, found: 143 };
    assert_eq!(dequantize(ty, &[0; 143], &mut [0.0; 256]), Err(short));
    assert_eq!(quantize(ty, &[0.0; 256], &mut [0; 143]), Err(short));
    assert_eq!(short.to_string(), "Q4_K: expected 144 bytes for 256 weights, found 143");

    let ty = GgmlType::IQ1_S;
    assert_eq!(dequantize(ty, &[0; 50], &mut [0.0; 256]), Err(QuantError::NoDequantizer { ty }));
    let ty = GgmlType::Q2_K;
    assert_eq!(quantize(ty, &[0.0; 256], &mut [0; 84]), Err(QuantError::NoQuantizer { ty }));
}

#[test]
fn weights_that_would_ruin_their_block_are_refused() {
    for ty in written_blocks() {
        let mut blocks = vec![0; ty.row_bytes(512).expect("whole blocks")];
        for (bad, at) in [(f32::NAN, 0), (f32::INFINITY, 300), (f32::NEG_INFINITY, 511)] {
            let mut weights = [0.5; 512];
            weights[at] = bad;
            match quantize(ty, &weights, &mut blocks) {
                Err(QuantError::NotFinite { index, value, .. }) => {
                    assert_eq!((index, value.to_bits()), (at, bad.to_bits()), "{ty}");
                }
                other => panic!("{ty}: {other:?}"),
            }
        }
        let mut weights = [0.5; 512];
        weights[300] = -3e8;
        let (first, last) = if ty.block_len() == 32 { (288, 319) } else { (256, 511) };
        assert_eq!(quantize(ty, &weights, &mut blocks), Err(QuantError::ScaleTooLarge { ty, first, last }));
    }
}

#[test]
fn plain_numbers_keep_what_they_can_hold() {
    let weights = [f32::NAN, f32::INFINITY, -1e30, -0.0, 1.0];
    let back = |ty| round_trip(ty, &weights).expect("plain numbers are never refused");
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    assert!(same(&back(GgmlType::F32), &weights));
    assert!(same(&back(GgmlType::F16)[1..], &[f32::INFINITY, f32::NEG_INFINITY, -0.0, 1.0]));
    assert!(same(&back(GgmlType::BF16)[1..], &[f32::INFINITY, f32::from_bits(0xF14A_0000), -0.0, 1.0])); // −1.0003e30
    assert!(back(GgmlType::F16)[0].is_nan() && back(GgmlType::BF16)[0].is_nan());
}

#[test]
fn bf16_rounds_to_nearest_even_and_quietens_nans() {
    let bits = |x: u32| u16::from_le_bytes(bf16::from_f32(f32::from_bits(x)));
    assert_eq!(bits(0x3F80_7FFF), 0x3F80);
    assert_eq!(bits(0x3F80_8000), 0x3F80); // tie, even below
    assert_eq!(bits(0x3F81_8000), 0x3F82); // tie, even above
    assert_eq!(bits(0x7F7F_FFFF), 0x7F80); // rounds up into infinity
    assert_eq!(bits(0x7F80_0001), 0x7FC0); // a signalling NaN stays a NaN
    assert_eq!(bits(0xFFC1_2345), 0xFFC1);
}

#[test]
fn every_half_survives_the_way_through_f32() {
    for bits in 0..=u16::MAX {
        let number = f16::to_f32(bits.to_le_bytes());
        let back = u16::from_le_bytes(f16::from_f32(number));
        if number.is_nan() {
            assert_eq!(back, bits & 0x8000 | 0x7E00);
        } else {
            assert_eq!(back, bits);
        }
    }
}

#[test]
fn ties_between_halves_go_to_the_even_neighbour() {
    let halfway = |low: u16| (f16::to_f32(low.to_le_bytes()) + f16::to_f32((low + 1).to_le_bytes())) / 2.0;
    assert_eq!(f16::from_f32(halfway(0x3C00)), 0x3C00u16.to_le_bytes());
    assert_eq!(f16::from_f32(halfway(0x3C01)), 0x3C02u16.to_le_bytes());
    assert_eq!(f16::from_f32(halfway(0x0000)), 0x0000u16.to_le_bytes()); // half the smallest subnormal
    assert_eq!(f16::from_f32(65519.996), 0x7BFFu16.to_le_bytes()); // still 65504
    assert_eq!(f16::from_f32(65520.0), 0x7C00u16.to_le_bytes()); // a tie with 65536, which is infinity
}

#[test]
fn ids_and_names_of_types_round_trip() {
    for ty in GgmlType::ALL {
        assert_eq!(GgmlType::from_id(ty.id()), Some(ty));
        assert_eq!(GgmlType::from_name(&ty.name().to_lowercase()), Some(ty));
    }
    for removed in [4, 5, 31, 32, 33, 36, 37, 38, 43, u32::MAX] {
        assert_eq!(GgmlType::from_id(removed), None);
    }
}

#[test]
fn a_row_is_whole_blocks() {
    assert_eq!(GgmlType::Q4_1.row_bytes(576), Some(360));
    assert_eq!(GgmlType::Q4_K.row_bytes(640), None);
    assert_eq!(GgmlType::F64.row_bytes(usize::MAX), None);
}

#[test]
fn the_nearest_whole_number_of_a_tie_is_even() {
    for (x, expected) in [(0.5, 0), (1.5, 2), (-0.5, 0), (-2.5, -2), (2.4999, 2), (-7.9, -8), (4.0e6, 4_000_000)] {
        assert_eq!(k_search::nearest_int(x), expected, "{x}");
    }
    for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30] {
        assert!(k_search::nearest_int(x).abs() <= 1 << 22, "{x}");
    }
}

proptest! {
    /// Every bit of the twelve bytes belongs to exactly one scale or minimum.
    #[test]
    fn packing_scales_inverts_unpacking(bytes: [u8; 12]) {
        let (scales, mins) = k_scales::unpack(&bytes);
        prop_assert_eq!(k_scales::pack(&scales, &mins), bytes);
    }
}
