//! Mutants of small repositories: where the gate passes, staging and prod
//! render only what they, or the environment before them, rendered already.
//!
//! `PROMOTE_FUZZ_MUTANTS=20000 PROMOTE_FUZZ_SEED=1 cargo test --release --
//! --ignored many_mutants_skip_nothing` runs more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;

use promote::model::{Finding, Outcome};
use similar::TextDiff;

use crate::check_cases::{Case, Node, cases};
use crate::check_gate::{
    Files, changed, files_of, findings, linked, refusals, target, worst, write,
};
use crate::check_mutate::{Mutator, Vocabulary};
use crate::check_oracle::{Base, render};
use crate::krew::skip;
use crate::oracle;
use crate::render_compare::{kustomize, rendered_by_kustomize, rendered_by_program};
use crate::render_fuzz::Random;

/// The shared trees that mutants are made of.
const SEEDS: [&str; 12] = [
    "line",
    "parts",
    "pinned",
    "flux",
    "declared",
    "delivery",
    "patched",
    "replaced",
    "registries",
    "transformed",
    "linked",
    "custom",
];

/// A tree that mutants are made of.
struct Seed {
    name: &'static str,
    base: Base,
    words: Vocabulary,
    /// Changes of it that are known: the cases of the gate.
    cases: Vec<(String, Files)>,
}

fn seeds() -> Vec<Seed> {
    let cases = cases();
    let seed = |name| {
        let files = files_of(name);
        let of = |case: &Case| Some((case.name.clone(), known(case, &files)?));
        Seed {
            name,
            words: Vocabulary::of(&files),
            cases: cases.iter().filter_map(of).collect(),
            base: Base::new(files),
        }
    };
    SEEDS.into_iter().map(seed).collect()
}

/// The head of a case, where it starts from these files and has files alone.
fn known(case: &Case, base: &Files) -> Option<Files> {
    let files = |at: usize| -> Option<Files> {
        let file = |(path, node): (&String, &Node)| match node {
            Node::File(bytes) => Some((path.clone(), bytes.clone())),
            Node::Link(target) => Some((path.clone(), linked(target))),
            Node::Submodule => None,
        };
        case.commits[at].tree.iter().map(file).collect()
    };
    files(case.head()).filter(|_| files(case.base()).as_ref() == Some(base))
}

/// What became of the mutants.
#[derive(Debug, Default)]
struct Counts {
    same: usize,
    denied: usize,
    unverifiable: usize,
    passed: usize,
    /// Of those passed: kustomize refuses an overlay of a later environment.
    refused: usize,
    /// Of those passed: a later environment renders other bytes.
    differ: usize,
    /// Of those passed, by seed.
    by_seed: BTreeMap<&'static str, usize>,
    escapes: Vec<String>,
}

impl Counts {
    fn all(&self) -> usize {
        self.denied + self.unverifiable + self.passed
    }

    fn show(&self) -> String {
        let share = |part: usize, of: usize| format!("{part} ({:.1} %)", percent(part, of));
        let all = self.all();
        format!(
            "{all} mutants and {} without a change: {} pass, {} deny, {} unverifiable; of those \
             passed kustomize refuses {} and renders other bytes of {}; {} escapes; {:?}",
            self.same,
            share(self.passed, all),
            share(self.denied, all),
            share(self.unverifiable, all),
            share(self.refused, self.passed),
            share(self.differ, self.passed),
            self.escapes.len(),
            self.by_seed
        )
    }
}

fn percent(part: usize, of: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    100.0 * number(part) / number(of.max(1))
}

/// The mutant of a number: which tree it is made of, and how.
fn mutant(number: u64, seeds: &[Seed]) -> (&Seed, Files, Vec<String>) {
    let mut random = Random::new(number);
    let seed = &seeds[random.below(seeds.len())];
    let mut tree = seed.base.files.clone();
    let mut done = Vec::new();
    // What is known to be refused, or to pass, with a little more.
    if !seed.cases.is_empty() && random.below(3) == 0 {
        let (name, files) = &seed.cases[random.below(seed.cases.len())];
        done.push(format!("the change {name}"));
        tree.clone_from(files);
    }
    let mut mutator = Mutator { random, words: &seed.words, tree, done };
    mutator.run();
    (seed, mutator.tree, mutator.done)
}

/// Whether a finding counts. To prove that escapes are found where the gate is
/// blind, `PROMOTE_FUZZ_WITHOUT` names rules that do not, or words of them:
/// `GP001,GP014`, or `would run` for all that is said of rendered images.
fn counts(finding: &Finding) -> bool {
    let Ok(blind) = std::env::var("PROMOTE_FUZZ_WITHOUT") else { return true };
    let meant = |word: &str| word == finding.rule.to_string() || finding.message.contains(word);
    !blind.split(',').any(meant)
}

