//! Signing a text in OpenSSH's signature format, with a key file, the agent, or OpenSSH's own program.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rsa::BigUint;
use rsa::pkcs1v15;
use rsa::sha2::Sha512;
use rsa::signature::{SignatureEncoding, Signer};
use ssh_key::private::{KeypairData, RsaKeypair};
use ssh_key::{Algorithm, HashAlg, PrivateKey, PublicKey, Signature, SshSig};

use crate::{Agent, NAMESPACE};

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key cannot sign.
    #[error("the key cannot sign: {0}")]
    Key(String),
    /// The agent does not.
    #[error("the SSH agent did not sign: {0}")]
    Agent(std::io::Error),
    /// The program that could is not there.
    #[error("a key of this kind is used through ssh-keygen, which is not installed")]
    NoProgram,
    /// The program did not sign.
    #[error("ssh-keygen did not sign{0}")]
    Program(String),
    /// There is a signature, and it is not one of the text.
    #[error("the signature that was made does not hold")]
    Wrong,
}

/// Signs with a key that is not locked.
///
/// # Errors
/// When it is, or it is of a kind that cannot sign here.
pub fn sign_with_key(key: &PrivateKey, text: &str) -> Result<SshSig, SigningError> {
    let failed = |error: ssh_key::Error| SigningError::Key(error.to_string());
    let signature = match key.key_data() {
        KeypairData::Rsa(pair) => {
            let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, text.as_bytes()).map_err(failed)?;
            let signature = Signature::new(Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, sign_rsa(pair, &data)?);
            let public = key.public_key().key_data().clone();
            SshSig::new(public, NAMESPACE, HashAlg::Sha512, signature.map_err(failed)?).map_err(failed)?
        }
        _ => key.sign(NAMESPACE, HashAlg::Sha512, text.as_bytes()).map_err(failed)?,
    };
    holding(signature, text)
}

/// `ssh-key` 0.6 takes the first prime of an RSA key for both of them, and so makes no key of it.
fn sign_rsa(pair: &RsaKeypair, data: &[u8]) -> Result<Vec<u8>, SigningError> {
    let number = |n: &ssh_key::Mpint| {
        let bytes = n.as_positive_bytes().ok_or_else(|| SigningError::Key("a number in it is negative".into()))?;
        Ok(BigUint::from_bytes_be(bytes))
    };
    let (public, private) = (&pair.public, &pair.private);
    let primes = vec![number(&private.p)?, number(&private.q)?];
    let key = rsa::RsaPrivateKey::from_components(number(&public.n)?, number(&public.e)?, number(&private.d)?, primes)
        .map_err(|error| SigningError::Key(error.to_string()))?;
    let signature = pkcs1v15::SigningKey::<Sha512>::new(key).try_sign(data);
    signature.map(|s| s.to_vec()).map_err(|error| SigningError::Key(error.to_string()))
}

/// Signs with a key that the agent has.
///
/// # Errors
/// When the agent does not.
pub fn sign_with_agent(agent: &Agent, key: &PublicKey, text: &str) -> Result<SshSig, SigningError> {
    let failed = |error: ssh_key::Error| SigningError::Key(error.to_string());
    let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, text.as_bytes()).map_err(failed)?;
    let signature = agent.sign(key, &data).map_err(SigningError::Agent)?;
    holding(SshSig::new(key.key_data().clone(), NAMESPACE, HashAlg::Sha512, signature).map_err(failed)?, text)
}

/// Has `ssh-keygen` sign, which asks for a passphrase or a touch itself: for keys on hardware, and files of other formats.
///
/// # Errors
/// When it does not.
pub fn sign_with_program(path: &Path, text: &str) -> Result<SshSig, SigningError> {
    let failed = |why: String| SigningError::Program(format!(": {why}"));
    let mut child = match Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SigningError::NoProgram),
        Err(error) => return Err(failed(error.to_string())),
    };
    if let Some(mut input) = child.stdin.take() {
        // Where it has ended already, its status says so.
        let _ = input.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(SigningError::Program("; what it says about that is above".into()));
    }
    let signature = SshSig::from_pem(&output.stdout).map_err(|error| failed(error.to_string()))?;
    holding(signature, text)
}

/// The signature, if it holds.
fn holding(signature: SshSig, text: &str) -> Result<SshSig, SigningError> {
    let key = PublicKey::from(signature.public_key().clone());
    key.verify(NAMESPACE, text.as_bytes(), &signature).map_err(|_| SigningError::Wrong)?;
    Ok(signature)
}
