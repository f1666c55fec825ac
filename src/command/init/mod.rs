//! `git promote init`: writes `promote.toml` from what the directories and the
//! config files of other tools tell, and asks only what they do not.

mod absent;
mod ask;
mod draft;
mod order;
mod unread;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;

use crate::config::{self, Config, LayoutPath, Origin, PROMOTE_TOML};
use crate::discover;
use crate::git::{self, Repository};
use crate::model::{EnvironmentName, MemorySnapshot, Pipeline, RepoPath, Snapshot, Sources};
use crate::worktree::{NewFile, read_beneath};

use super::{Answer, Context, Exit, Failure, Remark, leftovers};
use draft::Draft;
use order::Order;

/// Write promote.toml from what the directories tell
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Print it instead of writing it
    #[arg(long)]
    pub print: bool,
    /// The environments in the order of promotion, with commas between, and
    /// slashes between those side by side: dev,staging,prod-eu/prod-us
    #[arg(long, value_name = "NAMES")]
    pub environments: Option<String>,
    /// Where overlays are, such as 'apps/{app}/overlays/{env}' (repeatable)
    #[arg(long, value_name = "TEMPLATE")]
    pub layout: Vec<String>,
}

/// `git promote init`
pub fn run(context: &Context, args: &InitArgs) -> Result<Answer, Failure> {
    let repo = Repository::open(&context.directory)?;
    if !args.print {
        refuse_existing(context, &repo)?;
    }
    let settled = leftovers::settle(&repo, args.print)?;
    let head = repo.head()?.commit.map(|commit| repo.snapshot(commit)).transpose()?;
    let nothing = MemorySnapshot::default();
    let snapshot: &dyn Snapshot = head.as_ref().map_or(&nothing, |head| head);
    let mut init = Init { context, args, snapshot, draft: draft::find(snapshot, args)? };
    let known = init.known();
    let Some(order) = init.order()? else { return init.print_undecided() };
    init.settle(order)?;
    let text = init.text()?;
    init.refuse_absent(&known)?;
    if args.print {
        let remarks = init.remarks()?;
        return Ok(Answer { remarks, ..Answer::done(text) });
    }
    let file = NewFile { bytes: text.as_bytes(), executable: false, durable: true };
    git::put(&repo, &RepoPath::root().join(PROMOTE_TOML), None, file)?;
    let mut answer = init.written()?;
    answer.remarks.splice(0..0, settled);
    Ok(answer)
}

/// A config that is there is never written over.
fn refuse_existing(context: &Context, repo: &Repository) -> Result<(), Failure> {
    let program = context.front.name();
    match read_beneath(repo.work_tree()?, &RepoPath::root().join(PROMOTE_TOML))? {
        None => Ok(()),
        Some(_) => Err(Failure::new(Exit::Conflict, "promote.toml is there already; it stays")
            .hint(format!("{program} config validate"))
            .hint(format!("{program} init --print"))),
    }
}

/// How the order comes to be known.
enum Known {
    /// The draft has it.
    Draft,
    /// It was given, by flag or answer.
    Given(Order),
}

struct Init<'a> {
    context: &'a Context,
    args: &'a InitArgs,
    snapshot: &'a dyn Snapshot,
    draft: Option<Draft>,
}

