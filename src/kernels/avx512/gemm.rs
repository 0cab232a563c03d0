//! Products with packed tiles, 64 multiplications an instruction.
//!
//! ```text
//!  a line of a strip, 64 bytes:   │ row 0: 4 inputs │ row 1: 4 inputs │ … │ row 15: 4 inputs │      u8 codes
//!  four inputs of one column:     │ x x x x         │ x x x x         │ … │ x x x x          │      i8, one word, 16 times
//!  vpdpbusd adds to 16 sums:      │ Σ of 4 products │ Σ of 4 products │ … │ Σ of 4 products  │      i32
//!
//!  for each strip of 32 inputs:
//!      lines ← unpack the planes                          once for all columns
//!      for each column:
//!          sums ← −zero · Σ q                             the zero point costs nothing
//!          for each of 8 lines:  sums ← vpdpbusd(sums, line, word of x)
//!          acc ← fma(sums · d_x, scale, acc)
//!          acc ← fma(s_x, min, acc)                       formats with minima
//! ```
//!
//! The twin of `scalar/gemm.rs`, where each of these steps is explained.

use crate::kernels::activations::ActBlock;
use crate::kernels::packed::{Codes, LINE, Layout, Panel, ROWS, STRIP, Scales, Strip};
use crate::kernels::shapes;
use crate::quant::GgmlType;
use core::arch::x86_64::*;

/// Loads 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn load(line: &[u8; LINE]) -> __m512i {
    // SAFETY: the reference is 64 readable bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
}

/// Loads 16 bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn load16(bytes: &[u8], at: usize) -> __m128i {
    let bytes: &[u8; 16] = bytes[at..].first_chunk().expect("a tile is as long as its layout says");
    // SAFETY: the reference is 16 readable bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Sixteen f16 at `at`, as f32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn load_halves(bytes: &[u8], at: usize) -> __m512 {
    let bytes: &[u8; 32] = bytes[at..].first_chunk().expect("a tile is as long as its layout says");
    // SAFETY: the reference is 32 readable bytes, and the load needs no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
}

/// Loads sixteen numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn load_f32(from: &[f32; ROWS]) -> __m512 {
    // SAFETY: the reference is sixteen readable numbers, and the load needs no alignment.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

/// Stores sixteen numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn store(to: &mut [f32; ROWS], x: __m512) {
    // SAFETY: the reference is sixteen writable numbers, and the store needs no alignment.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
}

/// Shifts each byte right by `by` (left if negative) and keeps the bits of `mask`, which no neighbour's bits can reach.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn bits(x: __m512i, by: i32, mask: i8) -> __m512i {
    let count = _mm_cvtsi32_si128(by.abs());
    let shifted = if by < 0 { _mm512_sll_epi16(x, count) } else { _mm512_srl_epi16(x, count) };
    _mm512_and_si512(shifted, _mm512_set1_epi8(mask))
}

/// The eight lines of a strip, a code a byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn unpack(codes: Codes, planes: &[u8]) -> [__m512i; 8] {
    let planes = &planes.as_chunks::<LINE>().0[..codes.strip_bytes() / LINE];
    let mut lines = [_mm512_setzero_si512(); 8];
    match codes {
        Codes::U8 => (0..8).for_each(|j| lines[j] = load(&planes[j])),
        Codes::U2 | Codes::U3 => {
            for j in 0..8 {
                lines[j] = bits(load(&planes[j / 4]), 2 * (j as i32 % 4), 3);
            }
        }
        Codes::U4 | Codes::U5 | Codes::U6 | Codes::Table(_) => {
            for g in 0..4 {
                let fours = load(&planes[g]);
                lines[g] = bits(fours, 0, 15);
                lines[g + 4] = bits(fours, 4, 15);
            }
        }
    }
    match codes {
        Codes::U3 => {
            for j in 0..8 {
                lines[j] = _mm512_or_si512(lines[j], bits(load(&planes[2]), j as i32 - 2, 1 << 2));
            }
        }
        Codes::U5 => {
            for j in 0..8 {
                lines[j] = _mm512_or_si512(lines[j], bits(load(&planes[4]), j as i32 - 4, 1 << 4));
            }
        }
        Codes::U6 => {
            for j in 0..8 {
                let high = bits(load(&planes[4 + j / 4]), 2 * (j as i32 % 4) - 4, 3 << 4);
                lines[j] = _mm512_or_si512(lines[j], high);
            }
        }
        Codes::Table(table) => {
            let table = _mm512_broadcast_i32x4(load16(table, 0));
            for line in &mut lines {
                *line = _mm512_shuffle_epi8(table, *line);
            }
        }
        _ => {}
    }
    lines
}

