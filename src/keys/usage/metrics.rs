//! How many calls an account had on each day, by Azure's metrics: always on, kept for 93 days.
//!
//! No metric says how a call was authenticated. `AzureOpenAIRequests` and `ModelRequests` count calls of models; `TotalCalls` is older and
//! belongs to all services. Whether a call is in one of them or in several is not documented. So where more than one counts, they are asked
//! for each API: of one API the largest counts, and the APIs are added. What a metric assigns to no API is added too, so that no call can
//! hide behind another one; a call may be counted twice instead. A metric may name Azure OpenAI without a version, which is then any of
//! those that others name. No day has fewer calls than `SuccessfulCalls` counts, which also matters where only keys can succeed. How many of the
//! calls were refused is known where the metrics that tell calls apart by status count as many as any other.
//! <https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-cognitiveservices-accounts-metrics>

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{DAY, Day, Window, begin, second};
use crate::id::ResourceId;
use crate::snapshot::{Query, Shape};
use crate::text::query::encoded;

/// Metrics that count calls, each with all calls that it knows.
const CALLS: [&str; 3] = ["AzureOpenAIRequests", "ModelRequests", "TotalCalls"];
/// The first so many of them tell calls apart by status.
const WITH_STATUS: usize = 2;
/// The metric that counts calls that succeeded.
const SUCCESSFUL: &str = "SuccessfulCalls";
/// The dimension by which metrics are told apart.
const API: &str = "ApiName";
/// The dimension of the status of calls, and that of refused ones.
const STATUS: &str = "StatusCode";
const REFUSED: [&str; 2] = ["401", "403"];
/// Azure OpenAI without a version. APIs and versions of it begin with this.
const OPENAI: &str = "openai";
/// Words of its names that tell no API and no version apart.
const PLAIN: [&str; 4] = ["", "api", "service", "version"];
/// How many days one query covers.
const AT_ONCE: i64 = 31;
/// Most series of an answer by API; Azure returns ten if nothing is said.
const MOST_SERIES: u32 = 1000;

/// The number of calls by day. A day that is not there had none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metrics {
    pub calls: BTreeMap<Day, u64>,
    /// Those that certainly succeeded.
    pub successful: BTreeMap<Day, u64>,
    /// Those that were certainly refused, and are among the others.
    pub refused: BTreeMap<Day, u64>,
    /// Whether calls may be counted twice, since Azure did not say which API each metric counts.
    pub may_be_twice: bool,
}

impl Metrics {
    /// All calls in the period.
    #[must_use]
    pub(crate) fn total(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// What each metric counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MetricCounts {
    calls: [BTreeMap<Day, u64>; CALLS.len()],
    successful: BTreeMap<Day, u64>,
}

impl MetricCounts {
    /// Whether more than one metric counts calls, so that it matters whether they count the same ones.
    pub(super) fn overlap(&self) -> bool {
        self.calls.iter().filter(|days| !days.is_empty()).count() > 1
    }

    /// Whether a metric names Azure OpenAI without a version on days that differ in their numbers: an equal number of another metric is no
    /// chance then.
    fn varies(by_api: Option<&ByApi>) -> bool {
        let mut found: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for ((metric, _), apis) in by_api.into_iter().flatten() {
            found.entry(*metric).or_default().extend(apis.get(OPENAI).filter(|count| **count > 0));
        }
        found.values().all(|counts| counts.len() != 1)
    }

