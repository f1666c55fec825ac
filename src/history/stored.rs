//! A history as bytes, to be kept and read again.
//!
//! What is read may be anything: a file that was cut off, of another program,
//! of another repository. A checksum over all of it comes first, and what does
//! not hold together is no history.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::audit::{ClaimedApp, Said, Waiver};
use crate::model::{AppId, EnvironmentName, Pin, RepoPath};

use super::{Moment, Place, Shift, Step};

/// What a file begins with; another layout of the bytes gets another number.
const MAGIC: &[u8] = b"git-promote history 1\n";

/// The bytes of a SHA-256.
const SUM: usize = 32;

/// A history that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The commit that it was told from.
    pub tip: String,
    /// Files that could not be read at the tip: what they held last is not
    /// known from here.
    pub unread: Vec<RepoPath>,
    /// Its steps, newest first.
    pub steps: Vec<Step>,
}

/// Writes a history.
pub fn encode(stored: &Stored) -> Vec<u8> {
    let mut body = Writer::default();
    body.text(&stored.tip);
    body.list(&stored.unread, |out, path| out.text(path.as_str()));
    let mut tables = Tables::default();
    let mut rest = Writer::default();
    rest.list(&stored.steps, |out, step| tables.step(out, step));
    body.list(&tables.texts.all, |out, text| out.text(text));
    body.list(&tables.places.all, |out, place| {
        let text = |text: &Option<String>| text.clone();
        out.text(place.environment.as_str());
        out.text(place.path.as_str());
        out.maybe(text(&place.group).as_deref());
        out.number(u64::from(place.app.is_some()));
        let Some(app) = &place.app else { return };
        out.text(&app.name);
        out.maybe(app.group.as_deref());
        let labels: Vec<(&String, &String)> = app.labels.iter().collect();
        out.list(&labels, |out, (key, value)| {
            out.text(key);
            out.text(value);
        });
    });
    body.bytes.extend(rest.bytes);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(Sha256::digest(&body.bytes));
    bytes.extend(body.bytes);
    bytes
}

/// Reads a history; `None` where it is not one that was written as a whole.
pub fn decode(bytes: &[u8]) -> Option<Stored> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (sum, body) = rest.split_at_checked(SUM)?;
    if Sha256::digest(body).as_slice() != sum {
        return None;
    }
    let input = &mut Input { rest: body };
    let tip = input.text()?.to_owned();
    let unread = input.list(|input| RepoPath::normalize(input.text()?))?;
    let texts: Vec<Arc<str>> = input.list(|input| input.text().map(Arc::from))?;
    let places = input.list(place)?;
    let mut pins = HashMap::new();
    let steps = input.list(|input| step(input, (&texts, &places), &mut pins))?;
    input.rest.is_empty().then_some(Stored { tip, unread, steps })
}

/// Values that occur again and again, each once.
struct Table<T> {
    all: Vec<T>,
    at: HashMap<T, u64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { all: Vec::new(), at: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn place<Q>(&mut self, value: &Q) -> u64
    where
        T: Borrow<Q>,
        Q: ToOwned<Owned = T> + Eq + Hash + ?Sized,
    {
        if let Some(at) = self.at.get(value) {
            return *at;
        }
        let next = u64::try_from(self.all.len()).unwrap_or(u64::MAX);
        self.all.push(value.to_owned());
        self.at.insert(value.to_owned(), next);
        next
    }
}

#[derive(Default)]
struct Tables {
    texts: Table<String>,
    places: Table<Arc<Place>>,
}

impl Tables {
    fn text(&mut self, out: &mut Writer, text: &str) {
        out.number(self.texts.place(text));
    }

    /// Zero for none.
    fn maybe(&mut self, out: &mut Writer, text: Option<&str>) {
        out.number(text.map_or(0, |text| self.texts.place(text) + 1));
    }

