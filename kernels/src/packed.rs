//! The packed tile: how a weight matrix lies in memory while the engine runs.
//!
//! A GGUF row is one long line of blocks, which suits a file. A processor multiplies sixteen rows at once, so it wants
//! the same four inputs of sixteen rows beside each other. A tile is 16 rows × one block (32 or 256 inputs):
//!
//! ```text
//!  tile:  header (scales of 16 rows) │ codes of inputs 0…31 │ codes of inputs 32…63 │ …      (8 of them in K-quants)
//!
//!  line j of a strip of 32 inputs, 64 bytes: the codes of inputs 4j … 4j+3, as VNNI instructions read them
//!
//!     byte   0   1   2   3    4   5   6   7          60  61  62  63
//!          ┌───────────────┬───────────────┬── … ──┬───────────────┐
//!          │     row 0     │     row 1     │       │     row 15    │     j = 0 … 7
//!          │4j 4j+1 4j+2 +3│4j 4j+1 4j+2 +3│       │4j 4j+1 4j+2 +3│
//!          └───────────────┴───────────────┴── … ──┴───────────────┘
//! ```
//!
//! Eight-bit codes are stored as these eight lines. Narrower ones are split into *planes* of 1, 2 or 4 bits, each a few
//! 64-byte lines, so that every plane unpacks with a shift and a mask ([`Codes`]):
//!
//! ```text
//!  fours (4 lines)   byte of line g:  bits 7…4 = line g+4, bits 3…0 = line g
//!  twos  (2 lines)   byte of line h:  bits 2i+1…2i = line 4h + i
//!  ones  (1 line)    byte:            bit j = line j
//! ```
//!
//! Codes are unsigned. A format whose weights lie around zero has a *zero point* instead of a sign: `w = (code − zero) · d`;
//! the others have a minimum: `w = code · d + m`. Tiles of the same sixteen rows follow each other, then the next sixteen;
//! missing rows of the last sixteen are zeros. Floats have tiles of 16 rows × 1 input.
//!
//! Look first at the table in [`TileLayout::of`]. What is deliberately not here: moving bytes (`pack/`), arithmetic
//! (`scalar/`). The interleaving follows `repack.cpp` of llama.cpp and `iqk` of ik_llama.cpp in spirit; the tiles are
//! our own.

use crate::quant::{GgmlType, f16, iq4_nl, mxfp4};

/// Rows of a tile: one 64-byte line holds a 32-bit word of each.
pub const ROWS: usize = 16;
/// Inputs of a strip, the unit in which activations are quantised.
pub const STRIP: usize = 32;
/// Bytes of a line.
pub const LINE: usize = 64;

/// Which planes make a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    /// Fours.
    U4,
    /// Fours, then ones for bit 4.
    U5,
    /// Fours, then twos for bits 5…4.
    U6,
    /// Eight lines of bytes.
    U8,
    /// Twos, then ones for bit 2.
    U3,
    /// Twos.
    U2,
    /// Fours that are looked up: code `i` stands for `table[i]`, already made unsigned.
    Table(&'static [u8; 16]),
}

impl Codes {
    /// Bytes of one strip of 16 × 32 codes.
    pub const fn strip_bytes(self) -> usize {
        LINE * match self {
            Codes::U2 => 2,
            Codes::U3 => 3,
            Codes::U4 | Codes::Table(_) => 4,
            Codes::U5 => 5,
            Codes::U6 => 6,
            Codes::U8 => 8,
        }
    }

    /// The largest code: it decides how many products fit sixteen bits.
    pub const fn max(self) -> u8 {
        match self {
            Codes::U2 => 3,
            Codes::U3 => 7,
            Codes::U4 => 15,
            Codes::U5 => 31,
            Codes::U6 => 63,
            Codes::U8 => 255,
            Codes::Table(table) => largest(table),
        }
    }
}

