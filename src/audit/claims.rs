//! The audit record as it stands in a message: what a commit claims, whether
//! it is so or not.

use super::{Waiver, trailers_of};

/// What a record says of one app or image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedApp {
    /// The app, and the image behind it where the app has several.
    pub name: String,
    /// The version before, as it is written; `none` for no version.
    pub previous: String,
    /// The version after.
    pub version: String,
}

/// What one record of a message claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The environment.
    pub to: String,
    /// The environments before, each with the commit it was judged on.
    pub from: Vec<(String, String)>,
    /// What moved.
    pub apps: Vec<ClaimedApp>,
    /// Digests by the names of `apps`.
    pub digests: Vec<(String, String)>,
    /// Rules and their answers, such as `GP001` and `pass`.
    pub gates: Vec<(String, String)>,
    /// What was waived, and why.
    pub waivers: Vec<Waiver>,
    /// Whether it goes back.
    pub rollback: bool,
    /// The preview that it is.
    pub preview: Option<String>,
    /// The id; empty where there is none.
    pub id: String,
    /// Whether it stands in the text, where git reads no trailers.
    pub in_text: bool,
    /// The lines of it, as they are written.
    pub lines: Vec<(String, String)>,
}

/// The records of a message: those of its text, as a squash leaves them, then
/// those of its trailers. A squash of several commits has both, for the last
/// record ends the message.
pub fn claims(message: &str) -> Vec<Claims> {
    let own = |trailers: Vec<(String, String)>| {
        let own = trailers.into_iter().filter(|(key, _)| is_own(key));
        split(own.collect())
    };
    let line = |line: &str| {
        let (key, value) = line.trim().trim_start_matches("* ").split_once(':')?;
        Some((key.to_owned(), value.trim().to_owned()))
    };
    let trailers = own(trailers_of(message));
    let mut records: Vec<Claims> = Vec::new();
    for mut record in own(message.lines().filter_map(line).collect()) {
        let same = |other: &Claims| {
            let id = !record.id.is_empty() && other.id == record.id;
            id || other.lines == record.lines
        };
        if !trailers.iter().chain(&records).any(same) {
            record.in_text = true;
            records.push(record);
        }
    }
    records.extend(trailers);
    records
}

/// A trailer of the record; a reason may follow an override.
fn is_own(key: &str) -> bool {
    key.get(.."Promote-".len()).is_some_and(|head| head.eq_ignore_ascii_case("Promote-"))
        && !key.contains(' ')
}

/// Every record begins with its environment, and is one only with an app or an
/// id.
fn split(trailers: Vec<(String, String)>) -> Vec<Claims> {
    let mut records: Vec<Claims> = Vec::new();
    for (key, value) in trailers {
        if records.is_empty() || key.eq_ignore_ascii_case("Promote-To") {
            records.push(Claims::default());
        }
        if let Some(record) = records.last_mut() {
            record.add(&key, &value);
            record.lines.push((key, value));
        }
    }
    records.retain(|record| !record.apps.is_empty() || !record.id.is_empty());
    records
}

impl Claims {
    fn add(&mut self, key: &str, value: &str) {
        match key.to_ascii_lowercase().as_str() {
            "promote-to" => value.clone_into(&mut self.to),
            "promote-from" => {
                let (name, commit) = value.rsplit_once('@').unwrap_or((value, ""));
                self.from.push((name.to_owned(), commit.to_owned()));
            }
            "promote-app" => self.apps.push(app(value)),
            "promote-digest" => {
                let (name, digest) = value.rsplit_once(' ').unwrap_or((value, ""));
                self.digests.push((name.to_owned(), digest.to_owned()));
            }
            "promote-gate" => {
                let gates = value.split(';').map(str::trim).filter(|gate| !gate.is_empty());
                self.gates.extend(gates.map(|gate| {
                    let (rule, answer) = gate.split_once(' ').unwrap_or((gate, ""));
                    let answer = answer.split(' ').next().unwrap_or_default();
                    (rule.to_owned(), answer.to_owned())
                }));
            }
            "promote-override" => {
                if let Ok(rule) = value.parse() {
                    self.waivers.push(Waiver { rule, reason: String::new() });
                }
            }
            "promote-reason" => {
                if let Some(waiver) = self.waivers.last_mut().filter(|w| w.reason.is_empty()) {
                    value.clone_into(&mut waiver.reason);
                }
            }
            "promote-rollback" => self.rollback = value == "true",
            "promote-preview" => self.preview = Some(value.to_owned()),
            "promote-id" => value.clone_into(&mut self.id),
            _ => {}
        }
    }
}

/// `web v1 -> v2`
fn app(value: &str) -> ClaimedApp {
    let (head, version) = value.rsplit_once(" -> ").unwrap_or((value, ""));
    let (name, previous) = head.rsplit_once(' ').unwrap_or((head, ""));
    ClaimedApp { name: name.to_owned(), previous: previous.to_owned(), version: version.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "Promote-To: staging\nPromote-From: dev@abc\n\
        Promote-App: web acme/x none -> v2\nPromote-Digest: web acme/x sha256:1\n\
        Promote-Gate: GP001 pass; GP009 pass 26h\nPromote-Override: GP003\nPromote-Reason: INC-1\n\
        Promote-Rollback: true\nPromote-Id: 12ab\n";

    #[test]
    fn a_record_is_read_as_it_is_written() {
        let records = claims(&format!("Subject\n\nbody\n\nTicket: 7\n{RECORD}"));
        let [record] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!((record.to.as_str(), record.id.as_str()), ("staging", "12ab"));
        assert_eq!(record.from, [("dev".to_owned(), "abc".to_owned())]);
        let app = &record.apps[0];
        assert_eq!((app.name.as_str(), app.previous.as_str()), ("web acme/x", "none"));
        assert_eq!(record.digests, [("web acme/x".to_owned(), "sha256:1".to_owned())]);
        assert_eq!(record.gates[1], ("GP009".to_owned(), "pass".to_owned()));
        assert_eq!(record.waivers[0].reason, "INC-1");
        assert!(record.rollback && !record.in_text);
    }

    #[test]
    fn a_squash_leaves_records_in_the_text() {
        let other = RECORD.replace("12ab", "34cd");
        let indented = format!("    {}", RECORD.replace('\n', "\n    "));
        let records =
            claims(&format!("Squashed (#7)\n\n{indented}\n* Next\n\n{other}\n\nMore words.\n"));
        assert_eq!(records.len(), 2);
        assert!(records.iter().all(|record| record.in_text && record.apps.len() == 1));
        assert!(claims("Subject\n\nPromote-Override: GP001\n").is_empty());
        // The last record of a squash is the trailers of its message.
        let records = claims(&format!("Ship (#5)\n\n* Promote\n\n{other}\n\n* Next\n\n{RECORD}"));
        let found: Vec<(&str, bool)> =
            records.iter().map(|record| (record.id.as_str(), record.in_text)).collect();
        assert_eq!(found, [("34cd", true), ("12ab", false)]);
        assert!(claims("Subject: Promote-App\n").is_empty());
    }
}