impl Init<'_> {
    /// The order of the flag, of the draft, or of the answer to a question;
    /// `None` where what is known is to be printed all the same.
    fn order(&self) -> Result<Option<Known>, Failure> {
        if let Some(names) = &self.args.environments {
            return Order::parse(names).map(Known::Given).map(Some);
        }
        let Some(draft) = &self.draft else { return Err(self.nothing_found()) };
        if draft.undecided.is_empty() {
            return Ok(Some(Known::Draft));
        }
        if self.context.interactive {
            let (mut from, mut to) = (std::io::stdin().lock(), std::io::stderr().lock());
            let order = ask::ask(&draft.config.pipeline, &mut from, &mut to);
            let order = order.map_err(|failure| failure.hint(self.order_flag(draft)))?;
            return Ok(Some(Known::Given(order)));
        }
        if self.args.print {
            return Ok(None);
        }
        Err(Failure::usage(format!("{}; nothing was written", undecided(draft)))
            .hint(self.order_flag(draft)))
    }

    /// The names of the environments that were found.
    fn known(&self) -> BTreeSet<String> {
        let environments = self.draft.iter().flat_map(|d| d.config.pipeline.environments());
        environments.map(|environment| environment.name.to_string()).collect()
    }

    fn nothing_found(&self) -> Failure {
        Failure::new(
            Exit::Invalid,
            "no environment found: no directory of the last commit is named like one \
             (dev, staging, prod)",
        )
        .hint(format!(
            "{} init --environments dev,staging,prod --layout 'apps/{{app}}/overlays/{{env}}'",
            self.context.front.name()
        ))
    }

    /// The command that gives the order, with the names to be sorted.
    fn order_flag(&self, draft: &Draft) -> String {
        let likely = Order::likely(&draft.config.pipeline).names();
        format!("{} init --environments {likely}", self.context.front.name())
    }

    /// What is known, with what is not as comment: a start to be edited.
    fn print_undecided(&self) -> Result<Answer, Failure> {
        let draft = self.draft.as_ref().ok_or_else(|| self.nothing_found())?;
        let remarks = vec![
            Remark::Warning(format!("{}; they are printed as comments", undecided(draft))),
            Remark::Hint(self.order_flag(draft)),
        ];
        Ok(Answer { text: draft.with_comments(), remarks, exit: Exit::Partly })
    }

    /// Makes the draft the config that is meant.
    fn settle(&mut self, order: Known) -> Result<(), Failure> {
        if let Known::Given(order) = order {
            let known = self.draft.as_ref().map(|draft| &draft.config.pipeline);
            let pipeline = Pipeline::new(order.environments(known)).map_err(|error| {
                Failure::usage(error.to_string())
                    .hint("each environment once: --environments dev,staging,prod")
            })?;
            self.draft = Some(Draft::ordered(self.draft.take(), pipeline));
        }
        let Some(draft) = &mut self.draft else { return Err(self.nothing_found()) };
        if !self.args.layout.is_empty() {
            let path = |template: &String| LayoutPath {
                template: template.trim_end_matches('/').to_owned(),
                fields: Vec::new(),
                couple: true,
            };
            draft.config.layout = self.args.layout.iter().map(path).collect();
            draft.paths_guessed = false;
        } else if draft.config.layout.is_empty() {
            draft.config.layout = discover::guess_layout(self.snapshot, &draft.config.pipeline)?;
        }
        Ok(())
    }

    /// Names of the command line that no directory has are most likely
    /// mistyped, where others are found.
    fn refuse_absent(&self, known: &BTreeSet<String>) -> Result<(), Failure> {
        let (Some(draft), true) = (&self.draft, self.args.environments.is_some()) else {
            return Ok(());
        };
        absent::refuse(self.snapshot, &draft.config, known)
    }

    /// The file, proven to say what is meant.
    fn text(&self) -> Result<String, Failure> {
        let draft = self.draft.as_ref().ok_or_else(|| self.nothing_found())?;
        let text = draft.text();
        let exit = if self.args.environments.is_some() || !self.args.layout.is_empty() {
            Exit::Usage
        } else {
            Exit::Invalid
        };
        let read = config::from_toml(&text).map_err(|error| {
            Failure::new(exit, error.problem.to_string())
                .hint(error.hint())
                .hint(format!("{} help init", self.context.front.name()))
        })?;
        let meant = Config { origin: Origin::PromoteToml, ..draft.config.clone() };
        if read == meant {
            return Ok(text);
        }
        Err(Failure::new(Exit::Bug, "the config does not read back as it is meant")
            .hint(format!("{} init --print", self.context.front.name())))
    }

    /// What was taken from where, and what should be looked at.
    fn remarks(&self) -> Result<Vec<Remark>, Failure> {
        let Some(draft) = &self.draft else { return Ok(Vec::new()) };
        let mut remarks: Vec<Remark> = draft.says.iter().cloned().map(Remark::Note).collect();
        let guessed =
            match (draft.order_guessed, draft.paths_guessed && !draft.config.layout.is_empty()) {
                (true, true) => Some("the order and the paths"),
                (true, false) => Some("the order"),
                (false, true) => Some("the paths"),
                (false, false) => None,
            };
        remarks.extend(guessed.map(|what| {
            Remark::Note(format!("guessed by the names of directories, to be checked: {what}"))
        }));
        if !draft.notes.is_empty() {
            let text = format!("not carried over, listed as comments: {}", draft.notes.len());
            remarks.push(Remark::Warning(text));
        }
        let found = discover::overlays(self.snapshot, &draft.config, None)?;
        let empty = absent::without_overlay(&draft.config.pipeline, &found);
        if !empty.is_empty() {
            let text = format!("no overlay found in the last commit for {}", empty.join(", "));
            remarks.push(Remark::Warning(text));
        }
        remarks.extend(
            unread::notes(self.snapshot, &draft.config, found)?.into_iter().map(Remark::Note),
        );
        Ok(remarks)
    }

    /// What was written, and how to go on.
    fn written(&self) -> Result<Answer, Failure> {
        let mut remarks = self.remarks()?;
        let program = self.context.front.name();
        remarks.extend([
            Remark::Hint("git add promote.toml && git commit -m 'Add promote.toml'".to_owned()),
            Remark::Hint(format!("{program} status")),
        ]);
        let config = self.draft.as_ref().map(|draft| &draft.config);
        let text = format!("wrote promote.toml\n{}", config.map(summary).unwrap_or_default());
        Ok(Answer { remarks, ..Answer::done(text) })
    }
}

/// One line for every environment and path.
fn summary(config: &Config) -> String {
    let mut text = String::new();
    let environments = config.pipeline.environments();
    let width = environments.iter().map(|e| e.name.as_str().len()).max().unwrap_or_default();
    for environment in environments {
        let names: Vec<&str> =
            environment.sources.names().iter().map(EnvironmentName::as_str).collect();
        let from = match &environment.sources {
            Sources::First => "first".to_owned(),
            Sources::All(_) => format!("from {}", names.join(" and ")),
            Sources::Any(_) => format!("from {}", names.join(" or ")),
        };
        let _ = writeln!(text, "  {:width$}  {from}", environment.name.as_str());
    }
    for path in &config.layout {
        let _ = writeln!(text, "  in {}", path.template);
    }
    text
}

fn undecided(draft: &Draft) -> String {
    let names: Vec<&str> = draft.undecided.iter().map(EnvironmentName::as_str).collect();
    format!(
        "the names do not tell the order of {}: give all in the order of promotion, with `,` \
         between those after one another and `/` between those side by side",
        names.join(", ")
    )
}
