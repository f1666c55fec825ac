//! The record read back: what the trailers of a commit say was promoted.

use crate::model::{AppId, Rule};

use super::{ClaimedApp, Waiver, each_trailer};

/// What a commit says of itself. Whether it is so, the trees tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The environment that was entered.
    pub to: String,
    /// What moved.
    pub moves: Vec<ClaimedApp>,
    /// What was waived.
    pub waivers: Vec<Waiver>,
    /// Whether it goes back.
    pub rollback: bool,
    /// The preview that it is.
    pub preview: Option<String>,
}

impl Said {
    /// What is said of this app and image: a line that names both goes before
    /// one that names the app alone.
    pub fn about(&self, app: &AppId, image: &str) -> Option<&ClaimedApp> {
        let both = |one: &&ClaimedApp| {
            app.leads(&one.name).and_then(|rest| rest.strip_prefix(' ')) == Some(image)
        };
        let alone = |one: &&ClaimedApp| app.leads(&one.name) == Some("");
        self.moves.iter().find(both).or_else(|| self.moves.iter().find(alone))
    }
}

/// Reads the record of a message; `None` where it carries none.
pub fn said(message: &str) -> Option<Said> {
    // Most messages of a long history have none, and this is asked of all.
    if !may_have_record(message) {
        return None;
    }
    let mut said = Said::default();
    let mut reason_for = None;
    each_trailer(message, |key, value| {
        // Git reads keys in any case.
        match OWN.iter().find(|own| own.eq_ignore_ascii_case(&key)).copied() {
            Some(TO) => said.to = value.into_owned(),
            Some("Promote-App") => said.moves.extend(read_move(&value)),
            Some("Promote-Override") => {
                reason_for = value.parse::<Rule>().ok();
                let waiver = reason_for.map(|rule| Waiver { rule, reason: String::new() });
                said.waivers.extend(waiver);
            }
            Some("Promote-Reason") => {
                let last = said.waivers.last_mut().filter(|_| reason_for.take().is_some());
                if let Some(last) = last {
                    last.reason = value.into_owned();
                }
            }
            Some("Promote-Rollback") => said.rollback = value == "true",
            Some("Promote-Preview") => said.preview = Some(value.into_owned()),
            _ => {}
        }
    });
    (!said.to.is_empty()).then_some(said)
}

/// Git reads the keys of trailers in any case.
fn may_have_record(message: &str) -> bool {
    const KEY: &[u8] = b"promote-to";
    let own = |window: &[u8]| window.eq_ignore_ascii_case(KEY);
    memchr::memchr2_iter(b'p', b'P', message.as_bytes())
        .any(|at| message.as_bytes().get(at..at + KEY.len()).is_some_and(own))
}

/// Reads the record of a message that holds no other: a squash has the records
/// of all that it is made of, and its trailers are those of the last.
pub fn said_alone(message: &str) -> Option<Said> {
    let said = said(message)?;
    let is_first = |line: &str| {
        let line = line.trim_start_matches([' ', '\t', '*', '-', '>']);
        line.get(..TO.len()).is_some_and(|key| key.eq_ignore_ascii_case(TO))
    };
    (message.lines().filter(|line| is_first(line)).count() == 1).then_some(said)
}

/// The trailer that a record begins with.
const TO: &str = "Promote-To";

/// The trailers that are read back.
const OWN: [&str; 6] = [
    TO,
    "Promote-App",
    "Promote-Override",
    "Promote-Reason",
    "Promote-Rollback",
    "Promote-Preview",
];

fn read_move(value: &str) -> Option<ClaimedApp> {
    let (before, new) = value.rsplit_once(" -> ")?;
    let (name, previous) = before.rsplit_once(' ')?;
    let (name, previous, version) = (name.to_owned(), previous.to_owned(), new.to_owned());
    Some(ClaimedApp { name, previous, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back() {
        let message = "Promote web v2 to prod\n\nweb  prod  v1 -> v2\n\nPromote-To: prod\n\
                       Promote-From: staging@aaaa\nPromote-App: web a/x none -> v2\n\
                       Promote-App: web v1 -> v3\nPromote-Override: GP005\n\
                       Promote-Reason: INC-42: now\nPromote-Rollback: true\nPromote-Id: 1\n";
        let found = said(message).unwrap();
        assert_eq!((found.to.as_str(), found.rollback), ("prod", true));
        let web = AppId::named("web");
        assert_eq!(found.about(&web, "a/x").unwrap().previous, "none");
        assert_eq!(found.about(&web, "a/y").unwrap().version, "v3");
        assert_eq!(found.about(&AppId::named("api"), "a/x"), None);
        let waiver = Waiver { rule: Rule::GP005, reason: "INC-42: now".to_owned() };
        assert_eq!(found.waivers, [waiver]);
        assert_eq!(said("Fix\n\nPromote-App: web v1 -> v2\n"), None);
        assert_eq!(said(&message.to_ascii_lowercase()).unwrap().moves.len(), 2);
        let shouted = message.replace("Promote-", "PROMOTE-");
        assert_eq!(said(&shouted).as_ref(), Some(&found));
        assert_eq!(said_alone(message), Some(found));
        let squash = format!("Both\n\n* Promote\n\n  promote-to: dev\n\n{message}");
        assert!(said(&squash).is_some());
        assert_eq!(said_alone(&squash), None);
    }
}
