//! Lock files: the principals that a spec's names resolved to when somebody with access to the directory looked them up.
//!
//! Pure: text in, text out. Compared with the directory if it answers (see `resolve`), otherwise trusted and shown as unverified.

use uuid::Uuid;

use super::{Form, Resolved, resolve};
use crate::finding::{Code, Finding, Open};
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::lock::{FORMAT_VERSION, Lock, LockEntry};
use crate::spec::model::{Principal, PrincipalType};

/// A principal of a spec, with the pointer to it.
pub type NamedPrincipal<'a> = (String, &'a Principal);

/// The remedy for a lock file that does not match.
const RENEW: &str = "run `keyless lock` as someone who can read the directory, and review its changes";

impl Lock {
    /// A principal according to this file; `None` for forms that need no look-up.
    pub(super) fn resolve(&self, form: &Form<'_>) -> Option<Result<Resolved, Box<Finding>>> {
        let (principal_type, name) = locked_as(form)?;
        let entry = self.principals.iter().find(|entry| entry.is(principal_type, &name));
        Some(entry.map_or_else(
            || {
                let message = format!("the lock file does not contain {}", form.shown());
                Err(Box::new(Finding::error(Code::LockOutdated, message).hint(RENEW)))
            },
            |entry| {
                let name = match form {
                    Form::ManagedIdentity(id) => id.name().to_owned(),
                    _ => entry.name.clone(),
                };
                Ok(Resolved { id: entry.id, principal_type, name: Some(name), locked: true })
            },
        ))
    }

