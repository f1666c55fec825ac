//! Delivery metrics: how often, how fast, how often back, and how fast that.
//!
//! `docs/history.md` says what each number means.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Config;
use crate::model::{AppId, EnvironmentName, Pin, Sources};

use super::Entry;

/// Spans of time in a row of the metrics, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// How many there are.
    pub count: usize,
    /// The middle one, or the mean of the two in the middle.
    pub median: i64,
    /// The smallest that nine tenths of them do not exceed.
    pub p90: i64,
}

impl Spans {
    /// `None` where there are none.
    fn of(mut spans: Vec<i64>) -> Option<Self> {
        spans.sort_unstable();
        let count = spans.len();
        let at = |index: usize| spans.get(index).copied();
        let upper = at(count / 2)?;
        let lower = at(count.saturating_sub(1) / 2)?;
        let median = lower + (upper - lower) / 2;
        let p90 = at((count * 9).div_ceil(10).saturating_sub(1))?;
        Some(Self { count, median, p90 })
    }
}

/// What was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// How many changes of version: one an app and commit.
    pub deployments: usize,
    /// How many of them went back.
    pub rollbacks: usize,
    /// From the first environment to here.
    pub lead: Option<Spans>,
    /// How long what was rolled back had been there.
    pub restore: Option<Spans>,
}

/// A row: what was delivered to one environment, of one app or of all, in one
/// month or in all of the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app; `None`: all.
    pub app: Option<AppId>,
    /// The month in UTC, `2026-03`; `None`: all of the time.
    pub month: Option<String>,
    /// What was delivered.
    pub delivery: Delivery,
}

/// One change of version, for who counts by other spans of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The environment.
    pub environment: EnvironmentName,
    /// When, seconds since the epoch.
    pub seconds: i64,
    /// Whether it went back.
    pub rollback: bool,
    /// From the first environment to here, in seconds.
    pub lead: Option<i64>,
}

impl Delivered {
    /// How many there are, how many of them went back, and how fast they were.
    pub fn sum(those: &[&Self]) -> (usize, usize, Option<Spans>) {
        let lead = Spans::of(those.iter().filter_map(|one| one.lead).collect());
        (those.len(), those.iter().filter(|one| one.rollback).count(), lead)
    }
}

/// The rows of each sort.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metrics {
    /// How many deployments have a span of time less, because the clocks of
    /// those who committed disagree: the end comes before the beginning.
    pub askew: usize,
    /// Each change of version that counts, the oldest first.
    pub deliveries: Vec<Delivered>,
    /// The time of the oldest and newest deployment that counts.
    pub period: Option<(i64, i64)>,
    /// By environment.
    pub environments: Vec<Row>,
    /// By environment and month.
    pub months: Vec<Row>,
    /// By environment and app.
    pub apps: Vec<Row>,
    /// By environment, app and month.
    pub rows: Vec<Row>,
}

/// The app and month of the row that an entry counts in.
type Grouping<'g> = &'g dyn Fn(&Entry) -> (Option<AppId>, Option<String>);

/// One deployment: all images of an app that a commit changed in one
/// environment.
struct Deployment<'a> {
    entry: &'a Entry,
    rollback: bool,
    lead: Option<i64>,
    restore: Option<i64>,
    /// Whether one of the spans would be less than nothing.
    askew: bool,
}

impl Deployment<'_> {
    /// With one image more: it goes back where any of them does, and is there
    /// with the last of them.
    fn join(&mut self, other: &Self) {
        self.rollback |= other.rollback;
        self.lead = self.lead.max(other.lead).filter(|_| !self.rollback);
        self.restore = self.restore.max(other.restore);
        self.askew |= other.askew;
    }
}

/// Counts the `entries` (newest first) that are `counted`; the others tell when
/// a version was first anywhere.
pub fn metrics(config: &Config, entries: &[Entry], counted: &dyn Fn(&Entry) -> bool) -> Metrics {
    let deployments = deployments(config, entries, counted);
    let times = || deployments.iter().map(|deployment| deployment.entry.moment.seconds);
    let table = |key: Grouping<'_>| rows(config, &deployments, key);
    let app = |entry: &Entry| Some(entry.app.clone());
    let month = |entry: &Entry| Some(month_of(entry.moment.seconds));
    let one = |deployment: &Deployment<'_>| Delivered {
        environment: deployment.entry.environment.clone(),
        seconds: deployment.entry.moment.seconds,
        rollback: deployment.rollback,
        lead: deployment.lead,
    };
    Metrics {
        askew: deployments.iter().filter(|deployment| deployment.askew).count(),
        deliveries: deployments.iter().map(one).collect(),
        period: times().min().zip(times().max()),
        environments: table(&|_| (None, None)),
        months: table(&|entry| (None, month(entry))),
        apps: table(&|entry| (app(entry), None)),
        rows: table(&|entry| (app(entry), month(entry))),
    }
}

fn month_of(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::UTC);
    format!("{:04}-{:02}", time.year(), time.month())
}

