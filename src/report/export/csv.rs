//! Operations as a table: one row an event, numbers as in the events, in nanoseconds, bytes and FLOP.

use crate::measure::record::schema::Record;
use std::io::{self, Write};

const COLUMNS: &str = "path,step,phase,pos,n_tok,layer,group,op,covers,impl,m,n,k,weights,input,output,flops,special,dequant,\
                       weight_bytes,activation_read_bytes,activation_write_bytes,kv_read_bytes,kv_write_bytes,t0_ns,dt_ns";

/// Writes every operation of a run. Operations that ran as one are one row; `covers` names them, joined by `+`.
///
/// # Errors
/// If `out` cannot be written.
pub fn csv(records: &[Record], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{COLUMNS}")?;
    for record in records {
        let Record::Op(op) = record else { continue };
        let layer = op.layer.map_or(String::new(), |layer| layer.to_string());
        let [m, n, k] = op.mnk;
        let b = op.bytes;
        let text = [
            &*op.path,
            &op.step.to_string(),
            op.phase.name(),
            &op.pos.to_string(),
            &op.n_tok.to_string(),
            &layer,
            &*op.group,
            &*op.op,
            &op.covers.join("+"),
            &*op.kernels,
        ]
        .map(quoted)
        .join(",");
        let types = op.dt.each_ref().map(|ty| quoted(ty)).join(",");
        writeln!(
            out,
            "{text},{m},{n},{k},{types},{},{},{},{},{},{},{},{},{},{}",
            op.flops, op.special, op.dequant, b.w, b.a_r, b.a_w, b.kv_r, b.kv_w, op.t0, op.dt_ns
        )?;
    }
    Ok(())
}

/// A field, in quotes if it needs them (RFC 4180). Recordings are files of strangers.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
