//! The main job through the real binary: what the product promises, asserted by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agents;
mod annotations;
mod api_versions;
#[cfg(unix)]
mod bounds;
mod checks;
mod conditions;
mod connection_names;
mod connections;
mod consequences;
mod contradictions;
mod defaults;
mod deployments;
mod drift;
mod drift_who;
mod estates;
#[cfg(unix)]
mod files;
mod fleet;
mod floors;
mod forged;
mod forged_fields;
mod forged_words;
mod found;
mod guards;
mod guards_rights;
mod guid;
mod hostile;
mod incomplete;
mod key_use;
mod keys;
mod lasting;
mod leaks;
mod left_children;
mod left_out;
mod lost_identities;
mod messages;
mod mistakes;
mod network;
mod new_connections;
mod not_compared;
mod open_fields;
pub(crate) mod openings;
mod ownership;
mod promises;
#[cfg(unix)]
mod question;
mod quickstart;
mod realistic;
mod refusals;
mod replacements;
mod requests;
mod restored;
mod retired;
mod roles;
mod same_names;
mod sarif;
mod saved;
mod scale;
mod schedules;
mod selected;
mod shared_accounts;
mod still_used;
mod strange_ids;
mod strangers;
mod streams;
mod structure;
mod twins;
mod unread;
mod unseen_identities;
mod unsettled;
mod variables;
mod ways_in;
mod withheld;
mod wording;
