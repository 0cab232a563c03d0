//! What each row of the report says. One function per section, in the order of the report.

use std::path::Path;

use crate::cli::human::{bytes, count, number, quantity};
use crate::escape::{Escaped, one_line};
use crate::measure::inspect::{Decode, Features, FileMap, Inspection, LayerGroup, Part, RopeReport, TokenizerReport};

/// A titled group of rows.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) rows: Vec<(String, String)>,
}

impl Section {
    fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    fn row(&mut self, label: &str, value: impl Into<String>) {
        self.rows.push((label.to_owned(), value.into()));
    }
}

/// The whole report on one file.
pub(super) fn sections(path: &str, found: &Inspection) -> Vec<Section> {
    let mut sections = vec![model(path, found)];
    match &found.features {
        Some(features) => sections.extend([attention(features), positions(features), feed_forward(features)]),
        None => sections.push(keys(found)),
    }
    sections.extend(found.tokenizer.as_ref().map(tokenizer));
    sections.extend([parameters(found), formats(found)]);
    sections.extend(found.decode.as_ref().map(|decode| decoding(decode, found)));
    sections.push(file_map(&found.file));
    sections.retain(|section| !section.rows.is_empty());
    sections
}

fn model(path: &str, found: &Inspection) -> Section {
    let mut section = Section::new("model");
    let file = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path);
    section.row("file", Escaped(file).to_string());
    section.row("name", one_line(found.name.as_deref().unwrap_or("(none)"), 60));
    section.row("family", one_line(found.architecture.as_deref().unwrap_or("(none)"), 60));
    section.row("formats", found.file_type.as_deref().unwrap_or("(not said)"));
    section.row("parameters", format!("{} in {} tensors", quantity(found.n_parameters), found.n_tensors));
    if let Some(features) = &found.features {
        section.row("layers", count(features.n_layer));
        section.row("width (n_embd)", count(features.n_embd));
        section.row("vocabulary", format!("{} tokens", count(features.n_vocab)));
        section.row("output matrix", if features.tied_output { "tied to the embedding" } else { "its own" });
        section.row("context", format!("{} positions in training", count(features.n_ctx_train)));
        let placed = if features.post_norms { "before and after each branch" } else { "before each branch" };
        section.row("normalisation", format!("{}, eps {}, {placed}", features.norm, number(features.norm_eps)));
        let root = format!("√{}", features.n_embd);
        let is_root = |scale: f32| (scale / (features.n_embd as f32).sqrt() - 1.0).abs() < 1e-6;
        let scale = features.embedding_scale.map(|scale| if is_root(scale) { root } else { number(scale) });
        section.row("embedding scale", scale.unwrap_or_else(|| "none".to_owned()));
        section.row("logit soft cap", features.logit_softcap.map_or("none".to_owned(), number));
    }
    section
}

fn attention(features: &Features) -> Section {
    let mut section = Section::new("attention");
    let kind = |group: &LayerGroup| match group.attention.as_str() {
        "MHA" => format!("MHA: {} heads, each with its own keys and values", group.n_head),
        "MQA" => format!("MQA: {} query heads share one key/value head", group.n_head),
        _ => {
            format!("GQA: {} query heads on {} key/value heads, {} each", group.n_head, group.n_head_kv, group.n_group)
        }
    };
    section.row("kind", by_group(features, kind));
    let size = |group: &LayerGroup| match (group.head_dim_k, group.head_dim_v) {
        (k, v) if k == v => k.to_string(),
        (k, v) => format!("{k} keys, {v} values"),
    };
    section.row("head size", by_group(features, size));
    let scale = |group: &LayerGroup| {
        let by_root = (group.attn_scale * (group.head_dim_k as f32).sqrt() - 1.0).abs() < 1e-6;
        let root = if by_root { format!(" = 1/√{}", group.head_dim_k) } else { String::new() };
        format!("{}{root}", number(group.attn_scale))
    };
    section.row("scale of q·k", by_group(features, scale));
    section.row("query/key norm", if features.qk_norm { "RMSNorm on each head" } else { "none" });
    section.row("biases on q, k, v", if features.qkv_bias { "yes" } else { "none" });
    let window =
        |group: &LayerGroup| group.window.map_or("all positions".to_owned(), |n| format!("{} positions", count(n)));
    section.row("sees", by_group(features, window));
    if features.window_pattern.contains('L') {
        section.row("local or global", one_line(&spaced(&features.window_pattern), 60));
    }
    section
}

