//! What a config lets through that another does not, in words that say what
//! changed.

use super::{OverrideGrant, PolicyRule};
use crate::model::EnvironmentName;
use crate::schedule::{Freeze, Times, Window};

/// Of windows: where they are open longer.
pub(super) fn windows(old: &[Window], new: &[Window]) -> Option<String> {
    let is_deny = |window: &&Window| matches!(window.times, Times::Deny(_));
    let of = |windows: &[Window], others: &[Window], deny: bool| -> Vec<String> {
        let own = windows.iter().filter(|window| is_deny(window) == deny);
        own.filter(|window| !others.contains(window)).map(|window| format!("`{window}`")).collect()
    };
    let (opened, closed) = (of(new, old, false), of(old, new, false));
    let (shut, unshut) = (of(new, old, true), of(old, new, true));
    let mut parts = Vec::new();
    let opens = |windows: &[Window]| windows.iter().any(|window| !is_deny(&window));
    match (opens(old), opens(new)) {
        (true, false) => parts.push(format!("it is open always, not only {}", closed.join(", "))),
        (true, true) if !opened.is_empty() => {
            parts.push(instead("open", &opened, &closed));
        }
        _ => {}
    }
    match (unshut.as_slice(), shut.as_slice()) {
        ([], _) => {}
        (gone, []) => parts.push(format!("it is no longer shut {}", gone.join(", "))),
        (gone, other) => parts.push(instead("shut", other, gone)),
    }
    (!parts.is_empty()).then(|| parts.join(", and "))
}

fn instead(state: &str, new: &[String], old: &[String]) -> String {
    let new = new.join(", ");
    match old {
        [] => format!("it is {state} {new} too"),
        old => format!("it is {state} {new}, not {}", old.join(", ")),
    }
}

/// Of freezes: those that are shorter or gone.
pub(super) fn freezes(old: &[Freeze], new: &[Freeze]) -> Vec<String> {
    let covers = |own: &Freeze, other: &Freeze| {
        other.zone == own.zone && other.from <= own.from && own.to <= other.to
    };
    let lost = old.iter().filter(|own| !new.iter().any(|other| covers(own, other)));
    let said = |own: &Freeze| {
        let meets = |other: &&Freeze| other.from <= own.to && own.from <= other.to;
        let mut others = new.iter().filter(|other| !old.contains(other));
        let days = format!("the freeze of {} to {}", own.from, own.to);
        match others.find(meets) {
            None => format!("{days} is gone"),
            Some(other) => {
                let zone = other.zone.name();
                let zone = if other.zone == own.zone { "" } else { &format!(" in {zone}") };
                format!("{days} is now from {} to {}{zone}", other.from, other.to)
            }
        }
    };
    lost.map(said).collect()
}

/// Of policies: those that are gone, or let more through.
pub(super) fn policies(old: &[PolicyRule], new: &[PolicyRule]) -> Vec<String> {
    let said = |own: &PolicyRule| {
        let name = format!("the policy `{}`", own.name);
        let Some(other) = new.iter().find(|other| other.name == own.name) else {
            return Some(format!("{name} is gone"));
        };
        let mut parts = Vec::new();
        if other.expression != own.expression {
            parts.push("asks something else".to_owned());
        }
        if !holds_all(&other.environments, &own.environments) {
            parts.push(format!("is for {} alone", names(&other.environments)));
        }
        if other.overridable && !own.overridable {
            parts.push("may be overridden".to_owned());
        }
        (!parts.is_empty()).then(|| format!("{name} {}", parts.join(", and ")))
    };
    old.iter().filter_map(said).collect()
}

