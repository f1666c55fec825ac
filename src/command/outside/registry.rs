//! Registries: whether they have what enters an environment, and who signed it.

use crate::discover::CellKey;
use crate::gate::{Answers, Registered, Silence};
use crate::model::{Digest, Environment, Pin, Promotion};
use crate::plan::Planned;
use crate::registry::{Registries, RepositoryName};

use super::super::Failure;
use super::super::registry::{Places, registries};
use super::{Questions, signature};

/// Asks the registries of the environments that have one, and of what is pinned
/// anew.
pub(super) fn ask(questions: Questions<'_>, answers: &mut Answers) -> Result<(), Failure> {
    let config = questions.ground.config;
    let mut asking: Option<Registries> = None;
    for planned in questions.promotions {
        let Some(environment) = config.environment(planned.promotion.to.as_str()) else { continue };
        if !is_asked(questions, environment, planned) {
            continue;
        }
        let registries = match &asking {
            Some(registries) => registries,
            None => asking.insert(registries(Some(questions.ground.repo))?),
        };
        let places = Places { config, inventory: questions.inventory };
        let one = One { registries, places, promotion: &planned.promotion };
        let key = CellKey::of(&planned.promotion, &planned.promotion.to);
        let heard = one.heard();
        if let Some(signer) = &environment.images.signature {
            let signed = match &heard {
                Ok((registered, at)) => {
                    signature::ask(questions, signer, (at, registered), &planned.promotion)
                }
                Err(silence) => Err(silence.clone()),
            };
            answers.signatures.insert(key.clone(), signed);
        }
        answers.images.insert(key, heard.map(|(registered, _)| registered));
    }
    Ok(())
}

fn is_asked(questions: Questions<'_>, environment: &Environment, planned: &Planned) -> bool {
    let images = &environment.images;
    let promotion = &planned.promotion;
    images.registry.is_some()
        || images.pin
        || images.signature.is_some()
        || is_pinned_anew(questions, promotion)
}

/// Whether an environment before has the tag alone, and the digest is new.
fn is_pinned_anew(questions: Questions<'_>, promotion: &Promotion) -> bool {
    let Pin { tag: Some(tag), digest: Some(_) } = &promotion.version else { return false };
    promotion.from.iter().any(|source| {
        let cell = questions.inventory.cells.get(&CellKey::of(promotion, source));
        let pin = cell.and_then(|cell| cell.pin());
        pin.is_some_and(|pin| pin.digest.is_none() && pin.tag.as_ref() == Some(tag))
    })
}

/// One promotion.
struct One<'a> {
    registries: &'a Registries,
    places: Places<'a>,
    promotion: &'a Promotion,
}

impl One<'_> {
    /// What registries have, and where the image can be looked at now.
    fn heard(&self) -> Result<(Registered, RepositoryName), Silence> {
        self.asked().map_err(Failure::silence)
    }

    fn asked(&self) -> Result<(Registered, RepositoryName), Failure> {
        let promotion = self.promotion;
        let image = (&promotion.app, promotion.image.as_str());
        let Some(target) = self.places.repository(&promotion.to, image)? else {
            let (to, app) = (&promotion.to, &promotion.app);
            let message = format!("nothing tells which registry {to} pulls {app} from");
            return Err(Failure::not_found(message));
        };
        let tagged = self.tagged(&target)?;
        let there = match &promotion.version.digest {
            Some(digest) if tagged.as_ref() == Some(digest) => true,
            Some(digest) => {
                let pin = Pin { tag: None, digest: Some(digest.clone()) };
                self.registries.digest(&target, &pin)?.is_some()
            }
            None => tagged.is_some(),
        };
        let mut source = None;
        for from in &promotion.from {
            match self.places.repository(from, image)? {
                Some(other) if other != target => {
                    source = Some((self.tagged(&other)?, other));
                    break;
                }
                // It pulls from the same repository.
                Some(_) => break,
                None => {}
            }
        }
        let at = match &source {
            Some((Some(_), other)) if !there => other.clone(),
            _ => target.clone(),
        };
        let source = source.map(|(digest, other)| (other.to_string(), digest));
        Ok((Registered { repository: target.to_string(), there, tagged, source }, at))
    }

    /// The digest of the tag, made from its manifest; where only a digest is
    /// pinned, that one, if it is there.
    fn tagged(&self, name: &RepositoryName) -> Result<Option<Digest>, Failure> {
        let version = &self.promotion.version;
        let pin = match &version.tag {
            Some(tag) => Pin::tag(tag.clone()),
            None => version.clone(),
        };
        Ok(self.registries.resolve(name, &pin)?)
    }
}
