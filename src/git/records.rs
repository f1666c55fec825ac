//! What carries records: the commits that a merge brings, with their messages
//! and signatures.

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::ancestry::Ancestry;
use super::{GitError, Repository, child, tree};

/// A commit as `verify` sees it.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// Its id.
    pub id: ObjectId,
    /// Its first parent.
    pub parent: Option<ObjectId>,
    /// How many parents it has.
    pub parents: usize,
    /// Committer time, in seconds since 1970.
    pub seconds: i64,
    /// The author's name.
    pub author: String,
    /// The whole message.
    pub message: String,
    /// Whether it carries a signature, of whatever worth.
    pub is_signed: bool,
}

/// What a signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Good, by that signer.
    Good(String),
    /// It cannot be checked here, and why.
    Unchecked(String),
    /// It is not what it should be, and why.
    Bad(String),
}

impl Repository {
    /// The commit of that id.
    pub fn carrier(&self, id: ObjectId) -> Result<Carrier, GitError> {
        let failed = |error: gix::Error| tree::unreadable(&self.gix, ("commit", id), &error);
        let commit = self.gix.find_commit(id).map_err(failed)?;
        tree::verify((gix::objs::Kind::Commit, id), &commit.data)?;
        let decoded = commit.decode().map_err(failed)?;
        let mut parents = decoded.parents();
        let signed = |name: &gix::bstr::BStr| name == "gpgsig" || name == "gpgsig-sha256";
        Ok(Carrier {
            id,
            parent: parents.next(),
            parents: decoded.parents().count(),
            seconds: decoded.committer().map_err(failed)?.seconds(),
            author: decoded.author().map_err(failed)?.name.to_str_lossy().into_owned(),
            message: decoded.message.to_str_lossy().into_owned(),
            is_signed: decoded.extra_headers.iter().any(|(name, _)| signed(name)),
        })
    }

    /// The signature of a commit, and what it is of; `None` where it has none.
    pub fn signed(&self, id: ObjectId) -> Result<Option<(String, Vec<u8>)>, GitError> {
        let failed = |error: gix::Error| tree::unreadable(&self.gix, ("commit", id), &error);
        let commit = self.gix.find_commit(id).map_err(failed)?;
        tree::verify((gix::objs::Kind::Commit, id), &commit.data)?;
        let found = gix::objs::CommitRefIter::signature(&commit.data, id.kind());
        let found = found.ok().flatten();
        Ok(found.map(|(text, of)| (text.to_str_lossy().into_owned(), of.to_bstring().into())))
    }

    /// The commits that `head` has and `base` has not, newest first. Where
    /// commits have wrong dates there may be some that both have.
    pub fn only_in(&self, base: ObjectId, head: ObjectId) -> Result<Vec<ObjectId>, GitError> {
        Ok(Ancestry::of(self, base, head)?.only_head())
    }

    /// The same for sure, by a walk through all that `base` has.
    pub fn surely_only_in(
        &self,
        base: ObjectId,
        head: ObjectId,
    ) -> Result<Vec<ObjectId>, GitError> {
        let mut ancestry = Ancestry::of(self, base, head)?;
        ancestry.finish()?;
        Ok(ancestry.only_head())
    }

    /// What the signature of a commit is worth, by git's own judgement: with
    /// `gpg` and its key ring, or `ssh-keygen` and `gpg.ssh.allowedSignersFile`.
    pub fn signature(&self, id: ObjectId) -> Result<Signature, GitError> {
        let id = id.to_string();
        let args = ["verify-commit", "--raw", &id];
        let output = child::run(self, &args, b"")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = format!("{}{said}", String::from_utf8_lossy(&output.stdout));
        Ok(judge(output.status.success(), &said))
    }
}

/// What `git verify-commit --raw` means: the status lines of `gpg`
/// (`doc/DETAILS` of `GnuPG`), or the words of `ssh-keygen -Y` and of git.
fn judge(good: bool, said: &str) -> Signature {
    let status = |word: &str| {
        let start = format!("[GNUPG:] {word} ");
        said.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
    };
    let signer = |rest: &str| rest.split_once(' ').map_or(rest, |(_, name)| name).to_owned();
    for (word, what) in [
        ("BADSIG", "the signature does not fit the commit"),
        ("REVKEYSIG", "the key was revoked"),
        ("EXPKEYSIG", "the key has expired"),
        ("EXPSIG", "the signature has expired"),
    ] {
        if let Some(rest) = status(word) {
            return Signature::Bad(format!("{what} ({})", signer(&rest)));
        }
    }
    if let Some(rest) = status("GOODSIG").filter(|_| good) {
        return Signature::Good(signer(&rest));
    }
    if let Some(rest) = status("ERRSIG") {
        let key = rest.split(' ').next().unwrap_or_default().to_owned();
        return Signature::Unchecked(format!("the key {key} is not known here"));
    }
    let by = said.lines().find_map(|line| line.strip_prefix("Good \"git\" signature "));
    match by {
        Some(by) if good => {
            let signer = by.trim_start_matches("for ").split(" with ").next().unwrap_or(by);
            Signature::Good(signer.to_owned())
        }
        Some(by) => Signature::Bad(format!(
            "no allowed signer has its key ({})",
            by.trim_start_matches("with ").trim()
        )),
        None if said.contains("allowedSignersFile") => {
            Signature::Unchecked("gpg.ssh.allowedSignersFile is not set, or not there".to_owned())
        }
        None if said.contains("cannot run") || said.contains("could not run") => {
            Signature::Unchecked("the program that checks it is not there".to_owned())
        }
        None if said.to_ascii_lowercase().contains("signature") => {
            Signature::Bad("the signature does not fit the commit".to_owned())
        }
        None => {
            let first = said.lines().next().unwrap_or("git does not say why");
            Signature::Unchecked(first.trim_start_matches("error: ").to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_both_programs_are_understood() {
        let gpg = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG ABCD A U Thor <a@b.c>\n";
        assert_eq!(judge(true, gpg), Signature::Good("A U Thor <a@b.c>".to_owned()));
        let bad = judge(false, "[GNUPG:] BADSIG ABCD A U Thor\n");
        assert!(matches!(bad, Signature::Bad(why) if why.contains("does not fit")));
        let unknown = judge(false, "[GNUPG:] ERRSIG ABCD 1 8 00 17 9 F\n[GNUPG:] NO_PUBKEY ABCD\n");
        assert!(matches!(unknown, Signature::Unchecked(why) if why.contains("ABCD")));
        let ssh = "Good \"git\" signature for a@b.c with ED25519 key SHA256:x\n";
        assert_eq!(judge(true, ssh), Signature::Good("a@b.c".to_owned()));
        let stranger = "Good \"git\" signature with ED25519 key SHA256:x\nNo principal matched.\n";
        assert!(
            matches!(judge(false, stranger), Signature::Bad(why) if why.contains("no allowed"))
        );
        let unset = "error: gpg.ssh.allowedSignersFile needs to be configured and exist\n";
        assert!(matches!(judge(false, unset), Signature::Unchecked(_)));
        let broken = "Signature verification failed: incorrect signature\n";
        assert!(matches!(judge(false, broken), Signature::Bad(_)));
    }
}
