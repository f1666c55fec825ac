//! `git promote wait`: whether what runs where a change takes its versions from
//! is healthy; the required check of a pull request that is merged by itself.

mod needs;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use clap::Args;

use crate::config::{Config, unknown_name};
use crate::discover::{Cell, CellKey};
use crate::git::{ObjectId, Repository};
use crate::history::{Moment, Timeline};
use crate::model::{
    AppId, Cause, Environment, EnvironmentName, Health, HealthSettings, Patience, Pin, Promotion,
    Sight, Snapshot, Sources, quoted,
};
use crate::output::{self, Format};
use crate::report::{WaitReport, WaitRow};

use super::check::ends::{self, Around, Asked, Ends};
use super::evidence::{Ground, Reach, timelines};
use super::moved::{inventory, moved};
use super::outside::{Asker, PATIENCE, Subject, Trouble};
use super::{Answer, Context, Exit, Failure, Remark, workspace};
use needs::{Choice, Need};

/// Wait until what runs in an environment is healthy.
///
/// Without ENV: the environments that a change takes its versions from. The
/// change is found as `check` finds it. Where nothing is promoted, nothing is
/// waited for. What tells is `health` of the environments that are entered:
/// commit statuses, objects of a cluster, a program; or --context.
///
/// Exit code 0: healthy. 3: not healthy. 7: not known in time.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// The environment that is looked at
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// The commit statuses and check runs that count: a glob over their names,
    /// with {app}, {group}, {env} and {version}; in place of `health` of the config
    #[arg(long, value_name = "GLOB")]
    pub context: Option<String>,
    /// How long to wait, such as 90s, 10m, 1h; the default is that of `health`,
    /// else 10m
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Patience>,
    /// How long to wait between two questions
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub interval: Patience,
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

/// `git promote wait [ENV]`
pub fn run(context: &Context, args: &WaitArgs) -> Result<Answer, Failure> {
    let repo = Repository::open(&context.directory)?;
    let Wanted { base, subjects, needs } = wanted(&repo, args)?;
    if subjects.is_empty() {
        let report = WaitReport { rows: Vec::new() };
        return Ok(Answer::done(render(context, &report)));
    }
    let ground = Ground { repo: &repo, config: &base.config, base: base.id };
    let asker = Asker::new(ground, args.remote.as_deref());
    let mut all = subjects.values().flatten();
    if all.any(|one| one.settings.context.is_some()) {
        // Nothing is waited for where nobody can ever answer.
        asker.forge()?;
    }
    let waiting = Waiting { args, asker, base: &base, subjects: &subjects, needs: &needs };
    let (rows, exit) = waiting.until_known()?;
    let mut remarks = waiting.ending(context, exit);
    if exit == Exit::Done && rows.iter().any(|row| row.state != Health::Healthy) {
        let note = "of `from-any` one environment that is healthy is enough";
        remarks.push(Remark::Note(note.to_owned()));
    }
    Ok(Answer { text: render(context, &WaitReport { rows }), remarks, exit })
}

/// The base, with its config.
struct Base {
    id: ObjectId,
    config: Config,
}

/// What has to be healthy; a row of the answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    environment: EnvironmentName,
    app: AppId,
    version: Pin,
}

/// One way to look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    settings: HealthSettings,
    repository: String,
    since: Option<Moment>,
}

type Subjects = BTreeMap<Row, Vec<Look>>;

/// A version of an image in an environment, and the environments that it would
/// go on to: these say how it is looked at.
type Moves = BTreeMap<(Row, String), BTreeSet<EnvironmentName>>;

/// What is waited for.
struct Wanted {
    base: Base,
    subjects: Subjects,
    needs: Vec<Need>,
}

