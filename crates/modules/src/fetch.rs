//! Fetching a package from where its address says, into a folder.

use std::fs::{self, File};
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infra_lang::config::RemoteAddress;
use reqwest::header::HeaderMap;
use url::Url;

use crate::archive::{self, ArchiveError, Kind};
use crate::checksum;
use crate::git::{self, GitError};
use crate::http::{Http, HttpError, shown};
use crate::registry::{WHERE, resolve};
use crate::staging;

/// How often one address may lead to another.
const MOST_HOPS: u32 = 5;
/// How long a page that says where a module is may take.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a package cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("{0}")]
    Other(String),
    #[error("{path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
}

/// Fetches packages.
pub(crate) struct Fetcher {
    http: Http,
    /// Whether programs that are run may ask for a password.
    ask: bool,
}

impl Fetcher {
    pub(crate) fn new(http: Http, ask: bool) -> Fetcher {
        Fetcher { http, ask }
    }

    /// Puts a package at a path, where nothing is yet.
    pub(crate) async fn fetch(&self, package: &RemoteAddress, into: &Path) -> Result<(), FetchError> {
        self.fetch_from(package.clone(), into, 0).await
    }

    async fn fetch_from(&self, package: RemoteAddress, into: &Path, hops: u32) -> Result<(), FetchError> {
        let (method, address) = package.method();
        let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
        match method.unwrap_or(scheme) {
            "git" if method.is_some() => {
                create(into)?;
                Ok(git::fetch(address, into, self.ask).await?)
            }
            "http" | "https" => self.over_http(&parsed(address)?, into, hops).await,
            "file" => from_disk(&parsed(address)?, into).await,
            "ssh" | "git" => Err(FetchError::Other(format!(
                "modules are not fetched over {scheme} as such: for a git repository, write git::{scheme}://…"
            ))),
            other => Err(FetchError::Other(format!(
                "modules are not fetched by {other:?}. What is supported: git repositories (git::https://…, \
                 git::ssh://…), zip and tar archives over https, registries and folders"
            ))),
        }
    }

    async fn over_http(&self, url: &Url, into: &Path, hops: u32) -> Result<(), FetchError> {
        let Some(kind) = Kind::of(url).map_err(FetchError::Other)? else {
            return self.by_a_page(url, into, hops).await;
        };
        let wanted = url.query_pairs().find(|(key, _)| key == "checksum").map(|(_, value)| value.into_owned());
        let url = without_settings(url);
        let mut file = tempfile::tempfile().map_err(HttpError::File)?;
        self.http.download(&url, &HeaderMap::new(), &mut file).await?;
        let told = shown(&url);
        unpack(kind, file, wanted, told, into).await
    }

    /// The address is that of a page which says in a header or in a `meta` tag where the module is.
    async fn by_a_page(&self, url: &Url, into: &Path, hops: u32) -> Result<(), FetchError> {
        let mut page = url.clone();
        page.query_pairs_mut().append_pair("terraform-get", "1");
        let answer = self.http.get(&page, &HeaderMap::new(), PAGE_TIMEOUT, 2).await?;
        if !answer.status.is_success() {
            return Err(HttpError::Status { url: shown(url), status: answer.status }.into());
        }
        let header = answer.headers.get(&WHERE).and_then(|value| value.to_str().ok()).map(str::to_string);
        let given = header.or_else(|| meta_tag(&String::from_utf8_lossy(&answer.body))).ok_or_else(|| {
            FetchError::Other(format!(
                "{} is neither an archive nor a page that says where the module is. If it is an archive, add its kind: \
                 ?archive=zip",
                shown(url)
            ))
        })?;
        let next = resolve(&answer.url, &given).map_err(FetchError::Other)?;
        if hops >= MOST_HOPS {
            return Err(FetchError::Other(format!("{} leads from one address to the next without end", shown(url))));
        }
        if next.subdir.is_empty() {
            return Box::pin(self.fetch_from(next, into, hops + 1)).await;
        }
        let around = into.with_extension("around");
        let package = RemoteAddress { package: next.package, subdir: String::new() };
        Box::pin(self.fetch_from(package, &around, hops + 1)).await?;
        let subdir = staging::folder_in(&around, &next.subdir).map_err(FetchError::Other)?;
        fs::rename(around.join(subdir), into).map_err(at(into))?;
        staging::remove(&around).map_err(at(&around))
    }
}

