//! GitLab, Azure Pipelines, Bitbucket and Jenkins.

use super::{Around, Pair, current, full_id, merge_onto, merge_result, remote_branch};
use crate::command::Failure;
use crate::git::{ObjectId, Repository};

/// What the CI system compares; `None` outside of one that is known.
pub(super) fn find(repo: &Repository, around: &Around<'_>) -> Result<Option<Pair>, Failure> {
    let ci = Ci { repo, around };
    if around.is_true("GITLAB_CI") {
        return ci.gitlab();
    }
    if around.is_true("TF_BUILD") {
        return ci.azure();
    }
    if around.get("BITBUCKET_COMMIT").is_some() {
        return ci.bitbucket();
    }
    if around.get("JENKINS_URL").is_some() || around.get("CHANGE_TARGET").is_some() {
        return ci.jenkins();
    }
    Ok(None)
}

struct Ci<'a> {
    repo: &'a Repository,
    around: &'a Around<'a>,
}

impl Ci<'_> {
    /// The full id that a variable holds, where it is set.
    fn id(&self, name: &str) -> Result<Option<ObjectId>, Failure> {
        self.around.get(name).map(|text| full_id(self.repo, name, &text)).transpose()
    }

    /// The full id that a variable holds, else HEAD.
    fn id_or_head(&self, name: &str) -> Result<ObjectId, Failure> {
        self.id(name)?.map_or_else(|| current(self.repo), Ok)
    }

    /// Source: docs.gitlab.com "Predefined CI/CD variables reference":
    /// `CI_MERGE_REQUEST_SOURCE_BRANCH_SHA` and
    /// `CI_MERGE_REQUEST_TARGET_BRANCH_SHA` are empty but in merged results
    /// pipelines, where `CI_COMMIT_SHA` is the merge; `CI_COMMIT_BEFORE_SHA` is
    /// all zeros in merge request pipelines and for new branches.
    fn gitlab(&self) -> Result<Option<Pair>, Failure> {
        let head = self.id_or_head("CI_COMMIT_SHA")?;
        let Some(target) = self.around.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") else {
            return self.gitlab_branch(head);
        };
        let base = self.id("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")?;
        if let (Some(base), Some(source)) = (base, self.id("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")?) {
            let merge = merge_result(self.repo, head, source)?;
            let merge = merge.map(|pair| merge_onto(pair, Some(base)));
            return Ok(Some(merge.unwrap_or_else(|| Pair::merged(base, head))));
        }
        let missing = match remote_branch(self.repo, &target) {
            Ok(base) => return Ok(Some(Pair::merged(base, head))),
            Err(missing) => missing,
        };
        // The commit that the request began at: older than the target's tip.
        let Some(base) = self.id("CI_MERGE_REQUEST_DIFF_BASE_SHA")? else { return Err(missing) };
        Ok(Some(Pair::merged(base, head).note(format!(
            "{}: judged against the commit that the merge request began at",
            missing.message
        ))))
    }

    fn gitlab_branch(&self, head: ObjectId) -> Result<Option<Pair>, Failure> {
        match self.id("CI_COMMIT_BEFORE_SHA")? {
            Some(before) if !before.is_null() => Ok(Some(Pair::moved(before, head))),
            _ => match self.around.get("CI_DEFAULT_BRANCH") {
                Some(default) if self.around.get("CI_COMMIT_BRANCH") != Some(default.clone()) => {
                    Ok(Some(Pair::merged(remote_branch(self.repo, &default)?, head)))
                }
                _ => Ok(None),
            },
        }
    }

    /// Source: learn.microsoft.com "Use predefined variables":
    /// `System.PullRequest.TargetBranch` is `refs/heads/main`, for GitHub
    /// repositories `main`; `Build.SourceVersion` is the commit that is built,
    /// in a pull request the merge, and differs from
    /// `System.PullRequest.SourceCommitId`, the commit under review.
    fn azure(&self) -> Result<Option<Pair>, Failure> {
        let Some(target) = self.around.get("SYSTEM_PULLREQUEST_TARGETBRANCH") else {
            return Ok(None);
        };
        let built = self.id_or_head("BUILD_SOURCEVERSION")?;
        let source = self.id("SYSTEM_PULLREQUEST_SOURCECOMMITID")?;
        let tip = remote_branch(self.repo, &target);
        if let Some(source) = source
            && let Some(pair) = merge_result(self.repo, built, source)?
        {
            return Ok(Some(merge_onto(pair, tip.ok())));
        }
        Ok(Some(Pair::merged(tip?, source.unwrap_or(built))))
    }

    /// Source: support.atlassian.com "Variables and secrets"
    /// (`BITBUCKET_PR_DESTINATION_COMMIT`, `BITBUCKET_PR_DESTINATION_BRANCH`,
    /// `BITBUCKET_COMMIT`) and "Pipeline start conditions": the destination is
    /// merged into the source before a pull request pipeline runs, so that
    /// HEAD is the result.
    fn bitbucket(&self) -> Result<Option<Pair>, Failure> {
        let Some(target) = self.around.get("BITBUCKET_PR_DESTINATION_BRANCH") else {
            return Ok(None);
        };
        let named = self.around.get("BITBUCKET_PR_DESTINATION_COMMIT");
        let base = match named.and_then(|text| self.abbreviated(&text)) {
            Some(base) => base,
            None => remote_branch(self.repo, &target)?,
        };
        Ok(Some(Pair::merged(base, current(self.repo)?)))
    }

    /// The commit of an id that may be shortened.
    fn abbreviated(&self, text: &str) -> Option<ObjectId> {
        let hex = text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex {
            return None;
        }
        self.repo.full_id(text).or_else(|| self.repo.resolve(text).ok())
    }

    /// Source: jenkins.io "Using environment variables" and the Branch API
    /// plugin: `CHANGE_TARGET` is the branch that the change may be merged
    /// into. Whether `GIT_COMMIT` is merged depends on the job; HEAD is what
    /// is built.
    fn jenkins(&self) -> Result<Option<Pair>, Failure> {
        let Some(target) = self.around.get("CHANGE_TARGET") else { return Ok(None) };
        Ok(Some(Pair::merged(remote_branch(self.repo, &target)?, current(self.repo)?)))
    }
}