    /// The principals of a spec according to a snapshot, and those that could not be resolved.
    #[must_use]
    pub fn of(
        loaded: &Loaded,
        named: &[NamedPrincipal<'_>],
        snapshot: &Snapshot,
        tenant: Option<Uuid>,
    ) -> (Self, Vec<Open>) {
        let mut principals: Vec<LockEntry> = Vec::new();
        let mut open = Vec::new();
        for (pointer, principal) in named {
            let Some(form) = Form::of(principal) else { continue };
            let Some((principal_type, name)) = locked_as(&form) else { continue };
            if principals.iter().any(|entry| entry.is(principal_type, &name)) {
                continue;
            }
            let span = loaded.document.value_span(&format!("{pointer}/{}", form.word()));
            match resolve(&form, None, snapshot, span) {
                Ok(who) => principals.push(LockEntry { tenant, principal_type, name, id: who.id }),
                Err(problem) => open.push(problem),
            }
        }
        sort(&mut principals);
        (Self { format_version: FORMAT_VERSION.to_owned(), principals }, open)
    }

    /// A new file with the entries of this one that the spec does not name.
    #[must_use]
    pub fn kept_with(&self, fresh: &Lock, named: &[NamedPrincipal<'_>]) -> Self {
        let others = self.principals.iter().filter(|entry| is_stranger(entry, fresh, named));
        let mut principals: Vec<LockEntry> = fresh.principals.iter().chain(others).cloned().collect();
        sort(&mut principals);
        Self { principals, ..fresh.clone() }
    }

    /// This file without the entries that neither the spec names nor a new file holds.
    #[must_use]
    pub fn without_strangers(mut self, fresh: &Lock, named: &[NamedPrincipal<'_>]) -> Self {
        self.principals.retain(|entry| !is_stranger(entry, fresh, named));
        self
    }

    /// The differences between this file and a new one.
    #[must_use]
    pub fn differences(&self, fresh: &Lock, loaded: &Loaded, named: &[NamedPrincipal<'_>]) -> Vec<Finding> {
        let at = |entry: &LockEntry| {
            let declared = declared_at(entry, named).unwrap_or_else(|| "/stack".to_owned());
            loaded.document.value_span(&declared)
        };
        let finding = |entry: &LockEntry, message: String| {
            Finding::error(Code::LockOutdated, message).at(at(entry)).hint(RENEW)
        };
        let mut findings = Vec::new();
        for now in &fresh.principals {
            match self.principals.iter().find(|entry| entry.is(now.principal_type, &now.name)) {
                None => {
                    findings.push(finding(now, format!("the lock file does not contain {}", now.shown())));
                }
                Some(then) if then.id != now.id => {
                    findings.push(finding(now, differs(&now.shown(), now.id, then.id)));
                }
                Some(then) if then.tenant.is_some() && now.tenant.is_some() && then.tenant != now.tenant => {
                    findings.push(finding(now, format!("{} was locked in another tenant", now.shown())));
                }
                Some(_) => {}
            }
        }
        for then in &self.principals {
            // What the spec names and nobody could make out has a finding of its own.
            if is_stranger(then, fresh, named) {
                findings.push(finding(
                    then,
                    format!("the lock file contains {}, which the spec does not name", then.shown()),
                ));
            }
        }
        findings
    }

    /// Declared names that this file does not hold, and entries of another tenant than the caller's.
    #[must_use]
    pub fn problems(
        &self,
        loaded: &Loaded,
        named: &[NamedPrincipal<'_>],
        tenant: Option<Uuid>,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (pointer, principal) in named {
            let Some(form) = Form::of(principal) else { continue };
            let span = loaded.document.value_span(&format!("{pointer}/{}", form.word()));
            if let Some(Err(finding)) = self.resolve(&form) {
                findings.push(finding.at(span));
            }
        }
        let foreign =
            |entry: &&LockEntry| tenant.is_some() && entry.tenant.is_some() && entry.tenant != tenant;
        if let Some(entry) = self.principals.iter().find(foreign) {
            let message = format!("{} was locked in another tenant than the caller's", entry.shown());
            let span = loaded.document.value_span("/stack");
            findings.push(Finding::error(Code::TenantMismatch, message).at(span).hint(RENEW));
        }
        findings
    }
}

/// That a lock file says of a name something else than the directory, or than Azure of a managed identity.
pub(super) fn outdated(form: &Form<'_>, locked: Uuid, now: &Result<Uuid, String>) -> Finding {
    let shown = form.shown();
    let finding = |message| Finding::error(Code::LockOutdated, message).hint(RENEW);
    match now {
        Ok(id) => finding(differs(&shown, *id, locked)),
        Err(why) => {
            finding(format!("{shown} is `{locked}` in the lock file, and nobody in the directory")).cause(why)
        }
    }
}

/// Whether an entry is one that neither the spec names nor a new file holds.
fn is_stranger(entry: &LockEntry, fresh: &Lock, named: &[NamedPrincipal<'_>]) -> bool {
    let found = fresh.principals.iter().any(|other| other.is(entry.principal_type, &entry.name));
    !found && declared_at(entry, named).is_none()
}

fn sort(principals: &mut [LockEntry]) {
    principals.sort_by_cached_key(|entry| (entry.principal_type.as_str(), entry.name.to_lowercase()));
}

/// Where a spec names whom an entry of a lock file holds.
fn declared_at(entry: &LockEntry, named: &[NamedPrincipal<'_>]) -> Option<String> {
    named.iter().find_map(|(pointer, principal)| {
        let form = Form::of(principal)?;
        let (principal_type, name) = locked_as(&form)?;
        entry.is(principal_type, &name).then(|| format!("{pointer}/{}", form.word()))
    })
}

/// Reports that the directory now has several principals with a name that was unique when the lock file was written.
pub(super) fn ambiguous(form: &Form<'_>, locked: &Resolved, ids: &[Uuid], why: String) -> Finding {
    let (shown, id) = (form.shown(), locked.id);
    let write = format!("write the intended one: `{{id: …, type: {}}}`", locked.principal_type.as_str());
    let (message, hint) = if ids.contains(&id) {
        let message = format!("{shown} is `{id}` in the lock file, and others have that name now");
        (message, write.replace('…', &id.to_string()) + " is the one in the lock file")
    } else {
        (format!("{shown} is `{id}` in the lock file, and several others have that name now"), write)
    };
    Finding::error(Code::LockOutdated, message).cause(why).hint(hint)
}

fn differs(shown: &str, now: Uuid, locked: Uuid) -> String {
    format!("{shown} is `{now}` in the directory, and `{locked}` in the lock file")
}

/// The lock file's key for a principal that must be looked up.
fn locked_as(form: &Form<'_>) -> Option<(PrincipalType, String)> {
    match form {
        Form::Named(set, name) => Some((set.principal_type(), (*name).to_owned())),
        Form::ManagedIdentity(id) => Some((PrincipalType::ServicePrincipal, id.to_string())),
        Form::Id(..) | Form::AccountIdentity(_) | Form::Me => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principals::Set;
    use crate::spec::lock::LockError;

    fn lock() -> Lock {
        let id = Uuid::from_u128(7);
        let entry =
            LockEntry { tenant: None, principal_type: PrincipalType::Group, name: "ML".to_owned(), id };
        Lock { format_version: FORMAT_VERSION.to_owned(), principals: vec![entry] }
    }

    #[test]
    fn a_name_is_found_by_type_and_without_case_and_shown_as_unverified() {
        let group = lock().resolve(&Form::Named(Set::Groups, "ml")).unwrap().unwrap();
        assert_eq!(group.title(), format!("Group ML ({}, from lock, unverified)", group.id));
        assert!(lock().resolve(&Form::Named(Set::Users, "ml")).unwrap().is_err(), "a user is no group");
        assert_eq!(lock().resolve(&Form::Me), None, "nobody locks `me`");
    }

    #[test]
    fn only_whole_lock_files_of_this_version_are_read() {
        let text = serde_json::to_string(&lock()).unwrap();
        assert_eq!(Lock::parse(&text).unwrap(), lock());
        assert!(matches!(Lock::parse(&text.replace("1.0", "9.0")), Err(LockError::Version(_))));
        // Of two lines left by a merge neither counts; the case of a name does not matter.
        for name in ["ML", "ml"] {
            let mut twice = lock();
            twice.principals.push(LockEntry {
                name: name.to_owned(),
                id: Uuid::from_u128(8),
                ..twice.principals[0].clone()
            });
            let error = Lock::parse(&serde_json::to_string(&twice).unwrap()).unwrap_err().to_string();
            for id in [7, 8].map(Uuid::from_u128) {
                assert!(error.contains(&id.to_string()) && error.contains("Group"), "{error}");
            }
            twice.principals[1].principal_type = PrincipalType::User;
            assert!(Lock::parse(&serde_json::to_string(&twice).unwrap()).is_ok(), "a user is no group");
        }
        for bad in ["", "[]", "{}", "null", &text[..text.len() - 3], &text.replace("Group", "Robot")] {
            assert!(matches!(Lock::parse(bad), Err(LockError::Shape(_))), "{bad}");
        }
    }
}
