//! Mutants of the fixtures: wherever the resolver says that it follows all,
//! kustomize renders the same images or refuses.
//!
//! `PROMOTE_RENDER_MUTANTS=20000 PROMOTE_RENDER_SEED=1 cargo test --release --
//! --ignored many_mutants` runs more of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::krew::skip;
use crate::render_compare::{Outcome, compare, kustomize};
use crate::render_fixtures::cases;

const VALUES: &[&str] = &[
    "ghcr.io/acme/web",
    "ghcr.io/acme/web:v1",
    "web",
    "\"v5\"",
    "1.10",
    "yes",
    "~",
    "null",
    "''",
    "v5 # note",
    "!!str 5",
    "!!binary djU=",
    "&a v5",
    "*a",
    "{a: b}",
    "[]",
    "[a, b]",
    "|-\n    v5",
    "2024-01-02",
    "0x10",
    "1e3",
    "sha256:0000",
    "@sha256:00",
    "\"im\\u0061ge\"",
    "-",
    "../base",
    ".",
    "..",
    "p.yaml",
    "Deployment",
    "v1",
    "apps/v1",
    ".*",
    "a|b",
    "(",
    "web$",
    "^web",
    "\u{ff57}eb",
    "true",
    "spec.template.spec.containers.*.image",
    "/spec/template/spec/containers/-",
    "/spec/template/spec/containers/0/image",
    "replace",
    "delete",
    "merge",
    "remove",
    "add",
];

const KEYS: &[&str] = &[
    "image",
    "images",
    "Images",
    "image\u{17f}",
    "name",
    "newName",
    "newTag",
    "digest",
    "tagSuffix",
    "containers",
    "initContainers",
    "ephemeralContainers",
    "$patch",
    "<<",
    "kind",
    "metadata",
    "namespace",
    "resources",
    "bases",
    "components",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "namePrefix",
    "nameSuffix",
    "target",
    "patch",
    "path",
    "op",
    "from",
    "value",
    "items",
    "spec",
    "template",
    "labels",
    "commonLabels",
    "annotations",
    "? a",
    "\"name\"",
    "",
    "apiVersion",
    "replicas",
    "labelSelector",
    "behavior",
    "literals",
    "options",
    "imageTags",
];

const BLOCKS: &[&str] = &[
    "images:\n- name: ghcr.io/acme/web\n  newTag: v77\n",
    "imageTags:\n- {name: ghcr.io/acme/side, newTag: v78}\n",
    "namePrefix: q-\n",
    "namespace: shop\n",
    "---\n",
    "--- # x\n",
    "...\n",
    "components: []\n",
    "patches:\n- target: {kind: Deployment}\n  patch: '[{op: replace, path: /spec/template/spec/containers/0/image, value: \"m:1\"}]'\n",
    "patchesStrategicMerge:\n- |-\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec: {template: {spec: {containers: [{name: web, image: \"m:2\"}]}}}\n",
    "commonLabels: {app: other}\n",
    "configMapGenerator:\n- name: c\n  literals: [\"x=quay.io/a/b:c\"]\n",
    "vars: []\n",
    "buildMetadata: [originAnnotations]\n",
];

/// A generator of numbers that is the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.below(2);
        }
        random
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % end.max(1) as u64).unwrap()
    }

    pub(crate) fn of<'l>(&mut self, list: &'l [&'l str]) -> &'l str {
        list[self.below(list.len())]
    }
}

type Tree = Vec<(String, Vec<u8>)>;

/// The cases that mutants are made of.
struct Corpus {
    all: Vec<Tree>,
    /// Those that the resolver follows.
    followed: Vec<Tree>,
}

