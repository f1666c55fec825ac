//! Mutations of a small repository, as a careless or a hostile author makes
//! them.

use std::collections::BTreeSet;

use crate::check_gate::{Files, linked, target};
use crate::check_words::{FIELDS, FILES, KEYS, OBJECTS, ODD, ORDINARY, VALUES};
use crate::render_fuzz::{Random, pair};

/// The words of a repository that blocks are filled in with.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    references: Vec<String>,
    repositories: Vec<String>,
    tags: Vec<String>,
    objects: Vec<String>,
    entries: Vec<String>,
}

impl Vocabulary {
    pub(crate) fn of(files: &Files) -> Self {
        let mut found = Self::default();
        for bytes in files.values() {
            for line in String::from_utf8_lossy(bytes).lines() {
                found.learn(line.trim_start().trim_start_matches("- "));
            }
        }
        found.tags.extend(["v9", "edge", "v1", "v2", "v3"].map(str::to_owned));
        found.references.extend(["evil:v9", "registry.example/acme/evil:v9"].map(str::to_owned));
        let evil = ["registry.example/acme/evil", "evil:v9", "registry.example/acme/web"];
        found.repositories.extend(evil.map(str::to_owned));
        for tag in ["v1", "v2", "v3", "v9"] {
            let named = found.repositories.iter().map(|name| format!("{name}:{tag}"));
            found.references.extend(named.collect::<Vec<_>>());
        }
        found
    }

    fn learn(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(": ") else { return };
        let (list, value) = match key {
            "image" => (&mut self.references, value),
            "newName" | "repository" => (&mut self.repositories, value),
            "newTag" | "tag" => (&mut self.tags, value),
            "name" if value.contains('/') => {
                self.repositories.push(value.to_owned());
                (&mut self.entries, value)
            }
            "name" => {
                self.entries.push(value.to_owned());
                (&mut self.objects, value)
            }
            _ => return,
        };
        list.push(value.split(" #").next().unwrap_or(value).to_owned());
    }

    fn fill(&self, random: &mut Random, text: &str) -> String {
        let mut text = text.to_owned();
        let lists = [
            ("@REF@", &self.references),
            ("@REPO@", &self.repositories),
            ("@TAG@", &self.tags),
            ("@OBJECT@", &self.objects),
            ("@ENTRY@", &self.entries),
        ];
        for (mark, list) in lists {
            if text.contains(mark) && !list.is_empty() {
                text = text.replace(mark, &list[random.below(list.len())]);
            }
        }
        text
    }
}

/// Changes a tree, and tells how.
pub(crate) struct Mutator<'a> {
    pub(crate) random: Random,
    pub(crate) words: &'a Vocabulary,
    pub(crate) tree: Files,
    pub(crate) done: Vec<String>,
}

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