/// Of grants: those that let more be waived, or by others, or for longer.
pub fn grants(old: &[OverrideGrant], new: &[OverrideGrant]) -> Vec<String> {
    let said = |own: &OverrideGrant| {
        let rule = own.rule;
        let mut before = old.iter().filter(|other| other.rule == rule).peekable();
        if before.peek().is_none() {
            return Some(format!("{rule} may be overridden{}", at(own)));
        }
        let more = before.map(|other| (new.contains(other), wider(other, own)));
        // The one that is no longer there is what it was before.
        let (_, parts) = more.min_by_key(|(stays, parts)| (!parts.is_empty(), *stays))?;
        (!parts.is_empty()).then(|| format!("{rule} may be overridden {}", parts.join(", ")))
    };
    new.iter().filter_map(said).collect()
}

fn at(grant: &OverrideGrant) -> String {
    match grant.environments.as_slice() {
        [] => String::new(),
        some => format!(" in {}", names(some)),
    }
}

/// What the second of two grants of a rule allows and the first does not.
fn wider(old: &OverrideGrant, new: &OverrideGrant) -> Vec<String> {
    let mut parts = Vec::new();
    if !holds_all(&old.environments, &new.environments) {
        let is_new = |name: &&EnvironmentName| !old.environments.contains(name);
        let more: Vec<EnvironmentName> = new.environments.iter().filter(is_new).cloned().collect();
        parts.push(match more.as_slice() {
            [] => format!("everywhere, not in {} alone", names(&old.environments)),
            more => format!("in {} too", names(more)),
        });
    }
    match (&old.until, &new.until) {
        (Some(before), None) => parts.push(format!("without end, not until {}", before.text)),
        (Some(before), Some(after)) if after.end > before.end => {
            parts.push(format!("until {}, not {}", after.text, before.text));
        }
        _ => {}
    }
    if !old.signers.is_empty() {
        if new.signers.is_empty() {
            parts.push("without a signature".to_owned());
        } else if new.signers.iter().any(|signer| !old.signers.contains(signer)) {
            parts.push("by the signature of others".to_owned());
        }
    }
    parts
}

/// Whether the first has all that the second has, where none are all.
fn holds_all(all: &[EnvironmentName], some: &[EnvironmentName]) -> bool {
    all.is_empty() || !some.is_empty() && some.iter().all(|name| all.contains(name))
}

