//! Findings: the one type for everything keyless has to say about a spec, live state or a failed write.
//!
//! A finding has a stable code, a severity, a message that does not repeat its source, a place in a spec and a hint.
//! Stages make findings; only `render` turns them into text.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::source::Span;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run cannot do what was asked: exit 1, or 3 from a guard.
    Error,
    /// Works, and probably is not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

macro_rules! codes {
    ($($name:ident = $text:literal, $about:literal;)*) => {
        /// The stable code of a finding; the table in docs/findings.md is made from this one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $about] $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as printed.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Whether guards say it.
            #[must_use]
            pub fn is_guard(self) -> bool {
                self == Code::UnusedAllow || self.as_str().starts_with("guard-")
            }

            /// What the code means, in a line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Code::$name => $about,)* }
            }
        }
    };
}

codes! {
    // Reading files.
    UnreadableFile = "unreadable-file", "a file or folder cannot be read";
    NotUtf8 = "not-utf8", "a file holds bytes that are not UTF-8";
    TooLarge = "too-large", "a file is over 64 MiB, nested deeper than 64 levels, holds more than 2,000,000 values or grows too much through aliases";
    NoSpecs = "no-specs", "no spec file was found where one was looked for";
    UnreadSpec = "unread-spec", "a `.json` file in a folder that holds a spec: folders give their `.yaml` and `.yml` files only";
    SavedPlan = "saved-plan", "a saved plan where a spec is read";
    YamlSyntax = "yaml-syntax", "a file is not well-formed YAML, or uses a feature specs do without";
    DuplicateKey = "duplicate-key", "a mapping holds a key twice";
    // Structure.
    UnknownField = "unknown-field", "a field that specs do not have";
    MissingField = "missing-field", "a required field is not there";
    WrongType = "wrong-type", "a value of another type than the field takes";
    InvalidValue = "invalid-value", "a value outside of what the field takes";
    UnknownVariable = "unknown-variable", "`${name}` that nothing defines";
    MalformedReference = "malformed-reference", "`${` that is not a reference";
    SecretOutsideSecretField = "secret-outside-secret-field", "`${secret.NAME}` in a field that is shown or compared";
    // Rules of one field or resource.
    InvalidName = "invalid-name", "a name that Azure does not take, or that a variable cannot have";
    InvalidGuid = "invalid-guid", "something that should be a GUID is not one";
    InvalidId = "invalid-id", "something that should be a resource id is not one";
    InvalidCidr = "invalid-cidr", "an address range that Azure does not take";
    SubdomainRequired = "subdomain-required", "a setting that needs `customSubDomainName`";
    UnknownRole = "unknown-role", "no role of that name, or several; offline a note, where only Azure can tell";
    RoleUnread = "role-unread", "a role that could not be looked up";
    RoleWithoutInference = "role-without-inference", "a role on an account that lets nobody call its models";
    DescriptionTooLong = "description-too-long", "a description that leaves no place for the mark";
    TypedMark = "typed-mark", "an ownership mark typed into a spec";
    ConditionVersion = "condition-version", "a conditionVersion that Azure does not take";
    InvalidCondition = "invalid-condition", "a condition of a role assignment that cannot be read";
    ConditionOrder = "condition-order", "AND beside OR in a condition, without brackets that say which comes first";
    UnknownInCondition = "unknown-in-condition", "an operator, function or attribute in a condition that keyless does not know";
    PrincipalNotFound = "principal-not-found", "a principal that the directory does not know";
    PrincipalAmbiguous = "principal-ambiguous", "a name that several principals have";
    PrincipalUnread = "principal-unread", "a principal that could not be looked up";
    PrincipalType = "principal-type", "a principal of another type than declared";
    LockOutdated = "lock-outdated", "a lock file that says otherwise than the spec or the directory, or cannot be used";
    ClientId = "client-id", "an application's client id where its object id belongs";
    NotInteractive = "not-interactive", "`me` where nobody sits at the terminal";
    Duplicate = "duplicate", "the same thing declared twice";
    UnknownPolicy = "unknown-policy", "a content filter that is neither declared nor in the account";
    PlainSecret = "plain-secret", "a secret that stands in the spec itself: as a key, or in `target` or `metadata` of a connection";
    MissingSecret = "missing-secret", "a secret that is to be sent and that `KEYLESS_SECRET_NAME` does not give";
    KeysEnabled = "keys-enabled", "an account that is declared with API keys on, or has them on where the spec says nothing";
    TenantMismatch = "tenant-mismatch", "the caller is signed in to another tenant than the spec declares";
    StackMismatch = "stack-mismatch", "a stack other than the pinned one";
    OutsideWithin = "outside-within", "a change outside of the pinned scope";
    // Live state.
    AccountAbsent = "account-absent", "an account that a command is about is not there";
    ProjectAbsent = "project-absent", "a project that a command is about is not there";
    UnsafeOutput = "unsafe-output", "a value or name that cannot be handed on to a pipeline";
    UnknownState = "unknown-state", "a resource that could not be read";
    IncompleteRead = "incomplete-read", "a list that could not be read whole: nothing is deleted on its word";
    ResourceGroupMissing = "resource-group-missing", "the resource group of a resource is not there";
    ProjectsNotAllowed = "projects-not-allowed", "a project is declared in an account that does not allow projects";
    WorkspaceMissing = "workspace-missing", "a hub workspace whose connections are declared is not there";
    CredentialsUnknown = "credentials-unknown", "a write that would need what a connection signs in with, which the spec does not hold";
    ImmutableField = "immutable-field", "a change that Azure does not allow on an existing resource";
    ProvisioningFailed = "provisioning-failed", "Azure did not complete the last change of a resource";
    OperationUnderWay = "operation-under-way", "Azure is still at work on a resource: what it shows may change by itself";
    SoftDeleted = "soft-deleted", "a soft-deleted account holds the name";
    VersionMoved = "version-moved", "a model's version that Azure moved as the declared upgrade option lets it";
    ForeignMark = "foreign-mark", "a declared thing, or one that a saved plan would write, carries another mark than the stack's";
    Waiting = "waits-for-grants", "what stays as it is because it waits for declared role assignments, or for declared deployments of the account, and one of them cannot be read or made: keys that are on, a role assignment that is to be revoked; and an account, a project or a deployment that is to be deleted, while anything that its stack declares cannot be read, made or changed";
    StillDeclared = "still-declared", "something declared on or in an account or a project that the same plan deletes, since another line of the run is gone";
    NotOurs = "not-ours", "something that does not carry the stack's mark: a declared thing that removing the line will not revoke or delete, or one that stays while what the stack made in it goes";
    OrphanedAssignment = "orphaned-assignment", "a live role assignment whose principal is gone";
    TemporaryAssignment = "temporary-assignment", "a live role assignment that Privileged Identity Management made for a while; a warning where it is declared and should have ended by now: where Azure still refuses the declared one, the remedy is `az role assignment delete --ids ID`, or some minutes";
    CauseUnread = "cause-unread", "an activity log that could not be read, so that `drift` does not know who changed what";
    UndeclaredCondition = "undeclared-condition", "a live role assignment under a condition where the spec declares none";
    Unmanaged = "unmanaged", "something live that no spec declares, beside a declared list or with a role that the `grant` guard guards";
    // Promises: what would keep a step from succeeding.
    SubdomainTaken = "subdomain-taken", "a subdomain that is not available";
    NameTaken = "name-taken", "a new connection whose name another one has in the account or in a project of it, declared or not: Azure takes each name once";
    Locked = "locked", "a management lock that stops a write or a delete";
    NestedResources = "nested-resources", "an account whose delete Azure would refuse, because a project stands in it that stays";
    PolicyInUse = "policy-in-use", "a content filter whose delete Azure would refuse, because a deployment that stays uses it";
    NotOffered = "not-offered", "a kind, SKU, or model version that Azure does not offer in the region";
    UnknownModel = "unknown-model", "a model that the region does not offer";
    ModelRetired = "model-retired", "a model that Azure deploys no more, or may not";
    QuotaExceeded = "quota-exceeded", "more capacity than the subscription's quota has left";
    UnknownFilter = "unknown-filter", "a content filter that the region does not have";
    InvalidFilter = "invalid-filter", "a content filter for a text that it does not look at, or with or without a severity against its nature";
    AssignmentLimit = "assignment-limit", "more role assignments than Azure takes in a subscription";
    PolicyRefusal = "policy-refusal", "a policy that would refuse a write";
    DenyAssignment = "deny-assignment", "a deny assignment, which keyless does not evaluate";
    MissingPermission = "missing-permission", "a right that the caller lacks for a step: a note in `plan`, an error in `apply`";
    NotChecked = "not-checked", "a check that could not be made";
    // Consequences: what a plan takes from somebody or brings back, and no guard judges.
    ClosedNetwork = "closed-network", "a plan that closes a live account to every public address";
    IdentityRemoved = "identity-removed", "a plan that takes an identity from a live account or project, or deletes one that has roles elsewhere or of which that is not known";
    RestoredAsItWas = "restored-as-it-was", "a soft-deleted account that a plan brings back with what the spec does not declare";
    // Guards.
    GuardDeletes = "guard-deletes", "a plan that deletes more than 10 resources of a stack, or at least 5 and over 30 % of what it owns";
    GuardDeleteList = "guard-delete-list", "a plan that deletes what a stack made in a list that its spec leaves out: a merge may have lost the key";
    GuardDeleteAccount = "guard-delete-account", "a plan that deletes an account";
    GuardDeleteDeployment = "guard-delete-deployment", "a plan that deletes a model deployment";
    GuardDeleteProject = "guard-delete-project", "a plan that deletes a Foundry project";
    GuardPurge = "guard-purge", "a plan that removes a soft-deleted account for good";
    GuardGrant = "guard-grant", "a plan that grants a role which can give its holder more, or a role at subscription scope or above";
    GuardCondition = "guard-condition", "a plan that drops or changes the condition of a role assignment";
    GuardIdentity = "guard-identity", "a plan that attaches a user-assigned identity to a live account";
    GuardKeysOn = "guard-keys-on", "a plan that turns keys on";
    GuardPublicNetwork = "guard-public-network", "a plan that opens an account to every address";
    GuardNetworkRange = "guard-network-range", "a plan that lets a wide range of addresses reach an account";
    GuardNetworkSubnet = "guard-network-subnet", "a plan that lets a subnet of another subscription reach an account";
    GuardNetworkBypass = "guard-network-bypass", "a plan that lets Azure's services pass the network rules";
    GuardOutbound = "guard-outbound", "a plan that lets an account call more hosts";
    GuardConnection = "guard-connection", "a plan that sends a connection's secret elsewhere, or another secret, be it by a new connection";
    GuardWeakening = "guard-weakening", "a plan that weakens a content filter, or takes it from a deployment";
    GuardLockOut = "guard-lock-out", "a plan after which nobody could call the models, or the caller could not write";
    GuardStale = "guard-stale", "live state, or what the specs ask for, changed since the plan was made";
    UnusedAllow = "unused-allow", "an `--allow RULE:ADDRESS` that lifted nothing";
    // Exporting.
    LeftOut = "left-out", "something live that an exported spec does not hold, and why";
    // Doing.
    RunFailed = "run-failed", "the run ended before it had a result; report files say so, that yesterday's report is not taken for today's";
    Interrupted = "interrupted", "Ctrl-C, SIGTERM or SIGHUP ended the run before anything was written";
    WriteFailed = "write-failed", "Azure refused a write, or its outcome is unknown";
    Disproven = "disproven", "what was to be proven by calling an account is not so";
    Inconclusive = "inconclusive", "what was to be proven by calling an account is not known: it could not be reached, or its answer says nothing certain";
    KeysNotRevoked = "keys-not-revoked", "a key that was not regenerated, or of which that is not known";
    ReadBack = "read-back", "what Azure answered to a write is something else than was declared, or a field that nobody declared had changed with it";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    /// Reads a code. One that this version does not know is an error: what it means for a plan cannot be told.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Code::ALL.iter().find(|code| code.as_str() == text);
        known.copied().ok_or_else(|| {
            D::Error::custom(format!("this version of keyless has no findings of code `{text}`"))
        })
    }
}

