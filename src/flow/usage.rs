//! Who still uses keys: asks about live accounts, and judges what comes back.

use super::{Azure, Halt};
use crate::accounts::Standing;
use crate::document::usage::{AccountUsage, Usage};
use crate::finding::Finding;
use crate::keys::usage::{self, AskedAccount, Window};
use crate::principals;
use crate::snapshot::Snapshot;
use crate::text::source::Sources;

impl Azure {
    /// Judges accounts by the evidence of so many days before today; with `names`, callers are looked up in the directory.
    pub(crate) async fn usage(
        &self,
        standing: &[Standing],
        days: u32,
        sources: &Sources,
        names: bool,
    ) -> Result<(Usage, Vec<Finding>), Halt> {
        let subject =
            |each: &Standing| AskedAccount::of(&each.address, (&each.id, &each.body), each.span, days);
        let subjects: Vec<AskedAccount> = standing.iter().map(subject).collect();
        // Records carry Azure's time.
        let window = Window { days, now: self.client.azure_time() };
        let mut snapshot = Snapshot::default();
        let open = |known: &Snapshot| usage::queries(&subjects, window, known);
        self.ask("reading settings, metrics and logs", &open, &mut snapshot).await?;
        let (mut accounts, mut findings): (Vec<AccountUsage>, Vec<Finding>) = (Vec::new(), Vec::new());
        for subject in &subjects {
            let evidence = usage::evidence(subject, window, &snapshot);
            let judged = usage::judge(subject, &evidence, window, sources);
            findings.extend(usage::findings(subject, &judged));
            accounts.push(judged);
        }
        let callers = usage::callers(&accounts);
        if names && !callers.is_empty() {
            let query = principals::names(&callers);
            self.ask("reading the directory", &|_| vec![query.clone()], &mut snapshot).await?;
            usage::name(&mut accounts, &principals::known_names(&[], &snapshot));
        }
        Ok((Usage::new(days, usage::date(window.first()), accounts), findings))
    }
}
