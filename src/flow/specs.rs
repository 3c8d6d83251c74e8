//! Specs that were read and checked: where the flow begins.
//!
//! Pure. What there is to say about them is collected on the way; what only the caller's token can tell is added here.

use uuid::Uuid;

use crate::auth::Claims;
use crate::document::FindingEntry;
use crate::finding::{Code, Finding, Severity};
use crate::kinds::Kind as _;
use crate::kinds::account::Accounts;
use crate::kinds::role_assignment::principals_of;
use crate::snapshot::Snapshot;
use crate::source::{Sources, Span};
use crate::spec::Loaded;

/// Specs that were read and checked.
#[derive(Clone)]
pub(crate) struct Checked {
    pub stacks: Vec<Loaded>,
    /// Everything there is to say so far.
    pub findings: Vec<Finding>,
    /// The files, for places.
    pub sources: Sources,
}

impl Checked {
    pub(crate) fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    pub(crate) fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// The address of each declared account, and where it stands.
    pub(crate) fn accounts(&self) -> Vec<(String, Span)> {
        let desired = self.stacks.iter().flat_map(|loaded| Accounts.desired(loaded, &Snapshot::default()));
        desired.map(|desired| (desired.address, desired.span)).collect()
    }

    /// Findings as documents hold them.
    pub(crate) fn entries(&self) -> Vec<FindingEntry> {
        self.findings.iter().map(|finding| FindingEntry::new(finding, &self.sources)).collect()
    }
}

/// What is wrong with a spec's lock file; of which tenant it has to be is known once somebody has signed in.
pub(crate) fn held_against(loaded: &Loaded, tenant: Option<Uuid>) -> Vec<Finding> {
    let lock = loaded.lock.as_ref();
    lock.map(|lock| lock.problems(loaded, &principals_of(&loaded.spec), tenant)).unwrap_or_default()
}

/// Declared tenants that are not the caller's.
pub(super) fn foreign_tenants(stacks: &[Loaded], claims: &Claims) -> Vec<Finding> {
    stacks.iter().filter_map(|loaded| foreign_tenant(loaded, claims)).collect()
}

fn foreign_tenant(loaded: &Loaded, claims: &Claims) -> Option<Finding> {
    let (declared, tid) = (loaded.spec.tenant.as_deref()?, claims.tid?);
    (!declared.eq_ignore_ascii_case(&tid.to_string())).then(|| {
        Finding::error(
            Code::TenantMismatch,
            format!("the caller is signed in to tenant `{tid}`, not `{declared}`"),
        )
        .at(loaded.document.value_span("/tenant"))
        .hint("sign in to the declared tenant, or correct the line")
    })
}
