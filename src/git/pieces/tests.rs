//! What deltas make, against what plain reading says.

use gix::hash::Kind;

use super::{Tree, decode};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

type Entry = (String, bool, u8);

/// Names that look like what stands between entries, too.
fn names() -> Vec<String> {
    let odd = ["a", "a.b", "a-b", "a0", "100644 a", "x100644 a", "40000 b", "x40000 b", "b", "c d"];
    let plain = (0..90).map(|at| format!("app-{at}"));
    odd.iter().map(|name| (*name).to_owned()).chain(plain).collect()
}

/// The bytes of a tree of these entries, in git's order.
fn bytes_of(entries: &[Entry]) -> Vec<u8> {
    let mut sorted: Vec<(Vec<u8>, &Entry)> = entries
        .iter()
        .map(|entry| ([entry.0.as_bytes(), if entry.1 { b"/" } else { b"" }].concat(), entry))
        .collect();
    sorted.sort();
    let mut bytes = Vec::new();
    for (_, (name, is_tree, id)) in sorted {
        bytes.extend_from_slice(if *is_tree { b"40000 " } else { b"100644 " });
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        // Ids with zeros and with text in them.
        let mut object = [*id; 20];
        object[3] = 0;
        object[5..16].copy_from_slice(b"100644 a\0zz");
        bytes.extend_from_slice(&object);
    }
    bytes
}

fn changed(entries: &[Entry], dice: &mut Dice) -> Vec<Entry> {
    let names = names();
    let mut entries = entries.to_vec();
    for _ in 0..=dice.roll(4) {
        let name = &names[dice.roll(names.len())];
        let there = entries.iter().position(|entry| entry.0 == *name);
        match (there, dice.roll(3)) {
            (Some(at), 0) => drop(entries.remove(at)),
            (Some(at), 1) => entries[at].2 = u8::try_from(dice.roll(200)).unwrap(),
            (Some(at), _) => entries[at].1 = !entries[at].1,
            (None, _) => entries.push((name.clone(), dice.roll(2) == 0, 9)),
        }
    }
    entries
}

fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = value > 0x7f;
        bytes.push(u8::try_from(value & 0x7f).unwrap() | if more { 0x80 } else { 0 });
        value >>= 7;
        if !more {
            return bytes;
        }
    }
}

/// A delta that copies what it finds, from wherever it finds it.
fn delta(base: &[u8], target: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = [number(base.len()), number(target.len())].concat();
    let mut at = 0;
    while at < target.len() {
        let least = 1 + dice.roll(40);
        let most = least + dice.roll(3_000);
        let start = target.get(at..at + least).and_then(|part| {
            let found: Vec<usize> = memchr::memmem::find_iter(base, part).collect();
            (!found.is_empty()).then(|| found[dice.roll(found.len())])
        });
        if let Some(start) = start {
            let same = base[start..].iter().zip(&target[at..]).take_while(|(a, b)| a == b).count();
            let length = same.min(most);
            bytes.push(0xb3);
            bytes.extend([start & 0xff, start >> 8].map(|byte| u8::try_from(byte).unwrap()));
            bytes.extend([length & 0xff, length >> 8].map(|byte| u8::try_from(byte).unwrap()));
            at += length;
        } else {
            let length = least.min(target.len() - at);
            bytes.push(u8::try_from(length).unwrap());
            bytes.extend_from_slice(&target[at..at + length]);
            at += length;
        }
    }
    bytes
}

fn entries_of(tree: &[u8]) -> Vec<(String, String)> {
    gix::objs::TreeRefIter::from_bytes(tree, Kind::Sha1)
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.filename.to_string(), format!("{:o} {}", entry.mode, entry.oid))
        })
        .collect()
}

