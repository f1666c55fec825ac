//! Expressions of policies: what they may say, what is refused where, and that
//! none of them takes long.

use std::time::{Duration, Instant};

use promote::expression::{
    ChangeFacts, Expression, Facts, MOST_ENTRIES, Place, PromotionFacts, RepoFacts, Time,
};

fn facts() -> Facts {
    let since = Time(1_795_780_800 - 26 * 3_600);
    let place = |name: &str, version: &str| Place {
        name: name.to_owned(),
        version: version.to_owned(),
        since,
    };
    Facts {
        promotion: PromotionFacts {
            app: "web".to_owned(),
            group: "shop".to_owned(),
            image: "registry.example/acme/web".to_owned(),
            version: "v2.0.0".to_owned(),
            tag: "v2.0.0".to_owned(),
            digest: String::new(),
            previous: "v1.9.0".to_owned(),
            step: "major".to_owned(),
            rollback: false,
        },
        from: vec![place("staging", "v2.0.0")],
        to: place("prod", "v1.9.0"),
        now: Time(1_795_780_800),
        change: ChangeFacts {
            apps: vec!["web".to_owned()],
            environments: vec!["prod".to_owned()],
            files: vec!["apps/web/overlays/prod/kustomization.yaml".to_owned()],
            trailers: [("Ticket".to_owned(), vec!["OPS-42".to_owned()])].into(),
        }
        .into(),
        repo: RepoFacts { base: "a".repeat(40), complete: true },
    }
}

fn holds(text: &str) -> Result<bool, String> {
    let expression =
        Expression::new(text).map_err(|flaw| format!("{}: {}", flaw.at, flaw.message))?;
    expression.holds(&facts())
}

#[test]
fn conditions_on_all_that_is_known() {
    for yes in [
        "promotion.app == 'web' && promotion.group == \"shop\"",
        "promotion.step in ['minor', 'major'] && !promotion.rollback",
        "from.all(f, now - f.since >= duration('24h'))",
        "from.exists(f, f.name == 'staging') && from.size() == 1",
        "from.exists_one(f, f.version == promotion.version)",
        "from.map(f, f.name)[0] == 'staging'",
        "change.files.filter(f, f.endsWith('.yaml')).size() == size(change.files)",
        "now.getDayOfWeek('Europe/Berlin') == 5 && now.getHours() == 12",
        "change.trailers['Ticket'].exists(t, t.matches('^OPS-[0-9]+$'))",
        "has(change.trailers.Ticket) && 'Ticket' in change.trailers",
        "now > timestamp('2026-01-01T00:00:00Z') && (now - to.since).getHours() == 26",
        "promotion.version.startsWith('v2') ? repo.complete : false",
        "promotion.app + '/' + promotion.tag == 'web/v2.0.0'",
        "change.apps + ['x'] == ['web', 'x'] && 7 % 4 * 2 - 1 == 5 && -1 < 0",
        "repo.base.size() == 40 && {'web': 3}['web'] == 3 && string(3) == '3'",
    ] {
        assert_eq!(holds(yes), Ok(true), "{yes}");
    }
    assert_eq!(holds("promotion.step == 'minor'"), Ok(false));
}

