//! A config that is written reads back as it was, and the schema says the same
//! as the reader.

use promote::config::{
    AllowedSigner, AppPolicy, AppRule, Config, FieldSpec, LayoutPath, Origin, OverrideGrant, Until,
    from_toml, import_gitops_promotion, schema, to_toml,
};
use promote::model::{
    Cluster, Environment, EnvironmentDelivery, EnvironmentImages, EnvironmentName, HealthSettings,
    Patience, Pipeline, Rule, Signer, Sources,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::subsequence;
use serde_json::Value;

/// Names with what TOML has to quote or escape in other places.
fn environment_names() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set("[a-z0-9_ö][a-z0-9._+-]{2,5}x", 1..6)
        .prop_map(|set| set.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

/// One environment from the names before it, so that there is no circle.
fn environment(names: &[String], at: usize) -> impl Strategy<Value = Environment> + use<> {
    let name = names[at].clone();
    let before: Vec<_> = names[..at].iter().map(EnvironmentName::new).collect();
    let count = before.len();
    let own = vec![name.clone()];
    let other = vec![format!("{name}/blü e"), format!("{name}/\"g'")];
    let picked = subsequence(before, 0..=count);
    let dirs = prop_oneof![Just(own), Just(other)];
    let flags = any::<[bool; 3]>();
    (picked, flags, dirs, (health(), images())).prop_map(
        move |(picked, [all, seen, together], dirs, (health, images))| {
            let sources = match (picked.is_empty(), all) {
                (true, _) => Sources::First,
                (false, true) => Sources::All(picked),
                (false, false) => Sources::Any(picked),
            };
            let bare = Environment::bare(EnvironmentName::new(&name), sources);
            let cluster = Cluster {
                context: health.as_ref().and_then(|health| health.context.clone()),
                namespace: seen.then(|| "shop".to_owned()),
            };
            let delivery = EnvironmentDelivery {
                approvals: seen.then_some(2),
                rollback_approvals: together.then_some(0),
                protected: seen && together,
                ..EnvironmentDelivery::default()
            };
            Environment { dirs, seen, together, health, cluster, images, delivery, ..bare }
        },
    )
}

/// What tells of health, in all ways.
fn health() -> impl Strategy<Value = Option<HealthSettings>> {
    let context = proptest::option::of("[a-z/\"*]{1,6}");
    let timeout = proptest::option::of(0u64..604_801).prop_map(|seconds| {
        seconds.map(|seconds| Patience(std::time::Duration::from_secs(seconds)))
    });
    let kubectl = any::<bool>();
    let command = proptest::collection::vec("[a-z\"\\\\$ ]{0,3}x", 0..3);
    (context, kubectl, command, timeout).prop_map(|(context, kubectl, command, timeout)| {
        let object = kubectl.then(|| "shop/deployment/{app}".parse().unwrap());
        let some = context.is_some() || kubectl || !command.is_empty();
        some.then(|| HealthSettings {
            since_arrival: context.is_some() && kubectl,
            context,
            kubectl: object.into_iter().collect(),
            command,
            timeout,
        })
    })
}

fn images() -> impl Strategy<Value = EnvironmentImages> {
    let registry = proptest::option::of(
        "(https?://)?[a-z]{1,3}\\.[a-z]{1,3}(:[1-9]{1,4})?(/[a-z0-9]{1,4}){0,2}",
    );
    let key = "[a-z/.\"']{1,6}".prop_map(Signer::Key);
    let who = ("[a-z@:\\\\\"]{1,6}", any::<bool>(), "[a-z:/]{1,6}");
    let who =
        who.prop_map(|(identity, pattern, issuer)| Signer::Identity { identity, pattern, issuer });
    let signature = proptest::option::of(prop_oneof![key, who]);
    (registry, any::<bool>(), signature).prop_map(|(registry, pin, signature)| EnvironmentImages {
        registry,
        pin,
        signature,
    })
}

fn layout() -> impl Strategy<Value = Vec<LayoutPath>> {
    let field = ("[a-z]{1,3}(\\[(\\*|[0-9]|n=[a-z\"' ]{1,3})\\])?", any::<bool>())
        .prop_map(|(path, image)| FieldSpec { path, image });
    let path = ("[a-z\"' #]{1,4}", proptest::collection::vec(field, 0..3), any::<bool>());
    proptest::collection::btree_map("[a-zß]{1,4}", path, 0..3).prop_map(|paths| {
        let path = |(dir, (part, fields, couple))| {
            let template = format!("{dir}/{part}x/{{env}}/{{app}}.yaml");
            LayoutPath { template, fields, couple }
        };
        paths.into_iter().map(path).collect()
    })
}

fn some_of(names: &[String]) -> impl Strategy<Value = Vec<EnvironmentName>> + use<> {
    let all: Vec<_> = names.iter().map(EnvironmentName::new).collect();
    let count = all.len();
    subsequence(all, 0..=count)
}

/// A public key.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAq3DKQSlHcR+JxGKzgpv3AJ4GRVvztHYnFbgvfKVUD3";

fn overrides(names: &[String]) -> impl Strategy<Value = Vec<OverrideGrant>> + use<> {
    let rule = prop_oneof![Just(Rule::GP001), Just(Rule::GP003), Just(Rule::GP016)];
    let grant = (rule, some_of(names)).prop_map(|(rule, environments)| {
        let signers = match environments.len() {
            1 => vec![AllowedSigner::File(".promote/signers".to_owned())],
            2 => vec![AllowedSigner::Key(KEY.to_owned())],
            _ => Vec::new(),
        };
        let until = (rule == Rule::GP003)
            .then(|| Until { text: "2026-12-31".to_owned(), end: 1_798_761_600 });
        OverrideGrant { rule, environments, until, signers }
    });
    proptest::collection::vec(grant, 0..3)
}

fn apps(names: &[String]) -> impl Strategy<Value = Vec<AppRule>> + use<> {
    let policy = prop_oneof![Just(AppPolicy::Strict), Just(AppPolicy::Warn), Just(AppPolicy::Off)];
    let rule = (policy, some_of(names));
    proptest::collection::btree_map("[a-z*?\\\\\"]{1,5}x", rule, 0..3).prop_map(|apps| {
        let app =
            |(name, (policy, environments))| AppRule { name, policy, environments, source: None };
        apps.into_iter().map(app).collect()
    })
}

fn config() -> impl Strategy<Value = Config> {
    let tags = proptest::collection::vec("[a-z*\"']{1,4}", 0..3);
    (environment_names(), layout(), tags).prop_flat_map(|(names, layout, mutable_tags)| {
        let environments: Vec<_> = (0..names.len()).map(|at| environment(&names, at)).collect();
        let rest = (overrides(&names), apps(&names), any::<bool>());
        (environments, rest).prop_map(move |(environments, (overrides, apps, require_online))| {
            Config {
                origin: Origin::PromoteToml,
                pipeline: Pipeline::new(environments).unwrap(),
                layout: layout.clone(),
                overrides,
                apps,
                mutable_tags: mutable_tags.clone(),
                delivery: promote::config::DeliveryConfig::default(),
                guards: promote::config::Guards::default(),
                require_online,
            }
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(config in config()) {
        let text = to_toml(&config, &[]);
        let read = from_toml(&text);
        assert_eq!(read.as_ref(), Ok(&config), "{text}");
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in "(version = 1\n)?([\\[\\]{}=\"'#:,*&!|>a-z0-9 \n-]|name|from|\u{feff}|\u{85}){0,60}") {
        let _ = from_toml(&text);
        let _ = import_gitops_promotion(&text);
        let _ = promote::config::import_environments_yaml(&text);
    }
}

#[test]
fn a_written_config_explains_itself() {
    let yaml = "prflow: per-env\nenvironments: [{name: dev, auto: true}, {name: prod}]\n";
    let imported = import_gitops_promotion(yaml).unwrap();
    insta::assert_snapshot!(to_toml(&imported.config, &imported.notes), @r#"
    # What `git promote` knows of this repository: the environments, the order
    # between them, and where each one keeps what it runs.
    version = 1
    deliver = "commit"

    # Where overlays are; the first path that matches wins.
    [layout]
    paths = [
        "{group}/{env}/**",
    ]

    # The order of this list is the order of promotion.
    [[environment]]
    name = "dev"
    auto-merge = true

    [[environment]]
    name = "prod"
    "#);
    let sample = from_toml(include_str!("../../fixtures/config/promote.toml")).unwrap();
    insta::assert_snapshot!(to_toml(&sample, &[]), @r#"
    # What `git promote` knows of this repository: the environments, the order
    # between them, and where each one keeps what it runs.
    version = 1
    deliver = "commit"
    require-online = true

    # Tags that move, beside the built-in ones such as `latest`.
    mutable-tags = ["edge", "nightly-*"]

    # Where overlays are; the first path that matches wins.
    [layout]
    paths = [
        "apps/{app}/overlays/{env}",
        { path = "argocd/{env}/{app}.yaml", fields = [{ path = "spec.source.kustomize.images[*]", kind = "image" }] },
        { path = "clusters/{env}/{group}/**", couple = false },
    ]

    # The order of this list is the order of promotion.
    [[environment]]
    name = "dev"

    [[environment]]
    name = "staging"
    seen = true

    [[environment]]
    name = "prod-eu"
    dirs = ["prod/blue", "prod/green"]
    registry = "registry.example/acme/prod"
    pin = "digest"
    verify-signature = { key = "keys/cosign.pub" }

    [[environment]]
    name = "prod-us"
    from = ["staging"]

    [[environment]]
    name = "prod"
    from-any = ["prod-eu", "prod-us"]

    [[override]]
    rule = "GP003"
    environments = ["staging"]

    [[app]]
    name = "legacy-*"
    policy = "off"
    environments = ["dev", "prod-eu"]
    "#);
}

/// Whether `value` is what `schema` describes: the part of JSON Schema that
/// the schema of the config is made of.
fn valid(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return valid(root, root.pointer(&name[1..]).ok_or("a dangling $ref")?, value);
    }
    if let Some(any) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
        let found = any.iter().any(|one| valid(root, one, value).is_ok());
        return if found { Ok(()) } else { Err(format!("{value} fits none of anyOf")) };
    }
    let allowed = schema.get("enum").and_then(Value::as_array);
    if allowed.is_some_and(|allowed| !allowed.contains(value))
        || schema.get("const").is_some_and(|only| only != value)
    {
        return Err(format!("{value} is not allowed"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => true,
    };
    if !fits {
        return Err(format!("{value} is no {:?}", schema.get("type")));
    }
    valid_inside(root, schema, value)
}

fn valid_inside(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let empty = serde_json::Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    for (key, inner) in value.as_object().unwrap_or(&empty) {
        match properties.get(key) {
            Some(schema) => valid(root, schema, inner)?,
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                return Err(format!("unknown key {key}"));
            }
            None => {}
        }
    }
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        let missing = required.as_str().is_some_and(|key| value.get(key).is_none());
        if missing && value.is_object() {
            return Err(format!("{required} is missing"));
        }
    }
    for (entry, schema) in value
        .as_array()
        .into_iter()
        .flatten()
        .zip(std::iter::repeat(schema.get("items").unwrap_or(&Value::Null)))
    {
        valid(root, schema, entry)?;
    }
    Ok(())
}

fn check(text: &str) -> Result<(), String> {
    let value: Value = toml::from_str(text).map_err(|error| error.to_string())?;
    let schema = schema();
    valid(&schema, &schema, &value)
}

#[test]
fn the_schema_accepts_the_sample_and_refuses_what_the_reader_refuses() {
    assert_eq!(check(include_str!("../../fixtures/config/promote.toml")), Ok(()));
    let environment = "[[environment]]\nname = 'dev'\n";
    for (text, reason) in [
        (format!("version = 2\n{environment}"), "2 is not allowed"),
        (environment.to_owned(), "\"version\" is missing"),
        ("version = 1\n".to_owned(), "\"environment\" is missing"),
        (format!("version = 1\n{environment}soke = '1h'\n"), "unknown key soke"),
        (format!("version = 1\ndeliver = 'fax'\n{environment}"), "\"fax\" fits none of anyOf"),
        (format!("version = 1\n{environment}[[app]]\npolicy = 'off'\n"), "\"name\" is missing"),
    ] {
        assert_eq!(check(&text), Err(reason.to_owned()), "{text}");
        assert!(from_toml(&text).is_err(), "{text}");
    }
}

#[test]
fn the_schema_describes_every_key() {
    fn described(schema: &Value, path: &str, missing: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, inner) in properties.into_iter().flatten() {
            if inner.get("description").is_none() {
                missing.push(format!("{path}.{key}"));
            }
        }
        for (name, inner) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            described(inner, name, missing);
        }
    }
    let schema = schema();
    let mut missing = Vec::new();
    described(&schema, "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!(schema["title"], "promote.toml");
    let text = schema.to_string();
    assert!(!text.contains("Raw"), "the names in the schema are those of the product: {text}");
}
