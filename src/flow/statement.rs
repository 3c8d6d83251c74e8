//! What commands other than plans read: the live accounts of specs or of a subscription, and the principals that specs name.

use super::azure::OpenQueries;
use super::specs::foreign_tenants;
use super::{Azure, Checked, Halt};
use crate::accounts::{self, Standing};
use crate::document::Statement;
use crate::finding::{Finding, Open};
use crate::id::ResourceId;
use crate::kinds::Reading as _;
use crate::kinds::account::Accounts;
use crate::kinds::role_assignment::caller::permissions;
use crate::kinds::role_assignment::{principal_queries, principals_of};
use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;
use crate::spec::lock::Lock;

impl Azure {
    /// Reads what a command needs about these specs, and adds findings about it.
    pub(crate) async fn look(
        &self,
        checked: &mut Checked,
        wanted: impl Fn(&[Loaded], &Snapshot) -> Vec<Query> + Sync,
    ) -> Result<(Snapshot, Vec<Standing>), Halt> {
        let open = |known: &Snapshot| {
            let stacks = &checked.stacks;
            [wanted(stacks, known), accounts::about_absent(stacks, known)].concat()
        };
        let (snapshot, caller) = self.read(&open).await?;
        checked.findings.extend(foreign_tenants(&checked.stacks, &caller));
        let (standing, findings) = accounts::declared(&checked.stacks, &snapshot);
        checked.findings.extend(findings);
        Ok((snapshot, standing))
    }

    /// The declared accounts that are live.
    pub(crate) async fn accounts(&self, checked: &mut Checked) -> Result<Vec<Standing>, Halt> {
        let accounts = |stacks: &[Loaded], snapshot: &Snapshot| Accounts.queries(stacks, snapshot);
        self.look(checked, accounts).await.map(|(_, standing)| standing)
    }

    /// All accounts of a subscription, and what a command asks about them, with findings.
    pub(crate) async fn listed(
        &self,
        subscription: &ResourceId,
        wanted: &OpenQueries<'_>,
    ) -> Result<(Snapshot, Vec<Standing>, Vec<Finding>), Halt> {
        // A list says nothing of what the caller may not read.
        let open = |known: &Snapshot| [wanted(known), vec![permissions(subscription)]].concat();
        let (snapshot, _) = self.read(&open).await?;
        let (standing, findings) = accounts::listed(subscription, &snapshot);
        Ok((snapshot, standing, findings))
    }

    /// Looks up the principals that stacks name, for their new lock files; existing lock files are ignored.
    pub(crate) async fn look_up(&self, checked: &Checked) -> Result<Vec<(Lock, Vec<Open>)>, Halt> {
        let (stacks, environment) = (&checked.stacks, checked.environment.as_deref());
        let caller = self.caller().await?;
        let mut snapshot = Snapshot::default();
        self.ask("reading the directory", &|_| principal_queries(stacks), &mut snapshot).await?;
        Ok(stacks
            .iter()
            .map(|loaded| Lock::of(loaded, &principals_of(&loaded.spec), &snapshot, caller.tid, environment))
            .collect())
    }

    /// Wraps the result of a command as a document.
    pub(crate) fn state<T>(&self, about: T, checked: &Checked) -> Statement<T> {
        let said = Statement::new(about, checked.entries(), self.target.clone(), self.requests());
        Statement { shard: checked.shard.clone(), ..said }
    }
}
