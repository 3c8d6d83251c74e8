//! Identifiers of Azure Resource Manager: resource ids, GUIDs and ARM's deterministic `guid()`.
//!
//! Pure values used by every stage. Ids compare without regard to case, because ARM returns whatever case the caller used (`resourceGroups`
//! and `resourcegroups` both occur); they print as written.

mod by_scope;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

pub(crate) use by_scope::ByScope;

/// The namespace of ARM's and Bicep's `guid()` function.
const ARM_GUID_NAMESPACE: Uuid = Uuid::from_u128(0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830);

/// Computes ARM's and Bicep's `guid(parts...)`: UUID v5 of the parts joined by `-`.
///
/// Case-sensitive: lower-casing an id gives another GUID.
#[must_use]
pub fn arm_guid<S: AsRef<str>>(parts: &[S]) -> Uuid {
    let name = parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("-");
    Uuid::new_v5(&ARM_GUID_NAMESPACE, name.as_bytes())
}

/// The id of a resource, resource group, subscription or other scope, such as `/subscriptions/{s}/resourceGroups/{g}`.
///
/// Equality, order and hash ignore ASCII case. Many things hold the id of one resource: clones share it.
#[derive(Clone)]
pub struct ResourceId(Arc<str>);

/// An invalid resource id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceIdError {
    /// It does not start at the root.
    #[error("a resource id starts with `/`")]
    NotRooted,
    /// It has an empty, dotted or otherwise invalid segment.
    #[error("segment `{segment}` is not valid in a resource id")]
    Segment {
        /// The offending segment.
        segment: String,
    },
    /// It contains a `*`, which looks like a pattern.
    #[error("`*` is not a pattern here: an id names one scope")]
    Pattern,
    /// It is neither a known kind of scope nor a resource below one.
    #[error("`{id}` is not the id of a subscription, a resource group, a management group or a resource")]
    Shape {
        /// The whole id.
        id: String,
    },
}

/// How a text that is not a valid id relates to an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Beside {
    /// It is something else that neither contains the id nor is contained in it.
    Elsewhere,
    /// It is, or may be, inside the id.
    Within,
    /// It may be the same, or contain it, or be anything.
    Unclear,
}

impl ResourceId {
    /// The root scope `/`.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// The id of a subscription.
    #[must_use]
    pub fn subscription(subscription: &str) -> Self {
        Self(format!("/subscriptions/{subscription}").into())
    }

    /// The id of a resource group.
    #[must_use]
    pub fn resource_group(subscription: &str, group: &str) -> Self {
        Self(format!("/subscriptions/{subscription}/resourceGroups/{group}").into())
    }

    /// The id of a resource of the given type below this id; `provider_type` is like `Microsoft.CognitiveServices/accounts`.
    #[must_use]
    pub fn provider(&self, provider_type: &str, name: &str) -> Self {
        Self(format!("{}/providers/{provider_type}/{name}", self.0.trim_end_matches('/')).into())
    }

    /// Parses an id in a spec: as [`ResourceId::parse`], without `*`, which people use for several resources.
    pub fn declared(text: &str) -> Result<Self, ResourceIdError> {
        let id = Self::parse(text)?;
        if text.contains('*') { Err(ResourceIdError::Pattern) } else { Ok(id) }
    }

    /// Parses an id and checks its form. A name may be `*`, as for the wildcard record of a DNS zone.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        let Some(rest) = text.strip_prefix('/') else { return Err(ResourceIdError::NotRooted) };
        if rest.is_empty() {
            return Ok(Self::root());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let segments: Vec<&str> = rest.split('/').collect();
        for segment in &segments {
            if !is_usable(segment) {
                return Err(ResourceIdError::Segment { segment: (*segment).to_owned() });
            }
        }
        let shape = || ResourceIdError::Shape { id: text.to_owned() };
        let tail = match segments.as_slice() {
            [s, id, tail @ ..] if s.eq_ignore_ascii_case("subscriptions") => {
                hyphenated_guid(id).ok_or_else(shape)?;
                match tail {
                    [g, _, tail @ ..] if g.eq_ignore_ascii_case("resourceGroups") => tail,
                    tail => tail,
                }
            }
            tail => tail,
        };
        match tail {
            [] => {}
            [p, _, pairs @ ..]
                if p.eq_ignore_ascii_case("providers") && !pairs.is_empty() && pairs.len() % 2 == 0 => {}
            _ => return Err(shape()),
        }
        Ok(Self(format!("/{rest}").into()))
    }

