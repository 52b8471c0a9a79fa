//! Where modules come from: the `source` of a module call, and the one way in which it is noted.

use std::fmt;

/// The registry that an address without a host is about.
pub const DEFAULT_REGISTRY: &str = "registry.terraform.io";

/// What a source names. Displayed in the normal form that the list of installed modules has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    /// A folder, relative to that of the calling module: `./net`, `../shared`.
    Local(String),
    /// A module of a registry: `terraform-aws-modules/vpc/aws`.
    Registry(RegistryAddress),
    /// Anything else that has to be fetched: a repository, an archive.
    Remote(RemoteAddress),
}

/// A module of a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryAddress {
    /// The host, with its port if it has one; in lower case.
    pub host: String,
    /// Whose module it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The system that it is for: `aws`.
    pub system: String,
    /// The folder in the package; empty for its top.
    pub subdir: String,
}

/// A package that is fetched from where its address says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteAddress {
    /// The package: `git::https://example.com/net.git?ref=v1`.
    pub package: String,
    /// The folder in the package; empty for its top.
    pub subdir: String,
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
        let local = ["./", "../", ".\\", "..\\"].iter().any(|start| text.starts_with(start));
        if local || text == "." || text == ".." {
            return Ok(ModuleSource::Local(local_path(&text.replace('\\', "/"))));
        }
        if let Some(registry) = RegistryAddress::parse(text)? {
            return Ok(ModuleSource::Registry(registry));
        }
        RemoteAddress::parse(text).map(ModuleSource::Remote)
    }
}

impl fmt::Display for ModuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModuleSource::Local(path) => f.write_str(path),
            ModuleSource::Registry(address) => write!(f, "{address}"),
            ModuleSource::Remote(address) => write!(f, "{address}"),
        }
    }
}

impl RegistryAddress {
    /// `[host/]namespace/name/system`, perhaps with `//folder`; `None` if the text has not that form.
    fn parse(text: &str) -> Result<Option<RegistryAddress>, String> {
        let (package, subdir) = text.split_once("//").unwrap_or((text, ""));
        let parts: Vec<&str> = package.split('/').collect();
        let (host, named) = match parts.as_slice() {
            [_, _, _] => (DEFAULT_REGISTRY, &parts[..]),
            // These hosts are those of repositories.
            ["github.com" | "bitbucket.org", ..] => return Ok(None),
            [host, _, _, _] if host.contains('.') && is_host(host) => (*host, &parts[1..]),
            _ => return Ok(None),
        };
        let [namespace, name, system] = named else { return Ok(None) };
        if !is_name(namespace) || !is_name(name) || !is_system(system) {
            return Ok(None);
        }
        Ok(Some(RegistryAddress {
            host: host.to_ascii_lowercase(),
            namespace: (*namespace).to_string(),
            name: (*name).to_string(),
            system: (*system).to_string(),
            subdir: folder_in_package(subdir)?,
        }))
    }

    /// The address of the package: without the folder in it.
    pub fn package(&self) -> String {
        format!("{}/{}/{}/{}", self.host, self.namespace, self.name, self.system)
    }
}

impl fmt::Display for RegistryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.package())?;
        if self.subdir.is_empty() { Ok(()) } else { write!(f, "//{}", self.subdir) }
    }
}

impl RemoteAddress {
    /// Parses an address in a long or a short form: `git::https://…`, `github.com/acme/net`, `git@example.com:net.git`.
    ///
    /// # Errors
    /// With what to do, if the text is none.
    pub fn parse(text: &str) -> Result<RemoteAddress, String> {
        let (package, subdir) = split_subdir(text);
        let long = long_form(&package).ok_or_else(|| {
            format!(
                "\"{text}\" is neither a folder, a registry module nor an address to fetch from. If it is a folder \
                 beside this module, write \"./{text}\"."
            )
        })?;
        let (package, more) = split_subdir(&long);
        let subdir = match more.is_empty() {
            true => subdir,
            false => format!("{more}/{subdir}"),
        };
        Ok(RemoteAddress { package, subdir: folder_in_package(&subdir)? })
    }

    /// How it is fetched, if that is said (`git` of `git::https://…`), and from where.
    pub fn method(&self) -> (Option<&str>, &str) {
        forced_method(&self.package)
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.subdir.is_empty(), self.package.split_once('?')) {
            (true, _) => f.write_str(&self.package),
            (false, None) => write!(f, "{}//{}", self.package, self.subdir),
            (false, Some((package, query))) => write!(f, "{package}//{}?{query}", self.subdir),
        }
    }
}

