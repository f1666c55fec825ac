//! Policies as expressions of the Common Expression Language: compiled, typed
//! and bounded when the config is read, asked when a promotion is judged.
//!
//! The crate that evaluates has neither types nor limits. So [`types`] goes
//! through the tree first: every field and function has to be known, every
//! type has to fit, and what it would cost at most has to be little. What it
//! lets through ends, and stays small.

mod constants;
mod facts;
mod types;

pub use facts::{ChangeFacts, Facts, Place, PromotionFacts, RepoFacts, Time};
pub use types::{FIELDS, FieldInfo, MOST_ENTRIES};

use std::sync::Arc;

use cel::{Context, Env, Program, Value};

/// The most bytes of an expression.
const MOST_BYTES: usize = 2_000;

/// How deep an expression may be nested.
const DEPTH: u16 = 24;

/// An expression that was found to be a condition on the known variables.
#[derive(Clone)]
pub struct Expression {
    text: String,
    program: Arc<Program>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

/// What is wrong with an expression, and the byte of its text where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes from the start.
    pub at: usize,
}

impl Flaw {
    fn new(message: impl Into<String>, at: usize) -> Self {
        Self { message: message.into(), at }
    }
}

impl Expression {
    /// Compiles a text and proves that it is a condition that ends soon.
    pub fn new(text: &str) -> Result<Self, Flaw> {
        if text.len() > MOST_BYTES {
            return Err(Flaw::new(format!("it has more than {MOST_BYTES} bytes"), MOST_BYTES));
        }
        if text.trim().is_empty() {
            return Err(Flaw::new("it is empty", 0));
        }
        // The parser goes down once for each of these, before it counts.
        types::nesting(text, DEPTH)?;
        let parser = cel::parser::Parser::new().max_recursion_depth(DEPTH * 8);
        let (tree, info) =
            parser.parse_with_source_info(text).map_err(|errors| syntax(text, &errors))?;
        let place = |id: u64| {
            let byte = info.offset_for(id).map_or(0, |(start, _)| start);
            let byte = usize::try_from(byte).unwrap_or_default().min(text.len());
            (0..=byte).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
        };
        types::check(&tree).map_err(|(message, id)| Flaw::new(message, place(id)))?;
        let program = Env::stdlib().compile(text).map_err(|errors| syntax(text, &errors))?;
        Ok(Self { text: text.to_owned(), program: Arc::new(program) })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it asks something of environments, such as since when one runs a
    /// version.
    pub fn asks_of_places(&self) -> bool {
        let asked = self.program.references();
        ["from", "to"].iter().any(|name| asked.has_variable(name))
    }

    /// Whether it is true of what is known; the reason where it cannot be
    /// told, which is never a yes.
    pub fn holds(&self, facts: &Facts) -> Result<bool, String> {
        let mut context = Context::default();
        let asked = self.program.references();
        facts.bind(&mut context, &|name| asked.has_variable(name))?;
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("it is neither true nor false".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The parser's first complaint.
fn syntax(text: &str, errors: &cel::ParseErrors) -> Flaw {
    let Some(error) = errors.errors.first() else {
        return Flaw::new("it cannot be read", 0);
    };
    let (line, column) = error.pos;
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let column = usize::try_from(column).unwrap_or(1).max(1);
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let in_line = text.get(before..).unwrap_or_default();
    let at = before + byte_of(in_line, column - 1);
    let message = error.msg.split(" expecting").next().unwrap_or_default();
    Flaw::new(message.trim().to_lowercase(), at.min(text.len()))
}

/// The byte of the nth character.
fn byte_of(text: &str, nth: usize) -> usize {
    text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at)
}