#[test]
fn what_is_no_condition_is_refused_with_its_place() {
    let all: Vec<String> = [
        "",
        "promotion.",
        "1 +",
        "promotion.app",
        "promotion.nmae == 'x'",
        "promotions.app == 'x'",
        "promotion.app == 1",
        "now + 1 > now",
        "from.app == 'x'",
        "from.all(f, f.name)",
        "from.all(f, f.nmae == 'x')",
        "promotion.app.matches('(')",
        "promotion.app.matches(promotion.tag)",
        "[1, 'a'].size() == 2",
        "launch('x')",
        "promotion.app.reverse() == 'x'",
        "1u == 1u",
        "null == null",
        "promotion.?app == 'x'",
        "size(now) == 1",
        "true && 'x'",
        "change.trailers.Ticket == 'x'",
        "cel.Nope{} == 1",
        "promotion.app == 'x' ? 1 : 2",
    ]
    .iter()
    .map(|text| format!("{text}  {}", holds(text).expect_err(text)))
    .collect();
    insta::assert_snapshot!(all.join("\n"), @"
      0: it is empty
    promotion.  10: syntax error: no viable alternative at input '.'
    1 +  3: syntax error: mismatched input '<eof>'
    promotion.app  9: it is a string, not a condition
    promotion.nmae == 'x'  9: no field `nmae`: app, group, image, version, tag, digest, previous, step, rollback
    promotions.app == 'x'  0: `promotions` is not known: promotion, from, to, now, change, repo
    promotion.app == 1  14: `==` does not take string and int
    now + 1 > now  4: `+` does not take timestamp and int
    from.app == 'x'  4: a list(record) has no fields
    from.all(f, f.name)  8: `&&` does not take bool and string
    from.all(f, f.nmae == 'x')  13: no field `nmae`: name, version, since
    promotion.app.matches('(')  22: this is no regular expression
    promotion.app.matches(promotion.tag)  31: the pattern has to be a text
    [1, 'a'].size() == 2  4: a list of int and string
    launch('x')  6: `launch` does not take string
    promotion.app.reverse() == 'x'  21: `reverse` does not take string
    1u == 1u  0: bytes, null and uint are not known here
    null == null  0: bytes, null and uint are not known here
    promotion.?app == 'x'  9: unsupported syntax '.?'
    size(now) == 1  4: `size` does not take timestamp
    true && 'x'  5: `&&` does not take bool and string
    change.trailers.Ticket == 'x'  23: `==` does not take list(string) and string
    cel.Nope{} == 1  8: this is not known here
    promotion.app == 'x' ? 1 : 2  21: it is a int, not a condition
    ");
}

#[test]
fn what_stands_there_and_can_never_be_told_is_refused() {
    let all: Vec<String> = [
        "now.getDayOfWeek('Europe/Berlinn') != 5",
        "from.all(f, now - f.since >= duration('1x'))",
        "duration('1h x') < now - to.since",
        "duration('x' + 'h') < now - to.since",
        "timestamp('2026-13-01T00:00:00Z') < now",
        "1 / 0 == 1",
        "from.size() % 0 == 1",
        "int('one') == from.size()",
        "[1, 2][7] == 1",
        "timestamp('2026-01-01T00:00:00Z').getHours('Mars') == 1",
    ]
    .iter()
    .map(|text| format!("{text}  {}", holds(text).expect_err(text)))
    .collect();
    insta::assert_snapshot!(all.join("\n"), @"
    now.getDayOfWeek('Europe/Berlinn') != 5  17: `Europe/Berlinn` is no time zone such as Europe/Berlin
    from.all(f, now - f.since >= duration('1x'))  38: `1x` is no span of time such as 24h
    duration('1h x') < now - to.since  9: `1h x` is no span of time such as 24h
    duration('x' + 'h') < now - to.since  13: it is no span of time such as 24h
    timestamp('2026-13-01T00:00:00Z') < now  10: `2026-13-01T00:00:00Z` is no time such as 2026-01-01T00:00:00Z
    1 / 0 == 1  4: it divides by zero
    from.size() % 0 == 1  14: it divides by zero
    int('one') == from.size()  4: `one` is no number
    [1, 2][7] == 1  6: this can never be told
    timestamp('2026-01-01T00:00:00Z').getHours('Mars') == 1  43: `Mars` is no time zone such as Europe/Berlin
    ");
}

#[test]
fn what_cannot_be_told_is_no_yes() {
    let why = |text: &str| holds(text).unwrap_err();
    let all = [
        why("change.trailers['Nope'].size() == 0"),
        why("from[7].name == 'x'"),
        why("1 / (from.size() - 1) == 0"),
        why("9223372036854775807 + from.size() > 0"),
        why("duration(promotion.app) > duration('1h')"),
        why("timestamp(promotion.app) > now"),
        why("now.getHours(promotion.app) == 1"),
        why("int(promotion.app) == 1"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    No such key: Nope
    Index out of bounds: Int(7)
    Division by zero of Int(1)
    Overflow from binary operator 'add': Int(9223372036854775807), Int(1)
    Error executing function 'duration': Parsing Error: Error { input: "web", code: Float }
    Error executing function 'timestamp': premature end of input
    Error executing function 'timezone': unknown time zone web
    Error executing function 'int': string parse error: invalid digit found in string
    "#);
    let mut many = facts();
    std::sync::Arc::make_mut(&mut many.change).files = vec!["x".to_owned(); MOST_ENTRIES + 1];
    assert!(Expression::new("true").unwrap().holds(&many).is_err());
}

#[test]
fn hostile_expressions_are_refused_soon() {
    let nested = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    let doubled =
        |n: usize| format!("['aaaaaaaaaaaaaaaa']{}.size() == 1", ".map(x, x + x)".repeat(n));
    let squared = "change.files.all(a, change.files.all(b, a == b))".to_owned();
    let cubed = "from.all(a, from.all(b, from.all(c, from.all(d, a.name == d.name))))".to_owned();
    let list =
        format!("[{}].all(x, [{}].all(y, x == y))", "1,".repeat(300) + "1", "1,".repeat(300) + "1");
    let grown = "change.files.map(x, change.files).map(x, x + x + x + x).size() == 1".to_owned();
    for hostile in [
        nested(1_000),
        doubled(60),
        squared,
        cubed,
        grown,
        "!".repeat(1_900) + "true",
        "-".repeat(1_900) + "1 == 1",
        "[".repeat(900) + &"]".repeat(900),
        "'".repeat(1_999),
        "a.".repeat(900) + "b",
        "x".repeat(3_000),
        "(((((((((((((((((((((((((((".to_owned(),
        "{'a':".repeat(300),
        "1 + ".repeat(450) + "'x' == 1",
        "\u{0}\u{202e}".repeat(20),
        "promotion.app.matches('((a{1,100}){1,100}){1,100}')".to_owned(),
    ] {
        let start = Instant::now();
        let found = Expression::new(&hostile);
        assert!(found.is_err(), "{}", hostile.get(..80).unwrap_or(&hostile));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?} {hostile}", start.elapsed());
    }
    // What is let through ends soon.
    let start = Instant::now();
    let mut many = facts();
    std::sync::Arc::make_mut(&mut many.change).files =
        vec!["apps/web/overlays/prod/kustomization.yaml".to_owned(); MOST_ENTRIES];
    for dear in [
        list.as_str(),
        "change.files.filter(f, f.matches('.*[a-z]+.*yaml$')).size() > 0",
        doubled(4).as_str(),
    ] {
        let _ = Expression::new(dear).map(|expression| expression.holds(&many));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// The tables of `docs/policies.md` are those of the code; `UPDATE_DOCS=1`
/// writes them.
#[test]
fn every_field_is_documented() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policies.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut tables =
        String::from("<!-- fields -->\n\n| field | type | what it is |\n|---|---|---|\n");
    for (variable, fields) in promote::expression::FIELDS {
        for field in fields {
            tables.push_str(&format!(
                "| `{variable}.{}` | `{}` | {} |\n",
                field.name, field.of, field.means
            ));
        }
    }
    let (before, rest) = text.split_once("<!-- fields -->").unwrap();
    let after = rest.split_once("\nTypes are not converted").unwrap().1;
    let wanted = format!("{before}{tables}\nTypes are not converted{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "UPDATE_DOCS=1 cargo test --test it every_field");
    }
}