/// `./net/../db/` is `./db`.
fn local_path(text: &str) -> String {
    match clean(text).as_str() {
        "." => "./".to_string(),
        ".." => "../".to_string(),
        up if up.starts_with("../") => up.to_string(),
        path => format!("./{path}"),
    }
}

/// A folder in a package, without superfluous parts.
fn folder_in_package(text: &str) -> Result<String, String> {
    match clean(text).as_str() {
        "." => Ok(String::new()),
        outside if outside == ".." || outside.starts_with("../") || outside.starts_with('/') => {
            Err(format!("The folder \"{text}\" would be outside of the package that it is looked for in."))
        }
        folder => Ok(folder.to_string()),
    }
}

/// A path without superfluous parts; `.` if nothing is left.
pub(crate) fn clean(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    match (text.starts_with('/'), parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_string(),
        (false, false) => parts.join("/"),
    }
}

/// Takes the folder out of an address: what stands behind `//`, before a query.
fn split_subdir(address: &str) -> (String, String) {
    let end = address.find('?').unwrap_or(address.len());
    let start = address[..end].find("://").map_or(0, |at| at + 3);
    let Some(at) = address[start..end].find("//") else { return (address.to_string(), String::new()) };
    let at = start + at;
    (format!("{}{}", &address[..at], &address[end..]), address[at + 2..end].to_string())
}

fn forced_method(address: &str) -> (Option<&str>, &str) {
    match address.split_once("::") {
        Some((method, rest))
            if !method.is_empty() && !rest.is_empty() && method.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            (Some(method), rest)
        }
        _ => (None, address),
    }
}

/// The address of a package in full. `None` if the text is no address.
fn long_form(text: &str) -> Option<String> {
    let (method, address) = forced_method(text);
    if has_scheme(address) {
        return Some(text.to_string());
    }
    let full = hosted_repository(address)
        .or_else(|| over_ssh(address))
        .or_else(|| bucket_of_google(address))
        .or_else(|| bucket_of_amazon(address))
        .or_else(|| address.starts_with('/').then(|| format!("file://{address}")))?;
    Some(match (method, forced_method(&full)) {
        (Some(method), (_, address)) => format!("{method}::{address}"),
        (None, _) => full,
    })
}

/// Whether the text begins as a URL does.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    // A repository over SSH without a user, github.com:acme/net, has no scheme either; but so Terraform reads it.
}

