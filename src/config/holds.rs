//! `.promote/holds.toml`: the apps that stay where they are.
//!
//! `hold` and `resume` write the file, and people may. What stands in it beside
//! the entry that comes or goes keeps its bytes, as far as the result reads as
//! it should; else the file is written anew.

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar::printable;
use super::guards::bad;
use super::raw::Text;
use super::write::string;
use crate::model::{AppId, EnvironmentName};
use crate::schedule::shown;

/// Where the file stands.
pub const HOLDS: &str = ".promote/holds.toml";

/// The most holds that a file may have.
const MOST: usize = 10_000;

const HEADER: &str = "\
# The apps that stay where they are: rule GP016. Written by `git promote hold`
# and `git promote resume`.
";

/// An app that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app, with its group.
    pub app: String,
    /// Why.
    pub reason: String,
    /// When it ends, seconds since the epoch; `None`: when somebody resumes it.
    pub until: Option<i64>,
}

impl Hold {
    /// Whether it still holds.
    pub fn is_active(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it is about the app, as a user names it: people write holds too.
    pub fn is_for(&self, environment: &EnvironmentName, app: &AppId) -> bool {
        self.environment == *environment && app.answers_to(&self.app)
    }

    /// What it says of an app that it holds.
    pub fn says(&self, app: &AppId) -> String {
        let until = self.until.and_then(shown);
        let until =
            until.map_or("until it is resumed".to_owned(), |until| format!("until {until}"));
        format!("{app} is held in {} {until}: {}", self.environment, self.reason)
    }

    /// The name of the app, without its group and labels.
    pub fn app_name(&self) -> &str {
        let name = self.app.split('[').next().unwrap_or_default();
        name.rsplit(['/', ':']).next().unwrap_or_default()
    }

    fn is_of(&self, environment: &EnvironmentName, app: &str) -> bool {
        self.environment == *environment && self.app == app
    }
}

/// The holds of a snapshot, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holds(Vec<Hold>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHolds {
    #[serde(default)]
    hold: Vec<Spanned<RawHold>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHold {
    environment: Text,
    app: Text,
    reason: Text,
    until: Option<Text>,
}

impl Holds {
    /// Reads the file; no bytes: there is none.
    pub fn read(bytes: Option<&[u8]>) -> Result<Self, ConfigError> {
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(Source { file: HOLDS, text: "" }.at(0..0, Problem::NotUtf8));
        };
        let source = Source::new(HOLDS, text)?;
        let raw: RawHolds = toml::from_str(text).map_err(|error| {
            let message = printable(&error.message().trim().replace('\n', ", "));
            source.at(error.span().unwrap_or(0..0), Problem::Syntax(message))
        })?;
        if let Some(beyond) = raw.hold.get(MOST) {
            return Err(source.at(beyond.span(), Problem::TooMany { list: "hold", most: MOST }));
        }
        let mut holds = Self::default();
        for raw in &raw.hold {
            let hold = hold(source, raw.get_ref())?;
            if holds.find(&hold.environment, &hold.app).is_some() {
                let value = format!("{} in {}", hold.app, hold.environment);
                return Err(source.at(raw.span(), Problem::Twice { list: "hold", value }));
            }
            holds.0.push(hold);
        }
        Ok(holds)
    }

    /// All of them.
    pub fn all(&self) -> &[Hold] {
        &self.0
    }

    /// The hold of an app in an environment: one that holds still, else one that
    /// is over.
    pub fn of(&self, environment: &EnvironmentName, app: &AppId, now: i64) -> Option<&Hold> {
        let own = || self.0.iter().filter(|hold| hold.is_for(environment, app));
        own().find(|hold| hold.is_active(now)).or_else(|| own().next())
    }

    /// The entry of an app in an environment, named by these very words.
    pub fn find(&self, environment: &EnvironmentName, app: &str) -> Option<&Hold> {
        self.0.iter().find(|hold| hold.is_of(environment, app))
    }

    /// The hold that keeps an app where it is now.
    pub fn active(&self, environment: &EnvironmentName, app: &AppId, now: i64) -> Option<&Hold> {
        self.of(environment, app, now).filter(|hold| hold.is_active(now))
    }

    /// Those that others do not have.
    pub fn without<'h>(&'h self, others: &'h Self) -> impl Iterator<Item = &'h Hold> {
        self.0.iter().filter(|hold| others.find(&hold.environment, &hold.app).is_none())
    }
}

