//! Whether a plan is approved: by a signature that holds, of somebody who may, and who did not make the plan.

use jiff::Timestamp;
use ssh_key::{HashAlg, PublicKey};

use crate::{About, AllowedSigners, Approvals, NAMESPACE, NotAllowed, Signed, Statement};

/// An approval that holds: what is recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The approver, as the list of allowed signers names the key's owner.
    pub principal: String,
    /// The key's fingerprint: `SHA256:…`.
    pub fingerprint: String,
    /// The key's type: `ssh-ed25519`.
    pub key_type: String,
    /// The plan's digest.
    pub digest: String,
    /// When it was signed, as the approver's clock said: RFC 3339.
    pub signed_at: String,
}

/// Who made a plan, as far as the machine on which it was made could tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maker {
    /// What they are called: e-mail addresses, and names of accounts.
    pub names: Vec<String>,
    /// The fingerprints of their keys.
    pub keys: Vec<String>,
}

/// What an approval has to be.
#[derive(Clone, Copy, Debug)]
pub struct Requirement<'a> {
    /// The plan.
    pub about: &'a About,
    /// Who made it.
    pub maker: &'a Maker,
    /// Who may approve.
    pub allowed: &'a AllowedSigners,
    /// Whether who made it may.
    pub allow_self: bool,
    /// When.
    pub now: Timestamp,
}

/// Why a plan is not approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no approval.
    None,
    /// None counts.
    Rejected(Vec<Rejected>),
}

/// An approval that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What the signer says to be called.
    pub approver: String,
    /// The key's fingerprint.
    pub fingerprint: String,
    /// Why it does not.
    pub why: Why,
}

/// Why an approval does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The signature is not of this text.
    Damaged,
    /// It is for another plan.
    AnotherPlan {
        /// That plan's digest.
        digest: String,
    },
    /// It says something about the plan that is not so.
    SaysOtherwise {
        /// What it says.
        said: String,
        /// What is so.
        is: String,
    },
    /// The key does not count.
    NotAllowed(NotAllowed),
    /// The key is one of who made the plan.
    MakersKey {
        /// Whose it is.
        principal: String,
    },
    /// The key's owner is who made the plan.
    Maker {
        /// Who they are.
        principal: String,
        /// What they were called when the plan was made.
        called: String,
    },
}

impl Requirement<'_> {
    /// The first approval that holds.
    ///
    /// # Errors
    /// When there is none; and when one of them was changed after it was signed, whatever the others are.
    pub fn check(&self, approvals: &Approvals) -> Result<Approval, Refusal> {
        let mut rejected = Vec::new();
        let mut held = None;
        for signed in &approvals.list {
            match self.check_one(signed) {
                Ok(approval) => drop(held.get_or_insert(approval)),
                Err(why) => rejected.push(Rejected {
                    approver: signed.statement.approver.clone(),
                    fingerprint: signed.signature.public_key().fingerprint(HashAlg::Sha256).to_string(),
                    why,
                }),
            }
        }
        let damaged = |r: &Rejected| r.why == Why::Damaged;
        match held {
            Some(approval) if !rejected.iter().any(damaged) => Ok(approval),
            Some(_) => Err(Refusal::Rejected(rejected.into_iter().filter(damaged).collect())),
            None if rejected.is_empty() => Err(Refusal::None),
            None => Err(Refusal::Rejected(rejected)),
        }
    }

    fn check_one(&self, Signed { statement, signature }: &Signed) -> Result<Approval, Why> {
        let key = PublicKey::from(signature.public_key().clone());
        // First whether it is what was signed: what else it says means nothing otherwise.
        if signature.version() != 1 || key.verify(NAMESPACE, statement.to_text().as_bytes(), signature).is_err() {
            return Err(Why::Damaged);
        }
        let is = Statement { about: self.about.clone(), ..statement.clone() };
        if statement.about.digest != self.about.digest {
            return Err(Why::AnotherPlan { digest: statement.about.digest.clone() });
        }
        if statement.to_text() != is.to_text() {
            return Err(Why::SaysOtherwise { said: statement.about.changes.clone(), is: self.about.changes.clone() });
        }
        let found = self.allowed.find(key.key_data(), &statement.approver, self.now).map_err(Why::NotAllowed)?;
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if !self.allow_self {
            if self.maker.keys.contains(&fingerprint) {
                return Err(Why::MakersKey { principal: found.principal });
            }
            for name in &found.names {
                if let Some(called) = self.maker.names.iter().find(|called| same(name, called)) {
                    return Err(Why::Maker { principal: name.clone(), called: called.clone() });
                }
            }
        }
        Ok(Approval {
            principal: found.principal,
            fingerprint,
            key_type: key.algorithm().to_string(),
            digest: self.about.digest.clone(),
            signed_at: statement.signed_at.clone(),
        })
    }
}

/// Whether two names may be one person's: the same but for case, or one is an account and the other its e-mail address. In
/// doubt they are: asking a second person too often does less harm than too seldom.
fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let account = |name: &str| name.split('@').next().unwrap_or_default().to_string();
    a == b || (a.contains('@') != b.contains('@') && account(&a) == account(&b))
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn an_account_and_its_address_are_one_person() {
        for (a, b, wanted) in [
            ("alice@example.com", "Alice@Example.com", true),
            ("alice@example.com", "alice", true),
            ("alice", "alice@example.com", true),
            ("alice@example.com", "alice@laptop", false),
            ("alice@example.com", "bob@example.com", false),
            ("alice", "alicia", false),
        ] {
            assert_eq!(same(a, b), wanted, "{a} {b}");
        }
    }
}
