//! Where modules come from: the `source` of a module call.

/// What a source names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    /// A folder, relative to that of the calling module: `./net`, `../shared`.
    Local(String),
    /// A module of a registry: `terraform-aws-modules/vpc/aws`.
    Registry(String),
    /// Anything else that has to be fetched: a repository, an archive.
    Remote(String),
}

impl ModuleSource {
    /// Parses a source.
    ///
    /// # Errors
    /// With what to do, if the text is none.
    pub fn parse(text: &str) -> Result<ModuleSource, String> {
        if text.is_empty() {
            return Err("A module source cannot be empty. A folder is named by a path such as \"./net\".".to_string());
        }
        if ["./", "../", ".\\", "..\\"].iter().any(|start| text.starts_with(start)) {
            return Ok(ModuleSource::Local(text.replace('\\', "/")));
        }
        if text == "." || text == ".." {
            return Ok(ModuleSource::Local(format!("{text}/")));
        }
        if is_registry(text) {
            return Ok(ModuleSource::Registry(text.to_string()));
        }
        let hosts = ["github.com/", "bitbucket.org/", "gitlab.com/", "git@"];
        let fetched = text.contains("::") || text.contains("://") || hosts.iter().any(|host| text.starts_with(host));
        if fetched || text.starts_with('/') || text.contains(".amazonaws.com/") {
            return Ok(ModuleSource::Remote(text.to_string()));
        }
        Err(format!(
            "\"{text}\" is neither a folder, a registry module nor an address to fetch from. If it is a folder beside \
             this module, write \"./{text}\"."
        ))
    }
}

/// `[host/]namespace/name/system`, perhaps with `//folder`.
fn is_registry(text: &str) -> bool {
    let package = text.split_once("//").map_or(text, |(package, _)| package);
    let parts: Vec<&str> = package.split('/').collect();
    let named =
        |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    match parts.as_slice() {
        [namespace, name, system] => [namespace, name, system].into_iter().all(named),
        [host, namespace, name, system] => {
            host.contains('.')
                && is_host_name(host)
                && !matches!(*host, "github.com" | "bitbucket.org" | "gitlab.com")
                && [namespace, name, system].into_iter().all(named)
        }
        _ => false,
    }
}

/// Whether the text can be the name of a host.
pub(crate) fn is_host_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == ':'))
}

#[cfg(test)]
mod tests {
    use super::ModuleSource;

    #[test]
    fn the_form_of_a_source_tells_where_a_module_comes_from() {
        for (text, kind) in [
            ("./net", Some("local")),
            ("../shared/net", Some("local")),
            ("terraform-aws-modules/vpc/aws", Some("registry")),
            ("app.terraform.io/acme/vpc/aws", Some("registry")),
            ("terraform-aws-modules/iam/aws//modules/role", Some("registry")),
            ("github.com/acme/vpc", Some("remote")),
            ("git::https://example.com/vpc.git?ref=v1", Some("remote")),
            ("child", None),
            ("5", None),
            ("", None),
        ] {
            let got = match ModuleSource::parse(text) {
                Ok(ModuleSource::Local(_)) => Some("local"),
                Ok(ModuleSource::Registry(_)) => Some("registry"),
                Ok(ModuleSource::Remote(_)) => Some("remote"),
                Err(_) => None,
            };
            assert_eq!(got, kind, "{text}");
        }
    }
}
