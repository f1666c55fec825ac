//! What must hold for any small repository: what `promote` makes passes
//! `check`, and so does what changes no version.

use std::fmt::Write as _;

use promote::discover::{self, Inventory};
use promote::gate::{self, Case, Past};
use promote::model::{AppId, Patched, Pin, RepoPath};
use promote::plan::{self, Intent, Move, Plan, Wanted, World};
use promote::proof::{self, Sides};
use proptest::prelude::*;

use crate::check_gate::{Files, changed, config, files_of, findings, refusals, snapshot};

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// One app: its images, each with a version per environment, and its habits.
#[derive(Debug, Clone)]
struct App {
    images: Vec<[u8; 3]>,
    /// How images are named in the base and in the entries.
    named: u8,
    digests: bool,
    flow: bool,
    prefix: bool,
}

fn app() -> impl Strategy<Value = App> {
    let images = prop::collection::vec([1_u8..5, 1_u8..5, 1_u8..5], 1..4);
    let habits = (0_u8..3, any::<bool>(), any::<bool>(), any::<bool>());
    (images, habits).prop_map(|(images, (named, digests, flow, prefix))| App {
        images,
        named,
        digests,
        flow,
        prefix,
    })
}

fn repository() -> impl Strategy<Value = Vec<App>> {
    prop::collection::vec(app(), 1..4)
}

impl App {
    /// The name in the base, that in the entry, and its repository.
    fn image(&self, app: usize, image: usize, environment: &str) -> (String, Option<String>) {
        let name = format!("app{app}-{image}");
        match self.named {
            0 => (format!("registry.example/{name}"), None),
            1 => (name.clone(), Some(format!("registry.example/{name}"))),
            _ => (name.clone(), Some(format!("{environment}.example/{name}"))),
        }
    }

    fn deployment(&self, app: usize) -> String {
        let mut text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app{app}\nspec:\n  \
             replicas: 1\n  template:\n    spec:\n      containers:\n"
        );
        for image in 0..self.images.len() {
            let (name, _) = self.image(app, image, "dev");
            write!(
                text,
                "      - name: c{image}\n        image: {name}\n        env:\n        - name: \
                 LEVEL\n          value: info\n        resources:\n          requests:\n            \
                 cpu: 100m\n"
            )
            .unwrap();
        }
        text
    }

    fn overlay(&self, app: usize, environment: usize) -> String {
        let name = ENVIRONMENTS[environment];
        let mut text = String::from("resources:\n- ../../base\n");
        if self.prefix {
            writeln!(text, "namePrefix: {name}-").unwrap();
        }
        text.push_str("images:\n");
        for (image, versions) in self.images.iter().enumerate() {
            let version = versions[environment];
            let (entry, renamed) = self.image(app, image, name);
            let mut fields = vec![format!("name: {entry}")];
            fields.extend(renamed.map(|name| format!("newName: {name}")));
            fields.push(format!("newTag: v{version}"));
            if self.digests {
                fields.push(format!("digest: sha256:{}", version.to_string().repeat(64)));
            }
            if self.flow {
                writeln!(text, "- {{{}}}", fields.join(", ")).unwrap();
            } else {
                writeln!(text, "- {}", fields.join("\n  ")).unwrap();
            }
        }
        text
    }
}

fn files(apps: &[App]) -> Files {
    let mut files = Files::new();
    let mut put = |path: String, text: String| files.insert(path, text.into_bytes());
    for (index, app) in apps.iter().enumerate() {
        let dir = format!("apps/app{index}");
        put(format!("{dir}/base/kustomization.yaml"), "resources:\n- deployment.yaml\n".into());
        put(format!("{dir}/base/deployment.yaml"), app.deployment(index));
        for (place, name) in ENVIRONMENTS.iter().enumerate() {
            let path = format!("{dir}/overlays/{name}/kustomization.yaml");
            put(path, app.overlay(index, place));
        }
    }
    let promote = files_of("line").remove("promote.toml").unwrap();
    files.insert("promote.toml".to_owned(), promote);
    files
}

