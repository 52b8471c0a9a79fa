//! Where databases are kept, and whose they are. PostgreSQL refuses to run as root, so for root they belong to another
//! user, who must be able to get there.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Users that servers run as for root; the first that exists.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Where databases are kept for root if the user that servers run as cannot get into the project's folder.
const ELSEWHERE: &str = "/var/lib/infra-local";

/// The folder for databases.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) folder: PathBuf,
    /// The user and the group that servers run as, if not this process's own.
    pub(crate) owner: Option<(u32, u32)>,
}

impl Home {
    /// Finds it and makes it. For root it may be elsewhere, with a link to it in the data folder.
    pub(crate) fn make(data_dir: &Path) -> Result<Home, String> {
        let usual = data_dir.join("databases");
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |why: std::io::Error| format!("making the folder {path}: {why}")
        };
        if !rustix::process::geteuid().is_root() {
            make(&usual, 0o700).map_err(failed(&usual))?;
            return Ok(Home { folder: usual, owner: None });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let Some(owner) = USERS.iter().find_map(|name| user(&passwd, name)) else {
            return Err(format!(
                "PostgreSQL refuses to run as root, and there is no other user for it on this machine ({})",
                USERS.join(" or ")
            ));
        };
        if data_dir.ancestors().all(|folder| may_pass(folder, owner)) {
            make(&usual, 0o711).map_err(failed(&usual))?;
            return Ok(Home { folder: usual, owner: Some(owner) });
        }
        let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = Path::new(ELSEWHERE).join(name);
        make(&folder, 0o711).map_err(failed(&folder))?;
        if fs::read_link(&usual).ok().as_deref() != Some(&folder) {
            let _ = fs::remove_file(&usual);
            symlink(&folder, &usual).map_err(failed(&usual))?;
        }
        Ok(Home { folder, owner: Some(owner) })
    }

    /// Gives a folder with everything in it to the user that servers run as.
    pub(crate) fn give(&self, path: &Path) -> std::io::Result<()> {
        let Some((uid, gid)) = self.owner else { return Ok(()) };
        std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                self.give(&entry?.path())?;
            }
        }
        Ok(())
    }

    /// Makes a folder that is only its user's.
    pub(crate) fn private_folder(&self, path: &Path) -> std::io::Result<()> {
        make(path, 0o700)?;
        match self.owner {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// Deletes the folder, wherever it is.
    pub(crate) fn remove(data_dir: &Path) {
        let usual = data_dir.join("databases");
        if let Ok(folder) = fs::read_link(&usual) {
            if folder.starts_with(ELSEWHERE) {
                let _ = fs::remove_dir_all(folder);
                // Succeeds only for the last project's.
                let _ = fs::remove_dir(ELSEWHERE);
            }
            let _ = fs::remove_file(usual);
        } else {
            let _ = fs::remove_dir_all(usual);
        }
    }
}

fn make(folder: &Path, mode: u32) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::DirBuilder::new().mode(mode).create(folder)?;
    // The mask may have taken what the user needs to get in.
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
}

/// User and group of a line in `/etc/passwd`.
fn user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn may_pass(folder: &Path, (uid, gid): (u32, u32)) -> bool {
    fs::metadata(folder).is_ok_and(|meta| {
        let bit = if meta.uid() == uid {
            0o100
        } else if meta.gid() == gid {
            0o010
        } else {
            0o001
        };
        meta.mode() & bit != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n";
        assert_eq!(user(passwd, "nobody"), Some((65534, 65533)));
        assert_eq!(user(passwd, "postgres"), None);
    }
}
