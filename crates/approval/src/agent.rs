//! The SSH agent: which keys it has, and signing with one, over its socket.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use ssh_key::{PublicKey, Signature};

/// The SSH agent that the environment names (`SSH_AUTH_SOCK`).
#[derive(Clone, Debug)]
pub struct Agent {
    socket: PathBuf,
}

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// That an RSA key is to sign with SHA-512.
const RSA_SHA2_512: u32 = 4;
/// More than any answer that is meant.
const LONGEST: usize = 256 * 1024;
/// An agent whose owner is gone, as behind a connection that broke, must not hold up a plan.
const PATIENCE: Duration = Duration::from_secs(3);

impl Agent {
    /// The agent that `SSH_AUTH_SOCK` names.
    pub fn from_environment() -> Option<Agent> {
        Some(Agent::at(std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty())?))
    }

    /// The agent behind a socket.
    pub fn at(socket: impl Into<PathBuf>) -> Agent {
        Agent { socket: socket.into() }
    }

    /// Its keys.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn keys(&self) -> Result<Vec<PublicKey>> {
        let answer = self.ask(&[REQUEST_IDENTITIES], IDENTITIES, Some(PATIENCE))?;
        let mut rest = answer.as_slice();
        let count = take_number(&mut rest)?;
        let mut keys = Vec::new();
        for _ in 0..count {
            let blob = take_string(&mut rest)?;
            let comment = take_string(&mut rest)?;
            // A certificate, or a key of a kind that is not known.
            let Ok(mut key) = PublicKey::from_bytes(blob) else { continue };
            key.set_comment(String::from_utf8_lossy(comment));
            keys.push(key);
        }
        Ok(keys)
    }

    /// Signs with one of its keys. There may be somebody who is asked first, so this waits.
    pub(crate) fn sign(&self, key: &PublicKey, data: &[u8]) -> Result<Signature> {
        let mut request = vec![SIGN_REQUEST];
        put_string(&mut request, &key.to_bytes().map_err(Error::other)?);
        put_string(&mut request, data);
        let flags = if key.algorithm().is_rsa() { RSA_SHA2_512 } else { 0 };
        request.extend(flags.to_be_bytes());
        let answer = self.ask(&request, SIGN_RESPONSE, None)?;
        let mut rest = answer.as_slice();
        Signature::try_from(take_string(&mut rest)?).map_err(Error::other)
    }

    fn ask(&self, request: &[u8], wanted: u8, patience: Option<Duration>) -> Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(patience)?;
        let mut framed = Vec::new();
        put_string(&mut framed, request);
        stream.write_all(&framed)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 || length > LONGEST {
            return Err(strange());
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        if answer.remove(0) != wanted {
            return Err(Error::new(ErrorKind::PermissionDenied, "it refused"));
        }
        Ok(answer)
    }
}

fn strange() -> Error {
    Error::new(ErrorKind::InvalidData, "its answer is not understood")
}

fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing that is sent is longer than a few kilobytes.
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

fn take_number(rest: &mut &[u8]) -> Result<u32> {
    let (number, after) = rest.split_first_chunk::<4>().ok_or_else(strange)?;
    *rest = after;
    Ok(u32::from_be_bytes(*number))
}

fn take_string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = take_number(rest)? as usize;
    let (bytes, after) = rest.split_at_checked(length).ok_or_else(strange)?;
    *rest = after;
    Ok(bytes)
}
