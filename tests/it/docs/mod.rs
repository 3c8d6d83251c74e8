//! Pages of docs/ that are made from the code, and a check that they are current.
//!
//! `KEYLESS_BLESS=1 cargo test --test it docs` writes them anew.

mod openings;

use std::fmt::Write as _;
use std::path::Path;

use keyless::finding::Code;
use keyless::rbac::condition::Givable;
use keyless::rbac::{self, Catalogue, POWERS};
use keyless::spec::structure;
use serde_json::{Value, json};

fn is_current(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("KEYLESS_BLESS").is_some() {
        std::fs::write(&path, text).expect("docs/ can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{name} is not what the code says: KEYLESS_BLESS=1 cargo test --test it docs");
}

#[test]
fn the_page_of_findings_is_current() {
    let mut page = String::from(
        "# Findings\n\nEvery message of keyless has a code that stays the same between versions. This page is made from the code.\n\n| code | meaning |\n| --- | --- |\n",
    );
    for code in Code::ALL {
        let _ = writeln!(page, "| `{code}` | {} |", code.about());
    }
    is_current("docs/findings.md", &page);
}

/// Rights that sound as if somebody could get more with them, and why no guard asks about a role that has no other.
const UNGUARDED: &[(&str, &str)] = &[
    (
        "Microsoft.CognitiveServices/accounts/listKeys/action",
        "a key is worth nothing while keys are off, which `keys-on` guards; Cognitive Services User has this right",
    ),
    ("Microsoft.CognitiveServices/accounts/regenerateKey/action", "as above"),
    (
        "Microsoft.CognitiveServices/accounts/connections/listSecrets/action",
        "reads the secrets of connections; prefer connections without secrets (`authType: AAD`)",
    ),
    (
        "Microsoft.CognitiveServices/accounts/projects/write",
        "makes and changes projects in the account; gives no right on it",
    ),
    (
        "Microsoft.CognitiveServices/accounts/deployments/write",
        "decides which models answer and behind which filter (`weakening` guards what a plan does), not who may call",
    ),
    ("Microsoft.CognitiveServices/accounts/raiPolicies/write", "as above"),
    (
        "Microsoft.CognitiveServices/accounts/privateEndpointConnectionsApproval/action",
        "approves a private endpoint of one's own network to the account, past its network rules: that opens the network and gives no right on data, for which keys or a role are needed still",
    ),
    ("Microsoft.CognitiveServices/accounts/privateEndpointConnections/write", "as above"),
    ("Microsoft.CognitiveServices/accounts/privateEndpointConnectionProxies/validate/action", "as above"),
    ("Microsoft.CognitiveServices/accounts/privateEndpointConnectionProxies/write", "as above"),
    (
        "Microsoft.Authorization/roleAssignments/delete",
        "takes rights away and gives none; `lock-out` guards what a plan takes away",
    ),
    ("Microsoft.Authorization/locks/delete", "removes a lock; gives no right"),
    (
        "Microsoft.Authorization/policyAssignments/write",
        "a policy that deploys acts as an identity of its own, which must have been given roles",
    ),
    (
        "Microsoft.Authorization/classicAdministrators/write",
        "classic administrators were retired on 31 August 2024",
    ),
    (
        "Microsoft.ManagedServices/registrationAssignments/write",
        "Azure Lighthouse asks for `roleAssignments/write` besides, which is guarded",
    ),
    ("Microsoft.Resources/deployments/write", "a deployment acts with the caller's own rights"),
    (
        "Microsoft.ManagedIdentity/userAssignedIdentities/write",
        "a new identity has no roles until somebody gives it some",
    ),
    (
        "Microsoft.Compute/virtualMachines/runCommand/action",
        "code on a machine, a web app, a function or a workflow acts as the identity of that resource; keyless does not manage those: keep their identities' roles small",
    ),
    ("Microsoft.Web/sites/write", "as above"),
    ("Microsoft.Logic/workflows/write", "as above"),
    ("Microsoft.KeyVault/vaults/accessPolicies/write", "data of a vault; keyless does not manage vaults"),
    (
        "Microsoft.Storage/storageAccounts/listKeys/action",
        "data of a storage account; keyless does not manage those",
    ),
    (
        "Microsoft.DocumentDB/databaseAccounts/tableRoleAssignments/write",
        "roles of Cosmos DB's other APIs, which keyless does not manage; Cosmos DB Operator, which agents need, has this right",
    ),
    (
        "Microsoft.DocumentDB/databaseAccounts/listKeys/action",
        "data of a Cosmos DB account, past its own roles; turn its keys off",
    ),
];

/// What the page says beside its tables.
const CONDITIONS: &str = "
# Conditions

A condition that a plan drops or changes is refused (`guard-condition`), on any role: keyless does not judge whether the new one lets more
through, a person does. The same role given to the same principal without that condition, above, below or at that scope, counts as dropped.
So does another role there that gives some of what the condition keeps away from the same principal, such as a call of a model, another
action on data, or a right of the table above: a swap of *Cognitive Services User* under a condition for *Cognitive Services OpenAI User*
without.
Text diffs mark words as `git diff --word-diff` does: `[-gone-]`, `{+new+}`.

`validate` finds what Azure could not read: brackets, quotes, an operator without a value, with the place inside the condition. Operators,
functions and attributes that keyless does not know are a note: Azure judges them.

# Lock-outs

With keys off somebody must be left who can call the models: `guard-lock-out` refuses a plan after which no role with inference data actions
reaches the account. Taking away any role with which some model can be called, whatever is deployed (the list is below), puts that question.
These do not count as somebody left:

- a grant of a role that permits no call of a model that is deployed there. What a model takes Azure shows of its deployment: chat, embeddings,
  responses (some models take nothing else), completions, images, audio or realtime; of a new deployment the model's name tells. Models of
  others take the routes of OpenAI and their own alike. Those of Anthropic take `AIServices/providers/action` by what the service answers, and
  `MaaS/*` by what is documented: whoever has one of the two only, by *Azure AI Developer* for example, may be no way in, and *Cognitive
  Services OpenAI User* has neither. Where nothing is known to be deployed, only roles that permit chat or embeddings count;
  where the deployments cannot be listed, only roles that permit chat, embeddings and `MaaS` chat all;
- a grant under a condition, unless the condition certainly lets a call through that the role permits and a deployed model takes. Where
  nothing is known to be deployed, it must let chat and embeddings through as far as the role permits them;
- a grant that ends by itself, wherever it stands and whatever mark it carries, such as a role activated through Privileged Identity
  Management. Where Azure says two things of one assignment, it ends. Where that could not be read, only what keyless made counts, as its
  name tells (`keyless guid` of principal, role and scope): it lasts. How long grants hold is asked of the subscription's
  `roleAssignmentScheduleInstances`, once; of each scope by itself where the subscription's may not be read, or does not name a grant;
- a grant of a principal that the directory does not know. A directory that may not be read says of nobody that they are gone;
- the account's own identity and those of its projects, those of the same plan too; another account's or application's identity counts;
- a system-assigned identity of another account or project that the plan deletes: Azure deletes it with its resource, and when `identity` takes it
  away. A user-assigned identity that is only detached is still there, and counts;
- where a spec declares the account's `roleAssignments`, a grant made by hand on the account beside them. What is inherited counts.

Where a grant goes or gets another condition, it may be the way into accounts that the specs do not name: a role on a subscription, on another
group, or on another team's account. Those accounts are listed then. Of an account that could not be read, keys may be off: the guard refuses
unless somebody keeps a role there that lasts for certain. For accounts below a management group that always holds, since keyless does not know
all of them; somebody with a lasting role on that management group or above is enough.

Which accounts a system-assigned identity is a way into follows from the role assignments of the subscriptions that specs name. Where not all of
those could be read, a plan that deletes such an identity is refused at the account or project that loses it: it may be the last way into an
account that the caller does not see. That is so for whoever has rights on a resource group only, since a list of that group shows nothing of the groups
beside it, and asking for one principal's role assignments takes the same right. Have such a plan made by somebody who may list role
assignments in the subscription (*Reader* may), or lift it at that account or project. In subscriptions that no spec names, role assignments are
never read. What a stack made in a subscription that no spec names any more is not seen: before the last line of a subscription goes, or
`subscription:` changes, keep a role there with `principals: []` (or delete the accounts) and apply.

Roles that somebody is only *eligible* for in Privileged Identity Management are read nowhere: whoever activates one has it as a grant that ends by
itself, and until then keyless knows nothing of them.

The questions behind this are asked where keys go off, such a grant goes or changes, or the identity that has it goes, and at no other time. A plan that takes a right
with which keyless writes (accounts and what stands in them, role assignments) from the identity that carries it out, or puts it under a
condition, is refused too; what that identity holds through groups is not known, and what it holds for a while is no right that it keeps.

An account that is encrypted with a key of its owner's is of no use to anybody once it cannot read the key. A plan is refused that takes
from it the identity with which it reads the key (its own, or the attached one whose client id stands in `identityClientId`), or from that
identity the last role that lets it. What a vault's access policies let in keyless does not know: the message says so.

What somebody has for a while counts for no guard as had before: giving it for good needs the word of `grant`, and a condition dropped beside
it that of `condition`.
";

/// A role that has one right and no other.
fn with(action: &str) -> Catalogue {
    let id = "/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-000000000001";
    let body = json!({"id": id, "properties": {"roleName": "one", "permissions": [{"actions": [action]}]}});
    Catalogue::of([body].iter())
}

#[test]
fn the_page_of_rights_is_current() {
    let is_guarded = |action: &str| {
        let id = uuid::Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);
        with(action).by_id(id).expect("the role was just put in").is_guarded()
    };
    let mut page = String::from(
        "# Rights that become more\n\nThis page is made from the code. A plan that gives somebody a role with one of these rights, by a wildcard too, is refused (exit 3,\n`guard-grant`) until `--allow 'grant:ADDRESS'` names it. `notActions` count: what a role excludes it does not give. So is every role at\nsubscription scope or above, and a role whose permissions could not be read.\n\n| right | lets its holder | how that becomes more |\n| --- | --- | --- |\n",
    );
    for power in POWERS {
        let actions: Vec<String> = power.actions.iter().map(|action| format!("`{action}`")).collect();
        let _ = writeln!(page, "| {} | {} | {} |", actions.join("<br>"), power.words, power.how);
        for action in power.actions {
            assert!(is_guarded(action), "{action}");
            let (provider, _) = action.split_once('/').expect("an action has a provider");
            assert!(is_guarded(&format!("{provider}/*")), "{provider}/*");
        }
    }
    page.push_str(
        "\nA role that could become more by writing role assignments alone, and whose own condition, or that of the assignment, lets it give roles\nwith inference data actions only, chat or embeddings among them, is a note below a resource group (*Azure AI Project Manager* is such a\nrole). A role with inference data actions on a whole resource group is a note.\n\nNot guarded, and why:\n\n| right | why not |\n| --- | --- |\n",
    );
    for (action, why) in UNGUARDED {
        assert!(!is_guarded(action), "{action}");
        let _ = writeln!(page, "| `{action}` | {why} |");
    }
    page.push_str(
        "\nOf the built-in roles that keyless knows offline these need the flag on an account too:\n\n",
    );
    for role in rbac::builtin().iter().filter(|role| role.is_guarded()) {
        let words: Vec<&str> = role.powers().map(|power| power.words).collect();
        let few = words.len() == 1 && role.can_grant() && matches!(role.givable(), Givable::Only(_));
        let but = if few {
            ", by its own condition inference roles only: a note below a resource group"
        } else {
            ""
        };
        let _ = writeln!(page, "- *{}*: {}{but}", role.name, words.join(", "));
    }
    page.push_str(CONDITIONS);
    page.push_str("\nInference data actions, all below `Microsoft.CognitiveServices/accounts/`:\n\n");
    for action in rbac::CALLS {
        let below =
            action.strip_prefix("Microsoft.CognitiveServices/accounts/").expect("calls are data of accounts");
        let _ = writeln!(page, "- `{below}`");
    }
    is_current("docs/guards.md", &page);
}

