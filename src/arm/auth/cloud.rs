//! Azure's clouds, and the endpoint of a run.
//!
//! One pure table. Scopes for token requests and hosts for sending tokens both come from here, so that a token for one cloud or service
//! never goes to another.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::text::loopback::is_loopback;

/// One of Azure's clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cloud {
    /// Azure, worldwide.
    #[default]
    Public,
    /// Azure Government (US).
    UsGov,
    /// Azure operated by 21Vianet.
    China,
}

/// Addresses and scopes of a cloud.
#[derive(Debug)]
pub struct Addresses {
    /// Its name for `--cloud` and in output.
    pub name: &'static str,
    /// Microsoft Entra ID.
    pub authority: &'static str,
    /// Azure Resource Manager.
    pub arm: &'static str,
    /// The scope of its tokens.
    pub arm_scope: &'static str,
    /// Further ARM hosts in this cloud that may receive its tokens.
    pub arm_hosts: &'static [&'static str],
    /// Microsoft Graph.
    pub graph: &'static str,
    /// The scope of its tokens.
    pub graph_scope: &'static str,
    /// The suffixes of account hosts; data-plane tokens go nowhere else.
    pub data_suffixes: &'static [&'static str],
    /// The scope for account endpoints.
    pub data_scope: &'static str,
    /// The scope for project endpoints.
    pub project_scope: &'static str,
}

static PUBLIC: Addresses = Addresses {
    name: "public",
    authority: "https://login.microsoftonline.com/",
    arm: "https://management.azure.com/",
    arm_scope: "https://management.azure.com/.default",
    arm_hosts: &[],
    graph: "https://graph.microsoft.com/",
    graph_scope: "https://graph.microsoft.com/.default",
    data_suffixes: &["cognitiveservices.azure.com", "openai.azure.com", "services.ai.azure.com"],
    data_scope: "https://cognitiveservices.azure.com/.default",
    project_scope: "https://ai.azure.com/.default",
};

static US_GOV: Addresses = Addresses {
    name: "usgov",
    authority: "https://login.microsoftonline.us/",
    arm: "https://management.usgovcloudapi.net/",
    arm_scope: "https://management.usgovcloudapi.net/.default",
    arm_hosts: &[],
    graph: "https://graph.microsoft.us/",
    graph_scope: "https://graph.microsoft.us/.default",
    data_suffixes: &["cognitiveservices.azure.us", "openai.azure.us", "services.ai.azure.us"],
    data_scope: "https://cognitiveservices.azure.us/.default",
    project_scope: "https://ai.azure.us/.default",
};

static CHINA: Addresses = Addresses {
    name: "china",
    authority: "https://login.chinacloudapi.cn/",
    arm: "https://management.chinacloudapi.cn/",
    arm_scope: "https://management.chinacloudapi.cn/.default",
    arm_hosts: &[],
    graph: "https://microsoftgraph.chinacloudapi.cn/",
    graph_scope: "https://microsoftgraph.chinacloudapi.cn/.default",
    data_suffixes: &["cognitiveservices.azure.cn", "openai.azure.cn", "services.ai.azure.cn"],
    data_scope: "https://cognitiveservices.azure.cn/.default",
    project_scope: "https://ai.azure.cn/.default",
};

impl Cloud {
    /// All clouds that keyless knows.
    pub const ALL: &'static [Cloud] = &[Cloud::Public, Cloud::UsGov, Cloud::China];

    /// Its row of the table.
    #[must_use]
    pub fn addresses(self) -> &'static Addresses {
        match self {
            Cloud::Public => &PUBLIC,
            Cloud::UsGov => &US_GOV,
            Cloud::China => &CHINA,
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.addresses().name)
    }
}

impl FromStr for Cloud {
    type Err = CloudError;

    fn from_str(text: &str) -> Result<Self, CloudError> {
        let found = Cloud::ALL.iter().find(|cloud| cloud.addresses().name.eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| CloudError::Unknown { name: text.to_owned() })
    }
}

/// An invalid cloud or endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// No cloud has this name.
    #[error("there is no cloud `{name}`: it is `public`, `usgov` or `china`")]
    Unknown {
        /// As given.
        name: String,
    },
    /// Not a valid ARM endpoint.
    #[error("could not use the endpoint `{endpoint}`: {reason}")]
    Endpoint {
        /// As given, without userinfo and query.
        endpoint: String,
        /// Why not.
        reason: &'static str,
    },
}

/// The service that a client talks to: its address and the scope of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: Url,
    scope: String,
    cloud: Option<Cloud>,
    hosts: &'static [&'static str],
}

impl Endpoint {
    /// ARM of a cloud.
    #[must_use]
    pub fn arm(cloud: Cloud) -> Self {
        let row = cloud.addresses();
        Self::known(row.arm, row.arm_scope, cloud, row.arm_hosts)
    }

