//! Which keys `promote.toml` may have and where, and what is said of the rest.
//!
//! serde refuses unknown keys too, but cannot say which known one was meant,
//! nor tell a slip from a setting that only a newer version holds.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Problem, Source};
use crate::model::nearest;

/// A table of the file: how it is written, and its keys with what is below them.
struct Place {
    written: &'static str,
    list: Option<&'static str>,
    keys: &'static [(&'static str, Option<&'static Place>)],
}

static ROOT: Place = Place {
    written: "the top of the file",
    list: None,
    keys: &[
        ("version", None),
        ("deliver", None),
        ("mutable-tags", None),
        ("freezes", Some(&FREEZE)),
        ("layout", Some(&LAYOUT)),
        ("environment", Some(&ENVIRONMENT)),
        ("override", Some(&OVERRIDE)),
        ("policy", Some(&POLICY)),
        ("app", Some(&APP)),
        ("forge", Some(&FORGE)),
        ("pull-request", Some(&PULL_REQUEST)),
        ("require-online", None),
    ],
};

static FORGE: Place = Place {
    written: "`[forge]`",
    list: None,
    keys: &[("kind", None), ("api", None), ("repository", None)],
};

static PULL_REQUEST: Place = Place {
    written: "`[pull-request]`",
    list: None,
    keys: &[
        ("flow", None),
        ("merge-method", None),
        ("labels", None),
        ("title", None),
        ("draft", None),
        ("milestone", None),
        ("template", None),
        ("links", None),
    ],
};

static LAYOUT: Place = Place { written: "`[layout]`", list: None, keys: &[("paths", Some(&PATH))] };

static PATH: Place = Place {
    written: "an entry of `paths` of `[layout]`",
    list: None,
    keys: &[("path", None), ("fields", Some(&FIELD)), ("couple", None)],
};

static FIELD: Place = Place {
    written: "an entry of `fields` of `[layout]`",
    list: None,
    keys: &[("path", None), ("kind", None)],
};

static ENVIRONMENT: Place = Place {
    written: "`[[environment]]`",
    list: Some("environment"),
    keys: &[
        ("name", None),
        ("from", None),
        ("from-any", None),
        ("dirs", None),
        ("seen", None),
        ("together", None),
        ("deliver", None),
        ("auto-merge", None),
        ("reviewers", None),
        ("approvals", None),
        ("protected", None),
        ("health", Some(&HEALTH)),
        ("context", None),
        ("namespace", None),
        ("registry", None),
        ("pin", None),
        ("verify-signature", Some(&SIGNATURE)),
        ("soak", None),
        ("rollback", Some(&ROLLBACK)),
        ("windows", Some(&WINDOW)),
        ("freezes", Some(&FREEZE)),
        ("require-trailers", None),
    ],
};

static HEALTH: Place = Place {
    written: "`health` of `[[environment]]`",
    list: None,
    keys: &[
        ("context", None),
        ("since-arrival", None),
        ("kubectl", None),
        ("command", None),
        ("timeout", None),
    ],
};

static SIGNATURE: Place = Place {
    written: "`verify-signature` of `[[environment]]`",
    list: None,
    keys: &[("key", None), ("identity", None), ("identity-regexp", None), ("issuer", None)],
};

static ROLLBACK: Place = Place {
    written: "`rollback` of `[[environment]]`",
    list: None,
    keys: &[("exempt", None), ("approvals", None)],
};

static WINDOW: Place = Place {
    written: "an entry of `windows` of `[[environment]]`",
    list: None,
    keys: &[
        ("allow", None),
        ("deny", None),
        ("cron", None),
        ("duration", None),
        ("timezone", None),
    ],
};

static FREEZE: Place = Place {
    written: "an entry of `freezes`",
    list: None,
    keys: &[("from", None), ("to", None), ("timezone", None), ("reason", None)],
};

static POLICY: Place = Place {
    written: "`[[policy]]`",
    list: Some("policy"),
    keys: &[
        ("name", None),
        ("expression", None),
        ("environments", None),
        ("message", None),
        ("override", None),
    ],
};

static OVERRIDE: Place = Place {
    written: "`[[override]]`",
    list: Some("override"),
    keys: &[("rule", None), ("environments", None), ("until", None), ("allowed-signers", None)],
};

static APP: Place = Place {
    written: "`[[app]]`",
    list: Some("app"),
    keys: &[("name", None), ("policy", None), ("environments", None), ("source", None)],
};

static PLACES: &[&Place] = &[
    &ROOT,
    &LAYOUT,
    &PATH,
    &FIELD,
    &ENVIRONMENT,
    &SIGNATURE,
    &ROLLBACK,
    &WINDOW,
    &FREEZE,
    &HEALTH,
    &OVERRIDE,
    &POLICY,
    &APP,
    &FORGE,
    &PULL_REQUEST,
];

/// Refuses the first key, in the order of the text, that is not known.
pub(super) fn check(source: Source<'_>, root: &DeTable<'_>) -> Result<(), ConfigError> {
    check_table(source, root, &ROOT)
}

fn check_table(
    source: Source<'_>,
    table: &DeTable<'_>,
    place: &'static Place,
) -> Result<(), ConfigError> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let name: &str = key.get_ref();
        match place.keys.iter().find(|(known, _)| *known == name) {
            Some((_, Some(below))) => check_below(source, value, below)?,
            Some((_, None)) => {}
            None => return Err(source.at(key.span(), unknown(name, place))),
        }
    }
    Ok(())
}

/// Tables below a key: itself, or those of its list.
fn check_below(
    source: Source<'_>,
    value: &Spanned<DeValue<'_>>,
    place: &'static Place,
) -> Result<(), ConfigError> {
    match (value.get_ref(), place.list) {
        (DeValue::Table(_), Some(key)) => Err(source.at(value.span(), Problem::NotAList(key))),
        (DeValue::Table(table), None) => check_table(source, table, place),
        (DeValue::Array(list), _) => list
            .iter()
            .filter_map(|entry| entry.get_ref().as_table())
            .try_for_each(|table| check_table(source, table, place)),
        _ => Ok(()),
    }
}

fn unknown(key: &str, place: &'static Place) -> Problem {
    let elsewhere = PLACES.iter().find(|other| other.keys.iter().any(|(known, _)| *known == key));
    if let Some(other) = elsewhere {
        return Problem::MisplacedKey { key: key.to_owned(), table: other.written };
    }
    let known: Vec<&'static str> = place.keys.iter().map(|(known, _)| *known).collect();
    // The own keys first, so that they win where another is as near.
    let own = known.iter().copied();
    let other = PLACES.iter().flat_map(|other| other.keys.iter().map(|(known, _)| *known));
    Problem::UnknownKey {
        key: super::grammar::printable(key),
        nearest: nearest(key, own.chain(other)).map(str::to_owned),
        known,
    }
}
