//! Unpacking archives, of which nothing is believed: no entry is written outside of the folder, no link leads out of it,
//! and an archive that grows too large is given up.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use url::Url;

/// The most bytes that an archive may unpack to.
const LARGEST_CONTENT: u64 = 4 << 30;
/// The most entries of an archive.
const MOST_ENTRIES: usize = 200_000;
/// The longest target of a link.
const LONGEST_LINK: u64 = 4096;

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Tar,
    TarGz,
    TarBz2,
    TarXz,
}

impl Kind {
    /// The kinds by their names, the longer before those that they end in.
    const NAMES: [(&'static str, Kind); 9] = [
        ("tar.gz", Kind::TarGz),
        ("tgz", Kind::TarGz),
        ("tar.bz2", Kind::TarBz2),
        ("tbz2", Kind::TarBz2),
        ("tar.xz", Kind::TarXz),
        ("txz", Kind::TarXz),
        ("tar", Kind::Tar),
        ("zip", Kind::Zip),
        ("tbz", Kind::TarBz2),
    ];

    /// The kind of archive at an address: what `archive` in its query says, or the end of its path. `Ok(None)` if it is
    /// none.
    pub(crate) fn of(url: &Url) -> Result<Option<Kind>, String> {
        let asked = url.query_pairs().find(|(key, _)| key == "archive").map(|(_, value)| value.into_owned());
        match asked.as_deref() {
            Some("false" | "0") => Ok(None),
            Some("") | None => Ok(Kind::of_path(url.path())),
            Some(name) => match Kind::NAMES.iter().find(|(known, _)| *known == name) {
                Some((_, kind)) => Ok(Some(*kind)),
                None => Err(format!(
                    "archives of the kind {name:?} are not supported: zip, tar, tar.gz, tar.bz2 and tar.xz are"
                )),
            },
        }
    }

    fn of_path(path: &str) -> Option<Kind> {
        let ends = |name: &str| path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        Kind::NAMES.iter().find(|(name, _)| ends(name)).map(|(_, kind)| *kind)
    }
}

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("the archive cannot be read: {0}")]
    Unreadable(String),
    #[error("the archive has an entry {0:?}, which would be outside of its folder")]
    Outside(String),
    #[error("the archive has a link {0:?} that leads out of its folder")]
    LinkOutside(String),
    #[error("the archive has an entry {0:?} that is neither a file, a folder nor a link")]
    Kind(String),
    #[error("the archive unpacks to more than {LARGEST_CONTENT} bytes or {MOST_ENTRIES} entries")]
    TooLarge,
    #[error("cannot write what the archive holds: {0}")]
    Write(io::Error),
}

/// Unpacks an archive into a folder, which is empty.
pub(crate) fn unpack(kind: Kind, file: File, into: &Path) -> Result<(), ArchiveError> {
    let mut unpacking = Unpacking { root: into, left: LARGEST_CONTENT, entries: 0, links: Vec::new() };
    match kind {
        Kind::Zip => unpacking.zip(file)?,
        Kind::Tar => unpacking.tar(BufReader::new(file))?,
        Kind::TarGz => unpacking.tar(MultiGzDecoder::new(BufReader::new(file)))?,
        Kind::TarBz2 => unpacking.tar(MultiBzDecoder::new(BufReader::new(file)))?,
        Kind::TarXz => unpacking.tar(XzReader::new(BufReader::new(file), true))?,
    }
    unpacking.make_links()
}

struct Unpacking<'a> {
    root: &'a Path,
    /// How many bytes may still come.
    left: u64,
    entries: usize,
    /// Links are made when everything else is there, so that nothing is written through one.
    links: Vec<(PathBuf, PathBuf)>,
}

