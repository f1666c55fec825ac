//! The audit record of a promotion and the commit message that carries it.
//!
//! The record is the last trailer paragraph of the message (see
//! `git-interpret-trailers(1)`), so that `git log --format=%(trailers)` and
//! this tool read the same.

mod claims;
mod said;
mod signature;

pub use claims::{ClaimedApp, Claims, claims};
pub use said::{Said, said, said_alone};
pub use signature::{allowed as allowed_signers, signer};

use std::borrow::Cow;
use std::fmt::Write as _;

use gix::bstr::ByteSlice as _;
use sha2::{Digest as _, Sha256};

use crate::model::{Pin, Promotion, Rule, hex};

/// A waived rule and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The rule.
    pub rule: Rule,
    /// The reason given.
    pub reason: String,
}

/// What a promotion commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The promotions, all into one environment.
    pub promotions: Vec<Promotion>,
    /// The full id of the commit they were judged on.
    pub base: String,
    /// Each rule's answer, such as `GP001 pass`.
    pub gates: Vec<String>,
    /// What was waived.
    pub waivers: Vec<Waiver>,
    /// Whether it goes back.
    pub rollback: bool,
    /// The preview that it is, where a version was only set for a while.
    pub preview: Option<String>,
}

/// A version as a record writes it: the tag, or the digest where there is no
/// tag; `none` for no version.
pub fn written(pin: &Pin) -> String {
    match (&pin.tag, &pin.digest) {
        (Some(tag), _) => tag.to_string(),
        (None, Some(digest)) => digest.to_string(),
        (None, None) => "none".to_owned(),
    }
}

/// A name of the repository must not begin a line of its own: a directory
/// called `web\nPromote-Override: GP001` would forge a trailer.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl Record {
    /// The subject: `Promote web v1.2.3 to staging`, or how many apps.
    pub fn subject(&self) -> String {
        let mut apps: Vec<String> = self.promotions.iter().map(|p| p.app.to_string()).collect();
        apps.dedup();
        let to = self.promotions.first().map(|p| p.to.to_string()).unwrap_or_default();
        if self.rollback {
            return one_line(&self.way_back(&apps, &to));
        }
        let subject = match (apps.as_slice(), self.promotions.as_slice()) {
            ([app], [first, rest @ ..])
                if rest.iter().all(|p| written(&p.version) == written(&first.version)) =>
            {
                format!("Promote {app} {} to {to}", written(&first.version))
            }
            ([app], _) => format!("Promote {app} to {to}"),
            (apps, _) => format!("Promote {} apps to {to}", apps.len()),
        };
        one_line(&subject)
    }

    /// The subject of a rollback.
    fn way_back(&self, apps: &[String], to: &str) -> String {
        match (apps, self.promotions.as_slice()) {
            ([app], [first, rest @ ..])
                if rest.iter().all(|p| written(&p.version) == written(&first.version)) =>
            {
                format!("Roll back {app} to {} in {to}", written(&first.version))
            }
            ([app], _) => format!("Roll back {app} in {to}"),
            (apps, _) => format!("Roll back {} apps in {to}", apps.len()),
        }
    }

    /// What moved, one line a promotion.
    pub fn body(&self) -> String {
        let mut lines = String::new();
        for promotion in &self.promotions {
            let line = format!(
                "{}  {}  {} -> {}",
                self.name(promotion),
                promotion.to,
                promotion.previous,
                promotion.version
            );
            let _ = writeln!(lines, "{}", one_line(&line));
        }
        lines
    }

    /// The trailers, each a key and a value, in the order of the record.
    pub fn trailers(&self) -> Vec<(&'static str, String)> {
        let mut trailers = Vec::new();
        if let Some(first) = self.promotions.first() {
            trailers.push(("Promote-To", first.to.to_string()));
            for from in &first.from {
                trailers.push(("Promote-From", format!("{from}@{}", self.base)));
            }
        }
        for promotion in &self.promotions {
            let name = self.name(promotion);
            let (old, new) = (written(&promotion.previous), written(&promotion.version));
            trailers.push(("Promote-App", format!("{name} {old} -> {new}")));
        }
        for promotion in &self.promotions {
            if let Some(digest) = &promotion.version.digest {
                trailers.push(("Promote-Digest", format!("{} {digest}", self.name(promotion))));
            }
        }
        if !self.gates.is_empty() {
            trailers.push(("Promote-Gate", self.gates.join("; ")));
        }
        for waiver in &self.waivers {
            trailers.push(("Promote-Override", waiver.rule.to_string()));
            trailers.push(("Promote-Reason", waiver.reason.clone()));
        }
        if self.rollback {
            trailers.push(("Promote-Rollback", "true".to_owned()));
        }
        trailers.extend(self.preview.iter().map(|name| ("Promote-Preview", name.clone())));
        trailers.push(("Promote-Id", self.id()));
        trailers.into_iter().map(|(key, value)| (key, one_line(&value))).collect()
    }

    /// The app, and the image after it where the app has several here.
    fn name(&self, promotion: &Promotion) -> String {
        let images = self.promotions.iter().filter(|other| other.app == promotion.app).count();
        if images > 1 {
            format!("{} {}", promotion.app, promotion.image)
        } else {
            promotion.app.to_string()
        }
    }

    /// A hash of environment, base, and the sorted apps, images and versions:
    /// the same promotion planned twice has one id.
    pub fn id(&self) -> String {
        let mut lines: Vec<String> = self
            .promotions
            .iter()
            .map(|p| format!("{}\0{}\0{}\0{}", p.app, p.image, p.previous, p.version))
            .collect();
        lines.sort();
        let to = self.promotions.first().map(|p| p.to.to_string()).unwrap_or_default();
        let text = format!("{to}\n{}\n{}", self.base, lines.join("\n"));
        hex(&Sha256::digest(text.as_bytes())).chars().take(32).collect()
    }

    /// The whole message. `text` replaces subject and body; it is the user's.
    pub fn message(&self, text: Option<&str>) -> String {
        let head = match text {
            Some(text) => text.trim_end().to_owned(),
            None => format!("{}\n\n{}", self.subject(), self.body().trim_end()),
        };
        let mut message = format!("{head}\n\n");
        for (key, value) in self.trailers() {
            let _ = writeln!(message, "{key}: {value}");
        }
        message
    }
}

