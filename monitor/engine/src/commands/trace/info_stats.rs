// SPDX-License-Identifier: GPL-2.0-or-later
//! `info stats`.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::format::sign::Sign as _;

/// Arguments of `info stats`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    target: String,
    names: Option<String>,
    provider: Option<String>,
}

#[derive(Deserialize)]
struct ProviderSchema {
    provider: String,
    target: String,
    stats: Vec<StatSchema>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct StatSchema {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    unit: Option<String>,
    base: Option<i64>,
    exponent: i64,
    bucket_size: Option<i64>,
}

#[derive(Deserialize)]
struct StatsResult {
    provider: String,
    stats: Vec<Stat>,
}

#[derive(Deserialize)]
struct Stat {
    name: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cpu {
    cpu_index: i64,
    qom_path: String,
}

/// `info stats`: values next to what the schema says of them.
pub async fn info_stats(cx: &mut Cx<'_>, args: Stats) -> CmdResult {
    let invalid =
        |what: &str, word: &str| Err(CmdError::Plain(format!("invalid stats {what} {word}")));
    let targets = cx.enum_values("query-stats", "target").await?;
    if !targets.contains(&args.target) {
        return invalid("target", &args.target);
    }
    let providers = cx.enum_values("query-stats-schemas", "provider").await?;
    let mut schemas = Value::Null;
    if let Some(provider) = &args.provider {
        if !providers.contains(provider) {
            return invalid("provider", provider);
        }
        schemas = json!({"provider": provider});
    }
    let schemas: Vec<ProviderSchema> = cx.query_with("query-stats-schemas", schemas).await?;
    let mut filter = filter(&args, providers);
    if args.target == "vcpu" {
        if let Some(path) = current_cpu(cx).await? {
            filter["vcpus"] = json!([path]);
        }
    }
    let results: Vec<StatsResult> = cx.query_with("query-stats", filter).await?;
    for result in &results {
        print_result(cx, &args, result, &schemas)?;
    }
    Ok(())
}

async fn current_cpu(cx: &mut Cx<'_>) -> Result<Option<String>, CmdError> {
    let cpus: Vec<Cpu> = cx.query("query-cpus-fast").await?;
    let chosen = cpus
        .iter()
        .find(|cpu| Some(cpu.cpu_index) == cx.session.kept.cpu)
        .or(cpus.first());
    Ok(chosen.map(|cpu| cpu.qom_path.clone()))
}

/// What query-stats is asked for. Names without a provider are asked of every provider, the last
/// one first.
fn filter(args: &Stats, providers: Vec<String>) -> Value {
    let mut filter = json!({"target": args.target});
    if args.names.is_none() && args.provider.is_none() {
        return filter;
    }
    let requests: Vec<Value> = providers
        .into_iter()
        .rev()
        .filter(|p| args.provider.as_ref().is_none_or(|wanted| wanted == p))
        .map(|provider| {
            let mut request = json!({"provider": provider});
            if let Some(names) = args.names.as_deref().filter(|names| *names != "*") {
                request["names"] = names.split(',').collect();
            }
            request
        })
        .collect();
    filter["providers"] = requests.into();
    filter
}

fn print_result(
    out: &mut dyn Write,
    args: &Stats,
    result: &StatsResult,
    schemas: &[ProviderSchema],
) -> fmt::Result {
    let Some(schema) = schemas
        .iter()
        .find(|s| s.provider == result.provider && s.target == args.target)
    else {
        return writeln!(out, "failed to find schema list for {}", result.provider);
    };
    if args.provider.is_none() {
        writeln!(out, "provider: {}", result.provider)?;
    }
    // Both lists are in the same order; the schema's may have more.
    let mut schema = schema.stats.iter();
    for stat in &result.stats {
        let Some(entry) = schema.find(|entry| entry.name == stat.name) else {
            return writeln!(out, "failed to find schema entry for {}", stat.name);
        };
        print_schema(out, entry)?;
        print_value(out, &stat.value)?;
    }
    Ok(())
}

fn print_schema(out: &mut dyn Write, schema: &StatSchema) -> fmt::Result {
    let unit = schema.unit.as_deref();
    let described = unit.is_some() || schema.exponent != 0;
    write!(
        out,
        "    {} ({}{}",
        schema.name,
        schema.kind,
        if described { ", " } else { "" }
    )?;
    let symbol = match unit {
        Some("seconds") => Some("s"),
        Some("bytes") => Some("B"),
        _ => None,
    };
    match (symbol, prefix(schema.base.unwrap_or(0), schema.exponent)) {
        (Some(symbol), Some(prefix)) => write!(out, "{prefix}{symbol}")?,
        _ => {
            if schema.exponent != 0 {
                let base = schema.base.unwrap_or(0);
                let space = if unit.is_some() { " " } else { "" };
                write!(out, "* {base}^{}{space}", schema.exponent)?;
            }
            let shown = if schema.exponent == 0 {
                symbol.or(unit)
            } else {
                unit
            };
            out.write_str(shown.unwrap_or_default())?;
        }
    }
    if let ("linear-histogram", Some(size)) = (schema.kind.as_str(), schema.bucket_size) {
        write!(out, ", bucket size={size}")?;
    }
    out.write_char(')')
}

/// The prefix of a unit for a power of ten or of two, where there is one.
fn prefix(base: i64, exponent: i64) -> Option<&'static str> {
    const DECIMAL: [&str; 13] = [
        "a", "f", "p", "n", "u", "m", "", "K", "M", "G", "T", "P", "E",
    ];
    const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let (table, step, first): (&[&str], i64, i64) = match base {
        10 => (&DECIMAL, 3, -18),
        2 => (&BINARY, 10, 0),
        _ => return None,
    };
    if exponent % step != 0 {
        return None;
    }
    let index = usize::try_from((exponent - first) / step).ok()?;
    table.get(index).copied()
}

fn print_value(out: &mut dyn Write, value: &Value) -> fmt::Result {
    // Numbers are printed as signed ones.
    let signed = |value: &Value| match value.as_u64() {
        Some(number) => number.as_signed(),
        None => value.as_i64().unwrap_or(0),
    };
    match value {
        Value::Bool(on) => writeln!(out, ": {}", if *on { "yes" } else { "no" }),
        Value::Array(items) => {
            write!(out, ": ")?;
            for (i, item) in items.iter().enumerate() {
                write!(out, "[{}]={} ", i + 1, signed(item))?;
            }
            writeln!(out)
        }
        number => writeln!(out, ": {}", signed(number)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // Schemas of the kvm and cryptodev providers, in QAPI's examples and 10.0.2's answers.
    #[rstest]
    #[case(json!({"name": "a", "type": "cumulative", "exponent": 0}), "    a (cumulative)")]
    #[case(json!({"name": "a", "type": "peak", "unit": "bytes", "base": 2, "exponent": 10}), "    a (peak, KiB)")]
    #[case(json!({"name": "a", "type": "peak", "unit": "seconds", "base": 10, "exponent": -9}), "    a (peak, ns)")]
    #[case(json!({"name": "a", "type": "peak", "unit": "seconds", "exponent": 0}), "    a (peak, s)")]
    #[case(json!({"name": "a", "type": "peak", "unit": "seconds", "base": 10, "exponent": -8}), "    a (peak, * 10^-8 seconds)")]
    #[case(json!({"name": "a", "type": "instant", "unit": "cycles", "exponent": 0}), "    a (instant, cycles)")]
    #[case(json!({"name": "a", "type": "instant", "base": 2, "exponent": 3}), "    a (instant, * 2^3)")]
    #[case(
        json!({"name": "a", "type": "linear-histogram", "unit": "seconds", "base": 10, "exponent": -9, "bucket-size": 500}),
        "    a (linear-histogram, ns, bucket size=500)"
    )]
    fn what_a_value_is(#[case] schema: Value, #[case] text: &str) {
        let mut shown = String::new();
        print_schema(&mut shown, &serde_json::from_value(schema).unwrap()).unwrap();
        assert_eq!(shown, format!("{text})").replace("))", ")"));
    }

    #[rstest]
    #[case(json!(true), ": yes\n")]
    #[case(json!(u64::MAX), ": -1\n")]
    #[case(json!([1, 0]), ": [1]=1 [2]=0 \n")]
    fn values(#[case] value: Value, #[case] text: &str) {
        let mut shown = String::new();
        print_value(&mut shown, &value).unwrap();
        assert_eq!(shown, text);
    }

    /// One provider says of the VM and of its CPUs.
    #[test]
    fn the_schema_is_that_of_the_provider_and_the_target() {
        let stat = |name: &str| json!({"name": name, "type": "cumulative", "exponent": 0});
        let schemas = json!([
            {"provider": "cryptodev", "target": "vm", "stats": [stat("no")]},
            {"provider": "kvm", "target": "vcpu", "stats": [stat("exits")]},
            {"provider": "kvm", "target": "vm", "stats": [stat("flushes")]},
        ]);
        let schemas: Vec<ProviderSchema> = serde_json::from_value(schemas).unwrap();
        let result = json!({"provider": "kvm", "stats": [{"name": "flushes", "value": 3}]});
        let mut args = Stats {
            target: "vm".into(),
            names: None,
            provider: None,
        };
        let shown = |args: &Stats| {
            let mut text = String::new();
            let result = serde_json::from_value(result.clone()).unwrap();
            print_result(&mut text, args, &result, &schemas).unwrap();
            text
        };
        assert_eq!(shown(&args), "provider: kvm\n    flushes (cumulative): 3\n");
        args.target = "cryptodev".into();
        assert_eq!(shown(&args), "failed to find schema list for kvm\n");
    }

    #[test]
    fn names_are_asked_of_every_provider() {
        let args = Stats {
            target: "vm".into(),
            names: Some("a,b".into()),
            provider: None,
        };
        assert_eq!(
            filter(&args, vec!["kvm".into(), "cryptodev".into()]),
            json!({"target": "vm", "providers": [
                {"provider": "cryptodev", "names": ["a", "b"]}, {"provider": "kvm", "names": ["a", "b"]}
            ]})
        );
    }
}
