//! What a config lets through that another does not, in words that say what
//! changed.

use super::times::of_week;
use super::{OverrideGrant, PolicyRule};
use crate::model::EnvironmentName;
use crate::schedule::{Freeze, Times, WEEK, Window, Zone, minus};

/// Of windows: where they are open longer.
pub(super) fn windows(old: &[Window], new: &[Window]) -> Option<String> {
    let (old, new) = (Kinds::of(old), Kinds::of(new));
    let mut parts = Vec::new();
    // What is open now and was not, and what was shut and is not.
    let opened = beyond(&new.open, &[&old.open, &new.shut], &[]);
    let unshut = beyond(&old.shut, &[&new.shut], &new.outside());
    let (closed, shut) = (named(&without(&old.open, &new.open)), without(&new.shut, &old.shut));
    if !old.open.is_empty() && new.open.is_empty() {
        parts.push(format!("it is open always, not only {}", closed.join(", ")));
    } else if !old.open.is_empty() && !opened.surely.is_empty() {
        parts.push(instead("open", &named(&opened.surely), &closed));
    }
    match (named(&unshut.surely).as_slice(), named(&shut).as_slice()) {
        ([], _) => {}
        (gone, []) => parts.push(format!("it is no longer shut {}", gone.join(", "))),
        (gone, other) => parts.push(instead("shut", other, gone)),
    }
    let unknown = !old.open.is_empty() && opened.perhaps || unshut.perhaps;
    if parts.is_empty() && unknown {
        parts.push("its windows changed".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join(", and "))
}

type Windows<'w> = Vec<&'w Window>;
/// Minutes of the week, from and to.
type Minutes = Vec<(u32, u32)>;

/// Windows in which it is open, and in which it is shut.
struct Kinds<'w> {
    open: Windows<'w>,
    shut: Windows<'w>,
}

impl<'w> Kinds<'w> {
    fn of(windows: &'w [Window]) -> Self {
        let is_deny = |window: &&Window| matches!(window.times, Times::Deny(_));
        let (shut, open) = windows.iter().partition(is_deny);
        Self { open, shut }
    }

    /// The minutes of the week in which no window is open, with their zone, if
    /// all windows are of one zone and each week is alike.
    fn outside(&self) -> Vec<(&'w Zone, Minutes)> {
        let zone = self.open.first().map(|window| &window.zone);
        let own = self.open.iter().filter(|window| Some(&window.zone) == zone);
        let weeks: Vec<Minutes> = own.filter_map(|window| of_week(&window.times)).collect();
        let all = weeks.len() == self.open.len();
        let rest = || minus(&[(0, WEEK)], &weeks.concat());
        zone.filter(|_| all).map(|zone| (zone, rest())).into_iter().collect()
    }
}

/// The windows that have a time which others do not have.
struct Beyond<'w> {
    surely: Windows<'w>,
    /// Whether another one may have such a time: weeks that are not alike, or
    /// that are of other zones, are not compared.
    perhaps: bool,
}

fn beyond<'w>(
    windows: &Windows<'w>,
    others: &[&Windows<'_>],
    more: &[(&Zone, Minutes)],
) -> Beyond<'w> {
    let mut found = Beyond { surely: Vec::new(), perhaps: false };
    let others: Windows<'_> = others.iter().flat_map(|others| others.iter().copied()).collect();
    for window in windows.iter().filter(|window| !others.contains(window)) {
        let near = || others.iter().filter(|other| other.zone == window.zone);
        let mut weeks: Vec<Minutes> = near().filter_map(|other| of_week(&other.times)).collect();
        let all = weeks.len() == others.len();
        let more = more.iter().filter(|(zone, _)| **zone == window.zone);
        weeks.extend(more.map(|(_, minutes)| minutes.clone()));
        let rest = of_week(&window.times).map(|own| minus(&own, &weeks.concat()));
        match rest {
            Some(rest) if rest.is_empty() => {}
            Some(_) if all => found.surely.push(window),
            _ => found.perhaps = true,
        }
    }
    found
}

fn without<'w>(windows: &Windows<'w>, others: &Windows<'_>) -> Windows<'w> {
    windows.iter().filter(|window| !others.contains(window)).copied().collect()
}

fn named(windows: &Windows<'_>) -> Vec<String> {
    windows.iter().map(|window| format!("`{window}`")).collect()
}

fn instead(state: &str, new: &[String], old: &[String]) -> String {
    let new = new.join(", ");
    match old {
        [] => format!("it is {state} {new} too"),
        old => format!("it is {state} {new}, not {}", old.join(", ")),
    }
}

