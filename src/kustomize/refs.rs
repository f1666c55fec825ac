//! Remote resources of a kustomization, and the revision they name.

use super::EditError;
use super::change::Planned;
use super::file::{File, same_key};
use super::value::{self, Reading};
use crate::model::{EditKind, Pin, RepoPath};
use crate::yaml::{NodeId, Operation};

/// A remote resource with a `ref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefSite {
    /// The file.
    pub path: RepoPath,
    /// 1-based line of the resource.
    pub line: u32,
    /// 1-based column there, in characters.
    pub column: u32,
    /// The field path, such as `resources[0]`.
    pub field: String,
    /// The URL without the `ref`.
    pub url: String,
    /// The revision.
    pub reference: String,
}

/// A resource and where in its value the revision stands.
struct Found {
    node: NodeId,
    text: String,
    start: usize,
    end: usize,
}

/// Every remote resource of a kustomization that names a revision (`?ref=` or
/// `&ref=`). Another file has none.
pub fn refs(path: &RepoPath, bytes: &[u8]) -> Result<Vec<RefSite>, EditError> {
    let named = super::is_kustomization(path.file_name());
    if !named || !bytes.windows(4).any(|window| window == b"ref=") {
        return Ok(Vec::new());
    }
    let file = File::parse(path, bytes)?;
    Ok(find(&file).iter().map(|found| found.site(&file)).collect())
}

fn find(file: &File<'_>) -> Vec<Found> {
    const LISTS: [&str; 3] = ["resources", "bases", "components"];
    let Some(root) = file.root().filter(|_| file.kustomization) else { return Vec::new() };
    let mut found = Vec::new();
    for pair in file.stream.pairs(root) {
        let key = file.stream.value(pair.key).unwrap_or_default();
        if LISTS.iter().any(|list| same_key(list, key)) {
            let items = file.stream.items(pair.value).iter();
            found.extend(items.filter_map(|item| Found::read(file, *item)));
        }
    }
    found
}

impl Found {
    fn read(file: &File<'_>, node: NodeId) -> Option<Self> {
        let Reading::Text(text) = value::read(&file.stream, node) else { return None };
        let query = text.find('?')?;
        let mut start = query + 1;
        for part in text.get(start..)?.split('&') {
            if let Some(reference) = part.strip_prefix("ref=") {
                let start = start + "ref=".len();
                let end = start + reference.len();
                return Some(Self { node, text: text.clone(), start, end });
            }
            start += part.len() + 1;
        }
        None
    }

    fn reference(&self) -> &str {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    /// The URL without the `ref`, and without a `?` that then has nothing behind it.
    fn url(&self) -> String {
        let before = self.text.get(..self.start).unwrap_or_default();
        let before = before.strip_suffix("ref=").unwrap_or(before);
        match self.text.get(self.end..).and_then(|rest| rest.strip_prefix('&')) {
            Some(rest) => format!("{before}{rest}"),
            None => before.strip_suffix(['?', '&']).unwrap_or(before).to_owned(),
        }
    }

    fn site(&self, file: &File<'_>) -> RefSite {
        let at = file.stream.position_of(self.node);
        RefSite {
            path: file.path.clone(),
            line: at.line,
            column: at.column,
            field: file.field(self.node),
            url: self.url(),
            reference: self.reference().to_owned(),
        }
    }
}

/// Plans the change of every `ref` that says `old`.
pub(super) fn set(file: &File<'_>, old: &str, pin: &Pin) -> Result<Vec<Planned>, EditError> {
    let all = find(file);
    if !all.iter().any(|found| found.reference() == old) {
        let mut names: Vec<String> = all.iter().map(|f| f.reference().to_owned()).collect();
        // A second run finds the new revision in place of the old one.
        if pin.tag.as_ref().is_some_and(|tag| names.iter().any(|name| name == tag.as_str())) {
            return Ok(Vec::new());
        }
        names.sort();
        names.dedup();
        return Err(file.not_found(format!("remote resource with `ref={old}`"), names));
    }
    let mut planned = Vec::new();
    for found in all.iter().filter(|found| found.reference() == old) {
        planned.extend(found.plan(file, pin)?);
    }
    Ok(planned)
}

impl Found {
    fn plan(&self, file: &File<'_>, pin: &Pin) -> Result<Option<Planned>, EditError> {
        let Some(tag) = &pin.tag else {
            return Err(file.refuse(self.node, "a `ref` needs a tag, and only a digest is given"));
        };
        if tag.as_str() == self.reference() {
            return Ok(None);
        }
        file.check_tag(self.node)?;
        file.refuse_shared(self.node, None)?;
        let new = format!(
            "{}{tag}{}",
            self.text.get(..self.start).unwrap_or_default(),
            self.text.get(self.end..).unwrap_or_default()
        );
        let operation = if file.stream.scalar(self.node).is_some() {
            let range = self.start..self.end;
            Operation::Part { node: self.node, range, text: tag.to_string() }
        } else {
            Operation::Set { node: self.node, value: new.clone() }
        };
        Ok(Some(Planned {
            operation,
            field: file.field(self.node),
            kind: EditKind::Ref,
            old: Some(self.text.clone()),
            new: Some(new),
        }))
    }
}
