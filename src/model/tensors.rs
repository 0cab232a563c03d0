//! [`Tensors`]: the file's tensors by name, each given out once and checked on the way.

use super::ModelError;
use super::weights::{Matrix, Vector};
use crate::escape::Escaped;
use crate::gguf::{Gguf, TensorInfo};
use crate::quant::{self, GgmlType};
use std::collections::HashSet;
use std::sync::Arc;

/// All tensors of a file, and which of them have been asked for.
pub(super) struct Tensors<'g> {
    gguf: &'g Arc<Gguf>,
    used: HashSet<&'g str>,
}

impl<'g> Tensors<'g> {
    pub(super) fn new(gguf: &'g Arc<Gguf>) -> Self {
        Self { gguf, used: HashSet::new() }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.gguf.tensor(name).is_some()
    }

    /// `[n_out, n_in]`, stored in any format that can be computed with.
    pub(super) fn matrix(&mut self, name: &str, n_in: usize, n_out: usize) -> Result<Matrix, ModelError> {
        self.weight(name, &[n_in, n_out])
    }

    /// As [`Tensors::matrix`] if the file has the tensor.
    pub(super) fn optional_matrix(
        &mut self,
        name: &str,
        n_in: usize,
        n_out: usize,
    ) -> Result<Option<Matrix>, ModelError> {
        if self.has(name) { self.matrix(name, n_in, n_out).map(Some) } else { Ok(None) }
    }

    /// `n` matrices `[n_out, n_in]`, one after the other in a single 3-D tensor.
    pub(super) fn stack(&mut self, name: &str, n_in: usize, n_out: usize, n: usize) -> Result<Vec<Matrix>, ModelError> {
        let all = self.weight(name, &[n_in, n_out, n])?;
        Ok((0..n).map(|i| all.rows(i * n_out..(i + 1) * n_out)).collect())
    }

    /// `[n]`, stored as floats, decoded.
    pub(super) fn vector(&mut self, name: &str, n: usize) -> Result<Vector, ModelError> {
        let info = self.take(name, &[n])?;
        let wrong_type = || ModelError::TensorType { name: name.into(), expected: "F32, F16 or BF16", found: info.ty };
        if !matches!(info.ty, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16) {
            return Err(wrong_type());
        }
        let mut values = vec![0.0; n];
        quant::dequantize(info.ty, self.gguf.data(&info), &mut values).map_err(|_| wrong_type())?;
        Ok(Vector::new(values))
    }

    /// As [`Tensors::vector`] if the file has the tensor.
    pub(super) fn optional_vector(&mut self, name: &str, n: usize) -> Result<Option<Vector>, ModelError> {
        if self.has(name) { self.vector(name, n).map(Some) } else { Ok(None) }
    }

    /// Refuses a file with tensors that nobody asked for.
    pub(super) fn finish(self) -> Result<(), ModelError> {
        const SHOWN: usize = 5;
        let names = self.gguf.tensors().map(|info| info.name);
        let unknown: Vec<&str> = names.filter(|name| !self.used.contains(name)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let shown = unknown.iter().take(SHOWN).map(|name| Escaped(name).to_string());
        let mut names = shown.collect::<Vec<_>>().join(", ");
        if unknown.len() > SHOWN {
            names += &format!(" and {} more", unknown.len() - SHOWN);
        }
        let found = self.gguf.tensors().len();
        Err(ModelError::UnknownTensors { expected: self.used.len(), found, unknown: names })
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Matrix, ModelError> {
        let info = self.take(name, shape)?;
        if !info.ty.is_weight() {
            let expected = "a format with both forward paths (F32, F16, BF16, Q4_0 … Q6_K, IQ4_NL, IQ4_XS, MXFP4)";
            return Err(ModelError::TensorType { name: name.into(), expected, found: info.ty });
        }
        Ok(Matrix::of_tensor(self.gguf, &info))
    }

    /// The tensor, once its shape (row length first) is proven. Missing trailing dimensions are 1.
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<TensorInfo<'g>, ModelError> {
        let Some(info) = self.gguf.tensor(name) else {
            return Err(ModelError::MissingTensor { name: name.into(), expected: shape.to_vec() });
        };
        let mut expected = [1; 4];
        expected[..shape.len()].copy_from_slice(shape);
        if info.ne != expected {
            let (expected, found) = (shape.to_vec(), info.ne[..info.n_dims].to_vec());
            return Err(ModelError::TensorShape { name: name.into(), expected, found });
        }
        self.used.insert(info.name);
        Ok(info)
    }
}
