//! `git promote wait`: the state that a forge has of what runs where a change
//! takes its versions from; the required check of a pull request that is merged
//! by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use clap::Args;
use globset::{Glob, GlobMatcher};

use crate::config::{Config, placeholders};
use crate::discover::{Cell, CellKey};
use crate::forge::{self, Check, CheckState, Forge};
use crate::git::{ObjectId, Repository};
use crate::model::{AppId, EnvironmentName, Pin, Promotion, Snapshot, quoted};
use crate::output::{self, Format};
use crate::report::{WaitReport, WaitRow, WaitState};

use super::check::ends::{self, Around, Asked, Ends};
use super::evidence::{Ground, Reach, timelines};
use super::moved::{inventory, moved};
use super::{Answer, Context, Exit, Failure, Remark, forges, workspace};

/// Wait until what runs in an environment is healthy, as the forge knows it.
///
/// Without ENV: the environments that a change takes its versions from. The
/// change is found as `check` finds it. Where nothing is promoted, nothing is
/// waited for.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// The environment whose state is asked for
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// The commit statuses and check runs that count: a glob over their names,
    /// with {app}, {group}, {env} and {version}
    #[arg(long, value_name = "GLOB", required = true)]
    pub context: String,
    /// How long to wait, such as 90s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = span)]
    pub timeout: Duration,
    /// How long to wait between two questions
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span)]
    pub interval: Duration,
    /// Where the change starts
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// Where the change ends
    #[arg(long, value_name = "REV")]
    pub head: Option<String>,
    /// The remote, by its name
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// A time such as `90s`, `10m`, `1h`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is no time such as 90s, 10m or 1h");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

/// What has to be healthy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    environment: EnvironmentName,
    app: AppId,
    version: Pin,
}

/// `git promote wait [ENV]`
pub fn run(context: &Context, args: &WaitArgs) -> Result<Answer, Failure> {
    let repo = Repository::open(&context.directory)?;
    let (base, subjects) = subjects(&repo, args)?;
    if subjects.is_empty() {
        let report = WaitReport { rows: Vec::new() };
        return Ok(Answer::done(render(context, &report)));
    }
    let waiting = Waiting { args, forge: connect(&repo, args, &base)?, subjects };
    let (rows, exit) = waiting.until_known()?;
    let report = WaitReport { rows };
    let remarks = ending(context, args, exit);
    Ok(Answer { text: render(context, &report), remarks, exit })
}

/// Why it is not well, and the command that goes on.
fn ending(context: &Context, args: &WaitArgs, exit: Exit) -> Vec<Remark> {
    let program = context.front.name();
    match exit {
        Exit::Done => Vec::new(),
        Exit::Refused => vec![
            Remark::Error("an environment before is not healthy".to_owned()),
            Remark::Hint(format!("{program} status")),
        ],
        _ => {
            let seconds = args.timeout.as_secs();
            let environment =
                args.environment.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            let context = quoted(&args.context);
            vec![
                Remark::Error(format!("not known to be healthy after {seconds} s")),
                Remark::Hint(format!(
                    "{program} wait{environment} --timeout 1h --context {context}"
                )),
            ]
        }
    }
}

/// The base, with its config, and what has to be healthy with the commits that
/// tell.
struct Base {
    config: Config,
}

/// What has to be healthy, each with the commits whose states tell: the one
/// that brought the version, and the newest.
type Subjects = BTreeMap<Subject, Vec<ObjectId>>;

fn subjects(repo: &Repository, args: &WaitArgs) -> Result<(Base, Subjects), Failure> {
    let (base, moves) = match &args.environment {
        Some(name) => standing(repo, name)?,
        None => changing(repo, args)?,
    };
    let snapshot = repo.snapshot(base)?;
    let config = workspace::read_config(&snapshot)?;
    let mut found = Subjects::new();
    for (subject, image) in moves {
        let commits = commits_of((repo, &config, base), &snapshot, (&subject, &image))?;
        let Some(commits) = commits else { continue };
        let known = found.entry(subject).or_default();
        known.extend(commits.into_iter().filter(|id| !known.contains(id)).collect::<Vec<_>>());
    }
    Ok((Base { config }, found))
}