/// A folder of this machine is linked to, an archive is unpacked.
async fn from_disk(url: &Url, into: &Path) -> Result<(), FetchError> {
    let path = url.to_file_path().map_err(|()| FetchError::Other(format!("{} is no path", shown(url))))?;
    let metadata = fs::metadata(&path).map_err(at(&path))?;
    if metadata.is_dir() {
        return archive::make_link(&path, into).map_err(at(into));
    }
    let kind = Kind::of(url).map_err(FetchError::Other)?;
    let kind =
        kind.ok_or_else(|| FetchError::Other(format!("{} is neither a folder nor an archive", path.display())))?;
    let file = File::open(&path).map_err(at(&path))?;
    let wanted = url.query_pairs().find(|(key, _)| key == "checksum").map(|(_, value)| value.into_owned());
    unpack(kind, file, wanted, path.display().to_string(), into).await
}

/// Checks and unpacks an archive, on a thread for it.
async fn unpack(
    kind: Kind,
    mut file: File,
    checksum: Option<String>,
    told: String,
    into: &Path,
) -> Result<(), FetchError> {
    create(into)?;
    let folder = into.to_path_buf();
    let work = tokio::task::spawn_blocking(move || {
        if let Some(wanted) = checksum {
            checksum::check(&wanted, &mut file).map_err(|problem| FetchError::Other(format!("{told}: {problem}")))?;
            file.rewind().map_err(HttpError::File)?;
        }
        Ok(archive::unpack(kind, file, &folder)?)
    });
    work.await.map_err(|error| FetchError::Other(error.to_string()))?
}

fn create(folder: &Path) -> Result<(), FetchError> {
    fs::create_dir_all(folder).map_err(at(folder))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> FetchError {
    let path = path.to_path_buf();
    move |error| FetchError::File { path, error }
}

fn parsed(address: &str) -> Result<Url, FetchError> {
    Url::parse(address).map_err(|error| FetchError::Other(format!("the address cannot be used: {error}")))
}

/// An address without what is meant for the one who fetches.
fn without_settings(url: &Url) -> Url {
    let pairs = url.query_pairs().filter(|(key, _)| key != "archive" && key != "checksum");
    let kept: Vec<(String, String)> = pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let mut url = url.clone();
    if kept.len() == url.query_pairs().count() {
        return url;
    }
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url
}

/// The content of `<meta name="terraform-get" content="…">`.
fn meta_tag(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find("<meta") {
        let start = from + at;
        let end = start + lower[start..].find('>')?;
        let tag = &page[start..end];
        if attribute(tag, "name").as_deref() == Some("terraform-get") {
            return attribute(tag, "content").map(|text| text.replace("&amp;", "&"));
        }
        from = end;
    }
    None
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find(name) {
        let (before, after) = (&lower[..from + at], &tag[from + at + name.len()..]);
        from += at + name.len();
        let Some(value) = after.trim_start().strip_prefix('=') else { continue };
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        if let (true, Some(quote)) = (before.ends_with(char::is_whitespace), quote) {
            return value[1..].split(quote).next().map(str::to_string);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{meta_tag, without_settings};

    #[test]
    fn a_page_says_where_a_module_is() {
        let page = "<html><META content='x' name='y'>\n<meta name=\"terraform-get\"\n content=\"git::https://x.io/a?ref=1&amp;depth=1\"/></html>";
        assert_eq!(meta_tag(page).as_deref(), Some("git::https://x.io/a?ref=1&depth=1"));
        assert_eq!(meta_tag("<html><meta name='other' content='x'>"), None);
        assert_eq!(meta_tag("<meta"), None);
    }

    #[test]
    fn a_server_is_not_told_what_is_not_meant_for_it() {
        for (given, asked) in [
            ("https://x.io/a.zip", "https://x.io/a.zip"),
            ("https://x.io/a?archive=zip&checksum=md5:0", "https://x.io/a"),
            ("https://x.io/a?archive=zip&sig=a%2Fb", "https://x.io/a?sig=a%2Fb"),
            ("https://x.io/a.zip?sig=a+b", "https://x.io/a.zip?sig=a+b"),
        ] {
            assert_eq!(without_settings(&Url::parse(given).expect("an address")).as_str(), asked);
        }
    }
}
