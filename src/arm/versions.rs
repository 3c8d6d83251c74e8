//! The api-versions of Microsoft.CognitiveServices that keyless knows, and the one that a run uses.
//!
//! Everything asks with the newest one. A cloud that does not have it names those that it has; from then on, the newest of them that keyless
//! knows is used for the rest of the run. What an older version lacks stands in the kinds' tables. A region may be behind: what it refuses of
//! its own lists (`/locations/REGION/`) lowers the version for these alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::Error;
use super::exchange::Method;

/// The newest version that is generally available and described.
pub(crate) const NEWEST: &str = "2026-05-01";
/// All of them, newest first; the first two differ in nothing but their date.
const KNOWN: [&str; 3] = [NEWEST, "2026-03-01", "2025-06-01"];
/// The version that lacks the fields that kinds list as newer.
const WITHOUT_NEWER: &str = "2025-06-01";

/// Codes of refusals that name the versions that there are.
const REFUSALS: [&str; 2] = ["NoRegisteredProviderFound", "InvalidApiVersionParameter"];

/// Whether a version lacks the fields that kinds list as newer.
#[must_use]
pub(crate) fn lacks_newer(version: &str) -> bool {
    version <= WITHOUT_NEWER
}

/// The version that a run uses, shared by all its requests.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Its place in [`KNOWN`].
    at: AtomicUsize,
    /// The same for the lists of single regions, by name in lower case.
    regions: Mutex<BTreeMap<String, usize>>,
    /// Whether a write was sent. What is written was planned for the version in use by then: an older one would lose fields of it.
    has_written: AtomicBool,
}

impl Versions {
    /// The place in [`KNOWN`] of the version in use for a path.
    pub(super) fn at(&self, path: &str) -> usize {
        let everywhere = self.at.load(Ordering::Relaxed);
        let Some(region) = region(path) else { return everywhere };
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.get(&region).copied().unwrap_or_default().max(everywhere)
    }

    /// The regions that use another version for their own lists.
    pub(super) fn older_regions(&self) -> Vec<(String, &'static str)> {
        let everywhere = self.at.load(Ordering::Relaxed);
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let older = regions.iter().filter(|(_, at)| **at > everywhere);
        older.filter_map(|(region, at)| Some((region.clone(), *KNOWN.get(*at)?))).collect()
    }

    /// Notes that a request is sent.
    pub(super) fn note(&self, method: Method) {
        if method.is_write() {
            self.has_written.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the refusal of a request may change the version: of a read, before anything is written.
    pub(super) fn may_learn(&self, method: Method) -> bool {
        !method.is_write() && !self.has_written.load(Ordering::Relaxed)
    }

    /// The version in use, if it is not the newest.
    pub(super) fn older(&self) -> Option<&'static str> {
        KNOWN.get(self.at.load(Ordering::Relaxed)).copied().filter(|version| *version != NEWEST)
    }

    /// A path with the version in use.
    pub(super) fn rewritten<'a>(&self, path: &'a str) -> Cow<'a, str> {
        match KNOWN.get(self.at(path)).filter(|version| **version != NEWEST) {
            Some(version) if is_concerned(path) => Cow::Owned(path.replace(&asked(NEWEST), &asked(version))),
            _ => Cow::Borrowed(path),
        }
    }

    /// Whether a refused request is to be sent again with an older version: one that the refusal names, or the one that another request has
    /// learnt since. `at` is the place of the version that was refused.
    pub(super) fn learn(&self, path: &str, at: usize, error: &Error) -> bool {
        if !is_concerned(path) || !REFUSALS.iter().any(|code| error.has_code(code)) {
            return false;
        }
        let text = error.message.as_deref().unwrap_or_default();
        // The refused version stands before the others.
        let offered = text.find("supported").map_or("", |start| &text[start..]);
        let is_offered = |version: &str| {
            offered.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == version)
        };
        let older = (at + 1..KNOWN.len()).find(|at| is_offered(KNOWN[*at]));
        let older = older.unwrap_or_default();
        match region(path) {
            Some(region) => {
                let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
                let known = regions.entry(region).or_default();
                *known = older.max(*known);
            }
            None => _ = self.at.fetch_max(older, Ordering::Relaxed),
        }
        self.at(path) > at
    }

    /// What to do about a refusal that names no version that keyless knows.
    pub(super) fn advice(path: &str, error: &Error) -> Option<String> {
        let refused = is_concerned(path) && REFUSALS.iter().any(|code| error.has_code(code));
        refused.then(|| {
            let oldest = KNOWN[KNOWN.len() - 1];
            format!("keyless needs api-version {oldest} of Microsoft.CognitiveServices or a newer one, and this cloud or region offers none that it knows")
        })
    }
}

