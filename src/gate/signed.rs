//! Signatures, where the config asks for them: a part of GP014, since what is
//! not signed by whom it should be is not proven.

use std::collections::BTreeMap;

use crate::discover::CellKey;
use crate::model::{Finding, Outcome, Rule};
use crate::plan::Planned;

use super::outside::{Silence, not_asked, silent};
use super::{Case, about, placed};

/// What became of the signatures of what enters an environment.
pub type Signatures = BTreeMap<CellKey, Result<Signed, Silence>>;

/// What was said of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The image, by its digest.
    pub image: String,
    /// Whose signature counts.
    pub signer: String,
    /// Whether it is there.
    pub holds: bool,
    /// What was said where it is not.
    pub why: String,
    /// The command that shows why.
    pub command: String,
}

pub(super) fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    case.promotions.iter().filter_map(|planned| judge(case, planned)).collect()
}

fn judge(case: &Case<'_>, planned: &Planned) -> Option<Finding> {
    let promotion = &planned.promotion;
    let environment = case.config.environment(promotion.to.as_str())?;
    environment.images.signature.as_ref()?;
    let key = CellKey::of(promotion, &promotion.to);
    let Some(answers) = case.answers else {
        return Some(not_asked(case, Rule::GP014, planned, "whether the image is signed"));
    };
    Some(match answers.signatures.get(&key) {
        None => {
            let message = "nothing tells whether the image is signed".to_owned();
            about(Rule::GP014, promotion, Outcome::Unverifiable, message)
        }
        Some(Err(silence)) => silent(Rule::GP014, planned, silence),
        Some(Ok(Signed { image, signer, holds: true, .. })) => {
            let message = format!("{image} is signed by {signer}");
            about(Rule::GP014, promotion, Outcome::Pass, message)
        }
        Some(Ok(Signed { image, signer, command, why, .. })) => {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let message = format!("cosign finds no signature of {image} by {signer}{why}");
            let mut finding = about(Rule::GP014, promotion, Outcome::Fail, message);
            finding.hint = Some(command.clone());
            placed(finding, planned)
        }
    })
}
