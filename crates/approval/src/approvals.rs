//! The file beside a plan that holds its approvals: each a statement and its signature, as text.

use ssh_key::{LineEnding, SshSig};

use crate::Statement;

/// The approvals of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// Each of them, the oldest first.
    pub list: Vec<Signed>,
}

/// One approval: it may hold or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What is said.
    pub statement: Statement,
    /// By whom, as their signature proves it.
    pub signature: SshSig,
}

/// Why a text is no file of approvals.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Damaged {
    /// One of them cannot be read.
    #[error("approval {number} in it (from line {line}) was changed after it was written: {why}")]
    Approval {
        /// Which, from 1.
        number: usize,
        /// Where it begins, from 1.
        line: usize,
        /// What cannot be read.
        why: &'static str,
    },
    /// There is something behind the last one.
    #[error("it was cut off or changed after it was written: from line {line} on there is no whole approval")]
    Rest {
        /// Where, from 1.
        line: usize,
    },
}

const END: &str = "-----END SSH SIGNATURE-----\n";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";

impl Approvals {
    /// The text of the file.
    pub fn to_text(&self) -> String {
        self.list.iter().map(Signed::to_text).collect::<Vec<_>>().join("\n")
    }

    /// Reads the text of a file. It has to be, byte for byte, what would be written: any change of it is found here or by
    /// the signature.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Approvals, Damaged> {
        let mut list = Vec::new();
        let (mut rest, mut line) = (text, 1);
        while !rest.is_empty() {
            if !list.is_empty() {
                rest = rest.strip_prefix('\n').ok_or(Damaged::Rest { line })?;
                line += 1;
            }
            let end = rest.find(END).ok_or(Damaged::Rest { line })? + END.len();
            let number = list.len() + 1;
            list.push(signed(&rest[..end]).map_err(|why| Damaged::Approval { number, line, why })?);
            line += rest[..end].lines().count();
            rest = &rest[end..];
        }
        Ok(Approvals { list })
    }
}

impl Signed {
    fn to_text(&self) -> String {
        // What could be read can be written.
        self.statement.to_text() + &self.signature.to_pem(LineEnding::LF).unwrap_or_default()
    }
}

fn signed(text: &str) -> Result<Signed, &'static str> {
    let (statement, armour) = text.split_at(text.find(BEGIN).ok_or("its signature has no beginning")?);
    let statement = Statement::parse(statement).ok_or("its text has another form")?;
    let signature = SshSig::from_pem(armour).map_err(|_| "its signature cannot be read")?;
    let signed = Signed { statement, signature };
    if signed.to_text() == text { Ok(signed) } else { Err("its signature cannot be read") }
}