/// What the header of a tile holds, and how scale and minimum of a strip come out of it. Every entry is sixteen
/// numbers, one per row; `b` is the number of the strip in the tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scales {
    /// `d` f16.
    F16,
    /// `d` f16, `m` f16.
    F16Min,
    /// `e` u8: `d = 2^(e − 128)`.
    Exponent,
    /// `d` f16, then 8 × `s` i8: scale = d · s_b.
    Signed,
    /// `d` f16, `dmin` f16, then 8 × (`s` u8, `n` u8): scale = d · s_b, minimum = −dmin · n_b.
    Min,
    /// `d` f16, then 16 × `s` i8: scale of each half strip = d · s.
    HalvesSigned,
    /// `d` f16, then 8 × nibbles, then 4 × bit pairs: as `HalvesSigned` with `s` of six bits, less 32.
    HalvesSix,
    /// `d` f16, `dmin` f16, then 16 × (`s` bits 3…0, `n` bits 7…4): scale and minimum of each half strip.
    HalvesMin,
}

impl Scales {
    /// Bytes of the header.
    pub const fn header_bytes(self) -> usize {
        ROWS * match self {
            Scales::Exponent => 1,
            Scales::F16 => 2,
            Scales::F16Min => 4,
            Scales::Signed => 2 + 8,
            Scales::HalvesSix => 2 + 8 + 4,
            Scales::HalvesSigned => 2 + 16,
            Scales::Min | Scales::HalvesMin => 4 + 16,
        }
    }

    /// Whether each half of a strip, 16 inputs, has a scale of its own.
    pub const fn halves(self) -> bool {
        matches!(self, Scales::HalvesSigned | Scales::HalvesSix | Scales::HalvesMin)
    }

    /// Whether there are minima.
    pub const fn min(self) -> bool {
        matches!(self, Scales::F16Min | Scales::Min | Scales::HalvesMin)
    }
}

/// IQ4_NL's values + 128.
static IQ4_CODES: [u8; 16] = add_to_all(&iq4_nl::VALUES, 128);
/// MXFP4's doubled values + 12.
static MXFP4_CODES: [u8; 16] = add_to_all(&mxfp4::DOUBLED, 12);

const fn add_to_all(values: &[i8; 16], zero: i32) -> [u8; 16] {
    let mut codes = [0; 16];
    let mut i = 0;
    while i < 16 {
        codes[i] = (values[i] as i32 + zero) as u8;
        i += 1;
    }
    codes
}

const fn largest(codes: &[u8; 16]) -> u8 {
    let (mut max, mut i) = (0, 0);
    while i < 16 {
        if codes[i] > max {
            max = codes[i];
        }
        i += 1;
    }
    max
}

/// How a block format is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileLayout {
    /// Strips of 32 inputs in a tile: 1, or 8 in formats with blocks of 256.
    pub strips: usize,
    /// The planes of each strip.
    pub codes: Codes,
    /// The header.
    pub scales: Scales,
    /// The code that stands for zero; 0 in formats with minima.
    pub zero: i32,
}

impl TileLayout {
    /// The layout of a block format; `None` for floats and for types that are no weights.
    pub const fn of(ty: GgmlType) -> Option<Self> {
        let (strips, codes, scales, zero) = match ty {
            GgmlType::Q4_0 => (1, Codes::U4, Scales::F16, 8),
            GgmlType::Q4_1 => (1, Codes::U4, Scales::F16Min, 0),
            GgmlType::Q5_0 => (1, Codes::U5, Scales::F16, 16),
            GgmlType::Q5_1 => (1, Codes::U5, Scales::F16Min, 0),
            GgmlType::Q8_0 => (1, Codes::U8, Scales::F16, 128),
            GgmlType::Q2_K => (8, Codes::U2, Scales::HalvesMin, 0),
            GgmlType::Q3_K => (8, Codes::U3, Scales::HalvesSix, 4),
            GgmlType::Q4_K => (8, Codes::U4, Scales::Min, 0),
            GgmlType::Q5_K => (8, Codes::U5, Scales::Min, 0),
            GgmlType::Q6_K => (8, Codes::U6, Scales::HalvesSigned, 32),
            GgmlType::IQ4_NL => (1, Codes::Table(&IQ4_CODES), Scales::F16, 128),
            GgmlType::IQ4_XS => (8, Codes::Table(&IQ4_CODES), Scales::Signed, 128),
            GgmlType::MXFP4 => (1, Codes::Table(&MXFP4_CODES), Scales::Exponent, 12),
            _ => return None,
        };
        Some(Self { strips, codes, scales, zero })
    }