/// Scales and minima of the (half) strips, a row a lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn scales(scales: Scales, tile: &[u8], b: usize) -> ([__m512; 2], [__m512; 2]) {
    let zero = _mm512_setzero_ps();
    let (mut scale, mut min) = ([zero; 2], [zero; 2]);
    if let Scales::Exponent = scales {
        // 2^(e − 128): an exponent field of e − 1, or below the normal range a bit of the mantissa.
        let e = _mm512_cvtepu8_epi32(load16(tile, 0));
        let normal = _mm512_slli_epi32::<23>(_mm512_sub_epi32(e, _mm512_set1_epi32(1)));
        let small = _mm512_sllv_epi32(_mm512_set1_epi32(0x0020_0000), e);
        let is_small = _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2));
        scale[0] = _mm512_castsi512_ps(_mm512_mask_blend_epi32(is_small, normal, small));
        return (scale, min);
    }
    let d = load_halves(tile, 0);
    let signed = |at| _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load16(tile, at)));
    let unsigned = |bytes| _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
    let minus_dmin = || _mm512_xor_ps(load_halves(tile, 32), _mm512_set1_ps(-0.0));
    let low = |bytes| _mm_and_si128(bytes, _mm_set1_epi8(15));
    let high = |bytes| _mm_and_si128(_mm_srli_epi16::<4>(bytes), _mm_set1_epi8(15));
    match scales {
        Scales::F16 | Scales::Exponent => scale[0] = d,
        Scales::F16Min => (scale[0], min[0]) = (d, load_halves(tile, 32)),
        Scales::Signed => scale[0] = _mm512_mul_ps(d, signed(32 + 16 * b)),
        Scales::Min => {
            scale[0] = _mm512_mul_ps(d, unsigned(load16(tile, 64 + 32 * b)));
            min[0] = _mm512_mul_ps(minus_dmin(), unsigned(load16(tile, 64 + 32 * b + 16)));
        }
        Scales::HalvesSigned => {
            for h in 0..2 {
                scale[h] = _mm512_mul_ps(d, signed(32 + 16 * (2 * b + h)));
            }
        }
        Scales::HalvesSix => {
            let lows = load16(tile, 32 + 16 * b);
            let pairs = _mm_srl_epi16(load16(tile, 160 + 16 * (b / 2)), _mm_cvtsi32_si128(4 * (b as i32 % 2)));
            let upper = |pairs| _mm_and_si128(pairs, _mm_set1_epi8(0x30));
            let six = [
                _mm_or_si128(low(lows), upper(_mm_slli_epi16::<4>(pairs))),
                _mm_or_si128(high(lows), upper(_mm_slli_epi16::<2>(pairs))),
            ];
            for h in 0..2 {
                scale[h] = _mm512_mul_ps(d, _mm512_sub_ps(unsigned(six[h]), _mm512_set1_ps(32.0)));
            }
        }
        Scales::HalvesMin => {
            for h in 0..2 {
                let both = load16(tile, 64 + 16 * (2 * b + h));
                scale[h] = _mm512_mul_ps(d, unsigned(low(both)));
                min[h] = _mm512_mul_ps(minus_dmin(), unsigned(high(both)));
            }
        }
    }
    (scale, min)
}

/// `acc` after one (half) strip of one column: `sum` are its whole numbers, `s` what the minimum is multiplied with.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn add(acc: __m512, sum: __m512i, d: f32, scale: __m512, min: Option<(f32, __m512)>) -> __m512 {
    let acc = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(d)), scale, acc);
    min.map_or(acc, |(s, min)| _mm512_fmadd_ps(_mm512_set1_ps(s), min, acc))
}

/// One group of sixteen rows times `N` columns; `x[c]` is a column, `y[c]` its sixteen results.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn group<const TY: u32, const N: usize>(group: &[u8], x: [&[ActBlock]; N]) -> [__m512; N] {
    let layout = const { Layout::of_id::<TY>() };
    let (halves, has_min) = (layout.scales.halves(), layout.scales.min());
    let mut acc = [_mm512_setzero_ps(); N];
    for (t, tile) in group.chunks_exact(layout.tile_bytes()).enumerate() {
        for b in 0..layout.strips {
            let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
            let (scale, min) = scales(layout.scales, tile, b);
            for c in 0..N {
                let x = &x[c][t * layout.strips + b];
                if halves {
                    for h in 0..2 {
                        let mut sum = _mm512_set1_epi32(-layout.zero * x.sums[h]);
                        for j in 4 * h..4 * h + 4 {
                            sum = _mm512_dpbusd_epi32(sum, lines[j], _mm512_set1_epi32(x.word(j)));
                        }
                        let min = has_min.then_some((x.sums[h] as f32 * x.d, min[h]));
                        acc[c] = add(acc[c], sum, x.d, scale[h], min);
                    }
                } else {
                    let mut sum = _mm512_set1_epi32(-layout.zero * x.sum());
                    for j in 0..8 {
                        sum = _mm512_dpbusd_epi32(sum, lines[j], _mm512_set1_epi32(x.word(j)));
                    }
                    acc[c] = add(acc[c], sum, x.d, scale[0], has_min.then_some((x.s, min[0])));
                }
            }
        }
    }
    acc
}

