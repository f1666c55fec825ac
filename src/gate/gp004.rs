//! GP004: the same tag is the same image.

use crate::discover::{Cell, CellKey};
use crate::model::{EnvironmentName, Finding, Outcome, Promotion, Rule};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP004,
    refuses: "a digest that is not the one the environment before runs, or that would be lost",
    why: "A tag can be moved; the digest is the image. If an environment before pins another \
          digest under the tag, or none, then what was tested there is not proven to be what \
          arrives. And a digest that the target has is never dropped in silence.",
    satisfy: "Promote without a digest of your own, so that the pin is carried over as the \
              environment before has it. Where that has only a tag and the target a digest, say \
              that the digest may go:\n\
              \n    git promote APP@VERSION ENVIRONMENT --drop-digest",
    overridable: false,
    ask: Ask::Each(judge),
};

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    if planned.loses_digest {
        let message = format!(
            "{} pins a digest and {} has none to replace it",
            promotion.to, promotion.version
        );
        let mut finding = about(Rule::GP004, promotion, Outcome::Fail, message);
        finding.hint = Some(format!(
            "git promote {} {} --drop-digest (or name the digest: VERSION@sha256:...)",
            promotion.app.at(&promotion.version),
            promotion.to
        ));
        return placed(finding, planned);
    }
    let contradiction =
        promotion.from.iter().find_map(|source| contradiction(case, promotion, source));
    match contradiction {
        Some(message) => {
            let mut finding = about(Rule::GP004, promotion, Outcome::Fail, message);
            // Without a digest of its own the pin is taken over as it is.
            let tag = promotion.version.tag.as_ref();
            finding.hint =
                tag.map(|tag| format!("git promote {} {}", promotion.app.at(tag), promotion.to));
            placed(finding, planned)
        }
        None => about(Rule::GP004, promotion, Outcome::Pass, agreement(promotion)),
    }
}

fn agreement(promotion: &Promotion) -> String {
    match (&promotion.version.digest, promotion.from.as_slice()) {
        (None, _) => "no digest is pinned".to_owned(),
        (Some(_), []) => "the digest is new with the version".to_owned(),
        (Some(_), [first, ..]) => format!("the digest is that of {first}"),
    }
}

/// What a source says against the digest; nothing where it does not run the
/// version at all, which is GP001's to say.
fn contradiction(
    case: &Case<'_>,
    promotion: &Promotion,
    source: &EnvironmentName,
) -> Option<String> {
    let cell = case.inventory.cells.get(&CellKey::of(promotion, source))?;
    let pin = Cell::pin(cell)?;
    if pin.tag != promotion.version.tag || pin.digest == promotion.version.digest {
        return None;
    }
    let tag = pin.tag.as_ref()?;
    Some(match (&pin.digest, &promotion.version.digest) {
        (Some(there), Some(_)) => format!("{source} runs {tag} as {there}"),
        (Some(there), None) => format!("{source} pins {tag} to {there}, which is not carried over"),
        (None, _) => format!("{source} runs {tag} without a digest: it proves none"),
    })
}
