//! Registries: whether they have what enters an environment, and who signed it.

use crate::discover::CellKey;
use crate::gate::{Answers, Elsewhere, Registered, tag_or_digest};
use crate::model::{Environment, EnvironmentName, Pin, Promotion};
use crate::plan::Planned;
use crate::registry::{Registries, RepositoryName};

use super::super::Failure;
use super::super::registry::{Entering, Held, Meant, Places, registries};
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
        let one = One { questions, registries, promotion: &planned.promotion };
        let key = CellKey::of(&planned.promotion, &planned.promotion.to);
        let heard = one.asked().map_err(Failure::silence);
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
    let places = Places { config: questions.ground.config, inventory: questions.inventory };
    // Nobody can be asked for what has no name.
    let named = places.names_an_image(&promotion.app, &promotion.image);
    images.signature.is_some()
        || named && (images.registry.is_some() || images.pin)
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
    questions: Questions<'a>,
    registries: &'a Registries,
    promotion: &'a Promotion,
}

impl One<'_> {
    /// What registries have, and where the image can be looked at now.
    fn asked(&self) -> Result<(Registered, RepositoryName), Failure> {
        let from = self.questions.vouching(self.promotion);
        let Meant { own, source, differ } =
            self.questions.entering(self.promotion, &from).hear(self.registries)?;
        let at = match &source {
            Some(source) if source.there && !own.there => source.name.clone(),
            _ => own.name.clone(),
        };
        let source = source.map(|Held { name, tagged, there }| Elsewhere {
            repository: name.to_string(),
            there,
            tagged,
        });
        let (repository, there, tagged) = (own.name.to_string(), own.there, own.tagged);
        Ok((Registered { repository, there, tagged, source, differ }, at))
    }
}

impl<'a> Questions<'a> {
    /// The environments before whose image is meant.
    fn vouching(self, promotion: &Promotion) -> Vec<EnvironmentName> {
        let places = Places { config: self.ground.config, inventory: self.inventory };
        let seen = self.ground.config.environment(promotion.to.as_str()).is_some_and(|e| e.seen);
        let tag = tag_or_digest(&promotion.version);
        let ran = |environment: &EnvironmentName| {
            let timeline = self.timelines.get(&CellKey::of(promotion, environment));
            seen && timeline.is_some_and(|timeline| timeline.ran(&tag).is_some())
        };
        let image = (&promotion.app, promotion.image.as_str(), &promotion.version);
        places.vouching(&promotion.to, image, &ran)
    }

    fn entering<'b>(self, promotion: &'b Promotion, from: &'b [EnvironmentName]) -> Entering<'b>
    where
        'a: 'b,
    {
        let config = self.ground.config;
        Entering {
            before: Places { config, inventory: self.inventory },
            after: Places { config, inventory: self.after },
            image: (&promotion.app, promotion.image.as_str()),
            version: &promotion.version,
            to: &promotion.to,
            from,
            back: self.back,
        }
    }
}
