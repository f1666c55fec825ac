//! Types and costs of an expression, before it is ever asked.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr,
};

use super::{Flaw, constants};

/// The most entries of a list of the change.
pub const MOST_ENTRIES: usize = 2_000;

/// The most bytes that a name is counted with.
const NAME: u64 = 256;

/// What an expression may cost: about a second of work.
const MOST: u64 = 2_000_000;

/// The most bytes or entries that a value may have.
const SIZE: u64 = 1_000_000;

/// The most characters that can link one value to the next.
const LINKS: u16 = 200;

/// A type.
#[derive(Debug, Clone, PartialEq)]
enum Type {
    Bool,
    Int,
    Double,
    Text,
    Time,
    Span,
    List(Box<Type>),
    /// From text to a type.
    Map(Box<Type>),
    Record(&'static [FieldInfo]),
    /// Of the entries of an empty list.
    Open,
}

impl Type {
    fn name(&self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Text => "string".to_owned(),
            Self::Time => "timestamp".to_owned(),
            Self::Span => "duration".to_owned(),
            Self::List(of) => format!("list({})", of.name()),
            Self::Map(of) => format!("map(string, {})", of.name()),
            Self::Record(_) => "record".to_owned(),
            Self::Open => "any".to_owned(),
        }
    }

    /// The one of two that says more, where they are alike.
    fn joined(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Open, other) => Some(other.clone()),
            (one, Self::Open) => Some(one.clone()),
            (Self::List(one), Self::List(two)) => Some(Self::List(Box::new(one.joined(two)?))),
            (Self::Map(one), Self::Map(two)) => Some(Self::Map(Box::new(one.joined(two)?))),
            (one, two) => (one == two).then(|| one.clone()),
        }
    }

    fn is_ordered(&self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Text | Self::Time | Self::Span)
    }
}

/// A field of a variable, for the checker and for the page that tells of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldInfo {
    /// Its name.
    pub name: &'static str,
    /// Its type, as CEL writes it.
    pub of: &'static str,
    /// What it is.
    pub means: &'static str,
}

const fn field(name: &'static str, of: &'static str, means: &'static str) -> FieldInfo {
    FieldInfo { name, of, means }
}

static PROMOTION: [FieldInfo; 9] = [
    field("app", "string", "the app, without its group"),
    field("group", "string", "its group, or empty"),
    field("image", "string", "the image"),
    field("version", "string", "what comes: tag, `tag@digest` or digest"),
    field("tag", "string", "its tag, or empty"),
    field("digest", "string", "its digest, or empty"),
    field("previous", "string", "what was there before, or empty"),
    field("step", "string", "`major`, `minor`, `patch`, `none`, `back` or `unknown`"),
    field("rollback", "bool", "whether it goes back to what ran there"),
];

static PLACE: [FieldInfo; 3] = [
    field("name", "string", "the environment"),
    field("version", "string", "what it runs at the base, or empty"),
    field("since", "timestamp", "when that arrived; `now` where the history does not tell"),
];

static CHANGE: [FieldInfo; 4] = [
    field("apps", "list(string)", "the apps that move"),
    field("environments", "list(string)", "the environments that are entered"),
    field("files", "list(string)", "the files that change"),
    field("trailers", "map(string, list(string))", "the trailers of the commits, by key"),
];

static REPO: [FieldInfo; 2] = [
    field("base", "string", "the id of the base commit, or empty"),
    field("complete", "bool", "whether all of its history is there"),
];

/// The variables, each with its fields.
pub static FIELDS: [(&str, &[FieldInfo]); 5] = [
    ("promotion", &PROMOTION),
    ("from[]", &PLACE),
    ("to", &PLACE),
    ("change", &CHANGE),
    ("repo", &REPO),
];

fn variable(name: &str) -> Option<Known> {
    Some(match name {
        "promotion" => Known::small(Type::Record(&PROMOTION)),
        "from" => Known { of: Type::List(Box::new(Type::Record(&PLACE))), size: 100, entry: 1 },
        "to" => Known::small(Type::Record(&PLACE)),
        "now" => Known::small(Type::Time),
        "change" => Known::small(Type::Record(&CHANGE)),
        "repo" => Known::small(Type::Record(&REPO)),
        _ => return None,
    })
}

fn of_field(info: &FieldInfo) -> Known {
    let entries = MOST_ENTRIES as u64;
    match info.of {
        "bool" => Known::small(Type::Bool),
        "timestamp" => Known::small(Type::Time),
        "list(string)" => Known::names(entries),
        "map(string, list(string))" => {
            let of = Type::Map(Box::new(Type::List(Box::new(Type::Text))));
            Known { of, size: entries, entry: entries * NAME }
        }
        _ => Known { of: Type::Text, size: NAME, entry: 1 },
    }
}

