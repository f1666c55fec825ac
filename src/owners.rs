//! Files of code owners: who has to look at a change of a path.
//!
//! The rules are those of each forge: patterns like those of `.gitignore` with
//! the last match first on GitHub and Bitbucket, sections and paths of any depth
//! on GitLab, regular expressions on Gitea and Forgejo.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

use crate::model::{ForgeKind, RepoPath};

/// Where each forge looks, in its order, and whose rules count there.
const PLACES: [(&str, &[ForgeKind]); 6] = [
    (".github/CODEOWNERS", &[ForgeKind::GitHub]),
    ("CODEOWNERS", &[ForgeKind::GitHub, ForgeKind::GitLab, ForgeKind::Gitea]),
    ("docs/CODEOWNERS", &[ForgeKind::GitHub, ForgeKind::GitLab, ForgeKind::Gitea]),
    (".gitlab/CODEOWNERS", &[ForgeKind::GitLab]),
    (".gitea/CODEOWNERS", &[ForgeKind::Gitea]),
    (".bitbucket/CODEOWNERS", &[ForgeKind::Bitbucket]),
];

/// The places where a forge looks; all of them with the forge that they are
/// meant for first, where none is known.
pub fn places(kind: Option<ForgeKind>) -> Vec<(&'static str, ForgeKind)> {
    let of = |(path, kinds): &(&'static str, &[ForgeKind])| {
        let own = match kind {
            Some(kind) => kinds.iter().find(|own| **own == kind),
            None => kinds.first(),
        };
        own.map(|own| (*path, *own))
    };
    PLACES.iter().filter_map(of).collect()
}

/// A file of code owners.
#[derive(Debug)]
pub struct Owners {
    sections: Vec<Section>,
}

/// Rules of which the last that fits counts.
#[derive(Debug, Default)]
struct Section {
    rules: Vec<Rule>,
    /// Who owns what a rule names nobody for.
    default: Vec<String>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// Whether it takes paths out.
    excludes: bool,
    owners: Vec<String>,
}

#[derive(Debug)]
enum Pattern {
    Globs(Vec<GlobMatcher>),
    Regex(Regex),
}

impl Owners {
    /// Reads the text by the rules of a forge; what is no rule there counts for
    /// nothing.
    pub fn read(text: &str, kind: ForgeKind) -> Self {
        let mut sections = vec![Section::default()];
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if kind == ForgeKind::GitLab
                && let Some(default) = heading(line)
            {
                sections.push(Section { rules: Vec::new(), default });
                continue;
            }
            let Some(rule) = rule(line, kind) else { continue };
            if kind == ForgeKind::Gitea {
                // Every rule that fits counts there.
                sections.push(Section { rules: vec![rule], default: Vec::new() });
            } else if let Some(last) = sections.last_mut() {
                last.rules.push(rule);
            }
        }
        Self { sections }
    }

    /// Who owns a file.
    pub fn of(&self, path: &RepoPath) -> Vec<String> {
        let mut owners = Vec::new();
        for section in &self.sections {
            let last = section.rules.iter().rev().find(|rule| rule.fits(path.as_str()));
            let Some(rule) = last.filter(|rule| !rule.excludes) else { continue };
            let named = if rule.owners.is_empty() { &section.default } else { &rule.owners };
            let new: Vec<String> =
                named.iter().filter(|owner| !owners.contains(*owner)).cloned().collect();
            owners.extend(new);
        }
        owners
    }
}

impl Rule {
    fn fits(&self, path: &str) -> bool {
        match &self.pattern {
            Pattern::Globs(globs) => globs.iter().any(|glob| glob.is_match(path)),
            Pattern::Regex(regex) => regex.is_match(path),
        }
    }
}

/// `[Name]`, `^[Name][2] @owners`: a section of GitLab, with its owners.
fn heading(line: &str) -> Option<Vec<String>> {
    let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (_, rest) = rest.split_once(']')?;
    let rest = match rest.strip_prefix('[') {
        Some(number) => number.split_once(']')?.1,
        None => rest,
    };
    Some(names(rest.split_whitespace()))
}

fn names<'w>(words: impl Iterator<Item = &'w str>) -> Vec<String> {
    words.take_while(|word| !word.starts_with('#')).map(str::to_owned).collect()
}

fn rule(line: &str, kind: ForgeKind) -> Option<Rule> {
    let (written, rest) = pattern(line);
    let (excludes, written) = match written.strip_prefix('!') {
        Some(rest) if matches!(kind, ForgeKind::GitLab | ForgeKind::Gitea) => {
            (true, rest.to_owned())
        }
        // GitHub takes no such pattern, and passes over the line.
        Some(_) => return None,
        None => (false, written.clone()),
    };
    let pattern = match kind {
        ForgeKind::Gitea => Pattern::Regex(Regex::new(&format!("^(?:{written})$")).ok()?),
        _ => Pattern::Globs(globs(&written, kind)?),
    };
    Some(Rule { pattern, excludes, owners: names(rest.split_whitespace()) })
}

