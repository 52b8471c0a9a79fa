//! Keys of nobody, the same in each run.

use infra_approval::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

/// The key of a person.
pub fn key(name: &str) -> PrivateKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(s, b)| *s = b);
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
    PrivateKey::new(pair, name).expect("a key")
}

/// Its public part, as a line of a file has it.
pub fn public(name: &str) -> String {
    key(name).public_key().to_openssh().expect("a public key")
}
