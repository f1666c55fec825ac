//! One promotion of web into staging, judged in process at any time and with
//! any past: what the rules on time say of it.

use std::collections::BTreeMap;

use promote::audit::Waiver;
use promote::config::{self, Holds, PROMOTE_TOML};
use promote::discover::CellKey;
use promote::gate::{self, Case, Dated, Past};
use promote::history::{Held, Moment, Timeline};
use promote::model::{AppId, EnvironmentName, Finding, Rule};
use promote::plan;
use promote::proof::{self, Ran, Sides};

use crate::check_gate::{Files, changed, path, snapshot};
use crate::kit;

/// 2026-11-27 12:00:00 UTC, a Friday.
pub(crate) const NOON: i64 = 1_795_780_800;

pub(crate) const HOUR: i64 = 3_600;

/// What a promotion of web to v2 in staging is judged by.
pub(crate) struct Judged {
    /// `promote.toml`.
    pub(crate) config: String,
    pub(crate) timelines: BTreeMap<CellKey, Timeline>,
    pub(crate) dates: BTreeMap<String, Dated>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) holds: Holds,
    pub(crate) history: Past,
    pub(crate) rollback: bool,
    pub(crate) waivers: Vec<Waiver>,
    pub(crate) now: i64,
}

impl Judged {
    /// With these lines in the table of staging; dev has run v2 for a day.
    pub(crate) fn with(staging: &str) -> Self {
        let name = "name = \"staging\"\n";
        let config = kit::LINE.replace(name, &format!("{name}{staging}\n"));
        let mut judged = Self {
            config,
            timelines: BTreeMap::new(),
            dates: BTreeMap::new(),
            trailers: Vec::new(),
            holds: Holds::default(),
            history: Past::Whole,
            rollback: false,
            waivers: Vec::new(),
            now: NOON,
        };
        judged.ran("dev", &[("v2", NOON - 24 * HOUR), ("v1", NOON - 1_000 * HOUR)]);
        judged.ran("staging", &[("v1", NOON - 900 * HOUR)]);
        judged
    }

    /// What web ran in an environment, newest first, each with the time of its
    /// commit, which is also its id. Time 0: the history ends before.
    pub(crate) fn ran(&mut self, environment: &str, held: &[(&str, i64)]) -> &mut Self {
        let held = held.iter().map(|(pin, seconds)| {
            let commit = format!("{seconds:040}");
            let since = Moment { commit, seconds: *seconds, author: String::new() };
            let since = (*seconds != 0).then_some(since);
            let repository = Some("registry.example/acme/web".to_owned());
            Held { pin: pin.parse().unwrap(), repository, beside: None, since }
        });
        let timeline = Timeline { held: held.collect(), complete: true };
        self.timelines.insert(key(environment), timeline);
        self
    }

    /// The same promotion at another time.
    pub(crate) fn at(&mut self, now: i64) -> &mut Self {
        self.now = now;
        self
    }

    pub(crate) fn waive(&mut self, rule: Rule) -> &mut Self {
        self.waivers.push(Waiver { rule, reason: "INC-42".to_owned() });
        self
    }

    /// What all rules find.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let config = config::from_toml(&self.config).unwrap_or_else(|error| panic!("{error}"));
        let base = files(&self.config, "v1");
        let head = files(&self.config, "v2");
        let (before, after) = (snapshot(&base), snapshot(&head));
        let changed: Vec<_> = changed(&base, &head).iter().map(|at| path(at)).collect();
        let sides = Sides {
            base: &before,
            head: &after,
            config: &config,
            changed: &changed,
            odd_names: 0,
            search: true,
        };
        let proof = proof::prove(&sides).unwrap();
        let promotions = plan::between(&config, &proof.before, &proof.after);
        // Staging rendered the same when it ran v2 before.
        let ran = Ran::of(&after, &proof.after.overlays).unwrap();
        gate::evaluate(&Case {
            config: &config,
            inventory: &proof.before,
            promotions: &promotions,
            current: &[],
            targets: &[EnvironmentName::new("staging")],
            proof: &proof,
            check: None,
            timelines: &self.timelines,
            ran: &BTreeMap::from([(key("staging"), ran)]),
            dates: &self.dates,
            lineages: &BTreeMap::new(),
            base: "",
            trailers: &self.trailers,
            holds: &self.holds,
            answers: None,
            history: self.history,
            rollback: self.rollback,
            waivers: &self.waivers,
            now: self.now,
        })
    }

    /// What one rule finds, one line a finding.
    pub(crate) fn says(&self, rule: Rule) -> String {
        let findings = self.findings();
        let of_rule = findings.iter().filter(|finding| finding.rule == rule);
        let line = |finding: &Finding| format!("{:?}: {}", finding.outcome, finding.message);
        of_rule.map(line).collect::<Vec<_>>().join("\n")
    }
}

fn key(environment: &str) -> CellKey {
    CellKey {
        environment: EnvironmentName::new(environment),
        app: AppId::named("web"),
        image: "registry.example/acme/web".to_owned(),
    }
}

fn files(config: &str, staging: &str) -> Files {
    let mut files = Files::new();
    files.insert(PROMOTE_TOML.to_owned(), config.as_bytes().to_vec());
    let image = "registry.example/acme/web";
    let base = "apps/web/base";
    let kustomization = b"resources:\n- deployment.yaml\n".to_vec();
    files.insert(format!("{base}/kustomization.yaml"), kustomization);
    files.insert(format!("{base}/deployment.yaml"), kit::deployment("web", image).into_bytes());
    for (environment, tag) in [("dev", "v2"), ("staging", staging), ("prod", "v1")] {
        let overlay = kit::overlay(image, tag).into_bytes();
        files.insert(kit::at("web", environment), overlay);
    }
    files
}
