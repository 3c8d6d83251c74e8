//! Operations: method, path template, statuses and bodies, whichever description said so.
//!
//! Input are the readers of swagger and pandora; output is the match of a real path against the templates.

use std::collections::BTreeMap;

use super::shape::{ShapeId, Text};

/// One described operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) template: Template,
    /// The statuses of success, with the body's shape if there is a body.
    pub(crate) statuses: BTreeMap<u16, Option<ShapeId>>,
    pub(crate) error: Option<ShapeId>,
    pub(crate) request: Option<ShapeId>,
    pub(crate) long_running: bool,
    /// Query parameters beside `api-version`; true for required ones.
    pub(crate) query: BTreeMap<String, bool>,
    /// Rules for the parameters of the path.
    pub(crate) path_rules: BTreeMap<String, Text>,
}

/// A part of a path template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Compared without regard to case, as ARM does.
    Fixed(String),
    /// One segment.
    One(String),
    /// Any number of segments, also none.
    Many(String),
}

/// A path with parameters.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
}

/// Parameters that match more than one segment.
const MANY: [&str; 3] = ["scope", "parentResourcePath", "resourceType"];

impl Template {
    /// Read `/subscriptions/{subscriptionId}/...`.
    pub(crate) fn parse(text: &str) -> Self {
        let segments = text.split('/').filter(|part| !part.is_empty());
        let parts =
            segments.map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if MANY.contains(&name) => Part::Many(name.to_owned()),
                Some(name) => Part::One(name.to_owned()),
                None => Part::Fixed(segment.to_lowercase()),
            });
        Self { parts: parts.collect() }
    }

    /// The parameters' values, if the path fits.
    pub(crate) fn matches(&self, segments: &[String]) -> Option<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        fits(&self.parts, segments, &mut values).then_some(values)
    }

    /// How much of the path is fixed: of two templates that fit, the one that says more is meant.
    pub(crate) fn weight(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Fixed(_))).count()
    }

    /// What the path is about: the fixed parts after the last provider, its name too.
    pub(crate) fn subject(&self) -> String {
        let fixed = |part: &Part| match part {
            Part::Fixed(text) => Some(text.clone()),
            Part::One(_) | Part::Many(_) => None,
        };
        let provider = self.parts.iter().rposition(|part| *part == Part::Fixed("providers".to_owned()));
        let from = provider.map_or(0, |at| at + 1);
        self.parts[from..].iter().filter_map(fixed).collect::<Vec<_>>().join("/")
    }
}

fn fits(parts: &[Part], segments: &[String], values: &mut BTreeMap<String, String>) -> bool {
    let Some((part, parts)) = parts.split_first() else { return segments.is_empty() };
    if let Part::Many(name) = part {
        return (0..=segments.len()).any(|taken| {
            let found = fits(parts, &segments[taken..], values);
            if found {
                values.insert(name.clone(), segments[..taken].join("/"));
            }
            found
        });
    }
    let Some((segment, segments)) = segments.split_first() else { return false };
    match part {
        Part::Fixed(text) => *text == segment.to_lowercase() && fits(parts, segments, values),
        Part::One(name) => {
            let found = fits(parts, segments, values);
            if found {
                values.insert(name.clone(), segment.clone());
            }
            found
        }
        Part::Many(_) => unreachable!("handled above"),
    }
}
