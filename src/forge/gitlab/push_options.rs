//! Merge requests by push options, where there is no token: git sends them
//! with the branch, and GitLab does the rest.

use super::MARKS;
use crate::forge::Draft;
use crate::model::{MergeMethod, Reviewer};

/// What to push with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushOptions {
    /// The values of `git push -o`, in order.
    pub options: Vec<String>,
    /// What no option can say, for people.
    pub left_out: Vec<String>,
}

/// The push options that open a merge request for the branch that is pushed,
/// or bring the open one up to date.
///
/// An option is one line. A body of several lines is left out, and with it the
/// block for machines in it; so are reviewers, for which there is no option.
pub fn push_options(draft: &Draft, merge: Option<MergeMethod>) -> PushOptions {
    let mut made = PushOptions::default();
    made.add("merge_request.create");
    made.with("target", "the base branch", &draft.base);
    let title = MARKS.written(&draft.title, false);
    made.with("title", "the title", &title);
    if !draft.body.is_empty() {
        made.with("description", "the description", &draft.body);
    }
    for label in &draft.labels {
        made.with("label", &format!("the label {label:?}"), label);
    }
    if let Some(milestone) = &draft.milestone {
        made.with("milestone", &format!("the milestone {milestone:?}"), milestone);
    }
    if draft.draft {
        made.add("merge_request.draft");
    }
    made.left_out.extend(draft.reviewers.iter().map(Reviewer::to_string));
    made.merge(merge);
    made
}

impl PushOptions {
    fn add(&mut self, option: &str) {
        self.options.push(option.to_owned());
    }

    fn with(&mut self, option: &str, what: &str, value: &str) {
        // git refuses an option with a line break in it.
        if value.contains(['\n', '\r', '\0']) {
            self.left_out.push(format!("{what}, which has several lines"));
        } else {
            self.options.push(format!("merge_request.{option}={value}"));
        }
    }

    fn merge(&mut self, merge: Option<MergeMethod>) {
        let Some(method) = merge else { return };
        // The word of before GitLab 17.11, which all versions know.
        self.add("merge_request.merge_when_pipeline_succeeds");
        self.add("merge_request.remove_source_branch");
        match method {
            // Since GitLab 17.2; an older one ignores it.
            MergeMethod::Squash => self.add("merge_request.squash"),
            // Settings of the project.
            MergeMethod::Merge | MergeMethod::Rebase => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            head: "promote/env/prod/web".to_owned(),
            base: "main".to_owned(),
            title: "Promote web v1.2.3 to prod".to_owned(),
            labels: vec!["promotion".to_owned(), "prod".to_owned()],
            ..Draft::default()
        }
    }

    #[test]
    fn a_draft_is_a_list_of_options() {
        let made = push_options(&draft(), None);
        let wanted = [
            "merge_request.create",
            "merge_request.target=main",
            "merge_request.title=Promote web v1.2.3 to prod",
            "merge_request.label=promotion",
            "merge_request.label=prod",
        ];
        assert_eq!(made.options, wanted);
        assert!(made.left_out.is_empty(), "{:?}", made.left_out);
        let all = Draft {
            draft: true,
            body: "one line".to_owned(),
            milestone: Some("3.0".to_owned()),
            ..draft()
        };
        let made = push_options(&all, Some(MergeMethod::Squash));
        assert_eq!(made.options[3], "merge_request.description=one line");
        let end = [
            "merge_request.milestone=3.0",
            "merge_request.draft",
            "merge_request.merge_when_pipeline_succeeds",
            "merge_request.remove_source_branch",
            "merge_request.squash",
        ];
        assert_eq!(made.options[6..], end);
        let made = push_options(&draft(), Some(MergeMethod::Rebase));
        assert!(!made.options.contains(&"merge_request.squash".to_owned()));
    }

    #[test]
    fn what_has_no_option_is_named() {
        let draft = Draft {
            body: "first\nsecond".to_owned(),
            reviewers: vec!["@acme/security".parse().unwrap()],
            ..draft()
        };
        let made = push_options(&draft, None);
        assert_eq!(made.left_out, ["the description, which has several lines", "@acme/security"]);
        assert!(made.options.iter().all(|option| !option.contains('\n')));
    }
}
