//! The free table of a job: TOML values as JSON, which is what the bus and `--json` speak.

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeFloat, DeInteger, DeTable, DeValue},
};

/// Turns a table into JSON; calls `refuse` with the place and the reason for what JSON cannot hold.
pub(super) fn to_json(
    table: &DeTable<'_>,
    refuse: &mut impl FnMut(usize, &'static str),
) -> Map<String, Value> {
    table
        .iter()
        .filter_map(|(key, value)| Some((key.get_ref().to_string(), to_value(value, refuse)?)))
        .collect()
}

fn to_value(value: &Spanned<DeValue<'_>>, refuse: &mut impl FnMut(usize, &'static str)) -> Option<Value> {
    let number = match value.get_ref() {
        DeValue::String(text) => return Some(Value::String(text.to_string())),
        DeValue::Boolean(flag) => return Some(Value::Bool(*flag)),
        DeValue::Datetime(time) => return Some(Value::String(time.to_string())),
        DeValue::Array(items) => {
            return Some(Value::Array(
                items.iter().filter_map(|item| to_value(item, refuse)).collect(),
            ));
        }
        DeValue::Table(table) => return Some(Value::Object(to_json(table, refuse))),
        DeValue::Integer(integer) => integer_value(integer).map(Number::from),
        DeValue::Float(float) => float_value(float).and_then(Number::from_f64),
    };
    if number.is_none() {
        refuse(value.span().start, "a number must be finite and fit into 64 bits");
    }
    number.map(Value::Number)
}

/// The number that a TOML integer stands for, if it fits.
pub(super) fn integer_value(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The number that a TOML float stands for.
pub(super) fn float_value(float: &DeFloat<'_>) -> Option<f64> {
    float.as_str().parse().ok()
}