    /// The layout of the block format with this id, for use as a constant of a generic kernel.
    pub(super) const fn of_id<const TY: u32>() -> Self {
        let mut i = 0;
        while i < GgmlType::WEIGHTS.len() {
            if GgmlType::WEIGHTS[i] as u32 == TY {
                match Self::of(GgmlType::WEIGHTS[i]) {
                    Some(layout) => return layout,
                    None => panic!("a float format has no tile layout"),
                }
            }
            i += 1;
        }
        panic!("not a weight format")
    }

    /// Bytes of a tile.
    pub const fn tile_bytes(&self) -> usize {
        self.scales.header_bytes() + self.strips * self.codes.strip_bytes()
    }

    /// Bytes of sixteen rows of `n_in` inputs.
    pub const fn group_bytes(&self, n_in: usize) -> usize {
        n_in / (STRIP * self.strips) * self.tile_bytes()
    }

    /// Where in a tile the planes of strip `b` begin.
    pub const fn strip_at(&self, b: usize) -> usize {
        self.scales.header_bytes() + b * self.codes.strip_bytes()
    }
}

/// Bytes that sixteen rows of `n_in` weights take when packed, or `None` if `ty` is no weight format or `n_in` no whole
/// number of its blocks.
pub fn group_bytes(ty: GgmlType, n_in: usize) -> Option<usize> {
    if !ty.is_weight() || !n_in.is_multiple_of(ty.block_len()) {
        return None;
    }
    match TileLayout::of(ty) {
        Some(layout) => Some(layout.group_bytes(n_in)),
        None => n_in.checked_mul(ROWS * ty.block_bytes()),
    }
}

/// Bytes that a matrix takes when packed: rows are filled up to a multiple of sixteen.
pub fn packed_bytes(ty: GgmlType, n_in: usize, n_out: usize) -> Option<usize> {
    group_bytes(ty, n_in)?.checked_mul(n_out.div_ceil(ROWS))
}

/// Sixteen rows × 32 inputs with everything unpacked: a code a byte, scales and minima as f32. What a kernel computes
/// with; a kernel for few columns makes it in registers, prefill keeps it in a [`Panel`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Strip {
    /// Line `j`, byte `4r + i`: the code of row `r`, input `4j + i`.
    pub codes: [[u8; LINE]; 8],
    /// Of each row; in formats with halves `[0]` for inputs 0…15 and `[1]` for 16…31, otherwise only `[0]` counts.
    pub scale: [[f32; ROWS]; 2],
    /// What is added to each weight, as `scale`. Counts only in formats with minima.
    pub min: [[f32; ROWS]; 2],
}

impl Strip {
    /// Zeros.
    pub const ZERO: Self = Self { codes: [[0; LINE]; 8], scale: [[0.0; ROWS]; 2], min: [[0.0; ROWS]; 2] };

    /// Reads strip `b` of a tile.
    pub fn read(layout: &TileLayout, tile: &[u8], b: usize) -> Self {
        let mut strip = Self::ZERO;
        strip.read_codes(layout.codes, &tile[layout.strip_at(b)..][..layout.codes.strip_bytes()]);
        strip.read_scales(layout.scales, tile, b);
        strip
    }