/// What differs, as a list of names, by plain reading.
fn plainly(old: &[u8], new: &[u8]) -> Vec<String> {
    let (old, new) = (entries_of(old), entries_of(new));
    let gone = old.iter().filter(|entry| !new.contains(entry));
    let come = new.iter().filter(|entry| !old.contains(entry));
    let mut names: Vec<String> = gone.chain(come).map(|(name, _)| name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn what_a_delta_makes_is_what_it_says() {
    for seed in 0..20 {
        let dice = &mut Dice(seed);
        let mut entries: Vec<Entry> = Vec::new();
        for name in names() {
            if dice.roll(4) > 0 {
                entries.push((name, dice.roll(2) == 0, 1));
            }
        }
        let mut bytes = bytes_of(&entries);
        let mut tree = Tree::whole(bytes.clone(), Kind::Sha1);
        for _ in 0..30 {
            entries = changed(&entries, dice);
            let next = bytes_of(&entries);
            let delta = delta(&bytes, &next, dice);
            let derived = tree.derive(&delta).unwrap();
            assert!(derived.bytes() == next, "seed {seed}");
            for name in names() {
                let found = derived.find(&name).unwrap().map(|entry| entry.oid.to_owned());
                let plain = entries_of(&next).into_iter().find(|entry| entry.0 == name);
                let plain = plain.map(|(_, what)| what.split(' ').nth(1).unwrap().to_owned());
                assert_eq!(found.map(|id| id.to_string()), plain, "seed {seed}, {name}");
            }
            let mut differing: Vec<String> = tree
                .differences(&derived)
                .unwrap()
                .into_iter()
                .filter(|(old, new)| old != new)
                .map(|(old, new)| new.or(old).unwrap().filename.to_string())
                .collect();
            differing.sort();
            differing.dedup();
            assert_eq!(differing, plainly(&bytes, &next), "seed {seed}");
            (tree, bytes) = (derived, next);
        }
    }
}

#[test]
fn a_broken_delta_makes_nothing_or_what_it_says() {
    let dice = &mut Dice(7);
    let entries: Vec<Entry> = names().into_iter().map(|name| (name, false, 3)).collect();
    let base = bytes_of(&entries);
    let target = bytes_of(&changed(&entries, dice));
    let tree = Tree::whole(base.clone(), Kind::Sha1);
    let sound = delta(&base, &target, dice);
    for _ in 0..5_000 {
        let mut broken = sound.clone();
        let at = dice.roll(broken.len());
        broken[at] ^= 1 << dice.roll(8);
        broken.truncate(broken.len() - dice.roll(2) * dice.roll(20));
        let Some(made) = tree.derive(&broken) else { continue };
        // Whatever came out is a tree: each byte belongs to an entry.
        let bytes = made.bytes().into_owned();
        assert_eq!(bytes.len(), made.len());
        let count = entries_of(&bytes).len();
        let pieces = made.pieces().unwrap();
        assert_eq!(pieces.iter().map(|piece| piece.what.len()).sum::<usize>(), count);
    }
}

#[test]
fn a_tree_of_many_pieces_is_put_together() {
    let many: Vec<Entry> = (0..5_000).map(|at| (format!("app-{at:05}"), true, 1)).collect();
    let base = bytes_of(&many);
    let tree = Tree::whole(base.clone(), Kind::Sha1);
    let of = |step: usize| {
        let other = many.iter().enumerate();
        let other = other.map(|(at, (name, is_tree, _))| {
            (name.clone(), *is_tree, if at % step == 0 { 2 } else { 1 })
        });
        bytes_of(&other.collect::<Vec<_>>())
    };
    let length = base.len() / 5_000;
    let by_entry = |target: &[u8], step: usize| {
        let mut delta = [number(base.len()), number(target.len())].concat();
        for (at, entry) in target.chunks(length).enumerate() {
            if at % step == 0 {
                delta.push(u8::try_from(length).unwrap());
                delta.extend_from_slice(entry);
            } else {
                let start = u32::try_from(at * length).unwrap().to_le_bytes();
                delta.push(0x97);
                delta.extend_from_slice(&start[..3]);
                delta.push(u8::try_from(length).unwrap());
            }
        }
        delta
    };
    let few = tree.derive(&by_entry(&of(100), 100)).unwrap();
    assert!(!few.whole && few.bytes() == of(100));
    let more = tree.derive(&by_entry(&of(7), 7)).unwrap();
    assert!(more.whole && more.bytes() == of(7));
    assert!(tree.derive(&by_entry(&of(2), 2)).is_none());
    assert!(decode(&base, Kind::Sha1).is_none());
}

#[test]
fn a_tree_that_is_not_sorted_is_searched_from_the_start() {
    let entry = |mode: &str, name: &str, id: u8| {
        [format!("{mode} {name}\0").as_bytes(), &[id; 20]].concat()
    };
    let bytes =
        [entry("100644", "b", 1), entry("100644", "a", 2), entry("100644", "b", 3)].concat();
    let tree = Tree::whole(bytes, Kind::Sha1);
    assert_eq!(tree.find("a").unwrap().unwrap().oid.as_bytes(), [2; 20]);
    assert_eq!(tree.find("b").unwrap().unwrap().oid.as_bytes(), [1; 20]);
    assert!(tree.find("c").unwrap().is_none());
    // A name that holds the start of another entry is a name.
    let bytes = [entry("40000", "a40000 web", 1), entry("40000", "web", 2)].concat();
    let tree = Tree::whole(bytes, Kind::Sha1);
    assert_eq!(tree.find("web").unwrap().unwrap().oid.as_bytes(), [2; 20]);
    assert!(Tree::whole(b"100644 a\0short".to_vec(), Kind::Sha1).find("a").is_err());
}