/// What `promote` plans; `None` where it refuses.
fn promoted(base: &Files, to: &str, moves: Vec<Move>) -> Option<Plan> {
    let (config, tree) = (config(base), snapshot(base));
    let overlays = discover::overlays(&tree, &config, None).unwrap();
    let inventory = discover::read(&tree, &config, overlays, &|_| true).unwrap();
    let to = config.environment(to).unwrap().name.clone();
    let intent = Intent {
        to,
        moves,
        images: vec![],
        create: false,
        never: vec![],
        drop_digest: false,
        digests: std::collections::BTreeMap::new(),
    };
    let world = World { snapshot: &tree, config: &config, inventory: &inventory };
    let plan = plan::promote(world, &intent).ok()?;
    let head = Patched::new(&tree, &plan.files);
    let changed: Vec<RepoPath> = plan.files.iter().map(|file| file.path.clone()).collect();
    let sides = Sides {
        base: &tree,
        head: &head,
        config: &config,
        changed: &changed,
        odd_names: 0,
        search: false,
    };
    let proof = proof::prove(&sides).unwrap();
    let found = gate::evaluate(&case(&config, (&inventory, &plan), &proof));
    (!gate::refused(&found)).then_some(plan)
}

fn case<'a>(
    config: &'a promote::config::Config,
    planned: (&'a Inventory, &'a Plan),
    proof: &'a proof::Proof,
) -> Case<'a> {
    static NO_PAST: std::collections::BTreeMap<discover::CellKey, promote::history::Timeline> =
        std::collections::BTreeMap::new();
    static NO_DATES: std::collections::BTreeMap<String, gate::Dated> =
        std::collections::BTreeMap::new();
    let (inventory, plan) = planned;
    Case {
        config,
        inventory,
        promotions: &plan.promotions,
        current: &plan.current,
        targets: std::slice::from_ref(&plan.to),
        proof,
        check: None,
        timelines: &NO_PAST,
        ran: Box::leak(Box::default()),
        dates: &NO_DATES,
        lineages: Box::leak(Box::default()),
        base: "",
        trailers: &[],
        holds: Box::leak(Box::default()),
        history: Past::Whole,
        rollback: false,
        waivers: &[],
        answers: None,
        now: 0,
    }
}

fn applied(base: &Files, plan: &Plan) -> Files {
    let mut head = base.clone();
    head.extend(plan.files.iter().map(|file| (file.path.to_string(), file.new.clone())));
    head
}

/// A change of no version: in which app and environment (3: the base), and how.
fn ordinary() -> impl Strategy<Value = (usize, usize, usize)> {
    (0_usize..3, 0_usize..4, 0_usize..10)
}

/// Makes such a change; the file that it is in is known by the app.
fn change(head: &mut Files, apps: usize, (app, environment, how): (usize, usize, usize)) {
    let app = app % apps;
    let dir = format!("apps/app{app}");
    let Some(name) = ENVIRONMENTS.get(environment) else {
        let file = head.get_mut(&format!("{dir}/base/deployment.yaml")).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        let (old, new) = [
            ("replicas: 1", "replicas: 3"),
            ("value: info", "value: debug"),
            ("cpu: 100m", "cpu: 1\n            memory: 64Mi"),
            ("  name: app", "  labels: {team: shop}\n  annotations:\n    a/b: c\n  name: app"),
        ][how % 4];
        if !text.contains(new) {
            *file = text.replacen(old, new, 1).into_bytes();
        }
        return;
    };
    let path = format!("{dir}/overlays/{name}");
    let block = BLOCKS[how].replace("APP", &format!("app{app}"));
    let file = head.get_mut(&format!("{path}/kustomization.yaml")).unwrap();
    let field = block.split(':').next().unwrap_or_default().to_owned();
    // A field that is there already would be one too many.
    if !String::from_utf8_lossy(file).lines().any(|line| line.split(':').next() == Some(&field)) {
        file.extend_from_slice(block.as_bytes());
    }
    let variable = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: APP\nspec:\n  \
                 template:\n    spec:\n      containers:\n      - name: c0\n        env:\n        - \
                 name: NEW\n          value: \"1\"\n";
    if block.contains("patch.yaml") {
        let text = variable.replace("APP", &format!("app{app}"));
        head.insert(format!("{path}/patch.yaml"), text.into_bytes());
    }
}

