//! One point: a copy, the run with the fault, the verifier, the retry, the
//! verifier, and the user's next commits. Many points: side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::Fault;
use crate::look::{End, Look, names, say};
use crate::points::expected;
use crate::scene::{APPS, Copy, add_hook, copy, hermetic, tell, template};
use crate::trace::{self, Kind, Point, Whose};
use crate::verify::{Case, Stroke, Violation, next_trees};

/// A promotion that is swept.
pub(crate) struct Scene {
    pub(crate) template: Copy,
    pub(crate) apps: &'static [&'static str],
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The command that brings the leftovers of a killed run to an end.
    pub(crate) recover: Vec<String>,
    pub(crate) end: End,
    /// Whose calls are struck.
    pub(crate) whose: Whose,
    pub(crate) points: Vec<Point>,
    /// How many threads and processes of it write.
    pub(crate) writers: usize,
}

/// What is done after the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The same command again.
    Again,
    /// `doctor --recover`, then the same command.
    Recover,
}

/// One run to be struck.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) scene: &'a Scene,
    /// A point at which a run before this one was killed.
    pub(crate) prior: Option<&'a Point>,
    /// The run that is struck.
    pub(crate) command: &'a [String],
    pub(crate) point: &'a Point,
    pub(crate) fault: Fault,
    pub(crate) way: Way,
}

impl Scene {
    /// The promotion of one file, or of five, by the built program.
    pub(crate) fn promotion(apps: usize) -> Self {
        let apps = &APPS[..apps];
        let scene = Self::new(apps, words(&promotion(apps)), words(&["doctor", "--recover"]));
        // strace counts by thread: with two that write, not every call of the
        // second would be reached.
        assert_eq!(scene.writers, 1, "threads that write");
        scene
    }

    /// A promotion that git commits, because of a hook. Only our own process is
    /// struck: git goes on without it.
    pub(crate) fn by_git(apps: usize) -> Self {
        let apps = &APPS[..apps];
        let template = template(apps.len() == 1);
        add_hook(&template, "commit-msg", "exit 0\n");
        let commands = (words(&promotion(apps)), words(&["doctor", "--recover"]));
        Self::of(template, apps, commands, Whose::Own)
    }

    /// A promotion that writes files alone.
    pub(crate) fn worktree(apps: usize) -> Self {
        let apps = &APPS[..apps];
        let command = [&promotion(apps)[..], &["--worktree"]].concat();
        Self::new(apps, words(&command), words(&["doctor", "--recover"]))
    }