type Moves = BTreeSet<(Subject, String)>;

/// Everything that runs in an environment at HEAD.
fn standing(repo: &Repository, name: &str) -> Result<(ObjectId, Moves), Failure> {
    let head = repo.resolve("HEAD")?;
    let snapshot = repo.snapshot(head)?;
    let config = workspace::read_config(&snapshot)?;
    let Some(environment) = config.environment(name) else {
        return Err(Failure::not_found(format!("there is no environment `{name}`"))
            .hint("git promote status"));
    };
    let inventory = inventory(&snapshot, &config, None)?;
    let of = |(key, cell): (&CellKey, &Cell)| {
        let version = cell.pin().filter(|pin| !pin.is_empty())?.clone();
        let environment = key.environment.clone();
        Some((Subject { environment, app: key.app.clone(), version }, key.image.clone()))
    };
    let here = inventory.cells.iter().filter(|(key, _)| key.environment == environment.name);
    let moves = here.filter_map(of).collect();
    Ok((head, moves))
}

/// What a change takes from where.
fn changing(repo: &Repository, args: &WaitArgs) -> Result<(ObjectId, Moves), Failure> {
    let asked = Asked { base: args.base.clone(), head: args.head.clone(), ..Asked::default() };
    let env = |name: &str| std::env::var(name).ok();
    let stdin = || Ok(Vec::new());
    let found = ends::find(repo, &asked, &Around { env: &env, stdin: &stdin })?;
    let Ends::Pair(pair) = &found else {
        return Err(Failure::usage("a change is waited for, not what is staged or pushed")
            .hint("git promote wait --base origin/main --head HEAD"));
    };
    let change = pair.change(repo)?;
    let config = workspace::read_config(&change.before)?;
    let mut moves = Moves::new();
    for planned in moved(&change, &config)?.planned {
        let Promotion { app, image, from, version, .. } = planned.promotion;
        for environment in from {
            let (app, version) = (app.clone(), version.clone());
            moves.insert((Subject { environment, app, version }, image.clone()));
        }
    }
    Ok((pair.base, moves))
}

/// The commit that brought the version there, and the base; `None` where the
/// environment does not run it: a change that goes back takes it from nowhere.
fn commits_of(
    (repo, config, base): (&Repository, &Config, ObjectId),
    snapshot: &dyn Snapshot,
    (subject, image): (&Subject, &str),
) -> Result<Option<Vec<ObjectId>>, Failure> {
    let inventory = inventory(snapshot, config, Some(std::slice::from_ref(&subject.app.name)))?;
    let key = CellKey {
        environment: subject.environment.clone(),
        app: subject.app.clone(),
        image: image.to_owned(),
    };
    let runs = inventory.cells.get(&key).and_then(Cell::pin);
    if runs != Some(&subject.version) {
        return Ok(None);
    }
    let keys = BTreeSet::from([&key]);
    let ground = Ground { repo, config, base };
    let found = timelines(ground, &inventory, &keys, Reach::Arrivals)?;
    let since = found.get(&key).and_then(crate::history::Timeline::since);
    let since = since.and_then(|moment| repo.full_id(&moment.commit));
    let mut commits: Vec<ObjectId> = since.into_iter().collect();
    if !commits.contains(&base) {
        commits.push(base);
    }
    Ok(Some(commits))
}

fn connect(repo: &Repository, args: &WaitArgs, base: &Base) -> Result<Box<dyn Forge>, Failure> {
    let remote = repo.remote(args.remote.as_deref())?;
    let place = forges::place(&base.config, &remote.url)?.ok_or_else(|| {
        Failure::new(Exit::Invalid, format!("no forge is known for {}", remote.name))
            .hint("[forge] kind = \"github\" in promote.toml")
    })?;
    Ok(forges::connect(repo, &place)?.ok_or_else(|| forge::missing_token(&place))?)
}

