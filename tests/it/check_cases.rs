//! The cases of `fixtures/check`: changes that the gate has to refuse or to
//! pass, each a small text file. `fixtures/check/README.md` says how one is
//! written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a tree holds: path and entry.
pub(crate) type Tree = BTreeMap<String, Node>;

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Node {
    File(Vec<u8>),
    Link(String),
    Submodule,
}

/// How a case shows that it is dangerous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is not: a harmless case.
    None,
    /// The directory renders the image at the head.
    Bites(String, String),
    /// The directory renders the image after one more change, the commit
    /// `later`, and does not at the head.
    Hides(String, String),
    /// Kustomize refuses the directory at the head.
    Breaks(String),
    /// The danger is not in what kustomize renders; the reason.
    Unrendered,
}

/// One change of a tree.
#[derive(Debug)]
enum Change {
    Write(String, Vec<u8>),
    Edit(String, Vec<(Vec<u8>, Vec<u8>)>),
    Append(String, Vec<u8>),
    Delete(String),
    Copy { from: String, to: String, keep: bool },
    Link(String, String),
    Submodule(String),
}

/// A commit of a case.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) name: String,
    /// Places of the parents among the commits of the case.
    pub(crate) parents: Vec<usize>,
    pub(crate) message: String,
    changes: Vec<Change>,
    pub(crate) tree: Tree,
}

/// What the gate has to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expect {
    /// `pass`, `deny`, `unverifiable`, or `refused` for one of the latter two.
    pub(crate) verdict: String,
    /// One of these is among the findings that do not pass; empty: none is.
    pub(crate) rules: Vec<String>,
}

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The first words of the file: why it is dangerous, or why it is not.
    pub(crate) title: String,
    pub(crate) covers: Vec<String>,
    pub(crate) expect: Expect,
    pub(crate) proof: Proof,
    /// More arguments for kustomize.
    pub(crate) flags: Vec<String>,
    /// The first is the shared tree.
    pub(crate) commits: Vec<Commit>,
    /// Whether the ids of trees are given to the gate, not those of commits.
    pub(crate) trees: bool,
    /// A commit that a replace ref shows in the place of another.
    pub(crate) replace: Option<(usize, usize)>,
    /// The time to judge at.
    pub(crate) at: Option<String>,
}

impl Case {
    pub(crate) fn hostile(&self) -> bool {
        self.expect.verdict != "pass"
    }

    /// The place of a commit.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.commits.iter().position(|commit| commit.name == name)
    }

    /// What the gate is given.
    pub(crate) fn base(&self) -> usize {
        self.find("base").unwrap_or(0)
    }

    pub(crate) fn head(&self) -> usize {
        self.find("head").unwrap_or_else(|| panic!("{} has no head", self.name))
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/check")
}

/// All cases, by name.
pub(crate) fn cases() -> Vec<Case> {
    let mut files: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "case"))
        .collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Case {
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(file).unwrap();
    let (head, sections) = split(&text);
    let heads = headers(head);
    let get = |key: &str| heads.iter().find(|(found, _)| *found == key).map(|(_, text)| *text);
    let from = get("from").unwrap_or_else(|| panic!("{name} says no `from`"));
    let mut case = Case {
        title: title(head),
        covers: get("covers").map(|text| list(text, "; ")).unwrap_or_default(),
        expect: expect(get("expect").unwrap_or_else(|| panic!("{name} says no `expect`"))),
        proof: proof(&heads),
        flags: get("flags").map(|text| list(text, " ")).unwrap_or_default(),
        commits: vec![start(from)],
        trees: get("given") == Some("trees"),
        replace: None,
        at: get("at").map(str::to_owned),
        name,
    };
    for (heading, body) in sections {
        add(&mut case, heading, body);
    }
    grow(&mut case);
    let place = |name: &str| case.find(name).unwrap();
    case.replace = get("replace").map(|text| {
        let (old, new) = text.split_once(" by ").unwrap();
        (place(old), place(new))
    });
    case
}

/// The lines before the first section, and the sections: heading and body.
fn split(text: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = text.split("\n=== ");
    let head = parts.next().unwrap_or_default();
    let sections = parts.map(|part| part.split_once('\n').unwrap_or((part, "")));
    (head, sections.collect())
}

fn title(head: &str) -> String {
    let lines = head.lines().filter_map(|line| line.strip_prefix("# "));
    lines.collect::<Vec<_>>().join(" ")
}

fn headers(head: &str) -> Vec<(&str, &str)> {
    const KNOWN: [&str; 11] = [
        "covers",
        "from",
        "expect",
        "bites",
        "hides",
        "breaks",
        "unrendered",
        "flags",
        "given",
        "replace",
        "at",
    ];
    let lines = head.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("`{line}`")));
    split.inspect(|(key, _)| assert!(KNOWN.contains(key), "the key `{key}`")).collect()
}

