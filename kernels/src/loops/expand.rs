//! Unpacking into a panel: what `gemm.rs` does in registers for each product, done once for many columns.
//!
//! ```text
//!  for each tile, for each of its strips:   planes → 8 lines of codes, header → scales and minima   → a `Strip` in memory
//! ```

/// [`Kernels::expand`](crate::Kernels::expand) of an instruction set.
macro_rules! stamp_expand {
    ($features:literal) => {
        use super::registers::{store, store_line};
        use super::unpack::{scales, unpack};
        use $crate::packed::{Panel, TileLayout};
        use $crate::quant::GgmlType;

        #[target_feature(enable = $features)]
        fn expand_inner(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
            let layout = TileLayout::of(ty).expect("a panel is made of a block format");
            panel.shape(&layout, n_in, tiles);
            let tiles = tiles.chunks_exact(layout.tile_bytes());
            for (tile, strips) in tiles.zip(panel.strips.chunks_exact_mut(layout.strips)) {
                for (b, strip) in strips.iter_mut().enumerate() {
                    let lines = unpack(layout.codes, &tile[layout.strip_at(b)..]);
                    let (scale, min) = scales(layout.scales, tile, b);
                    (0..8).for_each(|j| store_line(&mut strip.codes[j], lines[j]));
                    for h in 0..2 {
                        store(&mut strip.scale[h], scale[h]);
                        store(&mut strip.min[h], min[h]);
                    }
                }
            }
        }

        pub(crate) fn expand(ty: GgmlType, n_in: usize, tiles: &[u8], panel: &mut Panel) {
            // SAFETY: see the top of the module of the set: this function is reachable only where the instructions exist.
            unsafe { expand_inner(ty, n_in, tiles, panel) }
        }
    };
}
pub(crate) use stamp_expand;
