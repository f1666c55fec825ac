//! JSON documents against the schemas that `git promote schema` prints: the
//! part of JSON Schema that these use, strictly.

use std::process::Command;

use serde_json::Value;

/// Panics where the document breaks the schema of its kind.
#[track_caller]
pub(crate) fn assert_valid(document: &Value) {
    let kind = document["kind"].as_str().unwrap();
    assert_eq!(document["apiVersion"], "git-promote/v1");
    let program = env!("CARGO_BIN_EXE_git-promote");
    let output = Command::new(program).args(["schema", kind]).output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut errors = Vec::new();
    check((&schema, &schema), document, "$", &mut errors);
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

fn check(schema: (&Value, &Value), value: &Value, at: &str, errors: &mut Vec<String>) {
    let (root, schema) = schema;
    let Some(keywords) = schema.as_object() else { return };
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                check((root, root.pointer(pointer).unwrap()), value, at, errors);
            }
            "type" => {
                let allowed = match rule {
                    Value::Array(names) => names.clone(),
                    name => vec![name.clone()],
                };
                if !allowed.iter().any(|name| is_of(name.as_str().unwrap(), value)) {
                    errors.push(format!("{at} is not {rule}: {value}"));
                }
            }
            "anyOf" => {
                let passes = rule.as_array().unwrap().iter().any(|branch| {
                    let mut inner = Vec::new();
                    check((root, branch), value, at, &mut inner);
                    inner.is_empty()
                });
                if !passes {
                    errors.push(format!("{at} fits none of {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        errors.push(format!("{at} lacks {name}"));
                    }
                }
            }
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(schema) => {
                            check((root, schema), field, &format!("{at}.{name}"), errors);
                        }
                        None => errors.push(format!("{at}.{name} is not in the schema")),
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check((root, rule), item, &format!("{at}[{index}]"), errors);
                }
            }
            "enum" => {
                if !rule.as_array().unwrap().contains(value) {
                    errors.push(format!("{at} is none of {rule}: {value}"));
                }
            }
            "const" if rule != value => errors.push(format!("{at} is not {rule}: {value}")),
            "minimum" | "const" | "format" | "description" | "title" | "$defs" | "$schema" => {}
            other => panic!("the schema uses {other}, which this test does not know"),
        }
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