/// Longest part of a text that is left whole, in characters: no id, address or command is longer. Azure takes ids of some 800.
const LONGEST_PART: usize = 1000;
/// What is left of a longer one.
const PART_LEFT: usize = 200;
/// Longest text, however many parts it has.
const LONGEST_TEXT: usize = 8000;

/// A text for people in which what somebody else wrote has an end: each part between backticks, and the whole.
#[must_use]
pub(crate) fn bounded(text: String) -> String {
    if text.len() <= LONGEST_PART {
        return text;
    }
    let parts: Vec<_> = text.split('`').map(|part| cut(part, LONGEST_PART, PART_LEFT)).collect();
    cut(&parts.join("`"), LONGEST_TEXT, LONGEST_TEXT).into_owned()
}

/// A text that is longer than `longest`, cut to `left` characters, and how many are missing.
fn cut(text: &str, longest: usize, left: usize) -> Cow<'_, str> {
    if text.len() <= longest || text.char_indices().nth(longest).is_none() {
        return Cow::Borrowed(text);
    }
    let end = text.char_indices().nth(left).map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}… (and {} more characters)", &text[..end], text[end..].chars().count()))
}

/// Something to say, about something, somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What sort of thing it is; stable between versions.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// One lower-case sentence without final period.
    pub message: String,
    /// Where in a spec.
    pub span: Option<Span>,
    /// A second place that explains the first, with a label: "first declared here".
    pub related: Option<(Span, String)>,
    /// What Azure answered, or another cause, in a line.
    pub cause: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Finding {
    /// A finding of the given severity, so far without place or hint.
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        let message = bounded(message.into());
        Self { code, severity, message, span: None, related: None, cause: None, hint: None }
    }

    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    /// Puts it at a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Adds a second place and what is there.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, bounded(label.into())));
        self
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(bounded(cause.into()));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(bounded(hint.into()));
        self
    }
}