fn deployments<'a>(
    config: &Config,
    entries: &'a [Entry],
    counted: &dyn Fn(&Entry) -> bool,
) -> Vec<Deployment<'a>> {
    let first = |entry: &Entry| {
        let environment = config.environment(entry.environment.as_str());
        environment.is_some_and(|e| config.sources_for(e, &entry.app) == Sources::First)
    };
    let mut counting = Counting::default();
    let commits = entries.chunk_by(|a, b| a.moment.commit == b.moment.commit);
    for commit in commits.rev() {
        // What comes into several environments at once was in the first, too.
        commit.iter().filter(|entry| first(entry)).for_each(|entry| counting.begin(entry));
        for entry in commit.iter().rev() {
            let one = counting.enter(entry, first(entry));
            if !entry.previous.is_empty() && entry.preview.is_none() && counted(entry) {
                counting.add(one);
            }
        }
    }
    counting.found
}

/// What is known on the way from the oldest entry to the newest.
#[derive(Default)]
struct Counting<'a> {
    /// When each version was first in a first environment.
    begun: BTreeMap<(&'a AppId, &'a str, &'a Pin), i64>,
    /// What was in each environment at some time.
    arrived: BTreeSet<(&'a EnvironmentName, &'a AppId, &'a str, &'a Pin)>,
    /// Since when an environment has what it has.
    standing: BTreeMap<(&'a EnvironmentName, &'a AppId, &'a str), i64>,
    /// Where the deployment of a commit, environment and app stands.
    places: BTreeMap<(&'a str, &'a EnvironmentName, &'a AppId), usize>,
    found: Vec<Deployment<'a>>,
}

impl<'a> Counting<'a> {
    fn begin(&mut self, entry: &'a Entry) {
        let version = (&entry.app, entry.image.as_str(), &entry.version);
        self.begun.entry(version).or_insert(entry.moment.seconds);
    }

    fn enter(&mut self, entry: &'a Entry, first: bool) -> Deployment<'a> {
        let Entry { environment, app, version, rollback, .. } = entry;
        let (image, now) = (entry.image.as_str(), entry.moment.seconds);
        let fresh = self.arrived.insert((environment, app, image, version));
        let since = self.standing.insert((environment, app, image), now);
        let start = self.begun.get(&(app, image, version));
        let lead = start.filter(|_| fresh && !rollback && !first).map(|start| now - start);
        let restore = since.filter(|_| *rollback).map(|since| now - since);
        let known = |span: &i64| *span >= 0;
        Deployment {
            entry,
            rollback: *rollback,
            lead: lead.filter(known),
            restore: restore.filter(known),
            askew: lead.into_iter().chain(restore).any(|span| span < 0),
        }
    }

    fn add(&mut self, one: Deployment<'a>) {
        let entry = one.entry;
        let place = (entry.moment.commit.as_str(), &entry.environment, &entry.app);
        let at = *self.places.entry(place).or_insert(self.found.len());
        match self.found.get_mut(at) {
            Some(known) => known.join(&one),
            None => self.found.push(one),
        }
    }
}

fn rows(config: &Config, deployments: &[Deployment<'_>], key: Grouping<'_>) -> Vec<Row> {
    let environments = config.pipeline.environments();
    let rank = |name: &EnvironmentName| environments.iter().position(|e| e.name == *name);
    let mut groups: BTreeMap<_, Vec<&Deployment<'_>>> = BTreeMap::new();
    for deployment in deployments {
        let environment = &deployment.entry.environment;
        let (app, month) = key(deployment.entry);
        groups.entry((rank(environment), environment, app, month)).or_default().push(deployment);
    }
    let row = |(key, group): ((_, &EnvironmentName, _, _), Vec<&Deployment<'_>>)| Row {
        environment: key.1.clone(),
        app: key.2,
        month: key.3,
        delivery: Delivery {
            deployments: group.len(),
            rollbacks: group.iter().filter(|one| one.rollback).count(),
            lead: Spans::of(group.iter().filter_map(|one| one.lead).collect()),
            restore: Spans::of(group.iter().filter_map(|one| one.restore).collect()),
        },
    };
    groups.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::from_toml;
    use crate::history::Moment;
    use crate::model::RepoPath;

    fn entry(commit: &str, hours: i64, environment: &str, (old, new): (&str, &str)) -> Entry {
        let pin = |text: &str| if text.is_empty() { Pin::default() } else { text.parse().unwrap() };
        Entry {
            moment: Arc::new(Moment {
                commit: commit.to_owned(),
                seconds: 1_700_000_000 + hours * 3_600,
                author: String::new(),
            }),
            environment: EnvironmentName::new(environment),
            app: AppId::named("web"),
            image: "acme/web".to_owned(),
            previous: pin(old),
            version: pin(new),
            rollback: commit == "back",
            waivers: Vec::new(),
            preview: None,
            recorded: false,
            path: RepoPath::root(),
        }
    }

    #[test]
    fn each_number_is_what_it_is_called() {
        let config = from_toml(
            "version = 1\n[layout]\npaths = [\"{app}/{env}\"]\n[[environment]]\nname = \"dev\"\n\
             [[environment]]\nname = \"prod\"\n",
        );
        let mut entries = vec![
            entry("first", 0, "dev", ("", "v1")),
            entry("first", 0, "prod", ("", "v1")),
            entry("a", 10, "dev", ("v1", "v2")),
            entry("b", 30, "prod", ("v1", "v2")),
            entry("back", 33, "prod", ("v2", "v1")),
            entry("c", 40, "dev", ("v2", "v3")),
            entry("d", 44, "prod", ("v1", "v3")),
            entry("e", 45, "prod", ("v3", "v9")),
        ];
        entries.reverse();
        let metrics = metrics(&config.unwrap(), &entries, &|_| true);
        let [dev, prod] = metrics.environments.as_slice() else { panic!("{metrics:?}") };
        assert_eq!(dev.delivery.deployments, 2);
        assert_eq!(dev.delivery.lead, None);
        assert_eq!((prod.delivery.deployments, prod.delivery.rollbacks), (4, 1));
        // 20 h of v2, 4 h of v3; v9 was never in dev, v1 went back.
        let lead = Spans { count: 2, median: 12 * 3_600, p90: 20 * 3_600 };
        assert_eq!(prod.delivery.lead, Some(lead));
        let restore = Spans { count: 1, median: 3 * 3_600, p90: 3 * 3_600 };
        assert_eq!(prod.delivery.restore, Some(restore));
        let months: Vec<_> = metrics.months.iter().map(|row| row.month.clone().unwrap()).collect();
        assert_eq!(months, ["2023-11", "2023-11"]);
    }

    #[test]
    fn where_clocks_disagree_nothing_is_counted_as_quick() {
        let config = from_toml(
            "version = 1\n[layout]\npaths = [\"{app}/{env}\"]\n[[environment]]\nname = \"dev\"\n\
             [[environment]]\nname = \"prod\"\n",
        );
        let mut entries = vec![
            entry("a", 30, "dev", ("v1", "v2")),
            entry("b", 4, "prod", ("v1", "v2")),
            entry("c", 40, "dev", ("v2", "v3")),
            entry("d", 46, "prod", ("v2", "v3")),
        ];
        entries.reverse();
        let metrics = metrics(&config.unwrap(), &entries, &|_| true);
        let prod = metrics.environments.last().unwrap();
        assert_eq!((prod.delivery.deployments, metrics.askew), (2, 1));
        let lead = Spans { count: 1, median: 6 * 3_600, p90: 6 * 3_600 };
        assert_eq!(prod.delivery.lead, Some(lead));
    }

    #[test]
    fn images_that_move_together_are_one_deployment() {
        let config = from_toml(
            "version = 1\n[layout]\npaths = [\"{app}/{env}\"]\n[[environment]]\nname = \"dev\"\n\
             [[environment]]\nname = \"prod\"\n",
        );
        let job = |entry: Entry| Entry { image: "acme/job".to_owned(), ..entry };
        let mut entries = vec![
            entry("a", 0, "dev", ("v1", "v2")),
            job(entry("b", 5, "dev", ("v1", "v2"))),
            entry("c", 9, "prod", ("v1", "v2")),
            job(entry("c", 9, "prod", ("v1", "v2"))),
            entry("back", 11, "prod", ("v2", "v1")),
            Entry { rollback: false, ..job(entry("back", 11, "prod", ("v2", "v3"))) },
        ];
        entries.reverse();
        let metrics = metrics(&config.unwrap(), &entries, &|_| true);
        let [_, prod] = metrics.environments.as_slice() else { panic!("{metrics:?}") };
        assert_eq!((prod.delivery.deployments, prod.delivery.rollbacks), (2, 1));
        assert_eq!(prod.delivery.lead.unwrap().median, 9 * 3_600);
        assert_eq!(prod.delivery.lead.unwrap().count, 1);
        assert_eq!(prod.delivery.restore.unwrap().median, 2 * 3_600);
    }

    #[test]
    fn what_comes_into_all_environments_at_once_takes_no_time() {
        let config = from_toml(
            "version = 1\n[layout]\npaths = [\"{app}/{env}\"]\n[[environment]]\nname = \"test\"\n\
             [[environment]]\nname = \"prod\"\n",
        );
        // Of one commit in either order: names do not matter.
        let both = [entry("a", 0, "test", ("v1", "v2")), entry("a", 0, "prod", ("v1", "v2"))];
        let other = [both[1].clone(), both[0].clone()];
        let config = config.unwrap();
        for entries in [both, other] {
            let metrics = metrics(&config, &entries, &|_| true);
            assert_eq!(metrics.environments[1].delivery.lead.unwrap().median, 0);
        }
    }

    #[test]
    fn medians_and_percentiles() {
        assert_eq!(Spans::of(vec![]), None);
        let of = |spans: Vec<i64>| Spans::of(spans).map(|s| (s.count, s.median, s.p90));
        assert_eq!(of(vec![7]), Some((1, 7, 7)));
        assert_eq!(of(vec![4, 1, 2, 3]), Some((4, 2, 4)));
        assert_eq!(of((1..=10).collect()), Some((10, 5, 9)));
        assert_eq!(of((1..=11).collect()), Some((11, 6, 10)));
    }
}
