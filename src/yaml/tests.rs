//! Tests of the whole module: nodes and their bytes, and the proof.

use super::*;

fn parse(text: &str) -> Stream {
    Stream::parse(text.as_bytes()).unwrap()
}

/// Every scalar and alias with its source, in order.
fn leaves(text: &str) -> Vec<String> {
    let stream = parse(text);
    let leaves = stream.nodes().filter(|(_, node)| node.is_leaf());
    leaves.map(|(_, node)| stream.text()[node.span.clone()].to_owned()).collect()
}

fn value(stream: &Stream, key: &str) -> NodeId {
    stream.get(stream.documents()[0], key).unwrap()
}

#[test]
fn every_style_has_its_own_bytes() {
    let text = "a: b # c\n'd': \"e\\\"f\"\ng:\n- |-  # x\n  h\n  i\n\n- >2\n    j\n- k\n  l\n- {m: n, ? o : p, q}\n- [r: s, *t]\n";
    let text = text.replace("a: b", "a: &t b");
    assert_eq!(
        leaves(&text),
        [
            "a",
            "b",
            "'d'",
            "\"e\\\"f\"",
            "g",
            "|-  # x\n  h\n  i",
            ">2\n    j",
            "k\n  l",
            "m",
            "n",
            "o",
            "p",
            "q",
            "",
            "r",
            "s",
            "*t"
        ]
    );
    let stream = parse(&text);
    let comments: Vec<usize> = stream.comments().iter().map(|comment| comment.line).collect();
    assert_eq!(comments, [0, 3]);
    assert_eq!(stream.comment_on(3).map(|c| &stream.text()[c.span.clone()]), Some("# x"));
}

#[test]
fn properties_are_not_part_of_the_value() {
    let stream = parse("%TAG !e! tag:e,1:\n---\na: !!str &x  v\nb: &y !e!t\nc: !<tag:z> [1]\n");
    let a = stream.node(value(&stream, "a")).unwrap();
    assert_eq!(&stream.text()[a.start()..a.span.end], "!!str &x  v");
    assert_eq!((a.tag.as_deref(), a.anchor.as_deref()), (Some("tag:yaml.org,2002:str"), Some("x")));
    let b = stream.node(value(&stream, "b")).unwrap();
    assert_eq!((b.tag.as_deref(), b.anchor.as_deref()), (Some("tag:e,1:t"), Some("y")));
    assert!(b.span.is_empty());
    let c = stream.node(value(&stream, "c")).unwrap();
    assert_eq!(&stream.text()[c.span.clone()], "[1]");
}

#[test]
fn what_go_yaml_accepts_is_read() {
    for text in [
        "a: {\n\"b\": c,\n\"d\": \"e\"\n}\n",
        "a:\n  b: [\n    \"c\"\n  ]\n  d: e\n",
        "a: \"b\n c\"\nd:\n  e: 'f\n  g'\n",
        "a:\tb\nc: \td\n",
        "a: [-]\nb: [x, -, y]\n",
        "a:\n    b:\n        c: [\"x\",\ny, {z: \"1\"\n}]\n",
    ] {
        assert!(Stream::parse(text.as_bytes()).is_ok(), "{text}");
    }
    assert_eq!(leaves("a: [-, b]\n"), ["a", "-", "b"]);
}

#[test]
fn errors_have_line_and_column() {
    let at = |bytes: &[u8]| {
        let error = Stream::parse(bytes).unwrap_err();
        (error.position().line, error.position().column, error.to_string())
    };
    assert_eq!(at(b"a: b\r\n\xc3\xa4\xff: c\n"), (2, 2, "not UTF-8".to_owned()));
    let (line, column, message) = at("a: b\n\u{e4}\0".as_bytes());
    assert_eq!((line, column), (2, 2));
    assert_eq!(message, "the character U+0000 is not allowed in YAML");
    let (line, _, message) = at(b"a: [b\nc: \xe2\x80\xa8]\n");
    assert_eq!((line, message.contains("U+2028")), (2, true));
    let (line, column, _) = at(b"a:\tb\nc: {\n\"d\": [e\n}\n");
    assert_eq!((line, column), (4, 1));
}

#[test]
fn parts_of_a_value_lead_back_to_their_bytes() {
    let text =
        "a: |\n  b c\n\n   d\ne: 'f''g\n  h'\ni: \"j\\u0041\\\n   k\"\nl: >-\n  m\n  n\n\n  o\n";
    let stream = parse(text);
    let bytes = |key: &str, part: &str| {
        let id = value(&stream, key);
        let start = stream.value(id).unwrap().find(part).unwrap();
        let range = SourceMap::new(&stream, id).unwrap().range(start..start + part.len());
        stream.text()[range.unwrap()].to_owned()
    };
    assert_eq!(bytes("a", "b c\n\n d"), "b c\n\n   d");
    assert_eq!(bytes("a", " d"), " d");
    assert_eq!(bytes("e", "'g h"), "''g\n  h");
    assert_eq!(bytes("i", "Ak"), "\\u0041\\\n   k");
    assert_eq!(bytes("l", "n\no"), "n\n\n  o");
}

#[test]
fn the_proof_finds_any_other_difference() {
    let stream = parse("a: b\nc: [d, &e f]\n---\ng: *h\n".replace("*h", "h").as_str());
    let node = value(&stream, "a");
    let set = [Operation::Set { node, value: "x".to_owned() }];
    let prove = |text: &str| prove::prove(&stream, &set, text);
    assert_eq!(prove("a: x\nc: [d, &e f]\n---\ng: h\n"), Ok(()));
    for wrong in [
        "a: b\nc: [d, &e f]\n---\ng: h\n",
        "a: x\nc: [d, f]\n---\ng: h\n",
        "a: x\nc: [d, &e f]\n---\ng: 'h'\n",
        "a: x\nc: [d, &e f]\ng: h\n",
        "a: x\nc: [d, &e f, i]\n---\ng: h\n",
        "a: x\nc: [d, &e f]\n---\ng: h\ni: j\n",
        "a: x\nc: [d, &e f]\n---\ng: !!str h\n",
        "a: x\nc: {d: &e f}\n---\ng: h\n",
        "a: x\nc: [d, &e f]\n---\n",
        "a: [\n",
    ] {
        assert!(matches!(prove(wrong), Err(YamlError::Unproven { .. })), "{wrong}");
    }
}

#[test]
fn two_changes_of_the_same_bytes_are_refused() {
    let stream = parse("a: b\n");
    let node = value(&stream, "a");
    let set = |value: &str| Operation::Set { node, value: value.to_owned() };
    let refused = apply(&stream, &[set("x"), set("y")]);
    assert!(matches!(refused, Err(YamlError::Unchangeable { .. })));
}