impl Mutator<'_> {
    /// One to four mutations of one to three files.
    pub(crate) fn run(&mut self) {
        let wanted = 1 + self.random.below(3).saturating_sub(self.random.below(2));
        let files: Vec<String> = (0..wanted).filter_map(|_| self.target()).collect();
        let times = [1, 1, 1, 1, 1, 2, 2, 2, 3, 4][self.random.below(10)];
        for _ in 0..times {
            let file = files[self.random.below(files.len())].clone();
            let before = self.done.len();
            match self.random.below(10) {
                0..=2 => self.ordinary(&file),
                3 | 4 => self.across(&file),
                5 => self.structure(&file),
                _ => self.text(&file),
            }
            if self.done.len() == before {
                self.done.push(format!("nothing of {file}"));
            }
        }
    }

    /// A file; those of the later environments more often.
    fn target(&mut self) -> Option<String> {
        let wanted = ["prod", "prod", "prod", "staging", "staging", "dev", "", "", ""];
        let wanted = self.random.of(&wanted);
        let named = |path: &&String| wanted.is_empty() || path.contains(&format!("/{wanted}"));
        let files: Vec<&String> =
            self.tree.keys().filter(|path| *path != "promote.toml").filter(named).collect();
        Some((*files.get(self.random.below(files.len()))?).clone())
    }

    fn did(&mut self, what: &str, file: &str) {
        self.done.push(format!("{what} {file}"));
    }

    fn lines(&self, file: &str) -> Option<Vec<String>> {
        let text = std::str::from_utf8(self.tree.get(file)?).ok()?;
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        (!lines.is_empty()).then_some(lines)
    }

    fn put(&mut self, file: &str, lines: &[String]) {
        self.tree.insert(file.to_owned(), lines.concat().into_bytes());
    }

    fn filled(&mut self, list: &[&str]) -> String {
        let text = self.random.of(list);
        self.words.fill(&mut self.random, text)
    }

    /// An edit as people make it.
    fn ordinary(&mut self, file: &str) {
        let Some(mut lines) = self.lines(file) else { return };
        let what = self.random.below(10);
        let fits = |line: &&mut String| {
            let (first, _) = line.trim_start().split_once(' ').unwrap_or((line, ""));
            ORDINARY.iter().any(|(key, _)| *key == first)
        };
        let mut places: Vec<&mut String> = lines.iter_mut().filter(fits).collect();
        let count = places.len();
        if what < 6 && count > 0 {
            let line = places.swap_remove(self.random.below(count));
            let value = ORDINARY.iter().find(|(key, _)| line.trim_start().starts_with(key));
            let (key, value) = value.unwrap();
            let indent = line.len() - line.trim_start().len();
            *line = format!("{}{key} {value}\n", &line[..indent]);
            self.did("an ordinary value of", file);
        } else if what < 8 {
            let at = self.random.below(lines.len());
            lines.insert(at, "# a note\n".to_owned());
            self.did("a comment in", file);
        } else {
            let block = "labels:\n- pairs:\n    owner: team\n";
            lines.push(block.to_owned());
            self.did("a label for", file);
        }
        self.put(file, &lines);
    }

    /// The same file of another environment.
    fn sibling(&mut self, file: &str) -> Option<String> {
        let own = ENVIRONMENTS.iter().find(|name| file.contains(&format!("/{name}/")))?;
        let other = self.random.of(&ENVIRONMENTS);
        let path = file.replacen(&format!("/{own}/"), &format!("/{other}/"), 1);
        (path != file && self.tree.contains_key(&path)).then_some(path)
    }

    /// Moves something between the files of two environments.
    fn across(&mut self, file: &str) {
        let Some(other) = self.sibling(file) else { return self.text(file) };
        let (Some(mut own), Some(mut theirs)) = (self.lines(file), self.lines(&other)) else {
            return;
        };
        let (at, there) = (self.random.below(own.len()), self.random.below(theirs.len()));
        let block = there..end_of_block(&theirs, there);
        let what = match self.random.below(8) {
            0 => {
                own = theirs.clone();
                "all of"
            }
            1 => {
                own.insert(at, theirs[there].clone());
                "a line of"
            }
            2 => {
                own.splice(at..at, theirs[block].to_vec());
                "a block of"
            }
            3 => {
                let moved: Vec<String> = theirs.drain(block).collect();
                own.splice(at..at, moved);
                "a block moved from"
            }
            4 => {
                std::mem::swap(&mut own, &mut theirs);
                "swapped with"
            }
            // The line at the same place, most often of a version.
            _ => {
                let differ = own.iter().zip(&theirs).enumerate().filter(|(_, (a, b))| a != b);
                let places: Vec<usize> = differ.map(|(index, _)| index).collect();
                let Some(place) = places.get(self.random.below(places.len())) else { return };
                own[*place].clone_from(&theirs[*place]);
                "a value of"
            }
        };
        self.did(&format!("{what} {other} for"), file);
        self.put(file, &own);
        self.put(&other, &theirs);
    }

    /// Files that come, go and are renamed.
    fn structure(&mut self, file: &str) {
        let (dir, _) = file.rsplit_once('/').unwrap_or((".", file));
        let new = format!("{dir}/{}", self.random.of(FILES));
        match self.random.below(10) {
            8 | 9 => self.link(file, dir),
            0 => {
                self.tree.remove(file);
                self.did("deletes", file);
            }
            1 => {
                let bytes = self.tree.remove(file).unwrap_or_default();
                self.tree.insert(new.clone(), bytes);
                self.did(&format!("renames to {new}"), file);
            }
            2 => {
                let bytes = self.tree.get(file).cloned().unwrap_or_default();
                self.tree.insert(new.clone(), bytes);
                self.did(&format!("copies to {new}"), file);
            }
            3 => {
                let other = self.random.of(&ENVIRONMENTS);
                self.directory(dir, other);
            }
            _ => self.new_file(dir),
        }
    }

    /// A symbolic link that comes, or leads elsewhere.
    fn link(&mut self, file: &str, dir: &str) {
        let targets = [
            "extra.yaml",
            "../dev/kustomization.yaml",
            "../dev",
            "../../base",
            "../../../../platform/extra",
            "../../../../../repo/apps/web/base",
            "../extra",
            ".",
            "pod.yaml",
        ];
        let to = self.random.of(&targets);
        let links: Vec<&String> =
            self.tree.iter().filter(|(_, b)| target(b).is_some()).map(|(path, _)| path).collect();
        let at = match self.random.below(4) {
            0 => file.to_owned(),
            1 => format!("{dir}/{}", self.random.of(FILES)),
            _ if links.is_empty() => format!("{dir}/extra"),
            _ => links[self.random.below(links.len())].clone(),
        };
        self.tree.insert(at.clone(), linked(to));
        self.did(&format!("links to {to}"), &at);
    }

    /// A new file, and most often the line that uses it.
    fn new_file(&mut self, dir: &str) {
        let name = self.random.of(FILES);
        let text = self.filled(OBJECTS);
        self.tree.insert(format!("{dir}/{name}"), text.into_bytes());
        self.did("writes", &format!("{dir}/{name}"));
        let kustomization = format!("{dir}/kustomization.yaml");
        if name.starts_with("kustomization") || self.random.below(6) == 0 {
            return;
        }
        let Some(mut lines) = self.lines(&kustomization) else { return };
        let used: Vec<&str> = FIELDS.iter().copied().filter(|f| f.contains("new.yaml")).collect();
        match self.random.below(2) {
            0 => {
                let block = self.filled(&used).replace("new.yaml", name);
                lines.push(block);
            }
            _ => {
                let list = ["resources:", "patches:", "components:"];
                let list = self.random.of(&list);
                let Some(at) = lines.iter().position(|line| line.trim() == list) else { return };
                let path = if list == "patches:" { "path: " } else { "" };
                let name = name.trim_end_matches("/kustomization.yaml");
                lines.insert(at + 1, format!("- {path}{name}\n"));
            }
        }
        self.did("uses it in", &kustomization);
        self.put(&kustomization, &lines);
    }

    /// Renames or copies a directory.
    fn directory(&mut self, dir: &str, name: &str) {
        let (above, _) = dir.rsplit_once('/').unwrap_or(("", dir));
        let keep = self.random.below(2) == 0;
        let other = self.random.of(&["canary", "dev", "staging", "prod", "base", "component"]);
        let to = if self.random.below(3) == 0 { name } else { other };
        let prefix = format!("{dir}/");
        let moved: BTreeSet<String> =
            self.tree.keys().filter(|path| path.starts_with(&prefix)).cloned().collect();
        for path in moved {
            let bytes = self.tree.get(&path).cloned().unwrap_or_default();
            if !keep {
                self.tree.remove(&path);
            }
            self.tree.insert(format!("{above}/{to}/{}", &path[prefix.len()..]), bytes);
        }
        self.did(&format!("directory to {above}/{to}, keeping it {keep}:"), dir);
    }

    /// A change of the text of a file.
    fn text(&mut self, file: &str) {
        let Some(mut lines) = self.lines(file) else { return };
        let at = self.random.below(lines.len());
        let what = self.random.below(20);
        let name = match what {
            0 => {
                lines.drain(at..end_of_block(&lines, at));
                "deletes a block of"
            }
            1 => {
                lines.remove(at);
                "deletes a line of"
            }
            2 => {
                let with = self.random.below(lines.len());
                lines.swap(at, with);
                "swaps lines of"
            }
            3 => {
                let copy = lines[at..end_of_block(&lines, at)].to_vec();
                let to = self.random.below(lines.len());
                lines.splice(to..to, copy);
                "copies a block of"
            }
            4 => {
                lines[at] = match lines[at].strip_prefix("  ") {
                    Some(less) if self.random.below(2) == 0 => less.to_owned(),
                    _ => format!("  {}", lines[at]),
                };
                "indents"
            }
            5..=7 => {
                lines.push(self.filled(FIELDS));
                "appends to"
            }
            8 => {
                let tops: Vec<usize> = (0..lines.len()).filter(|i| is_top(&lines[*i])).collect();
                let at = tops.get(self.random.below(tops.len())).copied().unwrap_or(0);
                lines.insert(at, self.filled(FIELDS));
                "inserts into"
            }
            9 => {
                lines[at] = self.with_key(&lines[at]);
                "a key of"
            }
            10..=12 => {
                lines[at] = self.with_value(&lines[at]);
                "a value of"
            }
            _ => self.spelling(&mut lines, at),
        };
        self.did(&format!("{what}: {name}"), file);
        self.put(file, &lines);
        if self.random.below(60) == 0 {
            self.encoding(file);
        }
    }

    /// Another spelling of a line, most often with the same meaning.
    fn spelling(&mut self, lines: &mut Vec<String>, at: usize) -> &'static str {
        let line = lines[at].clone();
        match self.random.below(9) {
            0 => {
                let places: Vec<usize> = line.char_indices().map(|(place, _)| place).collect();
                let place = places[self.random.below(places.len())];
                lines[at].insert_str(place, self.random.of(ODD));
                "an odd character in"
            }
            1 => {
                let odd = self.random.of(ODD);
                let hidden = self.filled(&["newTag: @TAG@", "- name: @ENTRY@", "image: @REF@"]);
                let indent = &line[..line.len() - line.trim_start().len()];
                lines.insert(at, format!("{indent}# x{odd}{indent}{hidden}\n"));
                "a comment that may end in"
            }
            2 => {
                lines[at] = escaped(&line, self.random.below(2) == 0);
                "escapes in"
            }
            3 => {
                lines[at] = folded(&line, self.random.below(4));
                "other letters in"
            }
            4 => {
                lines[at] = format!("#{line}");
                "comments out of"
            }
            5 => self.alias(lines, at),
            6 => {
                let tags = [
                    "!!str",
                    "!!binary",
                    "!!null",
                    "!!int",
                    "!x",
                    "&b",
                    "!<tag:yaml.org,2002:str>",
                ];
                let tag = self.random.of(&tags);
                lines[at] = line.replacen(": ", &format!(": {tag} "), 1);
                "a tag in"
            }
            7 => {
                lines[at] = block_scalar(&line, self.random.below(3));
                "a block scalar in"
            }
            _ => {
                lines[at] = line.replace(['\'', '"'], self.random.of(&["", "'", "\""]));
                "quotes of"
            }
        }
    }

    /// An anchor at a value, and an alias of it at another.
    fn alias(&mut self, lines: &mut [String], at: usize) -> &'static str {
        let to = self.random.below(lines.len());
        lines[at] = lines[at].replacen(": ", ": &z ", 1);
        if to != at
            && let Some((key, _)) = lines[to].split_once(": ")
        {
            lines[to] = format!("{key}: *z\n");
        }
        "an alias in"
    }

    fn encoding(&mut self, file: &str) {
        let text = String::from_utf8_lossy(&self.tree[file]).into_owned();
        let bytes: Vec<u8> = match self.random.below(5) {
            0 => format!("\u{feff}{text}").into_bytes(),
            1 => text.replace('\n', "\r\n").into_bytes(),
            2 => text.replace('\n', "\r").into_bytes(),
            3 => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => [text.as_bytes(), b"# \xff\n"].concat(),
        };
        self.tree.insert(file.to_owned(), bytes);
        self.did("another encoding of", file);
    }

    fn with_key(&mut self, line: &str) -> String {
        let key = self.random.of(KEYS);
        match pair(&mut self.random, line) {
            Some((start, colon, _)) => format!("{}{key}{}", &line[..start], &line[colon..]),
            None => line.replacen(|c: char| c.is_alphabetic(), key, 1),
        }
    }

    fn with_value(&mut self, line: &str) -> String {
        let value = self.filled(VALUES);
        match pair(&mut self.random, line) {
            Some((_, colon, end)) => format!("{}{value}{}", &line[..colon + 2], &line[end..]),
            None => match line.split_once("- ") {
                Some((before, _)) => format!("{before}- {value}\n"),
                None => format!("{}{value}\n", line.trim_end()),
            },
        }
    }
}

