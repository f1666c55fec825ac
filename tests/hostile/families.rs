//! Families of hostile texts. A family gets the start of a valid file and a
//! size.

use std::fmt::Write as _;

/// What has to come of a text where it is YAML that a version is changed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is refused, with a place.
    Refused,
    /// It is edited.
    Edited,
    /// Up to a limit the one, beyond it the other.
    Either,
}

use Fate::{Edited, Either, Refused};

/// A way to be hostile.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) fate: Fate,
    /// Sizes that are run in this process.
    pub(crate) sizes: &'static [usize],
    /// Sizes that are run by the program, under limits.
    pub(crate) large: &'static [usize],
    /// Makes the text after the start of the file.
    pub(crate) make: fn(&str, usize) -> Vec<u8>,
}

const fn family(
    name: &'static str,
    fate: Fate,
    (sizes, large): (&'static [usize], &'static [usize]),
    make: fn(&str, usize) -> Vec<u8>,
) -> Family {
    Family { name, fate, sizes, large, make }
}

fn after(head: &str, rest: &str) -> Vec<u8> {
    format!("{head}{rest}").into_bytes()
}

fn many(head: &str, count: usize, mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut text = head.to_owned();
    for at in 0..count {
        text.push_str(&line(at));
    }
    text.into_bytes()
}

/// Mappings or lists in one another, each line one blank deeper.
fn nested_block(head: &str, depth: usize, start: &str) -> Vec<u8> {
    let mut text = format!("{head}x:\n");
    for at in 1..=depth {
        writeln!(text, "{}{start}", " ".repeat(at)).unwrap();
    }
    text.into_bytes()
}

/// Anchors of which each names the one before several times.
fn bomb(head: &str, levels: usize, merge: bool) -> Vec<u8> {
    let mut text = format!("{head}a0: &a0 {{k: v}}\n");
    for level in 1..=levels {
        let alias = format!("*a{}", level - 1);
        let list = [alias.as_str(); 9].join(", ");
        if merge {
            writeln!(text, "a{level}: &a{level} {{<<: [{list}], k{level}: {alias}}}")
        } else {
            writeln!(text, "a{level}: &a{level} [{list}]")
        }
        .unwrap();
    }
    text.into_bytes()
}

fn wide(text: &[u8], unit: usize, little: bool) -> Vec<u8> {
    let chars = std::str::from_utf8(text).unwrap().chars();
    let mut out = Vec::new();
    for c in std::iter::once('\u{feff}').chain(chars) {
        let bytes = u32::from(c).to_be_bytes();
        let mut bytes = bytes[4 - unit..].to_vec();
        if little {
            bytes.reverse();
        }
        out.extend(bytes);
    }
    out
}

const SMALL: (&[usize], &[usize]) = (&[1, 7, 300], &[]);
const ONCE: (&[usize], &[usize]) = (&[1], &[]);