#[test]
fn the_page_of_fields_is_current() {
    let schema = structure::schema();
    let mut page = String::from(
        "# Fields of a spec\n\nThis page is made from the code; [schema/spec.schema.json](../schema/spec.schema.json) says the same to editors. Names are Azure\nResource Manager's. A field left out is unmanaged: never compared, never reset. A declared list is complete, and its order does not count;\nmaps such as `tags` merge key by key, and `null` removes a key.\n\nLists below an account, a project or a workspace (`deployments`, `raiPolicies`, `projects`, `connections`) are read if and only if they\nstand in the spec. So a line removed from such a list removes what keyless made; to remove the last one, leave `[]`: without the key the\nlist is nobody's, and what is in it stays. Connections are never removed, since Azure has no place for a mark on them.\n\nAn account, a project or a deployment goes last, with the roles on it: once everything that its stack declares is there, since any of that may be\nmeant to take its place. While something cannot be read or made, run after run, they stay and that is an error (`waits-for-grants`). If the old one\nhas to make room for the new one (quota, a name), apply once without the new one.\n\nWhat stands beside a declared list is drift: `drift` exits with 2 and says who made it and when; `plan` shows it, keeps its exit code,\nand `apply` never deletes what keyless did not make. That holds for `roleAssignments` of an account (what is assigned on something in the\naccount counts too) and for the lists above. Accounts that no spec declares, and role assignments on resource groups, above them and on\nother resources, are named only (those above only where the spec declares something there), but for roles that the `grant` guard guards: given in a group of the stack, they are drift. An account\nthat declares no `roleAssignments` leaves those of others on it alone, such roles excepted, and revokes what its stack gave: where the whole list is left out, only with\n`--allow delete-list:ADDRESS`, since a merge may have lost it. `roleAssignments: []` says that nobody is wanted. The same holds for the file's own\n`roleAssignments`; but a role that it gives on an account counts to that account's list, so give it there. `unmanaged: list` names all of this and fails nothing.\n\nNever drift: what is inherited from above · an inference role that the account's or a project's own identity has there (services add\nthose) · assignments whose principal is gone · those that somebody activated through Privileged Identity Management, with their end (a\ntenant without its license has none; where it cannot be read or Azure shows no end, `drift` exits with 1; what is live a day after its\nend is drift; where Azure says two things of one assignment, `drift` exits with 1) · Azure's own content filters · what `expected` names. A stack's `expected` excuses to that stack only: an `Owner` on a group in\nwhich two stacks have accounts reaches both, so it is drift until both expect it.\n\nWhat carries a stack's own mark outside of the groups and scopes that its spec names is drift too: nothing is deleted there, and the last line that\nnamed a place may just have gone. Accounts are seen there with *Reader* on the subscription; without it a warning says that the named groups\nalone were read. To revoke what stands there, keep a role at that `scope` with `principals: []` until it is gone.\n\nWhat a stack made in a subscription that no spec of the run names any more is not seen, accounts and role assignments alike: `plan` and `drift` say\n\"no changes\" and it stays live. Before the last line that names a subscription goes, or `subscription:` changes, keep a role at a scope there with\n`principals: []` (or delete the accounts there) and apply.\n\nA mark of a stack (tag `keyless-stack`, or `[keyless:STACK]` at the end of a description) that is not in the run excuses nothing, since\nanybody can type one. Teams that share an account name each other under `coManagedBy`: what carries the other team's mark is accepted there\nif Azure says that both its maker and its last writer are among `by`, and, of a role assignment, the role is among `roles` and not a guarded\none. `-v` lists what is accepted. Connections have no place for a mark, so they cannot be shared: one team declares them all.\n",
    );
    section(&mut page, "The file", &schema);
    let definitions = schema["$defs"].as_object().unwrap();
    for name in ORDER {
        section(&mut page, &title(name), &definitions[*name]);
    }
    let listed: Vec<&String> =
        definitions.iter().filter(|(_, each)| each["properties"].is_object()).map(|(name, _)| name).collect();
    for name in listed {
        assert!(ORDER.contains(&name.as_str()), "{name} is missing from ORDER");
    }
    is_current("docs/spec.md", &page);
}