impl Unpacking<'_> {
    fn tar(&mut self, archive: impl Read) -> Result<(), ArchiveError> {
        use tar::EntryType;
        let unreadable = |error: io::Error| ArchiveError::Unreadable(error.to_string());
        let mut archive = tar::Archive::new(archive);
        for entry in archive.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            self.count()?;
            let path = entry.path().map_err(unreadable)?.into_owned();
            let link = entry.link_name().map_err(unreadable)?.map(std::borrow::Cow::into_owned);
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
            match (entry.header().entry_type(), link) {
                (EntryType::XGlobalHeader | EntryType::XHeader, _) => {}
                (EntryType::Directory, _) => self.folder(&path)?,
                (EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse, _) => {
                    self.file(&path, executable, &mut entry)?;
                }
                (EntryType::Symlink, Some(target)) => self.link(&path, target)?,
                (EntryType::Link, Some(target)) => self.same_file(&path, &target)?,
                _ => return Err(ArchiveError::Kind(path.to_string_lossy().into_owned())),
            }
        }
        Ok(())
    }

    fn zip(&mut self, file: File) -> Result<(), ArchiveError> {
        let unreadable = |error: zip::result::ZipError| ArchiveError::Unreadable(error.to_string());
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(unreadable)?;
            self.count()?;
            let path = PathBuf::from(entry.name().map_err(unreadable)?.into_owned());
            let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            if entry.is_dir() {
                self.folder(&path)?;
            } else if entry.is_symlink() {
                let mut target = String::new();
                let read = (&mut entry).take(LONGEST_LINK).read_to_string(&mut target);
                read.map_err(|error| ArchiveError::Unreadable(error.to_string()))?;
                self.link(&path, PathBuf::from(target))?;
            } else {
                self.file(&path, executable, &mut entry)?;
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES { Err(ArchiveError::TooLarge) } else { Ok(()) }
    }

    fn folder(&self, path: &Path) -> Result<(), ArchiveError> {
        fs::create_dir_all(self.root.join(inside(path)?)).map_err(ArchiveError::Write)
    }

    fn file(&mut self, path: &Path, executable: bool, content: &mut impl Read) -> Result<(), ArchiveError> {
        let mut file = self.create(path)?;
        // One byte more than allowed tells that it is too much.
        let written = io::copy(&mut content.take(self.left + 1), &mut file);
        let written = written.map_err(|error| ArchiveError::Unreadable(error.to_string()))?;
        self.left = self.left.checked_sub(written).ok_or(ArchiveError::TooLarge)?;
        if executable {
            make_executable(&file).map_err(ArchiveError::Write)?;
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> Result<File, ArchiveError> {
        let path = self.root.join(inside(path)?);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(ArchiveError::Write)?;
        }
        File::create(&path).map_err(ArchiveError::Write)
    }

    /// An entry that is another name of a file before it.
    fn same_file(&mut self, path: &Path, target: &Path) -> Result<(), ArchiveError> {
        let from = self.root.join(inside(target)?);
        let mut content =
            File::open(&from).map_err(|_| ArchiveError::Unreadable(format!("{} is missing", target.display())))?;
        let executable = content.metadata().is_ok_and(|metadata| is_executable(&metadata));
        if from == self.root.join(inside(path)?) {
            return Ok(());
        }
        self.file(path, executable, &mut content)
    }

    fn link(&mut self, path: &Path, target: PathBuf) -> Result<(), ArchiveError> {
        let path = inside(path)?;
        let escapes = || ArchiveError::LinkOutside(path.to_string_lossy().into_owned());
        let mut depth = path.components().count().saturating_sub(1);
        for part in target.components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
                Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(escapes)?,
                Component::RootDir | Component::Prefix(_) => return Err(escapes()),
            }
        }
        self.links.push((path, target));
        Ok(())
    }

    /// Makes the links, and sees where they lead: through another link that may be elsewhere than their text says. A
    /// link to what is not there is left out.
    fn make_links(self) -> Result<(), ArchiveError> {
        let root = self.root.canonicalize().map_err(ArchiveError::Write)?;
        let mut made = Vec::new();
        for (path, target) in &self.links {
            let full = self.root.join(path);
            // A folder that was itself replaced by a link made just before: nothing is to be written through it.
            let folder = full.parent().unwrap_or(self.root);
            fs::create_dir_all(folder).map_err(ArchiveError::Write)?;
            if !folder.canonicalize().map_err(ArchiveError::Write)?.starts_with(&root) {
                return Err(ArchiveError::LinkOutside(path.to_string_lossy().into_owned()));
            }
            if full.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
                fs::remove_file(&full).map_err(ArchiveError::Write)?;
            }
            make_link(target, &full).map_err(ArchiveError::Write)?;
            made.push((path, full));
        }
        for (path, full) in made {
            match full.canonicalize() {
                Ok(end) if end.starts_with(&root) => {}
                Ok(_) => return Err(ArchiveError::LinkOutside(path.to_string_lossy().into_owned())),
                Err(_) => fs::remove_file(&full).map_err(ArchiveError::Write)?,
            }
        }
        Ok(())
    }
}

/// The path of an entry, if it stays in the folder.
fn inside(path: &Path) -> Result<PathBuf, ArchiveError> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(ArchiveError::Outside(path.to_string_lossy().into_owned()));
            }
        }
    }
    Ok(clean)
}

#[cfg(unix)]
fn make_executable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    // Whoever may read it may run it.
    file.set_permissions(fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(unix)]
