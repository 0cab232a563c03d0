//! [`GgmlType`]: the number that a GGUF file writes beside each tensor, and what it says about its bytes.
//!
//! Look first at the table in [`GgmlType::layout`]: it is the whole module. Formats that this project does not
//! compute with are listed too, because a reader must know how many bytes to skip.

/// How the elements of a tensor are stored. The discriminant is the id in the file.
///
/// Ids 4, 5, 31–33 and 36–38 belonged to formats that were removed; [`GgmlType::from_id`] knows none of them.
/// Source: `enum ggml_type` in `ggml.h`.
#[allow(non_camel_case_types, missing_docs)] // the variants are the field's own names
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum GgmlType {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q8_1 = 9,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    Q8_K = 15,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
    NVFP4 = 40,
    Q1_0 = 41,
    Q2_0 = 42,
}

impl GgmlType {
    /// One more than the largest id that GGUF v3 knows.
    pub const COUNT: u32 = 43;

    /// Every type that has a layout, in the order of its id.
    pub const ALL: [GgmlType; 35] = {
        use GgmlType::*;
        [
            F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K, IQ2_XXS, IQ2_XS, IQ3_XXS,
            IQ1_S, IQ4_NL, IQ3_S, IQ2_S, IQ4_XS, I8, I16, I32, I64, F64, IQ1_M, BF16, TQ1_0, TQ2_0, MXFP4, NVFP4, Q1_0,
            Q2_0,
        ]
    };

    /// The formats a weight matrix may have here: both forward paths read every one of them.
    pub const WEIGHTS: [GgmlType; 16] = {
        use GgmlType::*;
        [F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4]
    };

    /// The type with this id, or `None` for a removed or unknown one.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| *ty as u32 == id)
    }

    /// The type with this name, in upper or lower case (`q4_k`, `F16`).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name().eq_ignore_ascii_case(name))
    }

    /// The id written in the file.
    pub fn id(self) -> u32 {
        self as u32
    }

    /// (weights in a block, bytes of a block, name). Sizes are those of the structs in `ggml-common.h`.
    const fn layout(self) -> (usize, usize, &'static str) {
        match self {
            GgmlType::F32 => (1, 4, "F32"),
            GgmlType::F16 => (1, 2, "F16"),
            GgmlType::BF16 => (1, 2, "BF16"),
            GgmlType::Q4_0 => (32, 18, "Q4_0"),
            GgmlType::Q4_1 => (32, 20, "Q4_1"),
            GgmlType::Q5_0 => (32, 22, "Q5_0"),
            GgmlType::Q5_1 => (32, 24, "Q5_1"),
            GgmlType::Q8_0 => (32, 34, "Q8_0"),
            GgmlType::Q8_1 => (32, 36, "Q8_1"),
            GgmlType::Q2_K => (256, 84, "Q2_K"),
            GgmlType::Q3_K => (256, 110, "Q3_K"),
            GgmlType::Q4_K => (256, 144, "Q4_K"),
            GgmlType::Q5_K => (256, 176, "Q5_K"),
            GgmlType::Q6_K => (256, 210, "Q6_K"),
            GgmlType::Q8_K => (256, 292, "Q8_K"),
            GgmlType::IQ4_NL => (32, 18, "IQ4_NL"),
            GgmlType::IQ4_XS => (256, 136, "IQ4_XS"),
            GgmlType::MXFP4 => (32, 17, "MXFP4"),
            GgmlType::IQ1_S => (256, 50, "IQ1_S"),
            GgmlType::IQ1_M => (256, 56, "IQ1_M"),
            GgmlType::IQ2_XXS => (256, 66, "IQ2_XXS"),
            GgmlType::IQ2_XS => (256, 74, "IQ2_XS"),
            GgmlType::IQ2_S => (256, 82, "IQ2_S"),
            GgmlType::IQ3_XXS => (256, 98, "IQ3_XXS"),
            GgmlType::IQ3_S => (256, 110, "IQ3_S"),
            GgmlType::TQ1_0 => (256, 54, "TQ1_0"),
            GgmlType::TQ2_0 => (256, 66, "TQ2_0"),
            GgmlType::NVFP4 => (64, 36, "NVFP4"),
            GgmlType::Q1_0 => (128, 18, "Q1_0"),
            GgmlType::Q2_0 => (64, 18, "Q2_0"),
            GgmlType::I8 => (1, 1, "I8"),
            GgmlType::I16 => (1, 2, "I16"),
            GgmlType::I32 => (1, 4, "I32"),
            GgmlType::I64 => (1, 8, "I64"),
            GgmlType::F64 => (1, 8, "F64"),
        }
    }

    /// How many weights share one block: 1 for plain numbers, 32 or 256 for most quantised formats.
    pub const fn block_len(self) -> usize {
        self.layout().0
    }

    /// Bytes of one block.
    pub const fn block_bytes(self) -> usize {
        self.layout().1
    }

    /// The name as GGML prints it.
    pub const fn name(self) -> &'static str {
        self.layout().2
    }

    /// Bits a weight takes on average, scales included: 8.5 for Q8_0, 4.5 for Q4_0 and Q4_K.
    pub fn bits_per_weight(self) -> f64 {
        self.block_bytes() as f64 * 8.0 / self.block_len() as f64
    }

    /// Bytes of a row of `n` weights, or `None` if `n` is not a whole number of blocks or the size overflows.
    pub fn row_bytes(self, n: usize) -> Option<usize> {
        if !n.is_multiple_of(self.block_len()) {
            return None;
        }
        (n / self.block_len()).checked_mul(self.block_bytes())
    }

    /// Whether the weights are plain numbers rather than blocks with a shared scale.
    pub fn is_float(self) -> bool {
        matches!(self, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16 | GgmlType::F64)
    }

    /// Whether both forward paths can compute with a matrix of this format.
    pub fn is_weight(self) -> bool {
        Self::WEIGHTS.contains(&self)
    }
}

impl std::fmt::Display for GgmlType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