/// The pattern of a line, in which `\ ` is a blank, and what is behind it.
fn pattern(line: &str) -> (String, &str) {
    let mut written = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => written.extend(chars.next().map(|(_, next)| next)),
            c if c.is_whitespace() => return (written, line.get(at..).unwrap_or_default()),
            c => written.push(c),
        }
    }
    (written, "")
}

fn globs(written: &str, kind: ForgeKind) -> Option<Vec<GlobMatcher>> {
    let bare = written.trim_start_matches('/').trim_end_matches('/');
    if bare.is_empty() {
        return None;
    }
    // A path is anchored where it begins with a slash; but for GitLab also where
    // it has one in it.
    let inner = kind != ForgeKind::GitLab && bare.contains('/');
    let anchored = written.starts_with('/') || inner;
    let start = if anchored { bare.to_owned() } else { format!("**/{bare}") };
    let below = format!("{start}/**");
    let wanted = if written.ends_with('/') {
        vec![below]
    } else if kind == ForgeKind::GitLab || bare.ends_with('*') {
        // A path is a file there; `docs/*` has no files further down.
        vec![start]
    } else {
        vec![start, below]
    };
    let glob = |text: &String| {
        let glob = GlobBuilder::new(text).literal_separator(true).build().ok()?;
        Some(glob.compile_matcher())
    };
    wanted.iter().map(glob).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(text: &str, kind: ForgeKind, path: &str) -> String {
        Owners::read(text, kind).of(&RepoPath::normalize(path).unwrap()).join(" ")
    }

    #[test]
    fn github_takes_the_last_rule_that_fits() {
        let text = "# all\n*  @all\n*.js @js # inline\n/apps/*/prod/ @ops\ndocs/* @docs\n\
                    apps/ @apps-below\n/build\\ logs/ @logs\nprod/kustomization.yaml @anchored\n\
                    /promote.toml\n!x @nobody\n";
        let of = |path: &str| owners(text, ForgeKind::GitHub, path);
        assert_eq!(of("README.md"), "@all");
        assert_eq!(of("a/b/c.js"), "@js");
        assert_eq!(of("docs/a.md"), "@docs");
        assert_eq!(of("docs/a/b.md"), "@all");
        assert_eq!(of("apps/web/prod/kustomization.yaml"), "@apps-below");
        assert_eq!(of("deep/apps/x"), "@apps-below");
        assert_eq!(of("build logs/x/y"), "@logs");
        assert_eq!(of("prod/kustomization.yaml"), "@anchored");
        assert_eq!(of("x/prod/kustomization.yaml"), "@all");
        // The last rule that fits names nobody: nobody owns it.
        assert_eq!(of("promote.toml"), "");
    }

    #[test]
    fn github_has_stars_that_stay_in_a_directory_and_stars_that_do_not() {
        let of = |pattern: &str, path: &str| {
            !owners(&format!("{pattern} @o"), ForgeKind::GitHub, path).is_empty()
        };
        assert!(of("/apps/*/overlays/prod", "apps/web/overlays/prod/k.yaml"));
        assert!(!of("/apps/*/overlays/prod", "apps/a/web/overlays/prod/k.yaml"));
        assert!(of("**/prod/", "apps/web/overlays/prod/k.yaml"));
        assert!(of("/apps/**/prod/", "apps/a/b/prod/k.yaml"));
        assert!(of("prod", "apps/web/overlays/prod/k.yaml"));
        assert!(!of("/prod", "apps/web/overlays/prod/k.yaml"));
        assert!(of("*", "a/b/c"));
        assert!(!of("/*", "a/b/c"));
    }

    #[test]
    fn gitlab_has_sections_and_paths_of_any_depth() {
        let text = "*.md @docs\n[Ops][2] @ops\napps/prod/\n/promote.toml @boss\n^[Optional] @any\n\
                    *.yaml\n!apps/dev/x.yaml\n";
        let of = |path: &str| owners(text, ForgeKind::GitLab, path);
        assert_eq!(of("a/README.md"), "@docs");
        assert_eq!(of("deep/apps/prod/k.json"), "@ops");
        assert_eq!(of("apps/prod/k.yaml"), "@ops @any");
        assert_eq!(of("promote.toml"), "@boss");
        assert_eq!(of("apps/dev/x.yaml"), "");
        // Without a slash at its end a path is a file.
        assert_eq!(owners("/apps @o", ForgeKind::GitLab, "apps/x"), "");
    }

    #[test]
    fn gitea_has_expressions_of_which_all_count() {
        let text = "apps/.*/prod/.* @ops\n.*\\\\.yaml @yaml\n!docs/.* @code\nbad( @x\n";
        let of = |path: &str| owners(text, ForgeKind::Gitea, path);
        assert!(of("apps/web/prod/k.yaml").contains("@ops"));
        assert_eq!(of("apps/web"), "");
    }

    #[test]
    fn each_forge_looks_at_its_places() {
        let of = |kind| places(kind).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(
            of(Some(ForgeKind::GitHub)),
            [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"]
        );
        assert_eq!(of(Some(ForgeKind::Bitbucket)), [".bitbucket/CODEOWNERS"]);
        assert!(of(Some(ForgeKind::Azure)).is_empty());
        assert_eq!(of(None).len(), 6);
    }
}
