//! Another parser (`PyYAML`) reads what was edited: one scalar is another, and
//! nothing else.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Names, and texts before and after.
pub(crate) type Pairs = Vec<(String, Vec<u8>, Vec<u8>)>;

/// Texts that are longer take it too long.
const MOST: usize = 20_000;

const SCRIPT: &str = r#"
import json, sys, yaml
try:
    loader = yaml.CSafeLoader
except AttributeError:
    loader = yaml.SafeLoader
def events(text):
    found = []
    for event in yaml.parse(text, loader):
        value = getattr(event, "value", None)
        rest = [getattr(event, name, None) for name in ("anchor", "tag")]
        found.append((type(event).__name__, value, rest))
    return found
for line in sys.stdin:
    name, old, new = json.loads(line)
    try:
        before = events(old)
    except (yaml.YAMLError, RecursionError):
        print("unread", name)
        continue
    try:
        after = events(new)
    except (yaml.YAMLError, RecursionError) as error:
        print("wrong", name, str(error).replace("\n", " "))
        continue
    differ = [(a, b) for a, b in zip(before, after) if a[:2] != b[:2]]
    good = len(before) == len(after) and [(a[1], b[1]) for a, b in differ] == [("v1", "v2")]
    print("right" if good else "wrong", name, "" if good else differ[:3])
"#;

/// Holds every pair, as far as the other parser can read the text before.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
pub(crate) fn same_but_one(pairs: &Pairs) {
    let python = Command::new("python3").args(["-c", "import yaml"]).output();
    if !python.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: python3 with PyYAML, which reads again what was edited");
        return;
    }
    let texts = pairs.iter().filter(|(_, old, _)| old.len() <= MOST);
    let lines: Vec<String> = texts
        .map(|(name, old, new)| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            serde_json::to_string(&(name, text(old), text(new))).unwrap()
        })
        .collect();
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = lines.join("\n");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let of = |what: &str| said.lines().filter(|line| line.starts_with(what)).collect::<Vec<_>>();
    assert_eq!(of("wrong"), Vec::<&str>::new());
    assert_eq!(said.lines().count(), lines.len());
    // It knows YAML 1.1 alone, and stops at some of what is YAML 1.2.
    assert!(of("right").len() > lines.len() * 3 / 4, "{:#?}", of("unread"));
}
