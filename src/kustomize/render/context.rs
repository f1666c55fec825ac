//! What a rendering shares: the snapshot, the files it read, what it did not
//! understand, and how much work it may still do.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use super::value::{Place, Value};
use super::{Opaque, RenderedImage, Source};
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

/// Files longer than this are not read.
const MAX_FILE: usize = 16 << 20;
/// Steps of work: 16 for a value read, one for a value copied or compared, or
/// for 64 bytes read.
const MAX_WORK: usize = 24_000_000;
/// No more than this is told.
const MAX_OPAQUE: usize = 2_000;

/// Everything a rendering shares.
pub(super) struct Context<'s> {
    pub(super) snapshot: &'s dyn Snapshot,
    pub(super) files: BTreeSet<RepoPath>,
    pub(super) opaque: Vec<Opaque>,
    /// What secrets hold that are generated, by their names.
    pub(super) secrets: Vec<(String, Value)>,
    /// Charts, as settings name them.
    pub(super) charts: BTreeSet<String>,
    /// Settings of charts that name images.
    pub(super) settings: Vec<RenderedImage>,
    /// What is opaque only where a kustomization may copy from one object to
    /// another, and what stands for it elsewhere.
    copied: Vec<(Option<Opaque>, Opaque)>,
    /// What may give other names to objects that are not known.
    pub(super) woken: Vec<Opaque>,
    /// Whether a patch decides by their names what such objects run.
    pub(super) selects: Copies,
    /// What may give other labels, annotations or places in lists to objects
    /// that are not known.
    pub(super) marked: Vec<Opaque>,
    /// Whether a patch decides by these what such objects run.
    pub(super) marks: Copies,
    /// Whether one may.
    pub(super) copies: Copies,
    /// Whether a bound ended the work early.
    pub(super) cut: bool,
    /// Whether what is met now changes nothing that others make.
    apart: bool,
    paths: Vec<RepoPath>,
    indices: HashMap<RepoPath, usize>,
    work: usize,
    exhausted: bool,
}

/// What the content hash of something opaque is made of.
#[derive(Clone, Default)]
pub(super) struct Evidence {
    hash: Sha256,
    /// Whether it depends on something that cannot be read.
    partial: bool,
}

impl Evidence {
    pub(super) fn text(text: &str) -> Self {
        Self::default().and_bytes(text.as_bytes())
    }

    pub(super) fn value(value: &Value) -> Self {
        Self::default().and(value)
    }

    pub(super) fn and(mut self, value: &Value) -> Self {
        value.feed(&mut self.hash);
        self
    }

    pub(super) fn and_bytes(mut self, bytes: &[u8]) -> Self {
        self.hash.update(bytes.len().to_le_bytes());
        self.hash.update(bytes);
        self
    }

    /// Its hash.
    pub(super) fn digest(self) -> [u8; 32] {
        self.hash.finalize().into()
    }

    /// The same, told to be less than everything.
    pub(super) fn partial(self) -> Self {
        Self { partial: true, ..self }
    }
}

/// Whether a kustomization may take what one object says into another, or
/// select by it what it does to objects that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copies {
    No,
    Maybe,
}

impl<'s> Context<'s> {
    pub(super) fn new(snapshot: &'s dyn Snapshot) -> Self {
        Self {
            snapshot,
            files: BTreeSet::new(),
            opaque: Vec::new(),
            secrets: Vec::new(),
            charts: BTreeSet::new(),
            settings: Vec::new(),
            copied: Vec::new(),
            woken: Vec::new(),
            selects: Copies::No,
            marked: Vec::new(),
            marks: Copies::No,
            copies: Copies::No,
            cut: false,
            apart: false,
            paths: Vec::new(),
            indices: HashMap::new(),
            work: MAX_WORK,
            exhausted: false,
        }
    }

    /// The index by which places name a file.
    pub(super) fn file(&mut self, path: &RepoPath) -> usize {
        if let Some(index) = self.indices.get(path) {
            return *index;
        }
        self.paths.push(path.clone());
        self.indices.insert(path.clone(), self.paths.len() - 1);
        self.paths.len() - 1
    }

    /// The file and line of a place.
    pub(super) fn place(&self, place: Place) -> (RepoPath, u32) {
        (self.paths.get(place.file).cloned().unwrap_or_default(), place.line)
    }