fn hold(source: Source<'_>, raw: &RawHold) -> Result<Hold, ConfigError> {
    let until = raw.until.as_ref().map(|text| {
        let time = text.get_ref().parse::<Timestamp>();
        time.map(Timestamp::as_second)
            .map_err(|_| bad(source, (text, Kind::Time), "it is no time with its offset"))
    });
    Ok(Hold {
        environment: EnvironmentName::new(raw.environment.get_ref()),
        app: raw.app.get_ref().clone(),
        reason: printable(raw.reason.get_ref()),
        until: until.transpose()?,
    })
}

/// The text with a hold in it, in the place of one of the same app.
pub fn with_hold(text: Option<&str>, hold: &Hold) -> Result<String, ConfigError> {
    let mut wanted = Holds::read(text.map(str::as_bytes))?;
    wanted.0.retain(|other| !other.is_of(&hold.environment, &hold.app));
    wanted.0.push(hold.clone());
    let kept = match text {
        Some(text) => cut(text, hold).unwrap_or_default(),
        None => HEADER.to_owned(),
    };
    let end = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
    Ok(proven(format!("{kept}{end}\n{}", block(hold)), &wanted))
}

/// The text without the hold of an app; `None` where nothing is left but our own
/// first lines.
pub fn without_hold(text: &str, hold: &Hold) -> Result<Option<String>, ConfigError> {
    let mut wanted = Holds::read(Some(text.as_bytes()))?;
    wanted.0.retain(|other| !other.is_of(&hold.environment, &hold.app));
    let left = proven(cut(text, hold).unwrap_or_default(), &wanted);
    let ours = left.trim().is_empty() || left.trim() == HEADER.trim();
    Ok((!ours || !wanted.0.is_empty()).then_some(left))
}

/// The text if it reads as what is wanted; else what is wanted, written anew.
fn proven(text: String, wanted: &Holds) -> String {
    if Holds::read(Some(text.as_bytes())).as_ref() == Ok(wanted) {
        return text;
    }
    let blocks = wanted.0.iter().map(|hold| format!("\n{}", block(hold)));
    std::iter::once(HEADER.to_owned()).chain(blocks).collect()
}

fn block(hold: &Hold) -> String {
    let until = hold.until.and_then(|until| Timestamp::from_second(until).ok());
    let until = until.map(|until| format!("until = \"{until}\"\n")).unwrap_or_default();
    format!(
        "[[hold]]\nenvironment = {}\napp = {}\nreason = {}\n{until}",
        string(hold.environment.as_str()),
        string(&hold.app),
        string(&hold.reason)
    )
}

