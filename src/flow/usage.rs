//! Who still uses keys: asks about live accounts, and judges what comes back.

use jiff::tz::Offset;

use super::{Azure, Checked, Halt};
use crate::accounts::Standing;
use crate::document::Plan;
use crate::document::usage::{AccountUsage, FoundKeyUse, KeyUsageTerms, KeyVerdict, Usage};
use crate::finding::{Code, Finding};
use crate::guards;
use crate::id::ResourceId;
use crate::keys::usage::{self, AskedAccount, Window};
use crate::kinds;
use crate::plan::predict::World;
use crate::principals;
use crate::snapshot::{Answer, Snapshot};
use crate::text::source::Sources;

/// How many days are looked at if nothing else is said.
const DAYS: u32 = 30;

/// What must be known about the use of the keys that a plan from a file turns off. Nothing in the file proves what its specs ask for, so that
/// is the most that specs can ask for.
pub(super) fn strictest(going_off: &[ResourceId]) -> Vec<KeyUsageTerms> {
    let terms = |id: &ResourceId| KeyUsageTerms {
        account: id.to_string(),
        quiet_days: usage::MOST_DAYS,
        allow_unknown_until: None,
        found: None,
    };
    going_off.iter().map(terms).collect()
}

impl Azure {
    /// Judges accounts by the evidence of so many days before today (by default 30, or the most that a spec wants to be quiet); with `names`,
    /// callers are looked up in the directory.
    pub(crate) async fn usage(
        &self,
        standing: &[Standing],
        days: Option<u32>,
        checked: &Checked,
        names: bool,
    ) -> Result<(Usage, Vec<Finding>), Halt> {
        let sources = &checked.sources;
        let terms = kinds::account::key_usage(&checked.stacks);
        let most = terms.iter().map(|terms| terms.quiet_days).max();
        let days = days.unwrap_or(DAYS.max(most.unwrap_or_default()));
        let subject = |each: &Standing| {
            let is_about = |terms: &&KeyUsageTerms| terms.account.eq_ignore_ascii_case(each.id.as_str());
            let quiet = terms.iter().find(is_about).map_or(days, |terms| terms.quiet_days);
            AskedAccount::of(&each.address, (&each.id, &each.body), each.span, quiet)
        };
        let subjects: Vec<AskedAccount> = standing.iter().map(subject).collect();
        // Records carry Azure's time.
        let window = Window { days, now: self.client.azure_time() };
        let mut snapshot = Snapshot::default();
        let open = |known: &Snapshot| {
            [usage::queries(&subjects, window, known), usage::fetches(&subjects, window)].concat()
        };
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
            if let Some(refusal) = snapshot.get(&query).and_then(Answer::refusal) {
                let message = "could not look up the names of callers, so their object ids are shown";
                findings.push(Finding::warning(Code::PrincipalUnread, message).cause(&refusal.message));
            }
            usage::name(&mut accounts, &principals::known_names(&[], &snapshot));
        }
        Ok((Usage::new(days, usage::date(window.first()), accounts), findings))
    }

    /// Finds out who still uses the keys that a plan turns off, for accounts whose spec asks for that; nothing is read for others. If the
    /// plan is only shown, missing rights are left to the identity that applies it.
    pub(super) async fn find_key_use(
        &self,
        plan: &mut Plan,
        before: &World,
        is_applied: bool,
    ) -> Result<(), Halt> {
        if plan.key_usage.is_empty() {
            return Ok(());
        }
        let going = guards::keys_going_off(plan, before);
        let restored = guards::restored_without_keys(plan, before);
        plan.key_usage.retain(|terms| {
            ResourceId::parse(&terms.account).is_ok_and(|id| going.contains(&id) || restored.contains(&id))
        });
        if going.is_empty() || plan.key_usage.is_empty() {
            return Ok(());
        }
        let now = self.client.azure_time();
        let mut asked: Vec<(AskedAccount, Window)> = Vec::new();
        for terms in &plan.key_usage {
            let days = terms.quiet_days;
            let id = ResourceId::parse(&terms.account).ok().filter(|id| going.contains(id));
            let Some((id, body)) = id.and_then(|id| Some((id.clone(), before.resource(&id)?))) else {
                continue;
            };
            asked.push((AskedAccount::of(&terms.account, (&id, body), None, days), Window { days, now }));
        }
        // Accounts with the same days share queries.
        let mut periods: Vec<(Window, Vec<AskedAccount>)> = Vec::new();
        for (account, window) in &asked {
            match periods.iter_mut().find(|(known, _)| known == window) {
                Some((_, accounts)) => accounts.push(account.clone()),
                None => periods.push((*window, vec![account.clone()])),
            }
        }
        let open = |known: &Snapshot| {
            periods.iter().flat_map(|(window, accounts)| usage::queries(accounts, *window, known)).collect()
        };
        let mut snapshot = Snapshot::default();
        self.ask("finding out who still uses keys", &open, &mut snapshot).await?;
        for terms in &mut plan.key_usage {
            let is_about = |(account, _): &&(AskedAccount, Window)| account.address == terms.account;
            let Some((account, window)) = asked.iter().find(is_about) else { continue };
            let evidence = usage::evidence(account, *window, &snapshot);
            let judged = usage::judge(account, &evidence, *window, &Sources::default());
            let only_rights =
                judged.verdict == KeyVerdict::CannotTell && judged.reasons.iter().all(|reason| reason.denied);
            terms.found = Some(FoundKeyUse {
                usage: judged,
                today: Offset::UTC.to_datetime(now).date(),
                before: Offset::UTC.to_datetime(usage::begin(window.today())).date(),
                left_to_apply: only_rights && !is_applied,
            });
        }
        plan.requests = self.requests();
        Ok(())
    }
}
