//! Findings: the one type for everything keyless has to say about a spec, live state or a failed write.
//!
//! A finding has a stable code, a severity, a message that does not repeat its source, a place in a spec and a hint.
//! Stages make findings; only `render` turns them into text.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::ResourceId;
use crate::text::source::Span;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It must be resolved first.
    Error,
    /// It works, but is probably not what was intended.
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
        /// The stable code of a finding; the table in docs/findings.md is generated from this.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $about] $name,)* }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as printed.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Whether guards use it.
            #[must_use]
            pub fn is_guard(self) -> bool {
                self == Code::UnusedAllow || self.as_str().starts_with("guard-")
            }

            /// The meaning of the code in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Code::$name => $about,)* }
            }
        }
    };
}

codes! {
    // Reading files.
    UnreadableFile = "unreadable-file", "a file or folder that cannot be read";
    NotUtf8 = "not-utf8", "a file with bytes that are not UTF-8";
    TooLarge = "too-large", "a file over 64 MiB, nested deeper than 64 levels, with more than 2,000,000 values, or with aliases that expand too much";
    NoSpecs = "no-specs", "no spec file was found in a given place, or a file of variables was given instead of a spec";
    UnreadSpec = "unread-spec", "a folder has a `.json` file that holds a spec: in folders, keyless reads `.yaml` and `.yml` files only";
    SavedPlan = "saved-plan", "a saved plan was given instead of a spec";
    YamlSyntax = "yaml-syntax", "a file that is not well-formed YAML, or uses a YAML feature that specs do not support";
    DuplicateKey = "duplicate-key", "a mapping with the same key twice";
    // Structure.
    UnknownField = "unknown-field", "a field that specs do not have";
    MissingField = "missing-field", "a required field is missing";
    WrongType = "wrong-type", "a value of the wrong type";
    InvalidValue = "invalid-value", "a value that the field does not accept";
    UnknownVariable = "unknown-variable", "`${name}` is not defined, or no spec uses a `--var`";
    MalformedReference = "malformed-reference", "`${` that does not start a valid reference";
    SecretOutsideSecretField = "secret-outside-secret-field", "`${secret.NAME}` in a field that is shown or compared";
    // Rules of one field or resource.
    InvalidName = "invalid-name", "a name that Azure does not accept, or that a variable cannot have";
    InvalidGuid = "invalid-guid", "a value that should be a GUID and is not";
    InvalidId = "invalid-id", "a value that should be a resource id and is not";
    InvalidCidr = "invalid-cidr", "an address range that Azure does not accept";
    SubdomainRequired = "subdomain-required", "a setting that needs `customSubDomainName`";
    UnknownRole = "unknown-role", "no role has this name, or several have it; a note where only Azure can tell";
    RoleUnread = "role-unread", "a role that could not be looked up";
    RoleWithoutInference = "role-without-inference", "a role on an account that does not permit calling its models";
    DescriptionTooLong = "description-too-long", "a description that leaves no room for the ownership mark";
    TypedMark = "typed-mark", "an ownership mark written into a spec by hand";
    ConditionVersion = "condition-version", "a `conditionVersion` that Azure does not accept";
    InvalidCondition = "invalid-condition", "a condition of a role assignment that cannot be parsed";
    ConditionOrder = "condition-order", "AND and OR mixed in a condition without brackets";
    UnknownInCondition = "unknown-in-condition", "a condition uses an operator, function or attribute that keyless does not know";
    PrincipalNotFound = "principal-not-found", "a principal that does not exist in the directory";
    PrincipalAmbiguous = "principal-ambiguous", "a name that several principals have";
    PrincipalUnread = "principal-unread", "a principal that could not be looked up";
    PrincipalType = "principal-type", "a principal of another type than the declared one";
    LockOutdated = "lock-outdated", "a lock file that disagrees with the spec or the directory, or cannot be used";
    ClientId = "client-id", "an application's client id in place of its object id";
    NotInteractive = "not-interactive", "`me` was used without a terminal";
    Duplicate = "duplicate", "the same thing is declared twice";
    UnknownPolicy = "unknown-policy", "a content filter that is neither declared nor in the account";
    PlainSecret = "plain-secret", "a secret written into the spec: as a key, or in `target` or `metadata` of a connection";
    MissingSecret = "missing-secret", "`KEYLESS_SECRET_NAME` is not set for a secret that must be sent";
    KeysEnabled = "keys-enabled", "API keys are on: declared so, or live while the spec does not say";
    KeysUsed = "keys-used", "calls with an API key were made, as the request log or the account's settings prove";
    CallsWithoutName = "calls-without-name", "calls of an account may have been made with an API key: the request log names no caller, and that is no proof";
    KeyUseUnknown = "key-use-unknown", "it cannot be told whether API keys are used, because evidence is missing";
    TenantMismatch = "tenant-mismatch", "the caller is signed in to another tenant than the spec declares";
    StackMismatch = "stack-mismatch", "a stack that the run is not pinned to, or one that `--select` or `--retire` names and that is not loaded or cannot be retired";
    ShardMissing = "shard-missing", "`report merge` has no result of a shard, so the merged report is not whole";
    OldReport = "old-report", "`report merge` left out a report of another run";
    OutsideWithin = "outside-within", "a change outside of the pinned scope";
    // Live state.
    AccountAbsent = "account-absent", "an account does not exist";
    ProjectAbsent = "project-absent", "a project does not exist";
    UnsafeOutput = "unsafe-output", "a value or name that cannot safely be passed to a pipeline";
    UnknownState = "unknown-state", "a resource that could not be read";
    IncompleteRead = "incomplete-read", "a list that could not be read completely; nothing is deleted because of it";
    ResourceGroupMissing = "resource-group-missing", "the resource group of a resource does not exist";
    ProjectsNotAllowed = "projects-not-allowed", "a project is declared in an account that does not allow projects";
    AccountMissing = "account-missing", "an account that a spec takes as given does not exist";
    WorkspaceMissing = "workspace-missing", "a hub workspace whose connections are declared does not exist";
    CredentialsUnknown = "credentials-unknown", "a write needs a connection's credentials, and the spec does not have them";
    ImmutableField = "immutable-field", "a change that Azure does not allow on an existing resource";
    ProvisioningFailed = "provisioning-failed", "Azure did not complete the last change of a resource";
    OperationUnderWay = "operation-under-way", "Azure is still changing a resource, so its values may change";
    SoftDeleted = "soft-deleted", "a soft-deleted account has this name";
    VersionMoved = "version-moved", "Azure upgraded a model's version, as the declared upgrade option permits";
    ForeignMark = "foreign-mark", "a declared resource, or one that a saved plan would write, has another stack's mark";
    Waiting = "waits-for-grants", "something is not changed because it waits for something declared that cannot be read or made. Turning keys off and revoking a role wait for declared role assignments, and keys also for deployments of the account. Deleting an account, a project or a deployment waits for everything that its stack declares";
    StillDeclared = "still-declared", "the plan would delete an account or project on or in which something is still declared";
    OlderVersion = "older-version", "the cloud, or a region for its lists of models and quota, does not have the newest api-version that keyless knows: a note which one is used, and an error at each declared field that it lacks";
    NotOurs = "not-ours", "a resource without the stack's mark: a declared one that removing its line will not delete, or one that stays while what the stack made in it is deleted";
    OrphanedAssignment = "orphaned-assignment", "a live role assignment whose principal no longer exists";
    TemporaryAssignment = "temporary-assignment", "a live role assignment that ends by itself (Privileged Identity Management). A warning if it is declared and should have ended: if Azure still refuses the declared one, run `az role assignment delete --ids ID`, or wait some minutes";
    CauseUnread = "cause-unread", "an activity log that could not be read, so `drift` cannot say who changed what";
    UndeclaredCondition = "undeclared-condition", "a live role assignment has a condition, and the spec declares none";
    Unmanaged = "unmanaged", "a live resource that no spec declares: an element of a declared list, or a role that the `grant` guard covers";
    // Promises: what would keep a step from succeeding.
    SubdomainTaken = "subdomain-taken", "a subdomain that is not available";
    NameTaken = "name-taken", "a new connection has the name of another one in the account or one of its projects, declared or not; Azure permits each name once";
    Locked = "locked", "a management lock prevents a write or a delete";
    NestedResources = "nested-resources", "Azure would refuse to delete an account, because it has a project that stays";
    PolicyInUse = "policy-in-use", "Azure would refuse to delete a content filter, because a deployment that stays uses it";
    NotOffered = "not-offered", "a kind, SKU or model version that Azure does not offer in the region";
    UnknownModel = "unknown-model", "a model that Azure does not offer in the region";
    ModelRetired = "model-retired", "a model that Azure no longer deploys, or soon will not";
    QuotaExceeded = "quota-exceeded", "more capacity than is left of the subscription's quota";
    UnknownFilter = "unknown-filter", "a content filter that does not exist in the region";
    InvalidFilter = "invalid-filter", "a content filter with a `source` that it does not support, or with or without a severity against its type";
    AssignmentLimit = "assignment-limit", "more role assignments than Azure permits in a subscription";
    PolicyRefusal = "policy-refusal", "a policy would refuse a write";
    DenyAssignment = "deny-assignment", "a deny assignment, which keyless does not evaluate";
    MissingPermission = "missing-permission", "the caller lacks a permission for a step: a note in `plan`, an error in `apply`";
    NotCompared = "not-compared", "a declared field that Azure does not show, so keyless cannot compare it; `--rotate ADDRESS` sends it again";
    DeploymentPaused = "deployment-paused", "a plan pauses a model deployment, whose calls then fail";
    NotChecked = "not-checked", "a check that could not be made";
    // Consequences: what a plan takes from somebody or brings back, and no guard judges.
    ClosedNetwork = "closed-network", "a plan closes an existing account to every public address";
    IdentityRemoved = "identity-removed", "a plan removes an identity from an existing account or project, or deletes one that has, or may have, roles elsewhere";
    RestoredAsItWas = "restored-as-it-was", "a plan restores a soft-deleted account, with settings that the spec does not declare";
    // Guards.
    GuardDeletes = "guard-deletes", "a plan that deletes more than 10 resources of a stack, or at least 5 and over 30 % of what it owns";
    GuardDeleteList = "guard-delete-list", "a plan that deletes what a stack made in a list that its spec leaves out; a bad merge may have dropped the key";
    GuardDeleteAccount = "guard-delete-account", "a plan that deletes an account";
    GuardDeleteDeployment = "guard-delete-deployment", "a plan that deletes a model deployment";
    GuardDeleteProject = "guard-delete-project", "a plan that deletes a Foundry project";
    GuardPurge = "guard-purge", "a plan that purges a soft-deleted account";
    GuardGrant = "guard-grant", "a plan that assigns a role which can be used to gain more, or a role at subscription scope or above";
    GuardCondition = "guard-condition", "a plan that drops or changes the condition of a role assignment";
    GuardIdentity = "guard-identity", "a plan that attaches a user-assigned identity to an existing account";
    GuardKeysOn = "guard-keys-on", "a plan that turns API keys on";
    GuardKeyUse = "guard-key-use", "a plan that turns API keys off while they are used, or may be (`keyUsage` in the spec, or a saved plan without its specs)";
    GuardPublicNetwork = "guard-public-network", "a plan that opens an account to every address";
    GuardNetworkRange = "guard-network-range", "a plan that lets a wide range of addresses reach an account";
    GuardNetworkSubnet = "guard-network-subnet", "a plan that lets a subnet of another subscription reach an account";
    GuardNetworkBypass = "guard-network-bypass", "a plan that lets trusted Azure services bypass the network rules";
    GuardOutbound = "guard-outbound", "a plan that lets an account call more hosts";
    GuardConnection = "guard-connection", "a plan that sends a connection's secret to another host, or another secret, also by a new connection";
    GuardWeakening = "guard-weakening", "a plan that weakens a content filter, or removes it from a deployment";
    GuardUpgrade = "guard-upgrade", "a plan that changes the kind of an account in place";
    GuardLockOut = "guard-lock-out", "a plan after which nobody can call the models, or the caller can no longer write";
    GuardStale = "guard-stale", "the live state, or what the specs ask for, has changed since the plan was made";
    UnusedAllow = "unused-allow", "an `--allow RULE:ADDRESS` that lifted nothing";
    // Exporting.
    LeftOut = "left-out", "a live resource or field that an exported spec leaves out, and why";
    // Doing.
    RunFailed = "run-failed", "the run ended before it had a result; report files say so, so that an old report is not taken for a new one";
    Interrupted = "interrupted", "Ctrl-C, SIGTERM or SIGHUP ended the run before anything was written";
    WriteFailed = "write-failed", "Azure refused a write, or its outcome is unknown";
    Disproven = "disproven", "a call of an account showed that something is not as it should be";
    Inconclusive = "inconclusive", "a call of an account proved nothing: it could not be reached, or its answer was not conclusive";
    KeysNotRevoked = "keys-not-revoked", "a key was not regenerated, or may not have been";
    ReadBack = "read-back", "Azure accepted a write but returned a different value, or changed a field that was not declared";
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
    /// Parses a code. An unknown one is an error, since it is not known what it means for a plan.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Code::ALL.iter().find(|code| code.as_str() == text);
        known.copied().ok_or_else(|| {
            D::Error::custom(format!("this version of keyless has no findings of code `{text}`"))
        })
    }
}