/// `github.com/acme/net/folder?ref=v1`
fn hosted_repository(address: &str) -> Option<String> {
    let (path, query) = match address.find('?') {
        Some(at) => address.split_at(at),
        None => (address, ""),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let [host @ ("github.com" | "bitbucket.org"), owner, repository, inside @ ..] = parts.as_slice() else {
        return None;
    };
    if owner.is_empty() || repository.is_empty() {
        return None;
    }
    let suffix = if repository.ends_with(".git") { "" } else { ".git" };
    let inside = if inside.is_empty() { String::new() } else { format!("//{}", inside.join("/")) };
    Some(format!("git::https://{host}/{owner}/{repository}{suffix}{inside}{query}"))
}

/// `git@example.com:acme/net.git`
fn over_ssh(address: &str) -> Option<String> {
    let (host, path) = address.strip_prefix("git@")?.split_once(':')?;
    let path = path.strip_prefix('/').unwrap_or(path);
    if host.is_empty() || path.is_empty() {
        return None;
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_by_key(|pair| pair.split('=').next());
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    Some(format!("git::ssh://git@{host}/{path}{query}"))
}

/// `www.googleapis.com/storage/v1/BUCKET/PATH`
fn bucket_of_google(address: &str) -> Option<String> {
    address.starts_with("www.googleapis.com/storage/").then(|| format!("gcs::https://{address}"))
}

/// `s3-REGION.amazonaws.com/BUCKET/KEY`, `BUCKET.s3.amazonaws.com/KEY`
fn bucket_of_amazon(address: &str) -> Option<String> {
    let (host, key) = address.split_once('/')?;
    let labels: Vec<&str> = host.strip_suffix(".amazonaws.com")?.split('.').collect();
    match labels.as_slice() {
        [service] => Some(format!("s3::https://{service}.amazonaws.com/{key}")),
        [bucket, service] => Some(format!("s3::https://{service}.amazonaws.com/{bucket}/{key}")),
        [bucket, "s3", region] => Some(format!("s3::https://s3.{region}.amazonaws.com/{bucket}/{key}")),
        _ => None,
    }
}

/// A namespace or a module's name.
fn is_name(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    text.len() <= 64
        && edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A target system.
fn is_system(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Whether the text can be the name of a host, perhaps with a port.
fn is_host(text: &str) -> bool {
    match text.split_once(':') {
        None => is_host_name(text),
        Some((host, port)) => is_host_name(host) && port.parse::<u16>().is_ok(),
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
    fn a_source_is_noted_as_terraform_notes_it() {
        for (text, kind, noted) in [
            ("./net", "local", "./net"),
            ("./net/", "local", "./net"),
            ("./a/../b//c", "local", "./b/c"),
            ("../shared/net", "local", "../shared/net"),
            (".", "local", "./"),
            ("..", "local", "../"),
            ("terraform-aws-modules/vpc/aws", "registry", "registry.terraform.io/terraform-aws-modules/vpc/aws"),
            ("acme/net/aws//modules/./role", "registry", "registry.terraform.io/acme/net/aws//modules/role"),
            ("App.Example.com/acme/vpc/aws", "registry", "app.example.com/acme/vpc/aws"),
            ("registry.example.com:8443/acme/vpc/aws//x", "registry", "registry.example.com:8443/acme/vpc/aws//x"),
            ("gitlab.com/acme/vpc/aws", "registry", "gitlab.com/acme/vpc/aws"),
            ("a_b/c-d/aws", "registry", "registry.terraform.io/a_b/c-d/aws"),
            ("github.com/org/repo", "remote", "git::https://github.com/org/repo.git"),
            ("github.com/org/repo?ref=v1", "remote", "git::https://github.com/org/repo.git?ref=v1"),
            ("github.com/org/repo//sub/a?ref=v1", "remote", "git::https://github.com/org/repo.git//sub/a?ref=v1"),
            ("github.com/org/repo.git//sub", "remote", "git::https://github.com/org/repo.git//sub"),
            ("github.com/org/repo/extra", "remote", "git::https://github.com/org/repo.git//extra"),
            ("github.com/org/repo/x//y", "remote", "git::https://github.com/org/repo.git//x/y"),
            ("bitbucket.org/org/repo", "remote", "git::https://bitbucket.org/org/repo.git"),
            ("git@github.com:org/repo.git", "remote", "git::ssh://git@github.com/org/repo.git"),
            ("git@x.io:o/r//s?ref=x&depth=1", "remote", "git::ssh://git@x.io/o/r//s?depth=1&ref=x"),
            ("git::git@x.io:a/b.git", "remote", "git::ssh://git@x.io/a/b.git"),
            ("git::https://x.io/a.git//s/../b?ref=x", "remote", "git::https://x.io/a.git//b?ref=x"),
            ("git::https://github.com/org/repo", "remote", "git::https://github.com/org/repo"),
            ("https://x.io/a.zip//x?archive=zip", "remote", "https://x.io/a.zip//x?archive=zip"),
            ("https://x.io/a.tgz//*", "remote", "https://x.io/a.tgz//*"),
            ("hg::http://x.io/x", "remote", "hg::http://x.io/x"),
            ("/opt/modules/net", "remote", "file:///opt/modules/net"),
            ("s3-eu-west-1.amazonaws.com/b/k.zip", "remote", "s3::https://s3-eu-west-1.amazonaws.com/b/k.zip"),
            ("b.s3.amazonaws.com/k.zip", "remote", "s3::https://s3.amazonaws.com/b/k.zip"),
            ("www.googleapis.com/storage/v1/b/k", "remote", "gcs::https://www.googleapis.com/storage/v1/b/k"),
        ] {
            let source = ModuleSource::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            let got = match &source {
                ModuleSource::Local(_) => "local",
                ModuleSource::Registry(_) => "registry",
                ModuleSource::Remote(_) => "remote",
            };
            assert_eq!((got, source.to_string().as_str()), (kind, noted), "{text}");
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "",
            "child",
            "5",
            "foo/bar",
            "ORG/Name/AWS",
            "a/b/c_d",
            "a/b-/c",
            "localhost/a/b/c",
            "gitlab.com/org/repo",
            "github.com/org",
            "user@host.com:org/x",
            "foo::bar/x",
            "git::foo/bar",
            "acme/net/aws//../x",
            "git::https://x.io/a.git//../b",
        ] {
            assert!(ModuleSource::parse(text).is_err(), "{text}");
        }
    }
}