/// The text without the lines of one hold, and the blank line above them. What
/// is a comment below its last line is about something else.
fn cut(text: &str, hold: &Hold) -> Option<String> {
    let holds = Holds::read(Some(text.as_bytes())).ok()?;
    let Some(at) = holds.0.iter().position(|other| other.is_of(&hold.environment, &hold.app))
    else {
        return Some(text.to_owned());
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is_head = |line: &str| line.trim_start().starts_with("[[hold]]");
    let heads: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| is_head(line)).map(|(at, _)| at).collect();
    let (start, end) = (*heads.get(at)?, heads.get(at + 1).copied().unwrap_or(lines.len()));
    let blank = |line: &&str| line.trim().is_empty();
    let beside = |line: &&str| blank(line) || line.trim_start().starts_with('#');
    let before = lines.get(..start)?;
    let above = before.iter().rev().take_while(|line| blank(line)).count();
    let before = before.get(..start - above)?;
    let own = lines.get(start..end)?;
    let below = own.iter().rev().take_while(|line| beside(line)).count();
    let after = lines.get(end - below..)?;
    let blanks = after.iter().take_while(|line| blank(line)).count();
    let after = after.get(blanks..)?;
    let gap = if before.is_empty() || after.is_empty() { "" } else { "\n" };
    Some(format!("{}{gap}{}", before.concat(), after.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(environment: &str, app: &str) -> Hold {
        let environment = EnvironmentName::new(environment);
        Hold { environment, app: app.to_owned(), reason: "INC-42".to_owned(), until: None }
    }

    #[test]
    fn a_hold_comes_and_goes() {
        let web = hold("prod", "web");
        let one = with_hold(None, &web).unwrap();
        insta::assert_snapshot!(one, @r#"
        # The apps that stay where they are: rule GP016. Written by `git promote hold`
        # and `git promote resume`.

        [[hold]]
        environment = "prod"
        app = "web"
        reason = "INC-42"
        "#);
        let api = Hold { until: Some(1_795_780_800), ..hold("prod", "team/\"api\"") };
        let two = with_hold(Some(&one), &api).unwrap();
        assert_eq!(Holds::read(Some(two.as_bytes())).unwrap().all(), [web.clone(), api.clone()]);
        assert_eq!(without_hold(&two, &api), Ok(Some(one.clone())), "the same bytes");
        assert_eq!(without_hold(&one, &web), Ok(None));
        let again = with_hold(Some(&two), &Hold { reason: "INC-43".to_owned(), ..web.clone() });
        assert_eq!(Holds::read(Some(again.unwrap().as_bytes())).unwrap().all().len(), 2);
    }

    #[test]
    fn what_people_wrote_beside_it_stays() {
        let text = "# ours\n\n[[hold]] # the first\nenvironment = \"prod\"\napp = \"web\"\nreason = \"x\"\n\n[[hold]]\nenvironment = 'dev'\napp = 'web'\nreason = '''y'''\n";
        let less = without_hold(text, &hold("prod", "web")).unwrap().unwrap();
        assert_eq!(
            less,
            "# ours\n\n[[hold]]\nenvironment = 'dev'\napp = 'web'\nreason = '''y'''\n"
        );
        // A head in a text is none: the file is written anew.
        let trap = "hold = [{ environment = 'a', app = 'b', reason = '''\n[[hold]]\n''' }, { environment = 'c', app = 'd', reason = 'z' }]\n";
        let less = without_hold(trap, &hold("a", "b")).unwrap().unwrap();
        assert_eq!(Holds::read(Some(less.as_bytes())).unwrap().all().len(), 1, "{less}");
    }

    #[test]
    fn the_comments_of_people_outlive_the_last_hold() {
        let entry =
            |app: &str| format!("[[hold]]\nenvironment = 'a'\napp = '{app}'\nreason = 'c'\n");
        let text = format!("{HEADER}# ask ops first\n\n{}\n# until v2\n{}", entry("b"), entry("d"));
        let one = without_hold(&text, &hold("a", "b")).unwrap().unwrap();
        assert_eq!(one, format!("{HEADER}# ask ops first\n\n# until v2\n{}", entry("d")));
        let none = without_hold(&one, &hold("a", "d")).unwrap();
        assert_eq!(none, Some(format!("{HEADER}# ask ops first\n\n# until v2\n")));
        let again = with_hold(none.as_deref(), &hold("a", "b")).unwrap();
        assert!(again.starts_with(&none.unwrap()), "{again}");
        assert_eq!(without_hold(&entry("b"), &hold("a", "b")), Ok(None));
        let below = format!("{}\n# the end\n", entry("b"));
        assert_eq!(without_hold(&below, &hold("a", "b")), Ok(Some("# the end\n".to_owned())));
    }

    #[test]
    fn a_hold_is_of_the_app_that_answers_to_it() {
        let app = AppId { group: Some("shop".to_owned()), ..AppId::named("web") };
        let prod = EnvironmentName::new("prod");
        for (name, holds) in [("web", true), ("shop/web", true), ("shop:web", true), ("we", false)]
        {
            let text = with_hold(None, &hold("prod", name)).unwrap();
            let read = Holds::read(Some(text.as_bytes())).unwrap();
            assert_eq!(read.active(&prod, &app, 0).is_some(), holds, "{name}");
        }
        // One that is over hides none that holds.
        let over = Hold { until: Some(1), ..hold("prod", "shop/web") };
        let both = Holds(vec![over, hold("prod", "web")]);
        assert_eq!(both.active(&prod, &app, 5).map(|hold| hold.app.as_str()), Some("web"));
        assert_eq!(hold("prod", "shop/web[cell=a/b]").app_name(), "web");
    }

    #[test]
    fn it_ends_at_the_very_second() {
        let timed = Hold { until: Some(100), ..hold("prod", "web") };
        assert!(timed.is_active(99) && !timed.is_active(100));
        assert!(hold("prod", "web").is_active(i64::MAX));
    }

    #[test]
    fn what_is_no_list_of_holds_has_a_place() {
        let why = |text: &str| Holds::read(Some(text.as_bytes())).unwrap_err().to_string();
        let entry = "[[hold]]\nenvironment = 'a'\napp = 'b'\nreason = 'c'\n";
        let all = [
            why("[[hold]]\nenvironment = 'a'\n"),
            why("[[holds]]\n"),
            why(&format!("{entry}until = 'soon'\n")),
            why(&format!("{entry}{entry}")),
            why("[[hold"),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        .promote/holds.toml:1:1: missing field `app`
        .promote/holds.toml:1:3: unknown field `holds`, expected `hold`
        .promote/holds.toml:5:9: `soon` is not a valid time: it is no time with its offset
        .promote/holds.toml:5:1: `b in a` is given twice in `hold`
        .promote/holds.toml:1:7: unclosed array table, expected `]]`
        ");
        assert!(Holds::read(Some(b"\xff")).is_err());
        assert_eq!(Holds::read(None), Ok(Holds::default()));
    }
}