/// The type of a value, and how large it is at most.
#[derive(Debug, Clone)]
struct Known {
    of: Type,
    /// Bytes of a text, entries of a list or map.
    size: u64,
    /// The weight of an entry.
    entry: u64,
}

impl Known {
    fn small(of: Type) -> Self {
        Self { of, size: 1, entry: 1 }
    }

    /// A list of so many names.
    fn names(size: u64) -> Self {
        Self { of: Type::List(Box::new(Type::Text)), size, entry: NAME }
    }

    /// How many bytes it has at most, by and large.
    fn weight(&self) -> u64 {
        match self.of {
            Type::List(_) | Type::Map(_) => self.size.saturating_mul(self.entry.max(1)),
            _ => self.size,
        }
    }

    /// What stands under a key or at a place.
    fn entry_of(&self, of: Type) -> Self {
        match (&self.of, &of) {
            // The values of a trailer are names.
            (Type::Map(_), Type::List(inner)) if **inner == Type::Text => {
                Self::names(self.entry / NAME)
            }
            _ => self.entry(of),
        }
    }

    /// One of its entries.
    fn entry(&self, of: Type) -> Self {
        match of {
            // A list of a list is not divided up: it counts as one of bytes.
            Type::List(_) | Type::Map(_) => Self { of, size: self.entry, entry: self.entry },
            of => Self { of, size: self.entry, entry: 1 },
        }
    }
}

/// What is wrong, and the node where.
type Wrong = (String, u64);

/// Whether brackets are nested too deep, or more is chained than can be meant,
/// before anything recursive sees it. What stands in texts counts too.
pub(super) fn nesting(text: &str, most: u16) -> Result<(), Flaw> {
    let mut depth = 0_u16;
    let (mut signs, mut links) = (0_u16, 0_u16);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth = depth.saturating_add(1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        signs = if matches!(c, '!' | '-') { signs + 1 } else { 0 };
        if depth > most || signs > most {
            return Err(Flaw::new(format!("it is nested deeper than {most}"), at));
        }
        links += u16::from(matches!(
            c,
            '.' | '+' | '-' | '*' | '/' | '%' | '?' | '<' | '>' | '=' | '&' | '|'
        ));
        if links > LINKS {
            return Err(Flaw::new(format!("it chains more than {LINKS} operators"), at));
        }
    }
    Ok(())
}

/// Proves that a tree is a condition on the known variables that ends soon.
pub(super) fn check(tree: &IdedExpr) -> Result<(), Wrong> {
    let mut checker = Checker { scope: Vec::new(), cost: 0, times: 1 };
    let found = checker.known(tree)?;
    if found.of == Type::Bool {
        return Ok(());
    }
    Err((format!("it is a {}, not a condition", found.of.name()), tree.id))
}

struct Checker {
    /// The variables of macros, innermost last.
    scope: Vec<(String, Known)>,
    cost: u64,
    /// How often the node at hand is asked at most.
    times: u64,
}

impl Checker {
    fn known(&mut self, node: &IdedExpr) -> Result<Known, Wrong> {
        self.pay(1, node.id)?;
        let found = match &node.expr {
            Expr::Literal(literal) => self::literal(literal, node.id),
            Expr::Ident(name) => self.ident(name, node.id),
            Expr::Select(select) => self.select(select, node.id),
            Expr::Call(call) => {
                let found = self.call(call, node.id)?;
                constants::check(call, node).map(|()| found)
            }
            Expr::List(list) => {
                let (mut of, mut entry) = (Type::Open, 1);
                for one in &list.elements {
                    let next = self.known(one)?;
                    let both = of.joined(&next.of);
                    let mixed = || format!("a list of {} and {}", of.name(), next.of.name());
                    (of, entry) =
                        (both.ok_or_else(|| (mixed(), one.id))?, next.weight().max(entry));
                }
                let size = list.elements.len() as u64;
                Ok(Known { of: Type::List(Box::new(of)), size, entry })
            }
            Expr::Map(map) => {
                self.map(&map.entries.iter().map(|e| &e.expr).collect::<Vec<_>>(), node.id)
            }
            Expr::Comprehension(one) => self.comprehension(one, node.id),
            Expr::Struct(_) | Expr::Unspecified => {
                Err(("this is not known here".to_owned(), node.id))
            }
        }?;
        let made = !matches!(node.expr, Expr::Ident(_) | Expr::Select(_));
        if made && found.weight() > SIZE {
            return Err(("it could become too large".to_owned(), node.id));
        }
        Ok(found)
    }

    fn pay(&mut self, cost: u64, id: u64) -> Result<(), Wrong> {
        self.cost = self.cost.saturating_add(cost.saturating_mul(self.times));
        if self.cost > MOST {
            return Err(("it could take too long".to_owned(), id));
        }
        Ok(())
    }