    /// Microsoft Graph of a cloud.
    #[must_use]
    pub fn graph(cloud: Cloud) -> Self {
        let row = cloud.addresses();
        Self::known(row.graph, row.graph_scope, cloud, &[])
    }

    fn known(base: &str, scope: &str, cloud: Cloud, hosts: &'static [&'static str]) -> Self {
        #[expect(clippy::expect_used, reason = "the table is constant, and a test parses every row")]
        let base = Url::parse(base).expect("the table holds absolute URLs");
        Self { base, scope: scope.to_owned(), cloud: Some(cloud), hosts }
    }

    /// Another ARM: a sandbox, a test, Azure Stack. Its tokens are requested for itself, never for public ARM.
    pub fn custom(text: &str) -> Result<Self, CloudError> {
        let refuse = |reason| CloudError::Endpoint {
            endpoint: crate::text::redact::redact(text).split('?').next().unwrap_or_default().to_owned(),
            reason,
        };
        let base = Url::parse(text).map_err(|_| refuse("it is not an absolute URL"))?;
        if base.host().is_none() {
            return Err(refuse("it has no host"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refuse("it contains a user name"));
        }
        if base.path() != "/" || base.query().is_some() || base.fragment().is_some() {
            return Err(refuse("it has a path or a query; only scheme, host and port are allowed"));
        }
        match base.scheme() {
            "https" => {}
            "http" if is_loopback(&base) => {}
            "http" => return Err(refuse("`http` is only allowed on this machine; use `https`")),
            _ => return Err(refuse("it is not `https`")),
        }
        let of_a_cloud = Cloud::ALL.iter().copied().find(|cloud| Self::arm(*cloud).base == base);
        if let Some(cloud) = of_a_cloud {
            return Ok(Self::arm(cloud));
        }
        let scope = format!("{}/.default", base.as_str().trim_end_matches('/'));
        Ok(Self { base, scope, cloud: None, hosts: &[] })
    }

    /// Its base URL, without a path.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The scope of its tokens.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The cloud it belongs to; `None` for a custom endpoint.
    #[must_use]
    pub fn cloud(&self) -> Option<Cloud> {
        self.cloud
    }

    /// Further hosts that may receive its tokens.
    #[must_use]
    pub fn hosts(&self) -> &'static [&'static str] {
        self.hosts
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// Whether a data-plane token may be sent to this URL: https, and a host below one of the cloud's suffixes.
#[must_use]
pub fn takes_data_tokens(cloud: Cloud, url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let below = |suffix: &&str| {
        host.strip_suffix(*suffix).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    };
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && cloud.addresses().data_suffixes.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_https_and_its_scopes_belong_to_it() {
        for cloud in Cloud::ALL {
            let row = cloud.addresses();
            for url in [row.authority, row.arm, row.graph] {
                let url = Url::parse(url).unwrap();
                assert_eq!((url.scheme(), url.path()), ("https", "/"));
            }
            for endpoint in [Endpoint::arm(*cloud), Endpoint::graph(*cloud)] {
                assert_eq!(endpoint.scope(), format!("{endpoint}/.default"));
            }
            assert_eq!(row.name.parse(), Ok(*cloud));
        }
        assert!("mars".parse::<Cloud>().is_err());
    }

    #[test]
    fn a_custom_endpoint_asks_for_its_own_scope_and_is_https_or_loopback() {
        for (text, scope) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/.default"),
            ("http://localhost:1/", "http://localhost:1/.default"),
            ("http://[::1]:1/", "http://[::1]:1/.default"),
            ("https://arm.example", "https://arm.example/.default"),
        ] {
            let endpoint = Endpoint::custom(text).unwrap();
            assert_eq!(endpoint.scope(), scope);
            assert_eq!(endpoint.cloud(), None);
        }
        for text in [
            "http://arm.example",
            "http://127.0.0.1.example",
            "arm.example",
            "/x",
            "ftp://127.0.0.1",
            "https://u:secret@arm.example",
            "https://arm.example/path",
            "https://arm.example/?sig=secret",
            "",
        ] {
            let error = Endpoint::custom(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(Endpoint::custom("https://management.azure.com").unwrap(), Endpoint::arm(Cloud::Public));
    }

    #[test]
    fn data_tokens_go_only_below_the_clouds_suffixes() {
        let takes = |url: &str| takes_data_tokens(Cloud::Public, &Url::parse(url).unwrap());
        assert!(takes("https://a.cognitiveservices.azure.com/x"));
        assert!(takes("https://a.services.ai.azure.com/api/projects/p"));
        for url in [
            "https://cognitiveservices.azure.com/",
            "https://.cognitiveservices.azure.com/",
            "https://evilcognitiveservices.azure.com/",
            "https://a.cognitiveservices.azure.com.example/",
            "http://a.cognitiveservices.azure.com/",
            "https://a.cognitiveservices.azure.com:444/",
            "https://a.cognitiveservices.azure.us/",
        ] {
            assert!(!takes(url), "{url}");
        }
    }
}