/// What stands at the end of a text, and makes it unreadable or odd.
const TAILS: [(&str, Fate, &str); 56] = [
    ("an open double quote", Refused, "x: \"abc\n"),
    ("an open single quote", Refused, "x: 'abc\n"),
    ("an open list", Refused, "x: [a, b\n"),
    ("an open mapping", Refused, "x: {a: b\n"),
    ("a closing bracket too many", Refused, "x: [a]]\n"),
    ("brackets crossed", Refused, "x: [{a: b]}\n"),
    ("only commas", Refused, "x: [,,]\n"),
    ("an alias that nothing carries", Refused, "x: *gone\n"),
    ("an alias of itself", Refused, "x: &a [*b]\n"),
    ("an anchor that holds itself", Edited, "x: &a [b, *a]\n"),
    ("an anchor twice", Edited, "x: &a b\ny: &a c\nz: *a\n"),
    ("an anchor of nothing", Edited, "x: &a\n"),
    ("an anchor without a name", Refused, "x: & b\n"),
    ("two anchors", Refused, "x: &a &b c\n"),
    ("a tag without an end", Refused, "x: !<tag\n"),
    ("a tag of an unknown handle", Refused, "x: !h!y z\n"),
    ("an odd tag", Edited, "x: !local z\n"),
    ("a binary tag", Edited, "x: !!binary aGVsbG8=\n"),
    ("a set", Edited, "x: !!set {a, b}\n"),
    ("a tab for indentation", Refused, "x:\n\ty: z\n"),
    ("a tab before a comment", Edited, "x: y\t# z\n"),
    ("less indentation", Refused, "x:\n    y: z\n  w: v\n"),
    ("a key that is a list", Edited, "? [a, b]\n: c\n"),
    ("a key that is a mapping", Edited, "? {a: b}\n: c\n"),
    ("a key without a value", Edited, "? a\n"),
    ("an empty key", Edited, ": a\n"),
    ("a key of two lines", Refused, "a\nb: c\n"),
    ("two values on a line", Refused, "x: y: z\n"),
    ("a key twice", Edited, "x: 1\nx: 2\n"),
    ("a merge key of a scalar", Edited, "x: {<<: y}\n"),
    ("a percent sign", Refused, "x: %y\n"),
    ("an at sign", Refused, "x: @y\n"),
    ("a backtick", Refused, "x: `y`\n"),
    ("a bad escape", Refused, "x: \"\\z\"\n"),
    ("half an escape", Refused, "x: \"\\u12\"\n"),
    ("an escape of half a pair", Refused, "x: \"\\ud800\"\n"),
    ("an escape beyond all characters", Refused, "x: \"\\UFFFFFFFF\"\n"),
    ("an escaped NUL", Edited, "x: \"\\0\"\n"),
    ("a block indented by 0", Refused, "x: |0\n y\n"),
    ("a block indented by 9", Edited, "x: |9\n         y\n"),
    ("a block of two chompings", Refused, "x: |+-\n y\n"),
    ("a block with text on its line", Refused, "x: | y\n z\n"),
    ("a block of nothing", Edited, "x: |+\n\n\n"),
    ("a block less deep at its end", Edited, "x: >-\n   y\n\nz: w\n"),
    ("a document end", Edited, "...\n"),
    ("a document start and nothing", Edited, "---\n"),
    ("a document on the line of its start", Edited, "--- {a: b}\n"),
    ("a directive without a document", Refused, "...\n%YAML 1.2\n"),
    ("a version of the future", Either, "...\n%YAML 9.9\n---\na: b\n"),
    ("a directive twice", Refused, "...\n%YAML 1.2\n%YAML 1.2\n---\na: b\n"),
    ("a directive nobody knows", Either, "...\n%FOO bar\n---\na: b\n"),
    ("a handle of a tag", Edited, "...\n%TAG !e! tag:example.com,2000:\n---\na: !e!b c\n"),
    ("a comment without a blank", Either, "x: y#z\n"),
    ("a comment as the end without a line break", Edited, "x: y # z"),
    ("only blanks at the end", Edited, "x: y\n      "),
    ("a value that is a question mark", Refused, "x: ?\n"),
];

