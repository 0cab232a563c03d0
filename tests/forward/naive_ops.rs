//! Laws and known values of the naive operations, one by one.

use approx::assert_abs_diff_eq;
use cutaway::model::{ActFn, Experts, Rope, RopePairing};
use cutaway::naive::weights::Frequencies;
use cutaway::naive::{Ops, ReferenceOps};
use ndarray::{Array1, Array2, Array3, Axis, array, s};
use proptest::prelude::*;

fn numbers(n: usize) -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec(-4.0f32..4.0, n)
}

fn matrix(rows: usize, columns: usize) -> impl Strategy<Value = Array2<f32>> {
    numbers(rows * columns).prop_map(move |x| Array2::from_shape_vec((rows, columns), x).unwrap())
}

fn cube(a: usize, b: usize, c: usize) -> impl Strategy<Value = Array3<f32>> {
    numbers(a * b * c).prop_map(move |x| Array3::from_shape_vec((a, b, c), x).unwrap())
}

fn rope(n_rot: usize, pairing: RopePairing) -> Rope {
    Rope {
        n_rot,
        pairing,
        base: 10_000.0,
        freq_scale: 1.0,
        ext_factor: 0.0,
        attn_factor: 1.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
        n_ctx_orig: 4096,
        freq_factors: None,
    }
}

fn close(a: impl IntoIterator<Item = f32>, b: impl IntoIterator<Item = f32>, tolerance: f32) {
    let (a, b): (Vec<f32>, Vec<f32>) = (a.into_iter().collect(), b.into_iter().collect());
    assert_abs_diff_eq!(a[..], b[..], epsilon = tolerance);
}

/// x · sigmoid(x), and GELU in its tanh form, worked out in float64.
#[test]
fn nonlinearities_have_their_published_values() {
    let x = array![[-2.0f32, -0.5, 0.0, 1.0, 3.0]];
    let silu = ReferenceOps.activate(ActFn::Silu, None, &x);
    close(silu, [-0.238_405_84, -0.188_770_34, 0.0, 0.731_058_6, 2.857_722_4], 1e-6);
    let gelu = ReferenceOps.activate(ActFn::Gelu, None, &x);
    close(gelu, [-0.045_402_3, -0.154_286, 0.0, 0.841_191_9, 2.996_362_7], 1e-6);
    let gated = ReferenceOps.activate(ActFn::Silu, Some(&x), &array![[2.0f32, 2.0, 2.0, 2.0, 2.0]]);
    close(gated, [-0.476_811_7, -0.377_540_7, 0.0, 1.462_117_1, 5.715_444_6], 1e-6);
}

#[test]
fn norms_of_a_small_vector() {
    let (x, ones) = (array![[3.0f32, 4.0]], array![1.0f32, 1.0]);
    // √(mean(9, 16)) = √12.5
    let rms = ReferenceOps.rms_norm(&x, &ones, 0.0);
    close(rms.scale, [12.5f32.sqrt()], 1e-6);
    close(rms.out, [3.0 / 12.5f32.sqrt(), 4.0 / 12.5f32.sqrt()], 1e-6);
    // mean 3.5, standard deviation 0.5
    let layer = ReferenceOps.layer_norm(&x, &array![2.0, 2.0], Some(&array![10.0, 10.0]), 0.0);
    close(layer.scale, [0.5], 1e-6);
    close(layer.out, [8.0, 12.0], 1e-5);
}

/// YaRN leaves the fastest pair alone and slows the slowest by the whole factor.
#[test]
fn yarn_keeps_fast_pairs_and_stretches_slow_ones() {
    let plain = Frequencies::new(&rope(64, RopePairing::Adjacent));
    let stretched = Rope { freq_scale: 0.25, ext_factor: 1.0, ..rope(64, RopePairing::Adjacent) };
    let yarn = Frequencies::new(&stretched);
    assert_eq!(yarn.per_pair[0], plain.per_pair[0]);
    assert_abs_diff_eq!(yarn.per_pair[31], plain.per_pair[31] * 0.25, epsilon = 1e-12);
    assert_abs_diff_eq!(yarn.magnitude, 1.0 + 0.1 * 4f32.ln(), epsilon = 1e-6);
    assert!(yarn.per_pair.windows(2).all(|pair| pair[0] > pair[1]), "frequencies fall");

    let linear = Frequencies::new(&Rope { freq_scale: 0.25, ..rope(64, RopePairing::Adjacent) });
    assert!(linear.per_pair.iter().zip(&plain.per_pair).all(|(l, p)| (l - p * 0.25).abs() < 1e-12));
    assert_eq!(linear.magnitude, 1.0);
}

#[test]
fn a_router_sends_tokens_to_the_best_experts() {
    let experts = Experts { n: 4, n_used: 2, renormalize: true, min_weight_sum: 6.103_515_6e-5 };
    // p = softmax(ln 1, ln 4, ln 2, ln 1) = 1/8, 4/8, 2/8, 1/8
    let scores = array![[1f32.ln(), 4f32.ln(), 2f32.ln(), 1f32.ln()]];
    let routing = ReferenceOps.route(&scores, &experts);
    assert_eq!(routing.experts, array![[1, 2]]);
    close(routing.weights, [4.0 / 6.0, 2.0 / 6.0], 1e-6);
    let plain = ReferenceOps.route(&scores, &Experts { renormalize: false, ..experts });
    close(plain.weights, [0.5, 0.25], 1e-6);
}

