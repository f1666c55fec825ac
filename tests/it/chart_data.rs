//! Mutants of a chart that makes nothing but a `ConfigMap`: wherever the
//! resolver takes one for such a chart still, helm makes nothing else.
//!
//! `PROMOTE_HELM` names helm where it is not in the path.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use promote::kustomize::render::render;
use promote::model::{MemorySnapshot, RepoPath};

use crate::check_cases::{Node, shared};
use crate::krew::skip;

const OVERLAY: &str = "apps/web/overlays/prod";

/// What may stand in a line.
const WORDS: [&str; 40] = [
    "kind: Pod",
    "kind: ConfigMap",
    "---",
    "apiVersion: v1",
    "{{ \"ki\" }}",
    "{{ \"nd\" }}: Pod",
    "ki",
    "nd: Pod",
    "\"\\",
    "x6b",
    "ind\": Pod",
    "\"\\x6bind\": Pod",
    "{{ \"x6bind\" }}\": Pod",
    "{{- \"x6bind\" }}",
    "{{ \"\\\\\" }}",
    "image: evil",
    "{{ .Values.motd }}",
    "{{ .Values.word }}: Pod",
    "{{ .Values.region | quote }}",
    "{{ .Files.Get \"files/init.sh\" }}",
    "{{ .Files.Get \"files/init.sh\" | indent 4 }}",
    "{{ printf \"%s%s\" \"ki\" \"nd\" }}: Pod",
    "{{ printf \"%cind\" 107 }}: Pod",
    "{{ join \"\" (splitList \"x\" \"kxind\") }}: Pod",
    "{{ join \"-\" (splitList \"-\" \"ki-nd\") }}: Pod",
    "{{ b64dec \"a2luZA==\" }}: Pod",
    "{{ tpl .Values.motd . }}",
    "{{ lower \"KIND\" }}: Pod",
    "{{ toYaml .Values }}",
    "{{ if true }}",
    "{{ end }}",
    "{{- end -}}",
    "{{/* kind: Pod */}}",
    "word: kind",
    "# kind",
    "data:",
    "metadata: {name: evil}",
    "spec: {containers: [{name: evil, image: evil}]}",
    "\r",
    " ",
];

/// A generator of numbers, the same with each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// A chart with a few lines changed, put in or taken out.
fn mutant(files: &BTreeMap<String, String>, dice: &mut Dice) -> BTreeMap<String, String> {
    let mut files = files.clone();
    let own = |path: &&String| path.contains("/charts/hosts/") || path.ends_with("hosts.yaml");
    let names: Vec<String> = files.keys().filter(own).cloned().collect();
    for _ in 0..=dice.below(3) {
        let name = &names[dice.below(names.len())];
        let mut lines: Vec<String> = files[name].lines().map(str::to_owned).collect();
        let at = dice.below(lines.len() + 1);
        let word = WORDS[dice.below(WORDS.len())];
        match (dice.below(4), lines.get_mut(at)) {
            (0, Some(line)) => line.push_str(word),
            (1, Some(line)) => line.insert_str(0, word),
            (2, Some(_)) => drop(lines.remove(at)),
            _ => lines.insert(at, format!("{}{word}", " ".repeat(2 * dice.below(3)))),
        }
        files.insert(name.clone(), lines.join("\n") + "\n");
    }
    files
}

/// Whether the chart is taken for one that makes nothing but data.
fn accepted(files: &BTreeMap<String, String>) -> bool {
    let entry = |(path, text): (&String, &String)| {
        (RepoPath::normalize(path).unwrap(), text.clone().into_bytes())
    };
    let snapshot = MemorySnapshot::new(files.iter().map(entry));
    let rendered = render(&snapshot, &RepoPath::normalize(OVERLAY).unwrap()).unwrap();
    rendered.opaque.is_empty()
}

/// What helm makes of the chart; `None` where it refuses.
fn made(helm: &str, files: &BTreeMap<String, String>) -> Option<String> {
    let top = tempfile::Builder::new().prefix("promote-helm-").tempdir().unwrap();
    for (path, text) in files {
        let file = top.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let values = top.path().join(OVERLAY).join("hosts.yaml");
    let chart = top.path().join("apps/web/charts/hosts");
    let output = Command::new(helm)
        .args(["template", "hosts"])
        .arg(chart)
        .arg("--values")
        .arg(values)
        .env("HOME", top.path())
        .output()
        .unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first line of what is made that says a kind, other than the one that
/// may be.
fn another_kind(text: &str) -> Option<&str> {
    let plain = |line: &&str| line.trim_end() != "kind: ConfigMap";
    let says = |line: &&str| {
        let key = line.split(':').next().unwrap_or_default();
        ["kind", "\"kind\"", "'kind'"].contains(&key) || key.starts_with("\"\\")
    };
    text.lines().filter(plain).find(says)
}

#[test]
fn charts_of_data_make_nothing_else() {
    let helm = std::env::var("PROMOTE_HELM").unwrap_or_else(|_| "helm".to_owned());
    let there = Command::new(&helm).arg("version").output().is_ok_and(|o| o.status.success());
    if !there {
        skip("helm is not there: what charts of data make is not compared");
    }
    let text = |node: Node| match node {
        Node::File(bytes) => String::from_utf8(bytes).unwrap(),
        _ => unreachable!("the tree has files alone"),
    };
    let files: BTreeMap<String, String> =
        shared("hosts").into_iter().map(|(path, node)| (path, text(node))).collect();
    assert!(accepted(&files));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut some, mut none) = (0, 0);
    for _ in 0..400 {
        let files = mutant(&files, &mut dice);
        if !accepted(&files) {
            none += 1;
            continue;
        }
        some += 1;
        if !there {
            continue;
        }
        if let Some(text) = made(&helm, &files) {
            assert_eq!(another_kind(&text), None, "{text}\n{files:#?}");
        }
    }
    assert!(some > 40 && none > 40, "{some} taken, {none} not");
}