/// [`Kernels::gemm`](crate::kernels::Kernels::gemm) for a block format: columns in eights, fours, twos, ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn gemm_inner<const TY: u32>(n_in: usize, tiles: &[u8], x: &[ActBlock], y: &mut [f32]) {
    let group_bytes = const { Layout::of_id::<TY>() }.group_bytes(n_in);
    let shapes::Gemm { n_groups, n_cols } = shapes::gemm(n_in, group_bytes, tiles, x.len() * STRIP, y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let column = |c: usize| &x[c * (n_in / STRIP)..][..n_in / STRIP];
    for (g, tiles) in tiles.chunks_exact(group_bytes).enumerate() {
        let mut c = 0;
        while c < n_cols {
            macro_rules! columns {
                ($n:literal) => {{
                    let acc = group::<TY, $n>(tiles, std::array::from_fn(|i| column(c + i)));
                    (0..$n).for_each(|i| store(&mut y[(c + i) * n_groups + g], acc[i]));
                    c += $n;
                }};
            }
            match n_cols - c {
                8.. => columns!(8),
                4.. => columns!(4),
                2.. => columns!(2),
                _ => columns!(1),
            }
        }
    }
}

/// Unpacks whole groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn expand_inner(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
    let layout = Layout::of(ty).expect("a panel is made of a block format");
    panel.shape(&layout, n_in, tiles);
    for (tile, strips) in tiles.chunks_exact(layout.tile_bytes()).zip(panel.strips.chunks_exact_mut(layout.strips)) {
        for (b, strip) in strips.iter_mut().enumerate() {
            let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
            let (scale, min) = scales(layout.scales, tile, b);
            for j in 0..8 {
                // SAFETY: the line is 64 writable bytes, and the store needs no alignment.
                unsafe { _mm512_storeu_si512(strip.codes[j].as_mut_ptr().cast(), lines[j]) };
            }
            for h in 0..2 {
                store(&mut strip.scale[h], scale[h]);
                store(&mut strip.min[h], min[h]);
            }
        }
    }
}

/// `G` groups of a panel times `N` columns: `G · N` sums live in registers while a line of codes is used `N` times and a
/// word of activations `G` times.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn tile<const HALVES: bool, const MIN: bool, const G: usize, const N: usize>(
    zero: i32,
    strips: [&[Strip]; G],
    x: [&[ActBlock]; N],
) -> [[__m512; N]; G] {
    let mut acc = [[_mm512_setzero_ps(); N]; G];
    for k in 0..strips[0].len() {
        for h in 0..if HALVES { 2 } else { 1 } {
            let mut sum = [[_mm512_setzero_si512(); N]; G];
            for c in 0..N {
                let x = &x[c][k];
                let start = _mm512_set1_epi32(-zero * if HALVES { x.sums[h] } else { x.sum() });
                (0..G).for_each(|g| sum[g][c] = start);
            }
            let n_lines = if HALVES { 4 } else { 8 };
            for j in n_lines * h..n_lines * h + n_lines {
                let lines: [__m512i; G] = std::array::from_fn(|g| load(&strips[g][k].codes[j]));
                for c in 0..N {
                    let word = _mm512_set1_epi32(x[c][k].word(j));
                    (0..G).for_each(|g| sum[g][c] = _mm512_dpbusd_epi32(sum[g][c], lines[g], word));
                }
            }
            for g in 0..G {
                let (scale, min) = (load_f32(&strips[g][k].scale[h]), load_f32(&strips[g][k].min[h]));
                for c in 0..N {
                    let x = &x[c][k];
                    let s = if HALVES { x.sums[h] as f32 * x.d } else { x.s };
                    acc[g][c] = add(acc[g][c], sum[g][c], x.d, scale, MIN.then_some((s, min)));
                }
            }
        }
    }
    acc
}