fn wanted(repo: &Repository, args: &WaitArgs) -> Result<Wanted, Failure> {
    let (id, moves, choices) = match &args.environment {
        Some(name) => standing(repo, name)?,
        None => changing(repo, args)?,
    };
    let snapshot = repo.snapshot(id)?;
    let base = Base { id, config: workspace::read_config(&snapshot)? };
    let mut found = Subjects::new();
    for ((row, image), entered) in &moves {
        let settings = settings(&base.config, args, entered)?;
        let stands = stands(repo, &base, (&snapshot, row, image))?;
        let Some((repository, since)) = stands else { continue };
        let looks = found.entry(row.clone()).or_default();
        for settings in settings {
            let look = Look { settings, repository: repository.clone(), since: since.clone() };
            if !looks.contains(&look) {
                looks.push(look);
            }
        }
    }
    found.retain(|_, looks| !looks.is_empty());
    let asks = |to: &EnvironmentName| {
        let environment = base.config.environment(to.as_str());
        args.context.is_some() || environment.is_some_and(|to| to.health.is_some())
    };
    let needs = needs::needs(&found, &moves, &choices, &asks);
    Ok(Wanted { base, subjects: found, needs })
}

/// How it is looked at: as --context says, else as the environments say that
/// are entered.
fn settings(
    config: &Config,
    args: &WaitArgs,
    entered: &BTreeSet<EnvironmentName>,
) -> Result<Vec<HealthSettings>, Failure> {
    if let Some(context) = &args.context {
        if let Some(name) = unknown_name(context) {
            let message = format!(
                "{name} of `{context}` is none of {{app}}, {{group}}, {{env}}, {{version}}"
            );
            return Err(Failure::usage(message).hint("git promote wait --context '*/{app}-{env}'"));
        }
        let context = Some(context.clone());
        return Ok(vec![HealthSettings { context, ..HealthSettings::default() }]);
    }
    let named = entered.iter().filter_map(|name| config.environment(name.as_str()));
    let mut found: Vec<HealthSettings> = Vec::new();
    for settings in named.filter_map(|environment| environment.health.clone()) {
        if !found.contains(&settings) {
            found.push(settings);
        }
    }
    let mut all = config.pipeline.environments().iter();
    let nowhere = all.all(|environment| environment.health.is_none());
    if found.is_empty() && (args.environment.is_some() || nowhere) {
        let message = "the config does not say what tells whether it is healthy";
        return Err(Failure::usage(message)
            .hint("git promote wait --context '*/{app}-{env}'")
            .hint("health = { context = \"*/{app}-{env}\" } in promote.toml"));
    }
    Ok(found)
}

/// Everything that runs in an environment at HEAD. What is looked at say the
/// environments after it; after the last one, itself.
fn standing(repo: &Repository, name: &str) -> Result<(ObjectId, Moves, Vec<Choice>), Failure> {
    let head = repo.resolve("HEAD")?;
    let snapshot = repo.snapshot(head)?;
    let config = workspace::read_config(&snapshot)?;
    let Some(environment) = config.environment(name) else {
        return Err(Failure::not_found(format!("there is no environment `{name}`"))
            .hint("git promote status"));
    };
    let asks = |environment: &&Environment| environment.health.is_some();
    let after = config.pipeline.following(&environment.name).filter(asks);
    let mut entered: BTreeSet<EnvironmentName> = after.map(|one| one.name.clone()).collect();
    if entered.is_empty() {
        entered.insert(environment.name.clone());
    }
    let inventory = inventory(&snapshot, &config, None)?;
    let of = |(key, cell): (&CellKey, &Cell)| {
        let version = cell.pin().filter(|pin| !pin.is_empty())?.clone();
        let environment = key.environment.clone();
        let row = Row { environment, app: key.app.clone(), version };
        Some(((row, key.image.clone()), entered.clone()))
    };
    let here = inventory.cells.iter().filter(|(key, _)| key.environment == environment.name);
    Ok((head, here.filter_map(of).collect(), Vec::new()))
}