    /// The calls of each day, told apart by API if that is known: otherwise the metrics are added.
    pub(super) fn told_apart(self, by_api: Option<&ByApi>, by_status: Option<&RefusedCalls>) -> Metrics {
        let (overlap, varies) = (self.overlap(), Self::varies(by_api));
        let mut may_be_twice = false;
        let all = self.calls.iter().chain([&self.successful]);
        let days: BTreeSet<Day> = all.flat_map(BTreeMap::keys).copied().collect();
        let (mut calls, mut refused) = (BTreeMap::new(), BTreeMap::new());
        for day in days {
            if let Some(count) = by_status.and_then(|known| self.refused(known, by_api, day)) {
                refused.insert(day, count);
            }
            let mut largest: BTreeMap<&str, u64> = BTreeMap::new();
            // What one metric counts of Azure OpenAI at most, without a version, and with and without; what each counts with one.
            let (mut without, mut both, mut of_no_api) = (0, 0, 0);
            let mut with = BTreeSet::new();
            for (metric, all) in self.calls.iter().enumerate() {
                let mut rest = all.get(&day).copied().unwrap_or_default();
                let (mut versions, mut nameless) = (0, 0);
                for (api, count) in by_api.and_then(|known| known.get(&(metric, day))).into_iter().flatten() {
                    rest = rest.saturating_sub(*count);
                    if api == OPENAI {
                        nameless = *count;
                        continue;
                    }
                    if api.starts_with(OPENAI) {
                        versions += count;
                    }
                    let most = largest.entry(api).or_default();
                    *most = (*most).max(*count);
                }
                without = without.max(nameless);
                both = both.max(versions + nameless);
                with.insert(versions);
                of_no_api += rest;
            }
            may_be_twice |= overlap && of_no_api > 0;
            let (versions, others): (Vec<_>, Vec<_>) =
                largest.into_iter().partition(|(api, _)| api.starts_with(OPENAI));
            let sum = |parts: Vec<(&str, u64)>| parts.into_iter().map(|(_, count)| count).sum::<u64>();
            let succeeded = self.successful.get(&day).copied().unwrap_or_default();
            let versions = sum(versions);
            // Fewer calls without a version may be others than those with one.
            let are_others = versions > 0
                && (1..=versions).contains(&without)
                && !(varies && (without == versions || with.contains(&without)));
            may_be_twice |= are_others;
            let openai = both.max(versions + if are_others { without } else { 0 });
            calls.insert(day, (sum(others) + openai + of_no_api).max(succeeded));
        }
        Metrics { calls, successful: self.successful, refused, may_be_twice }
    }

    /// How many of the calls of a day were refused: what each metric with a status counts at least. `None` if another metric counts more
    /// calls of an API than they do, since those may be other calls than refused ones.
    fn refused(&self, by_status: &RefusedCalls, by_api: Option<&ByApi>, day: Day) -> Option<u64> {
        let counts = |metric: usize| self.calls[metric].get(&day).is_some_and(|calls| *calls > 0);
        let of_apis = |metric: usize| {
            let mut apis: BTreeMap<&str, u64> = BTreeMap::new();
            for (api, count) in by_api.and_then(|known| known.get(&(metric, day))).into_iter().flatten() {
                *apis.entry(if api.starts_with(OPENAI) { OPENAI } else { api }).or_default() += count;
            }
            apis
        };
        let with: Vec<usize> = (0..WITH_STATUS).filter(|metric| counts(*metric)).collect();
        let most = |api: &str| with.iter().filter_map(|metric| of_apis(*metric).get(api).copied()).max();
        let is_more = |metric: usize| {
            of_apis(metric).into_iter().any(|(api, count)| most(api).is_some_and(|most| count > most))
        };
        if (WITH_STATUS..CALLS.len()).any(is_more) {
            return None;
        }
        with.iter().map(|metric| by_status.get(&(*metric, day)).copied().unwrap_or_default()).min()
    }
}

/// The calls of each metric (by its place) on each day that were refused.
pub(super) type RefusedCalls = BTreeMap<(usize, Day), u64>;

/// The calls of each metric (by its place) on each day, by API.
pub(super) type ByApi = BTreeMap<(usize, Day), BTreeMap<String, u64>>;

/// The days that each query covers: from the first one up to the second.
fn spans(window: Window) -> impl Iterator<Item = (Day, Day)> {
    let end = window.last() + 1;
    let starts = (window.first()..end).step_by(usize::try_from(AT_ONCE).unwrap_or(1));
    starts.map(move |first| (first, (first + AT_ONCE).min(end)))
}

fn asked(account: &ResourceId, window: Window, names: &str, more: &str) -> Vec<Query> {
    let query = |(first, end): (Day, Day)| Query {
        path: format!(
            "{account}/providers/Microsoft.Insights/metrics?api-version=2018-01-01&metricnames={names}&timespan={}/{}&interval=P1D&aggregation=Total{more}",
            second(begin(first)),
            second(begin(end))
        ),
        shape: Shape::One,
        scope: account.clone(),
        project: |body| body,
    };
    spans(window).map(query).collect()
}

/// The queries for an account, which cover the period one after another.
pub(super) fn queries(account: &ResourceId, window: Window) -> Vec<Query> {
    asked(account, window, &[&CALLS[..], &[SUCCESSFUL]].concat().join(","), "")
}

/// The queries that tell the metrics of an account apart by API.
pub(super) fn queries_by_api(account: &ResourceId, window: Window) -> Vec<Query> {
    asked(account, window, &CALLS.join(","), &split_by(API))
}

/// The queries that tell refused calls of an account apart.
pub(super) fn queries_by_status(account: &ResourceId, window: Window) -> Vec<Query> {
    asked(account, window, &CALLS[..WITH_STATUS].join(","), &split_by(STATUS))
}

fn split_by(dimension: &str) -> String {
    format!("&$filter={}&top={MOST_SERIES}", encoded(&format!("{dimension} eq '*'")))
}

/// Reads the answers. `None` if one of them does not have every metric of its days: what is missing is not zero.
pub(super) fn read<'a>(answers: impl IntoIterator<Item = &'a Value>, window: Window) -> Option<MetricCounts> {
    let mut counts = MetricCounts::default();
    for (answer, span) in answers.into_iter().zip(spans(window)) {
        covers(answer, span, window).then_some(())?;
        for (metric, name) in CALLS.iter().enumerate() {
            for (day, count) in all(answer, name)? {
                *counts.calls[metric].entry(day).or_default() += count;
            }
        }
        for (day, count) in all(answer, SUCCESSFUL)? {
            *counts.successful.entry(day).or_default() += count;
        }
    }
    counts.calls.iter_mut().for_each(|days| days.retain(|_, count| *count > 0));
    counts.successful.retain(|_, count| *count > 0);
    Some(counts)
}