fn list(text: &str, between: &str) -> Vec<String> {
    text.split(between).map(str::to_owned).collect()
}

fn expect(text: &str) -> Expect {
    let (verdict, rules) = text.split_once(' ').unwrap_or((text, ""));
    assert!(["pass", "deny", "unverifiable", "refused"].contains(&verdict), "{text}");
    let rules = if rules.is_empty() { Vec::new() } else { list(rules, "/") };
    Expect { verdict: verdict.to_owned(), rules }
}

fn proof(heads: &[(&str, &str)]) -> Proof {
    let pair = |text: &str| {
        let (dir, image) = text.split_once(' ').unwrap_or_else(|| panic!("`{text}`"));
        (dir.to_owned(), unescape(image))
    };
    let found = heads.iter().find_map(|(key, text)| match *key {
        "bites" => Some(pair(text)).map(|(dir, image)| Proof::Bites(dir, string(image))),
        "hides" => Some(pair(text)).map(|(dir, image)| Proof::Hides(dir, string(image))),
        "breaks" => Some(Proof::Breaks((*text).to_owned())),
        "unrendered" => Some(Proof::Unrendered),
        _ => None,
    });
    found.unwrap_or(Proof::None)
}

fn string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The shared tree of a name.
pub(crate) fn shared(name: &str) -> Tree {
    start(name).tree
}

/// The shared tree of a name, as the first commit.
fn start(name: &str) -> Commit {
    let text = fs::read_to_string(root().join(format!("base/{name}.tree"))).unwrap();
    let (head, sections) = split(&text);
    let below = headers(head).into_iter().find(|(key, _)| *key == "from");
    let mut tree = below.map(|(_, name)| start(name).tree).unwrap_or_default();
    for (heading, body) in sections {
        apply(&mut tree, &change(heading, body), name);
    }
    let message = "Start\n".to_owned();
    Commit { name: "start".to_owned(), parents: Vec::new(), message, changes: Vec::new(), tree }
}

/// A section of a case: a commit, or a change of the commit before.
fn add(case: &mut Case, heading: &str, body: &str) {
    if let Some(rest) = heading.strip_prefix("commit ") {
        let (name, parents) = rest.split_once(" < ").unwrap_or((rest, ""));
        let find = |parent: &str| case.find(parent).unwrap_or_else(|| panic!("{parent}"));
        let mut parents: Vec<usize> = parents.split_whitespace().map(find).collect();
        if parents.is_empty() {
            parents.push(case.commits.len() - 1);
        }
        case.commits.push(commit(name, parents, body));
        return;
    }
    if case.commits.len() == 1 {
        case.commits.push(commit("head", vec![0], ""));
    }
    let last = case.commits.last_mut().unwrap();
    last.changes.push(change(heading, body));
}

fn commit(name: &str, parents: Vec<usize>, body: &str) -> Commit {
    // `orphan` has no parent, and the shared tree.
    let (name, parents) = match name.strip_prefix("orphan ") {
        Some(name) => (name, Vec::new()),
        None => (name, parents),
    };
    let message = if body.trim().is_empty() { "Change\n" } else { body };
    Commit {
        name: name.to_owned(),
        parents,
        message: message.to_owned(),
        changes: Vec::new(),
        tree: Tree::new(),
    }
}

/// Gives every commit its tree: that of the first parent, changed.
fn grow(case: &mut Case) {
    for at in 1..case.commits.len() {
        let parent = case.commits[at].parents.first().copied();
        let parent = parent.unwrap_or(0);
        let mut tree = case.commits[parent].tree.clone();
        for change in &case.commits[at].changes {
            apply(&mut tree, change, &case.name);
        }
        case.commits[at].tree = tree;
    }
}

fn change(heading: &str, body: &str) -> Change {
    let words: Vec<&str> = heading.split_whitespace().collect();
    let own = |at: usize| words[at].to_owned();
    match words[0] {
        "write" => Change::Write(own(1), bytes(body, words.get(2).copied())),
        "edit" => Change::Edit(own(1), hunks(body, words.get(2) == Some(&"escaped"))),
        "append" => Change::Append(own(1), bytes(body, words.get(2).copied())),
        "delete" => Change::Delete(own(1)),
        "rename" => Change::Copy { from: own(1), to: own(2), keep: false },
        "copy" => Change::Copy { from: own(1), to: own(2), keep: true },
        "link" => Change::Link(own(1), own(2)),
        "submodule" => Change::Submodule(own(1)),
        other => panic!("`{other}` is no change"),
    }
}

