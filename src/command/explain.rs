//! `git promote explain`: a rule, why it is there, and how to satisfy it.

use clap::Args;

use crate::config::FIXED;
use crate::gate::{RULES, RuleInfo, rule};
use crate::model::Rule;

use super::{Answer, Context, Failure};

/// Explain a rule, or list all of them
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The rule, such as GP001
    #[arg(value_name = "RULE")]
    pub rule: Option<String>,
}

/// `git promote explain [RULE]`
pub fn run(context: &Context, args: &ExplainArgs) -> Result<Answer, Failure> {
    let Some(name) = &args.rule else {
        let line = |info: &&RuleInfo| format!("{}  {}\n", info.rule, info.refuses);
        return Ok(Answer::done(RULES.iter().map(line).collect()));
    };
    let number: Rule =
        name.parse().map_err(|error: String| Failure::usage(error).hint("git promote explain"))?;
    let Some(info) = rule(number) else {
        return Err(Failure::not_found(format!("{number} is not judged by this version"))
            .hint("git promote explain"));
    };
    let waive = match (info.overridable, FIXED.contains(&number)) {
        _ if number == Rule::GP017 => {
            "It can be overridden where the policy says `override = true`."
        }
        (true, _) => "With a reason, which goes on record, it can be overridden.",
        (false, true) => "It cannot be overridden.",
        (false, false) => {
            "It cannot be overridden, unless an [[override]] of promote.toml says so."
        }
    };
    let wrapped = |text: &str| crate::output::wrap(text, 78);
    Ok(Answer::done(format!(
        "{} refuses {}.\n\n{}\n{}\n{waive}\n",
        info.rule,
        info.refuses,
        wrapped(info.why),
        context.front.commands(&wrapped(info.satisfy)),
    )))
}