/// The objects of a spec, in reading order.
const ORDER: &[&str] = &[
    "Account",
    "SkuParts",
    "IdentityParts",
    "NetworkAcls",
    "VirtualNetworkRule",
    "Encryption",
    "KeyVaultProperties",
    "UserOwnedStorage",
    "NetworkInjection",
    "RoleAssignment",
    "Expected",
    "CoManager",
    "Deployment",
    "DeploymentModel",
    "DeploymentSku",
    "RaiPolicy",
    "ContentFilter",
    "Project",
    "Connection",
    "ConnectionCredentials",
    "Workspace",
    "ScopedRoleAssignment",
    "Principal",
];

fn title(name: &str) -> String {
    match name {
        "Account" => "An account (`accounts`)",
        "SkuParts" => "The long form of an account's `sku`",
        "IdentityParts" => "The long form of `identity`",
        "NetworkAcls" => "`networkAcls`",
        "VirtualNetworkRule" => "An element of `virtualNetworkRules`",
        "Encryption" => "`encryption`",
        "KeyVaultProperties" => "`keyVaultProperties`",
        "UserOwnedStorage" => "An element of `userOwnedStorage`",
        "NetworkInjection" => "An element of `networkInjections`",
        "RoleAssignment" => "A role assignment on an account",
        "Expected" => "A role assignment that is expected (`expected` of the file or of an account)",
        "CoManager" => "Another team on an account (`coManagedBy`)",
        "ScopedRoleAssignment" => "A role assignment at another scope (`roleAssignments` of the file)",
        "Deployment" => "A model deployment (`deployments` of an account)",
        "DeploymentModel" => "`model`",
        "DeploymentSku" => "`sku` of a deployment",
        "RaiPolicy" => "A content filter (`raiPolicies` of an account)",
        "ContentFilter" => "An element of `contentFilters`",
        "Project" => "A Foundry project (`projects` of an account)",
        "Connection" => "A connection (`connections` of an account, a project or a workspace)",
        "ConnectionCredentials" => "`credentials`",
        "Workspace" => "A hub workspace (`workspaces`)",
        "Principal" => "A principal",
        other => other,
    }
    .to_owned()
}