/// Of freezes: those that are shorter or gone, as far as no others are there
/// in their days.
pub(super) fn freezes(old: &[Freeze], new: &[Freeze]) -> Vec<String> {
    let frozen: Vec<(i64, i64)> = new.iter().map(Freeze::seconds).collect();
    let lost = old.iter().filter(|own| !minus(&[own.seconds()], &frozen).is_empty());
    let said = |own: &Freeze| {
        let meets = |other: &&Freeze| other.from <= own.to && own.from <= other.to;
        let shown = |other: &Freeze| {
            let zone = other.zone.name();
            let zone = if other.zone == own.zone { "" } else { &format!(" in {zone}") };
            format!("from {} to {}{zone}", other.from, other.to)
        };
        let others: Vec<String> = new.iter().filter(meets).map(shown).collect();
        let days = format!("the freeze of {} to {}", own.from, own.to);
        match others.as_slice() {
            [] => format!("{days} is gone"),
            others => format!("{days} is now {}", others.join(" and ")),
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
            parts.push("is another condition now".to_owned());
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
            said.extend(old.loosened_in(&environment.name, &new));
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
    fn freezes_are_compared_by_the_days_that_all_of_them_have() {
        let freezes = |days: &[(&str, &str)]| {
            let one = |(from, to): &(&str, &str)| {
                format!("{{ from = '{from}', to = '{to}', timezone = 'UTC' }}")
            };
            format!("freezes = [{}]", days.iter().map(one).collect::<Vec<_>>().join(", "))
        };
        let old = freezes(&[("2026-12-20", "2027-01-04")]);
        let (first, second) = (("2026-12-20", "2026-12-31"), ("2027-01-01", "2027-01-10"));
        assert_eq!(more(&old, &freezes(&[first, second])), "", "together they are longer");
        // In prod alone, and then everywhere.
        let everywhere = format!("{old}\n");
        let (head, tail) = ABOVE.split_at(ABOVE.find("[[").unwrap());
        let read = |text: String| from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
        let (alone, all) =
            (read(format!("{ABOVE}{old}")), read(format!("{head}{everywhere}{tail}")));
        let prod = &alone.pipeline.environments()[1].name;
        assert_eq!(alone.loosened_in(prod, &all), [""; 0]);
        assert_eq!(alone.loosened_in(prod, &read(ABOVE.to_owned())).len(), 1);
        let gap = freezes(&[first, ("2027-01-02", "2027-01-10")]);
        insta::assert_snapshot!(more(&old, &gap), @"the freeze of 2026-12-20 to 2027-01-04 is now from 2026-12-20 to 2026-12-31 and from 2027-01-02 to 2027-01-10");
    }

    #[test]
    fn windows_are_compared_by_the_week_that_is_open() {
        let windows = |windows: &[&str]| {
            let zoned = |window: &&str| match window.strip_suffix(" in Berlin") {
                Some(window) => format!("{{ {window}, timezone = 'Europe/Berlin' }}"),
                None => format!("{{ {window}, timezone = 'UTC' }}"),
            };
            let list: Vec<String> = windows.iter().map(zoned).collect();
            format!("windows = [{}]", list.join(", "))
        };
        let week = "allow = 'Mon-Fri 08:00-18:00'";
        let tighter = [
            (&[week][..], &["allow = 'Mon-Fri 10:00-16:00'"][..]),
            (&["deny = 'Fri'"], &["deny = 'Fri-Sat'"]),
            (&[week], &["allow = 'Mon-Fri 08:00-12:00,12:00-18:00'"]),
            (&[week], &["allow = 'Mon-Thu 08:00-18:00'", "allow = 'Fri 09:00-17:00'"]),
            (&[week], &["cron = '0 9 * * 1-5', duration = '8h'"]),
            // On Saturday it is shut all the same.
            (&[week, "deny = 'Sat'"], &["allow = 'Mon-Sat 08:00-18:00'", "deny = 'Sat'"]),
            (&[week, "deny = 'Sat'"], &[week]),
        ];
        for (old, new) in tighter {
            assert_eq!(more(&windows(old), &windows(new)), "", "{old:?} {new:?}");
        }
        let berlin = "allow = 'Mon-Fri 08:00-18:00' in Berlin";
        let monthly = "cron = '0 9 1 * *', duration = '8h'";
        let changed = [
            more(&windows(&[week]), &windows(&[berlin])),
            more(&windows(&[week]), &windows(&[monthly])),
            more(&windows(&[monthly]), &windows(&[week])),
            more(&windows(&["deny = 'Fri'"]), &windows(&["deny = 'Fri' in Berlin"])),
            more(&windows(&[week]), &windows(&["allow = 'Mon-Fri 10:00-19:00'"])),
            more(&windows(&["deny = 'Fri-Sat'"]), &windows(&["deny = 'Fri'"])),
        ];
        insta::assert_snapshot!(changed.join("\n"), @"
        its windows changed
        its windows changed
        its windows changed
        its windows changed
        it is open `Mon-Fri 10:00-19:00 UTC`, not `Mon-Fri 08:00-18:00 UTC`
        it is shut `Fri UTC`, not `Fri-Sat UTC`
        ");
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
        the policy `p` is another condition now
        the policy `p` may be overridden
        the policy `p` is another condition now, and is for prod alone, and may be overridden
        ");
        assert_eq!(more(&old, &policy("expression = 'false'\nmessage = 'no'")), "");
        assert_eq!(more(&policy("expression = 'false'\noverride = true"), &old), "");
    }
}
