//! ARM paths: where a scope ends and a resource begins, and the scopes above it.
//!
//! Pure; knows the grammar of ids, not what exists.

/// A request path, taken apart at its last `providers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Everything before `providers`: `/`, or an id without a trailing slash, as sent.
    pub(crate) scope: String,
    /// Segments of the scope.
    pub(crate) above: &'a [String],
    /// Provider namespace, as sent.
    pub(crate) namespace: &'a str,
    /// Types and names after the namespace.
    pub(crate) rest: &'a [String],
}

/// Splits `{scope}/providers/{namespace}/{type}/...`.
pub(crate) fn split(segments: &[String]) -> Option<Target<'_>> {
    let at = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"))?;
    let (above, tail) = (&segments[..at], &segments[at + 1..]);
    let (namespace, rest) = tail.split_first()?;
    if rest.is_empty() {
        return None;
    }
    Some(Target { scope: join(above), above, namespace, rest })
}

/// An id made of segments; none give the tenant's `/`.
pub(crate) fn join(segments: &[String]) -> String {
    format!("/{}", segments.join("/"))
}

/// Whether segments form a scope: tenant, management group, subscription, group or resource.
pub(crate) fn is_scope(segments: &[String]) -> bool {
    let names: Vec<String> = segments.iter().map(|segment| segment.to_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        []
        | ["providers", "microsoft.management", "managementgroups", _]
        | ["subscriptions", _]
        | ["subscriptions", _, "resourcegroups", _] => true,
        ["subscriptions", _, "resourcegroups", _, rest @ ..] | ["subscriptions", _, rest @ ..] => {
            are_resources(rest)
        }
        _ => false,
    }
}

/// One or more `providers/{namespace}(/{type}/{name})+`.
fn are_resources(segments: &[&str]) -> bool {
    let mut rest = segments;
    while let ["providers", _, tail @ ..] = rest {
        let end = tail.iter().position(|segment| *segment == "providers").unwrap_or(tail.len());
        if end == 0 || !end.is_multiple_of(2) {
            return false;
        }
        rest = &tail[end..];
    }
    rest.is_empty() && !segments.is_empty()
}

/// Scopes above a scope, outermost first, lower case. Management groups are not among them:
/// the sandbox has no hierarchy of groups and puts each above every subscription.
pub(crate) fn ancestors(scope: &str) -> Vec<String> {
    let scope = scope.to_lowercase();
    if scope == "/" {
        return Vec::new();
    }
    let mut found = vec![String::from("/")];
    let segments: Vec<String> = scope.split('/').skip(1).map(str::to_owned).collect();
    found.extend(
        (1..segments.len()).filter(|end| is_scope(&segments[..*end])).map(|end| join(&segments[..end])),
    );
    found
}

/// A scope and those above it, as `ancestors` has them.
pub(crate) fn at_and_above(scope: &str) -> Vec<String> {
    let mut found = ancestors(scope);
    found.push(scope.to_lowercase());
    found
}

/// Whether one id is another or lies above it.
pub(crate) fn covers(above: &str, id: &str) -> bool {
    let (above, id) = (above.trim_end_matches('/').to_lowercase(), id.to_lowercase());
    id.strip_prefix(&above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Subscription in which a scope lies.
pub(crate) fn subscription(scope: &str) -> Option<&str> {
    let mut segments = scope.split('/').skip(1);
    segments.next().filter(|first| first.eq_ignore_ascii_case("subscriptions"))?;
    segments.next().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Vec<String> {
        path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn a_path_splits_at_its_last_provider() {
        let path = segments(
            "/subscriptions/s/resourceGroups/g/providers/A.B/c/d/providers/Microsoft.Authorization/roleAssignments/n",
        );
        let target = split(&path).unwrap();
        assert_eq!(target.scope, "/subscriptions/s/resourceGroups/g/providers/A.B/c/d");
        assert_eq!(
            (target.namespace, target.rest),
            ("Microsoft.Authorization", &segments("roleAssignments/n")[..])
        );
        assert_eq!(split(&segments("/providers/A.B/c")).unwrap().scope, "/");
        assert!(split(&segments("/subscriptions/s/providers/A.B")).is_none());
    }

    #[test]
    fn scopes_are_told_from_other_paths() {
        for good in [
            "",
            "/providers/Microsoft.Management/managementGroups/m",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s/providers/A.B/c/d",
            "/subscriptions/s/resourceGroups/g/providers/A.B/c/d/e/f",
            "/subscriptions/s/resourceGroups/g/providers/A.B/c/d/providers/E.F/g/h",
        ] {
            assert!(is_scope(&segments(good)), "{good}");
        }
        for bad in [
            "/subscriptions",
            "/subscriptions/s/resourceGroups",
            "/subscriptions/s/x/y",
            "/subscriptions/s/providers/A.B/c",
        ] {
            assert!(!is_scope(&segments(bad)), "{bad}");
        }
    }

    #[test]
    fn ancestors_go_from_the_tenant_down() {
        assert_eq!(
            ancestors("/subscriptions/S/resourceGroups/g/providers/A.B/c/d/e/f"),
            [
                "/",
                "/subscriptions/s",
                "/subscriptions/s/resourcegroups/g",
                "/subscriptions/s/resourcegroups/g/providers/a.b/c/d"
            ]
        );
        assert!(ancestors("/").is_empty());
    }
}
