//! [`Peer`]: running another engine's `llama-bench`. What it says is read in [`crate::measure::bench::peer`].
//!
//! Which flags there are differs between versions and forks, so its `--help` is asked first; a flag that is not mentioned
//! is not used.

use crate::kv_cache::KvFormats;
use crate::measure::bench::peer::{Configuration, PeerError, PeerRun};
use crate::measure::bench::{Test, TestKind};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A `llama-bench`, and how it is to store keys and values.
pub(super) struct Peer {
    path: PathBuf,
    help: String,
    kv: KvFormats,
}

impl Peer {
    /// Finds out whether it is one.
    pub(super) fn find(path: &Path, kv: KvFormats) -> Result<Self> {
        let output = run(path, &["--help".to_owned()])?;
        let help = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if let Some(missing) =
            ["--n-prompt", "--n-gen", "--threads", "--output"].into_iter().find(|f| !help.contains(f))
        {
            return Err(PeerError::NotLlamaBench { path: path.display().to_string(), missing }.into());
        }
        Ok(Self { path: path.to_owned(), help, kv })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Tries every configuration once: with and without fused attention, with and without re-packed weights, as far as it
    /// has such flags. `tell` hears which is being tried. One that the peer refuses is left out; if it refuses all, that is
    /// an error.
    pub(super) fn configurations(
        &self,
        model: &Path,
        test: Test,
        threads: usize,
        tell: impl Fn(&[String]),
    ) -> Result<Vec<Configuration>> {
        let (mut tried, mut refused) = (Vec::new(), None);
        for flags in variants(&self.help) {
            tell(&flags);
            match self.run(model, test, threads, &flags) {
                Ok(run) => tried.push(Configuration { flags, tokens_per_second: run.samples_ts[0] }),
                Err(error) => refused = refused.or(Some(error)), // quantised values, for one, need fused attention there
            }
        }
        match refused {
            Some(error) if tried.is_empty() => Err(error),
            _ => Ok(tried),
        }
    }

    /// Runs one repetition of a test, which the peer precedes with a warm-up of its own.
    pub(super) fn run(&self, model: &Path, test: Test, threads: usize, flags: &[String]) -> Result<PeerRun> {
        let args = self.arguments(model, test, threads, flags)?;
        let output = run(&self.path, &args)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(2).collect();
            return Err(PeerError::Failed {
                command: format!("{} {}", self.path.display(), args.join(" ")),
                status: output.status.to_string(),
                said: last.into_iter().rev().collect::<Vec<_>>().join("; "),
            }
            .into());
        }
        Ok(PeerRun::of(&String::from_utf8_lossy(&output.stdout), test, threads, &model.to_string_lossy(), self.kv)?)
    }

    fn arguments(&self, model: &Path, test: Test, threads: usize, flags: &[String]) -> Result<Vec<String>, PeerError> {
        let (n_prompt, n_gen) = match test.kind {
            TestKind::Prompt(n) => (n, 0),
            TestKind::Generate(n) => (0, n),
        };
        let output = if self.help.contains("jsonl") { "jsonl" } else { "json" };
        let mut args = vec!["-m".to_owned(), model.to_string_lossy().into_owned()];
        let has_depth = self.help.contains("--n-depth");
        // A fork without depths may have a generation that follows a prompt, and is timed alone.
        let after_prompt = test.depth > 0 && n_gen > 0 && !has_depth && self.help.contains("-gp <pp,tg>");
        if after_prompt {
            args.extend(["-gp".to_owned(), format!("{},{n_gen}", test.depth)]);
        }
        let n_gen = if after_prompt { 0 } else { n_gen };
        let numbers = [("-p", n_prompt), ("-n", n_gen), ("-t", threads), ("-r", 1)];
        args.extend(numbers.into_iter().flat_map(|(flag, n)| [flag.to_owned(), n.to_string()]));
        args.extend(["-ctk", self.kv.k.name(), "-ctv", self.kv.v.name(), "-o", output].map(str::to_owned));
        if test.depth > 0 && !after_prompt {
            if !has_depth {
                let path = self.path.display().to_string();
                return Err(PeerError::Unable { path, flag: "--n-depth", test: test.to_string() });
            }
            args.extend(["-d".to_owned(), test.depth.to_string()]);
        }
        args.extend_from_slice(flags);
        Ok(args)
    }
}

/// Every combination of the flags that change a CPU's speed and that this `--help` mentions.
fn variants(help: &str) -> Vec<Vec<String>> {
    let mut variants = vec![Vec::new()];
    for (mentioned, flag) in [("--flash-attn", "-fa"), ("--repack", "--repack"), ("-rtr", "-rtr")] {
        if help.contains(mentioned) {
            let with = |value: &str| [flag.to_owned(), value.to_owned()];
            let both = |variant: &Vec<String>| ["0", "1"].map(|value| [&variant[..], &with(value)].concat());
            variants = variants.iter().flat_map(both).collect();
        }
    }
    variants
}

/// Runs a program to its end.
fn run(program: &Path, args: &[String]) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output();
    output.with_context(|| format!("cannot run the peer '{}'; expected the path of a llama-bench", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv_cache::KvFormat;

    #[test]
    fn only_flags_that_the_help_mentions_are_varied() {
        let joined = |help: &str| variants(help).iter().map(|flags| flags.join(" ")).collect::<Vec<_>>();
        assert_eq!(joined("nothing"), [""]);
        assert_eq!(joined("-fa, --flash-attn <0|1>"), ["-fa 0", "-fa 1"]);
        assert_eq!(
            joined("--flash-attn --repack <0|1>"),
            ["-fa 0 --repack 0", "-fa 0 --repack 1", "-fa 1 --repack 0", "-fa 1 --repack 1"]
        );
        assert_eq!(joined("-rtr, --run-time-repack"), ["-rtr 0", "-rtr 1"]);
    }

    #[test]
    fn a_peer_without_depth_generates_after_a_prompt_or_says_so() {
        let kv = KvFormats { k: KvFormat::F16, v: KvFormat::Q8_0 };
        let peer = Peer { path: "bench".into(), help: "no such flag".into(), kv };
        let test = Test { kind: TestKind::Generate(4), depth: 7 };
        let said = peer.arguments(Path::new("m"), test, 1, &[]).unwrap_err().to_string();
        assert!(said.contains("--n-depth") && said.contains("tg4 @ d7"), "{said}");
        let args = peer.arguments(Path::new("m"), Test { depth: 0, ..test }, 3, &["-fa".into()]).unwrap();
        assert_eq!(args.join(" "), "-m m -p 0 -n 4 -t 3 -r 1 -ctk f16 -ctv q8_0 -o json -fa");

        let fork = Peer { path: "bench".into(), help: "  -gp <pp,tg>   (default: )".into(), kv: KvFormat::F16.into() };
        let args = fork.arguments(Path::new("m"), test, 1, &[]).unwrap();
        assert_eq!(args.join(" "), "-m m -gp 7,4 -p 0 -n 0 -t 1 -r 1 -ctk f16 -ctv f16 -o json");
        let prompt = Test { kind: TestKind::Prompt(4), depth: 7 };
        assert!(fork.arguments(Path::new("m"), prompt, 1, &[]).is_err(), "a prompt after a prompt it has not");
    }
}