/// Reads the answers by API.
pub(super) fn read_by_api<'a>(answers: impl IntoIterator<Item = &'a Value>) -> Option<ByApi> {
    let mut by_api = ByApi::new();
    for answer in answers {
        for (metric, name) in CALLS.iter().enumerate() {
            for (series, day, count) in series(answer, name)? {
                if let Some(api) = api(series) {
                    *by_api.entry((metric, day)).or_default().entry(api).or_default() += count;
                }
            }
        }
    }
    Some(by_api)
}

/// Reads the answers by status.
pub(super) fn read_by_status<'a>(answers: impl IntoIterator<Item = &'a Value>) -> Option<RefusedCalls> {
    let mut refused = RefusedCalls::new();
    for answer in answers {
        for (metric, name) in CALLS[..WITH_STATUS].iter().enumerate() {
            for (series, day, count) in series(answer, name)? {
                let Some(status) = dimension(series, STATUS) else {
                    if count > 0 {
                        return None;
                    }
                    continue;
                };
                // Only codes tell which calls were refused.
                status.parse::<u16>().ok()?;
                if REFUSED.contains(&status) {
                    *refused.entry((metric, day)).or_default() += count;
                }
            }
        }
    }
    Some(refused)
}

/// Whether an answer is about the days that were asked about, as far as it says so. Days that have not begun may be left out.
fn covers(answer: &Value, (first, end): (Day, Day), window: Window) -> bool {
    let Some((from, to)) = answer["timespan"].as_str().and_then(|span| span.split_once('/')) else {
        return true;
    };
    let at = |time: &str| time.parse::<Timestamp>().ok();
    let end = begin(end.min(window.today()));
    at(from).is_some_and(|from| from <= begin(first)) && at(to).is_some_and(|to| to >= end)
}

/// The numbers of a metric, each with its day.
fn all(answer: &Value, name: &str) -> Option<impl Iterator<Item = (Day, u64)>> {
    Some(series(answer, name)?.into_iter().map(|(_, day, count)| (day, count)))
}

