//! Which api-versions each type accepts.
//!
//! Known versions are accepted, and so is anything newer than this table: clients move faster
//! than it does. An older version that never existed is refused, as ARM refuses it. Pure.

use crate::sandbox::http::{Reply, Request, errors};

/// Date up to which the table is complete.
const COVERED: &str = "2026-05-31";

/// Namespace and type (lower case), and the versions Azure published for it.
const TABLE: &[(&str, &[&str])] = &[
    (
        "microsoft.cognitiveservices",
        &[
            "2016-02-01-preview",
            "2017-04-18",
            "2021-04-30",
            "2021-10-01",
            "2022-03-01",
            "2022-10-01",
            "2022-12-01",
            "2023-05-01",
            "2023-10-01-preview",
            "2024-04-01-preview",
            "2024-06-01-preview",
            "2024-10-01",
            "2025-04-01-preview",
            "2025-06-01",
            "2025-07-01-preview",
            "2025-09-01",
            "2025-10-01-preview",
            "2025-12-01",
            "2026-01-15-preview",
            "2026-03-01",
            "2026-05-01",
            "2026-05-15-preview",
        ],
    ),
    (
        "microsoft.machinelearningservices",
        &[
            "2022-10-01",
            "2023-04-01",
            "2023-06-01-preview",
            "2023-08-01-preview",
            "2023-10-01",
            "2024-01-01-preview",
            "2024-04-01",
            "2024-04-01-preview",
            "2024-07-01-preview",
            "2024-10-01",
            "2024-10-01-preview",
            "2025-01-01-preview",
            "2025-04-01",
            "2025-04-01-preview",
            "2025-06-01",
            "2025-07-01-preview",
            "2025-09-01",
            "2025-10-01-preview",
            "2025-12-01",
        ],
    ),
    (
        "microsoft.authorization/roleassignments",
        &[
            "2014-04-01-preview",
            "2014-07-01-preview",
            "2014-10-01-preview",
            "2015-05-01-preview",
            "2015-06-01",
            "2015-07-01",
            "2016-07-01",
            "2017-05-01",
            "2017-10-01-preview",
            "2018-01-01-preview",
            "2018-07-01",
            "2018-09-01-preview",
            "2018-12-01-preview",
            "2019-04-01-preview",
            "2020-03-01-preview",
            "2020-04-01-preview",
            "2020-08-01-preview",
            "2020-10-01-preview",
            "2021-04-01-preview",
            "2022-01-01-preview",
            "2022-04-01",
        ],
    ),
    (
        "microsoft.authorization/roledefinitions",
        &[
            "2014-04-01-preview",
            "2014-07-01-preview",
            "2015-05-01-preview",
            "2015-06-01",
            "2015-07-01",
            "2016-07-01",
            "2017-05-01",
            "2017-10-01-preview",
            "2018-01-01-preview",
            "2018-07-01",
            "2022-04-01",
            "2022-05-01-preview",
        ],
    ),
    (
        "microsoft.authorization/permissions",
        &[
            "2015-06-01",
            "2015-07-01",
            "2016-07-01",
            "2018-01-01-preview",
            "2018-07-01",
            "2022-04-01",
            "2022-05-01-preview",
        ],
    ),
    (
        "microsoft.authorization/locks",
        &["2015-01-01", "2015-06-01", "2016-09-01", "2017-04-01", "2020-05-01"],
    ),
    ("microsoft.authorization/denyassignments", &["2018-07-01-preview", "2022-04-01", "2024-07-01-preview"]),
    (
        "microsoft.authorization/roleassignmentscheduleinstances",
        &["2020-10-01", "2020-10-01-preview", "2022-04-01-preview", "2024-09-01-preview"],
    ),
    (
        "microsoft.policyinsights/checkpolicyrestrictions",
        &["2020-07-01", "2020-07-01-preview", "2022-03-01", "2023-03-01", "2024-10-01"],
    ),
    ("microsoft.insights/diagnosticsettings", &["2016-09-01", "2017-05-01-preview", "2021-05-01-preview"]),
    ("microsoft.insights/metrics", &["2018-01-01", "2019-07-01", "2021-05-01", "2023-10-01", "2024-02-01"]),
    ("microsoft.insights/logs", &["2018-03-01-preview", "2018-08-01-preview"]),
    (
        "microsoft.operationalinsights",
        &["2020-08-01", "2021-06-01", "2021-12-01-preview", "2022-10-01", "2023-09-01", "2025-02-01"],
    ),
    ("microsoft.insights/eventtypes", &["2014-04-01", "2015-04-01", "2017-03-01-preview"]),
    (
        "resources",
        &[
            "2014-04-01",
            "2015-01-01",
            "2015-11-01",
            "2016-02-01",
            "2016-06-01",
            "2016-07-01",
            "2016-09-01",
            "2017-03-01",
            "2017-05-01",
            "2017-05-10",
            "2017-08-01",
            "2018-01-01",
            "2018-02-01",
            "2018-05-01",
            "2018-06-01",
            "2018-07-01",
            "2018-11-01",
            "2019-03-01",
            "2019-05-01",
            "2019-05-10",
            "2019-06-01",
            "2019-07-01",
            "2019-08-01",
            "2019-10-01",
            "2019-11-01",
            "2020-01-01",
            "2020-06-01",
            "2020-08-01",
            "2020-10-01",
            "2021-01-01",
            "2021-04-01",
            "2021-10-01",
            "2022-01-01",
            "2022-06-01",
            "2022-09-01",
            "2022-12-01",
            "2023-07-01",
            "2024-03-01",
            "2024-07-01",
            "2024-11-01",
            "2025-03-01",
            "2025-04-01",
        ],
    ),
];

