//! The order of environments as it is typed: `dev,staging,prod-eu/prod-us`.

use crate::model::{Environment, EnvironmentName, Pipeline, Sources};
use crate::output::clean;

use super::super::Failure;

/// Stages one after the other, each of environments side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order(Vec<Vec<String>>);

impl Order {
    /// Reads names with commas between, and slashes between those side by side.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let stage = |stage: &str| -> Vec<String> {
            stage.split('/').map(|name| name.trim().to_owned()).collect()
        };
        let stages: Vec<Vec<String>> = text.split(',').map(stage).collect();
        if stages.iter().flatten().any(String::is_empty) {
            return Err(Failure::usage(format!(
                "`{}` is no order of environments: a name is missing",
                clean(text)
            ))
            .hint("names in the order of promotion: --environments dev,staging,prod"));
        }
        Ok(Self(stages))
    }

    /// Reads the numbers of a list in place of the names; commas or blanks
    /// stand between.
    pub(super) fn from_numbers(answer: &str, names: &[String]) -> Option<Self> {
        let answer = answer.replace(" /", "/").replace("/ ", "/");
        let name = |number: &str| names.get(number.parse::<usize>().ok()?.checked_sub(1)?).cloned();
        let stage = |stage: &str| stage.split('/').map(name).collect::<Option<Vec<String>>>();
        let words = answer.split([',', ' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        let stages = words.map(stage).collect::<Option<Vec<_>>>()?;
        (!stages.is_empty()).then_some(Self(stages))
    }

    /// The environments: each comes from all of the stage before. What is
    /// known of one, such as its directories, stays.
    pub(super) fn environments(&self, known: Option<&Pipeline>) -> Vec<Environment> {
        let mut environments = Vec::new();
        let mut before: Option<Vec<EnvironmentName>> = None;
        for stage in &self.0 {
            let sources = before.map_or(Sources::First, Sources::All);
            for name in stage {
                let found = known.and_then(|known| known.get(name).or_else(|| known.by_dir(name)));
                environments.push(Environment {
                    name: EnvironmentName::new(name),
                    sources: sources.clone(),
                    dirs: found.map_or_else(|| vec![name.clone()], |found| found.dirs.clone()),
                    seen: found.is_some_and(|found| found.seen),
                });
            }
            before = Some(stage.iter().map(EnvironmentName::new).collect());
        }
        environments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_say_the_same() {
        let names: Vec<String> = ["qa", "prod-eu", "prod-us"].map(str::to_owned).into();
        let typed = Order::parse("qa, prod-eu/prod-us").unwrap();
        for answer in ["1,2/3\n", "1 2/3", "1, 2 / 3"] {
            assert_eq!(Order::from_numbers(answer, &names).unwrap(), typed, "{answer}");
        }
        for answer in ["", "\n", "0", "4", "1,x", "1/"] {
            assert!(Order::from_numbers(answer, &names).is_none(), "{answer}");
        }
        assert!(Order::parse("qa,,prod").is_err() && Order::parse("").is_err());
    }

    #[test]
    fn a_stage_comes_from_all_of_the_one_before() {
        let environments = Order::parse("a,b/c,d").unwrap().environments(None);
        let sources: Vec<usize> = environments.iter().map(|e| e.sources.names().len()).collect();
        assert_eq!(sources, [0, 1, 1, 2]);
    }
}
