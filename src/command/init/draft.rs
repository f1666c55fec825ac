//! What is known before anyone is asked: from the config file of another tool,
//! else from the names of directories.

use crate::config::{self, Config, GITOPS_PROMOTION, ImportNote, Imported, Origin};
use crate::discover;
use crate::model::{EnvironmentName, Pipeline, RepoPath, Snapshot};

use super::super::{Exit, Failure};
use super::InitArgs;

const ENVIRONMENTS_YAML: &str = "environments.yaml";

/// A config to be, and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// What is known.
    pub(super) config: Config,
    /// What an import does not carry over.
    pub(super) notes: Vec<ImportNote>,
    /// Environments whose place in the order is not known.
    pub(super) undecided: Vec<EnvironmentName>,
    /// Whether names of directories told the order.
    pub(super) order_guessed: bool,
    /// Whether they told the paths.
    pub(super) paths_guessed: bool,
    /// What else the user should know.
    pub(super) says: Vec<String>,
}

/// Imports the file of another tool, or guesses.
pub(super) fn find(snapshot: &dyn Snapshot, args: &InitArgs) -> Result<Option<Draft>, Failure> {
    let mut says = Vec::new();
    if let Some(text) = read(snapshot, GITOPS_PROMOTION)? {
        match config::import_gitops_promotion(&text) {
            Ok(imported) => return Ok(Some(Draft::imported(imported, GITOPS_PROMOTION))),
            // Who names the environments does without the file.
            Err(error) if args.environments.is_some() => {
                says.push(format!("not imported: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(text) = read(snapshot, ENVIRONMENTS_YAML)? {
        match config::import_environments_yaml(&text) {
            Ok(imported) => return Ok(Some(Draft::imported(imported, ENVIRONMENTS_YAML))),
            // Other tools have files of that name too.
            Err(error) => says.push(format!("not imported: {error}")),
        }
    }
    let Some(config) = discover::guess(snapshot)? else { return Ok(None) };
    Ok(Some(Draft::guessed(config, says)))
}

fn read(snapshot: &dyn Snapshot, name: &str) -> Result<Option<String>, Failure> {
    let Some(bytes) = snapshot.read(&RepoPath::root().join(name))? else { return Ok(None) };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| {
        Failure::new(Exit::Invalid, format!("`{name}` is not valid UTF-8"))
            .hint(format!("iconv -t UTF-8 {name}"))
    })
}

impl Draft {
    fn imported(imported: Imported, file: &str) -> Self {
        Self {
            paths_guessed: imported.config.layout.is_empty(),
            config: imported.config,
            notes: imported.notes,
            undecided: Vec::new(),
            order_guessed: false,
            says: vec![format!("imported {file}")],
        }
    }

    fn guessed(mut config: Config, says: Vec<String>) -> Self {
        let guess = match std::mem::replace(&mut config.origin, Origin::PromoteToml) {
            Origin::Guess(guess) => guess,
            _ => config::Guess::default(),
        };
        let undecided = guess.undecided;
        let (order_guessed, paths_guessed) = (true, true);
        Self { config, notes: Vec::new(), undecided, order_guessed, paths_guessed, says }
    }

    /// The same with another pipeline; what is left out of it is said.
    pub(super) fn ordered(draft: Option<Self>, pipeline: Pipeline) -> Self {
        let Some(draft) = draft else { return Self::bare(pipeline) };
        let dirs = |dir: &str| pipeline.by_dir(dir).is_some();
        let left_out: Vec<&str> = draft
            .config
            .pipeline
            .environments()
            .iter()
            .filter(|known| !known.dirs.iter().any(|dir| dirs(dir)))
            .map(|known| known.name.as_str())
            .collect();
        let mut says = draft.says;
        if !left_out.is_empty() {
            says.push(format!("left out: {}", left_out.join(", ")));
        }
        let config = Config { pipeline, ..draft.config };
        Self { config, undecided: Vec::new(), order_guessed: false, says, ..draft }
    }

    /// Environments, and nothing else known.
    fn bare(pipeline: Pipeline) -> Self {
        let config = Config::bare(pipeline);
        Self {
            config,
            notes: Vec::new(),
            undecided: Vec::new(),
            order_guessed: false,
            paths_guessed: true,
            says: Vec::new(),
        }
    }

    /// The text of the file.
    pub(super) fn text(&self) -> String {
        config::to_toml(&self.config, &self.notes)
    }

    /// The text with everything from the first undecided environment on as
    /// comment: what comes after it may come from it.
    pub(super) fn with_comments(&self) -> String {
        let text = self.text();
        let decided = self.config.pipeline.environments().iter();
        let decided = decided.take_while(|e| !self.undecided.contains(&e.name)).count();
        let block = "\n[[environment]]\n";
        let at = text.match_indices(block).nth(decided).map_or(text.len(), |(at, _)| at);
        let (known, unknown) = text.split_at(at);
        let mut commented = format!(
            "{known}\n# UNDECIDED: the names do not tell the order from here on. Bring these into\n\
             # the order of promotion, and take the `# ` away.\n"
        );
        for line in unknown.trim_start().lines() {
            commented.push_str(format!("# {line}").trim_end());
            commented.push('\n');
        }
        commented
    }
}
