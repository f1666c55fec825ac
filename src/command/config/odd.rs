//! What a config asks for that cannot come true, or grants that are over.

use std::collections::BTreeSet;

use crate::config::{Config, NAMES};
use crate::model::{Environment, Reviewer};

/// A warning for each.
pub(super) fn told(config: &Config, now: i64) -> Vec<String> {
    let environments = config.pipeline.environments().iter();
    let mut found: Vec<String> =
        environments.flat_map(|environment| of(config, environment)).collect();
    let over = config.overrides.iter().filter_map(|grant| {
        let until = grant.until.as_ref().filter(|until| until.end <= now)?;
        Some(format!(
            "the `[[override]]` of {} was until {}: it grants nothing",
            grant.rule, until.text
        ))
    });
    found.extend(over);
    found
}

fn of(config: &Config, environment: &Environment) -> Vec<String> {
    let (name, delivery) = (&environment.name, &environment.delivery);
    let mut found = Vec::new();
    if let Some(most) = most(&delivery.reviewers) {
        let needed = delivery.needs(false).max(delivery.needs(true));
        if usize::from(needed) > most {
            found.push(format!(
                "{name}: {needed} approvals are needed, and `reviewers` names {most} who can give one"
            ));
        }
    }
    if delivery.protected && delivery.needs(false) == 0 {
        found.push(format!(
            "{name}: it is `protected`, and `approvals = 0` lets in what nobody approved"
        ));
    }
    if environment.together && config.guard(name).soak.is_some() {
        found.push(format!(
            "{name}: `together` lets nothing in: what comes into its `from` in the same change has \
             not been there for its `soak`"
        ));
    }
    let words = environment.health.iter().flat_map(|health| health.command.iter().skip(1));
    found.extend(words.filter_map(|word| stands_for_nothing(word)).map(|unknown| {
        format!(
            "{name}: {unknown} in the `command` of `health` stands for nothing: it is none of {}",
            NAMES.join(", ")
        )
    }));
    found
}

/// A name in braces that a program gets as it is. It may mean it so, as in
/// `${VARIABLE}` or in the words of another language.
fn stands_for_nothing(word: &str) -> Option<&str> {
    let is_text = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '$');
    let ends = word.match_indices('{').filter_map(|(start, _)| {
        let name = word.get(start..)?;
        name.get(..=name.find('}')?)
    });
    let is_name = |name: &&str| {
        let inner = name.trim_matches(['{', '}']);
        !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let mut names = ends.filter(|name| is_name(name) && !NAMES.contains(name));
    names.next().filter(|_| !word.contains(is_text))
}

/// How many can approve at most, where that is known: of teams it is not.
fn most(reviewers: &[Reviewer]) -> Option<usize> {
    let person = |reviewer: &Reviewer| match reviewer {
        Reviewer::Person(name) => Some(name.to_lowercase()),
        Reviewer::Team { .. } => None,
    };
    let people: BTreeSet<String> = reviewers.iter().map(person).collect::<Option<_>>()?;
    (!people.is_empty()).then_some(people.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_toml;

    fn warned(environment: &str, more: &str) -> Vec<String> {
        let text = format!(
            "version = 1\n[layout]\npaths = [\"{{app}}/{{env}}\"]\n[[environment]]\nname = \
             \"dev\"\n[[environment]]\nname = \"prod\"\n{environment}\n{more}\n"
        );
        told(&from_toml(&text).unwrap(), 1_800_000_000)
    }

    #[test]
    fn what_cannot_come_true_is_named() {
        let one = |environment: &str, words: &str| {
            let all = warned(environment, "");
            assert!(all.len() == 1 && all.concat().contains(words), "{environment}: {all:?}");
        };
        let none =
            |environment: &str| assert_eq!(warned(environment, ""), [""; 0], "{environment}");
        one(
            "approvals = 3\nreviewers = [\"@a\"]",
            "3 approvals are needed, and `reviewers` names 1",
        );
        one("approvals = 2\nreviewers = [\"@a\", \"@A\"]", "names 1");
        one("rollback = { approvals = 2 }\nreviewers = [\"@a\"]", "2 approvals are needed");
        none("approvals = 2\nreviewers = [\"@a\", \"@b\"]");
        none("approvals = 3\nreviewers = [\"@a\", \"@acme/ops\"]");
        none("approvals = 3");
        one("protected = true\napprovals = 0", "lets in what nobody approved");
        none("protected = true");
        one("together = true\nsoak = \"24h\"", "`together` lets nothing in");
        none("together = true");
    }

    #[test]
    fn a_name_in_braces_that_stands_for_nothing_is_named() {
        let of = |word: &str| warned(&format!("health = {{ command = ['ok', '{word}'] }}"), "");
        for unknown in ["{nope}", "--app={app}-{envi}"] {
            let all = of(unknown);
            assert!(all.len() == 1 && all.concat().contains("stands for nothing"), "{all:?}");
        }
        for meant in ["{app}-{version}", "${home}", "{print $1}", "{}", "{\"app\":1}", "{2}"] {
            assert_eq!(of(meant), [""; 0], "{meant}");
        }
    }

    #[test]
    fn grants_that_are_over_are_named() {
        let grant = |until: &str| format!("[[override]]\nrule = \"GP003\"\nuntil = \"{until}\"");
        let over = warned("", &grant("2026-01-01"));
        assert_eq!(over, ["the `[[override]]` of GP003 was until 2026-01-01: it grants nothing"]);
        assert_eq!(warned("", &grant("2030-01-01")), [""; 0]);
    }
}
