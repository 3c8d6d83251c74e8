//! Generates the pages of docs/ that come from the code, and checks that they are current.
//!
//! `KEYLESS_BLESS=1 cargo test --test it docs` rewrites them.

#[cfg(feature = "sandbox")]
mod commands;
mod leaves;
mod openings;
#[cfg(feature = "sandbox")]
mod pages;
#[cfg(feature = "sandbox")]
mod unproven;

use std::fmt::Write as _;
use std::path::Path;

use keyless::finding::Code;
use keyless::rbac::condition::Givable;
use keyless::rbac::{self, Catalogue, POWERS, Role};
use keyless::spec::structure;
use serde_json::{Value, json};

fn is_current(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("KEYLESS_BLESS").is_some() {
        std::fs::write(&path, text).expect("docs/ can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{name} is out of date: KEYLESS_BLESS=1 cargo test --test it docs");
}

#[test]
fn the_page_of_findings_is_current() {
    let mut page = String::from(
        "# Findings\n\nEvery finding has a code that does not change between versions. This page is generated from the code.\n\n| code | meaning |\n| --- | --- |\n",
    );
    for code in Code::ALL {
        let _ = writeln!(page, "| `{code}` | {} |", code.about());
    }
    is_current("docs/findings.md", &page);
}

/// Permissions that sound as if they could be used to gain more, and why the `grant` guard does not cover them.
const UNGUARDED: &[(&str, &str)] = &[
    (
        "Microsoft.CognitiveServices/accounts/listKeys/action",
        "a key does not work while keys are off, and the guard `keys-on` covers turning them on; Cognitive Services User has this permission",
    ),
    ("Microsoft.CognitiveServices/accounts/regenerateKey/action", "as above"),
    (
        "Microsoft.CognitiveServices/accounts/connections/listSecrets/action",
        "reads the secrets of connections; prefer connections without secrets (`authType: AAD`)",
    ),
    (
        "Microsoft.CognitiveServices/accounts/projects/write",
        "creates and changes projects in the account; gives no permission on the account",
    ),
    (
        "Microsoft.CognitiveServices/accounts/deployments/write",
        "decides which models answer and behind which filter (`weakening` guards what a plan does), not who may call",
    ),
    ("Microsoft.CognitiveServices/accounts/raiPolicies/write", "as above"),
    (
        "Microsoft.CognitiveServices/accounts/privateEndpointConnectionsApproval/action",
        "connects the holder's own network to the account, past its network rules; calling models still takes a key or a role",
    ),
    ("Microsoft.CognitiveServices/accounts/privateEndpointConnections/write", "as above"),
    ("Microsoft.CognitiveServices/accounts/privateEndpointConnectionProxies/validate/action", "as above"),
    ("Microsoft.CognitiveServices/accounts/privateEndpointConnectionProxies/write", "as above"),
    (
        "Microsoft.Authorization/roleAssignments/delete",
        "only removes roles; the guard `lock-out` covers what a plan removes",
    ),
    ("Microsoft.Authorization/locks/delete", "removes a lock; gives no permission"),
    (
        "Microsoft.Authorization/policyAssignments/write",
        "a policy that deploys resources acts as its own identity, which needs roles of its own",
    ),
    (
        "Microsoft.Authorization/classicAdministrators/write",
        "classic administrators were retired on 31 August 2024",
    ),
    (
        "Microsoft.ManagedServices/registrationAssignments/write",
        "Azure Lighthouse also requires `roleAssignments/write`, which is guarded",
    ),
    ("Microsoft.Resources/deployments/write", "a deployment acts with the caller's own permissions"),
    (
        "Microsoft.ManagedIdentity/userAssignedIdentities/write",
        "a new identity has no roles until somebody assigns one",
    ),
    (
        "Microsoft.Compute/virtualMachines/runCommand/action",
        "code on a machine, web app, function or workflow acts as that resource's identity; keyless does not manage those, so give their identities few roles",
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
        "roles of Cosmos DB's other APIs, which keyless does not manage; Cosmos DB Operator, which agents need, has this permission",
    ),
    (
        "Microsoft.DocumentDB/databaseAccounts/listKeys/action",
        "data of a Cosmos DB account, past its own roles; turn its keys off",
    ),
];

/// The text of docs/guards.md beside its tables.
const CONDITIONS: &str = "
# Conditions

A plan that drops or changes a condition is refused (`guard-condition`), for any role: keyless does not judge whether the new condition allows
more. These count as dropping it too:

- the same role for the same principal without the condition, at that scope, above or below it;
- another role there for the same principal that gives some of what the condition withholds: a call of a model, another data action, or a
  permission of the table above. An example is replacing *Cognitive Services User* under a condition by *Cognitive Services OpenAI User*
  without one.

Plans as text show changed conditions as `git diff --word-diff` does: `[-removed-]`, `{+added+}`. Markdown and HTML have both whole.

`validate` reports what Azure could not parse, such as brackets, quotes or an operator without a value, with its position in the condition.
Operators, functions and attributes that keyless does not know are notes: Azure judges them.

# Lock-outs

`guard-lock-out` refuses a plan after which keys of an account are off and nobody has a role that can call its models. The check runs if keys go off, if a
role that can call some model is removed or gets another condition, or if an identity with such a role is removed. The data actions that count are listed
below.

These do not count as somebody who can still call:

- **A role that permits no call of a deployed model.**
  - Azure shows what a deployed model takes: chat, embeddings, responses, completions, images, audio or realtime. For a new deployment, the model's
    name decides.
  - Models of other vendors take OpenAI's routes as well as their own. Anthropic models take `AIServices/providers/action` according to the
    service, and `MaaS/*` according to the documentation. A role with only one of the two, such as *Azure AI Developer*, may not be
    enough, and *Cognitive Services OpenAI User* has neither.
  - If no deployment is known, only roles that permit chat or embeddings count. If the deployments cannot be listed, the role must permit chat,
    embeddings and `MaaS` chat.
- **A role assignment under a condition**, unless the condition certainly allows a call that the role permits and a deployed model takes. If no
  deployment is known, it must allow chat and embeddings as far as the role permits them.
- **A role assignment that ends**, such as a role activated through Privileged Identity Management (PIM), whatever its scope or mark. If Azure
  contradicts itself about an assignment, it counts as one that ends. If this cannot be read, only assignments that have keyless's own name
  count as lasting (`keyless guid` of principal, role and scope). keyless reads `roleAssignmentScheduleInstances` once for the
  subscription. If that is refused or does not name an assignment, it reads each scope.
- **A principal that no longer exists** in the directory. If the directory cannot be read, every principal counts as existing.
- **The account's own identity and those of its projects**, including new ones. Identities of other accounts and applications count.
- **A system-assigned identity that the plan deletes**, with its account or project or by a change of `identity`. A user-assigned
  identity that is only detached still exists, and counts.
- **A role assignment made by hand on the account**, if the spec declares the account's `roleAssignments` and not this one. Inherited ones count.

Removing a role assignment on a subscription or on another resource group, or changing its condition, may lock people out of accounts that no
spec names. keyless lists and judges those accounts too. If an account cannot be read, its keys may be off, so the guard refuses the plan unless
somebody keeps a role there that certainly lasts. That is always so for accounts below a management group, because keyless does not know
all of them; a lasting role on that management group or above is enough.

To know which accounts a system-assigned identity can call, keyless reads the role assignments of the subscriptions that specs name. If
it cannot read all of them, a plan that deletes such an identity is refused at the account or project that loses it: the identity may be the last way
into an account that the caller cannot see. This always applies to a caller with permissions on one resource group only. Let somebody make
that plan who may list the subscription's role assignments (*Reader* may), or lift the guard at that account or project. Role assignments of
subscriptions that no spec names are never read; see [spec.md](spec.md#what-is-drift) before you remove a subscription from your specs.

Roles for which somebody is only *eligible* in PIM are not read. Once activated, such a role is a role assignment that ends.

The guard also refuses a plan that:

- takes a permission with which keyless writes accounts, their contents or role assignments from the caller, or puts it under a condition. Permissions that the
  caller has through groups are not known, and temporary ones do not count as kept;
- takes from an account encrypted with a customer-managed key the identity that reads the key (its own, or the one in `identityClientId`), or that
  identity's last role that permits it. keyless does not know a vault's access policies, and the message says so.

What somebody has temporarily never counts as something that they had before: making it permanent needs `--allow grant`, and dropping the condition
needs `--allow condition`.
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
        "# Guarded roles\n\nThis page is generated from the code. A plan that assigns a role with one of these permissions, also through a wildcard, is refused (exit 3,\n`guard-grant`) unless `--allow 'grant:ADDRESS'` lifts the guard. Permissions that `notActions` excludes do not count. Every role at\nsubscription scope or above is refused too, and so is a role whose permissions could not be read.\n\n| permission | lets its holder | how that leads to more rights |\n| --- | --- | --- |\n",
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
        "\nTwo cases are notes, not refusals:\n\n- a role below a resource group whose only guarded permission is to write role assignments, if its own condition, or that of the assignment, limits\n  it to roles that can only call models (such as *Foundry Project Manager*);\n- a role for calling models on a whole resource group.\n\nNot guarded, and why:\n\n| permission | why not |\n| --- | --- |\n",
    );
    for (action, why) in UNGUARDED {
        assert!(!is_guarded(action), "{action}");
        let _ = writeln!(page, "| `{action}` | {why} |");
    }
    page.push_str(
        "\nThese built-in roles need the flag on an account too (custom roles are judged by the permissions that Azure shows):\n\n",
    );
    // Those that belong to Azure AI or are general; the names of the others do.
    let is_near = |role: &&Role| {
        ["Azure AI", "Cognitive Services", "Foundry", "Managed Identity"]
            .iter()
            .any(|word| role.name.contains(word))
            || [
                "Contributor",
                "Owner",
                "Role Based Access Control Administrator",
                "User Access Administrator",
            ]
            .contains(&role.name.as_str())
    };
    let (near, others): (Vec<_>, Vec<_>) =
        rbac::builtin().filter(|role| role.is_guarded()).partition(is_near);
    for role in near {
        let words: Vec<&str> = role.powers().map(|power| power.words).collect();
        let few = words.len() == 1 && role.can_grant() && matches!(role.givable(), Givable::Only(_));
        let but = if few {
            ", but its own condition limits it to roles that can only call models: a note below a resource group"
        } else {
            ""
        };
        let _ = writeln!(page, "- *{}*: {}{but}", role.name, words.join(", "));
    }
    let others: Vec<&str> = others.iter().map(|role| role.name.as_str()).collect();
    let _ = writeln!(page, "\nSo do these, which belong to other services: {}.", others.join(", "));
    page.push_str(CONDITIONS);
    page.push_str("\n# Data actions\n\nThese data actions call a model. All are below `Microsoft.CognitiveServices/accounts/`:\n\n");
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
        "# Fields of a spec\n\nThis page is generated from the code; [schema/spec.schema.json](../schema/spec.schema.json) holds the same for editors. Field names are those of\nAzure Resource Manager. Fields that you leave out are never compared and never reset. A declared list is complete, and its order does not\nmatter. Maps such as `tags` are merged key by key, and `null` removes a key.\n\n`deployments`, `raiPolicies`, `projects` and `connections` are read only if they are in the spec. Removing an element from such a list deletes it\nif keyless created it. To delete the last element, leave `[]`: without the key, the list is not managed and its elements stay.\nConnections are never deleted, because Azure has no field on them for a mark.\n\n## What is deleted, and when\n\nAccounts, projects and deployments are deleted last, together with the roles on them, once everything that the stack still declares exists: any of\nthat may be meant to replace them. While something cannot be read or created, they stay, which is an error in every run (`waits-for-grants`). If\nthe old resource must make room for the new one (quota, a name), apply once without the new one.\n\nTo remove a spec, retire its stack first ([pipelines.md](pipelines.md#retiring-a-stack)): without its spec, keyless deletes nothing of a stack.\n\nAn account without the field `roleAssignments` keeps the assignments that others made on it. What its own stack gave there is revoked, but only with\n`--allow delete-list:ADDRESS`, because a bad merge may have dropped the key. `roleAssignments: []` says that nobody should have a role. The same applies to the file's own `roleAssignments`. A role given there on an account counts towards that account's\nlist, so declare it in the account.\n\n## What is drift\n\nUndeclared elements beside a declared list are drift: `drift` exits 2 and says who created them and when. `plan` lists them without changing\nits exit code, and `apply` never deletes what keyless did not create. This covers the lists above and the `roleAssignments` of an account,\nincluding assignments on something in the account.\n\nThese are only listed and do not fail `drift`:\n\n- accounts that no spec declares. What is in one is read if the stack gave a role on or in it, and what the stack made there is then deleted with the
  line. Otherwise its line says that it was not read: write empty lists (`deployments: []`) before you remove such an account from the spec, or use `--retire`.\n  If Azure refuses one of these deletes, that `apply` fails, and once the stack's roles there are gone later runs do not look there again: delete the rest by hand;\n- role assignments on resource groups, above them (only if the spec declares something there) and on other resources.\n\nRoles that the `grant` guard covers are the exception: given in a resource group of the stack, they are drift even on an account without\n`roleAssignments`. `unmanaged: list` lists everything of this kind and fails nothing.\n\nNever drift:\n\n- role assignments inherited from above;\n- a role for calling models that the account's or a project's own identity has there, because Azure services add those;\n- role assignments whose principal no longer exists;\n- Azure's own content filters;\n- what `expected` names. It applies to its own stack only: if two stacks have accounts in a resource group, an `Owner` on the group is drift until\n  both expect it;\n- roles activated through Privileged Identity Management (PIM) that have an end. A tenant without a PIM license has none. If this cannot be\n  read, Azure shows no end, or Azure contradicts itself about an assignment, `drift` exits 1. One that still exists a day after its end is\n  drift.\n\nA stack's resources outside of the resource groups and scopes that its spec names are drift too, since the last line that named such a place may\nhave been removed. Nothing is deleted there. Seeing accounts there takes *Reader* on the subscription; without it, a warning says that only the named\ngroups were read. To revoke a stack's roles at such a place, keep a role assignment at that `scope` with `principals: []` until they are gone.\n\nkeyless does not see what a stack created in a subscription that no spec of the run names any more: `plan` and `drift` report no changes, and the\nresources stay. Before you remove the last line that names a subscription, or change `subscription:`, delete the accounts there or apply once\nwith a role assignment there that has `principals: []`.\n\n## Several teams\n\nThe mark of another stack (the tag `keyless-stack`, or `[keyless:STACK]` at the end of a description) excuses nothing if that stack is not part\nof the run, because anybody can type one. Teams that share an account list each other under `coManagedBy`. A resource with the other team's mark\nis accepted if Azure shows that both its creator and its last writer are in `by`. A role assignment must also have a role in `roles` that the\n`grant` guard does not cover. `-v` lists what was accepted. Connections cannot be marked, so one team must declare them all.\n\nA mark of a stack whose spec is loaded but not selected ([`--select`](pipelines.md#choosing-stacks)) counts in the groups and scopes of that\nspec, and what such a spec declares is neither deleted nor drift.\n",
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
    "ApiProperties",
    "RaiMonitorConfig",
    "AmlWorkspace",
    "MultiRegion",
    "AccountRegion",
    "DefenderForAiSettings",
    "RoleAssignment",
    "Expected",
    "CoManager",
    "KeyUsage",
    "Deployment",
    "DeploymentModel",
    "DeploymentSku",
    "CapacitySettings",
    "ModelProviderData",
    "Routing",
    "RaiPolicy",
    "ContentFilter",
    "CustomBlocklist",
    "SafetyProvider",
    "RaiBlocklist",
    "RaiBlocklistItem",
    "Project",
    "CapabilityHost",
    "Connection",
    "ConnectionCredentials",
    "Workspace",
    "ScopedRoleAssignment",
    "SqlRoleAssignment",
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
        "ApiProperties" => "`apiProperties`",
        "RaiMonitorConfig" => "`raiMonitorConfig`",
        "AmlWorkspace" => "`amlWorkspace`",
        "MultiRegion" => "`locations` of an account",
        "AccountRegion" => "An element of `regions`",
        "DefenderForAiSettings" => "`defenderForAISettings`",
        "Routing" => "`routing` of a deployment",
        "CustomBlocklist" => "An element of `customBlocklists`",
        "SafetyProvider" => "An element of `safetyProviders`",
        "RaiBlocklist" => "A blocklist (`raiBlocklists` of an account)",
        "RaiBlocklistItem" => "An item of a blocklist (`items`)",
        "CapabilityHost" => "A capability host (`capabilityHosts` of an account or a project)",
        "RoleAssignment" => "A role assignment on an account or a project",
        "SqlRoleAssignment" => "A role assignment of Cosmos DB (`sqlRoleAssignments` of the file)",
        "Expected" => "A role assignment that is expected (`expected` of the file or of an account)",
        "CoManager" => "Another team on an account (`coManagedBy`)",
        "KeyUsage" => "`keyUsage`",
        "ScopedRoleAssignment" => "A role assignment at another scope (`roleAssignments` of the file)",
        "Deployment" => "A model deployment (`deployments` of an account)",
        "DeploymentModel" => "`model`",
        "DeploymentSku" => "`sku` of a deployment",
        "CapacitySettings" => "`capacitySettings`",
        "ModelProviderData" => "`modelProviderData`",
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