/// What a change takes from where.
fn changing(repo: &Repository, args: &WaitArgs) -> Result<(ObjectId, Moves, Vec<Choice>), Failure> {
    let asked = Asked { base: args.base.clone(), head: args.head.clone(), ..Asked::default() };
    let env = |name: &str| std::env::var(name).ok();
    let stdin = || Ok(Vec::new());
    let found = ends::find(repo, &asked, &Around { env: &env, stdin: &stdin });
    let found = found.map_err(to_wait)?;
    let Ends::Pair(pair) = &found else {
        return Err(Failure::usage("a change is waited for, not what is staged or pushed")
            .hint("git promote wait --base origin/main --head HEAD"));
    };
    let change = pair.change(repo)?;
    let config = workspace::read_config(&change.before)?;
    let (mut moves, mut choices) = (Moves::new(), Vec::new());
    for planned in moved(&change, &config)?.planned {
        let Promotion { app, image, from, to, version, .. } = planned.promotion;
        let mut rows = BTreeSet::new();
        for environment in from {
            let row = Row { environment, app: app.clone(), version: version.clone() };
            moves.entry((row.clone(), image.clone())).or_default().insert(to.clone());
            rows.insert(row);
        }
        let entered = config.environment(to.as_str());
        let sources = entered.map(|environment| config.sources_for(environment, &app));
        if matches!(sources, Some(Sources::Any(_))) {
            choices.push(Choice { to, rows });
        }
    }
    Ok((pair.base, moves, choices))
}

/// What is said of a change that `check` does not find, with what to wait for.
fn to_wait(mut failure: Failure) -> Failure {
    for hint in &mut failure.hints {
        *hint = match hint.strip_prefix("git promote check ") {
            Some(flags) if flags.starts_with("--") => format!("git promote wait {flags}"),
            Some(_) => "git promote wait ENV".to_owned(),
            None => continue,
        };
    }
    failure
}

/// The repository of the image where the environment runs the version, and the
/// commit that brought it; `None` where it does not: a change that goes back
/// takes it from nowhere.
fn stands(
    repo: &Repository,
    base: &Base,
    (snapshot, row, image): (&dyn Snapshot, &Row, &str),
) -> Result<Option<(String, Option<Moment>)>, Failure> {
    let names = std::slice::from_ref(&row.app.name);
    let inventory = inventory(snapshot, &base.config, Some(names))?;
    let (environment, app) = (row.environment.clone(), row.app.clone());
    let key = CellKey { environment, app, image: image.to_owned() };
    let cell = inventory.cells.get(&key).filter(|cell| cell.pin() == Some(&row.version));
    let Some(cell) = cell else { return Ok(None) };
    let ground = Ground { repo, config: &base.config, base: base.id };
    let found = timelines(ground, &inventory, &BTreeSet::from([&key]), Reach::Arrivals)?;
    let since = found.get(&key).and_then(Timeline::since).cloned();
    Ok(Some((cell.repository().unwrap_or(image).to_owned(), since)))
}

struct Waiting<'a> {
    args: &'a WaitArgs,
    asker: Asker<'a>,
    base: &'a Base,
    subjects: &'a Subjects,
    needs: &'a [Need],
}

