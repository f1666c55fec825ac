//! What a repository looks like after a run: everything that a promotion could
//! have broken, read with git and from the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::scene::git;

/// Where the branch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tip {
    Old,
    /// One commit further, with the tree of the promotion.
    New,
    /// Anywhere else; the top of the log.
    Other(String),
}

/// What a right run leads to.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// The commit before the promotion.
    pub(crate) old: String,
    /// Whether it moves the branch.
    pub(crate) commits: bool,
    /// The tree after it.
    pub(crate) tree: String,
    /// The trees of the user's next two commits: what was staged, and all.
    pub(crate) next: String,
    /// What `git status` says after it.
    pub(crate) status: String,
    /// The files below `.git` that may be there, beside objects.
    pub(crate) names: BTreeSet<String>,
}

/// A file of the work tree: its mode and content, or where a link leads.
type Content = (u32, Vec<u8>);

/// A repository at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) tip: Tip,
    /// The files of the work tree.
    pub(crate) files: BTreeMap<String, Content>,
    /// The entries of the index with flags, id, and metadata.
    pub(crate) entries: BTreeMap<String, String>,
    /// What git does not accept; empty where all is well.
    pub(crate) fsck: String,
}

impl Look {
    /// A copy that nothing has touched yet.
    pub(crate) fn untouched(root: &Path) -> Self {
        let (files, entries) = (files(root), entries(root));
        Self { tip: Tip::Old, files, entries, fsck: String::new() }
    }

    pub(crate) fn at(root: &Path, end: &End) -> Self {
        Self { tip: tip(root, end), files: files(root), entries: entries(root), fsck: fsck(root) }
    }
}

/// Runs git and gives what it printed, errors too.
pub(crate) fn say(root: &Path, args: &[&str]) -> String {
    let output = git(root, args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return text;
    }
    format!("{text}{}[{}]", String::from_utf8_lossy(&output.stderr), output.status)
}

fn tip(root: &Path, end: &End) -> Tip {
    let log = say(root, &["log", "-2", "--format=%H %T", "HEAD"]);
    let ids: Vec<&str> = log.split_whitespace().collect();
    match ids.as_slice() {
        [now, ..] if *now == end.old => Tip::Old,
        [_, tree, before, _] if *tree == end.tree && *before == end.old => Tip::New,
        _ => Tip::Other(log),
    }
}

fn fsck(root: &Path) -> String {
    let output = git(root, &["fsck", "--strict", "--no-dangling", "--no-progress"]);
    if output.status.success() && output.stderr.is_empty() {
        return String::new();
    }
    let said = [output.stdout, output.stderr].concat();
    format!("{}{}", output.status, String::from_utf8_lossy(&said))
}

fn files(root: &Path) -> BTreeMap<String, Content> {
    let mut found = BTreeMap::new();
    for (name, path) in walk(root, ".git") {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(name, (metadata.permissions().mode(), content));
    }
    found
}

/// The files below a directory, by their names from there; not those below
/// `without`.
fn walk(root: &Path, without: &str) -> Vec<(String, std::path::PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), root.to_path_buf())];
    while let Some((prefix, dir)) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if name == without {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                open.push((format!("{name}/"), entry.path()));
            } else {
                found.push((name, entry.path()));
            }
        }
    }
    found
}

fn entries(root: &Path) -> BTreeMap<String, String> {
    let text = say(root, &["ls-files", "-s", "-v", "--debug"]);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if !line.starts_with("  ") {
            name = line.split('\t').next_back().unwrap_or_default().to_owned();
        }
        let entry = found.entry(name.clone()).or_default();
        entry.push_str(line);
        entry.push('\n');
    }
    found
}

/// The files below `.git`, beside objects.
pub(crate) fn names(root: &Path) -> BTreeSet<String> {
    let git = root.join(".git");
    walk(&git, "objects").into_iter().map(|(name, _)| name).collect()
}

/// What lies about that no right run leaves: locks, journals, halves.
pub(crate) fn litter(root: &Path, before: &Look, end: &End) -> Vec<String> {
    let git = root.join(".git");
    let mut found: Vec<String> =
        names(root).difference(&end.names).map(|name| format!(".git/{name}")).collect();
    for (name, _) in walk(&git.join("objects"), "") {
        let packed = name.starts_with("pack/pack-") || name.starts_with("info/");
        if !packed && !is_object(&name) {
            found.push(format!(".git/objects/{name}"));
        }
    }
    found.extend(files(root).into_keys().filter(|name| !before.files.contains_key(name)));
    found
}

fn is_object(name: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.split_once('/')
        .is_some_and(|(fan, rest)| fan.len() == 2 && rest.len() == 38 && hex(fan) && hex(rest))
}

/// The lines of the reflogs that are none.
pub(crate) fn torn_reflog(root: &Path) -> Vec<String> {
    let line =
        regex::Regex::new(r"^[0-9a-f]{40} [0-9a-f]{40} .+ <.*> \d+ [+-]\d{4}(\t.*)?$").unwrap();
    let mut found = Vec::new();
    for name in ["logs/HEAD", "logs/refs/heads/main"] {
        let text = fs::read_to_string(root.join(".git").join(name)).unwrap_or_default();
        let bad = text.lines().filter(|text| !line.is_match(text));
        found.extend(bad.map(|text| format!("{name}: {text}")));
        if !text.is_empty() && !text.ends_with('\n') {
            found.push(format!("{name} ends in the middle of a line"));
        }
    }
    found
}
