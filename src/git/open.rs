//! Finding and opening the repository, and its settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::promised::Promised;
use super::remembered::Remembered;
use super::{GitError, TreeSnapshot, ancestry, config_env, tree};
use crate::model::RepoPath;

/// Bytes of recently read objects that are kept: trees are read again and
/// again while a history is walked.
const OBJECT_CACHE: usize = 16 << 20;

/// An opened repository. Cloning is cheap and is how another thread gets one.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) gix: gix::Repository,
    root: Option<PathBuf>,
    start: PathBuf,
    pub(super) promised: Option<Promised>,
    /// Its history, where that was looked at once and for all.
    pub(super) line: Option<Arc<Remembered>>,
}

impl Repository {
    /// Finds the repository that `dir` lies in, as git does: `GIT_DIR`,
    /// `GIT_WORK_TREE`, `GIT_INDEX_FILE` and `GIT_CEILING_DIRECTORIES` count,
    /// the settings of `git -c` too, and a repository of another user is
    /// refused unless `safe.directory` names it.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        let start = dir.canonicalize().map_err(|_| GitError::NotARepository)?;
        let discovery = gix::discover::upwards::Options {
            match_ceiling_dir_or_error: false,
            ..Default::default()
        };
        let opened = gix::ThreadSafeRepository::discover_with_environment_overrides_opts(
            &start,
            discovery,
            open_options()?,
        );
        let opened = opened.map_err(|error| explain(&error, &start))?;
        let mut gix = prepared(opened.to_thread_local())?;
        take_directory_as_work_tree(&mut gix, &start)?;
        Self::of(gix, start)
    }

    /// The repository at `dir`, and neither one above it nor the one that the
    /// environment names: in a hook git sets `GIT_DIR` for its own.
    pub fn open_at(dir: &Path) -> Result<Self, GitError> {
        let start = dir.canonicalize().map_err(|_| GitError::NotARepository)?;
        let opened = gix::ThreadSafeRepository::open_opts(&start, open_options()?.full);
        let opened = opened.map_err(|error| match gix::discover::is_git(&start.join(".git")) {
            Err(_) if gix::discover::is_git(&start).is_err() => GitError::NotARepository,
            _ => explain(&error, &start),
        })?;
        Self::of(prepared(opened.to_thread_local())?, start)
    }

    fn of(gix: gix::Repository, start: PathBuf) -> Result<Self, GitError> {
        let root = match gix.workdir() {
            Some(dir) => {
                Some(dir.canonicalize().map_err(|error| GitError::read("the work tree", error))?)
            }
            None => None,
        };
        Ok(Self { gix, root, start, promised: None, line: None })
    }

    /// The top of the work tree, absolute; `None` in a bare repository.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The top of the work tree, or git's words where there is none.
    pub fn work_tree(&self) -> Result<&Path, GitError> {
        self.root().ok_or(GitError::Bare)
    }

    /// Where git is run: the top of the work tree, or the git directory where
    /// there is none.
    pub fn place(&self) -> &Path {
        self.root().unwrap_or(self.git_dir())
    }

    /// The git directory of this work tree.
    pub fn git_dir(&self) -> &Path {
        self.gix.git_dir()
    }

    /// The git directory that all work trees of the repository share.
    pub fn common_dir(&self) -> &Path {
        self.gix.common_dir()
    }

    /// The first line of a commit's message.
    pub fn subject(&self, commit: ObjectId) -> Result<String, GitError> {
        let failed = |error: &dyn std::fmt::Display| GitError::read("the commit", error);
        let commit = self.gix.find_commit(commit).map_err(|error| failed(&error))?;
        let message = commit.message_raw().map_err(|error| failed(&error))?;
        Ok(message.lines().next().map(|line| line.to_str_lossy().into_owned()).unwrap_or_default())
    }

    /// Where in the tree the user stands: `GIT_PREFIX` where git started the
    /// program at the top (an alias with `!`), else the directory that was
    /// opened. `None` outside the work tree.
    pub fn prefix(&self) -> Option<RepoPath> {
        let root = self.root()?;
        let below = self.start.strip_prefix(root).ok()?;
        let given = std::env::var("GIT_PREFIX").unwrap_or_default();
        if below.as_os_str().is_empty() && !given.is_empty() {
            return RepoPath::normalize(&given);
        }
        RepoPath::normalize(&below.to_str()?.replace(std::path::MAIN_SEPARATOR, "/"))
    }

    /// Whether there is no work tree.
    pub fn is_bare(&self) -> bool {
        self.root.is_none()
    }

    /// Whether files that are not here come from a remote once they are asked
    /// for.
    pub fn is_promised(&self) -> bool {
        self.promised.is_some()
    }

    /// Whether history was cut off when the repository was cloned.
    pub fn is_shallow(&self) -> bool {
        self.gix.is_shallow().unwrap_or(false)
    }

    /// Whether a remote promises objects that are not here (a partial clone).
    pub fn is_partial(&self) -> bool {
        let promises =
            |name: &str| self.config_bool(&format!("remote.{name}.promisor")) == Some(true);
        let old = self.config_string("extensions.partialClone").is_some();
        old || self.gix.remote_names().iter().any(|name| promises(&name.to_str_lossy()))
    }

    /// The same repository, in which files that a remote promises are fetched
    /// once they are asked for. Otherwise they are missing.
    #[must_use]
    pub fn with_promised_files(mut self, remote: &str) -> Self {
        if self.is_partial() {
            let git_dir = self.git_dir().to_path_buf();
            self.promised = Some(Promised { git_dir, remote: remote.to_owned() });
        }
        self
    }

    /// The value of a setting such as `promote.app`, the last one given.
    pub fn config_string(&self, key: &str) -> Option<String> {
        let value = self.gix.config_snapshot().string(key)?;
        value.to_str().ok().map(ToOwned::to_owned)
    }

    /// The value of a setting as a boolean; `None` where it is unset or none.
    pub fn config_bool(&self, key: &str) -> Option<bool> {
        self.gix.config_snapshot().try_boolean(key).ok().flatten()
    }

    /// Whether any setting of the section `name` is there.
    pub(super) fn has_config_section(&self, name: &str) -> bool {
        let config = self.gix.config_snapshot();
        config
            .plumbing()
            .sections_by_name(name)
            .is_some_and(|mut sections| sections.next().is_some())
    }

    /// The commit that `spec` names; tags are peeled.
    pub fn resolve(&self, spec: &str) -> Result<ObjectId, GitError> {
        let unknown = || GitError::UnknownRevision { spec: spec.to_owned() };
        let id = self.gix.rev_parse_single(spec.as_bytes().as_bstr()).map_err(|_| unknown())?;
        let object = id.object().map_err(|_| unknown())?;
        let commit = object.peel_to_kind(gix::object::Kind::Commit).map_err(|_| unknown())?;
        Ok(commit.id)
    }

    /// The commit or tree that `spec` names; tags are peeled. A full id names
    /// itself, whether it is there or not.
    pub fn revision(&self, spec: &str) -> Result<ObjectId, GitError> {
        if let Some(id) = self.full_id(spec) {
            return Ok(id);
        }
        let unknown = || GitError::UnknownRevision { spec: spec.to_owned() };
        let id = self.gix.rev_parse_single(spec.as_bytes().as_bstr()).map_err(|_| unknown())?;
        let object = id.object().map_err(|_| unknown())?.peel_tags_to_end();
        Ok(object.map_err(|_| unknown())?.id)
    }

    /// The id that `text` spells out in full.
    pub fn full_id(&self, text: &str) -> Option<ObjectId> {
        let whole = text.len() == self.gix.object_hash().len_in_hex();
        ObjectId::from_hex(text.as_bytes()).ok().filter(|_| whole)
    }

    /// What the ref of this full name (`refs/...`, or `HEAD`) points at; `None`
    /// where there is no such ref, or the name can be none.
    pub fn reference(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let Ok(full) = gix::refs::FullName::try_from(name) else { return Ok(None) };
        let failed = |error: gix::Error| GitError::read(name, error);
        let Some(mut found) = self.gix.try_find_reference(full.as_ref()).map_err(failed)? else {
            return Ok(None);
        };
        Ok(Some(found.peel_to_id().map_err(failed)?.detach()))
    }

    /// Whether the object is there.
    pub fn has(&self, id: ObjectId) -> bool {
        id.is_empty_tree() || self.gix.has_object(id)
    }

    /// The tree without entries, which need not be there.
    pub fn empty_tree(&self) -> ObjectId {
        ObjectId::empty_tree(self.gix.object_hash())
    }

    /// The parents that the commit `id` names, also where a shallow clone does
    /// not have them; none where it is no commit.
    pub fn parents(&self, id: ObjectId) -> Result<Vec<ObjectId>, GitError> {
        ancestry::raw_parents(self, id)
    }

    /// The files of `commit`, which may also be a tree.
    pub fn snapshot(&self, commit: ObjectId) -> Result<TreeSnapshot, GitError> {
        TreeSnapshot::new(self, commit)
    }

    /// The bytes of a blob.
    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        let missing = |error: gix::Error| tree::unreadable(&self.gix, ("blob", id), &error);
        let blob = self.gix.find_object(id).map_err(missing)?.try_into_blob();
        let mut blob = blob.map_err(|error| GitError::read(format!("blob {id}"), error))?;
        tree::verify((gix::object::Kind::Blob, id), &blob.data)?;
        Ok(std::mem::take(&mut blob.data))
    }

    /// The commit that `id` is or that a tag of this id names; `None` where it
    /// is something else.
    pub fn commit_of(&self, id: ObjectId) -> Result<Option<ObjectId>, GitError> {
        if id.is_empty_tree() {
            return Ok(None);
        }
        let object = self.peeled(id)?;
        Ok((object.kind == gix::object::Kind::Commit).then_some(object.id))
    }

    /// The object `id`, or what it names where it is a tag.
    fn peeled(&self, id: ObjectId) -> Result<gix::Object<'_>, GitError> {
        let missing = |error: gix::Error| tree::unreadable(&self.gix, ("object", id), &error);
        let object = self.gix.find_object(id).map_err(missing)?;
        tree::verify((object.kind, object.id), &object.data)?;
        let object = object.peel_tags_to_end().map_err(missing)?;
        tree::verify((object.kind, object.id), &object.data)?;
        Ok(object)
    }

    /// The tree of a commit (or of a tag of one, or the tree itself).
    pub fn tree_of(&self, id: ObjectId) -> Result<ObjectId, GitError> {
        if id.is_empty_tree() {
            return Ok(id);
        }
        let missing =
            |kind, id| move |error: gix::Error| tree::unreadable(&self.gix, (kind, id), &error);
        let object = self.peeled(id)?;
        let tree = match object.kind {
            gix::object::Kind::Commit => {
                let commit = object.into_commit();
                commit.tree_id().map_err(missing("commit", id))?.detach()
            }
            _ => object.id,
        };
        if tree.is_empty_tree() {
            return Ok(tree);
        }
        let found = self.gix.find_header(tree).map_err(missing("tree", tree))?;
        if found.kind() != gix::object::Kind::Tree {
            return Err(GitError::Read {
                what: format!("object {id}"),
                message: "it is neither a commit nor a tree".to_owned(),
            });
        }
        Ok(tree)
    }
}

