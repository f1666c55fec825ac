//! How a status is written down: those of its rows that people see first, and
//! then the others in leaves, by the names of their apps. Each part has a
//! checksum of its own: what is not asked for is not read, and a leaf of which
//! no app changed goes on as it is.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::git::ObjectId;
use crate::model::{EnvironmentName, hex};
use crate::report::{StatusReport, StatusRow};

use super::super::super::Context;
use super::rows::Rows;
use super::{Environments, Rules, Whole};

/// How many leaves there are; of less than 256 a byte tells which one.
const LEAVES: u8 = 64;

/// What all rows have in common.
#[derive(Clone, Serialize, Deserialize)]
struct Common {
    base: String,
    rules: Rules,
    environments: Vec<(String, Vec<String>)>,
    unread: Vec<String>,
    notes: Vec<String>,
}

/// What people see first, and what is behind it.
#[derive(Serialize, Deserialize)]
struct Head {
    common: Common,
    /// The rows in which something differs.
    rows: Rows,
    /// Of each leaf how many rows it has, and how many bytes.
    leaves: Vec<(usize, usize)>,
}

/// Some of the other rows, with their checksum.
struct Leaf<'a> {
    rows: usize,
    bytes: Cow<'a, [u8]>,
}

/// A status as it is kept, of which no leaf was looked at yet.
pub(in super::super) struct Form<'a> {
    common: Common,
    environments: Environments,
    /// The rows in which something differs.
    rows: Vec<StatusRow>,
    leaves: Vec<Leaf<'a>>,
}

impl<'a> Form<'a> {
    /// What these bytes hold, if their head is whole and of this commit.
    pub(in super::super) fn of(
        context: &Context,
        bytes: &'a [u8],
        commit: ObjectId,
    ) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let (head, mut rest) = rest.split_at_checked(length)?;
        let Head { common, rows, leaves } = open(head)?;
        if commit != *common.base || leaves.len() != usize::from(LEAVES) {
            return None;
        }
        let leaf = |(rows, length): (usize, usize)| {
            let (bytes, behind) = rest.split_at_checked(length)?;
            rest = behind;
            Some(Leaf { rows, bytes: Cow::Borrowed(bytes) })
        };
        let leaves = leaves.into_iter().map(leaf).collect::<Option<Vec<_>>>()?;
        let environments = named(&common.environments);
        let rows = rows.unpacked(context, &environments)?;
        Some(Self { common, environments, rows, leaves })
    }

    /// What its rows follow from.
    pub(in super::super) fn rules(&self) -> &Rules {
        &self.common.rules
    }

    /// Whether every file could be read, without a remark.
    pub(in super::super) fn is_plain(&self) -> bool {
        self.common.unread.is_empty() && self.common.notes.is_empty()
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.others()
    }

    /// How many cells these have.
    pub(super) fn cells(&self) -> usize {
        self.len() * self.environments.len()
    }

    fn others(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.rows).sum()
    }

    /// The rows that people see first.
    pub(super) fn brief(self, context: &Context) -> Whole {
        let left_out = self.others();
        let Self { common, environments, rows, .. } = self;
        whole(context, common, (environments, rows, left_out))
    }

    /// Every row, where each leaf is as it was written.
    pub(super) fn whole(self, context: &Context) -> Option<Whole> {
        let Self { common, environments, mut rows, leaves } = self;
        for leaf in &leaves {
            rows.extend(leaf.open(context, &environments)?);
        }
        in_order(&mut rows);
        Some(whole(context, common, (environments, rows, 0)))
    }

    /// The same of another commit, by which nothing changed.
    pub(in super::super) fn moved_to(&mut self, base: ObjectId) {
        self.common.base = base.to_string();
    }

    /// Puts what is said of some apps now in the place of what was said of them;
    /// `None` where a leaf does not tell what that was.
    pub(in super::super) fn renew(
        &mut self,
        context: &Context,
        (new, apps): (Whole, &BTreeSet<String>),
    ) -> Option<()> {
        let Whole { report, unread, notes } = new;
        (self.common.unread, self.common.notes) = (unread, notes);
        let stays = |row: &StatusRow| !apps.contains(&row.app.name);
        let mut changed: BTreeMap<usize, Vec<StatusRow>> =
            apps.iter().map(|app| (leaf_of(app), Vec::new())).collect();
        self.rows.retain(stays);
        for row in report.rows {
            if row.differs() {
                self.rows.push(row);
            } else {
                changed.entry(leaf_of(&row.app.name)).or_default().push(row);
            }
        }
        in_order(&mut self.rows);
        for (at, new) in changed {
            let leaf = self.leaves.get_mut(at)?;
            let mut rows = leaf.open(context, &self.environments)?;
            rows.retain(stays);
            rows.extend(new);
            in_order(&mut rows);
            *leaf = Leaf::of(&rows)?;
        }
        Some(())
    }

    /// What is written of it.
    pub(super) fn parts(&self) -> Option<Vec<Cow<'_, [u8]>>> {
        let head = head(self.common.clone(), &self.rows, &self.leaves)?;
        let leaves = self.leaves.iter().map(|leaf| Cow::Borrowed(&*leaf.bytes));
        Some(std::iter::once(Cow::Owned(head)).chain(leaves).collect())
    }
}