/// `LLLLLGLLLLLG` → `LLLLLG LLLLLG`: broken behind every global layer.
fn spaced(pattern: &str) -> String {
    pattern.replace("GL", "G L")
}

fn positions(features: &Features) -> Section {
    let mut section = Section::new("positions");
    if features.learned_positions {
        section.row("kind", "learned vectors, added to the embedding");
        return section;
    }
    let rope = |say: fn(&RopeReport) -> String| {
        by_group(features, move |group: &LayerGroup| group.rope.as_ref().map_or("none".to_owned(), say))
    };
    let kind = |rope: &RopeReport| match rope.pairing {
        "adjacent" => "RoPE, components (2i, 2i+1) turn together".to_owned(),
        _ => "RoPE, components (i, i + half) turn together".to_owned(),
    };
    section.row("kind", rope(kind));
    section.row(
        "turning components",
        by_group(features, |group: &LayerGroup| {
            group.rope.as_ref().map_or("none".to_owned(), |rope| format!("{} of {}", rope.n_rot, group.head_dim_k))
        }),
    );
    section.row("base", rope(|rope| number(rope.base)));
    let scaling = |rope: &RopeReport| match rope.scaling {
        "none" => "none".to_owned(),
        "factors" => "a divisor for each frequency".to_owned(),
        kind => format!("{kind}, {} times {}", number(rope.stretch), count(rope.n_ctx_orig)),
    };
    section.row("scaling", rope(scaling));
    section
}

fn feed_forward(features: &Features) -> Section {
    let mut section = Section::new("feed-forward");
    let kind = match (features.gated, features.activation) {
        (true, "SiLU") => "SwiGLU: down(silu(gate) · up)".to_owned(),
        (true, "GELU") => "GeGLU: down(gelu(gate) · up)".to_owned(),
        (_, activation) => format!("down({}(up))", activation.to_lowercase()),
    };
    section.row("kind", kind);
    section.row("width", by_group(features, |group| count(group.n_ff)));
    if features.layers.iter().any(|group| group.n_expert > 0) {
        let experts =
            |group: &LayerGroup| format!("{}, of which each token visits {}", group.n_expert, group.n_expert_used);
        section.row("experts", by_group(features, experts));
    }
    section
}

/// What `say` says of the layers: once if they agree, else each with its layers.
fn by_group(features: &Features, say: impl Fn(&LayerGroup) -> String) -> String {
    let mut said: Vec<(String, usize, bool)> = Vec::new();
    for group in &features.layers {
        let text = say(group);
        match said.iter_mut().find(|(found, ..)| *found == text) {
            Some((_, n, _)) => *n += group.indices.len(),
            None => said.push((text, group.indices.len(), group.window.is_some())),
        }
    }
    match said.as_slice() {
        [(text, ..)] => text.clone(),
        [(a, _, true), (b, _, false)] | [(b, _, false), (a, _, true)] => {
            format!("{a} in local layers, {b} in global ones")
        }
        several => several.iter().map(|(text, n, _)| format!("{text} ({n} layers)")).collect::<Vec<_>>().join(", "),
    }
}

/// The architecture's keys of a model that cannot be loaded.
fn keys(found: &Inspection) -> Section {
    let mut section = Section::new("hyper-parameters, as in the file");
    for key in &found.keys {
        section.row(&one_line(&key.key, 60), one_line(&key.value, 60));
    }
    section
}

fn tokenizer(report: &TokenizerReport) -> Section {
    let mut section = Section::new("tokenizer");
    let kind = match report.model.as_str() {
        "llama" => "SentencePiece (llama)".to_owned(),
        "gpt2" => "byte-level BPE (gpt2)".to_owned(),
        other => one_line(other, 40),
    };
    section.row("kind", kind);
    section.row("pre-tokenizer", one_line(report.pre.as_deref().unwrap_or("(not said)"), 40));
    let kinds = report.kinds.iter().map(|(kind, n)| format!("{} {kind}", count(*n))).collect::<Vec<_>>().join(", ");
    section.row("tokens", if kinds.is_empty() { count(report.n_tokens) } else { kinds });
    if report.n_merges > 0 {
        section.row("merge rules", count(report.n_merges));
    }
    for special in &report.specials {
        let text = special.text.as_deref().unwrap_or("(not in the vocabulary)");
        section.row(special.role, format!("{:<7} {}", special.id, one_line(text, 40)));
    }
    let adds = |add: Option<bool>| add.map_or("not said", |add| if add { "yes" } else { "no" });
    section.row("adds bos, eos", format!("{}, {}", adds(report.add_bos), adds(report.add_eos)));
    let template = report.chat_template_chars.map(|n| format!("yes, {} characters", count(n)));
    section.row("chat template", template.unwrap_or_else(|| "none".to_owned()));
    section
}