/// All of them.
pub(crate) fn families() -> Vec<Family> {
    let mut all = vec![
        family("flow lists in one another", Either, (&[10, 50, 5000], &[100_000]), |head, n| {
            after(head, &format!("x: {}{}\n", "[".repeat(n), "]".repeat(n)))
        }),
        family("flow mappings in one another", Either, (&[10, 50, 5000], &[100_000]), |head, n| {
            after(head, &format!("x: {}{}\n", "{a: ".repeat(n), "}".repeat(n)))
        }),
        family("open brackets alone", Refused, (&[1, 50, 5000], &[1_000_000]), |head, n| {
            after(head, &format!("x: {}\n", "[".repeat(n)))
        }),
        family("lists in one another", Either, (&[10, 100, 1000], &[4000]), |head, n| {
            nested_block(head, n, "-")
        }),
        family("mappings in one another", Either, (&[10, 100, 1000], &[4000]), |head, n| {
            nested_block(head, n, "a:")
        }),
        family("dashes on one line", Either, (&[10, 100, 1000], &[100_000]), |head, n| {
            after(head, &format!("x:\n {}\n", "- ".repeat(n)))
        }),
        family("question marks on one line", Either, (&[10, 100, 1000], &[100_000]), |head, n| {
            after(head, &format!("x:\n {}\n", "? ".repeat(n)))
        }),
        family("an alias bomb", Edited, (&[3, 10, 50], &[1000]), |head, n| bomb(head, n, false)),
        family("a bomb of merge keys", Edited, (&[3, 10, 50], &[1000]), |head, n| {
            bomb(head, n, true)
        }),
        family("many lines", Either, (&[10, 1000], &[100_000, 1_000_000]), |head, n| {
            many(&format!("{head}x:\n"), n, |_| "- a\n".to_owned())
        }),
        family("many keys", Either, (&[10, 1000], &[100_000, 1_000_000]), |head, n| {
            many(head, n, |at| format!("k{at}: v\n"))
        }),
        family("many items in flow", Either, (&[10, 1000], &[100_000, 1_000_000]), |head, n| {
            many(&format!("{head}x: [\n"), n, |_| " a,".to_owned())
                .into_iter()
                .chain(*b"\n ]\n")
                .collect()
        }),
        family("one key many times", Either, (&[10, 1000], &[100_000]), |head, n| {
            many(head, n, |_| "k: v\n".to_owned())
        }),
        family("many documents", Either, (&[10, 1000], &[100_000, 200_000]), |head, n| {
            many(head, n, |_| "---\na: b\n".to_owned())
        }),
        family("many empty documents", Either, (&[10, 1000], &[100_000, 400_000]), |head, n| {
            many(head, n, |_| "---\n".to_owned())
        }),
        family("many blank lines", Either, (&[10, 1000], &[900_000, 8_000_000]), |head, n| {
            many(head, n, |_| "\n".to_owned())
        }),
        family("many comments", Either, (&[10, 1000], &[100_000, 1_000_000]), |head, n| {
            many(head, n, |_| "# a comment of a line\n".to_owned())
        }),
        family("a long comment", Either, (&[10, 100_000], &[8 << 20, 64 << 20]), |head, n| {
            after(head, &format!("# {}\n", "a".repeat(n)))
        }),
        family("a long plain scalar", Either, (&[10, 100_000], &[2 << 20, 64 << 20]), |head, n| {
            after(head, &format!("x: {}\n", "a".repeat(n)))
        }),
        family(
            "a long quoted scalar",
            Either,
            (&[10, 100_000], &[8 << 20, 64 << 20]),
            |head, n| after(head, &format!("x: '{}'\n", "a".repeat(n))),
        ),
        family("a long scalar of escapes", Either, (&[10, 10_000], &[1 << 20]), |head, n| {
            after(head, &format!("x: \"{}\"\n", "\\x41".repeat(n)))
        }),
        family("a long block", Either, (&[10, 1000], &[100_000, 1_000_000]), |head, n| {
            many(&format!("{head}x: |\n"), n, |_| "  some text in a line\n".to_owned())
        }),
        family("a long folded block", Either, (&[10, 1000], &[100_000]), |head, n| {
            many(&format!("{head}x: >\n"), n, |_| "  some text in a line\n".to_owned())
        }),
        family("a long key", Either, (&[10, 1000, 100_000], &[2 << 20]), |head, n| {
            after(head, &format!("{}: v\n", "k".repeat(n)))
        }),
        family("a long anchor", Either, (&[10, 1000, 100_000], &[2 << 20]), |head, n| {
            after(head, &format!("x: &{0} v\ny: *{0}\n", "a".repeat(n)))
        }),
        family("a long tag", Either, (&[10, 1000, 100_000], &[2 << 20]), |head, n| {
            after(head, &format!("x: !{} v\n", "t".repeat(n)))
        }),
        family("many anchors", Either, (&[10, 1000], &[50_000, 200_000]), |head, n| {
            many(&format!("{head}x:\n"), n, |at| format!("- &a{at} v\n- *a{at}\n"))
        }),
        family("a number of many digits", Either, (&[10, 1000, 100_000], &[2 << 20]), |head, n| {
            after(head, &format!("x: {}\n", "9".repeat(n)))
        }),
        family("a version of many digits", Refused, SMALL, |head, n| {
            after(&head.replace("v1", &"9".repeat(n * 200)), "x: [\n")
        }),
        family("cures a line", Either, (&[3, 10, 100], &[20_000]), |head, n| {
            many(head, n, |at| format!("k{at}: [\na,\n]\n"))
        }),
        family("tabs that are cured", Either, (&[3, 10, 100], &[20_000]), |head, n| {
            many(head, n, |at| format!("k{at}:\tv\n"))
        }),
        family("bytes that are no UTF-8", Refused, SMALL, |head, n| {
            [head.as_bytes(), b"# ", &vec![0xff; n]].concat()
        }),
        family("half a character", Refused, ONCE, |head, _| {
            [head.as_bytes(), b"x: \xe2\x82"].concat()
        }),
        family("a surrogate", Refused, ONCE, |head, _| {
            [head.as_bytes(), b"x: \xed\xa0\x80\n"].concat()
        }),
        family("overlong", Refused, ONCE, |head, _| [head.as_bytes(), b"x: \xc0\xaf\n"].concat()),
        family("NUL", Refused, SMALL, |head, n| after(head, &format!("x: {}\n", "\0".repeat(n)))),
        family("NUL at the end", Refused, ONCE, |head, _| after(head, "\0")),
        family("UTF-16LE", Refused, ONCE, |head, _| wide(head.as_bytes(), 2, true)),
        family("UTF-16BE", Refused, ONCE, |head, _| wide(head.as_bytes(), 2, false)),
        family("UTF-32LE", Refused, ONCE, |head, _| wide(head.as_bytes(), 4, true)),
        family("UTF-32BE", Refused, ONCE, |head, _| wide(head.as_bytes(), 4, false)),
        family("a byte order mark", Edited, ONCE, |head, _| after("\u{feff}", head)),
        family("two byte order marks", Either, ONCE, |head, _| after("\u{feff}\u{feff}", head)),
        family("a byte order mark inside", Either, ONCE, |head, _| after(head, "x: \u{feff}y\n")),
        family("CRLF", Edited, ONCE, |head, _| head.replace('\n', "\r\n").into_bytes()),
        family("lone CR", Edited, ONCE, |head, _| head.replace('\n', "\r").into_bytes()),
        family("mixed ends of lines", Edited, SMALL, |head, n| {
            after(head, &"a: b\r\nc: d\r# e\n\r\n".repeat(n.min(1)))
        }),
        family("U+2028", Either, SMALL, |head, n| {
            after(head, &format!("x: a{}b\n", "\u{2028}".repeat(n)))
        }),
        family("U+2029", Either, SMALL, |head, n| {
            after(head, &format!("x: a{}b\n", "\u{2029}".repeat(n)))
        }),
        family("U+0085", Either, SMALL, |head, n| {
            after(head, &format!("x: a{}b\n", "\u{85}".repeat(n)))
        }),
        family("U+2028 in a comment", Either, ONCE, |head, _| after(head, "# a\u{2028}x: y\n")),
        family("control characters", Refused, ONCE, |head, _| after(head, "x: \u{1b}[31m\n")),
        family("DEL", Either, ONCE, |head, _| after(head, "x: a\u{7f}b\n")),
        family("bidi", Edited, ONCE, |head, _| after(head, "x: a\u{202e}b\n")),
        family("no characters", Refused, ONCE, |_, _| Vec::new()),
        family("blanks alone", Refused, SMALL, |_, n| " ".repeat(n).into_bytes()),
        family("a scalar alone", Refused, ONCE, |_, _| b"v1\n".to_vec()),
        family("noise", Either, (&[10, 100, 1000, 10_000], &[]), |head, n| {
            let mut seed = u64::try_from(n).unwrap();
            let noise = (0..n).map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                b"[]{}:,-?&*!|>'\"%@`#ab \n\t"[usize::try_from(seed >> 33).unwrap() % 24]
            });
            head.bytes().chain(noise).collect()
        }),
    ];
    all.extend(TAILS.iter().map(|(name, fate, _)| Family {
        name,
        fate: *fate,
        sizes: &[1],
        large: &[],
        make: |head, _| head.as_bytes().to_vec(),
    }));
    all
}

/// The text of a family, which may be one of a tail.
pub(crate) fn text(family: &Family, head: &str, size: usize) -> Vec<u8> {
    let mut text = (family.make)(head, size);
    if let Some((_, _, tail)) = TAILS.iter().find(|(name, ..)| *name == family.name) {
        text.extend(tail.bytes());
    }
    text
}