    /// How a text that is not a valid id relates to this: if they differ in a part that can be parsed, it is elsewhere whatever follows.
    #[must_use]
    pub(crate) fn beside(&self, text: &str) -> Beside {
        let Some(path) = text.strip_prefix('/') else { return Beside::Unclear };
        // A step up may lead anywhere, in any encoding.
        let steps_up = ["%2e", "%25", "\\"].iter().any(|sign| path.to_ascii_lowercase().contains(sign));
        if steps_up || path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Beside::Unclear;
        }
        let is_same = |ours: &str, theirs: &str| comparable(ours) == comparable(theirs);
        let mut theirs = path.split('/');
        for (place, ours) in self.0.split('/').skip(1).enumerate() {
            let Some(theirs) = theirs.next().filter(|segment| is_usable(segment)) else {
                return Beside::Unclear;
            };
            if is_same(ours, theirs) {
                continue;
            }
            return match (place, theirs) {
                // Something at the root or in a management group may contain any subscription, and is contained in none.
                (0, theirs) if theirs.eq_ignore_ascii_case("subscriptions") => Beside::Within,
                (0, _) => Beside::Unclear,
                _ => Beside::Elsewhere,
            };
        }
        if theirs.next().is_some_and(is_usable) { Beside::Within } else { Beside::Unclear }
    }

    /// The id as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope of an extension resource: its parent scope; other resources return themselves.
    #[must_use]
    pub fn scope(&self) -> ResourceId {
        let lower = self.0.to_ascii_lowercase();
        match lower.rfind("/providers/") {
            Some(0) => Self::root(),
            Some(at) => Self(self.0[..at].into()),
            None => self.clone(),
        }
    }

    /// The id of a child of this resource.
    #[must_use]
    pub fn child(&self, collection: &str, name: &str) -> Self {
        Self(format!("{}/{collection}/{name}", self.0).into())
    }

    /// The list of a resource's children in one collection; it contains them like a scope.
    #[must_use]
    pub fn list(&self, collection: &str) -> Self {
        Self(format!("{}/{collection}", self.0).into())
    }

    /// The parent of a child resource: the id without its last collection and name.
    #[must_use]
    pub fn parent(&self) -> Option<ResourceId> {
        let (rest, _) = self.0.rsplit_once('/')?;
        let (parent, _) = rest.rsplit_once('/')?;
        (!parent.is_empty()).then(|| Self(parent.into()))
    }

    /// The value after the given segment name: `segment_after("resourceGroups")`.
    #[must_use]
    pub fn segment_after(&self, name: &str) -> Option<&str> {
        let mut segments = self.0.split('/').skip(1);
        while let Some(segment) = segments.next() {
            let value = segments.next();
            if segment.eq_ignore_ascii_case(name) {
                return value;
            }
        }
        None
    }

    /// The tracked resource that this is or is below: an account for its deployments. Anything else returns itself.
    #[must_use]
    pub fn tracked(&self) -> ResourceId {
        // `/subscriptions/{s}/resourceGroups/{g}/providers/{namespace}/{type}/{name}`
        const SEGMENTS: usize = 9;
        let end = self.0.match_indices('/').nth(SEGMENTS - 1).map_or(self.0.len(), |(at, _)| at);
        Self(self.0[..end].into())
    }

    /// The resource in a collection that this is or is below: `up_to("accounts")`.
    #[must_use]
    pub fn up_to(&self, collection: &str) -> Option<ResourceId> {
        let mut end = 0;
        let mut segments = self.0.split('/').skip(1);
        while let (Some(segment), Some(value)) = (segments.next(), segments.next()) {
            end += "//".len() + segment.len() + value.len();
            if segment.eq_ignore_ascii_case(collection) {
                return Some(Self(self.0[..end].into()));
            }
        }
        None
    }

    /// ARM's type of the id: `Microsoft.CognitiveServices/accounts`; `None` for a subscription or group.
    #[must_use]
    pub fn resource_type(&self) -> Option<String> {
        let at = self.0.to_ascii_lowercase().rfind("/providers/")?;
        let mut segments = self.0[at + "/providers/".len()..].split('/');
        let namespace = segments.next()?;
        let types: Vec<&str> = segments.step_by(2).collect();
        (!types.is_empty()).then(|| format!("{namespace}/{}", types.join("/")))
    }

    /// The subscription that contains it, if any.
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        self.segment_after("subscriptions")
    }

    /// The id of the resource group that contains it, if any.
    #[must_use]
    pub fn group(&self) -> Option<ResourceId> {
        let group = self.segment_after("resourceGroups")?;
        Some(Self::resource_group(self.subscription_id()?, group))
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether this scope contains `other`, or equals it.
    #[must_use]
    pub fn contains(&self, other: &ResourceId) -> bool {
        let (outer, inner) = (self.0.trim_end_matches('/'), &*other.0);
        inner.len() >= outer.len()
            && inner.as_bytes()[..outer.len()].eq_ignore_ascii_case(outer.as_bytes())
            && (inner.len() == outer.len() || inner.as_bytes()[outer.len()] == b'/')
    }

    /// Whether an assignment at one of two scopes may apply at the other: a management group may contain anything, and no id shows what.
    #[must_use]
    pub fn may_overlap(&self, other: &ResourceId) -> bool {
        let is_above = |scope: &ResourceId| scope.subscription_id().is_none();
        self.contains(other) || other.contains(self) || is_above(self) || is_above(other)
    }
}

