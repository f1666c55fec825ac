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

    /// The order that a guess comes nearest to: environments that come from
    /// the same ones stand side by side.
    pub(super) fn likely(pipeline: &Pipeline) -> Self {
        let mut stages: Vec<(&Sources, Vec<String>)> = Vec::new();
        for environment in pipeline.environments() {
            let name = environment.name.to_string();
            match stages.last_mut() {
                Some((sources, stage)) if **sources == environment.sources => stage.push(name),
                _ => stages.push((&environment.sources, vec![name])),
            }
        }
        // Those that come from nowhere are side by side only where the next
        // ones come from all of them; else nothing is known of their places.
        let mut order = Vec::new();
        let next = stages.iter().skip(1).map(|(sources, _)| sources.names().len()).chain([0]);
        for ((sources, stage), behind) in stages.iter().zip(next) {
            if **sources == Sources::First && behind != stage.len() {
                order.extend(stage.iter().map(|name| vec![name.clone()]));
            } else {
                order.push(stage.clone());
            }
        }
        Self(order)
    }

    /// The names as they are typed.
    pub(super) fn names(&self) -> String {
        let stages: Vec<String> = self.0.iter().map(|stage| stage.join("/")).collect();
        stages.join(",")
    }

    /// The same with the place of each name in its stead, from 1.
    pub(super) fn numbers(&self) -> String {
        let mut number = 0;
        let mut count = |_: &String| {
            number += 1;
            number.to_string()
        };
        let stages = self.0.iter().map(|stage| {
            let numbers: Vec<String> = stage.iter().map(&mut count).collect();
            numbers.join("/")
        });
        stages.collect::<Vec<_>>().join(",")
    }

    /// Reads the numbers of a list in place of the names; commas or blanks
    /// stand between. An error says what is wrong.
    pub(super) fn from_numbers(answer: &str, names: &[String]) -> Result<Self, String> {
        let answer = answer.replace(" /", "/").replace("/ ", "/");
        let name = |number: &str| {
            let shown = clean(number);
            let at = number.parse::<usize>().map_err(|_| format!("`{shown}` is no number"))?;
            let name = at.checked_sub(1).and_then(|at| names.get(at)).cloned();
            name.ok_or_else(|| format!("`{shown}` is none of the numbers 1 to {}", names.len()))
        };
        let words = answer.split([',', ' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        let mut stages: Vec<Vec<String>> = Vec::new();
        for word in words {
            let mut stage = Vec::new();
            for number in word.split('/') {
                let name = name(number)?;
                if stages.iter().flatten().chain(&stage).any(|known| *known == name) {
                    return Err(format!("`{}` is given twice", clean(number)));
                }
                stage.push(name);
            }
            stages.push(stage);
        }
        if stages.is_empty() { Err("no number is given".to_owned()) } else { Ok(Self(stages)) }
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
                let own = EnvironmentName::new(name);
                environments.push(match found.cloned() {
                    Some(found) => Environment { name: own, sources: sources.clone(), ..found },
                    None => Environment::bare(own, sources.clone()),
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
        for answer in ["", "\n", "0", "4", "1,x", "1/", "1,2,1", "1/1"] {
            assert!(Order::from_numbers(answer, &names).is_err(), "{answer}");
        }
        assert!(Order::parse("qa,,prod").is_err() && Order::parse("").is_err());
    }

    #[test]
    fn what_comes_from_the_same_is_likely_side_by_side() {
        let likely = |order: &str| {
            let environments = Order::parse(order).unwrap().environments(None);
            let likely = Order::likely(&Pipeline::new(environments).unwrap());
            (likely.names(), likely.numbers())
        };
        let same = |names: &str, numbers: &str| (names.to_owned(), numbers.to_owned());
        assert_eq!(likely("dev,qa,eu/us"), same("dev,qa,eu/us", "1,2,3/4"));
        assert_eq!(likely("a/b,c"), same("a/b,c", "1/2,3"));
        assert_eq!(likely("ring1/ring2"), same("ring1,ring2", "1,2"), "nothing tells of these");
    }

    #[test]
    fn a_stage_comes_from_all_of_the_one_before() {
        let environments = Order::parse("a,b/c,d").unwrap().environments(None);
        let sources: Vec<usize> = environments.iter().map(|e| e.sources.names().len()).collect();
        assert_eq!(sources, [0, 1, 1, 2]);
    }
}
