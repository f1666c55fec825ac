//! Between blob and file: line ends, encodings, `$Id$` and filter programs.

use gix::bstr::{BStr, ByteSlice};
use gix::filter::plumbing::pipeline::convert::ToGitOutcome;
use gix::filter::plumbing::pipeline::convert::to_worktree;

use super::{GitError, Repository, child};
use crate::model::RepoPath;

/// The conversions that settings and attributes ask for.
pub(super) struct Filters<'a> {
    repo: &'a Repository,
    pipeline: gix::filter::plumbing::Pipeline,
    attributes: gix::worktree::Stack,
    drivers: Vec<String>,
}

impl<'a> Filters<'a> {
    /// Attributes come from the files of the work tree; only with
    /// `from_index` (which takes reading the whole index) also from there.
    pub(super) fn new(repo: &'a Repository, from_index: bool) -> Result<Self, GitError> {
        let failed = |error: gix::Error| GitError::read("the attributes", error);
        let mut index = gix::index::State::new(repo.gix.object_hash());
        if from_index && repo.gix.index_path().exists() {
            index = repo.gix.open_index().map_err(failed)?.into_parts().0;
        }
        let source = gix::worktree::stack::state::attributes::Source::WorktreeThenIdMapping;
        let stack = repo.gix.attributes_only(&index, source).map_err(failed)?.detach();
        let options = gix::filter::Pipeline::options(&repo.gix).map_err(failed)?;
        let drivers = options.drivers.iter().map(|driver| driver.name.to_string()).collect();
        let context = repo.gix.command_context().map_err(failed)?;
        let hash = repo.gix.object_hash();
        let pipeline = gix::filter::plumbing::Pipeline::new(context, hash, options);
        Ok(Self { repo, pipeline, attributes: stack, drivers })
    }

    /// What is configured for `path` that only git can carry out, if anything:
    /// the name of a filter program, or of an encoding (gix 0.90 writes UTF-8
    /// where UTF-16 is asked for).
    pub(super) fn program(&mut self, path: &RepoPath) -> Result<Option<String>, GitError> {
        let mut outcome = gix::attrs::search::Outcome::default();
        let collection = self.attributes.attributes_collection();
        outcome.initialize_with_selection(collection, ["filter", "working-tree-encoding"]);
        let bytes: &BStr = path.as_str().into();
        let platform = self.attributes.at_entry(bytes, None, &self.repo.gix.objects);
        platform.map_err(|error| failed(path, error))?.matching_attributes(&mut outcome);
        let found = outcome.iter_selected().find_map(|found| {
            let name = found.assignment.state.as_bstr()?.to_str().ok()?;
            if found.assignment.name.as_str() == "working-tree-encoding" {
                let utf8 = ["utf-8", "utf8"].iter().any(|usual| usual.eq_ignore_ascii_case(name));
                return (!utf8).then(|| name.to_owned());
            }
            self.drivers.iter().find(|driver| *driver == name).cloned()
        });
        Ok(found)
    }

    /// The blob that git would make of the file's `bytes`; `old` is what the
    /// index holds, which decides whether CRLF stays.
    fn cleaned(&mut self, path: &RepoPath, bytes: &[u8], old: &[u8]) -> Result<Vec<u8>, GitError> {
        if self.program(path)?.is_some() {
            return self.cleaned_by_program(path, bytes);
        }
        let name: &BStr = path.as_str().into();
        let entry = self.attributes.at_entry(name, None, &self.repo.gix.objects);
        let entry = entry.map_err(|error| failed(path, error))?;
        let outcome = self.pipeline.convert_to_git(
            bytes,
            std::path::Path::new(path.as_str()),
            &mut |_, attributes| {
                entry.matching_attributes(attributes);
            },
            &mut |buffer| {
                buffer.clear();
                buffer.extend_from_slice(old);
                Ok(Some(()))
            },
        );
        let outcome = outcome.map_err(|error| failed(path, error))?;
        if matches!(outcome, ToGitOutcome::Process(_)) {
            return Err(failed(path, "a filter program was started"));
        }
        Ok(outcome.as_bytes().unwrap_or(bytes).to_vec())
    }

    /// The file that git would make of `blob`.
    pub(super) fn smudged(&mut self, path: &RepoPath, blob: &[u8]) -> Result<Vec<u8>, GitError> {
        if self.program(path)?.is_some() {
            return self.smudged_by_program(path, blob);
        }
        let name: &BStr = path.as_str().into();
        let entry = self.attributes.at_entry(name, None, &self.repo.gix.objects);
        let entry = entry.map_err(|error| failed(path, error))?;
        let options = to_worktree::Options {
            unknown_encoding: to_worktree::UnknownEncoding::Fail,
            ..Default::default()
        };
        let outcome = self.pipeline.convert_to_worktree(
            blob,
            name,
            &mut |_, attributes| {
                entry.matching_attributes(attributes);
            },
            options,
        );
        let outcome = outcome.map_err(|error| failed(path, error))?;
        let bytes = outcome.as_bytes().map(<[u8]>::to_vec);
        bytes.ok_or_else(|| failed(path, "a filter program was started"))
    }

    /// What the file has to hold after its blob goes from `old` to `new`;
    /// `None` where its `bytes` are not what git would make `old` of.
    pub(super) fn updated(
        &mut self,
        path: &RepoPath,
        bytes: &[u8],
        (old, new): (&[u8], &[u8]),
    ) -> Result<Option<Vec<u8>>, GitError> {
        let plain = self.program(path)?.is_none();
        if plain && bytes == old {
            return Ok(Some(new.to_vec()));
        }
        if self.cleaned(path, bytes, old)? != old {
            return Ok(None);
        }
        self.smudged(path, new).map(Some)
    }

    /// Has git run the filter program that cleans.
    fn cleaned_by_program(&self, path: &RepoPath, bytes: &[u8]) -> Result<Vec<u8>, GitError> {
        let by_path = format!("--path={path}");
        self.by_way_of_blob(&["hash-object", "-w", "--stdin", &by_path], bytes, &[])
    }

    /// Has git run the filter program that smudges.
    fn smudged_by_program(&self, path: &RepoPath, blob: &[u8]) -> Result<Vec<u8>, GitError> {
        let by_path = format!("--path={path}");
        let args = ["hash-object", "-w", "--stdin", "--no-filters"];
        self.by_way_of_blob(&args, blob, &["--filters", &by_path])
    }

    /// Has git make a blob of `bytes`, and print it. The repository does not
    /// get it: a dry run writes nothing.
    fn by_way_of_blob(
        &self,
        hash: &[&str],
        bytes: &[u8],
        show: &[&str],
    ) -> Result<Vec<u8>, GitError> {
        let write = |error: std::io::Error| GitError::Write {
            what: "a temporary directory".to_owned(),
            message: error.to_string(),
        };
        let aside = tempfile::tempdir().map_err(write)?;
        let id = child::answer_aside(self.repo, aside.path(), hash, bytes)?;
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        let show = if show.is_empty() { &["blob"] } else { show };
        let args = [&["cat-file"], show, &[id.as_str()]].concat();
        child::answer_aside(self.repo, aside.path(), &args, b"")
    }
}

fn failed(path: &RepoPath, error: impl std::fmt::Display) -> GitError {
    GitError::read(format!("`{path}` as git sees it"), error)
}