proptest! {
    /// Against the definition in f64. Each of n terms is rounded twice: n · 2⁻²³ · Σ|x·w| bounds the error.
    #[test]
    fn linear_is_a_matrix_product(x in matrix(3, 37), w in matrix(37, 5), bias in numbers(5)) {
        let y = ReferenceOps.linear(&x, &w, Some(&Array1::from(bias.clone())));
        for t in 0..3 {
            for o in 0..5 {
                let terms = || (0..37).map(|i| f64::from(x[[t, i]]) * f64::from(w[[i, o]]));
                let exact = terms().sum::<f64>() + f64::from(bias[o]);
                let bound = 38.0 * f64::from(f32::EPSILON) * (terms().map(f64::abs).sum::<f64>() + 4.0);
                prop_assert!((f64::from(y[[t, o]]) - exact).abs() <= bound);
            }
        }
    }

    /// q at position p and k at position p': their product depends on p − p' only.
    #[test]
    fn rope_makes_products_relative(x in cube(1, 1, 12), y in cube(1, 1, 12), p in 0usize..500, q in 0usize..500, shift in 0usize..500) {
        for pairing in [RopePairing::Adjacent, RopePairing::Halves] {
            let frequencies = Frequencies::new(&rope(8, pairing)); // the last four components do not turn
            let product = |p: usize, q: usize| {
                let (a, b) = (ReferenceOps.rope(&x, &[p], &frequencies), ReferenceOps.rope(&y, &[q], &frequencies));
                (a * b).sum()
            };
            prop_assert!((product(p, q) - product(p + shift, q + shift)).abs() < 1e-3);
            let turned = ReferenceOps.rope(&x, &[p], &frequencies);
            prop_assert_eq!(turned.slice(s![.., .., 8..]), x.slice(s![.., .., 8..]));
            prop_assert!(((&turned * &turned).sum() - (&x * &x).sum()).abs() < 1e-3, "a turn keeps the length");
        }
    }

    #[test]
    fn softmax_is_a_distribution(x in numbers(9), shift in -50.0f32..50.0) {
        let x = Array1::from(x);
        let p = ReferenceOps.softmax(&x);
        prop_assert!((p.sum() - 1.0).abs() < 1e-6 && p.iter().all(|&p| p > 0.0));
        close(p, ReferenceOps.softmax(&x.mapv(|x| x + shift)), 1e-5);
    }

    /// Attention is an average of the values that a query may see, and of no others.
    #[test]
    fn what_is_not_visible_does_not_matter(q in cube(1, 2, 4), k in cube(1, 6, 4), v in cube(1, 6, 3), other in cube(1, 6, 4)) {
        let visible = 2..5;
        let seen = ReferenceOps.attention(&q, &k, &v, std::slice::from_ref(&visible), 0.5);
        let (mut k2, mut v2) = (other.clone(), other.slice(s![.., .., ..3]).to_owned());
        k2.slice_mut(s![.., 2..5, ..]).assign(&k.slice(s![.., 2..5, ..]));
        v2.slice_mut(s![.., 2..5, ..]).assign(&v.slice(s![.., 2..5, ..]));
        let same = ReferenceOps.attention(&q, &k2, &v2, std::slice::from_ref(&visible), 0.5);
        prop_assert_eq!(&seen.z, &same.z);
        prop_assert!(seen.pattern.slice(s![.., .., ..2]).iter().all(|&p| p == 0.0));
        prop_assert!(seen.scores.slice(s![.., .., 5..]).iter().all(|&s| s == f32::NEG_INFINITY));
        for head in 0..2 {
            prop_assert!((seen.pattern.slice(s![head, 0, ..]).sum() - 1.0).abs() < 1e-6);
        }
    }

    /// Two query heads on one key/value head are two heads whose keys and values are copies.
    #[test]
    fn shared_heads_are_repeated_heads(q in cube(2, 4, 3), k in cube(2, 5, 3), v in cube(2, 5, 3)) {
        let visible = [0..4, 0..5];
        let grouped = ReferenceOps.attention(&q, &k, &v, &visible, 1.0);
        let repeat = |x: &Array3<f32>| x.select(Axis(0), &[0, 0, 1, 1]);
        let full = ReferenceOps.attention(&q, &repeat(&k), &repeat(&v), &visible, 1.0);
        prop_assert_eq!(grouped.z, full.z);
    }

    #[test]
    fn rms_norm_forgets_the_length(x in numbers(8), factor in 0.5f32..20.0) {
        prop_assume!(x.iter().map(|x| x * x).sum::<f32>() > 1.0);
        let x = Array2::from_shape_vec((1, 8), x).unwrap();
        let ones = Array1::ones(8);
        close(ReferenceOps.rms_norm(&x, &ones, 0.0).out, ReferenceOps.rms_norm(&(&x * factor), &ones, 0.0).out, 1e-5);
    }

    /// |y| never exceeds the cap, and small values pass.
    #[test]
    fn softcap_bends_only_the_large(x in matrix(1, 6), cap in 10.0f32..50.0) {
        let y = ReferenceOps.softcap(&(&x * 1000.0), cap);
        prop_assert!(y.iter().all(|y| y.abs() <= cap));
        close(ReferenceOps.softcap(&(&x * 1e-3), cap), &x * 1e-3, 1e-6);
    }
}
