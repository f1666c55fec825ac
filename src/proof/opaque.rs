//! What is not followed in an overlay: that it stays, that the environments
//! before have it too, or that it went and takes nothing along.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use memchr::memmem;

use super::renders::Side;
use super::unit::{Judging, Unit, doubt, same};
use super::{Moved, Proof};
use crate::kustomize::is_kustomization;
use crate::kustomize::render::{Opaque, Rendered};
use crate::model::{RepoPath, SnapshotError, Sources};

impl Judging<'_> {
    /// What is not followed at the head, and was not there at the base alike.
    pub(super) fn opaque(
        &self,
        unit: &Unit<'_>,
        (base, head): (&[Rc<Rendered>], &[Rc<Rendered>]),
        proof: &mut Proof,
    ) -> Result<(), SnapshotError> {
        let files: BTreeSet<&RepoPath> =
            base.iter().chain(head).flat_map(|rendered| &rendered.files).collect();
        let seen = self.sides.changed.iter().all(|path| files.contains(path));
        let all_seen = seen && !self.hidden;
        let cut = head.iter().any(|rendered| rendered.cut);
        let mut before = base.iter().flat_map(|rendered| &rendered.opaque).collect::<Vec<_>>();
        let mut told = false;
        let mut after = head.iter().flat_map(|rendered| &rendered.opaque).collect::<Vec<_>>();
        let alike =
            |other: &Opaque, opaque: &Opaque| same(other, opaque) && (opaque.complete || all_seen);
        // What stays in its file is no copy of what goes from another.
        let mut all_in_place = true;
        for in_place in [true, false] {
            all_in_place &= in_place || after.is_empty();
            after.retain(|opaque| {
                let kept = |other: &&Opaque| {
                    alike(other, opaque) && (!in_place || other.path == opaque.path)
                };
                let at = before.iter().position(kept).filter(|_| !cut);
                at.map(|at| before.swap_remove(at)).is_none()
            });
        }
        for opaque in after {
            let mut moved = self.version_moved(unit, opaque, base)?;
            let alike = opaque.complete && self.vouched(unit, opaque)?;
            let vouched = !cut && (alike || moved.as_ref().is_some_and(|moved| moved.vouched));
            let message = moved.as_ref().map_or_else(|| opaque.what.clone(), Moved::refusal);
            if let Some(moved) = &mut moved {
                moved.vouched = vouched;
            }
            proof.moved.extend(moved);
            if !vouched {
                let at = (opaque.path.clone(), opaque.line);
                proof.doubts.push(doubt(unit, at, message));
                told = true;
            }
        }
        // What it made of the images ran; what is left of them did not.
        let count = |side: &[Rc<Rendered>], what: &str| {
            let all = side.iter().flat_map(|rendered| &rendered.opaque);
            all.filter(|opaque| opaque.what == what).count()
        };
        let stays = |opaque: &Opaque| count(head, &opaque.what) >= count(base, &opaque.what);
        if told || head.is_empty() {
            return Ok(());
        }
        let mut whole: BTreeMap<RepoPath, bool> = BTreeMap::new();
        for opaque in before.iter().filter(|opaque| opaque.changes && !stays(opaque)) {
            let dir = opaque.path.parent().unwrap_or_default();
            let went = match whole.get(&dir) {
                Some(went) => *went,
                None => all_in_place && self.went_whole(&dir, base)?,
            };
            whole.insert(dir, went);
            if went {
                continue;
            }
            let message = format!("{} is gone, and what it changed is not known", opaque.what);
            proof.doubts.push(doubt(unit, (opaque.path.clone(), opaque.line), message));
            break;
        }
        Ok(())
    }

    /// Whether a whole directory went that no other kustomization used: what it
    /// set changed nothing of what is left.
    fn went_whole(&self, dir: &RepoPath, base: &[Rc<Rendered>]) -> Result<bool, SnapshotError> {
        if dir.as_str().is_empty() || self.sides.head.kind(dir)?.is_some() {
            return Ok(false);
        }
        let others = base.iter().flat_map(|rendered| &rendered.files);
        let others = others.filter(|file| is_kustomization(file.file_name()));
        for file in others.filter(|file| !file.is_within(dir)) {
            let text = self.sides.base.read(file)?.unwrap_or_default();
            // A name that is spelled otherwise may be this one, too.
            let names = memmem::find(&text, dir.file_name().as_bytes()).is_some();
            if names || memchr::memchr(b'\\', &text).is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every environment before has the same at the base, such as a
    /// remote resource at one `?ref=`.
    fn vouched(&self, unit: &Unit<'_>, opaque: &Opaque) -> Result<bool, SnapshotError> {
        let sources = self.sources(unit);
        let mut answers = Vec::new();
        for source in sources.names() {
            let Some(before) = self.unit(&unit.key, source) else {
                answers.push(false);
                continue;
            };
            let rendered = self.rendered(before, Side::Base)?;
            let mut all = rendered.iter().flat_map(|rendered| &rendered.opaque);
            answers.push(all.any(|other| other.complete && same(other, opaque)));
        }
        Ok(match sources {
            Sources::First => true,
            Sources::All(_) => answers.iter().all(|answer| *answer),
            Sources::Any(_) => answers.iter().any(|answer| *answer),
        })
    }
}