/// From this version of Microsoft.CognitiveServices on, there are the fields of 2026.
const LATE: &str = "2026-03-01";

/// Whether a request asks with a version that has the fields of 2026.
pub(crate) fn is_late(request: &Request) -> bool {
    request.query("api-version").is_some_and(|version| version >= LATE)
}

/// Whether it asks with one of them that is generally available: its answers show more than any description has. Whether those of previews
/// do is not known.
pub(crate) fn shows_more(request: &Request) -> bool {
    is_late(request) && request.query("api-version").is_some_and(|version| version.len() == LATE.len())
}

/// Refuses a version of Microsoft.CognitiveServices that is newer than the newest of this cloud.
pub(crate) fn check_newest(request: &Request, newest: Option<&str>, kind: &str) -> Result<(), Reply> {
    let version = request.query("api-version").unwrap_or_default();
    let Some(newest) = newest.filter(|newest| version > *newest) else { return Ok(()) };
    let known = TABLE
        .iter()
        .find(|(name, _)| *name == "microsoft.cognitiveservices")
        .map_or(&[][..], |(_, known)| known);
    let supported: Vec<&str> = known.iter().rev().copied().filter(|known| *known <= newest).collect();
    Err(errors::no_registered_provider(kind, version, &supported.join(", ")))
}

/// Refuses a request without an api-version that its type has.
pub(crate) fn check(request: &Request, entry: &str, kind: &str) -> Result<(), Reply> {
    let Some(version) = request.query("api-version").filter(|version| !version.is_empty()) else {
        return Err(errors::missing_api_version());
    };
    let known = TABLE.iter().find(|(name, _)| *name == entry).map_or(&[][..], |(_, known)| known);
    if is_version(version) && accepts(known, version) {
        return Ok(());
    }
    let supported: Vec<&str> = known.iter().rev().copied().collect();
    let supported = supported.join(", ");
    Err(if entry == "resources" || !is_version(version) {
        errors::invalid_api_version(version, &supported)
    } else {
        errors::no_registered_provider(kind, version, &supported)
    })
}

fn accepts(known: &[&str], version: &str) -> bool {
    let version = version.to_lowercase();
    known.contains(&version.as_str()) || known.is_empty() || version.as_str() > COVERED
}

/// `2022-04-01`, with or without a suffix such as `-preview`.
fn is_version(version: &str) -> bool {
    let Some((date, suffix)) = version.split_at_checked(10) else { return false };
    let digits = |range: std::ops::Range<usize>| date.as_bytes()[range].iter().all(u8::is_ascii_digit);
    let dashes = date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    let suffixed = suffix.strip_prefix('-').is_some_and(|word| {
        !word.is_empty()
            && word.bytes().all(|letter| letter.is_ascii_alphabetic() || letter == b'.' || letter == b'-')
    });
    digits(0..4) && digits(5..7) && digits(8..10) && dashes && (suffix.is_empty() || suffixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_newer_versions_pass_and_invented_ones_do_not() {
        let known = TABLE[0].1;
        for good in
            ["2023-05-01", "2024-06-01-preview", "2026-05-15-PREVIEW", "2031-01-01", "2026-06-01-preview"]
        {
            assert!(is_version(good) && accepts(known, good), "{good}");
        }
        for bad in ["2023-05-02", "2024-06-01", "2025-06-01-preview", "2026-05-16"] {
            assert!(is_version(bad) && !accepts(known, bad), "{bad}");
        }
        for malformed in ["", "latest", "2023-5-1", "2023-05-01preview", "2023-05-01-", "２０２３-05-01"]
        {
            assert!(!is_version(malformed), "{malformed}");
        }
    }

    #[test]
    fn each_list_of_versions_is_sorted() {
        for (name, known) in TABLE {
            assert!(known.is_sorted(), "{name}");
        }
    }
}