const BLOCKS: [&str; 10] = [
    "replicas:\n- name: APP\n  count: 3\n",
    "labels:\n- pairs:\n    team: shop\n  includeTemplates: true\n",
    "commonLabels:\n  team: shop\n",
    "commonAnnotations:\n  a/b: c\n",
    "patches:\n- path: patch.yaml\n",
    "patches:\n- target:\n    kind: Deployment\n  patch: |-\n    - op: replace\n      path: /spec/replicas\n      value: 3\n",
    "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: APP\n    spec:\n      template:\n        spec:\n          containers:\n          - name: c0\n            resources:\n              limits:\n                memory: 1Gi\n",
    "patchesStrategicMerge:\n- patch.yaml\n",
    "patchesJson6902:\n- target:\n    group: apps\n    version: v1\n    kind: Deployment\n    name: APP\n  patch: '[{\"op\": \"add\", \"path\": \"/metadata/annotations\", \"value\": {\"a\": \"b\"}}]'\n",
    "namespace: shop\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_promote_makes_passes(
        apps in repository(),
        to in 1_usize..3,
        wanted in prop::collection::vec((any::<bool>(), prop::option::of(1_u8..5)), 3),
    ) {
        let base = files(&apps);
        let from = config(&base).environment(ENVIRONMENTS[to - 1]).unwrap().name.clone();
        let moves = apps.iter().enumerate().zip(&wanted).filter(|(_, (moves, _))| *moves);
        let moves = moves.map(|((index, _), (_, version))| {
            let wanted = match version {
                Some(version) => Wanted::Version(format!("v{version}").parse::<Pin>().unwrap()),
                None => Wanted::WhatRunsIn(from.clone()),
            };
            Move { app: AppId::named(&format!("app{index}")), wanted, named: true }
        });
        if let Some(plan) = promoted(&base, ENVIRONMENTS[to], moves.collect()) {
            let said = refusals(&findings(&base, &applied(&base, &plan)));
            prop_assert!(said.is_empty(), "{:?} in {:?}", said, plan.promotions);
        }
    }

    #[test]
    fn what_changes_no_version_passes(
        apps in repository(),
        changes in prop::collection::vec(ordinary(), 1..5),
    ) {
        let base = files(&apps);
        let mut head = base.clone();
        for one in changes {
            change(&mut head, apps.len(), one);
        }
        let said = refusals(&findings(&base, &head));
        prop_assert!(said.is_empty(), "{:?} of {:?}", said, changed(&base, &head));
    }

    #[test]
    fn what_is_no_change_passes(apps in repository()) {
        let base = files(&apps);
        prop_assert_eq!(findings(&base, &base), vec![]);
    }
}

/// The first property must not hold of nothing.
#[test]
fn most_promotions_are_let_through() {
    let app =
        App { images: vec![[3, 2, 1]; 2], named: 2, digests: true, flow: false, prefix: true };
    let base = files(&[app.clone(), App { named: 0, digests: false, ..app }]);
    for (to, from) in [("prod", "staging"), ("staging", "dev")] {
        let from = config(&base).environment(from).unwrap().name.clone();
        let wanted = |app: &str| Move {
            app: AppId::named(app),
            wanted: Wanted::WhatRunsIn(from.clone()),
            named: true,
        };
        let plan = promoted(&base, to, vec![wanted("app0"), wanted("app1")]).unwrap();
        assert_eq!(plan.files.len(), 2);
    }
}
