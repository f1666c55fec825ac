//! What must hold for any file: bytes outside the edits stay, a second run
//! changes nothing, and the edited file differs in the intended values alone.

use std::collections::BTreeMap;
use std::fmt::Write;

use promote::kustomize::{Change, set_pins};
use promote::model::{FileChange, Pin, RepoPath, Target};
use promote::yaml::{NodeId, NodeKind, Operation, Stream, apply};
use proptest::prelude::*;

use crate::edit_cases::spliced;

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const MARKER: &str = "{\"$imagepolicy\": \"team:cart\"}";

/// A value and how it is written.
#[derive(Debug, Clone)]
enum Tree {
    Scalar(String, u8),
    Map(Vec<(String, Tree)>, bool),
    List(Vec<Tree>, bool),
}

fn scalar() -> impl Strategy<Value = Tree> {
    let plain = "[a-z][a-z0-9./-]{0,10}".prop_map(|text| Tree::Scalar(text, 0));
    let quoted = ("[a-z0-9 :#'\"\\\\,{}ü-]{0,12}", 1_u8..3).prop_map(|(t, s)| Tree::Scalar(t, s));
    let block = ("[a-z][a-z #:{}-]{0,8}[a-z](\n[a-z]{1,6}){0,3}", 3_u8..7)
        .prop_map(|(text, style)| Tree::Scalar(text, style));
    prop_oneof![plain, quoted, block]
}

fn tree() -> impl Strategy<Value = Tree> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        let map = prop::collection::btree_map("[a-z]{1,6}", inner.clone(), 1..4);
        prop_oneof![
            (map, any::<bool>()).prop_map(|(map, flow)| Tree::Map(map.into_iter().collect(), flow)),
            (prop::collection::vec(inner, 1..4), any::<bool>())
                .prop_map(|(items, flow)| Tree::List(items, flow)),
        ]
    })
}

fn flow(tree: &Tree) -> String {
    match tree {
        Tree::Scalar(text, 0) => text.clone(),
        Tree::Scalar(text, 1) => format!("'{}'", text.replace('\'', "''").replace('\n', " ")),
        Tree::Scalar(text, _) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("\"{text}\"")
        }
        Tree::Map(pairs, _) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Tree::List(items, _) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(" , "))
        }
    }
}

/// Writes a value behind `key:` or `-`, the line break included.
fn block(out: &mut String, tree: &Tree, indent: usize) {
    let pad = " ".repeat(indent);
    match tree {
        Tree::Map(pairs, false) => {
            out.push_str(" # map\n");
            for (key, value) in pairs {
                write!(out, "{pad}{key}:").unwrap();
                block(out, value, indent + 2);
            }
        }
        Tree::List(items, false) => {
            out.push('\n');
            for item in items {
                write!(out, "{pad}-").unwrap();
                block(out, item, indent + 3);
            }
        }
        Tree::Scalar(text, style @ 3..) => {
            let header = ["|", "|-", ">", "|+  # kept"][usize::from(*style) - 3];
            writeln!(out, " {header}").unwrap();
            for line in text.lines() {
                writeln!(out, "{pad}{line}\n").unwrap();
            }
        }
        _ => writeln!(out, "  {} # c", flow(tree)).unwrap(),
    }
}

/// An `images` entry in one of its many spellings.
fn entry(tag: u8, digest: bool, first: bool, in_flow: bool) -> String {
    let value = match tag {
        0 => " v1",
        1 => " 'v1'",
        2 => " \"v1\" ",
        3 => "",
        4 => " ~",
        5 if !in_flow => " |\n      v1\n",
        6 if !in_flow => " >+ # why\n       v1\n\n",
        7 => " &t v1",
        8 => " !!str v1",
        _ => " 1.5",
    };
    let mut pairs = vec!["name: shop/cart".to_owned(), "newName: x/y".to_owned()];
    if tag < 10 {
        pairs.insert(usize::from(!first), format!("newTag:{value}"));
    }
    if digest {
        pairs.insert(usize::from(first) * 2, format!("digest: {DIGEST}"));
    }
    if in_flow {
        return format!("- {{{}}} # entry\n", pairs.join(", "));
    }
    let pairs: Vec<String> = pairs
        .iter()
        .map(|pair| if pair.ends_with('\n') { pair.clone() } else { format!("{pair} # c\n") })
        .collect();
    format!("- {}", pairs.join("  "))
}

fn kustomization() -> impl Strategy<Value = String> {
    let spelling = (0_u8..12, any::<bool>(), any::<bool>(), any::<bool>());
    (tree(), spelling, tree(), 0_u8..3, any::<bool>()).prop_map(
        |(before, (tag, digest, first, in_flow), after, ending, bom)| {
            let mut text = String::from("before:");
            block(&mut text, &before, 2);
            text.push_str("images: # list\n# one\n- name: shop/web\n  newTag: v1\n\n");
            text.push_str(&entry(tag, digest, first, in_flow));
            text.push_str("after:");
            block(&mut text, &after, 1);
            finish(&text, ending, bom)
        },
    )
}

fn finish(text: &str, ending: u8, bom: bool) -> String {
    let text = text.replace('\n', ["\n", "\r\n", "\r"][usize::from(ending)]);
    if bom { format!("\u{feff}{text}") } else { text }
}

fn markers() -> impl Strategy<Value = String> {
    (tree(), tree(), 0_u8..3, any::<bool>()).prop_map(|(before, after, ending, bom)| {
        let mut text = String::from("before:");
        block(&mut text, &before, 2);
        write!(text, "image: x:1 # {MARKER}\nlist:\n# {MARKER}\n- 'x:2'\n").unwrap();
        write!(text, "- {{a: b, image: x:3}}\n- |  # {MARKER}\n  x:4\n---\nafter:").unwrap();
        block(&mut text, &after, 3);
        finish(&text, ending, bom)
    })
}

