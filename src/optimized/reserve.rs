//! Memory for the buffers of a pass, asked for before the pass begins: where the system has none, nothing has happened yet.
//!
//! Look first at [`Scratch::reserve`]. What it deliberately does not do: give the buffers their shapes (each operation
//! does when it fills one), or count the buffers of single workers, which do not grow with the number of tokens.

use super::scratch::{Rows, Scratch};
use crate::kv_cache::ForwardError;
use crate::model::{Config, LayerConfig};

impl Scratch {
    /// Makes sure that there is memory for all buffers of a pass of `n` tokens, `n_logits` of which want logits, and for the
    /// residual stream `x`. Costs nothing where earlier passes were as large.
    ///
    /// # Errors
    /// [`ForwardError::Memory`].
    pub(super) fn reserve(
        &mut self,
        x: &mut Rows,
        config: &Config,
        n: usize,
        n_logits: usize,
    ) -> Result<(), ForwardError> {
        // Layers may differ: each buffer is as wide as the widest layer needs it.
        let widest = |width: fn(&LayerConfig) -> usize| config.layers.iter().map(width).max().unwrap_or(0);
        let (n_embd, n_ff) = (config.n_embd, widest(|layer| layer.n_ff));
        let n_expert = widest(|layer| layer.experts.map_or(0, |experts| experts.n));
        let n_assigned = n.saturating_mul(widest(|layer| layer.experts.map_or(0, |experts| experts.n_used)));
        let n_hidden = n.max(n_assigned); // with experts a row for each expert of each token
        let buffers = [
            (x, n, n_embd),
            (&mut self.h_attn, n, n_embd),
            (&mut self.q, n, widest(LayerConfig::n_embd_q)),
            (&mut self.k, n, widest(LayerConfig::n_embd_k)),
            (&mut self.v, n, widest(LayerConfig::n_embd_v)),
            (&mut self.z, n, widest(LayerConfig::n_embd_attn)),
            (&mut self.y, n, n_embd),
            (&mut self.post, n, n_embd),
            (&mut self.h_ffn, n, n_embd),
            (&mut self.gate, n_hidden, n_ff),
            (&mut self.up, n_hidden, n_ff),
            (&mut self.hidden, n_hidden, n_ff),
            (&mut self.scores, n, n_expert),
            (&mut self.expert_in, n_assigned, n_embd),
            (&mut self.expert_out, n_assigned, n_embd),
            (&mut self.h_last, n_logits, n_embd),
            (&mut self.logits, n_logits, config.n_vocab),
        ];
        for (rows, n_rows, width) in buffers {
            let bytes = n_rows.saturating_mul(width).saturating_mul(size_of::<f32>());
            rows.reserve(n_rows, width).map_err(|_| ForwardError::Memory { tokens: n, bytes })?;
        }
        Ok(())
    }
}
