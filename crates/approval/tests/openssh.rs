//! That OpenSSH accepts the signatures made here, and the other way round. Skipped where it is not installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use infra_approval::{Agent, Key, NAMESPACE, SshSig, sign_with_agent, sign_with_key, sign_with_program};
use ssh_key::{HashAlg, LineEnding, PublicKey};
use tempfile::TempDir;

const TEXT: &str = "I approve this plan of infra.\nplan: sha256:00\n";

const KINDS: [(&str, &str, &str); 6] = [
    ("ed25519", "ed25519", "256"),
    ("rsa", "rsa", "2048"),
    ("rsa3072", "rsa", "3072"),
    ("p256", "ecdsa", "256"),
    ("p384", "ecdsa", "384"),
    ("p521", "ecdsa", "521"),
];

fn installed() -> bool {
    let there = Command::new("ssh-keygen").arg("-?").stderr(Stdio::null()).status().is_ok();
    if !there {
        eprintln!("skipped: ssh-keygen is not installed");
    }
    there
}

fn make(folder: &Path, name: &str, kind: &str, bits: &str, passphrase: &str) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-b", bits, "-N", passphrase, "-C", name, "-f"])
        .arg(&path)
        .status()
        .expect("ssh-keygen runs");
    assert!(made.success(), "{name}");
    path
}

/// What ssh-keygen says of a signature.
fn accepted(folder: &Path, public: &Path, signature: &SshSig) -> bool {
    let key = std::fs::read_to_string(public).expect("a public key");
    std::fs::write(folder.join("allowed"), format!("me namespaces=\"infra-*\" {key}")).expect("a file");
    std::fs::write(folder.join("sig"), signature.to_pem(LineEnding::LF).expect("armour")).expect("a file");
    std::fs::write(folder.join("text"), TEXT).expect("a file");
    let verified = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-f", "allowed", "-I", "me", "-n", NAMESPACE, "-s", "sig"])
        .current_dir(folder)
        .stdin(std::fs::File::open(folder.join("text")).expect("a file"))
        .stdout(Stdio::null())
        .status();
    verified.expect("ssh-keygen runs").success()
}

fn holds(signature: &SshSig) -> bool {
    PublicKey::from(signature.public_key().clone()).verify(NAMESPACE, TEXT.as_bytes(), signature).is_ok()
}

fn open(path: &Path) -> Key {
    Key::read(path, &[]).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_accepts_what_the_other_signs() {
    if !installed() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    for (name, kind, bits) in KINDS {
        let path = make(folder.path(), name, kind, bits, "");
        let ours = match open(&path) {
            Key::Open(key) => sign_with_key(&key, TEXT),
            // One of four keys of P-521 is short, and one of 256 of the others.
            Key::Program(path) if kind == "ecdsa" => sign_with_program(&path, TEXT),
            other => panic!("{name}: {other:?}"),
        };
        let ours = ours.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(accepted(folder.path(), &path.with_extension("pub"), &ours), "{name}");
        let theirs = sign_with_program(&path, TEXT).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(holds(&theirs), "{name}");
        assert_eq!(theirs.hash_alg(), HashAlg::Sha512);
    }
}

/// The number of this key is a byte shorter than its curve's, so that OpenSSH writes it without that byte.
#[test]
fn a_key_with_a_short_number_is_used_through_openssh() {
    if !installed() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    // Chance makes one of four keys short.
    let short = (0..200).map(|i| make(folder.path(), &format!("key{i}"), "ecdsa", "521", "")).find(|path| {
        let text = std::fs::read_to_string(path).expect("a key");
        ssh_key::PrivateKey::from_openssh(text).is_err_and(|error| infra_approval::is_short(&error))
    });
    let path = short.expect("a short key");
    assert!(matches!(open(&path), Key::Program(_)));
    let signature = sign_with_program(&path, TEXT).expect("a signature");
    assert!(holds(&signature) && accepted(folder.path(), &path.with_extension("pub"), &signature));

    let public = PublicKey::from_openssh(&std::fs::read_to_string(path.with_extension("pub")).expect("a file"));
    let public = public.expect("a public key");
    assert!(matches!(Key::read(&path, std::slice::from_ref(&public)), Ok(Key::Agent(_))), "the agent has it");
    let home = TempDir::new().expect("a folder");
    std::fs::create_dir(home.path().join(".ssh")).expect("a folder");
    for name in [path.clone(), path.with_extension("pub")] {
        std::fs::copy(&name, home.path().join(".ssh").join(name.file_name().expect("a name"))).expect("a copy");
    }
    assert_eq!(infra_approval::own_keys(home.path(), &[]), [infra_approval::fingerprint(&public)]);
}

#[test]
fn their_armour_is_written_again_as_it_was() {
    if !installed() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let path = make(folder.path(), "rsa", "rsa", "2048", "");
    std::fs::write(folder.path().join("text"), TEXT).expect("a file");
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(&path)
        .arg(folder.path().join("text"))
        .stderr(Stdio::null())
        .status();
    assert!(signed.expect("ssh-keygen runs").success());
    let text = std::fs::read_to_string(folder.path().join("text.sig")).expect("a signature");
    let signature = SshSig::from_pem(&text).expect("it is read");
    assert_eq!(signature.to_pem(LineEnding::LF).expect("armour"), text);
}

#[test]
fn a_key_with_a_passphrase_is_opened_with_it() {
    if !installed() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let path = make(folder.path(), "locked", "ed25519", "256", "open sesame");
    let Key::Locked(key) = open(&path) else { panic!("it is locked") };
    assert!(key.decrypt("close sesame").is_err());
    let signature = sign_with_key(&key.decrypt("open sesame").expect("the key"), TEXT).expect("a signature");
    assert!(accepted(folder.path(), &path.with_extension("pub"), &signature));
}

/// An agent for the time of a test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_agent_signs_with_the_keys_that_it_has() {
    if !installed() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let socket = folder.path().join("agent");
    let started = Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn();
    let Ok(running) = started.map(Running) else {
        return eprintln!("skipped: ssh-agent is not installed");
    };
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let agent = Agent::at(&socket);
    assert_eq!(agent.keys().expect("it answers").len(), 0);
    for (name, kind, bits) in KINDS {
        let path = make(folder.path(), name, kind, bits, "");
        let added = Command::new("ssh-add").env("SSH_AUTH_SOCK", &socket).arg(&path).stderr(Stdio::null()).status();
        assert!(added.expect("ssh-add runs").success());
        std::fs::remove_file(&path).expect("the private key goes");
        let keys = agent.keys().expect("it answers");
        let public = path.with_extension("pub");
        let Key::Agent(key) = Key::read(&public, &keys).expect("a key") else { panic!("the agent has {name}") };
        let signature = sign_with_agent(&agent, &key, TEXT).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(accepted(folder.path(), &public, &signature), "{name}");
    }
    drop(running);
    assert!(agent.keys().is_err());
}