/// The longest part of a text that is kept whole, in characters; longer than any id, address or command. Azure's ids have up to about 800.
const LONGEST_PART: usize = 1000;
/// What is kept of a longer part.
const PART_LEFT: usize = 200;
/// The longest text, with any number of parts.
const LONGEST_TEXT: usize = 8000;

/// Limits text from outside: each part between backticks, and the whole.
#[must_use]
pub(crate) fn bounded(text: String) -> String {
    if text.len() <= LONGEST_PART {
        return text;
    }
    let parts: Vec<_> = text.split('`').map(|part| cut(part, LONGEST_PART, PART_LEFT)).collect();
    cut(&parts.join("`"), LONGEST_TEXT, LONGEST_TEXT).into_owned()
}

/// Shortens a text that is longer than `longest` to `left` characters, with the number of missing ones.
fn cut(text: &str, longest: usize, left: usize) -> Cow<'_, str> {
    if text.len() <= longest || text.char_indices().nth(longest).is_none() {
        return Cow::Borrowed(text);
    }
    let end = text.char_indices().nth(left).map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}… (and {} more characters)", &text[..end], text[end..].chars().count()))
}

/// What is wrong or worth knowing, with its place and remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its category; stable between versions.
    pub code: Code,
    /// Whether it stops a run.
    pub severity: Severity,
    /// A lower-case sentence without final period.
    pub message: String,
    /// Its position in a spec.
    pub span: Option<Span>,
    /// A second position that explains the first, with a label: "first declared here".
    pub related: Option<(Span, String)>,
    /// Azure's answer, or another cause, in one line.
    pub cause: Option<String>,
    /// The remedy.
    pub hint: Option<String>,
    /// The id of the live resource that it is about, if a change is about it too.
    pub resource: Option<String>,
}

impl Finding {
    /// A finding without position or hint.
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        let message = bounded(message.into());
        Self { code, severity, message, span: None, related: None, cause: None, hint: None, resource: None }
    }

    /// A finding that stops a run.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A finding to look at before an apply.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A finding that is good to know.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    /// Sets its position.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Adds a second position with a label.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, bounded(label.into())));
        self
    }

    /// Sets the resource.
    #[must_use]
    pub fn about(mut self, id: &ResourceId) -> Self {
        self.resource = Some(id.to_string());
        self
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(bounded(cause.into()));
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(bounded(hint.into()));
        self
    }
}

/// Why a name in a spec could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// It was queried, without an answer.
    Unknown(Box<Finding>),
    /// It has no match, or more than one.
    Refused(Box<Finding>),
}

impl Open {
    /// There was no answer.
    #[must_use]
    pub fn unknown(finding: Finding) -> Self {
        Self::Unknown(Box::new(finding))
    }

    /// The finding about it.
    #[must_use]
    pub fn into_finding(self) -> Finding {
        match self {
            Self::Unknown(finding) | Self::Refused(finding) => *finding,
        }
    }

    /// It has no match, or more than one.
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