/// All scalars of a file by document and field.
fn scalars(bytes: &[u8]) -> BTreeMap<Vec<usize>, String> {
    let stream = Stream::parse(bytes).unwrap();
    let values = stream.nodes().filter_map(|(id, _)| Some((id, stream.scalar(id)?.value.clone())));
    values.map(|(id, value)| (place(&stream, id), value)).collect()
}

/// Where a node is: the value of its keys would do, were they unique.
fn place(stream: &Stream, id: NodeId) -> Vec<usize> {
    let mut steps = Vec::new();
    let mut child = id;
    while let Some(parent) = stream.node(child).unwrap().parent {
        let position = match &stream.node(parent).unwrap().kind {
            NodeKind::Sequence { items, .. } => items.iter().position(|item| *item == child),
            _ => stream.pairs(parent).iter().position(|p| p.key == child || p.value == child),
        };
        steps.push(position.unwrap());
        child = parent;
    }
    steps.push(stream.documents().iter().position(|root| *root == child).unwrap());
    steps.reverse();
    steps
}

fn change(path: &str, bytes: &[u8], target: &Target, pin: &str) -> FileChange {
    let path = RepoPath::normalize(path).unwrap();
    let pin: Pin = pin.parse().unwrap();
    set_pins(&path, bytes, &[Change::new(target.clone(), pin)]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entries_change_and_nothing_else(text in kustomization(), pin in 0_usize..3) {
        let digest = format!("1.10@{DIGEST}");
        let pin = ["v2", "1.10", &digest][pin];
        let target = Target::Image { name: "shop/cart".to_owned() };
        let first = change("kustomization.yaml", text.as_bytes(), &target, pin);
        prop_assert_eq!(&spliced(&first), &first.new);
        prop_assert!(!first.edits.is_empty());
        let second = change("kustomization.yaml", &first.new, &target, pin);
        prop_assert!(second.edits.is_empty());
        let (old, new) = (scalars(text.as_bytes()), scalars(&first.new));
        let outside = |place: &Vec<usize>| place[..2] != [0, 1];
        let kept = |all: &BTreeMap<Vec<usize>, String>| -> Vec<String> {
            all.iter().filter(|(place, _)| outside(place)).map(|(_, value)| value.clone()).collect()
        };
        prop_assert_eq!(kept(&old), kept(&new));
    }

    #[test]
    fn markers_change_and_nothing_else(text in markers()) {
        let target = Target::Policy { policy: "team:cart".to_owned() };
        let first = change("deploy.yaml", text.as_bytes(), &target, "v2");
        prop_assert_eq!(&spliced(&first), &first.new);
        prop_assert_eq!(first.edits.len(), 3);
        prop_assert!(change("deploy.yaml", &first.new, &target, "v2").edits.is_empty());
        let (old, new) = (scalars(text.as_bytes()), scalars(&first.new));
        let differ = old.iter().filter(|(place, value)| new.get(*place) != Some(value)).count();
        prop_assert_eq!((old.len(), differ), (new.len(), 3));
    }

    #[test]
    fn any_part_of_any_value_changes_in_place(text in kustomization()) {
        let stream = Stream::parse(text.as_bytes()).unwrap();
        for (id, _) in stream.nodes() {
            let Some(scalar) = stream.scalar(id) else { continue };
            for (start, c) in scalar.value.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()) {
                let range = start..start + c.len_utf8();
                let part = Operation::Part { node: id, range, text: "z".to_owned() };
                let applied = apply(&stream, &[part]);
                prop_assert!(applied.is_ok(), "{:?} in {:?}: {:?}", start, scalar, applied);
                prop_assert_eq!(applied.unwrap().splices[0].span.len(), 1);
            }
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[-:?,\\[\\]{}#&*!|>'\"% \n\ta0\\\\\r<~]{0,48}") {
        let Ok(stream) = Stream::parse(text.as_bytes()) else { return Ok(()) };
        for (id, node) in stream.nodes().filter(|(_, node)| node.is_leaf()) {
            prop_assert!(text.is_char_boundary(node.span.start) && node.span.end <= text.len());
            let set = Operation::Set { node: id, value: "1.10".to_owned() };
            let Ok(applied) = apply(&stream, &[set]) else { continue };
            let tail = &text[applied.splices[0].span.end..];
            prop_assert!(applied.text.ends_with(tail));
        }
    }
}

/// A text of brackets alone must neither overflow the stack nor take long.
#[test]
fn deep_nesting_is_read_without_recursion() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let depth = 100_000 / open.len();
        let text = format!("{}x{}", open.repeat(depth), close.repeat(depth));
        assert!(
            Stream::parse(text.as_bytes()).map_or(true, |stream| stream.nodes().count() > depth)
        );
    }
    let nested: Vec<String> = (0..600).map(|depth| format!("{}a:", " ".repeat(depth))).collect();
    let nested = nested.join("\n");
    assert!(Stream::parse(nested.as_bytes()).is_ok());
}

/// Aliases of aliases stand for billions of values once they are written out.
#[test]
fn aliases_are_never_expanded() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    text.push_str("images:\n- name: shop/cart\n  newTag: v1\n");
    let target = Target::Image { name: "shop/cart".to_owned() };
    let changed = change("kustomization.yaml", text.as_bytes(), &target, "v2");
    assert_eq!(changed.new, text.replace("v1", "v2").into_bytes());
}
