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
    /// This file as it counts in an environment.
    #[must_use]
    pub fn in_environment(mut self, environment: Option<&str>) -> Self {
        self.principals.retain(|entry| entry.counts_in(environment));
        self
    }

    /// A principal according to this file, for a caller of this tenant; `None` for forms that need no look-up.
    pub(super) fn resolve(
        &self,
        form: &Form<'_>,
        tenant: Option<Uuid>,
    ) -> Option<Result<Resolved, Box<Finding>>> {
        let (principal_type, name) = locked_as(form)?;
        let held = || self.principals.iter().filter(|entry| entry.is(principal_type, &name));
        let entries: Vec<&LockEntry> = held().filter(|entry| entry.may_be_in(tenant)).collect();
        let refused = |code, message| Some(Err(Box::new(Finding::error(code, message).hint(RENEW))));
        let entry = match (entries.as_slice(), held().next()) {
            ([entry], _) => entry,
            ([], None) => return refused(Code::LockOutdated, lacks(form)),
            ([], Some(other)) => return refused(Code::TenantMismatch, of_another_tenant(other)),
            _ => {
                let message = format!(
                    "the lock file contains {} for several tenants, and the caller's token names none",
                    form.shown()
                );
                return refused(Code::TenantMismatch, message);
            }
        };
        let name = match form {
            Form::ManagedIdentity(id) => id.name().to_owned(),
            Form::ResourceIdentity(_, id) => format!("identity of {}", id.name()),
            _ => entry.name.clone(),
        };
        Some(Ok(Resolved { id: entry.id, principal_type, name: Some(name), locked: true, of: None }))
    }

    /// The principals of a spec according to a snapshot, and those that could not be resolved.
    #[must_use]
    pub fn of(
        loaded: &Loaded,
        named: &[NamedPrincipal<'_>],
        snapshot: &Snapshot,
        tenant: Option<Uuid>,
        environment: Option<&str>,
    ) -> (Self, Vec<Open>) {
        // Without variables, all environments are the same.
        let environment = environment.filter(|_| loaded.document.refers_to_variables());
        let environments: Vec<String> = environment.into_iter().map(str::to_owned).collect();
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
                Ok(who) => {
                    let environments = environments.clone();
                    principals.push(LockEntry { tenant, environments, principal_type, name, id: who.id });
                }
                Err(problem) => open.push(problem),
            }
        }
        sort(&mut principals);
        (Self { format_version: FORMAT_VERSION.to_owned(), principals }, open)
    }

    /// A new file with the entries of this one that other environments name. An entry that no environment names any more is left out:
    /// who has that name by the time a spec names it again is looked up again.
    #[must_use]
    pub fn kept_with(&self, fresh: &Lock, environment: Option<&str>) -> Self {
        let mut principals = fresh.principals.clone();
        for then in &self.principals {
            match principals.iter_mut().find(|now| now.is_like(then)) {
                Some(now) if now.environments.is_empty() || then.environments.is_empty() => {
                    now.environments.clear();
                }
                Some(now) => {
                    now.environments.extend(then.environments.iter().cloned());
                    now.environments.sort_unstable();
                    now.environments.dedup();
                }
                None => {
                    let mut kept = then.clone();
                    kept.environments.retain(|name| environment != Some(name));
                    let is_left = then.environments.is_empty() || !kept.environments.is_empty();
                    principals.extend(is_left.then_some(kept));
                }
            }
        }
        sort(&mut principals);
        Self { principals, ..fresh.clone() }
    }

    /// This file without the entries that concern other environments only.
    #[must_use]
    pub fn without_strangers(
        mut self,
        fresh: &Lock,
        named: &[NamedPrincipal<'_>],
        environment: Option<&str>,
    ) -> Self {
        let is_of_it = |entry: &LockEntry| {
            environment.is_some_and(|name| entry.environments.iter().any(|each| each == name))
        };
        self.principals.retain(|entry| is_of_it(entry) || !is_stranger(entry, fresh, named));
        self
    }

    /// The differences between this file and a new one.
    #[must_use]
    pub fn differences(
        &self,
        fresh: &Lock,
        loaded: &Loaded,
        named: &[NamedPrincipal<'_>],
        environment: Option<&str>,
    ) -> Vec<Finding> {
        let at = |entry: &LockEntry| {
            let declared = declared_at(entry, named).unwrap_or_else(|| "/stack".to_owned());
            loaded.document.value_span(&declared)
        };
        let finding = |entry: &LockEntry, message: String| {
            let command = environment.map(|name| format!("`keyless lock --env {name}`"));
            let hint = command.map_or(RENEW.to_owned(), |command| RENEW.replace("`keyless lock`", &command));
            Finding::error(Code::LockOutdated, message).at(at(entry)).hint(hint)
        };
        let mut findings = Vec::new();
        for now in &fresh.principals {
            let shown = now.shown();
            let then = self.principals.iter().find(|then| then.is_like(now));
            let message = match then {
                Some(then) if then.id != now.id => differs(&shown, now.id, then.id),
                Some(then) if then.counts_in(environment) => continue,
                None if self.principals.iter().any(|then| then.is(now.principal_type, &now.name)) => {
                    format!("{shown} was locked in another tenant")
                }
                Some(_) | None => format!("the lock file does not contain {shown}{}", of(environment)),
            };
            findings.push(finding(now, message));
        }
        for then in &self.principals {
            // A name in the spec that could not be resolved has a finding of its own.
            if is_stranger(then, fresh, named) {
                findings.push(finding(
                    then,
                    format!(
                        "the lock file contains {}{}, which the spec does not name",
                        then.shown(),
                        of(environment)
                    ),
                ));
            }
        }
        findings
    }

    /// Declared names that this file does not hold, or only for another tenant than the caller's. What it holds for other environments
    /// does not matter.
    #[must_use]
    pub fn problems(
        &self,
        loaded: &Loaded,
        named: &[NamedPrincipal<'_>],
        tenant: Option<Uuid>,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut foreign = None;
        for (pointer, principal) in named {
            let Some(form) = Form::of(principal) else { continue };
            let Some((principal_type, name)) = locked_as(&form) else { continue };
            let span = loaded.document.value_span(&format!("{pointer}/{}", form.word()));
            let held = || self.principals.iter().filter(|entry| entry.is(principal_type, &name));
            match held().next() {
                None => findings.push(Finding::error(Code::LockOutdated, lacks(&form)).at(span).hint(RENEW)),
                Some(other) if !held().any(|entry| entry.may_be_in(tenant)) => {
                    foreign.get_or_insert_with(|| of_another_tenant(other));
                }
                Some(_) => {}
            }
        }
        let span = loaded.document.value_span("/stack");
        findings.extend(
            foreign.map(|message| Finding::error(Code::TenantMismatch, message).at(span).hint(RENEW)),
        );
        findings
    }
}

/// That a lock file does not hold a name.
fn lacks(form: &Form<'_>) -> String {
    format!("the lock file does not contain {}", form.shown())
}

/// That a lock file holds a name for another tenant only.
fn of_another_tenant(entry: &LockEntry) -> String {
    format!("{} was locked in another tenant than the caller's", entry.shown())
}

/// The environment of a run, in words.
fn of(environment: Option<&str>) -> String {
    environment.map(|name| format!(" for environment `{name}`")).unwrap_or_default()
}

/// That a lock file says of a name something else than the directory, or than Azure of a managed identity.
pub(super) fn outdated(form: &Form<'_>, locked: Uuid, now: &Result<Uuid, String>) -> Finding {
    let shown = form.shown();
    let finding = |message| Finding::error(Code::LockOutdated, message).hint(RENEW);
    match now {
        Ok(id) => finding(differs(&shown, *id, locked)),
        Err(why) => {
            finding(format!("{shown} is `{locked}` in the lock file, and is not in the directory")).cause(why)
        }
    }
}

/// Whether an entry is one that neither the spec names nor a new file holds.
fn is_stranger(entry: &LockEntry, fresh: &Lock, named: &[NamedPrincipal<'_>]) -> bool {
    let found = fresh.principals.iter().any(|other| other.is_like(entry));
    !found && declared_at(entry, named).is_none()
}

fn sort(principals: &mut [LockEntry]) {
    principals
        .sort_by_cached_key(|entry| (entry.principal_type.as_str(), entry.name.to_lowercase(), entry.tenant));
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
        Form::ManagedIdentity(id) | Form::ResourceIdentity(_, id) => {
            Some((PrincipalType::ServicePrincipal, id.to_string()))
        }
        Form::Id(..) | Form::AccountIdentity(_) | Form::ProjectIdentity(_) | Form::Me => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principals::Set;
    use crate::spec::lock::LockError;

    fn lock() -> Lock {
        let id = Uuid::from_u128(7);
        let entry = LockEntry {
            tenant: None,
            environments: Vec::new(),
            principal_type: PrincipalType::Group,
            name: "ML".to_owned(),
            id,
        };
        Lock { format_version: FORMAT_VERSION.to_owned(), principals: vec![entry] }
    }

    #[test]
    fn a_name_is_found_by_type_and_without_case_and_shown_as_unverified() {
        let group = lock().resolve(&Form::Named(Set::Groups, "ml"), None).unwrap().unwrap();
        assert_eq!(group.title(), format!("Group ML ({}, from lock, unverified)", group.id));
        assert!(lock().resolve(&Form::Named(Set::Users, "ml"), None).unwrap().is_err(), "a user is no group");
        assert_eq!(lock().resolve(&Form::Me, None), None, "nobody locks `me`");
    }

    #[test]
    fn of_two_tenants_that_of_the_caller_counts() {
        let mut two = lock();
        let tenants = [1, 2].map(Uuid::from_u128);
        two.principals[0].tenant = Some(tenants[0]);
        two.principals.push(LockEntry {
            tenant: Some(tenants[1]),
            id: Uuid::from_u128(8),
            ..two.principals[0].clone()
        });
        let two = Lock::parse(&serde_json::to_string(&two).unwrap()).unwrap();
        let found = |tenant| two.resolve(&Form::Named(Set::Groups, "ml"), tenant).unwrap();
        assert_eq!(found(Some(tenants[0])).unwrap().id, Uuid::from_u128(7));
        assert_eq!(found(Some(tenants[1])).unwrap().id, Uuid::from_u128(8));
        assert_eq!(found(Some(Uuid::from_u128(3))).unwrap_err().code, Code::TenantMismatch);
        assert_eq!(found(None).unwrap_err().code, Code::TenantMismatch, "either could be meant");
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