fn section(page: &mut String, title: &str, object: &Value) {
    let about = object["description"].as_str().unwrap_or_default().replace('\n', " ");
    let _ = write!(page, "\n## {title}\n\n{about}\n\n| field | takes | |\n| --- | --- | --- |\n");
    let required: Vec<&str> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in object["properties"].as_object().expect("an object of the schema has properties") {
        let about = field["description"].as_str().unwrap_or_default().replace('\n', " ");
        let needed = if required.contains(&name.as_str()) { " **required**" } else { "" };
        let _ = writeln!(page, "| `{name}`{needed} | {} | {about} |", takes(field));
    }
}

/// What a field takes, in a few words.
fn takes(field: &Value) -> String {
    if let Some(name) = field["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return words(name);
    }
    if let Some(list) = field["anyOf"].as_array().or_else(|| field["oneOf"].as_array()) {
        let some = list.iter().filter(|each| each["type"] != "null").map(takes);
        return some.collect::<Vec<_>>().join(" or ");
    }
    let types = match &field["type"] {
        Value::Array(types) => {
            types.iter().filter_map(Value::as_str).filter(|each| *each != "null").collect()
        }
        Value::String(one) => vec![one.as_str()],
        _ => vec![],
    };
    match types.first() {
        Some(&"array") => format!("list of {}", takes(&field["items"])),
        Some(&"object") => "map".to_owned(),
        Some(&"boolean") => "true, false".to_owned(),
        Some(&"string") => "text".to_owned(),
        Some(&"integer") => "number".to_owned(),
        _ => "any scalar".to_owned(),
    }
}