struct Waiting<'a> {
    args: &'a WaitArgs,
    forge: Box<dyn Forge>,
    subjects: Subjects,
}

impl Waiting<'_> {
    /// Asks until every state is known, or the time is over.
    fn until_known(&self) -> Result<(Vec<WaitRow>, Exit), Failure> {
        let start = Instant::now();
        loop {
            let rows = self.ask()?;
            let any = |state: WaitState| rows.iter().any(|row| row.state == state);
            if any(WaitState::Failed) {
                return Ok((rows, Exit::Refused));
            }
            if !any(WaitState::Pending) && !any(WaitState::Unknown) {
                return Ok((rows, Exit::Done));
            }
            let left = self.args.timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok((rows, Exit::Unavailable));
            }
            std::thread::sleep(self.args.interval.min(left));
        }
    }

    fn ask(&self) -> Result<Vec<WaitRow>, Failure> {
        let mut known: BTreeMap<ObjectId, Vec<Check>> = BTreeMap::new();
        for commit in self.subjects.values().flatten() {
            if !known.contains_key(commit) {
                known.insert(*commit, self.forge.checks(&commit.to_string())?);
            }
        }
        let row =
            |(subject, commits): (&Subject, &Vec<ObjectId>)| self.row(subject, commits, &known);
        self.subjects.iter().map(row).collect()
    }

    /// The state of a subject: that of the commit which brought it, unless a
    /// later one says something newer.
    fn row(
        &self,
        subject: &Subject,
        commits: &[ObjectId],
        known: &BTreeMap<ObjectId, Vec<Check>>,
    ) -> Result<WaitRow, Failure> {
        let glob = self.glob(subject)?;
        let all = commits.iter().flat_map(|commit| {
            known.get(commit).into_iter().flatten().map(move |check| (commit, check))
        });
        let mut newest: BTreeMap<&str, (&ObjectId, &Check)> = BTreeMap::new();
        for (commit, check) in all.filter(|(_, check)| glob.is_match(&check.context)) {
            let entry = newest.entry(&check.context).or_insert((commit, check));
            if check.updated >= entry.1.updated {
                *entry = (commit, check);
            }
        }
        let worst = newest.into_values().max_by_key(|(_, check)| check.state);
        Ok(WaitRow {
            environment: subject.environment.clone(),
            app: subject.app.clone(),
            version: subject.version.clone(),
            state: worst.map_or(WaitState::Unknown, |(_, check)| match check.state {
                CheckState::Success => WaitState::Healthy,
                CheckState::Pending => WaitState::Pending,
                CheckState::Failure => WaitState::Failed,
            }),
            context: worst.map(|(_, check)| check.context.clone()),
            commit: worst.map(|(commit, _)| commit.to_string()),
            message: worst.map(|(_, check)| check.description.clone()).filter(|m| !m.is_empty()),
            url: worst.map(|(_, check)| check.url.clone()).filter(|url| !url.is_empty()),
        })
    }

    fn glob(&self, subject: &Subject) -> Result<GlobMatcher, Failure> {
        let version = subject.version.to_string();
        let text = placeholders(&self.args.context, &subject.app, &subject.environment, &version);
        let glob = Glob::new(&text).map_err(|error| {
            Failure::usage(format!("`{text}` is no glob: {}", error.kind()))
                .hint("--context '*/{group}-{env}'")
        })?;
        Ok(glob.compile_matcher())
    }
}

fn render(context: &Context, report: &WaitReport) -> String {
    match context.format {
        Format::Table | Format::Wide if context.quiet => String::new(),
        Format::Table | Format::Wide => output::waited(report),
        format => {
            let table = output::wait_table(report);
            output::machine(format, &output::wait_value(report), "rows", &table)
        }
    }
}