/// The numbers of a metric, each with its series and its day. No series, and no number for a day, mean no call.
fn series<'a>(answer: &'a Value, name: &str) -> Option<Vec<(&'a Value, Day, u64)>> {
    let metric = answer["value"].as_array()?.iter().find(|metric| {
        metric["name"]["value"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name))
    })?;
    let code = metric["errorCode"].as_str().unwrap_or("Success");
    if !code.eq_ignore_ascii_case("Success") {
        return None;
    }
    let mut numbers = Vec::new();
    for series in metric["timeseries"].as_array()? {
        for point in series["data"].as_array().into_iter().flatten() {
            let at: Timestamp = point["timeStamp"].as_str()?.parse().ok()?;
            let count = match &point["total"] {
                Value::Null => 0,
                total => whole(total.as_f64()?)?,
            };
            numbers.push((series, at.as_second().div_euclid(DAY), count));
        }
    }
    Some(numbers)
}

/// The API of a series, in lower case; of Azure OpenAI only what tells its APIs and versions apart, since not every metric names them alike.
fn api(series: &Value) -> Option<String> {
    let name = dimension(series, API)?.to_lowercase();
    if name.contains(OPENAI) {
        let words = name.split(|letter: char| !letter.is_alphanumeric());
        let words = words.map(|word| word.trim_start_matches("azure").trim_start_matches(OPENAI));
        let telling = words.filter(|word| !PLAIN.contains(word));
        return Some([OPENAI].into_iter().chain(telling).collect::<Vec<_>>().join(" "));
    }
    (!name.is_empty()).then_some(name)
}