    pub(crate) fn new(
        apps: &'static [&'static str],
        command: Vec<String>,
        recover: Vec<String>,
    ) -> Self {
        Self::of(template(apps.len() == 1), apps, (command, recover), Whose::All)
    }

    fn of(
        template: Copy,
        apps: &'static [&'static str],
        (command, recover): (Vec<String>, Vec<String>),
        whose: Whose,
    ) -> Self {
        let (end, points) = (End::default(), Vec::new());
        let mut scene = Self { template, apps, command, recover, end, whose, points, writers: 0 };
        let clean = copy(&scene.template.root());
        let root = clean.root();
        let old = say(&root, &["rev-parse", "HEAD"]).trim().to_owned();
        let before = names(&root);
        let (output, points) = trace::points(&root, &scene.command, whose);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        scene.writers = trace::writers(&root);
        let tree = say(&root, &["rev-parse", "HEAD^{tree}"]).trim().to_owned();
        let status = say(&root, &["status", "--porcelain=v2", "-uall"]);
        let names = before.union(&names(&root)).cloned().collect();
        // The user's first commit leaves its message behind.
        let commits = say(&root, &["rev-parse", "HEAD"]).trim() != old;
        let next = next_trees(&root);
        scene.end = End { old, commits, tree, next, status, names };
        scene.points = points;
        scene
    }

    /// A copy of the repository and how it is before.
    pub(crate) fn start(&self) -> (Copy, Case<'_>) {
        let copy = copy(&self.template.root());
        let case = self.case(&copy.root());
        (copy, case)
    }

    pub(crate) fn case(&self, root: &Path) -> Case<'_> {
        Case { apps: self.apps, end: &self.end, before: Look::untouched(root) }
    }

    /// Runs one of the scene's commands undisturbed.
    pub(crate) fn run(root: &Path, command: &[String]) -> Output {
        let (program, args) = command.split_first().unwrap();
        hermetic(Command::new(program).args(args).current_dir(root)).output().unwrap()
    }

    /// What one more run makes of what a fault left, judged.
    pub(crate) fn mend(&self, case: &Case<'_>, root: &Path, way: Way) -> Vec<Violation> {
        let mut found = Vec::new();
        if way == Way::Recover {
            let output = Self::run(root, &self.recover);
            found.extend(case.recovered(root, &output));
        }
        let output = Self::run(root, &self.command);
        found.extend(case.retried(root, &output));
        if found.is_empty() {
            found.extend(case.next(root));
        }
        found
    }

    /// Every point of the promotion that a fault can strike.
    pub(crate) fn jobs(&self, faults: &[Fault]) -> Vec<Job<'_>> {
        let mut jobs = Vec::new();
        for point in &self.points {
            for &fault in faults {
                jobs.extend(self.ways(point, fault).iter().map(|&way| Job {
                    scene: self,
                    prior: None,
                    command: &self.command,
                    point,
                    fault,
                    way,
                }));
            }
        }
        jobs
    }

    pub(crate) fn ways(&self, point: &Point, fault: Fault) -> &'static [Way] {
        let can = match point.kind {
            Kind::Write => true,
            Kind::Say => fault != Fault::Error("EMFILE"),
            Kind::End => fault == Fault::Kill,
            Kind::Read => ["EIO", "EACCES", "EMFILE"].map(Fault::Error).contains(&fault),
        };
        match fault {
            _ if !can => &[],
            Fault::Kill if !self.recover.is_empty() => &[Way::Again, Way::Recover],
            _ => &[Way::Again],
        }
    }
}

impl Job<'_> {
    /// Runs the job; what it violates, and whether the fault struck. A recovery
    /// asks who has a file open, and opens more where more processes run: its
    /// calls are then counted anew.
    fn run(&self) -> (Vec<Violation>, bool) {
        let mut ended = self.strike(self.point);
        for _ in 0..5 {
            if ended.1 {
                break;
            }
            let Some(point) = self.find_again() else { break };
            ended = self.strike(&point);
        }
        ended
    }

    /// The call that is the point's in a run of now.
    fn find_again(&self) -> Option<Point> {
        let (copy, _) = self.scene.start();
        let root = copy.root();
        if let Some(prior) = self.prior {
            trace::strike(&root, (&self.scene.command, self.scene.whose), prior, Fault::Kill);
        }
        let (_, points) = trace::points(&root, self.command, self.scene.whose);
        let same = points.into_iter().filter(|point| point.shape() == self.point.shape());
        same.min_by_key(|point| point.ordinal.abs_diff(self.point.ordinal))
    }

    fn strike(&self, point: &Point) -> (Vec<Violation>, bool) {
        let (copy, case) = self.scene.start();
        let root = copy.root();
        let mut hit = true;
        if let Some(prior) = self.prior {
            hit &=
                trace::strike(&root, (&self.scene.command, self.scene.whose), prior, Fault::Kill)
                    .hit;
        }
        let struck = trace::strike(&root, (self.command, self.scene.whose), point, self.fault);
        hit &= struck.hit;
        let stroke = Stroke { point: Some(point), fault: self.fault };
        let mut found = match self.prior {
            None => case.struck(&root, &struck.output, stroke),
            Some(_) => case.struck_again(&root, &struck.output, stroke),
        };
        found.extend(self.scene.mend(&case, &root, self.way));
        (found, hit)
    }

    fn title(&self) -> String {
        let prior =
            self.prior.map(|point| format!("killed at {} {}, then ", point.call, point.ordinal));
        let point = self.point;
        format!(
            "{}{} at {} {} ({}), {:?}",
            prior.unwrap_or_default(),
            self.fault,
            point.call,
            point.ordinal,
            point.shape(),
            self.way
        )
    }
}