/// A panel of one kind times any number of columns: two groups at a time, columns in sixes, threes and ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn panel_inner<const HALVES: bool, const MIN: bool>(panel: &Panel, x: &[ActBlock], y: &mut [f32]) {
    let shapes::Gemm { n_groups, n_cols } = shapes::panel(panel, x, y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let n = panel.n_strips;
    let mut c = 0;
    while c < n_cols {
        let step = [6, 3, 1].into_iter().find(|&step| step <= n_cols - c).unwrap_or(1);
        let mut g = 0;
        while g < n_groups {
            macro_rules! step {
                ($groups:literal, $columns:literal) => {{
                    let strips = std::array::from_fn(|i| &panel.strips[(g + i) * n..][..n]);
                    let x = std::array::from_fn(|i| &x[(c + i) * n..][..n]);
                    let acc = tile::<HALVES, MIN, $groups, $columns>(panel.zero, strips, x);
                    for i in 0..$groups {
                        (0..$columns).for_each(|j| store(&mut y[(c + j) * n_groups + g + i], acc[i][j]));
                    }
                    g += $groups;
                }};
            }
            match (n_groups - g, step) {
                (2.., 6) => step!(2, 6),
                (2.., 3) => step!(2, 3),
                (2.., _) => step!(2, 1),
                (_, 6) => step!(1, 6),
                (_, 3) => step!(1, 3),
                (_, _) => step!(1, 1),
            }
        }
        c += step;
    }
}

pub(super) fn gemm<const TY: u32>(n_in: usize, tiles: &[u8], x: &[ActBlock], y: &mut [f32]) {
    // SAFETY: see the top of `avx512/mod.rs`: this function is reachable only where the instructions exist.
    unsafe { gemm_inner::<TY>(n_in, tiles, x, y) }
}

pub(super) fn expand(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe { expand_inner(ty, n_in, tiles, panel) }
}

pub(super) fn gemm_panel(panel: &Panel, x: &[ActBlock], y: &mut [f32]) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe {
        match (panel.halves, panel.min) {
            (false, false) => panel_inner::<false, false>(panel, x, y),
            (false, true) => panel_inner::<false, true>(panel, x, y),
            (true, false) => panel_inner::<true, false>(panel, x, y),
            (true, true) => panel_inner::<true, true>(panel, x, y),
        }
    }
}

/// A float format's product: `N` columns, `G` groups at a time so that several chains of additions are under way.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn float_tile<const TY: u32, const G: usize, const N: usize>(tiles: [&[u8]; G], x: [&[f32]; N]) -> [[__m512; N]; G] {
    let mut acc = [[_mm512_setzero_ps(); N]; G];
    let bytes = if TY == GgmlType::F32 as u32 { 4 * ROWS } else { 2 * ROWS };
    for k in 0..x[0].len() {
        let w: [__m512; G] = std::array::from_fn(|g| {
            let tile = &tiles[g][k * bytes..][..bytes];
            if TY == GgmlType::F32 as u32 {
                _mm512_castsi512_ps(load(tile.first_chunk().expect("sixteen f32 are a line")))
            } else if TY == GgmlType::F16 as u32 {
                load_halves(tile, 0)
            } else {
                let bytes: &[u8; 32] = tile.first_chunk().expect("sixteen brain floats are half a line");
                // SAFETY: the reference is 32 readable bytes, and the load needs no alignment.
                let upper = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(upper)))
            }
        });
        for c in 0..N {
            let x = _mm512_set1_ps(x[c][k]);
            (0..G).for_each(|g| acc[g][c] = _mm512_fmadd_ps(w[g], x, acc[g][c]));
        }
    }
    acc
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,avx2")]
fn float_inner<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    let group_bytes = n_in * ROWS * if TY == GgmlType::F32 as u32 { 4 } else { 2 };
    let shapes::Gemm { n_groups, n_cols } = shapes::gemm(n_in, group_bytes, tiles, x.len(), y);
    let y = y.as_chunks_mut::<ROWS>().0;
    let mut g = 0;
    while g < n_groups {
        let step = if n_groups - g >= 4 { 4 } else { 1 };
        let mut c = 0;
        while c < n_cols {
            macro_rules! step {
                ($groups:literal, $columns:literal) => {{
                    let tiles = std::array::from_fn(|i| &tiles[(g + i) * group_bytes..][..group_bytes]);
                    let x = std::array::from_fn(|i| &x[(c + i) * n_in..][..n_in]);
                    let acc = float_tile::<TY, $groups, $columns>(tiles, x);
                    for i in 0..$groups {
                        (0..$columns).for_each(|j| store(&mut y[(c + j) * n_groups + g + i], acc[i][j]));
                    }
                    c += $columns;
                }};
            }
            match (step, n_cols - c) {
                (4, 4..) => step!(4, 4),
                (4, _) => step!(4, 1),
                (_, 4..) => step!(1, 4),
                (_, _) => step!(1, 1),
            }
        }
        g += step;
    }
}

pub(super) fn gemm_float<const TY: u32>(n_in: usize, tiles: &[u8], x: &[f32], y: &mut [f32]) {
    // SAFETY: see the top of `avx512/mod.rs`.
    unsafe { float_inner::<TY>(n_in, tiles, x, y) }
}