impl Leaf<'_> {
    fn of<'r>(rows: impl IntoIterator<Item = &'r StatusRow>) -> Option<Self> {
        let rows = Rows::packed(rows);
        Some(Self { rows: rows.len(), bytes: Cow::Owned(closed(&rows)?) })
    }

    fn open(&self, context: &Context, environments: &Environments) -> Option<Vec<StatusRow>> {
        let rows: Rows = open(&self.bytes)?;
        if rows.len() == self.rows { rows.unpacked(context, environments) } else { None }
    }
}

/// In which leaf the rows of an app are.
fn leaf_of(app: &str) -> usize {
    let first = Sha256::digest(app).first().copied().unwrap_or_default();
    usize::from(first % LEAVES)
}

fn in_order(rows: &mut [StatusRow]) {
    rows.sort_by(|a, b| (&a.app, &a.image).cmp(&(&b.app, &b.image)));
}

fn named(environments: &[(String, Vec<String>)]) -> Environments {
    let from = |names: &[String]| names.iter().map(EnvironmentName::new).collect();
    environments.iter().map(|(name, names)| (EnvironmentName::new(name), from(names))).collect()
}

fn whole(
    context: &Context,
    Common { unread, notes, .. }: Common,
    (environments, rows, left_out): (Environments, Vec<StatusRow>, usize),
) -> Whole {
    let (live, forge, now) = (None, None, context.now);
    let report = StatusReport { environments, rows, left_out, live, forge, now };
    Whole { report, unread, notes }
}

/// A part with its checksum before it.
fn closed(part: &impl Serialize) -> Option<Vec<u8>> {
    let mut bytes = vec![b'0'; sum(b"").len()];
    serde_json::to_writer(&mut bytes, part).ok()?;
    let (told, body) = bytes.split_at_mut_checked(sum(b"").len())?;
    told.copy_from_slice(sum(body).as_bytes());
    Some(bytes)
}

fn open<T: DeserializeOwned>(part: &[u8]) -> Option<T> {
    let (told, body) = part.split_at_checked(sum(b"").len())?;
    if sum(body).as_bytes() != told {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// SHA-256 in hexadecimal digits.
pub(super) fn sum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The first part, behind its length.
fn head<'r>(
    common: Common,
    rows: impl IntoIterator<Item = &'r StatusRow>,
    leaves: &[Leaf<'_>],
) -> Option<Vec<u8>> {
    let leaves = leaves.iter().map(|leaf| (leaf.rows, leaf.bytes.len())).collect();
    let head = closed(&Head { common, rows: Rows::packed(rows), leaves })?;
    let length = u64::try_from(head.len()).ok()?.to_be_bytes();
    Some([&length[..], &head].concat())
}

/// What is written of a status.
pub(super) fn pack(base: ObjectId, rules: Rules, whole: &Whole) -> Option<Vec<Cow<'static, [u8]>>> {
    let names = |names: &[EnvironmentName]| names.iter().map(ToString::to_string).collect();
    let environments = whole.report.environments.iter();
    let common = Common {
        base: base.to_string(),
        rules,
        environments: environments.map(|(name, from)| (name.to_string(), names(from))).collect(),
        unread: whole.unread.clone(),
        notes: whole.notes.clone(),
    };
    let (differing, others): (Vec<_>, Vec<_>) =
        whole.report.rows.iter().partition(|row| row.differs());
    let mut leaves: Vec<Vec<&StatusRow>> = (0..LEAVES).map(|_| Vec::new()).collect();
    for row in others {
        leaves.get_mut(leaf_of(&row.app.name))?.push(row);
    }
    let leaves = leaves.into_iter().map(Leaf::of).collect::<Option<Vec<_>>>()?;
    let head = Cow::Owned(head(common, differing, &leaves)?);
    Some(std::iter::once(head).chain(leaves.into_iter().map(|leaf| leaf.bytes)).collect())
}