/// What a sweep found.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Runs by fault.
    pub(crate) runs: BTreeMap<String, usize>,
    /// Runs in which the fault did not strike.
    pub(crate) missed: Vec<String>,
    pub(crate) violations: Vec<(String, Violation)>,
}

impl Tally {
    pub(crate) fn add(&mut self, kind: String, title: &str, found: (Vec<Violation>, bool)) {
        *self.runs.entry(kind).or_default() += 1;
        if !found.1 {
            self.missed.push(title.to_owned());
        }
        self.violations.extend(found.0.into_iter().map(|one| (title.to_owned(), one)));
    }

    pub(crate) fn total(&self) -> usize {
        self.runs.values().sum()
    }

    /// The figures, and the first of what was found.
    pub(crate) fn report(&self, name: &str) -> String {
        let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, violation) in &self.violations {
            *classes.entry(violation.class).or_default() += 1;
        }
        let mut text = format!(
            "{name}: {} faults, {} missed, {} violations {classes:?} {:?}\n",
            self.total(),
            self.missed.len(),
            self.violations.len(),
            self.runs
        );
        for title in self.missed.iter().take(5) {
            writeln!(text, "  missed: {title}").unwrap();
        }
        let most = std::env::var("PROMOTE_FAULTS_SHOW").ok().and_then(|text| text.parse().ok());
        for (title, violation) in self.violations.iter().take(most.unwrap_or(12)) {
            writeln!(text, "  {title}\n    {}: {}", violation.class, violation.short()).unwrap();
        }
        text
    }
}

impl Tally {
    /// Says the figures; fails on any violation, on a fault that did not
    /// strike, and where there are far fewer than there once were.
    #[track_caller]
    pub(crate) fn settle(&self, name: &str) {
        tell(&self.report(name));
        assert!(self.missed.is_empty(), "{name}: faults that did not strike");
        assert!(self.violations.is_empty(), "{name}: violations");
        let expected = expected(name);
        let least = expected - expected / 5;
        assert!(
            self.total() >= least,
            "{name}: {} faults, {expected} once: mend the harness, or tell why in points.rs",
            self.total()
        );
    }
}

/// Runs jobs side by side.
pub(crate) fn sweep(jobs: &[Job<'_>]) -> Tally {
    gather(parallel(jobs.len(), |at| {
        let job = &jobs[at];
        (job.fault.to_string(), job.title(), job.run())
    }))
}

/// One run: its kind, its title, and what came of it.
pub(crate) type Outcome = (String, String, (Vec<Violation>, bool));

/// Adds up what came of runs.
pub(crate) fn gather(outcomes: Vec<Outcome>) -> Tally {
    let mut tally = Tally::default();
    for (kind, title, found) in outcomes {
        tally.add(kind, &title, found);
    }
    tally
}

/// The arguments of a promotion of these apps.
fn promotion(apps: &[&str]) -> Vec<&'static str> {
    let which: &[&str] = if apps.len() == 1 { &["-a", "web"] } else { &["-A"] };
    [&["v2", "staging"], which].concat()
}

/// The program with these arguments.
fn words(words: &[&str]) -> Vec<String> {
    let words = words.iter().map(|&word| word.to_owned());
    std::iter::once(program()).chain(words).collect()
}

/// The program that is swept: the built one, or that of `PROMOTE_FAULTS_PROGRAM`.
pub(crate) fn program() -> String {
    let given = std::env::var("PROMOTE_FAULTS_PROGRAM").ok();
    given.unwrap_or_else(|| env!("CARGO_BIN_EXE_git-promote").to_owned())
}

/// Numbered work on all processors; what came of it, in order.
pub(crate) fn parallel<T: Send>(count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let one = run(at);
                    done.lock().unwrap().insert(at, one);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}