fn parameters(found: &Inspection) -> Section {
    let mut section = Section::new("parameters by part");
    let line = |n: u64, size: u64| format!("{:>9} {} {:>10}", quantity(n), percent(n, found.n_parameters), bytes(size));
    for share in found.parts.iter().filter(|share| share.n_tensors > 0) {
        section.row(part(share.part), line(share.n_parameters, share.bytes));
    }
    if found.n_tensors > 0 {
        section.row("total", line(found.n_parameters, found.tensor_bytes));
    }
    section
}

/// ` 21.0 %`; with one digit more where it would read 0.0.
fn percent(n: u64, total: u64) -> String {
    let percent = 100.0 * n as f64 / total.max(1) as f64;
    let digits = if percent > 0.0 && percent < 0.095 { 2 } else { 1 };
    format!("{percent:>6.digits$} %")
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Embedding => "embedding",
        Part::Attention => "attention",
        Part::FeedForward => "feed-forward",
        Part::Norms => "norms",
        Part::Output => "output",
        Part::Other => "other",
    }
}

fn formats(found: &Inspection) -> Section {
    let mut section = Section::new("bytes by format");
    let line = |size: u64, n: u64, n_tensors: usize| {
        let bits = 8.0 * size as f64 / n.max(1) as f64;
        let plural = if n_tensors == 1 { "" } else { "s" };
        format!(
            "{:>9} {} {bits:>7.2} bits {n_tensors:>5} tensor{plural}",
            bytes(size),
            percent(size, found.tensor_bytes)
        )
    };
    for share in &found.formats {
        section.row(&share.format, line(share.bytes, share.n_parameters, share.n_tensors));
    }
    if found.n_tensors > 0 {
        section.row("total", line(found.tensor_bytes, found.n_parameters, found.n_tensors));
    }
    section
}

fn decoding(decode: &Decode, found: &Inspection) -> Section {
    let mut section = Section::new("decoding");
    let context = found.features.as_ref().map_or(0, |features| features.n_ctx_train);
    section.row("weights read per token", bytes(decode.weight_bytes_per_token));
    section.row(
        "cache per position",
        format!(
            "{} B in f32, {} B in f16, {} B in q8_0, {} B in q4_0",
            count(decode.kv_bytes_per_position_f32),
            count(decode.kv_bytes_per_position_f16),
            count(decode.kv_bytes_per_position_q8_0),
            count(decode.kv_bytes_per_position_q4_0)
        ),
    );
    section.row(
        "cache, whole context",
        format!("{} for {} positions in f16", bytes(decode.kv_bytes_full_context_f16), count(context)),
    );
    if decode.kv_bytes_full_context_f16_windowed < decode.kv_bytes_full_context_f16 {
        let windowed = bytes(decode.kv_bytes_full_context_f16_windowed);
        section.row("  windows only", format!("{windowed} if local layers keep no more than they see"));
    }
    section
}

fn file_map(map: &FileMap) -> Section {
    let mut section = Section::new("file map");
    for part in &map.sections {
        let mut line = format!("{:>13} {:>9}", count(part.offset), bytes(part.bytes));
        match part.name {
            "header" => line.push_str(&format!("  GGUF version {}, alignment {}", map.version, map.alignment)),
            "metadata" => line.push_str(&format!("  {} keys", count(part.n_entries))),
            "tensor list" => line.push_str(&format!("  {} tensors", count(part.n_entries))),
            _ => {}
        }
        section.row(part.name, line);
        for (key, size) in &part.largest {
            section.row(&format!("  {}", one_line(key, 60)), format!("{:>13} {:>9}", "", bytes(*size)));
        }
    }
    section.row("end", format!("{:>13}", count(map.bytes)));
    section
}