    fn ident(&self, name: &str, id: u64) -> Result<Known, Wrong> {
        let own = self.scope.iter().rev().find(|(known, _)| known == name);
        own.map(|(_, known)| known.clone()).or_else(|| variable(name)).ok_or_else(|| {
            (format!("`{name}` is not known: promotion, from, to, now, change, repo"), id)
        })
    }

    fn select(&mut self, select: &SelectExpr, id: u64) -> Result<Known, Wrong> {
        let operand = self.known(&select.operand)?;
        let found = match &operand.of {
            Type::Record(fields) => match fields.iter().find(|info| info.name == select.field) {
                Some(info) => of_field(info),
                None => {
                    let names: Vec<&str> = fields.iter().map(|info| info.name).collect();
                    let message = format!("no field `{}`: {}", select.field, names.join(", "));
                    return Err((message, id));
                }
            },
            Type::Map(of) => operand.entry_of((**of).clone()),
            other => return Err((format!("a {} has no fields", other.name()), id)),
        };
        Ok(if select.test { Known::small(Type::Bool) } else { found })
    }

    fn map(&mut self, entries: &[&EntryExpr], id: u64) -> Result<Known, Wrong> {
        let (mut of, mut most) = (Type::Open, 1);
        for entry in entries {
            let EntryExpr::MapEntry(entry) = entry else {
                return Err(("this is not known here".to_owned(), id));
            };
            self.want(&entry.key, &Type::Text)?;
            let next = self.known(&entry.value)?;
            let both = of.joined(&next.of);
            most = most.max(next.weight());
            of = both.ok_or_else(|| ("the values are of several types".to_owned(), id))?;
        }
        Ok(Known { of: Type::Map(Box::new(of)), size: entries.len() as u64, entry: most })
    }

    fn want(&mut self, node: &IdedExpr, of: &Type) -> Result<Known, Wrong> {
        let found = self.known(node)?;
        match found.of.joined(of) {
            Some(_) => Ok(found),
            None => Err((format!("a {} is wanted, not a {}", of.name(), found.of.name()), node.id)),
        }
    }

    fn comprehension(&mut self, one: &ComprehensionExpr, id: u64) -> Result<Known, Wrong> {
        let range = self.known(&one.iter_range)?;
        let entry = match &range.of {
            Type::List(of) => range.entry((**of).clone()),
            Type::Map(_) => Known { of: Type::Text, size: NAME, entry: 1 },
            other => return Err((format!("a {} has no entries", other.name()), one.iter_range.id)),
        };
        if one.iter_var2.is_some() {
            return Err(("this macro is not known here".to_owned(), id));
        }
        let start = self.known(&one.accu_init)?;
        let outer = self.times;
        let (depth, size) = (self.scope.len(), range.size.max(1));
        self.scope.push((one.iter_var.clone(), entry));
        self.times = outer.saturating_mul(size);
        // What is gathered grows by what one step adds.
        let mut gathered = start.clone();
        self.scope.push((one.accu_var.clone(), gathered.clone()));
        let step = self.known(&one.loop_step)?;
        let Some(of) = start.of.joined(&step.of) else {
            return Err((format!("a {} is wanted here", start.of.name()), one.loop_step.id));
        };
        let grown = step.size.saturating_sub(start.size).saturating_mul(size);
        let most = start.size.max(grown).max(step.size.min(size));
        gathered = Known { of, size: most, entry: start.entry.max(step.entry) };
        if let Some(last) = self.scope.last_mut() {
            last.1 = gathered.clone();
        }
        self.pay(gathered.size / 64, id)?;
        if gathered.weight() > SIZE {
            return Err(("it could become too large".to_owned(), id));
        }
        self.want(&one.loop_cond, &Type::Bool)?;
        self.times = outer;
        let result = self.known(&one.result);
        self.scope.truncate(depth);
        result
    }

    fn call(&mut self, call: &CallExpr, id: u64) -> Result<Known, Wrong> {
        let target = call.target.as_deref();
        let nodes: Vec<&IdedExpr> = target.into_iter().chain(&call.args).collect();
        if call.func_name == "matches" {
            pattern(&nodes, id)?;
        }
        let known = nodes.iter().map(|node| self.known(node)).collect::<Result<Vec<_>, _>>()?;
        let types: Vec<&Type> = known.iter().map(|known| &known.of).collect();
        let sizes: u64 = known.iter().map(|known| known.size).fold(0, u64::saturating_add);
        self.pay(sizes / 64, id)?;
        let found = match target {
            None => operator(&call.func_name, &types).or_else(|| function(&call.func_name, &types)),
            Some(_) => method(&call.func_name, &types),
        };
        match found {
            Some(of @ (Type::Text | Type::List(_) | Type::Map(_))) => {
                let entry = known.iter().map(|known| known.entry).max().unwrap_or(1);
                if let (true, Some(list)) = (call.func_name == "_[_]", known.first()) {
                    return Ok(list.entry_of(of));
                }
                let either = known.iter().skip(1).map(|known| known.size).max();
                let sizes = either.filter(|_| call.func_name == "_?_:_").unwrap_or(sizes);
                let floor = if of == Type::Text { 32 } else { 1 };
                Ok(Known { of, size: sizes.max(floor), entry })
            }
            Some(of) => Ok(Known::small(of)),
            None => Err((unfitting(&call.func_name, &types), id)),
        }
    }
}

