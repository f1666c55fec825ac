//! What stands in an expression as it is: times, spans, zones, divisors. Whether
//! they mean anything is known before it is ever asked.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::parser::Parser;
use cel::{Context, Value};

/// A moment, to ask a time zone of.
const MOMENT: &str = "timestamp('2026-01-01T00:00:00Z')";

/// Why a call can never be told, and the node where; its operands can.
pub(super) fn check(call: &CallExpr, node: &IdedExpr) -> Result<(), (String, u64)> {
    let nodes: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
    if nodes.iter().all(|node| is_constant(node)) {
        let span = nodes.first().and_then(|node| text(node));
        let told = Value::resolve(node, &Context::default()).is_ok()
            && (call.func_name != "duration" || span.is_none_or(is_span));
        return if told { Ok(()) } else { Err(why(call, &nodes, node.id)) };
    }
    let [_, second] = nodes.as_slice() else { return Ok(()) };
    let divides = matches!(call.func_name.as_str(), "_/_" | "_%_");
    if divides
        && matches!(second.expr, Expr::Literal(LiteralValue::Int(ref zero)) if *zero.inner() == 0)
    {
        return Err(why(call, &nodes, node.id));
    }
    if is_zoned(call) && text(second).is_some() && !is_zone(call) {
        return Err(why(call, &nodes, node.id));
    }
    Ok(())
}

/// Whether it is the same whenever it is asked.
fn is_constant(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(_) => true,
        Expr::Call(call) => {
            call.target.as_deref().is_none_or(is_constant) && call.args.iter().all(is_constant)
        }
        Expr::List(list) => list.elements.iter().all(is_constant),
        _ => false,
    }
}

/// Whether a text is a span of time to its end: the crate that evaluates reads
/// as far as it can.
fn is_span(text: &str) -> bool {
    let pattern = r"^[+-]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(h|m|s|ms|us|ns|µs|μs))+$";
    regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// Whether it asks a time for something in a zone.
fn is_zoned(call: &CallExpr) -> bool {
    call.func_name.starts_with("get") && call.args.len() == 1
}

/// Whether a moment can be asked in the zone that stands there.
fn is_zone(call: &CallExpr) -> bool {
    let Ok(moment) = Parser::new().parse(MOMENT) else { return false };
    let call = CallExpr { target: Some(Box::new(moment)), ..call.clone() };
    let node = IdedExpr { id: 0, expr: Expr::Call(call) };
    Value::resolve(&node, &Context::default()).is_ok()
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn why(call: &CallExpr, nodes: &[&IdedExpr], id: u64) -> (String, u64) {
    let last = nodes.last().copied();
    // What is made of several has no words of its own.
    let shown = last.and_then(text).map_or("it".to_owned(), |text| format!("`{text}`"));
    let at = last.map_or(id, |node| node.id);
    match call.func_name.as_str() {
        "timestamp" => (format!("{shown} is no time such as 2026-01-01T00:00:00Z"), at),
        "duration" => (format!("{shown} is no span of time such as 24h"), at),
        "int" => (format!("{shown} is no number"), at),
        "_/_" | "_%_" => ("it divides by zero".to_owned(), at),
        _ if is_zoned(call) => (format!("{shown} is no time zone such as Europe/Berlin"), at),
        _ => ("this can never be told".to_owned(), id),
    }
}
