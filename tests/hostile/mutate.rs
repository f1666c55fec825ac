//! The properties of the fuzz targets on mutants of their corpora, by a small
//! mutator with a fixed seed. What `cargo fuzz` does better needs nightly.
//!
//! `PROMOTE_FUZZ_SECONDS=60 cargo test --release --test hostile mutants` runs
//! each for a minute, `PROMOTE_FUZZ_SEED` begins elsewhere.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::families::{families, text};
use crate::forms::FORMS;
use crate::properties;

/// Pieces that a mutant may get.
const PIECES: [&str; 36] = [
    "\n",
    "  ",
    "- ",
    ": ",
    "? ",
    "# ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "!!str ",
    "!t ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "\\",
    "---\n",
    "...\n",
    "<<: ",
    "\r",
    "\r\n",
    "\t",
    "newTag: ",
    "digest: ",
    "images:\n",
    "name: ",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "\0",
    "%YAML 1.2\n",
    "{\"$imagepolicy\": \"a:b\"}",
];

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let most = u64::try_from(most.max(1)).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % most).unwrap()
    }
}

/// A text made of two others.
fn mutant(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut text = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(text.len() + 1);
        let end = at + random.below(12.min(text.len() - at) + 1);
        match random.below(6) {
            0 => drop(text.drain(at..end)),
            1 => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            2 => drop(text.splice(at..end, PIECES[random.below(PIECES.len())].bytes())),
            3 if at < text.len() => text[at] ^= 1 << random.below(8),
            4 => {
                let piece = text[at..end].to_vec();
                let to = random.below(text.len() + 1);
                drop(text.splice(to..to, piece));
            }
            _ => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let to = from + random.below(60.min(other.len() - from) + 1);
                drop(text.splice(at..end, other[from..to].iter().copied()));
            }
        }
    }
    text.truncate(4096);
    text
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "the corpus of {name} is gone");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[track_caller]
fn hold(name: &str, property: fn(&[u8])) {
    let mut corpus = corpus(name);
    for text in &corpus {
        property(text);
    }
    // The small hostile files are good to begin with too.
    for family in families() {
        let size = family.sizes[0];
        corpus.extend(FORMS.iter().map(|form| text(&family, form.head, size)));
    }
    corpus.retain(|text| text.len() < 4096);
    let until = Instant::now() + Duration::from_secs(number("PROMOTE_FUZZ_SECONDS", 4));
    let mut random = Random(number("PROMOTE_FUZZ_SEED", 1));
    while Instant::now() < until {
        let text = mutant(&mut random, &corpus);
        let start = Instant::now();
        let held = catch_unwind(AssertUnwindSafe(|| property(&text))).is_ok();
        assert!(held, "{name}: {:?}", String::from_utf8_lossy(&text));
        assert!(start.elapsed().as_secs() < 10, "{name}: {:?}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn mutants_are_edited_right() {
    hold("editor", properties::editor);
}

#[test]
fn mutants_are_read_as_configs() {
    hold("config", properties::config);
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[test]
#[ignore = "the full test: builds with nightly, and takes minutes"]
fn the_fuzz_targets_find_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = |args: &[&str]| {
        // The toolchain of this run must not be that of the other.
        let mut command = std::process::Command::new("cargo");
        command.args(args).current_dir(root).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        command.status()
    };
    if !cargo(&["+nightly", "fuzz", "--version"]).is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: cargo-fuzz and nightly Rust; mutants_* are the same on stable");
        return;
    }
    let seconds = format!("-max_total_time={}", number("PROMOTE_FUZZ_SECONDS", 60));
    for target in ["editor", "config"] {
        let run = ["+nightly", "fuzz", "run", target, "--", &seconds, "-rss_limit_mb=2048"];
        assert!(cargo(&run).unwrap().success(), "{target}");
    }
}