/// Whether a segment is valid in an id. Names with spaces exist ("Failure Anomalies - app"), and so does `*`, the wildcard record of a DNS
/// zone: <https://github.com/Azure/azure-cli/issues/9489>.
fn is_usable(segment: &str) -> bool {
    // Every id that is read comes here, and almost all segments are of these characters.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let unusable = |c: char| c.is_control() || (c.is_whitespace() && c != ' ') || "?#%&\\<>:\"|".contains(c);
    !matches!(segment, "" | "." | "..")
        && (segment.as_bytes().iter().all(is_plain)
            || (segment.trim().len() == segment.len() && !segment.chars().any(unusable)))
}

fn folded(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().map(u8::to_ascii_lowercase)
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ResourceId {}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        let (ours, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        let shorter = ours.len().min(theirs.len());
        let mut same = 0;
        // Ids in one subscription share a long prefix, mostly in the same case.
        for stride in [64, 16, 4] {
            while same + stride <= shorter && ours[same..same + stride] == theirs[same..same + stride] {
                same += stride;
            }
        }
        folded(&ours[same..]).cmp(folded(&theirs[same..]))
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in folded(self.0.as_bytes()) {
            state.write_u8(byte);
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The identity of a resource, independent of its id.
///
/// For most resources the id; for a role assignment scope, principal and role, because it can have any GUID.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(Arc<str>);

impl Key {
    /// A key from the parts that identify the resource, ignoring case.
    #[must_use]
    pub fn new(kind: &str, parts: &[&str]) -> Self {
        Self(format!("{kind}|{}", parts.join("|")).to_ascii_lowercase().into())
    }
}

/// The last segment of an id as a GUID: role definition ids have different prefixes, and some lists omit the dashes.
#[must_use]
pub fn trailing_guid(id: &str) -> Option<Uuid> {
    Uuid::try_parse(id.rsplit('/').next().unwrap_or_default()).ok()
}

/// A GUID in the hyphenated form. Other forms parse too (without hyphens, in braces, as a URN) but are not known to occur in Azure.
#[must_use]
pub(crate) fn hyphenated_guid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// An object id for comparison: the same GUID in any form, anything else ignoring case.
#[must_use]
pub(crate) fn comparable(id: &str) -> String {
    Uuid::try_parse(id).map_or_else(|_| id.to_ascii_lowercase(), |guid| guid.to_string())
}

/// The name of a region as ARM compares it: `West Europe` is `westeurope`.
#[must_use]
pub(crate) fn region(text: &str) -> String {
    text.replace(' ', "").to_ascii_lowercase()
}

/// Whether a text looks like a request id: a GUID, or a token too short for any key. Anything else is never shown.
#[must_use]
pub(crate) fn is_request_id(text: &str) -> bool {
    /// The shortest keys have 32 characters.
    const LONGEST: usize = 24;
    let is_guid = hyphenated_guid(text).is_some();
    let is_short = (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_guid || is_short
}

#[cfg(test)]
mod tests;
