//! The `images:` of a kustomization, applied as kustomize 5.5 does: by name,
//! to `containers` and `initContainers` at any depth, then once more to the
//! places its field specs name.

use regex::Regex;

use super::context::{Context, Evidence};
use super::pattern;
use super::reference;
use super::resource::Resource;
use super::scalar;
use super::value::{Form, Kind, Place, Value};

/// What kustomize's built-in configuration names beside the lists.
const SPECS: [&[&str]; 4] = [
    &["spec", "containers", "image"],
    &["spec", "initContainers", "image"],
    &["spec", "template", "spec", "containers", "image"],
    &["spec", "template", "spec", "initContainers", "image"],
];

const LISTS: [&str; 2] = ["containers", "initContainers"];

/// One entry of `images:`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Place,
    pub(super) name: String,
    pub(super) new_name: String,
    new_tag: String,
    digest: String,
    suffix: String,
}

impl Entry {
    /// Reads an entry; `None`, and told, where it is not understood.
    pub(super) fn parse(ctx: &mut Context<'_>, value: &Value) -> Option<Self> {
        let mut entry = Self {
            at: value.at,
            name: String::new(),
            new_name: String::new(),
            new_tag: String::new(),
            digest: String::new(),
            suffix: String::new(),
        };
        let mut understood = matches!(value.kind, Kind::Map(_));
        for (key, value) in value.pairs() {
            let field = match key.as_str() {
                "name" => &mut entry.name,
                "newName" => &mut entry.new_name,
                "newTag" => &mut entry.new_tag,
                "digest" => &mut entry.digest,
                "tagSuffix" => &mut entry.suffix,
                _ => {
                    understood = false;
                    continue;
                }
            };
            match &value.kind {
                Kind::Scalar(_, Form::Null) => {}
                Kind::Scalar(text, Form::Text | Form::Date) => {
                    text.clone_into(field);
                    if matches!(key.as_str(), "newTag" | "digest") {
                        entry.at = value.at;
                    }
                }
                _ => understood = false,
            }
        }
        if !understood {
            ctx.opaque(value.at, "an `images` entry of another shape", Evidence::value(value));
        }
        understood.then_some(entry)
    }

    fn regex(&self) -> Option<Regex> {
        const BEHIND: &str = "(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$";
        pattern::compile("^", &self.name, BEHIND)
    }

    /// The reference that this entry makes of another one.
    fn rewrite(&self, old: &str) -> String {
        let parts = reference::split(old);
        let name = if self.new_name.is_empty() { parts.name } else { &self.new_name };
        let own = (self.new_tag.is_empty(), self.digest.is_empty());
        let (tag, digest) = match own {
            (false, _) => (self.new_tag.clone(), self.digest.as_str()),
            (true, false) => (String::new(), self.digest.as_str()),
            (true, true) if !self.suffix.is_empty() => (parts.tag.to_owned() + &self.suffix, ""),
            (true, true) => (parts.tag.to_owned(), parts.digest),
        };
        let tag = if tag.is_empty() { tag } else { format!(":{tag}") };
        let digest = if digest.is_empty() { String::new() } else { format!("@{digest}") };
        format!("{name}{tag}{digest}")
    }

    /// What the entry says, as a reference.
    pub(super) fn shown(&self) -> String {
        self.rewrite(&self.name) + &self.suffix
    }

    /// Applies the entry to all objects.
    pub(super) fn apply(&self, ctx: &mut Context<'_>, resources: &mut [Resource]) {
        let Some(regex) = self.regex() else {
            let what = format!("an `images` entry for `{}`, which is not followed", self.name);
            let evidence = super::resource::evidence(resources).and_bytes(self.shown().as_bytes());
            ctx.opaque(self.at, what, evidence);
            return;
        };
        let mut update = Update { entry: self, regex: &regex, odd: None };
        for resource in resources {
            if resource.kind() == "CustomResourceDefinition"
                || !ctx.spend(self.at, 1 + resource.value.size() / 8)
            {
                continue;
            }
            update.lists(&mut resource.value);
            for spec in SPECS {
                update.path(&mut resource.value, spec);
            }
            if let Some((at, what)) = update.odd.take() {
                ctx.opaque(at, what, Evidence::value(&resource.value));
            }
        }
    }
}

struct Update<'e> {
    entry: &'e Entry,
    regex: &'e Regex,
    odd: Option<(Place, &'static str)>,
}

impl Update<'_> {
    /// Walks all lists of containers.
    fn lists(&mut self, value: &mut Value) {
        match &mut value.kind {
            Kind::Scalar(..) => {}
            Kind::List(items) => items.iter_mut().for_each(|item| self.lists(item)),
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.lists(value);
                    if LISTS.contains(&key.as_str()) {
                        self.items(value);
                    }
                }
            }
        }
    }

    fn items(&mut self, list: &mut Value) {
        let Kind::List(items) = &mut list.kind else { return };
        for item in items {
            if let Some(image) = item.get_mut("image") {
                self.set(image);
            } else if !matches!(item.kind, Kind::Map(_)) && !item.is_null() {
                self.odd = Some((item.at, "a container that is no mapping"));
            }
        }
    }

    /// Follows a path through mappings, and through all items of lists.
    fn path(&mut self, value: &mut Value, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else {
            self.set(value);
            return;
        };
        match &mut value.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| self.path(item, path)),
            Kind::Map(_) => {
                if let Some(next) = value.get_mut(first) {
                    self.path(next, rest);
                }
            }
            Kind::Scalar(_, Form::Null) => {}
            Kind::Scalar(..) => self.odd = Some((value.at, "a scalar on the way to an image")),
        }
    }

    fn set(&mut self, image: &mut Value) {
        let Kind::Scalar(text, form) = &mut image.kind else {
            self.odd = Some((image.at, "an image that is no scalar"));
            return;
        };
        if !self.regex.is_match(text) {
            return;
        }
        *text = self.entry.rewrite(text);
        if scalar::plain(text) != Form::Text {
            *form = Form::Other;
        } else if *form != Form::Text {
            *form = Form::Text;
        }
        image.set_by = Some(self.entry.at);
    }
}
