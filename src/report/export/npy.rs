//! NumPy's file format, version 1.0: a header in Python's notation, then the values.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::{self, Write};

/// Writes f32 values, little-endian, in C order.
///
/// # Errors
/// If `out` cannot be written, or if the shape does not have as many values, or is too long for a header.
pub fn npy(shape: &[usize], values: &[f32], out: &mut dyn Write) -> io::Result<()> {
    let invalid = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if shape.iter().product::<usize>() != values.len() {
        return invalid(format!("{} values do not have the shape {shape:?}", values.len()));
    }
    let comma = if shape.len() == 1 { "," } else { "" };
    let dims = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({dims}{comma}), }}");
    // Magic (6), version (2), length (2), header and its line end: a multiple of 64, so that the values are aligned.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let Ok(length) = u16::try_from(header.len()) else {
        return invalid(format!("{} dimensions are too many for a header of version 1.0", shape.len()));
    };
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
}