fn names(names: &[EnvironmentName]) -> String {
    names.iter().map(EnvironmentName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::{Config, from_toml};

    const ABOVE: &str =
        "version = 1\n[[environment]]\nname = 'dev'\n[[environment]]\nname = 'prod'\n";

    fn config(text: &str) -> Config {
        from_toml(&format!("{ABOVE}{text}\n")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the second text lets through and the first does not.
    fn more(old: &str, new: &str) -> String {
        let (old, new) = (config(old), config(new));
        let mut said = super::grants(&old.overrides, &new.overrides);
        said.extend(old.guards.loosened(&new.guards));
        for environment in old.pipeline.environments() {
            said.extend(old.guard(&environment.name).loosened(new.guard(&environment.name)));
        }
        said.join("; ")
    }

    #[test]
    fn a_grant_that_is_widened_says_by_what() {
        let grant = |more: &str| format!("[[override]]\nrule = 'GP006'\n{more}");
        let key = "allowed-signers = ['.promote/signers']";
        let narrow = grant(&format!("environments = ['dev']\nuntil = '2026-12-31'\n{key}"));
        let changed = [
            more("", &narrow),
            more(&narrow, &grant("")),
            more(&narrow, &narrow.replace("'dev'", "'dev', 'prod'")),
            more(&narrow, &narrow.replace("2026", "2027")),
            more(&narrow, &narrow.replace("signers']", "others']")),
            more(&narrow, &format!("{narrow}\n{}", grant("environments = ['prod']"))),
        ];
        insta::assert_snapshot!(changed.join("\n"), @"
        GP006 may be overridden in dev
        GP006 may be overridden everywhere, not in dev alone, without end, not until 2026-12-31, without a signature
        GP006 may be overridden in prod too
        GP006 may be overridden until 2027-12-31, not 2026-12-31
        GP006 may be overridden by the signature of others
        GP006 may be overridden in prod too, without end, not until 2026-12-31, without a signature
        ");
        for narrower in ["until = '2026-12-01'", "environments = ['prod']", key] {
            assert_eq!(more(&grant(""), &grant(narrower)), "", "{narrower}");
        }
    }

    #[test]
    fn a_freeze_that_is_shorter_says_how_long_it_is() {
        let freeze = |from: &str, to: &str, zone: &str| {
            format!("freezes = [{{ from = '{from}', to = '{to}', timezone = '{zone}' }}]")
        };
        let old = freeze("2026-12-20", "2027-01-04", "UTC");
        let changed = [
            more(&old, ""),
            more(&old, &freeze("2026-12-20", "2026-12-27", "UTC")),
            more(&old, &freeze("2026-12-20", "2027-01-04", "Europe/Berlin")),
            more(&old, &freeze("2027-12-20", "2027-12-27", "UTC")),
        ];
        insta::assert_snapshot!(changed.join("\n"), @"
        the freeze of 2026-12-20 to 2027-01-04 is gone
        the freeze of 2026-12-20 to 2027-01-04 is now from 2026-12-20 to 2026-12-27
        the freeze of 2026-12-20 to 2027-01-04 is now from 2026-12-20 to 2027-01-04 in Europe/Berlin
        the freeze of 2026-12-20 to 2027-01-04 is gone
        ");
        assert_eq!(more(&old, &freeze("2026-12-19", "2027-01-05", "UTC")), "", "it is longer");
    }

    #[test]
    fn windows_that_are_wider_are_named() {
        let windows = |windows: &[&str]| {
            let list = windows.iter().map(|window| format!("{{ {window}, timezone = 'UTC' }}"));
            format!("windows = [{}]", list.collect::<Vec<_>>().join(", "))
        };
        let (day, long, late) =
            ("allow = '10:00-16:00'", "allow = '08:00-18:00'", "allow = '20:00-22:00'");
        let (friday, sunday) = ("deny = 'Fri'", "deny = 'Sun'");
        let changed = [
            more(&windows(&[day]), &windows(&[long])),
            more(&windows(&[day]), &windows(&[day, late])),
            more(&windows(&[day, friday]), ""),
            more(&windows(&[day, friday]), &windows(&[day])),
            more(&windows(&[day, friday]), &windows(&[day, sunday])),
        ];
        insta::assert_snapshot!(changed.join("\n"), @"
        it is open `08:00-18:00 UTC`, not `10:00-16:00 UTC`
        it is open `20:00-22:00 UTC` too
        it is open always, not only `10:00-16:00 UTC`, and it is no longer shut `Fri UTC`
        it is no longer shut `Fri UTC`
        it is shut `Sun UTC`, not `Fri UTC`
        ");
        assert_eq!(more(&windows(&[day, late]), &windows(&[late, friday])), "", "open for less");
        assert_eq!(more("", &windows(&[day])), "");
    }

    #[test]
    fn a_policy_that_asks_for_less_says_so() {
        let policy = |more: &str| format!("[[policy]]\nname = 'p'\n{more}");
        let old = policy("expression = 'false'");
        let changed = [
            more(&old, ""),
            more(&old, &policy("expression = 'true'")),
            more(&old, &policy("expression = 'false'\noverride = true")),
            more(&old, &policy("expression = 'true'\noverride = true\nenvironments = ['prod']")),
        ];
        insta::assert_snapshot!(changed.join("\n"), @"
        the policy `p` is gone
        the policy `p` asks something else
        the policy `p` may be overridden
        the policy `p` asks something else, and is for prod alone, and may be overridden
        ");
        assert_eq!(more(&old, &policy("expression = 'false'\nmessage = 'no'")), "");
        assert_eq!(more(&policy("expression = 'false'\noverride = true"), &old), "");
    }
}