/// An enumeration by its words, an object by its name.
fn words(name: &str) -> String {
    let schema = structure::schema();
    let definition = &schema["$defs"][name];
    let mut words: Vec<String> = Vec::new();
    collect(definition, &mut words);
    if words.is_empty() || definition["properties"].is_object() {
        noun(name).to_owned()
    } else {
        words.join(", ")
    }
}

/// What an object is called where it is an element or a value.
fn noun(name: &str) -> &str {
    match name {
        "Account" => "accounts, see below",
        "RoleAssignment" | "ScopedRoleAssignment" => "role assignments, see below",
        "Principal" => "principals, see below",
        "Expected" => "expected role assignments, see below",
        "CoManager" => "teams, see below",
        "Deployment" => "deployments, see below",
        "RaiPolicy" => "content filters, see below",
        "Project" => "projects, see below",
        "Connection" => "connections, see below",
        "Workspace" => "workspaces, see below",
        "VirtualNetworkRule" | "UserOwnedStorage" | "NetworkInjection" | "ContentFilter" => {
            "objects, see below"
        }
        "IdentityParts" | "SkuParts" => "an object, see below",
        _ => "object, see below",
    }
}

fn collect(definition: &Value, words: &mut Vec<String>) {
    let texts = definition["enum"].as_array().into_iter().flatten().chain(definition.get("const"));
    words.extend(texts.filter_map(Value::as_str).map(|word| format!("`{word}`")));
    for inner in ["oneOf", "anyOf"].iter().filter_map(|key| definition[*key].as_array()).flatten() {
        match inner["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => words.push(self::words(name)),
            None if inner["type"] == "string"
                && inner.get("const").is_none()
                && inner.get("enum").is_none() =>
            {
                words.push("text".to_owned());
            }
            None => collect(inner, words),
        }
    }
}
