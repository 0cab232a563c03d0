//! The loops over tiles, panels and rows, written once for all instruction sets.
//!
//! A vector kernel is a loop around three things that depend on the instruction set: how a register is loaded and stored,
//! how packed codes are unpacked into registers, and how codes are multiplied with activations. The loop itself is the same
//! text everywhere; only the number of rows and columns that it handles at a time differs, because the number of registers
//! differs. So each file here has one macro. An instruction set calls it in a module of its own, with its target features
//! and these numbers, and the macro compiles the loop with the functions that the set has in scope:
//!
//! ```text
//!  in the module of the set         what it holds                                               read by
//!  registers  Line, I32x16, F32x16  sixteen rows: 64 bytes, 16 × i32, 16 × f32                  gemm, panel, expand, float
//!             load, store_line, load_f32, store, set, mul, fma, to_f32, read_f32, read_f16, read_bf16
//!  unpack     unpack, scales        a strip of a tile → 8 lines of codes, scales and minima     gemm, expand
//!  dot        dot                   Σ (code − zero) · q over the lines of a strip               gemm, panel
//!  stored     Register, LANES       one register: LANES × f32                                   attention, load
//!             zero, splat, mul, fma, load, store, load_stored, transpose
//! ```
//!
//! Macros, and not generic functions over a trait: a `#[target_feature]` function cannot be a trait's, and the compiler
//! inlines an instruction only into a function with the same features. The code is the one that four copies would give. For the
//! same reason write plain loops in an inner loop: a closure in `array::map` or `from_fn`, which have no features, may be left as
//! a call for every step (a symbol `…::{{closure}}` in the assembly), and then costs a third of the speed.
//!
//! Look first at `gemm.rs`. What is deliberately not here: instructions. The specification of all loops is `scalar/`.

mod attention;
mod expand;
mod float;
mod gemm;
mod panel;
pub(super) mod stored;

pub(super) use attention::stamp_attention;
pub(super) use expand::stamp_expand;
pub(super) use float::stamp_float;
pub(super) use gemm::stamp_gemm;
pub(super) use panel::stamp_panel;
pub(super) use stored::stamp_loads;
