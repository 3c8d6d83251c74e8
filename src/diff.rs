//! Declared against live: what would have to change.
//!
//! Pure. Only declared fields are compared; each kind's field table says how. Takes desired resources and a snapshot, gives changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::desired::{Desired, Open};
use crate::finding::{Code, Finding, Severity};
use crate::id::{Key, ResourceId};
use crate::kinds::{Compare, Field, Inventory, KINDS, Kind, Live, Mutability, cidr};
use crate::snapshot::{Refusal, Snapshot};
use crate::source::Span;
use crate::spec::Loaded;
use crate::spec::model::{OnSoftDeleted, Prune, Unmanaged};

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Its path in spec shape.
    pub path: Vec<String>,
    /// The live value; `null` where there is none.
    pub before: Value,
    /// The declared value, or the default of a creation; `null` where it is to go.
    pub after: Value,
    /// Where it is declared; `None` for a default.
    pub span: Option<Span>,
    /// Whether it may change, and when.
    pub change: Mutability,
}

/// What would have to happen to one resource.
#[derive(Debug, Clone)]
pub enum Change {
    /// It is declared and not there.
    Create {
        /// What is declared.
        desired: Desired,
        /// Every value it would get.
        fields: Vec<FieldChange>,
        /// A soft-deleted resource that is purged first, for good.
        purge: Option<ResourceId>,
    },
    /// It is soft-deleted: it is brought back, then to what is declared.
    Restore {
        /// What is declared.
        desired: Desired,
        /// The fields that differ from what it was.
        fields: Vec<FieldChange>,
    },
    /// It is as declared, unmarked, and the stack adopts.
    Adopt {
        /// What is declared.
        desired: Desired,
        /// What is there.
        live: Live,
    },
    /// It is there and differs.
    Update {
        /// What is declared.
        desired: Desired,
        /// What is there.
        live: Live,
        /// The fields that differ.
        fields: Vec<FieldChange>,
        /// Whether it also gets the stack's mark for the first time.
        adopt: bool,
    },
    /// It differs in a way that cannot be closed; the findings say more.
    Refused {
        /// What is declared.
        desired: Desired,
        /// The fields that differ.
        fields: Vec<FieldChange>,
        /// Why, in a line.
        why: String,
    },
    /// It carries the stack's mark and is no longer declared.
    Delete {
        /// What is there.
        live: Live,
        /// Whose it is.
        stack: String,
        /// Where that stack is declared.
        span: Span,
    },
    /// It is as declared.
    NoOp {
        /// What is declared.
        desired: Desired,
        /// What is there.
        live: Live,
    },
    /// It is live, near what is declared, and stays as it is.
    Unmanaged {
        /// What is there.
        live: Live,
        /// Why it stays.
        why: &'static str,
        /// Whether a stack calls that drift.
        drift: bool,
    },
    /// It could not be read.
    Unknown {
        /// What is declared.
        desired: Desired,
        /// What stood in the way.
        refusal: Refusal,
    },
}

/// What the comparison gave.
#[derive(Debug, Clone, Default)]
pub struct Diff {
    /// One change for each declared resource and each live one worth naming.
    pub changes: Vec<Change>,
    /// What there is to say about them.
    pub findings: Vec<Finding>,
    /// Lists that could not be read whole.
    pub incomplete: Vec<(ResourceId, Refusal)>,
}

