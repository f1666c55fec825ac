//! What a request remembers of itself, in a comment of its text that nobody
//! sees, and how its text is renewed without touching what people wrote.

use serde::{Deserialize, Serialize};

use crate::model::Promotion;

const BEGIN: &str = "<!-- git-promote:begin ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- git-promote:end -->";

/// What a request remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The environment that it promotes into.
    pub environment: String,
    /// What moves.
    pub moves: Vec<Moved>,
}

/// An app and the version that it moves to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moved {
    /// The app, as it is shown.
    pub app: String,
    /// The version.
    pub version: String,
}

impl Memory {
    /// What is remembered of these promotions, all into one environment.
    pub fn of(promotions: &[Promotion]) -> Option<Self> {
        let environment = promotions.first()?.to.to_string();
        let mut moves: Vec<Moved> = promotions
            .iter()
            .map(|promotion| Moved {
                app: promotion.app.to_string(),
                version: promotion.version.to_string(),
            })
            .collect();
        moves.sort();
        moves.dedup();
        Some(Self { environment, moves })
    }

    /// Whether all that `older` moves is moved by this one too, into the same
    /// environment.
    pub fn supersedes(&self, older: &Self) -> bool {
        self.environment == older.environment
            && !older.moves.is_empty()
            && older.moves.iter().all(|old| self.moves.iter().any(|new| new.app == old.app))
    }

    /// `said` between the marks, the memory in the first of them.
    pub fn wrap(&self, said: &str) -> String {
        // Nothing in the comment may end it.
        let json = serde_json::to_string(self).unwrap_or_default();
        let json = json.replace('-', "\\u002d").replace('<', "\\u003c").replace('>', "\\u003e");
        format!("{BEGIN}{json}{BEGIN_END}\n{}\n{END}", said.trim_end())
    }
}

/// What the text of a request remembers; `None` where there is nothing, or it
/// was damaged.
pub fn read(body: &str) -> Option<Memory> {
    let rest = body.split_once(BEGIN)?.1;
    let json = rest.split_once(BEGIN_END)?.0;
    serde_json::from_str(json).ok()
}

/// The text of a request with its own part renewed: what stands before and
/// behind the marks is somebody else's and stays.
pub fn blend(body: &str, own: &str) -> String {
    let Some(start) = body.find(BEGIN) else {
        let others = body.trim_end();
        return if others.is_empty() { own.to_owned() } else { format!("{others}\n\n{own}") };
    };
    let (before, rest) = body.split_at(start);
    let after = rest.find(END).and_then(|at| rest.get(at + END.len()..)).unwrap_or_default();
    format!("{before}{own}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(app: &str) -> Memory {
        let app = app.to_owned();
        let moves = vec![Moved { app, version: "v1".to_owned() }];
        Memory { environment: "prod".to_owned(), moves }
    }

    #[test]
    fn what_is_remembered_reads_back_whatever_it_is() {
        for app in ["web", "a-->b", "<!-- git-promote:end -->", "x\n\u{202e}\"\\"] {
            let body = format!("Hello\n\n{}\nBye", memory(app).wrap("said"));
            assert_eq!(read(&body), Some(memory(app)), "{body}");
            assert_eq!(body.matches("-->").count(), 2, "{body}");
        }
    }

    #[test]
    fn what_people_wrote_stays() {
        let (old, new) = (memory("web").wrap("old"), memory("web").wrap("new"));
        assert_eq!(blend("", &new), new);
        assert_eq!(blend("A template\n", &new), format!("A template\n\n{new}"));
        let edited = format!("before\r\n{old}\nafter [x] done");
        assert_eq!(blend(&edited, &new), format!("before\r\n{new}\nafter [x] done"));
        assert_eq!(blend(&blend(&edited, &new), &new), blend(&edited, &new));
    }

    #[test]
    fn a_request_is_superseded_by_one_that_moves_all_it_moves() {
        let mut both = memory("web");
        both.moves.extend(memory("api").moves);
        assert!(both.supersedes(&memory("web")));
        assert!(!memory("web").supersedes(&both));
        let staging = Memory { environment: "staging".to_owned(), ..memory("web") };
        assert!(!staging.supersedes(&memory("web")));
    }
}
