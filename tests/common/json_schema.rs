//! A validator for the part of JSON Schema that our schemas use. A keyword that it does not know is an error, so that no
//! rule of a schema is left out unnoticed.

#![allow(dead_code, unreachable_pub)] // each test uses its part

use serde_json::Value;

/// What is wrong with `value`, a line each.
pub fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, schema, value, "$", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let mut here = Vec::new();
    let mut wrong = |what: String| here.push(format!("{at}: {what}"));
    let rules = schema.as_object().expect("a schema is an object");
    let size = |n: &Value| usize::try_from(n.as_u64().unwrap()).unwrap();
    for (keyword, rule) in rules {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "items" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').expect("within the file");
                let target = root.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
                check(root, target, value, at, errors);
            }
            "oneOf" => {
                let fits = |of: &&Value| {
                    let mut found = Vec::new();
                    check(root, of, value, at, &mut found);
                    found.is_empty()
                };
                let n = rule.as_array().unwrap().iter().filter(fits).count();
                if n != 1 {
                    wrong(format!("fits {n} of the alternatives, expected one"));
                }
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                if !types.iter().any(|name| is(value, name.as_str().unwrap())) {
                    wrong(format!("{value} is no {rule}"));
                }
            }
            "const" if value != rule => wrong(format!("{value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => wrong(format!("{value} is none of {rule}")),
            "minimum" if value.as_f64().is_some_and(|x| x < rule.as_f64().unwrap()) => {
                wrong(format!("{value} is less than {rule}"));
            }
            "minItems" if value.as_array().is_some_and(|items| items.len() < size(rule)) => {
                wrong("too short".to_owned())
            }
            "maxItems" if value.as_array().is_some_and(|items| items.len() > size(rule)) => {
                wrong("too long".to_owned())
            }
            "required" => {
                for name in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if value.as_object().is_some_and(|fields| !fields.contains_key(name)) {
                        wrong(format!("{name} is missing"));
                    }
                }
            }
            "const" | "enum" | "minimum" | "minItems" | "maxItems" | "properties" | "prefixItems" => {}
            other => panic!("{at}: the validator does not know {other}"),
        }
    }
    errors.append(&mut here);
    if let (Some(properties), Some(fields)) = (schema.get("properties"), value.as_object()) {
        for (name, field) in fields {
            if let Some(rule) = properties.get(name) {
                check(root, rule, field, &format!("{at}.{name}"), errors);
            }
        }
    }
    let prefix = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(rule) = prefix.get(i).or(schema.get("items")) {
            check(root, rule, item, &format!("{at}[{i}]"), errors);
        }
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type: {other}"),
    }
}