fn literal(literal: &LiteralValue, id: u64) -> Result<Known, Wrong> {
    Ok(match literal {
        LiteralValue::Boolean(_) => Known::small(Type::Bool),
        LiteralValue::Int(_) => Known::small(Type::Int),
        LiteralValue::Double(_) => Known::small(Type::Double),
        LiteralValue::String(text) => {
            Known { of: Type::Text, size: text.inner().len() as u64, entry: 1 }
        }
        LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => {
            return Err(("bytes, null and uint are not known here".to_owned(), id));
        }
    })
}

/// A pattern has to stand there, so that it is known to compile.
fn pattern(nodes: &[&IdedExpr], id: u64) -> Result<(), Wrong> {
    let [_, pattern] = nodes else { return Err(("`matches` takes a pattern".to_owned(), id)) };
    let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
        return Err(("the pattern has to be a text".to_owned(), pattern.id));
    };
    let built = regex::RegexBuilder::new(text.inner()).size_limit(1 << 20).build();
    built.map(drop).map_err(|_| ("this is no regular expression".to_owned(), pattern.id))
}

fn unfitting(name: &str, types: &[&Type]) -> String {
    let names: Vec<String> = types.iter().map(|of| of.name()).collect();
    let shown = name.trim_matches(['_', '@']).replace('_', " ");
    format!(
        "`{shown}` does not take {}",
        if names.is_empty() { "nothing".to_owned() } else { names.join(" and ") }
    )
}

fn operator(name: &str, types: &[&Type]) -> Option<Type> {
    use Type::{Bool, Double, Int, List, Map, Span, Text, Time};
    Some(match (name, types) {
        ("_&&_" | "_||_", [Bool, Bool])
        | ("!_" | "@not_strictly_false", [Bool])
        | ("@in", [Text, Map(_)]) => Bool,
        ("_?_:_", [Bool, one, two]) => one.joined(two)?,
        ("_==_" | "_!=_", [one, two]) => one.joined(two).map(|_| Bool)?,
        ("_<_" | "_<=_" | "_>_" | "_>=_", [one, two]) if one == two && one.is_ordered() => Bool,
        ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", [Int, Int]) | ("-_", [Int]) => Int,
        ("_+_" | "_-_" | "_*_" | "_/_", [Double, Double]) | ("-_", [Double]) => Double,
        ("_+_", [Text, Text]) => Text,
        ("_+_", [List(one), List(two)]) => List(Box::new(one.joined(two)?)),
        ("_+_" | "_-_", [Time, Span]) | ("_+_", [Span, Time]) => Time,
        ("_-_", [Time, Time]) | ("_+_" | "_-_", [Span, Span]) => Span,
        ("_[_]", [List(of), Int] | [Map(of), Text]) => (**of).clone(),
        ("@in", [one, List(of)]) => one.joined(of).map(|_| Bool)?,
        _ => return None,
    })
}

fn function(name: &str, types: &[&Type]) -> Option<Type> {
    use Type::{Int, List, Map, Span, Text, Time};
    Some(match (name, types) {
        ("size", [Text | List(_) | Map(_)]) | ("int", [Text | Time]) => Int,
        ("duration", [Text]) => Span,
        ("timestamp", [Text]) => Time,
        ("string", [Int]) => Text,
        _ => return None,
    })
}

fn method(name: &str, types: &[&Type]) -> Option<Type> {
    use Type::{Bool, Int, List, Map, Span, Text, Time};
    Some(match (name, types) {
        ("contains" | "startsWith" | "endsWith" | "matches", [Text, Text]) => Bool,
        (
            "getFullYear" | "getMonth" | "getDate" | "getDayOfMonth" | "getDayOfWeek"
            | "getDayOfYear" | "getHours" | "getMinutes" | "getSeconds",
            [Time] | [Time, Text],
        )
        | ("size", [Text | List(_) | Map(_)])
        | ("getHours" | "getMinutes" | "getSeconds", [Span]) => Int,
        _ => return None,
    })
}