fn bytes(body: &str, form: Option<&str>) -> Vec<u8> {
    // One line feed more than the last line's own keeps a blank line before
    // the next section out of the file.
    let text = format!("{}\n", body.trim_end_matches('\n'));
    match form {
        None => text.into_bytes(),
        Some("escaped") => unescape(&text),
        Some("utf-16") => "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
        Some(other) => panic!("`{other}` is no form of a file"),
    }
}

/// `\xNN` bytes, `\uNNNN` characters, `\r`, `\0`, `\\`, `\N{text}` the text N
/// times, and `\` at the end of a line, which joins it with the next.
fn unescape(text: &str) -> Vec<u8> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        found.extend_from_slice(plain.as_bytes());
        let hex = |length: usize| u32::from_str_radix(&escape[1..=length], 16).unwrap();
        let (bytes, length) = match escape.as_bytes()[0] {
            b'x' => (vec![u8::try_from(hex(2)).unwrap()], 3),
            b'u' => (char::from_u32(hex(4)).unwrap().to_string().into_bytes(), 5),
            b'r' => (b"\r".to_vec(), 1),
            b'z' => (b"\0".to_vec(), 1),
            b'\\' => (b"\\".to_vec(), 1),
            b'\n' => (Vec::new(), 1),
            _ => {
                let (count, more) = escape.split_once('{').unwrap();
                let (unit, _) = more.split_once('}').unwrap();
                let length = count.len() + unit.len() + 2;
                (unit.repeat(count.parse().unwrap()).into_bytes(), length)
            }
        };
        found.extend(bytes);
        rest = &escape[length..];
    }
    found.extend_from_slice(rest.as_bytes());
    found
}

/// The hunks of an edit, each the lines before and after.
fn hunks(body: &str, escaped: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let hunk = |text: &str| {
        let side = |other: char| {
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(other));
            let text: String = lines.flat_map(|line| [&line[1..], "\n"]).collect();
            if escaped { unescape(&text) } else { text.into_bytes() }
        };
        (side('+'), side('-'))
    };
    format!("\n{body}").split("\n@@").map(hunk).collect()
}

/// Changes a tree; `of` names it where that cannot be done.
fn apply(tree: &mut Tree, change: &Change, of: &str) {
    match change {
        Change::Write(path, bytes) => {
            tree.insert(path.clone(), Node::File(bytes.clone()));
        }
        Change::Edit(path, hunks) => match tree.get_mut(path) {
            Some(Node::File(file)) => edit(file, hunks, of),
            _ => panic!("{of}: no file at {path}"),
        },
        Change::Append(path, more) => match tree.get_mut(path) {
            Some(Node::File(file)) => file.extend_from_slice(more),
            _ => panic!("{of}: no file at {path}"),
        },
        Change::Delete(path) => {
            assert!(!below(tree, path).is_empty(), "{of}: nothing at {path}");
            tree.retain(|found, _| !within(found, path));
        }
        Change::Copy { from, to, keep } => {
            let moved = below(tree, from);
            assert!(!moved.is_empty(), "{of}: nothing at {from}");
            if !keep {
                tree.retain(|found, _| !within(found, from));
            }
            let place = |path: &str| format!("{to}{}", &path[from.len()..]);
            tree.extend(moved.into_iter().map(|(path, node)| (place(&path), node)));
        }
        Change::Link(path, target) => {
            tree.insert(path.clone(), Node::Link(target.clone()));
        }
        Change::Submodule(path) => {
            tree.insert(path.clone(), Node::Submodule);
        }
    }
}

fn within(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The entries at a path or below it.
fn below(tree: &Tree, dir: &str) -> Vec<(String, Node)> {
    let found = tree.iter().filter(|(path, _)| within(path, dir));
    found.map(|(path, node)| (path.clone(), node.clone())).collect()
}

fn edit(file: &mut Vec<u8>, hunks: &[(Vec<u8>, Vec<u8>)], of: &str) {
    for (old, new) in hunks {
        let found: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(old)).collect();
        let [at] = found[..] else {
            panic!("{of}: the file holds {} times:\n{}", found.len(), String::from_utf8_lossy(old))
        };
        file.splice(at..at + old.len(), new.iter().copied());
    }
}

#[test]
fn the_form_of_a_case() {
    assert_eq!(unescape(r"a\x41\u2028\r\z\\\3{[}"), "aA\u{2028}\r\0\\[[[".as_bytes());
    assert_eq!(bytes("a\n\n", Some("utf-16")), b"\xff\xfea\0\n\0");
    let pair = |old: &str, new: &str| (old.as_bytes().to_vec(), new.as_bytes().to_vec());
    let found = hunks(" a\n-b\n+c\n@@\n+d\n e\n", false);
    assert_eq!(found, [pair("a\nb\n", "a\nc\n"), pair("e\n", "d\ne\n")]);
}