    fn read_codes(&mut self, codes: Codes, planes: &[u8]) {
        let lines = planes.as_chunks::<LINE>().0;
        let fours = |j: usize, i: usize| lines[j % 4][i] >> (4 * (j / 4)) & 15;
        let twos = |at: usize, j: usize, i: usize| lines[at + j / 4][i] >> (2 * (j % 4)) & 3;
        let ones = |at: usize, j: usize, i: usize| lines[at][i] >> j & 1;
        for j in 0..8 {
            for i in 0..LINE {
                self.codes[j][i] = match codes {
                    Codes::U2 => twos(0, j, i),
                    Codes::U3 => twos(0, j, i) | ones(2, j, i) << 2,
                    Codes::U4 => fours(j, i),
                    Codes::U5 => fours(j, i) | ones(4, j, i) << 4,
                    Codes::U6 => fours(j, i) | twos(4, j, i) << 4,
                    Codes::U8 => lines[j][i],
                    Codes::Table(table) => table[usize::from(fours(j, i))],
                };
            }
        }
    }

    /// Products of an f16 and a small integer are exact in f32.
    fn read_scales(&mut self, scales: Scales, tile: &[u8], b: usize) {
        let half = |at: usize, r: usize| f16::to_f32([tile[at + 2 * r], tile[at + 2 * r + 1]]);
        for r in 0..ROWS {
            let byte = |at: usize| tile[at + r];
            match scales {
                Scales::Exponent => self.scale[0][r] = mxfp4::half_scale(byte(0)),
                Scales::F16 => self.scale[0][r] = half(0, r),
                Scales::F16Min => {
                    self.scale[0][r] = half(0, r);
                    self.min[0][r] = half(32, r);
                }
                Scales::Signed => self.scale[0][r] = half(0, r) * f32::from(byte(32 + 16 * b) as i8),
                Scales::Min => {
                    self.scale[0][r] = half(0, r) * f32::from(byte(64 + 32 * b));
                    self.min[0][r] = -half(32, r) * f32::from(byte(64 + 32 * b + 16));
                }
                Scales::HalvesSigned => {
                    for h in 0..2 {
                        self.scale[h][r] = half(0, r) * f32::from(byte(32 + 16 * (2 * b + h)) as i8);
                    }
                }
                Scales::HalvesSix => {
                    for h in 0..2 {
                        let low = byte(32 + 16 * b) >> (4 * h) & 15;
                        let high = byte(32 + 128 + 16 * (b / 2)) >> (4 * (b % 2) + 2 * h) & 3;
                        self.scale[h][r] = half(0, r) * (i32::from(low | high << 4) - 32) as f32;
                    }
                }
                Scales::HalvesMin => {
                    for h in 0..2 {
                        let both = byte(64 + 16 * (2 * b + h));
                        self.scale[h][r] = half(0, r) * f32::from(both & 15);
                        self.min[h][r] = -half(32, r) * f32::from(both >> 4);
                    }
                }
            }
        }
    }
}

/// Some groups of sixteen rows with everything unpacked, to be multiplied with many columns. Keep one and use it again:
/// it allocates only to grow.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    /// `[n_groups][n_strips]`.
    pub strips: Vec<Strip>,
    /// Strips in a row.
    pub n_strips: usize,
    /// The zero point of the codes; 0 where there are minima.
    pub zero: i32,
    /// The largest code that can occur.
    pub max: u8,
    /// Whether each half of a strip has its own scale.
    pub halves: bool,
    /// Whether there are minima.
    pub min: bool,
}

impl Panel {
    /// An empty panel.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the shape for `tiles` (whole groups of sixteen rows) of `n_in` inputs. Old contents stay until overwritten.
    pub(super) fn shape(&mut self, layout: &TileLayout, n_in: usize, tiles: &[u8]) {
        self.n_strips = n_in / STRIP;
        let n_groups = tiles.len() / layout.group_bytes(n_in).max(1);
        (self.zero, self.max) = (layout.zero, layout.codes.max());
        (self.halves, self.min) = (layout.scales.halves(), layout.scales.min());
        self.strips.resize(n_groups * self.n_strips, Strip::ZERO);
    }
}
