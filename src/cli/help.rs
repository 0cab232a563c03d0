//! The wording of flags that several commands have by themselves. Groups of flags (`…Args`) carry their own.

pub(super) const CTX_SIZE: &str = "Positions in the context; 0 for as many as the model was trained with";
pub(super) const PATH: &str = "The forward pass that computes";
pub(super) const THREADS: &str =
    "Threads of the optimized path; 0 for one on each physical core. Results do not depend on it";