/// A repository that may be read, with what this program wants of one.
fn prepared(mut gix: gix::Repository) -> Result<gix::Repository, GitError> {
    check_format(&gix)?;
    gix.object_cache_size_if_unset(OBJECT_CACHE);
    // What is read, judged and built upon are the objects as they are:
    // a commit-graph and other clones know no replacements either.
    gix.objects.ignore_replacements = true;
    Ok(gix)
}

fn open_options() -> Result<gix::sec::trust::Mapping<gix::open::Options>, GitError> {
    let mut overrides = Vec::new();
    if let Some(text) = std::env::var_os("GIT_CONFIG_PARAMETERS") {
        let bogus = || GitError::Read {
            what: "the settings of `git -c`".to_owned(),
            message: "bogus format in GIT_CONFIG_PARAMETERS".to_owned(),
        };
        overrides = text.to_str().and_then(config_env::parse).ok_or_else(bogus)?;
    }
    let mut mapping = gix::sec::trust::Mapping::<gix::open::Options>::default();
    mapping.full = mapping.full.bail_if_untrusted(true).cli_overrides(overrides.clone());
    mapping.reduced = mapping.reduced.bail_if_untrusted(true).cli_overrides(overrides);
    Ok(mapping)
}

/// Repository extensions that this program can live with. gix 0.90 passes over
/// those that it does not know, also over another ref storage.
const EXTENSIONS: [&str; 7] = [
    "noop",
    "objectformat",
    "partialclone",
    "preciousobjects",
    "refstorage",
    "relativeworktrees",
    "worktreeconfig",
];

