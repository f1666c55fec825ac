//! The texts as the files that the product reads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;

use promote::config::{FieldSpec, from_files, import_environments_yaml};
use promote::kustomize::{Change, set_pins};
use promote::model::{Pin, RepoPath, Target};

use crate::families::{Family, Fate, families, text};
use crate::independent::{Pairs, same_but_one};
use crate::properties;

/// A file that the product reads.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    /// The start of a valid one.
    pub(crate) head: &'static str,
    read: fn(&[u8]) -> Outcome,
}

/// What came of a text: the edited one, or why there is none, with its place.
pub(crate) type Outcome = Result<Option<Vec<u8>>, String>;

pub(crate) const FORMS: [Form; 6] = [
    Form {
        name: "kustomization",
        file: "kustomization.yaml",
        head: "images:\n- name: a/web\n  newTag: v1\n",
        read: |bytes| edit(bytes, "kustomization.yaml", Target::Image { name: "a/web".to_owned() }),
    },
    Form {
        name: "marker",
        file: "release.yaml",
        head: "kind: HelmRelease\ntag: v1 # {\"$imagepolicy\": \"flux:web:tag\"}\n",
        read: |bytes| edit(bytes, "release.yaml", Target::Policy { policy: "flux:web".to_owned() }),
    },
    Form {
        name: "field",
        file: "values.yaml",
        head: "image:\n  tag: v1\n",
        read: |bytes| {
            let target =
                Target::Field { path: "image.tag".to_owned(), image: false, repository: None };
            edit(bytes, "values.yaml", target)
        },
    },
    Form {
        name: "promote.toml",
        file: "promote.toml",
        head: "version = 1\n[[environment]]\nname = \"dev\"\n",
        read: |bytes| config(from_files(Some(bytes), None).map(drop)),
    },
    Form {
        name: "gitops-promotion",
        file: "gitops-promotion.yaml",
        head: "environments:\n- name: dev\n  auto: true\n",
        read: |bytes| config(from_files(None, Some(bytes)).map(drop)),
    },
    Form {
        name: "environments",
        file: "environments.yaml",
        head: "environments:\n- name: dev\n  order: 1\n",
        read: |bytes| match std::str::from_utf8(bytes) {
            Ok(text) => config(import_environments_yaml(text).map(drop)),
            Err(_) => Err("1:1: not UTF-8".to_owned()),
        },
    },
];

fn edit(bytes: &[u8], file: &str, target: Target) -> Outcome {
    let path = RepoPath::normalize(file).unwrap();
    let pin = Pin { tag: Some("v2".parse().unwrap()), digest: None };
    // Reading alone must hold as well.
    let field = FieldSpec { path: "image.tag".to_owned(), image: false };
    let _sites = promote::kustomize::read_sites(&path, bytes, &[field]);
    match set_pins(&path, bytes, &[Change::new(target, pin)]) {
        Ok(change) => {
            properties::only_spans_differ(&change);
            Ok(Some(change.new))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn config(read: Result<(), promote::config::ConfigError>) -> Outcome {
    read.map(|()| None).map_err(|error| error.to_string())
}

impl Form {
    fn is_edited(&self) -> bool {
        self.file != "promote.toml"
            && self.file != "gitops-promotion.yaml"
            && self.file != "environments.yaml"
    }
}

/// What is wrong with what came of a text.
fn judged(form: &Form, family: &Family, bytes: &[u8], pairs: &Mutex<Pairs>) -> Option<String> {
    let start = Instant::now();
    let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| (form.read)(bytes))) else {
        return Some("it panics".to_owned());
    };
    // The program itself is held to two seconds of its own time.
    let most = if cfg!(debug_assertions) { 60 } else { 4 };
    if start.elapsed().as_secs() > most {
        return Some(format!("it takes {:?}", start.elapsed()));
    }
    let wanted = if form.is_edited() { family.fate } else { Fate::Either };
    match (wanted, outcome) {
        (Fate::Refused, Ok(_)) => Some("it is not refused".to_owned()),
        (Fate::Edited, Err(why)) => Some(format!("it is refused: {why}")),
        (_, Err(why)) => {
            let place = regex::Regex::new(r"\d+:\d+: |^no |there is no|: no ").unwrap();
            (!place.is_match(&why)).then(|| format!("no place in `{why}`"))
        }
        (_, Ok(Some(new))) => {
            let name = format!("{} as {}", family.name, form.name);
            pairs.lock().unwrap().push((name, bytes.to_vec(), new));
            None
        }
        (_, Ok(None)) => None,
    }
}

#[test]
fn hostile_files_are_refused_or_edited_right() {
    let pairs = Mutex::new(Pairs::new());
    let mut wrong = Vec::new();
    let mut count = 0;
    for family in families() {
        for form in &FORMS {
            for size in family.sizes {
                count += 1;
                let bytes = text(&family, form.head, *size);
                if let Some(why) = judged(form, &family, &bytes, &pairs) {
                    wrong.push(format!("{} ({size}) as {}: {why}", family.name, form.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 400, "{count} hostile files");
    same_but_one(&pairs.into_inner().unwrap());
}
