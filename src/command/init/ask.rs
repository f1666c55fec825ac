//! The question for the order of environments.

use std::fmt::Write as _;
use std::io::{BufRead, Write};

use crate::model::Pipeline;
use crate::output::clean;

use super::super::{Exit, Failure};
use super::order::Order;

/// How often a wrong answer is asked again.
const ATTEMPTS: usize = 3;

/// Asks on `to` for the order of all environments; answers come from `from`.
pub(super) fn ask(
    pipeline: &Pipeline,
    from: &mut dyn BufRead,
    to: &mut dyn Write,
) -> Result<Order, Failure> {
    let names: Vec<String> = pipeline.environments().iter().map(|e| e.name.to_string()).collect();
    let mut say = |text: &str| to.write_all(text.as_bytes()).and_then(|()| to.flush());
    // Who cannot be asked gives no answer either.
    let _ = say(&question(&names, &Order::likely(pipeline).numbers()));
    for _ in 0..ATTEMPTS {
        let mut line = String::new();
        let _ = from.read_line(&mut line);
        if line.trim().is_empty() {
            return Err(Failure::usage("no order was given; nothing was written"));
        }
        match Order::from_numbers(&line, &names) {
            Ok(order) => return Ok(order),
            Err(wrong) => {
                let _ = say(&format!("{wrong}\nThe order (nothing to stop): "));
            }
        }
    }
    let _ = say("\n");
    Err(Failure::new(Exit::Usage, "no answer was an order; nothing was written"))
}

fn question(names: &[String], example: &str) -> String {
    let mut text = "The names do not tell in which order versions are promoted:\n".to_owned();
    for (number, name) in (1..).zip(names) {
        let _ = writeln!(text, "  {number}) {}", clean(name));
    }
    let _ = write!(
        text,
        "Their numbers in the order of promotion, as in {example}: with `,` one comes after the\n\
         other, with `/` they stand side by side. What is left out is no environment.\n\
         The order (nothing to stop): "
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Environment;

    /// What was asked, and the order or why there is none.
    fn asked(answers: &str) -> (String, Result<Vec<Environment>, String>) {
        let known = Order::parse("dev,staging,eu/us").unwrap().environments(None);
        let pipeline = Pipeline::new(known).unwrap();
        let mut shown = Vec::new();
        let order = ask(&pipeline, &mut answers.as_bytes(), &mut shown);
        let order = order.map(|order| order.environments(None)).map_err(|error| error.message);
        (String::from_utf8(shown).unwrap(), order)
    }

    #[test]
    fn a_wrong_answer_is_asked_again() {
        let (shown, order) = asked("1,2,x\n1,2,5\n2,1,3/4\n");
        assert!(shown.contains("as in 1,2,3/4:"), "{shown}");
        assert!(shown.contains("): `x` is no number\nThe order"), "{shown}");
        assert!(shown.contains("): `5` is none of the numbers 1 to 4\nThe order"), "{shown}");
        assert_eq!(order.unwrap().first().unwrap().name.as_str(), "staging");
    }

    #[test]
    fn three_wrong_answers_or_none_stop() {
        let (shown, order) = asked("x\n1,1\n0\n1,2\n");
        assert!(shown.contains("`1` is given twice"), "{shown}");
        assert!(order.unwrap_err().starts_with("no answer was an order"));
        assert!(asked("\n").1.unwrap_err().starts_with("no order was given"));
        assert!(asked("").1.unwrap_err().starts_with("no order was given"));
    }
}
