//! All that an image is made of.

use std::collections::{BTreeMap, BTreeSet};

use super::super::RegistryError;
use super::super::manifest::{Descriptor, LARGEST, MOST, Manifest, Points};
use super::super::session::Session;
use crate::model::Digest;

/// Indexes in indexes.
const DEEPEST: usize = 4;

/// Bytes of all manifests of an image, which are held at once.
const MOST_BYTES: usize = 16 << 20;

/// What an image is made of.
pub(super) struct Graph {
    /// What is pointed at comes before what points at it.
    pub(super) manifests: Vec<Manifest>,
    pub(super) blobs: BTreeMap<Digest, Descriptor>,
    pub(super) notes: Vec<String>,
}

/// A manifest on the way down, and what it points at that is not read yet.
struct Open {
    manifest: Manifest,
    below: Vec<Descriptor>,
}

/// Reads all manifests below one, and that one.
pub(super) async fn below(source: &Session, root: Manifest) -> Result<Graph, RegistryError> {
    let mut graph = Graph { manifests: Vec::new(), blobs: BTreeMap::new(), notes: Vec::new() };
    let mut seen = BTreeSet::from([root.digest.clone()]);
    let mut bytes = root.bytes.len();
    let mut open = vec![graph.open(source, root)?];
    while let Some(last) = open.last_mut() {
        // Done with all that is below it, also where others share a part of that.
        let Some(next) = last.below.pop() else {
            graph.manifests.extend(open.pop().map(|done| done.manifest));
            continue;
        };
        if !seen.insert(next.digest.clone()) {
            continue;
        }
        let what = source.shown(last.manifest.digest.as_str());
        let child = child(source, &next).await?;
        bytes += child.bytes.len();
        if open.len() > DEEPEST || seen.len() > MOST || bytes > MOST_BYTES {
            return Err(source.wrong(&what, "it has too much below it"));
        }
        open.push(graph.open(source, child)?);
    }
    Ok(graph)
}

/// A manifest that another one points at.
pub(super) async fn child(
    source: &Session,
    descriptor: &Descriptor,
) -> Result<Manifest, RegistryError> {
    let what = source.shown(descriptor.digest.as_str());
    if descriptor.size > LARGEST as u64 {
        return Err(source.wrong(&what, &format!("it has more than {LARGEST} bytes")));
    }
    let child = source.manifest(descriptor.digest.as_str()).await?;
    if child.bytes.len() as u64 != descriptor.size {
        return Err(source.wrong(&what, "its size is another"));
    }
    Ok(child)
}

impl Graph {
    /// Takes the blobs of a manifest, and what else it points at.
    fn open(&mut self, source: &Session, manifest: Manifest) -> Result<Open, RegistryError> {
        let below = match &manifest.points {
            Points::Manifests(list) => list.iter().rev().cloned().collect(),
            Points::Blobs { config, layers } => {
                self.add(source, config)?;
                layers.iter().try_for_each(|layer| self.add(source, layer))?;
                Vec::new()
            }
        };
        Ok(Open { manifest, below })
    }

    fn add(&mut self, source: &Session, blob: &Descriptor) -> Result<(), RegistryError> {
        if blob.media_type.contains("nondistributable") || blob.media_type.contains("foreign") {
            let note =
                format!("{} may not be passed on, and is fetched from elsewhere", blob.digest);
            self.notes.push(note);
            return Ok(());
        }
        match self.blobs.get(&blob.digest) {
            Some(before) if before.size != blob.size => {
                let what = source.shown(blob.digest.as_str());
                Err(source.wrong(&what, "it is given two sizes"))
            }
            Some(_) => Ok(()),
            None => {
                self.blobs.insert(blob.digest.clone(), blob.clone());
                Ok(())
            }
        }
    }
}