impl Waiting<'_> {
    /// As the flag says, else the longest of what the config says.
    fn timeout(&self) -> Duration {
        let all = self.subjects.values().flatten();
        let told = all.filter_map(|look| look.settings.timeout).map(|span| span.0).max();
        self.args.timeout.map(|span| span.0).or(told).unwrap_or(PATIENCE.0)
    }

    /// Asks until every state is known, or the time is over.
    fn until_known(&self) -> Result<(Vec<WaitRow>, Exit), Failure> {
        let (start, timeout) = (Instant::now(), self.timeout());
        loop {
            let rows = self.ask()?;
            let states: Vec<Health> = self.needs.iter().map(|need| need.state(&rows)).collect();
            if states.contains(&Health::Failed) {
                return Ok((rows, Exit::Refused));
            }
            if states.iter().all(|state| *state == Health::Healthy) {
                return Ok((rows, Exit::Done));
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok((rows, Exit::Unavailable));
            }
            std::thread::sleep(self.args.interval.0.min(left));
            self.asker.forget();
        }
    }

    fn ask(&self) -> Result<Vec<WaitRow>, Failure> {
        let all = self.subjects.iter().flat_map(|(row, looks)| self.looks(row, looks));
        self.asker.ask_ahead(&all.collect::<Vec<_>>());
        self.subjects.iter().map(|(row, looks)| self.row(row, looks)).collect()
    }

    fn looks<'s>(&'s self, row: &'s Row, looks: &'s [Look]) -> impl Iterator<Item = Subject<'s>> {
        let environment = self.base.config.environment(row.environment.as_str());
        looks.iter().filter_map(move |look| {
            Some(Subject {
                environment: environment?,
                settings: &look.settings,
                app: &row.app,
                version: &row.version,
                repository: Some(&look.repository),
                since: look.since.as_ref(),
            })
        })
    }

    /// The worst of all that was seen.
    fn row(&self, row: &Row, looks: &[Look]) -> Result<WaitRow, Failure> {
        let mut sights = Vec::new();
        for subject in self.looks(row, looks) {
            match self.asker.look(subject) {
                Ok(seen) => sights.extend(seen),
                Err(Trouble::Silence(silence)) if silence.cause == Cause::Passing => {
                    sights.push(Sight::unknown(silence.message));
                }
                // What can never be answered is not waited for.
                Err(Trouble::Silence(silence)) => {
                    let failure = Failure::new(Exit::of_silence(silence.cause), silence.message);
                    let hint = silence.hint.or_else(|| self.asker.bring_program(subject));
                    return Err(failure.maybe_hint(hint));
                }
                Err(Trouble::Closed(failure) | Trouble::Failure(failure)) => return Err(failure),
            }
        }
        let worst = Sight::worst(&sights);
        Ok(WaitRow {
            environment: row.environment.clone(),
            app: row.app.clone(),
            version: row.version.clone(),
            state: worst.map_or(Health::Unknown, |sight| sight.health),
            context: worst.and_then(|sight| sight.what.clone()),
            commit: worst.and_then(|sight| sight.commit.clone()),
            message: worst.map(|sight| sight.message.clone()).filter(|text| !text.is_empty()),
            url: worst.map(|sight| sight.url.clone()).filter(|url| !url.is_empty()),
        })
    }

    /// The same command with more patience.
    fn again(&self, program: &str) -> String {
        let args = self.args;
        let mut again = format!("{program} wait");
        again.extend(args.environment.as_ref().map(|name| format!(" {}", quoted(name))));
        let timeout = longer(self.timeout()).to_string().replace(' ', "");
        again.push_str(&format!(" --timeout {timeout}"));
        let flags = [
            ("context", &args.context),
            ("base", &args.base),
            ("head", &args.head),
            ("remote", &args.remote),
        ];
        for (flag, value) in flags {
            again.extend(value.as_ref().map(|value| format!(" --{flag} {}", quoted(value))));
        }
        again
    }

    /// Why it is not well, and the command that goes on.
    fn ending(&self, context: &Context, exit: Exit) -> Vec<Remark> {
        let program = context.front.name();
        match exit {
            Exit::Done => Vec::new(),
            Exit::Refused => vec![
                Remark::Error("an environment before is not healthy".to_owned()),
                Remark::Hint(format!("{program} status")),
            ],
            _ => {
                let seconds = self.timeout().as_secs();
                let again = self.again(program);
                vec![
                    Remark::Error(format!("not known to be healthy after {seconds} s")),
                    Remark::Hint(again),
                ]
            }
        }
    }
}

/// The same once more, for longer.
fn longer(timeout: Duration) -> Patience {
    const HOUR: u64 = 3_600;
    let seconds = timeout.as_secs().saturating_mul(2).clamp(HOUR, 7 * 24 * HOUR);
    Patience(Duration::from_secs(seconds))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_long_is_told_to_wait_longer() {
        let after = |seconds| longer(Duration::from_secs(seconds)).to_string();
        assert_eq!([after(0), after(600), after(5_400)], ["1h", "1h", "3h"]);
        assert_eq!(after(u64::MAX), "168h");
    }

    #[test]
    fn what_check_would_do_is_not_hinted() {
        let hinted = |hint: &str| to_wait(Failure::usage("x").hint(hint)).hints;
        assert_eq!(hinted("git promote check HEAD~1..HEAD"), ["git promote wait ENV"]);
        let flags = "--base origin/main --head HEAD";
        let check = format!("git promote check {flags}");
        assert_eq!(hinted(&check), [format!("git promote wait {flags}")]);
        assert_eq!(hinted("git fetch"), ["git fetch"]);
    }
}
