//! ARM's error answers: one constructor for each code, texts as Azure writes them.
//!
//! Texts come from recordings and public issues; where nothing real is known the text is ours
//! and docs/sandbox.md says so. Pure.

use serde::Serialize;

use super::{Caller, Reply};

#[derive(Serialize)]
struct Envelope<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    code: &'a str,
    message: &'a str,
}

/// Any error in ARM's envelope.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &Envelope { error: Detail { code, message } })
}

pub(crate) fn bad_request(code: &str, message: &str) -> Reply {
    error(400, code, message)
}

pub(crate) fn invalid_content(why: &str) -> Reply {
    let message = format!("The request content was invalid and could not be deserialized: '{why}'.");
    bad_request("InvalidRequestContent", &message)
}

pub(crate) fn content_too_large() -> Reply {
    error(413, "RequestContentTooLarge", "The request content size exceeds the maximum size of 4 MB.")
}

pub(crate) fn method_not_allowed(method: &str) -> Reply {
    let message = format!("The requested resource does not support http method '{method}'.");
    error(405, "HttpMethodNotAllowed", &message)
}

pub(crate) fn authentication_missing(authority: &str) -> Reply {
    let challenge = format!(
        "Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"The authentication \
         failed because of missing 'Authorization' header.\""
    );
    error(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        .with("www-authenticate", challenge)
}

pub(crate) fn token_invalid() -> Reply {
    error(401, "InvalidAuthenticationToken", "The access token is invalid.").with(
        "www-authenticate",
        "Bearer error=\"invalid_token\", error_description=\"The access token is invalid.\"",
    )
}

pub(crate) fn token_expired(expired: &str, now: &str) -> Reply {
    let message =
        format!("The access token expiry UTC time '{expired}' is earlier than current UTC time '{now}'.");
    error(401, "ExpiredAuthenticationToken", &message)
        .with("www-authenticate", format!("Bearer error=\"invalid_token\", error_description=\"{message}\""))
}

pub(crate) fn token_audience(audience: &str) -> Reply {
    let message = format!(
        "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with \
         one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
         'https://management.azure.com/','https://management.azure.com'."
    );
    error(401, "InvalidAuthenticationTokenAudience", &message).with(
        "www-authenticate",
        "Bearer error=\"invalid_token\", error_description=\"The access token is for another audience.\"",
    )
}

pub(crate) fn authorization_failed(caller: &Caller, action: &str, scope: &str) -> Reply {
    let message = format!(
        "The client '{}' with object id '{}' does not have authorization to perform action '{action}' over scope \
         '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
        caller.name, caller.object_id
    );
    error(403, "AuthorizationFailed", &message)
}

pub(crate) fn scope_locked(scope: &str, verb: &str, locked: &str) -> Reply {
    let message = format!(
        "The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: '{locked}'. Please \
         remove the lock and try again."
    );
    error(409, "ScopeLocked", &message)
}

pub(crate) fn throttled(subscription: &str, operation: &str, seconds: i64) -> Reply {
    let message = format!(
        "Number of requests for subscription '{subscription}' and operation '{operation}' exceeded the backend storage \
         limit. Please try again after '{seconds}' seconds."
    );
    error(429, "SubscriptionRequestsThrottled", &message)
        .with("retry-after", seconds.to_string())
        .with("x-ms-failure-cause", "gateway")
}

/// The 400 for an invalid request to `/_sandbox/`.
pub(crate) fn sandbox_invalid(why: &str) -> Reply {
    bad_request("SandboxInvalid", why)
}

pub(crate) fn missing_api_version() -> Reply {
    bad_request(
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
    )
}

pub(crate) fn invalid_api_version(version: &str, supported: &str) -> Reply {
    let message =
        format!("The api-version '{version}' is invalid. The supported versions are '{supported}'.");
    bad_request("InvalidApiVersionParameter", &message)
}

pub(crate) fn no_registered_provider(kind: &str, version: &str, supported: &str) -> Reply {
    let message = format!(
        "No registered resource provider found for location '' and API version '{version}' for type '{kind}'. The \
         supported api-versions are '{supported}'. The supported locations are ''."
    );
    bad_request("NoRegisteredProviderFound", &message)
}

pub(crate) fn invalid_namespace(namespace: &str) -> Reply {
    error(404, "InvalidResourceNamespace", &format!("The resource namespace '{namespace}' is invalid."))
}

pub(crate) fn invalid_type(namespace: &str, kind: &str, version: &str) -> Reply {
    let message = format!(
        "The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'. \
         The supported api-versions are ''."
    );
    error(404, "InvalidResourceType", &message)
}

pub(crate) fn unknown_path(path: &str) -> Reply {
    error(404, "NotFound", &format!("No HTTP resource was found that matches the request URI '{path}'."))
}

pub(crate) fn invalid_subscription(id: &str) -> Reply {
    let message = format!("The provided subscription identifier '{id}' is malformed or invalid.");
    bad_request("InvalidSubscriptionId", &message)
}

pub(crate) fn subscription_not_found(id: &str) -> Reply {
    error(404, "SubscriptionNotFound", &format!("The subscription '{id}' could not be found."))
}

pub(crate) fn group_not_found(name: &str) -> Reply {
    error(404, "ResourceGroupNotFound", &format!("Resource group '{name}' could not be found."))
}

pub(crate) fn group_elsewhere(sent: &str, existing: &str) -> Reply {
    let message = format!(
        "Invalid resource group location '{sent}'. The Resource group already exists in location '{existing}'."
    );
    error(409, "InvalidResourceGroupLocation", &message)
}

pub(crate) fn resource_not_found(kind: &str, name: &str, group: &str) -> Reply {
    let message = format!(
        "The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to \
         https://aka.ms/ARMResourceNotFoundFix"
    );
    error(404, "ResourceNotFound", &message)
}

pub(crate) fn location_required() -> Reply {
    bad_request("LocationRequired", "The location property is required for this definition.")
}

pub(crate) fn resource_elsewhere(name: &str, group: &str, existing: &str, sent: &str) -> Reply {
    let message = format!(
        "The resource '{name}' already exists in location '{existing}' in resource group '{group}'. A resource with \
         the same name cannot be created in location '{sent}'. Please select a new resource name."
    );
    error(409, "InvalidResourceLocation", &message)
}

pub(crate) fn soft_deleted(id: &str) -> Reply {
    let message = format!(
        "An existing resource with ID '{id}' has been soft-deleted. To restore the resource, you must specify \
         'restore' to be 'true' in the property. If you don't want to restore existing resource, please purge it first."
    );
    error(409, "FlagMustBeSetForRestore", &message)
}

pub(crate) fn subdomain_in_use(name: &str) -> Reply {
    let message = format!(
        "Please pick a different name. The subdomain name '{name}' is not available as it's already used by a \
         resource. If the resource using the name was deleted in the last 48 hours, you may need to purge the deleted \
         resource. Learn more at \"https://go.microsoft.com/fwlink/?linkid=2215493\""
    );
    error(409, "CustomDomainInUse", &message)
}

/// <https://github.com/hashicorp/terraform-provider-azurerm/issues/30689>
pub(crate) fn storage_attached_late() -> Reply {
    bad_request(
        "UserOwnedStorageCanOnlyBeAttachedWhileCreation",
        "User owned storage can only be attached at account creation time.",
    )
}

/// <https://github.com/hashicorp/terraform-provider-azurerm/pull/28221>
pub(crate) fn no_trusted_services(kind: &str) -> Reply {
    let message = format!("The Kind '{kind}' does not support Trusted Services.");
    bad_request("NetworkAclsBypassNotSupported", &message)
}

/// The failure is documented (<https://github.com/MicrosoftDocs/azure-ai-docs/pull/814>); the text is ours.
pub(crate) fn key_not_readable(vault: &str) -> Reply {
    let message = format!(
        "The identity of the account cannot access the key in '{vault}'. Grant it get, wrap key and unwrap key first."
    );
    bad_request("BadRequest", &message)
}

/// The failure with "Connection already exists" was reported; the code and the rest of the text are ours:
/// <https://github.com/Azure/terraform-azurerm-avm-ptn-aiml-landing-zone/pull/115>
pub(crate) fn connection_exists(name: &str, place: &str) -> Reply {
    error(409, "Conflict", &format!("Connection already exists: the name '{name}' is used in '{place}'."))
}

pub(crate) fn account_busy(id: &str, state: &str) -> Reply {
    let message = format!(
        "Call to Microsoft.CognitiveServices/accounts failed. Error message: Account {id} in state {state}"
    );
    error(409, "AccountProvisioningStateInvalid", &message)
}

/// One write at a time below an account: <https://github.com/hashicorp/terraform-provider-azurerm/issues/22607>
pub(crate) fn request_conflict(account: &str) -> Reply {
    let message = format!(
        "Another operation is being performed on the parent resource '{account}'. Please try again later."
    );
    error(409, "RequestConflict", &message)
}

/// <https://github.com/Azure/terraform-provider-azapi/issues/894>
pub(crate) fn nested_resources(ids: &[String]) -> Reply {
    let message = format!(
        "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: '{}'. Please \
         delete all nested resources before deleting this resource.",
        ids.join(", ")
    );
    error(409, "CannotDeleteResource", &message)
}

pub(crate) fn parent_not_found(name: &str) -> Reply {
    let message = format!(
        "Can not perform requested operation on nested resource. Parent resource '{name}' not found."
    );
    error(404, "ParentResourceNotFound", &message)
}

/// The 404 of Microsoft.CognitiveServices for a missing deployment.
pub(crate) fn specified_not_found(id: &str) -> Reply {
    error(404, "NotFound", &format!("Specified resource '{id}' cannot be found."))
}

pub(crate) fn model_not_supported(format: &str, name: &str, version: &str) -> Reply {
    let message = format!(
        "The model 'Format:{format},Name:{name},Version:{version}' of account deployment is not supported."
    );
    bad_request("DeploymentModelNotSupported", &message)
}

/// <https://github.com/microsoft/microsoft-foundry-for-vscode/issues/491>
pub(crate) fn model_deprecated(format: &str, name: &str, version: &str, since: &str) -> Reply {
    let day = since.get(..10).unwrap_or_default();
    let [year, month, day] = [0..4, 5..7, 8..10].map(|part| day.get(part).unwrap_or_default());
    let message = format!(
        "The model 'Format:{format},Name:{name},Version:{version}' has been deprecated since {month}/{day}/{year} 00:00:00."
    );
    bad_request("ServiceModelDeprecated", &message)
}

/// The model does not have the SKU, or not in this region.
pub(crate) fn sku_not_supported(sku: &str, name: &str, version: &str, location: Option<&str>) -> Reply {
    let message = match location {
        Some(location) => format!(
            "The specified SKU '{sku}' for model '{name} {version}' is not supported in this region '{location}'."
        ),
        None => format!(
            "The specified SKU '{sku}' of account deployment is not supported by the model '{name}' version: '{version}'."
        ),
    };
    bad_request("InvalidResourceProperties", &message)
}

/// Text and status: <https://github.com/microsoft/PubSec-Info-Assistant/issues/880>
pub(crate) fn insufficient_quota(new: u64, usage: u64, limit: u64, quota: &str) -> Reply {
    let message = format!(
        "This operation require {new} new capacity in quota {quota}, which is bigger than the current available \
         capacity {}. The current quota usage is {usage} and the quota limit is {limit} for quota {quota}.",
        limit.saturating_sub(usage)
    );
    bad_request("InsufficientQuota", &message)
}

pub(crate) fn no_such_location(location: &str, kind: &str, version: &str, known: &str) -> Reply {
    let message = format!(
        "No registered resource provider found for location '{location}' and API version '{version}' for type '{kind}'. \
         The supported api-versions are '{version}'. The supported locations are '{known}'."
    );
    bad_request("NoRegisteredProviderFound", &message)
}

pub(crate) fn role_assignment_exists() -> Reply {
    error(409, "RoleAssignmentExists", "The role assignment already exists.")
}

pub(crate) fn role_assignment_update() -> Reply {
    bad_request(
        "RoleAssignmentUpdateNotPermitted",
        "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
    )
}

pub(crate) fn role_assignment_not_found(name: &str) -> Reply {
    error(404, "RoleAssignmentNotFound", &format!("The role assignment '{name}' is not found."))
}

pub(crate) fn role_assignment_id(name: &str) -> Reply {
    let message =
        format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.");
    bad_request("InvalidRoleAssignmentId", &message)
}

pub(crate) fn role_definition_missing(status: u16, guid: &str) -> Reply {
    let message =
        format!("The specified role definition with ID '{}' does not exist.", guid.replace('-', ""));
    error(status, "RoleDefinitionDoesNotExist", &message)
}

pub(crate) fn principal_not_found(id: &str, tenant: &str) -> Reply {
    let message = format!(
        "Principal {} does not exist in the directory {tenant}. Check that you have the correct principal ID. If you \
         are creating this principal and then immediately assigning a role, this error might be related to a \
         replication delay. In this case, set the role assignment principalType property to a value, such as \
         ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
        id.replace('-', "")
    );
    bad_request("PrincipalNotFound", &message)
}

pub(crate) fn principal_type(id: &str, known: &str, sent: &str) -> Reply {
    // "PrinciaplType" is Azure's own spelling.
    let message = format!(
        "The PrincipalId '{}' has type '{known}' , which is different from specified PrinciaplType '{sent}'.",
        id.replace('-', "")
    );
    bad_request("UnmatchedPrincipalType", &message)
}

pub(crate) fn bad_filter() -> Reply {
    bad_request("BadRequestFormat", "The request was incorrectly formatted.")
}

/// The 500 when the state file cannot be written: the change is not on disk.
pub(crate) fn not_saved(why: &str) -> Reply {
    error(500, "InternalServerError", &format!("The sandbox could not save its state: {why}."))
}
