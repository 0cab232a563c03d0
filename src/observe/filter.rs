//! [`HookFilter`]: choosing hooks by name, with `*` for any run of characters.
//!
//! A filter that matches nothing is an error and never an empty result: a misspelt name must not look like a model in which
//! nothing happened. Look first at [`HookFilter::new`].

use super::HookAt;

/// Patterns such as `blocks.*.attn.hook_q`, `ln_final.*` or `*`, resolved against one model's hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFilter {
    chosen: Vec<HookAt>,
}

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The pattern names no hook of this model.
    #[error("hook filter '{pattern}' matches none of this model's {available} hooks; the nearest name is '{nearest}'")]
    NoMatch {
        /// The pattern as given.
        pattern: String,
        /// How many hooks the model has.
        available: usize,
        /// The hook whose name is most like the pattern.
        nearest: String,
    },
    /// No pattern was given.
    #[error("a hook filter needs at least one pattern; '*' chooses every hook")]
    Empty,
}

impl HookFilter {
    /// Resolves comma-separated patterns against `available`, the hooks of one model in order.
    ///
    /// # Errors
    /// If the list is empty, or if any one pattern matches no hook.
    pub fn new(patterns: &str, available: &[HookAt]) -> Result<Self, FilterError> {
        let patterns: Vec<&str> = patterns.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
        if patterns.is_empty() {
            return Err(FilterError::Empty);
        }
        let names: Vec<String> = available.iter().map(HookAt::to_string).collect();
        let mut keep = vec![false; names.len()];
        for pattern in patterns {
            let mut matched = false;
            for (name, keep) in names.iter().zip(&mut keep) {
                if glob(pattern.as_bytes(), name.as_bytes()) {
                    (*keep, matched) = (true, true);
                }
            }
            if !matched {
                let nearest = names.iter().min_by_key(|name| distance(pattern, name)).cloned().unwrap_or_default();
                return Err(FilterError::NoMatch { pattern: pattern.into(), available: names.len(), nearest });
            }
        }
        let chosen = available.iter().zip(keep).filter_map(|(at, keep)| keep.then_some(*at)).collect();
        Ok(Self { chosen })
    }

    /// Whether this hook was chosen.
    pub fn contains(&self, at: HookAt) -> bool {
        self.chosen.contains(&at)
    }

    /// The chosen hooks, in the order of the forward pass.
    pub fn chosen(&self) -> &[HookAt] {
        &self.chosen
    }
}

/// Whether `pattern`, in which `*` stands for any run of bytes, matches all of `name`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry = None; // after the last `*`: the rest of the pattern, and the place in the name that it is tried at
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, n));
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((after_star, tried)) = retry {
            p = after_star;
            n = tried + 1;
            retry = Some((p, n));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// Levenshtein distance: the fewest single-letter edits that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Hook;

    fn two_blocks() -> Vec<HookAt> {
        let mut hooks = vec![HookAt { hook: Hook::Embed, layer: None }];
        for layer in 0..2 {
            hooks.push(HookAt { hook: Hook::Q, layer: Some(layer) });
            hooks.push(HookAt { hook: Hook::Pattern, layer: Some(layer) });
        }
        hooks
    }

    #[test]
    fn stars_match_runs() {
        let filter = HookFilter::new("blocks.*.attn.hook_q, hook_embed", &two_blocks()).unwrap();
        let names: Vec<_> = filter.chosen().iter().map(HookAt::to_string).collect();
        assert_eq!(names, ["hook_embed", "blocks.0.attn.hook_q", "blocks.1.attn.hook_q"]);
        assert_eq!(HookFilter::new("*", &two_blocks()).unwrap().chosen().len(), 5);
        assert!(!filter.contains(HookAt { hook: Hook::Pattern, layer: Some(0) }));
    }

    #[test]
    fn matching_nothing_is_an_error_that_names_the_nearest_hook() {
        let error = HookFilter::new("*, blocks.0.attn.hook_patern", &two_blocks()).unwrap_err();
        assert!(error.to_string().contains("nearest name is 'blocks.0.attn.hook_pattern'"), "{error}");
        assert_eq!(HookFilter::new(" , ", &two_blocks()), Err(FilterError::Empty));
    }
}