    /// Does something that adds objects at most, and changes none.
    pub(super) fn apart<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.apart, true);
        let done = work(self);
        self.apart = before;
        done
    }

    pub(super) fn opaque(&mut self, at: Place, what: impl Into<String>, evidence: Evidence) {
        self.opaque_source(at, (what, None), evidence);
    }

    /// The same of something that has a version.
    pub(super) fn opaque_source(
        &mut self,
        at: Place,
        (what, source): (impl Into<String>, Option<Source>),
        evidence: Evidence,
    ) {
        let new = self.described(at, (what.into(), source), evidence);
        self.tell(new);
    }

    /// Something opaque that is not told yet.
    pub(super) fn described(
        &self,
        at: Place,
        (what, source): (String, Option<Source>),
        evidence: Evidence,
    ) -> Opaque {
        let (path, line) = self.place(at);
        let complete = !evidence.partial;
        let content: [u8; 32] = evidence.and_bytes(what.as_bytes()).hash.finalize().into();
        Opaque { path, line, what, content, complete, changes: !self.apart, source }
    }

    /// Tells of something by a part of it, or not at all, unless something
    /// may copy from it.
    pub(super) fn tell_part(&mut self, part: Option<Opaque>, whole: Opaque) {
        if let Some(part) = &part {
            self.tell(part.clone());
        }
        self.copied.push((part, whole));
    }

    /// Tells of what may be copied, where anything may.
    pub(super) fn tell_copied(&mut self) {
        let woken = std::mem::take(&mut self.woken);
        let marked = std::mem::take(&mut self.marked);
        for (told, with) in [(woken, self.selects), (marked, self.marks)] {
            if with == Copies::Maybe {
                for one in told {
                    self.tell(one);
                }
            }
        }
        let copied = std::mem::take(&mut self.copied);
        if self.copies == Copies::No {
            return;
        }
        for (part, whole) in copied {
            self.opaque.retain(|told| part.as_ref() != Some(told));
            self.tell(whole);
        }
    }

    /// Tells of something opaque.
    pub(super) fn tell(&mut self, new: Opaque) {
        if self.opaque.len() >= MAX_OPAQUE {
            // The rest is not told: the last one stands for it.
            self.cut = true;
            if let Some(last) = self.opaque.last_mut() {
                last.complete = false;
            }
        } else if !self.opaque.contains(&new) {
            self.opaque.push(new);
        }
    }

    /// Takes steps from what is left; `false` where there are not enough.
    pub(super) fn spend(&mut self, at: Place, steps: usize) -> bool {
        self.work = self.work.saturating_sub(steps);
        if self.work == 0 && !self.exhausted {
            self.exhausted = true;
            self.cut = true;
            // What lies behind the cut is not known.
            self.opaque(at, "too much work to follow all of it", Evidence::default().partial());
        }
        self.work > 0
    }

    /// Whether a link or submodule on the way may lead to content that is not
    /// seen.
    pub(super) fn is_hidden(&self, path: &RepoPath) -> Result<bool, SnapshotError> {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            let kind = self.snapshot.kind(&path)?;
            if matches!(kind, Some(EntryKind::Symlink | EntryKind::Submodule)) {
                return Ok(true);
            }
            at = path.parent();
        }
        Ok(false)
    }

    /// The bytes of the regular file at `path`, which `at` names; says so
    /// where there is none.
    pub(super) fn read(
        &mut self,
        path: &RepoPath,
        at: Place,
    ) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.files.insert(path.clone());
        if !self.spend(at, 16) {
            return Ok(None);
        }
        let Some(bytes) = self.snapshot.read(path)? else {
            let kind = self.snapshot.kind(path)?;
            let what = match kind {
                Some(EntryKind::Symlink) => "a symbolic link, which is not followed",
                Some(EntryKind::Submodule) => "a submodule, which is not followed",
                Some(EntryKind::Directory) => "a directory where a file is expected",
                _ => "a file that is not there",
            };
            let hidden = self.is_hidden(path)?;
            let evidence = Evidence { partial: hidden, ..Evidence::default() };
            self.opaque(at, format!("`{path}`: {what}"), evidence);
            return Ok(None);
        };
        if bytes.len() > MAX_FILE {
            let evidence = Evidence::default().and_bytes(&bytes);
            self.opaque(at, format!("`{path}`: a file too long to read"), evidence);
            return Ok(None);
        }
        Ok(self.spend(at, bytes.len() / 64).then_some(bytes))
    }
}