    fn step(&mut self, out: &mut Writer, step: &Step) {
        out.text(&step.moment.commit);
        out.number(step.moment.seconds.cast_unsigned());
        self.text(out, &step.moment.author);
        match &step.claims {
            None => out.number(0),
            Some(claims) => {
                out.number(1 + u64::from(claims.rollback));
                self.text(out, &claims.to);
                self.maybe(out, claims.preview.as_deref());
                out.list(&claims.moves, |out, claim| {
                    self.text(out, &claim.name);
                    self.text(out, &claim.previous);
                    self.text(out, &claim.version);
                });
                out.list(&claims.waivers, |out, waiver| {
                    self.text(out, &waiver.rule.to_string());
                    self.text(out, &waiver.reason);
                });
            }
        }
        out.list(&step.shifts, |out, shift| {
            out.number(self.places.place(&shift.place));
            self.text(out, &shift.image);
            self.maybe(out, shift.policy.as_deref());
            self.maybe(out, shift.repository.as_deref());
            out.list(&shift.before, |out, pin| self.text(out, &pin.to_string()));
            out.list(&shift.after, |out, pin| self.text(out, &pin.to_string()));
        });
    }
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            if number == 0 {
                return self.bytes.push(low);
            }
            self.bytes.push(low | 0x80);
        }
    }

    fn text(&mut self, text: &str) {
        self.number(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.bytes.extend(text.as_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.number(u64::try_from(items.len()).unwrap_or(u64::MAX));
        for item in items {
            write(self, item);
        }
    }
}

/// What is read does not hold together.
struct Broken;

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }

    fn maybe(&mut self) -> Result<Option<&'a str>, Broken> {
        match self.number().ok_or(Broken)? {
            0 => Ok(None),
            1 => self.text().map(Some).ok_or(Broken),
            _ => Err(Broken),
        }
    }

    /// An item takes a byte at least, so a length beyond the rest is none.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = usize::try_from(self.number()?).ok()?;
        let mut items = Vec::with_capacity(length.min(self.rest.len()));
        for _ in 0..length {
            items.push(read(self)?);
        }
        Some(items)
    }
}

fn place(input: &mut Input<'_>) -> Option<Arc<Place>> {
    let environment = EnvironmentName::new(input.text()?);
    let path = RepoPath::normalize(input.text()?)?;
    let group = input.maybe().ok()?.map(str::to_owned);
    let app = match input.number()? {
        0 => None,
        _ => {
            let name = input.text()?.to_owned();
            let group = input.maybe().ok()?.map(str::to_owned);
            let labels =
                input.list(|input| Some((input.text()?.to_owned(), input.text()?.to_owned())))?;
            let labels: BTreeMap<String, String> = labels.into_iter().collect();
            Some(AppId { name, group, from_marker: false, labels })
        }
    };
    Some(Arc::new(Place { environment, app, group, path }))
}

type Known<'k> = (&'k [Arc<str>], &'k [Arc<Place>]);

fn text(input: &mut Input<'_>, texts: &[Arc<str>]) -> Option<Arc<str>> {
    texts.get(usize::try_from(input.number()?).ok()?).cloned()
}

fn maybe(input: &mut Input<'_>, texts: &[Arc<str>]) -> Result<Option<Arc<str>>, Broken> {
    let number = input.number().ok_or(Broken)?;
    let Some(at) = number.checked_sub(1) else { return Ok(None) };
    let text = usize::try_from(at).ok().and_then(|at| texts.get(at));
    text.cloned().map(Some).ok_or(Broken)
}

