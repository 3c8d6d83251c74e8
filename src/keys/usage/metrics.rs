//! How many calls an account had on each day, by Azure's metrics: always on, kept for 93 days.
//!
//! No metric says how a call was authenticated. `AzureOpenAIRequests` and `ModelRequests` count calls of models, `TotalCalls` those of the
//! other services; they overlap, so the largest one counts. `SuccessfulCalls` matters where only keys can succeed.
//! <https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-cognitiveservices-accounts-metrics>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{DAY, Day, Window, begin, second};
use crate::id::ResourceId;
use crate::snapshot::{Query, Shape};

/// Metrics that count calls, each with all calls that it knows.
const CALLS: [&str; 3] = ["AzureOpenAIRequests", "ModelRequests", "TotalCalls"];
/// The metric that counts calls that succeeded.
const SUCCESSFUL: &str = "SuccessfulCalls";
/// How many days one query covers.
const AT_ONCE: i64 = 31;

/// The number of calls by day. A day that is not there had none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// All calls.
    pub calls: BTreeMap<Day, u64>,
    /// Those that certainly succeeded.
    pub successful: BTreeMap<Day, u64>,
}

impl Metrics {
    /// All calls in the period.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// The queries for an account, which cover the period one after another.
pub(super) fn queries(account: &ResourceId, window: Window) -> Vec<Query> {
    let names = [&CALLS[..], &[SUCCESSFUL]].concat().join(",");
    let end = window.today() + 1;
    let starts = (window.first()..end).step_by(usize::try_from(AT_ONCE).unwrap_or(1));
    let query = |first: Day| Query {
        path: format!(
            "{account}/providers/Microsoft.Insights/metrics?api-version=2018-01-01&metricnames={names}&timespan={}/{}&interval=P1D&aggregation=Total",
            second(begin(first)),
            second(begin((first + AT_ONCE).min(end)))
        ),
        shape: Shape::One,
        scope: account.clone(),
        project: |body| body,
    };
    starts.map(query).collect()
}

/// Reads the answers. `None` if one of them does not have every metric: a missing one is not zero.
pub(super) fn read<'a>(answers: impl IntoIterator<Item = &'a Value>) -> Option<Metrics> {
    let mut metrics = Metrics::default();
    for answer in answers {
        let found: Vec<&Value> = answer["value"].as_array()?.iter().collect();
        let named = |name: &str| {
            found.iter().find(|metric| {
                metric["name"]["value"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name))
            })
        };
        for name in CALLS {
            for (day, count) in by_day(named(name)?)? {
                let most = metrics.calls.entry(day).or_default();
                *most = (*most).max(count);
            }
        }
        for (day, count) in by_day(named(SUCCESSFUL)?)? {
            *metrics.successful.entry(day).or_default() += count;
        }
    }
    metrics.calls.retain(|_, count| *count > 0);
    metrics.successful.retain(|_, count| *count > 0);
    Some(metrics)
}

/// A metric by day. No series, and no number for a day, mean no call.
fn by_day(metric: &Value) -> Option<BTreeMap<Day, u64>> {
    let code = metric["errorCode"].as_str().unwrap_or("Success");
    if !code.eq_ignore_ascii_case("Success") {
        return None;
    }
    let mut days = BTreeMap::new();
    for series in metric["timeseries"].as_array()? {
        for point in series["data"].as_array().into_iter().flatten() {
            let at: Timestamp = point["timeStamp"].as_str()?.parse().ok()?;
            let count = match &point["total"] {
                Value::Null => 0,
                total => whole(total.as_f64()?)?,
            };
            *days.entry(at.as_second().div_euclid(DAY)).or_default() += count;
        }
    }
    Some(days)
}

/// A count, which Azure writes with a decimal point.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
fn whole(count: f64) -> Option<u64> {
    (0.0..1e18).contains(&count).then_some(count.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metric(name: &str, totals: &[Value]) -> Value {
        let data: Vec<Value> = totals
            .iter()
            .enumerate()
            .map(|(day, total)| json!({"timeStamp": format!("2026-11-{:02}T00:00:00Z", day + 1), "total": total}))
            .collect();
        json!({"name": {"value": name, "localizedValue": name}, "errorCode": "Success", "timeseries": [{"metadatavalues": [], "data": data}]})
    }

    fn answer() -> Value {
        json!({"value": [
            metric("AzureOpenAIRequests", &[json!(3.0), json!(null)]),
            metric("ModelRequests", &[json!(4.0), json!(0.0)]),
            {"name": {"value": "totalcalls"}, "timeseries": []},
            metric("SuccessfulCalls", &[json!(1)]),
        ]})
    }

    #[test]
    fn the_largest_metric_of_a_day_counts() {
        let first = "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second() / DAY;
        let found = read([&answer()]).unwrap();
        assert_eq!(found.calls, BTreeMap::from([(first, 4)]));
        assert_eq!(found.successful, BTreeMap::from([(first, 1)]));
    }

    #[test]
    fn what_is_not_there_is_not_zero() {
        for broken in ["value", "name", "total", "timeStamp", "errorCode", "timeseries"] {
            let mut answer = answer();
            match broken {
                "value" => answer["value"] = json!(null),
                "name" => answer["value"][2]["name"]["value"] = json!("Other"),
                "total" => answer["value"][0]["timeseries"][0]["data"][0]["total"] = json!("3"),
                "timeStamp" => answer["value"][0]["timeseries"][0]["data"][0]["timeStamp"] = json!("today"),
                "errorCode" => answer["value"][0]["errorCode"] = json!("Throttled"),
                _ => answer["value"][1]["timeseries"] = json!(null),
            }
            assert_eq!(read([&answer]), None, "{broken}");
        }
    }

    #[test]
    fn queries_cover_the_period_without_a_gap() {
        let account = ResourceId::subscription("7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11");
        let now = "2026-11-26T13:00:00Z".parse().unwrap();
        for (days, spans) in [
            (1, vec!["2026-11-25T00:00:00Z/2026-11-27T00:00:00Z"]),
            (30, vec!["2026-10-27T00:00:00Z/2026-11-27T00:00:00Z"]),
            (
                31,
                vec![
                    "2026-10-26T00:00:00Z/2026-11-26T00:00:00Z",
                    "2026-11-26T00:00:00Z/2026-11-27T00:00:00Z",
                ],
            ),
        ] {
            let queries = queries(&account, Window { days, now });
            let found: Vec<&str> = queries
                .iter()
                .filter_map(|query| query.path.split("timespan=").nth(1)?.split('&').next())
                .collect();
            assert_eq!(found, spans, "{days}");
        }
    }
}