pub(crate) fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn make_executable(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
pub(crate) fn make_link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Seek, Write};

    use tar::{Builder, EntryType, Header};
    use url::Url;

    use super::*;

    enum Entry {
        File(&'static str, &'static str),
        Link(EntryType, &'static str, &'static str),
    }
    use Entry::{File as F, Link as L};

    /// A tar archive with paths as they are given, however wrong.
    fn archive(entries: &[Entry]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for entry in entries {
            let mut header = Header::new_gnu();
            let (path, content) = match entry {
                F(path, content) => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_mode(0o755);
                    (path, *content)
                }
                L(kind, path, target) => {
                    header.set_entry_type(*kind);
                    header.set_mode(0o777);
                    header.as_gnu_mut().expect("a header").linkname[..target.len()].copy_from_slice(target.as_bytes());
                    (path, "")
                }
            };
            header.as_gnu_mut().expect("a header").name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).expect("an entry");
        }
        builder.into_inner().expect("an archive")
    }

    fn unpacked(kind: Kind, bytes: &[u8]) -> (tempfile::TempDir, Result<(), ArchiveError>) {
        let top = tempfile::tempdir().expect("a temporary folder");
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(bytes).and_then(|()| file.rewind()).expect("a written file");
        let into = top.path().join("in");
        fs::create_dir(&into).expect("a folder");
        let outcome = unpack(kind, file, &into);
        let entries: Vec<_> = fs::read_dir(top.path()).expect("a folder").flatten().map(|e| e.file_name()).collect();
        assert_eq!(entries, ["in"], "nothing is written beside the folder");
        (top, outcome)
    }

    #[test]
    fn files_folders_and_links_are_unpacked() {
        let bytes = archive(&[
            F("net/main.tf", "a"),
            F("./net/run.sh", "b"),
            L(EntryType::Symlink, "net/link.tf", "main.tf"),
            L(EntryType::Symlink, "up/link.tf", "../net/main.tf"),
            L(EntryType::Symlink, "nowhere", "net/none"),
            L(EntryType::Link, "same.tf", "net/main.tf"),
        ]);
        let (top, outcome) = unpacked(Kind::Tar, &bytes);
        outcome.expect("a good archive");
        let read = |path: &str| fs::read_to_string(top.path().join("in").join(path)).ok();
        for path in ["net/main.tf", "net/link.tf", "up/link.tf", "same.tf"] {
            assert_eq!(read(path).as_deref(), Some("a"), "{path}");
        }
        assert_eq!(read("nowhere"), None);
    }

    #[test]
    fn nothing_is_written_or_linked_outside() {
        let bad: [&[Entry]; 10] = [
            &[F("../evil", "x")],
            &[F("a/../../evil", "x")],
            &[F("/x/../evil-of-a-test", "x")],
            &[L(EntryType::Symlink, "out", "/etc")],
            &[L(EntryType::Symlink, "out", "../x")],
            &[L(EntryType::Symlink, "a/out", "../../x")],
            // Each link by itself stays inside; together they do not.
            &[F("a/f", ""), L(EntryType::Symlink, "a/b", "."), L(EntryType::Symlink, "out", "a/b/../..")],
            &[F("f", ""), L(EntryType::Symlink, "d", "."), L(EntryType::Symlink, "d/e/../../x", "f")],
            &[L(EntryType::Link, "passwd", "/etc/passwd")],
            &[L(EntryType::Fifo, "fifo", "")],
        ];
        for (index, entries) in bad.iter().enumerate() {
            let (_top, outcome) = unpacked(Kind::Tar, &archive(entries));
            assert!(outcome.is_err(), "archive {index}");
        }
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let (top, outcome) =
            unpacked(Kind::Tar, &archive(&[L(EntryType::Symlink, "d", "real"), F("real/f", "1"), F("d/f", "2")]));
        assert!(outcome.is_err(), "a link cannot take the place of a folder");
        assert_eq!(fs::read_to_string(top.path().join("in/real/f")).expect("a file"), "1");
    }

    #[test]
    fn a_zip_is_unpacked_with_the_same_care() {
        use zip::write::SimpleFileOptions;
        let zip = |path: &str| {
            let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            writer.start_file(path, SimpleFileOptions::default()).expect("an entry");
            writer.write_all(b"a").expect("content");
            writer.finish().expect("an archive").into_inner()
        };
        let (top, outcome) = unpacked(Kind::Zip, &zip("net/main.tf"));
        outcome.expect("a good archive");
        assert_eq!(fs::read_to_string(top.path().join("in/net/main.tf")).expect("a file"), "a");
        let (_top, outcome) = unpacked(Kind::Zip, &zip("../evil"));
        assert!(outcome.is_err());
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        for kind in [Kind::Zip, Kind::TarGz, Kind::TarBz2, Kind::TarXz] {
            let (_top, outcome) = unpacked(kind, b"<html>");
            assert!(matches!(outcome, Err(ArchiveError::Unreadable(_))), "{kind:?}");
        }
    }

    #[test]
    fn the_kind_is_told_by_the_query_or_the_name() {
        for (url, kind) in [
            ("https://x.io/a.zip", Some(Kind::Zip)),
            ("https://x.io/a.tar.gz?x=1", Some(Kind::TarGz)),
            ("https://x.io/a.tgz", Some(Kind::TarGz)),
            ("https://x.io/a.tar.bz2", Some(Kind::TarBz2)),
            ("https://x.io/a.txz", Some(Kind::TarXz)),
            ("https://x.io/a?archive=tar.xz", Some(Kind::TarXz)),
            ("https://x.io/a.zip?archive=false", None),
            ("https://x.io/zip", None),
            ("https://x.io/a", None),
        ] {
            assert_eq!(Kind::of(&Url::parse(url).expect("an address")), Ok(kind), "{url}");
        }
        assert!(Kind::of(&Url::parse("https://x.io/a?archive=rar").expect("an address")).is_err());
    }
}