fn step(input: &mut Input<'_>, known: Known<'_>, pins: &mut HashMap<u64, Pin>) -> Option<Step> {
    let (texts, places) = known;
    let commit = input.text()?.to_owned();
    let seconds = input.number()?.cast_signed();
    let author = text(input, texts)?.to_string();
    let claims = match input.number()? {
        0 => None,
        mark => Some(Arc::new(claims(input, texts, mark == 2)?)),
    };
    let mut pin = |input: &mut Input<'_>| {
        let at = input.number()?;
        if let Some(pin) = pins.get(&at) {
            return Some(pin.clone());
        }
        let pin: Pin = texts.get(usize::try_from(at).ok()?)?.parse().ok()?;
        pins.insert(at, pin.clone());
        Some(pin)
    };
    let shifts = input.list(|input| {
        Some(Shift {
            place: places.get(usize::try_from(input.number()?).ok()?)?.clone(),
            image: text(input, texts)?,
            policy: maybe(input, texts).ok()?,
            repository: maybe(input, texts).ok()?,
            before: input.list(&mut pin)?,
            after: input.list(&mut pin)?,
        })
    })?;
    let moment = Arc::new(Moment { commit, seconds, author });
    Some(Step { moment, claims, shifts })
}

fn claims(input: &mut Input<'_>, texts: &[Arc<str>], rollback: bool) -> Option<Said> {
    let read = |input: &mut Input<'_>| text(input, texts).map(|text| text.to_string());
    let to = read(input)?;
    let preview = maybe(input, texts).ok()?.map(|text| text.to_string());
    let moves = input.list(|input| {
        let (name, previous, version) = (read(input)?, read(input)?, read(input)?);
        Some(ClaimedApp { name, previous, version })
    })?;
    let waivers = input
        .list(|input| Some(Waiver { rule: read(input)?.parse().ok()?, reason: read(input)? }))?;
    Some(Said { to, moves, waivers, rollback, preview })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;

    fn stored() -> Stored {
        let mut app = AppId::named("web");
        app.labels.insert("cell".to_owned(), "canary".to_owned());
        let place = Arc::new(Place {
            environment: EnvironmentName::new("prod"),
            app: Some(app),
            group: None,
            path: RepoPath::normalize("apps/web/prod").unwrap(),
        });
        let shift = |before: &[&str], after: &[&str]| Shift {
            place: place.clone(),
            image: "acme/web".into(),
            policy: Some("team:web".into()),
            repository: None,
            before: before.iter().map(|pin| pin.parse().unwrap()).collect(),
            after: after.iter().map(|pin| pin.parse().unwrap()).collect(),
        };
        let claims = Said {
            to: "prod".to_owned(),
            moves: vec![ClaimedApp {
                name: "web".into(),
                previous: "v1".into(),
                version: "v2".into(),
            }],
            waivers: vec![Waiver { rule: Rule::GP005, reason: "INC-1".to_owned() }],
            rollback: true,
            preview: None,
        };
        let moment = |commit: &str, seconds| {
            Arc::new(Moment { commit: commit.to_owned(), seconds, author: "Ä".to_owned() })
        };
        let steps = vec![
            Step {
                moment: moment("b", 1_700_000_000),
                claims: Some(Arc::new(claims)),
                shifts: vec![shift(&["v1"], &["v2"])],
            },
            Step { moment: moment("a", -5), claims: None, shifts: vec![shift(&[], &["v1"])] },
        ];
        Stored { tip: "b".to_owned(), unread: vec![RepoPath::normalize("x").unwrap()], steps }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let stored = stored();
        assert_eq!(decode(&encode(&stored)), Some(stored));
    }

    #[test]
    fn nothing_broken_is_read() {
        let whole = encode(&stored());
        for length in 0..whole.len() {
            assert_eq!(decode(whole.get(..length).unwrap()), None, "cut to {length}");
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            *broken.get_mut(at).unwrap() ^= 0x10;
            assert_eq!(decode(&broken), None, "byte {at}");
        }
    }

    #[test]
    fn nonsense_with_a_right_sum_neither_panics_nor_takes_memory() {
        let body = encode(&stored()).split_off(MAGIC.len() + SUM);
        for at in 0..body.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut body = body.clone();
                *body.get_mut(at).unwrap() = value;
                let mut bytes = MAGIC.to_vec();
                bytes.extend(Sha256::digest(&body));
                bytes.extend(&body);
                let _ = decode(&bytes);
            }
        }
    }
}