/// The region whose list a path asks for.
fn region(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("/locations/")?;
    rest.split_once('/').map(|(region, _)| region.to_lowercase())
}

/// No other resource provider has a version of this date.
fn is_concerned(path: &str) -> bool {
    path.contains(&asked(NEWEST))
}

fn asked(version: &str) -> String {
    format!("api-version={version}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::error::ErrorKind;
    use crate::arm::error_body::ErrorBody;

    const PATH: &str =
        "/subscriptions/s/providers/Microsoft.CognitiveServices/accounts?api-version=2026-05-01";

    fn refusal(code: &str, message: &str) -> Error {
        let body = ErrorBody {
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
            ..ErrorBody::default()
        };
        Error::new(ErrorKind::Invalid, Method::Get, PATH, "").with_body(body)
    }

    #[test]
    fn the_newest_version_that_a_refusal_names_and_keyless_knows_is_used_from_then_on() {
        let text = |offered: &str| {
            format!(
                "No registered resource provider found for location '' and API version '2026-05-01' for type 'accounts'. The supported api-versions are '{offered}'. The supported locations are ''."
            )
        };
        for (offered, used) in [
            ("2023-05-01, 2025-06-01, 2025-09-01", Some("2025-06-01")),
            ("2026-03-01, 2025-06-01", Some("2026-03-01")),
            ("2025-06-01-preview, 2023-05-01", None),
            ("", None),
        ] {
            let versions = Versions::default();
            let error = refusal("NoRegisteredProviderFound", &text(offered));
            assert_eq!(versions.learn(PATH, 0, &error), used.is_some(), "{offered}");
            assert_eq!(versions.older(), used);
            let wanted = used.unwrap_or(NEWEST);
            assert_eq!(versions.rewritten(PATH), PATH.replace(NEWEST, wanted));
        }
    }

    #[test]
    fn other_refusals_and_other_providers_change_nothing() {
        let versions = Versions::default();
        let offered = "The supported api-versions are '2025-06-01'.";
        assert!(!versions.learn(PATH, 0, &refusal("InvalidTemplate", offered)));
        let other = "/subscriptions/s/providers/Microsoft.Authorization/locks?api-version=2020-05-01";
        assert!(!versions.learn(other, 0, &refusal("NoRegisteredProviderFound", offered)));
        assert_eq!(versions.older(), None);
        // Whoever was refused at the same time uses what another request has learnt.
        assert!(versions.learn(PATH, 0, &refusal("InvalidApiVersionParameter", offered)));
        assert!(versions.learn(PATH, 0, &refusal("InvalidApiVersionParameter", "")));
        assert!(!versions.learn(PATH, versions.at(PATH), &refusal("InvalidApiVersionParameter", offered)));
        assert_eq!(versions.rewritten(other), other);
    }

    #[test]
    fn a_region_that_is_behind_lowers_the_version_of_its_own_lists_only() {
        let versions = Versions::default();
        let models = |region: &str| PATH.replace("accounts", &format!("locations/{region}/models"));
        let error = refusal("NoRegisteredProviderFound", "The supported api-versions are '2025-06-01'.");
        assert!(versions.learn(&models("northeurope"), 0, &error));
        assert_eq!(
            versions.rewritten(&models("NorthEurope")),
            models("NorthEurope").replace(NEWEST, "2025-06-01")
        );
        for path in [PATH.to_owned(), models("eastus2")] {
            assert_eq!(versions.rewritten(&path), path);
        }
        assert_eq!(
            (versions.older(), versions.older_regions()),
            (None, vec![("northeurope".to_owned(), "2025-06-01")])
        );
        // Where the whole cloud is behind, no region is worth a word.
        assert!(versions.learn(PATH, 0, &error));
        assert_eq!(versions.older_regions(), []);
    }
}