/// Refuses what git would refuse, and refs that are not files.
fn check_format(gix: &gix::Repository) -> Result<(), GitError> {
    let config = gix.config_snapshot();
    let version = config.integer("core.repositoryFormatVersion").unwrap_or(0);
    let refuse = |message: String| Err(GitError::Unsupported { message });
    if version > 1 {
        return refuse(format!("expected git repo version <= 1, found {version}"));
    }
    if version < 1 {
        return Ok(());
    }
    let sections = config.plumbing().sections_by_name("extensions").into_iter().flatten();
    for name in sections.flat_map(|section| section.value_names().collect::<Vec<_>>()) {
        if !EXTENSIONS.contains(&name.to_ascii_lowercase().as_str()) {
            return refuse(format!("unknown repository extension found: {name}"));
        }
    }
    match config.string("extensions.refStorage") {
        Some(storage) if storage != "files" => refuse(format!("refs are stored as {storage}")),
        _ => Ok(()),
    }
}

/// With `GIT_DIR` and no word on the work tree git takes the current directory
/// for its top; gix 0.90 takes the directory around the git directory.
fn take_directory_as_work_tree(gix: &mut gix::Repository, start: &Path) -> Result<(), GitError> {
    let set = |name: &str| std::env::var_os(name).is_some();
    let told = set("GIT_WORK_TREE") || gix.config_snapshot().string("core.worktree").is_some();
    let bare = gix.config_snapshot().boolean("core.bare") == Some(true);
    if !set("GIT_DIR") || told || bare {
        return Ok(());
    }
    let changed = gix.set_workdir(start.to_owned());
    changed.map_err(|error| GitError::read("the work tree", error))?;
    Ok(())
}

/// What kept a repository from being opened, in git's words where it has some.
fn explain(error: &gix::Error, start: &Path) -> GitError {
    let text = error.iter_errors().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((_, rest)) = text.split_once("Unsupported repository format version") {
        let version = rest.split_once("input=").map(|(_, version)| version);
        let digits = version.and_then(|version| version.split(',').next()).unwrap_or("another");
        let message = format!("expected git repo version <= 1, found {digits}");
        return GitError::Unsupported { message };
    }
    if error.is_permission_denied() && text.contains("owned") {
        return GitError::Untrusted { path: start.to_owned() };
    }
    let discovery = error.downcast_any_ref::<gix::discover::upwards::Error>().is_some();
    if discovery || error.is_not_found() {
        return match std::env::var_os("GIT_DIR") {
            Some(dir) => GitError::NoGitDirectory { path: dir.into() },
            None => GitError::NotARepository,
        };
    }
    GitError::Unsupported { message: text }
}