fn is_top(line: &str) -> bool {
    line.starts_with(|c: char| c.is_alphabetic())
}

/// The end of the block that a line begins: what is indented further.
fn end_of_block(lines: &[String], at: usize) -> usize {
    let indent = |line: &String| line.len() - line.trim_start().len();
    let own = indent(&lines[at]);
    let more = lines[at + 1..].iter().take_while(|line| {
        indent(line) > own
            || indent(line) == own
                && line.trim_start().starts_with("- ")
                && !lines[at].trim_start().starts_with("- ")
    });
    at + 1 + more.count()
}

/// The key, or the value, in double quotes with one letter escaped.
fn escaped(line: &str, key: bool) -> String {
    let Some((head, value)) = line.split_once(": ") else { return line.to_owned() };
    let start = head.len() - head.trim_start_matches([' ', '-']).len();
    let letter = |text: &str| match text.chars().next() {
        Some(c) if c.is_ascii() => format!("\"\\u{:04x}{}\"", u32::from(c), &text[1..]),
        _ => text.to_owned(),
    };
    if key {
        format!("{}{}: {value}", &head[..start], letter(&head[start..]))
    } else {
        format!("{head}: {}\n", letter(value.trim_end()))
    }
}

/// Letters in another case, or ones that fold to them.
fn folded(line: &str, how: usize) -> String {
    let Some((key, value)) = line.split_once(": ") else { return line.replacen('s', "\u{17f}", 1) };
    match how {
        0 => format!("{}: {value}", key.to_uppercase()),
        1 => format!("{}: {value}", key.replacen(['s', 'S'], "\u{17f}", 1)),
        2 => format!("{}: {value}", key.replacen(['k', 'K'], "\u{212a}", 1)),
        _ => format!("{key}: {}", value.to_uppercase()),
    }
}

fn block_scalar(line: &str, how: usize) -> String {
    let Some((key, value)) = line.split_once(": ") else { return line.to_owned() };
    let indent = " ".repeat(key.len() - key.trim_start_matches([' ', '-']).len() + 2);
    format!("{key}: {}\n{indent}{value}", ["|-", ">-", "|+2"][how])
}