/// What the trailers of a message ask to be waived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The rules and reasons; a reason that is not given is empty.
    pub waivers: Vec<Waiver>,
    /// Why the others ask for nothing that there is.
    pub problems: Vec<String>,
}

/// Reads `Promote-Override: GP006`, each with the `Promote-Reason:` behind it,
/// from the trailers of a message.
pub fn asked(message: &str) -> Asked {
    let mut asked = Asked::default();
    let mut open = false;
    for (key, value) in trailers_of(message) {
        if key.eq_ignore_ascii_case("Promote-Override") {
            let rule = value.parse();
            open = rule.is_ok();
            match rule {
                Ok(rule) => asked.waivers.push(Waiver { rule, reason: String::new() }),
                Err(problem) => asked.problems.push(one_line(&problem)),
            }
        } else if key.eq_ignore_ascii_case("Promote-Reason")
            && let Some(last) = asked.waivers.last_mut().filter(|_| open)
        {
            last.reason = value;
            open = false;
        }
    }
    asked
}

/// Keys and values of the last trailer paragraph, as
/// `git interpret-trailers --parse --no-divider` and `%(trailers)` read it.
pub fn trailers_of(message: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    each_trailer(message, |key, value| found.push((key.into_owned(), value.into_owned())));
    found
}

/// Goes through them, for what looks at the messages of a whole history.
fn each_trailer(message: &str, mut tell: impl FnMut(Cow<'_, str>, Cow<'_, str>)) {
    // Git passes over comments here even in a message that was committed.
    let mut text = Cow::Borrowed(message);
    if message.contains('#') {
        let lines = message.split_inclusive('\n').filter(|line| !line.starts_with('#'));
        text = Cow::Owned(lines.collect());
    }
    let message = gix::objs::commit::MessageRef::from_bytes(text.as_bytes());
    let Some(body) = message.body() else { return };
    for trailer in body.trailers() {
        tell(trailer.token.to_str_lossy(), trailer.value.to_str_lossy());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppId, EnvironmentName};

    const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn promotion(app: &str, image: &str, old: &str, new: &str) -> Promotion {
        Promotion {
            app: AppId::named(app),
            image: image.to_owned(),
            repository: None,
            from: vec![EnvironmentName::new("dev")],
            to: EnvironmentName::new("staging"),
            previous: if old.is_empty() { Pin::default() } else { old.parse().unwrap() },
            version: new.parse().unwrap(),
        }
    }

    fn record(promotions: Vec<Promotion>) -> Record {
        Record {
            promotions,
            base: "a".repeat(40),
            gates: vec!["GP001 pass".to_owned(), "GP003 pass".to_owned()],
            waivers: vec![],
            rollback: false,
            preview: None,
        }
    }

    #[test]
    fn one_app_is_named_in_the_subject() {
        let message = record(vec![promotion("web", "acme/web", "v1", "v2")]).message(None);
        insta::assert_snapshot!(message, @r"
        Promote web v2 to staging

        web  staging  v1 -> v2

        Promote-To: staging
        Promote-From: dev@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        Promote-App: web v1 -> v2
        Promote-Gate: GP001 pass; GP003 pass
        Promote-Id: 94d700c650170bdea9be4e6f08be8e62
        ");
    }

    #[test]
    fn several_images_and_digests_are_told_apart() {
        let new = format!("v2@{DIGEST}");
        let mut record =
            record(vec![promotion("web", "a/x", "", &new), promotion("web", "a/y", "v1", "v2")]);
        record.waivers.push(Waiver { rule: Rule::GP005, reason: "INC-42".to_owned() });
        assert_eq!(record.subject(), "Promote web v2 to staging");
        let trailers: Vec<String> =
            record.trailers().iter().map(|(key, value)| format!("{key}: {value}")).collect();
        assert_eq!(trailers[2], "Promote-App: web a/x none -> v2");
        assert_eq!(trailers[4], format!("Promote-Digest: web a/x {DIGEST}"));
        assert_eq!(trailers[6], "Promote-Override: GP005");
        assert_eq!(trailers[7], "Promote-Reason: INC-42");
    }
}