/// Why something that a spec names could not be made out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// What it means was asked, and nobody answered.
    Unknown(Box<Finding>),
    /// It means nothing, or more than one thing.
    Refused(Box<Finding>),
}

impl Open {
    /// Nobody answered.
    #[must_use]
    pub fn unknown(finding: Finding) -> Self {
        Self::Unknown(Box::new(finding))
    }

    /// What there is to say about it.
    #[must_use]
    pub fn into_finding(self) -> Finding {
        match self {
            Self::Unknown(finding) | Self::Refused(finding) => *finding,
        }
    }

    /// It means nothing, or more than one thing.
    #[must_use]
    pub fn refused(finding: Finding) -> Self {
        Self::Refused(Box::new(finding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_quotes_has_an_end_that_is_seen() {
        let id = "i".repeat(LONGEST_PART);
        let finding = Finding::error(Code::InvalidName, format!("`{id}` and `{}ä` cannot", "x".repeat(5000)))
            .cause("c".repeat(3000))
            .hint("`".repeat(1 << 20));
        let quoted = format!("`{id}` and `{}… (and 4801 more characters)` cannot", "x".repeat(PART_LEFT));
        assert_eq!(finding.message, quoted);
        assert_eq!(finding.cause, Some(format!("{}… (and 2800 more characters)", "c".repeat(PART_LEFT))));
        let hint = finding.hint.unwrap_or_default();
        assert!(
            hint.starts_with("```") && hint.ends_with("… (and 1040576 more characters)"),
            "{}",
            hint.len()
        );
    }
}
