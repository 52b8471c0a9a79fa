//! The SSH keys of whoever runs infra: which to sign with, and which are theirs.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use ssh_key::{Algorithm, HashAlg, PrivateKey, PublicKey};

/// A key to sign with, and how it is used.
#[derive(Clone, Debug)]
pub enum Key {
    /// A file that can be used as it is.
    Open(Box<PrivateKey>),
    /// A file that needs its passphrase.
    Locked(Box<PrivateKey>),
    /// A key of the agent.
    Agent(Box<PublicKey>),
    /// What only `ssh-keygen` can use, by the path that it takes.
    Program(PathBuf),
}

/// Why a file is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// It is something else.
    #[error("it is no SSH key")]
    NoKey,
    /// It cannot be decoded.
    #[error("it is damaged: {0}")]
    Damaged(ssh_key::Error),
    /// It is a public key.
    #[error("it is a public key, and its private key is neither beside it nor in the SSH agent")]
    PublicOnly,
}

/// No key file is longer.
const LONGEST: u64 = 64 * 1024;

impl Key {
    /// The key in a file, private or public. The agent is asked to sign where it has the key and the file alone does not do.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(path: &Path, agent: &[PublicKey]) -> Result<Key, KeyError> {
        let text = read_file(path)?;
        if let Ok(public) = PublicKey::from_openssh(&text) {
            let private = path.with_extension("");
            if path.extension().is_some_and(|e| e == "pub") && private.is_file() {
                return Key::read(&private, agent);
            }
            return held(agent, &public).ok_or(KeyError::PublicOnly);
        }
        if !text.contains("PRIVATE KEY-----") {
            return Err(KeyError::NoKey);
        }
        if !text.contains("BEGIN OPENSSH PRIVATE KEY-----") {
            return Ok(Key::Program(path.to_path_buf()));
        }
        let private = match PrivateKey::from_openssh(text) {
            Ok(private) => private,
            Err(error) if is_short(&error) => {
                let public = public_beside(path);
                let asked = public.and_then(|public| held(agent, &public));
                return Ok(asked.unwrap_or_else(|| Key::Program(path.to_path_buf())));
            }
            Err(error) => return Err(KeyError::Damaged(error)),
        };
        let asked = held(agent, private.public_key());
        Ok(match (signs_here(&private.algorithm()), private.is_encrypted()) {
            (true, false) => Key::Open(Box::new(private)),
            (true, true) => asked.unwrap_or_else(|| Key::Locked(Box::new(private))),
            (false, _) => asked.unwrap_or_else(|| Key::Program(path.to_path_buf())),
        })
    }
}

fn held(agent: &[PublicKey], key: &PublicKey) -> Option<Key> {
    let key = agent.iter().find(|held| held.key_data() == key.key_data())?;
    Some(Key::Agent(Box::new(key.clone())))
}

/// Whether a private key was not read for want of bytes. OpenSSH writes the number of an ECDSA key without leading zeros,
/// so that one of P-521 is shorter in one of four keys; `ssh-key` 0.6 reads none that is short, and `ssh-keygen` has to sign.
pub fn is_short(error: &ssh_key::Error) -> bool {
    matches!(error, ssh_key::Error::Encoding(ssh_encoding::Error::Length))
}

/// The public key that lies beside a private one.
fn public_beside(path: &Path) -> Option<PublicKey> {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    read_file(Path::new(&public)).ok().and_then(|text| PublicKey::from_openssh(&text).ok())
}

/// Whether this program can sign with a key of this kind itself: its private part is in the file, not on hardware.
fn signs_here(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Ed25519 | Algorithm::Rsa { .. } | Algorithm::Ecdsa { .. })
}

/// The files that hold a person's keys, in the order in which they are tried.
pub fn default_keys(home: &Path) -> Vec<PathBuf> {
    let names = ["id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"];
    names.iter().map(|name| home.join(".ssh").join(name)).filter(|path| path.is_file()).collect()
}

/// The fingerprint of a key.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The fingerprints of the keys that are a person's own, sorted: private keys in `~/.ssh`, and those of the agent. A public
/// key that lies there alone may be somebody else's.
pub fn own_keys(home: &Path, agent: &[PublicKey]) -> Vec<String> {
    let mut own: Vec<String> = agent.iter().map(fingerprint).collect();
    let entries = fs::read_dir(home.join(".ssh")).into_iter().flatten().flatten();
    // As many files as no folder of keys has.
    for path in entries.map(|entry| entry.path()).take(1000) {
        let Ok(text) = read_file(&path) else { continue };
        if !text.contains("PRIVATE KEY-----") {
            continue;
        }
        let inside = PrivateKey::from_openssh(text).map(|key| key.public_key().clone()).ok();
        own.extend(inside.or_else(|| public_beside(&path)).as_ref().map(fingerprint));
    }
    own.sort();
    own.dedup();
    own
}

fn read_file(path: &Path) -> std::io::Result<String> {
    let file = fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|_| std::io::Error::other("it is no text"))?;
    Ok(text)
}