fn tree(case: &Path) -> Tree {
    let mut found = Vec::new();
    let mut open = vec![case.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().unwrap() != "expected.txt" && !path.is_symlink() {
                let name = path.strip_prefix(case).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn mutate(random: &mut Random, tree: &mut Tree, other: &Tree) {
    let index = random.below(tree.len());
    if random.below(40) == 0 {
        let foreign = other[random.below(other.len())].clone();
        tree.retain(|(name, _)| *name != foreign.0);
        tree.push(foreign);
        return;
    }
    let (_, bytes) = &mut tree[index];
    let Ok(text) = String::from_utf8(bytes.clone()) else { return };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if lines.is_empty() {
        return;
    }
    let at = random.below(lines.len());
    match random.below(12) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let with = random.below(lines.len());
            lines.swap(at, with);
        }
        3 => lines[at] = format!("  {}", lines[at]),
        4 => lines[at] = lines[at].strip_prefix("  ").unwrap_or(&lines[at]).to_owned(),
        5 => lines.push(random.of(BLOCKS).to_owned()),
        6 => lines.insert(at, random.of(BLOCKS).to_owned()),
        7 | 8 => lines[at] = with_key(random, &lines[at]),
        9 => lines[at] = lines[at].replace(['\'', '"'], random.of(&["", "'", "\""])),
        _ => lines[at] = with_value(random, &lines[at]),
    }
    *bytes = lines.concat().into_bytes();
}

/// The places where a `key: value` of a line starts, also between braces.
pub(crate) fn pair(random: &mut Random, line: &str) -> Option<(usize, usize, usize)> {
    let colons: Vec<usize> = line.match_indices(": ").map(|(at, _)| at).collect();
    let colon = *colons.get(random.below(colons.len()))?;
    let start = line[..colon].rfind(['{', ' ', ',']).map_or(0, |at| at + 1);
    let end = line[colon + 2..].find([',', '}', '\n']).map_or(line.len(), |at| colon + 2 + at);
    Some((start, colon, end))
}

fn with_key(random: &mut Random, line: &str) -> String {
    let key = random.of(KEYS);
    match pair(random, line) {
        Some((start, colon, _)) => format!("{}{key}{}", &line[..start], &line[colon..]),
        None => line.replacen(|c: char| c.is_alphabetic(), key, 1),
    }
}

fn with_value(random: &mut Random, line: &str) -> String {
    let value = random.of(VALUES);
    match pair(random, line) {
        Some((_, colon, end)) => format!("{}{value}{}", &line[..colon + 2], &line[end..]),
        None => match line.split_once("- ") {
            Some((before, _)) => format!("{before}- {value}\n"),
            None => format!("{}{value}\n", line.trim_end()),
        },
    }
}

#[derive(Default)]
struct Counts {
    agree: AtomicUsize,
    opaque: AtomicUsize,
    refused: AtomicUsize,
}

fn one(seed: u64, corpus: &Corpus, counts: &Counts) -> Option<String> {
    let mut random = Random::new(seed);
    let some = if random.below(8) > 0 { &corpus.followed } else { &corpus.all };
    let mut tree = some[random.below(some.len())].clone();
    let trees = &corpus.all;
    let other = &trees[random.below(trees.len())];
    for _ in 0..=random.below(6).saturating_sub(3) {
        mutate(&mut random, &mut tree, other);
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in &tree {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let count = match compare(dir.path(), "prod").1 {
        Outcome::Agree => &counts.agree,
        Outcome::Opaque => &counts.opaque,
        Outcome::Refused(said) => {
            if std::env::var_os("PROMOTE_RENDER_WHY").is_some() {
                skip(&format!("mutant {seed} is refused: {said}"));
            }
            &counts.refused
        }
        Outcome::Disagree(said) => {
            let files: Vec<String> = tree
                .iter()
                .map(|(name, bytes)| format!("== {name}\n{}", String::from_utf8_lossy(bytes)))
                .collect();
            return Some(format!("mutant {seed}:\n{said}{}\n", files.concat()));
        }
    };
    count.fetch_add(1, Ordering::Relaxed);
    None
}

/// Runs mutants on two threads; gives how many agree.
fn run(first: u64, mutants: u64) -> usize {
    let cases = cases();
    let followed = |case: &&PathBuf| {
        let expected = fs::read_to_string(case.join("expected.txt")).unwrap();
        !expected.lines().any(|line| line.starts_with("opaque "))
    };
    let corpus = Corpus {
        all: cases.iter().map(|case| tree(case)).collect(),
        followed: cases.iter().filter(followed).map(|case| tree(case)).collect(),
    };
    let counts = Counts::default();
    let half = |offset: u64| {
        let seeds = (first..first + mutants).filter(|seed| seed % 2 == offset);
        seeds.filter_map(|seed| one(seed, &corpus, &counts)).collect::<Vec<_>>()
    };
    let mut wrong = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut wrong = half(0);
        wrong.extend(other.join().unwrap());
        wrong
    });
    let Counts { agree, opaque, refused } = counts;
    let agree = agree.into_inner();
    let (opaque, refused) = (opaque.into_inner(), refused.into_inner());
    let all = wrong.len();
    wrong.truncate(8);
    assert!(
        wrong.is_empty(),
        "{all} disagree, {agree} agree, {opaque} opaque, {refused} refused\n{}",
        wrong.concat()
    );
    if mutants > 1000 {
        skip(&format!("(no skip) {agree} agree, {opaque} opaque, {refused} refused, 0 disagree"));
    }
    agree
}

#[test]
fn mutants_render_alike() {
    if kustomize().is_none() {
        skip("neither kustomize nor kubectl of 5.5, no mutants were rendered");
        return;
    }
    assert!(run(1, 300) > 60);
}

#[test]
#[ignore = "takes minutes"]
fn many_mutants_render_alike() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let mutants = number("PROMOTE_RENDER_MUTANTS").unwrap_or(20_000);
    run(number("PROMOTE_RENDER_SEED").unwrap_or(1_000_000), mutants);
}