fn one(number: u64, seeds: &[Seed], counted: &Mutex<Counts>) {
    let (seed, head, done) = mutant(number, seeds);
    if head == seed.base.files {
        counted.lock().unwrap().same += 1;
        return;
    }
    let mut found = findings(&seed.base.files, &head);
    found.retain(counts);
    let verdict = worst(&found);
    if let Outcome::Fail | Outcome::Unverifiable = verdict {
        if std::env::var_os("PROMOTE_FUZZ_WHY").is_some() {
            skip(&format!("{number} {} {done:?}: {:?}", seed.name, refusals(&found).first()));
        }
        let mut counted = counted.lock().unwrap();
        match verdict {
            Outcome::Fail => counted.denied += 1,
            _ => counted.unverifiable += 1,
        }
        return;
    }
    let answer = seed.base.judge(&head);
    let mut counted = counted.lock().unwrap();
    counted.passed += 1;
    *counted.by_seed.entry(seed.name).or_default() += 1;
    counted.refused += usize::from(!answer.renders);
    counted.differ += usize::from(answer.differs);
    if !answer.escapes.is_empty() {
        let told = told(seed, &head, &answer.escapes);
        counted.escapes.push(format!("mutant {number} of {}: {done:#?}\n{told}", seed.name));
    }
}

/// A counterexample: diff and renders.
fn told(seed: &Seed, head: &Files, escapes: &[String]) -> String {
    let mut told = escapes.join("\n") + "\n";
    let text = |files: &Files, path: &str| {
        String::from_utf8_lossy(files.get(path).map_or(&[], Vec::as_slice)).into_owned()
    };
    for path in changed(&seed.base.files, head) {
        let (old, new) = (text(&seed.base.files, &path), text(head, &path));
        let diff = TextDiff::from_lines(&old, &new);
        write!(told, "{}", diff.unified_diff().header(&path, &path)).unwrap();
    }
    let dirs: BTreeSet<&str> =
        escapes.iter().filter_map(|escape| escape.split(' ').next()).collect();
    for dir in dirs {
        write!(told, "== {dir}\n{}", render(head, dir).unwrap_or_else(|said| said)).unwrap();
    }
    told
}

/// Runs mutants on two threads.
fn run(first: u64, mutants: u64) -> Counts {
    let seeds = seeds();
    let counted = Mutex::new(Counts::default());
    let half = |offset: u64| {
        let numbers = (first..first + mutants).filter(|number| number % 2 == offset);
        numbers.for_each(|number| one(number, &seeds, &counted));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| half(1));
        half(0);
    });
    let mut counts = counted.into_inner().unwrap();
    let shown = counts.show();
    if mutants > 1000 {
        skip(&format!("(no skip) {shown}"));
    }
    let several = counts.escapes.len();
    counts.escapes.truncate(6);
    assert_eq!(several, 0, "{shown}\n{}", counts.escapes.join("\n"));
    counts
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn the_library_renders_what_the_program_renders() {
    if kustomize().is_none() || oracle::program().is_none() {
        skip("kustomize 5.5 or target/render-oracle is missing, they were not compared");
        return;
    }
    let seeds = seeds();
    let (mut texts, mut refused) = (0, 0);
    for (_, files, done) in (1..90).map(|number| mutant(number, &seeds)) {
        if files.values().filter_map(|bytes| target(bytes)).any(|link| link.contains('\0')) {
            continue;
        }
        let top = tempfile::tempdir().unwrap();
        let root = top.path().canonicalize().unwrap();
        write(&files, &root);
        let dirs = files.keys().filter_map(|path| path.strip_suffix("/prod/kustomization.yaml"));
        for dir in dirs.map(|dir| root.join(dir).join("prod")) {
            match (rendered_by_kustomize(&dir), rendered_by_program(&dir)) {
                (Ok(library), Ok(program)) => {
                    assert_eq!(library, program, "{done:?}");
                    texts += 1;
                }
                (Err(_), Err(_)) => refused += 1,
                (library, program) => panic!("{done:?}\n{library:?}\n{program:?}"),
            }
        }
    }
    assert!(texts > 40 && refused > 0, "{texts} {refused}");
}

#[test]
fn mutants_skip_nothing() {
    if kustomize().is_none() {
        skip("neither kustomize nor kubectl of 5.5, no mutants were judged");
        return;
    }
    let counts = run(1, 240);
    assert!(counts.passed >= 30, "{}", counts.show());
}

#[test]
#[ignore = "takes minutes"]
fn many_mutants_skip_nothing() {
    let mutants = number("PROMOTE_FUZZ_MUTANTS").unwrap_or(21_000);
    let counts = run(number("PROMOTE_FUZZ_SEED").unwrap_or(1_000_000), mutants);
    assert!(percent(counts.passed, counts.all()) >= 20.0, "{}", counts.show());
    assert!(percent(counts.differ, counts.passed) >= 10.0, "{}", counts.show());
}

/// Tells all about one mutant: `PROMOTE_FUZZ_SEED`.
#[test]
#[ignore = "for looking at one mutant"]
fn one_mutant() {
    let Some(number) = number("PROMOTE_FUZZ_SEED") else { return };
    let seeds = seeds();
    let (seed, head, done) = mutant(number, &seeds);
    let refusals = refusals(&findings(&seed.base.files, &head));
    let answer = seed.base.judge(&head);
    let told = told(seed, &head, &answer.escapes);
    skip(&format!("(no skip) {} {done:#?} {refusals:#?} {answer:#?}\n{told}", seed.name));
}