/// Compares everything that the stacks declare with the snapshot.
///
/// # Panics
///
/// If `desired` was not made from `stacks`: that is a bug.
#[must_use]
pub fn diff(stacks: &[Loaded], desired: Vec<Desired>, snapshot: &Snapshot) -> Diff {
    let inventories: Vec<(&'static dyn Kind, Inventory)> =
        KINDS.iter().map(|kind| (*kind, kind.inventory(stacks, snapshot))).collect();
    let inventory = |kind: &dyn Kind| {
        let found = inventories.iter().find(|(each, _)| each.name() == kind.name());
        &found.expect("every desired resource is of a kind in KINDS").1
    };
    let mut diff = Diff::default();
    // What a parent's fate means for its children, by key.
    let mut parents: BTreeMap<Key, Fate> = BTreeMap::new();
    let declared: BTreeSet<Key> = desired.iter().map(|each| each.key.clone()).collect();
    // What could not be made out may be any of the live ones.
    let open: BTreeSet<&str> =
        desired.iter().filter(|each| each.open.is_some()).map(|each| each.kind.name()).collect();
    let mut seen: BTreeMap<Key, Span> = BTreeMap::new();
    for mut wanted in desired {
        if let Some(open) = wanted.open.take() {
            diff.changes.push(unresolved(wanted, open, &mut diff.findings));
            continue;
        }
        if let Some(first) = seen.insert(wanted.key.clone(), wanted.span) {
            diff.changes.push(double(wanted, first, &mut diff.findings));
            continue;
        }
        let inventory = inventory(wanted.kind);
        let loaded = stacks.iter().find(|loaded| loaded.spec.stack == wanted.stack);
        let loaded = loaded.expect("a desired resource names one of the stacks it was made from");
        let change = match inventory.items.get(&wanted.key) {
            Some(live) => compare(wanted, live, &mut diff.findings),
            None => match inventory.gap(&wanted.scope) {
                Some(gap) => unknown(wanted, &gap.refusal, &mut diff.findings),
                None => absent(wanted, loaded, snapshot, &parents, &mut diff.findings),
            },
        };
        if let Change::Unknown { desired, refusal } = &change {
            parents.insert(desired.key.clone(), Fate::Unknown(refusal.clone()));
        }
        if let Change::Refused { desired, .. } = &change
            && !inventory.items.contains_key(&desired.key)
        {
            let why = format!("{} is not there and cannot be created", desired.title);
            parents.insert(desired.key.clone(), Fate::Refused(why));
        }
        diff.changes.push(change);
    }
    for (kind, inventory) in &inventories {
        for gap in &inventory.gaps {
            diff.incomplete.push((gap.scope.clone(), gap.refusal.clone()));
        }
        let withheld = if !inventory.gaps.is_empty() {
            Some("no longer declared, but the list is incomplete")
        } else if open.contains(kind.name()) {
            Some("not declared as far as is known, but a principal could not be made out")
        } else {
            None
        };
        undeclared(stacks, inventory, withheld, &declared, &mut diff);
    }
    diff
}

/// What became of a resource on which others stand, where that keeps them from being created.
#[derive(Debug, Clone)]
enum Fate {
    Unknown(Refusal),
    Refused(String),
}

/// A declared resource of which it is not known what it is: never a write, never "no changes".
fn unresolved(desired: Desired, open: Open, findings: &mut Vec<Finding>) -> Change {
    match open {
        Open::Unknown(finding) => {
            let refusal = Refusal { message: finding.message.clone(), hint: finding.hint.clone() };
            findings.push(*finding);
            Change::Unknown { desired, refusal }
        }
        Open::Refused(finding) => {
            let why = finding.message.clone();
            findings.push(*finding);
            Change::Refused { desired, fields: Vec::new(), why }
        }
    }
}

/// Two names that turned out to mean the same.
fn double(desired: Desired, first: Span, findings: &mut Vec<Finding>) -> Change {
    let why = format!("{} is declared twice, under two names", desired.title);
    findings.push(
        Finding::error(Code::Duplicate, why.clone())
            .at(desired.span)
            .related(first, "first declared here")
            .hint("remove one of the two"),
    );
    Change::Refused { desired, fields: Vec::new(), why }
}

/// A declared resource that could not be read: never a write, never "no changes".
fn unknown(desired: Desired, refusal: &Refusal, findings: &mut Vec<Finding>) -> Change {
    let mut finding = Finding::error(Code::UnknownState, format!("{} could not be read", desired.title))
        .at(desired.span)
        .cause(&refusal.message);
    finding.hint.clone_from(&refusal.hint);
    findings.push(finding);
    Change::Unknown { desired, refusal: refusal.clone() }
}

/// A declared resource that is not there.
fn absent(
    desired: Desired,
    loaded: &Loaded,
    snapshot: &Snapshot,
    parents: &BTreeMap<Key, Fate>,
    findings: &mut Vec<Finding>,
) -> Change {
    match desired.parent.as_ref().and_then(|parent| parents.get(parent)).cloned() {
        Some(Fate::Unknown(refusal)) => return Change::Unknown { desired, refusal },
        Some(Fate::Refused(why)) => return Change::Refused { desired, fields: Vec::new(), why },
        None => {}
    }
    let mut fields = Vec::new();
    for (values, given) in [(&desired.declared, true), (&desired.defaults, false)] {
        for (name, value) in values {
            let path = [name.clone()];
            leaves(desired.kind, &path, value, &mut |path, value, change| {
                let span = given.then(|| desired.span_of(path)).flatten();
                fields.push(FieldChange {
                    path: path.to_vec(),
                    before: Value::Null,
                    after: value.clone(),
                    span,
                    change,
                });
            });
        }
    }
    let remains = desired.kind.remains(&desired, snapshot);
    let obstacles = desired.kind.obstacles(&desired, loaded, snapshot);
    let refused = obstacles
        .iter()
        .find(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.message.clone());
    findings.extend(obstacles);
    match (refused, remains, loaded.spec.on_soft_deleted) {
        (Some(why), ..) => Change::Refused { desired, fields, why },
        (None, Some(remains), OnSoftDeleted::Restore) => match compare(desired, &remains, findings) {
            Change::Refused { desired, fields, why } => Change::Refused { desired, fields, why },
            Change::Update { desired, fields, .. } => Change::Restore { desired, fields },
            Change::NoOp { desired, .. } | Change::Adopt { desired, .. } => {
                Change::Restore { desired, fields: Vec::new() }
            }
            other => other,
        },
        (None, remains, _) => Change::Create { desired, fields, purge: remains.map(|remains| remains.id) },
    }
}

/// Calls back for each value that shows as a line of its own.
fn leaves(
    kind: &dyn Kind,
    path: &[String],
    value: &Value,
    found: &mut impl FnMut(&[String], &Value, Mutability),
) {
    let field = field(kind, path);
    match (value, field.map(|field| field.compare)) {
        (_, Some(Compare::Identity)) | (Value::Null, _) => {}
        (Value::Object(map), None) => {
            for (name, child) in map {
                leaves(kind, &[path, std::slice::from_ref(name)].concat(), child, found);
            }
        }
        _ => found(path, value, field.map_or(Mutability::InPlace, |field| field.change)),
    }
}

/// A declared resource that is there.
fn compare(desired: Desired, live: &Live, findings: &mut Vec<Finding>) -> Change {
    let mark = desired.kind.mark(&live.body);
    if let Some(owner) = mark.as_deref().filter(|owner| *owner != desired.stack) {
        let why = format!("{} carries the mark of stack `{owner}`", desired.title);
        findings.push(Finding::error(Code::ForeignMark, why.clone()).at(desired.span).hint(format!(
            "declare it in one stack only: remove it here, or from `{owner}` and take the mark off"
        )));
        return Change::Refused { desired, fields: Vec::new(), why };
    }
    let mut fields = field_changes(desired.kind, &desired.declared, &live.body);
    for change in &mut fields {
        change.span = desired.span_of(&change.path);
    }
    findings.extend(desired.kind.notices(&desired, &live.body));
    let mut refusals = Vec::new();
    for change in &fields {
        let reason = match change.change {
            Mutability::Never(reason) => reason,
            Mutability::OnceSet(reason) if !change.before.is_null() => reason,
            _ => continue,
        };
        let name = change.path.join(".");
        let message = format!(
            "`{name}` of {} cannot change from `{}` to `{}`",
            desired.title,
            plain(&change.before),
            plain(&change.after)
        );
        refusals.push(
            Finding::error(Code::ImmutableField, message)
                .at(change.span.unwrap_or(desired.span))
                .cause(reason)
                .hint(format!("write `{}`, or declare another one under a new name", plain(&change.before))),
        );
    }
    if let Some(first) = refusals.first() {
        let why = first.message.clone();
        findings.extend(refusals);
        return Change::Refused { desired, fields, why };
    }
    let unmarked = mark.is_none();
    let adopt = unmarked && desired.adopt;
    if unmarked && !adopt && desired.kind.is_grant() {
        findings.push(
            Finding::note(
                Code::NotOurs,
                format!("{} is declared, not ours: removing the line will not revoke it", desired.title),
            )
            .at(desired.span)
            .hint("`adopt: true` marks it as the stack's"),
        );
    }
    let live = live.clone();
    match (fields.is_empty(), adopt) {
        (true, false) => Change::NoOp { desired, live },
        (true, true) => Change::Adopt { desired, live },
        (false, adopt) => Change::Update { desired, live, fields, adopt },
    }
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Each declared field that differs from a live body.
#[must_use]
pub fn field_changes(kind: &dyn Kind, declared: &Map<String, Value>, body: &Value) -> Vec<FieldChange> {
    let live = kind.to_spec(body);
    let mut changes = Vec::new();
    for (name, value) in declared {
        walk(kind, std::slice::from_ref(name), value, live.get(name).unwrap_or(&Value::Null), &mut changes);
    }
    changes
}

fn field(kind: &dyn Kind, path: &[String]) -> Option<&'static Field> {
    kind.fields().iter().find(|field| field.path.split('/').eq(path.iter().map(String::as_str)))
}

fn walk(kind: &dyn Kind, path: &[String], declared: &Value, live: &Value, changes: &mut Vec<FieldChange>) {
    let field = field(kind, path);
    if let (Value::Object(map), None) = (declared, field) {
        for (name, value) in map {
            let path = [path, std::slice::from_ref(name)].concat();
            walk(kind, &path, value, live.get(name).unwrap_or(&Value::Null), changes);
        }
        return;
    }
    let compare = field.map_or(Compare::Equal, |field| field.compare);
    let meant: Value = field.and_then(|field| field.absent).map_or(Value::Null, |json| {
        serde_json::from_str(json).expect("an `absent` in a field table is JSON")
    });
    let effective = |value: &Value| if value.is_null() { meant.clone() } else { value.clone() };
    if equal(compare, &effective(declared), &effective(live)) {
        return;
    }
    changes.push(FieldChange {
        path: path.to_vec(),
        before: effective(live),
        after: declared.clone(),
        span: None,
        change: field.map_or(Mutability::InPlace, |field| field.change),
    });
}

/// Whether two values mean the same.
#[must_use]
pub fn equal(compare: Compare, declared: &Value, live: &Value) -> bool {
    let folded = |value: &Value, fold: fn(&str) -> String| value.as_str().map(fold);
    let texts = |fold: fn(&str) -> String| match (folded(declared, fold), folded(live, fold)) {
        (Some(declared), Some(live)) => declared == live,
        _ => declared == live,
    };
    let sets = |fold: fn(&str) -> String| {
        let set = |value: &Value| -> Option<BTreeSet<String>> {
            value.as_array()?.iter().map(|each| each.as_str().map(fold)).collect()
        };
        match (set(declared), set(live)) {
            (Some(declared), Some(live)) => declared == live,
            _ => declared == live,
        }
    };
    match compare {
        Compare::Identity => true,
        Compare::Equal => declared == live,
        Compare::IgnoreCase => texts(str::to_lowercase),
        Compare::Location => texts(|text| text.to_lowercase().replace(' ', "")),
        Compare::Text => texts(without_white_space),
        Compare::Cidrs => sets(cidr::canonical),
        Compare::Names => sets(str::to_lowercase),
        Compare::By(identity) => same_elements(identity, declared, live),
    }
}

/// Leaves out white space, but for what stands in quotes.
fn without_white_space(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .filter(|c| {
            quoted ^= *c == '\'';
            quoted || !c.is_whitespace()
        })
        .collect()
}

/// Whether two lists hold the same elements by identity, each with the members that are declared of it.
fn same_elements(identity: &str, declared: &Value, live: &Value) -> bool {
    let (Some(declared), Some(live)) = (declared.as_array(), live.as_array()) else {
        return declared == live;
    };
    let name = |element: &Value| element[identity].as_str().map(str::to_lowercase);
    declared.len() == live.len()
        && declared.iter().all(|wanted| {
            let found = live.iter().find(|found| name(found) == name(wanted));
            found.is_some_and(|found| covers(identity, wanted, found))
        })
}

/// Whether a live element has every member that is declared of it; an absent boolean is false.
fn covers(identity: &str, declared: &Value, live: &Value) -> bool {
    declared.as_object().into_iter().flatten().all(|(name, wanted)| {
        let found = &live[name.as_str()];
        if name == identity {
            return true;
        }
        match (wanted, found) {
            (Value::Null | Value::Bool(false), Value::Null | Value::Bool(false)) => true,
            (Value::String(wanted), Value::String(found)) => wanted.eq_ignore_ascii_case(found),
            _ => wanted == found,
        }
    })
}

/// Live things that nobody declares: ours are deleted, unless that is withheld for a reason, the others are named.
fn undeclared(
    stacks: &[Loaded],
    inventory: &Inventory,
    withheld: Option<&'static str>,
    declared: &BTreeSet<Key>,
    diff: &mut Diff,
) {
    for live in inventory.items.values().filter(|live| !declared.contains(&live.key)) {
        let mark = live.kind.mark(&live.body);
        let owner = mark.as_deref().and_then(|mark| stacks.iter().find(|loaded| loaded.spec.stack == mark));
        let drift =
            stacks.iter().any(|loaded| loaded.spec.unmanaged == Unmanaged::Fail && in_domain(loaded, live));
        let unmanaged = |why| Change::Unmanaged { live: live.clone(), why, drift };
        let change = match (owner, mark.is_some()) {
            (None, true) => continue, // another stack's, which is not in this run
            (None, false) => unmanaged("no spec declares it"),
            (Some(loaded), _) if loaded.spec.prune == Prune::None => {
                unmanaged("no longer declared, and the stack says `prune: none`")
            }
            (Some(_), _) if withheld.is_some() => unmanaged(withheld.unwrap_or_default()),
            (Some(loaded), _) if !in_domain(loaded, live) => {
                unmanaged("carries the stack's mark outside of its groups and scopes")
            }
            (Some(loaded), _) => Change::Delete {
                live: live.clone(),
                stack: loaded.spec.stack.clone(),
                span: loaded.document.value_span("/stack"),
            },
        };
        diff.changes.push(change);
    }
}

/// Whether a live thing lies in what a stack speaks for: the resource groups it names, and its declared scopes.
fn in_domain(loaded: &Loaded, live: &Live) -> bool {
    let (groups, scopes) = crate::kinds::domain(&loaded.spec);
    groups.iter().any(|group| group.contains(&live.scope)) || scopes.contains(&live.scope)
}

/// The declared change as a patch in spec shape.
#[must_use]
pub fn patch<'a>(changes: impl IntoIterator<Item = &'a FieldChange>) -> Map<String, Value> {
    let mut patch = Value::Object(Map::new());
    for change in changes {
        let mut at = &mut patch;
        for name in &change.path {
            at = &mut at[name.as_str()];
        }
        *at = change.after.clone();
    }
    match patch {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