/// What a dimension is for a series.
fn dimension<'a>(series: &'a Value, name: &str) -> Option<&'a str> {
    let is = |value: &&Value| {
        value["name"]["value"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    Some(series["metadatavalues"].as_array()?.iter().find(is)?["value"].as_str()?.trim())
}

/// A count, which Azure writes with a decimal point.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
fn whole(count: f64) -> Option<u64> {
    // What all days and metrics count together has to fit too.
    (0.0..1e15).contains(&count).then_some(count.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn window() -> Window {
        Window { days: 2, now: "2026-11-03T13:00:00Z".parse().unwrap() }
    }

    fn first() -> Day {
        "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second() / DAY
    }

    fn points(totals: &[Value]) -> Value {
        let point = |(day, total): (usize, &Value)| json!({"timeStamp": format!("2026-11-{:02}T00:00:00Z", day + 1), "total": total});
        totals.iter().enumerate().map(point).collect()
    }

    fn metric(name: &str, totals: &[Value]) -> Value {
        let data = points(totals);
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

    /// Series of a metric by API; on the second day twice as many.
    fn split(name: &str, apis: &[(&str, u64)]) -> Value {
        let series = |(api, count): &(&str, u64)| json!({"metadatavalues": [{"name": {"value": "apiname"}, "value": api}], "data": points(&[json!(count), json!(2 * count)])});
        json!({"name": {"value": name}, "timeseries": apis.iter().map(series).collect::<Vec<_>>()})
    }

    /// The calls of the first day, by metrics that count so many, told apart like this.
    fn told(counts: [u64; 3], apis: [&[(&str, u64)]; 3]) -> u64 {
        let mut value: Vec<Value> = CALLS
            .iter()
            .zip(counts)
            .map(|(name, count)| metric(name, &[json!(count), json!(2 * count)]))
            .collect();
        value.push(metric(SUCCESSFUL, &[]));
        let counts = read([&json!({"value": value})], window()).unwrap();
        let split: Vec<Value> = CALLS.iter().zip(apis).map(|(name, apis)| split(name, apis)).collect();
        let by_api = read_by_api([&json!({"value": split})]).unwrap();
        counts.told_apart(Some(&by_api), None).calls.get(&first()).copied().unwrap_or_default()
    }

    #[test]
    fn of_one_api_the_largest_metric_counts_and_apis_are_added() {
        let openai = "Azure OpenAI API version 2024-10-21";
        for (counts, apis, calls) in [
            // `TotalCalls` counts models too, or does not.
            (
                [10, 10, 14],
                [&[(openai, 10)][..], &[(openai, 10)], &[("Azure OpenAI", 10), ("Speech", 4)]],
                14,
            ),
            ([10, 10, 10], [&[(openai, 10)], &[(openai, 10)], &[("Speech", 10)]], 20),
            ([10, 10, 10], [&[(openai, 10)], &[(openai, 10)], &[("azure openai", 10)]], 10),
            // Another API of OpenAI is no version that a metric does not name.
            ([5, 3, 0], [&[(openai, 5)], &[("OpenAI compatible API", 3)], &[]], 8),
            ([5, 3, 8], [&[(openai, 5)], &[("OpenAI compatible API", 3)], &[("Azure OpenAI", 8)]], 8),
            ([5, 3, 5], [&[(openai, 5)], &[("OpenAI compatible API", 3)], &[("Azure OpenAI", 5)]], 8),
            ([7, 7, 0], [&[(openai, 7)], &[("OpenAI API version 2024-10-21", 7)], &[]], 7),
            // One metric counts other models only.
            ([10, 10, 0], [&[(openai, 10)], &[("Anthropic", 10)], &[]], 20),
            ([10, 14, 0], [&[(openai, 10)], &[(openai, 10), ("Anthropic", 4)], &[]], 14),
            // What no API is named for may be calls of any.
            ([10, 10, 10], [&[(openai, 10)], &[(openai, 10)], &[("Azure OpenAI", 7), ("", 3)]], 20),
            // Fewer calls than those with a version are others.
            ([10, 4, 0], [&[(openai, 10)], &[("OpenAI", 4)], &[]], 14),
            ([10, 14, 0], [&[(openai, 10)], &[("OpenAI", 14)], &[]], 14),
            ([10, 10, 10], [&[(openai, 10)], &[], &[]], 30),
            ([10, 0, 0], [&[], &[], &[]], 10),
        ] {
            assert_eq!(told(counts, apis), calls, "{counts:?} {apis:?}");
        }
    }

    #[test]
    fn metrics_that_cannot_be_told_apart_are_added() {
        let found = read([&answer()], window()).unwrap().told_apart(None, None);
        assert_eq!(found.calls, BTreeMap::from([(first(), 7)]));
        assert_eq!(found.successful, BTreeMap::from([(first(), 1)]));
        assert!(found.may_be_twice);
        let mut one = answer();
        one["value"][1]["timeseries"] = json!([]);
        let one = read([&one], window()).unwrap();
        assert!(!one.overlap());
        assert_eq!(one.told_apart(None, None).calls, BTreeMap::from([(first(), 3)]));
    }

    #[test]
    fn no_day_has_fewer_calls_than_succeeded() {
        let counts = |calls: u64, successful: u64| {
            let mut value: Vec<Value> =
                CALLS.iter().zip([calls, 0, 0]).map(|(name, count)| metric(name, &[json!(count)])).collect();
            value.push(metric(SUCCESSFUL, &[json!(successful)]));
            read([&json!({"value": value})], window()).unwrap().told_apart(None, None).total()
        };
        assert_eq!([counts(5, 3), counts(5, 8), counts(0, 2)], [5, 8, 2]);
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
            assert_eq!(read([&answer], window()), None, "{broken}");
        }
    }

    #[test]
    fn an_answer_about_fewer_days_than_were_asked_about_is_none() {
        for (span, is_read) in [
            ("2026-11-01T00:00:00Z/2026-11-04T00:00:00Z", true),
            ("2026-10-31T00:00:00Z/2026-11-03T13:00:00Z", true),
            ("2026-11-02T00:00:00Z/2026-11-04T00:00:00Z", false),
            ("2026-11-01T00:00:01Z/2026-11-04T00:00:00Z", false),
            ("2026-11-01T00:00:00Z/2026-11-02T23:00:00Z", false),
            ("all/2026-11-04T00:00:00Z", false),
        ] {
            let mut answer = answer();
            answer["timespan"] = json!(span);
            assert_eq!(read([&answer], window()).is_some(), is_read, "{span}");
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
            for queries in [queries, queries_by_api] {
                let queries = queries(&account, Window { days, now });
                let found: Vec<&str> = queries
                    .iter()
                    .filter_map(|query| query.path.split("timespan=").nth(1)?.split('&').next())
                    .collect();
                assert_eq!(found, spans, "{days}");
            }
        }
        // Shortly after midnight yesterday is not over yet, and calls of today are counted all the same.
        let now = "2026-11-26T00:30:00Z".parse().unwrap();
        let queries = queries(&account, Window { days: 1, now });
        assert!(queries[0].path.contains("2026-11-24T00:00:00Z/2026-11-27T00:00:00Z"), "{}", queries[0].path);
    }
}
