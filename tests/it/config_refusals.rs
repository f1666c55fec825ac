//! What is said of a `promote.toml` that may not be: the place, the reason and
//! the way out.

use promote::config::from_toml;

use crate::config::error;

/// What is said of each of these bodies, below `version = 1`.
fn refused(bodies: &[&str]) -> String {
    bodies.iter().map(|body| error(from_toml(&format!("version = 1\n{body}")))).collect()
}

/// The same, with two environments above.
fn refused_below_environments(bodies: &[&str]) -> String {
    let above = "[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"staging\"\n";
    bodies.iter().map(|body| error(from_toml(&format!("version = 1\n{above}{body}")))).collect()
}

#[test]
fn unknown_keys_name_the_nearest() {
    insta::assert_snapshot!(refused(&[
        "sorce = 1",
        "zzzzzz = 1",
        "xx = 1\naa = 1",
        "seen = true",
        "[layout]\npath = []",
        "[layout]\npaths = [{ path = '{env}', kinds = 1 }]",
        "[layout]\npaths = [{ path = '{env}', fields = [\n  { path = 'a', knid = 'image' }] }]",
        "[[environment]]\nname = 'dev'\nform = ['x']",
        "[[environment]]\nname = 'dev'\nnamme = 'x'",
        "[[override]]\nrules = 'GP003'",
        "[[app]]\nnane = 'x'",
        "[[app]]\nname = 'x'\nsorce = 'y'",
        "[[environment]]\nname = 'dev'\nsaok = '1h'",
        "\"a\\u001b[31mb\" = 1",
    ]), @r"
    promote.toml:2:1: unknown key `sorce`, did you mean `source`?
      hint: write `source`
    promote.toml:2:1: unknown key `zzzzzz`
      hint: keys known here: version, deliver, mutable-tags, freezes, layout, environment, override, policy, app, forge, pull-request, require-online
    promote.toml:2:1: unknown key `xx`
      hint: keys known here: version, deliver, mutable-tags, freezes, layout, environment, override, policy, app, forge, pull-request, require-online
    promote.toml:2:1: the key `seen` does not belong here
      hint: move it to `[[environment]]`
    promote.toml:3:1: the key `path` does not belong here
      hint: move it to an entry of `paths` of `[layout]`
    promote.toml:3:28: unknown key `kinds`, did you mean `kind`?
      hint: write `kind`
    promote.toml:4:17: unknown key `knid`, did you mean `kind`?
      hint: write `kind`
    promote.toml:4:1: unknown key `form`, did you mean `from`?
      hint: write `from`
    promote.toml:4:1: unknown key `namme`, did you mean `name`?
      hint: write `name`
    promote.toml:3:1: unknown key `rules`, did you mean `rule`?
      hint: write `rule`
    promote.toml:3:1: unknown key `nane`, did you mean `name`?
      hint: write `name`
    promote.toml:4:1: unknown key `sorce`, did you mean `source`?
      hint: write `source`
    promote.toml:4:1: unknown key `saok`, did you mean `soak`?
      hint: write `soak`
    promote.toml:2:1: unknown key `a\u{1b}[31mb`
      hint: keys known here: version, deliver, mutable-tags, freezes, layout, environment, override, policy, app, forge, pull-request, require-online
    ");
}

#[test]
fn registries_and_signers_are_read_with_care() {
    insta::assert_snapshot!(refused(&[
        "[[environment]]\nname = 'dev'\nregistry = 'acme/prod'",
        "[[environment]]\nname = 'dev'\nregistry = 'https://user:pw@registry.example'",
        "[[environment]]\nname = 'dev'\nregistry = 'registry.example/../x'",
        "[[environment]]\nname = 'dev'\npin = 'tag'",
        "[[environment]]\nname = 'dev'\nverify-signature = { kay = 'x' }",
        "[[environment]]\nname = 'dev'\nverify-signature = { identity = 'x' }",
        "[[environment]]\nname = 'dev'\nverify-signature = { key = '--offline' }",
    ]), @r#"
    promote.toml:4:12: `acme/prod` is not a valid registry: it is no registry such as registry.example/acme/prod
      hint: write it like `registry.example/acme/prod`: a host, and a path if there is one
    promote.toml:4:12: `...@registry.example` is not a valid registry: it is no registry such as registry.example/acme/prod
      hint: write it like `registry.example/acme/prod`: a host, and a path if there is one
    promote.toml:4:12: `registry.example/../x` is not a valid registry: it is no registry such as registry.example/acme/prod
      hint: write it like `registry.example/acme/prod`: a host, and a path if there is one
    promote.toml:4:7: `tag` is not a value of `pin`
      hint: write one of: digest
    promote.toml:4:22: unknown key `kay`, did you mean `key`?
      hint: write `key`
    promote.toml:4:20: `verify-signature` is not a valid signer: it takes `key`, or `issuer` with `identity` or `identity-regexp`
      hint: write it like `{ key = "cosign.pub" }`
    promote.toml:4:28: `--offline` is not a valid signer: it cannot be told from a flag, or is empty
      hint: write it like `{ key = "cosign.pub" }`
    "#);
}

#[test]
fn broken_toml_and_wrong_types_have_a_place() {
    insta::assert_snapshot!(refused(&[
        "mutable-tags = [",
        "x = ",
        "[[environment]]\nname = 'dev'\nname = 'qa'",
        "[[environment]]\nname = 1",
        "[[environment]]\nfrom = []",
        "[[environment]]\nname = 'dev'\nfrom = 'qa'",
        "[[environment]]\nname = 'dev'\nseen = 'yes'",
        "[layout]\n",
        "[layout]\npaths = [1]",
        "[environment]\nname = 'dev'",
        "[environment.dev]\nseen = true",
        "[app]\nname = 'x'",
    ]), @r#"
    promote.toml:2:17: unclosed array, expected `]`
      hint: `git promote init --print` shows a config as it should be
    promote.toml:2:5: string values must be quoted, expected literal string
      hint: `git promote init --print` shows a config as it should be
    promote.toml:4:1: duplicate key
      hint: `git promote init --print` shows a config as it should be
    promote.toml:3:8: invalid type: integer `1`, expected a string
      hint: `git promote init --print` shows a config as it should be
    promote.toml:2:1: the key `name` is missing
      hint: add `name`
    promote.toml:4:8: invalid type: string "qa", expected a list
      hint: `git promote init --print` shows a config as it should be
    promote.toml:4:8: invalid type: string "yes", expected a boolean
      hint: `git promote init --print` shows a config as it should be
    promote.toml:2:1: the key `paths` is missing
      hint: add `paths`
    promote.toml:3:10: invalid type: integer `1`, expected a path, or a table with `path`
      hint: `git promote init --print` shows a config as it should be
    promote.toml:2:1: `environment` is a list of tables, not a table
      hint: write `[[environment]]` above each of them
    promote.toml:2:2: `environment` is a list of tables, not a table
      hint: write `[[environment]]` above each of them
    promote.toml:2:1: `app` is a list of tables, not a table
      hint: write `[[app]]` above each of them
    "#);
}

#[test]
fn environments_that_make_no_pipeline_are_refused() {
    insta::assert_snapshot!(refused(&[
        "",
        "[[environment]]\nname = 'dev'\n[[environment]]\nname = 'dev'",
        "[[environment]]\nname = 'dev'\nfrom = ['prod']\n[[environment]]\nname = 'prod'",
        "[[environment]]\nname = 'dev'\nfrom = ['dev']",
        "[[environment]]\nname = 'dev'\n[[environment]]\nname = 'qa'\nfrom = ['dve']",
        "[[environment]]\nname = 'dev'\nfrom-any = ['elsewhere']",
        "[[environment]]\nname = 'dev'\n[[environment]]\nname = 'qa'\nfrom = ['dev', 'dev']",
        "[[environment]]\nname = 'dev'\n[[environment]]\nname = 'qa'\nfrom = ['dev']\nfrom-any = ['dev']",
        "[[environment]]\nname = 'dev'\nfrom-any = []",
        "[[environment]]\nname = 'a'\ndirs = ['x']\n[[environment]]\nname = 'b'\ndirs = ['y', 'x']",
        "[[environment]]\nname = 'a'\ndirs = ['b']\n[[environment]]\nname = 'b'",
        "[[environment]]\nname = 'a'\ndirs = []",
        "[[environment]]\nname = 'a'\ndirs = ['x', 'x']",
        "[[environment]]\nname = 'a'\ndirs = ['../x']",
    ]), @"
    promote.toml:1:1: no environment is configured
      hint: list them in the order of promotion, the first one first
    promote.toml:5:8: the environment `dev` is given twice
      hint: rename or remove the second `dev`
    promote.toml:4:9: the environments come from one another in a circle: dev <- prod <- dev
      hint: remove one `from` of the circle; a first environment has `from = []`
    promote.toml:4:9: the environments come from one another in a circle: dev <- dev
      hint: remove one `from` of the circle; a first environment has `from = []`
    promote.toml:6:9: the environment `qa` comes from `dve`, which is not configured
      hint: did you mean `dev`?
    promote.toml:4:13: the environment `dev` comes from `elsewhere`, which is not configured
      hint: list it under the environments, or correct the name
    promote.toml:6:16: `dev` is given twice in `from`
      hint: remove the second `dev`
    promote.toml:7:12: the environment `qa` has both `from` and `from-any`
      hint: keep `from` if all of them are needed, `from-any` if one is enough
    promote.toml:4:12: the list `from-any` is empty
      hint: name something in `from-any`, or remove it
    promote.toml:7:14: the directory name `x` means both `a` and `b`
      hint: give each environment directories of its own with `dirs`
    promote.toml:6:8: the directory name `b` means both `a` and `b`
      hint: give each environment directories of its own with `dirs`
    promote.toml:4:8: the list `dirs` is empty
      hint: name something in `dirs`, or remove it
    promote.toml:4:14: `x` is given twice in `dirs`
      hint: remove the second `x`
    promote.toml:4:9: `../x` is not a valid directory of an environment: it has the part `..`
      hint: write it like `prod/blue`, relative to where the layout has `{env}`
    ");
}

#[test]
fn environment_names_that_cannot_be_typed_are_refused() {
    insta::assert_snapshot!(refused(&[
        "[[environment]]\nname = ''",
        "[[environment]]\nname = '-dev'",
        "[[environment]]\nname = 'a b'",
        "[[environment]]\nname = 'a@b'",
        "[[environment]]\nname = \"a\\nb\"",
        "[[environment]]\nname = 'status'",
    ]), @r#"
    promote.toml:3:8: `""` is not a valid environment name: it is empty
      hint: write it like `prod-eu`: letters, digits and `. _ - +`
    promote.toml:3:8: `-dev` is not a valid environment name: it starts with `-`
      hint: write it like `prod-eu`: letters, digits and `. _ - +`
    promote.toml:3:8: `a b` is not a valid environment name: it holds a blank
      hint: write it like `prod-eu`: letters, digits and `. _ - +`
    promote.toml:3:8: `a@b` is not a valid environment name: it holds `@`
      hint: write it like `prod-eu`: letters, digits and `. _ - +`
    promote.toml:3:8: `a\u{a}b` is not a valid environment name: it holds the control character U+000A
      hint: write it like `prod-eu`: letters, digits and `. _ - +`
    promote.toml:3:8: the environment name `status` is the name of a command
      hint: choose another name, and keep the directory with `dirs = ["status"]` in promote.toml
    "#);
}

#[test]
fn layouts_that_cannot_match_are_refused() {
    insta::assert_snapshot!(refused_below_environments(&[
        "[layout]\npaths = []",
        "[layout]\npaths = ['apps/{app}']",
        "[layout]\npaths = ['{env}/{env}']",
        "[layout]\npaths = ['{env}', '{env}']",
        "[layout]\npaths = ['/apps/{env}']",
        "[layout]\npaths = [{ path = '../{env}' }]",
        "[layout]\npaths = [{ path = '{env}', fields = [{ path = 'a[' }] }]",
        "[layout]\npaths = [{ path = '{env}', fields = [{ path = 'a', kind = 'tag' }] }]",
    ]), @"
    promote.toml:7:9: the list `paths` is empty
      hint: name something in `paths`, or remove it
    promote.toml:7:10: `apps/{app}` is not a valid layout path: it has no `{env}`
      hint: write it like `apps/{app}/overlays/{env}`, relative to the root of the repository
    promote.toml:7:10: `{env}/{env}` is not a valid layout path: `{env}` is in it twice
      hint: write it like `apps/{app}/overlays/{env}`, relative to the root of the repository
    promote.toml:7:19: `{env}` is given twice in `paths`
      hint: remove the second `{env}`
    promote.toml:7:10: `/apps/{env}` is not a valid layout path: it is absolute
      hint: write it like `apps/{app}/overlays/{env}`, relative to the root of the repository
    promote.toml:7:19: `../{env}` is not a valid layout path: it has the part `..`
      hint: write it like `apps/{app}/overlays/{env}`, relative to the root of the repository
    promote.toml:7:47: `a[` is not a valid field path: it has a `[` without its `]`
      hint: write it like `spec.images[name=web].newTag` or `images[0].tag` or `tags[*]`
    promote.toml:7:59: `tag` is not a value of `kind`
      hint: write one of: version, image
    ");
}

#[test]
fn overrides_apps_and_tags_name_what_exists() {
    insta::assert_snapshot!(refused_below_environments(&[
        "[[override]]\nrule = 'GP099'",
        "[[override]]\nrule = 'soak'",
        "[[override]]\nrule = 'GP004'",
        "[[override]]\nrule = 'GP003'\nenvironments = ['stagging']",
        "[[override]]\nrule = 'GP003'\nenvironments = []",
        "[[app]]\nname = 'x['",
        "[[app]]\nname = 'x'\npolicy = 'lax'",
        "[[app]]\nname = 'x'\nenvironments = ['prod']",
        "[[app]]\nname = 'x'\n[[app]]\nname = 'x'",
    ]), @"
    promote.toml:7:8: `GP099` is not a rule
      hint: rules are GP001 to GP019
    promote.toml:7:8: `soak` is not a rule
      hint: rules are GP001 to GP019
    promote.toml:7:8: the rule `GP004` cannot be overridden
      hint: remove it: the rule has no exception
    promote.toml:8:17: the environment `stagging` is not configured
      hint: did you mean `staging`?
    promote.toml:8:16: the list `environments` is empty
      hint: name something in `environments`, or remove it
    promote.toml:7:8: `x[` is not a valid glob: unclosed character class; missing ']'
      hint: write it like `legacy-*`; `[` starts a set and `[[]` is the bracket itself
    promote.toml:8:10: `lax` is not a value of `policy`
      hint: write one of: strict, warn, off
    promote.toml:8:17: the environment `prod` is not configured
      hint: list it under the environments, or correct the name
    promote.toml:9:8: `x` is given twice in `app`
      hint: remove the second `x`
    ");
    insta::assert_snapshot!(refused(&[
        "mutable-tags = ['a', '{b']\n[[environment]]\nname = 'dev'",
        "deliver = 'psuh'\n[[environment]]\nname = 'dev'",
    ]), @"
    promote.toml:2:22: `{b` is not a valid glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
      hint: write it like `legacy-*`; `[` starts a set and `[[]` is the bracket itself
    promote.toml:2:11: `psuh` is not a value of `deliver`
      hint: write one of: commit, push, pr
    ");
}

#[test]
fn what_is_said_of_delivery_has_to_be_right() {
    let environment = "[[environment]]\nname = 'dev'\n";
    insta::assert_snapshot!(refused(&[
        &format!("{environment}reviewers = ['alice']"),
        &format!("{environment}deliver = 'fax'"),
        &format!("{environment}[forge]\nkind = 'cvs'"),
        &format!("{environment}[forge]\napi = 'https://user:secret@example.org'"),
        &format!("{environment}[forge]\nrepository = 'config'"),
        &format!("{environment}[pull-request]\nflow = 'per-moon'"),
        &format!("{environment}[pull-request]\nmerge-method = 'octopus'"),
        &format!("{environment}[pull-request]\nlabel = ['x']"),
    ]), @"
    promote.toml:4:14: `alice` is not a valid reviewer: it is neither `@name` nor `@org/team`
      hint: write it like `@acme/security` for a team, `@name` for a person
    promote.toml:4:11: `fax` is not a value of `deliver`
      hint: write one of: commit, push, pr
    promote.toml:5:8: `cvs` is not a value of `kind`
      hint: write one of: github, gitlab, gitea, azure, bitbucket, none
    promote.toml:5:7: `...@example.org` is not a valid address of a forge: it is no address such as https://github.example.org/api/v3
      hint: write it like `https://github.example.org/api/v3`, without name and password
    promote.toml:5:14: `config` is not a valid repository: it is no name such as acme/config
      hint: write it like `acme/config`
    promote.toml:5:8: `per-moon` is not a value of `flow`
      hint: write one of: per-env, per-app, per-version
    promote.toml:5:16: `octopus` is not a value of `merge-method`
      hint: write one of: squash, merge, rebase
    promote.toml:5:1: unknown key `label`, did you mean `labels`?
      hint: write `labels`
    ");
}

#[test]
fn what_tells_of_health_is_checked() {
    let health =
        |health: &str| refused(&[&format!("[[environment]]\nname = 'dev'\nhealth = {health}")]);
    let all: String = [
        "{}",
        "{ timeout = '10m' }",
        "{ context = '[' }",
        "{ context = '' }",
        "{ context = 'x/{foo}' }",
        "{ context = '{flux,argo}/{ap}' }",
        "{ context = 'x', timeout = '10' }",
        "{ context = 'x', since_arrival = true }",
        "{ kubectl = ['deployment/{app}'], since-arrival = true }",
        "{ kubectl = [] }",
        "{ kubectl = ['web'] }",
        "{ kubectl = ['deployment/{ap}'] }",
        "{ kubectl = ['deployment/--all'] }",
        "{ command = [] }",
        "{ command = ['{app}'] }",
        "{ command = ['../x'] }",
        "true",
    ]
    .iter()
    .map(|text| health(text))
    .collect();
    insta::assert_snapshot!(all, @r#"
    promote.toml:4:10: `health` asks nobody
      hint: add `context`, `kubectl` or `command`
    promote.toml:4:10: `health` asks nobody
      hint: add `context`, `kubectl` or `command`
    promote.toml:4:22: `[` is not a valid glob over the names of commit statuses: unclosed character class; missing ']'
      hint: write it like `kustomization/{app}-{env}/*`
    promote.toml:4:22: `` is not a valid glob over the names of commit statuses: it is empty
      hint: write it like `kustomization/{app}-{env}/*`
    promote.toml:4:22: `x/{foo}` is not a valid glob over the names of commit statuses: {foo} is none of the names in braces: {app}, {group}, {env}, {version}
      hint: write it like `kustomization/{app}-{env}/*`
    promote.toml:4:22: `{flux,argo}/{ap}` is not a valid glob over the names of commit statuses: {ap} is none of the names in braces: {app}, {group}, {env}, {version}
      hint: write it like `kustomization/{app}-{env}/*`
    promote.toml:4:37: `10` is not a valid span of time: it is no span of time such as 90s, 10m or 1h
      hint: write it like `24h`, `90m` or `1d 12h`
    promote.toml:4:27: unknown key `since_arrival`, did you mean `since-arrival`?
      hint: write `since-arrival`
    promote.toml:4:60: `since-arrival` means nothing without `context`
      hint: add `context`
    promote.toml:4:22: the list `kubectl` is empty
      hint: name something in `kubectl`, or remove it
    promote.toml:4:23: `web` is not a valid object of a cluster: it is neither KIND/NAME nor NAMESPACE/KIND/NAME
      hint: write it like `deployment/{app}` or `flux-system/kustomization/{app}`
    promote.toml:4:23: `deployment/{ap}` is not a valid object of a cluster: of names in braces there are {app}, {group}, {env}, {version}
      hint: write it like `deployment/{app}` or `flux-system/kustomization/{app}`
    promote.toml:4:23: `deployment/--all` is not a valid object of a cluster: a part of it is empty, or holds what no name does
      hint: write it like `deployment/{app}` or `flux-system/kustomization/{app}`
    promote.toml:4:22: the list `command` is empty
      hint: name something in `command`, or remove it
    promote.toml:4:23: `{app}` is not a valid program: which program it is does not depend on what is promoted
      hint: write it like `["ci/smoke.sh", "{app}"]`: a name, or a path in the repository
    promote.toml:4:23: `../x` is not a valid program: it climbs out of the repository
      hint: write it like `["ci/smoke.sh", "{app}"]`: a name, or a path in the repository
    promote.toml:4:10: invalid type: boolean `true`, expected a table such as { context = "*/{app}-{env}" }
      hint: `git promote init --print` shows a config as it should be
    "#);
    insta::assert_snapshot!(refused(&[
        "[[environment]]\nname = 'dev'\ncontext = '--kubeconfig=x'",
        "[[environment]]\nname = 'dev'\nnamespace = 'a b'",
    ]), @"
    promote.toml:4:11: `--kubeconfig=x` is not a valid context: it is no name of a context
      hint: write it like `prod-eu`, as `kubectl config get-contexts` lists them
    promote.toml:4:13: `a b` is not a valid namespace: a namespace has lower case letters, digits and `-`, at most 63
      hint: write it like `shop-prod`
    ");
}

#[test]
fn approvals_are_a_small_number() {
    insta::assert_snapshot!(refused(&[
        "[[environment]]\nname = 'dev'\napprovals = -1",
        "[[environment]]\nname = 'dev'\napprovals = 51",
        "[[environment]]\nname = 'dev'\napprovals = '2'",
        "[[environment]]\nname = 'dev'\nprotected = 1",
        "[[environment]]\nname = 'dev'\nrollback = { approvals = 99 }",
    ]), @r#"
    promote.toml:4:13: `-1` is not a valid number of approvals: it is not between 0 and 50
      hint: write it like `2`
    promote.toml:4:13: `51` is not a valid number of approvals: it is not between 0 and 50
      hint: write it like `2`
    promote.toml:4:13: invalid type: string "2", expected i64
      hint: `git promote init --print` shows a config as it should be
    promote.toml:4:13: invalid type: integer `1`, expected a boolean
      hint: `git promote init --print` shows a config as it should be
    promote.toml:4:26: `99` is not a valid number of approvals: it is not between 0 and 50
      hint: write it like `2`
    "#);
}

#[test]
fn how_long_and_by_whom_it_may_be_waived_is_checked() {
    let grant =
        |more: &str| format!("[[environment]]\nname = 'dev'\n[[override]]\nrule = 'GP003'\n{more}");
    let all: String = [
        "until = '2026-02-30'",
        "until = 'tomorrow'",
        "until = '2026-12-31T18:00:00'",
        "allowed-signers = []",
        "allowed-signers = ['/etc/signers']",
        "allowed-signers = ['../signers']",
        "allowed-signers = ['ssh-ed25519 AAAA']",
    ]
    .iter()
    .map(|more| refused(&[&grant(more)]))
    .collect();
    insta::assert_snapshot!(all, @"
    promote.toml:6:9: `2026-02-30` is not a valid date or time: it is neither a date nor a time with a zone
      hint: write it like `2026-12-31` or `2026-12-31T18:00:00Z`
    promote.toml:6:9: `tomorrow` is not a valid date or time: it is neither a date nor a time with a zone
      hint: write it like `2026-12-31` or `2026-12-31T18:00:00Z`
    promote.toml:6:9: `2026-12-31T18:00:00` is not a valid date or time: it is neither a date nor a time with a zone
      hint: write it like `2026-12-31` or `2026-12-31T18:00:00Z`
    promote.toml:6:19: the list `allowed-signers` is empty
      hint: name something in `allowed-signers`, or remove it
    promote.toml:6:20: `/etc/signers` is not a valid ssh key or path of a file of allowed signers: it is absolute
      hint: write it like `ssh-ed25519 AAAA...` or `.promote/allowed_signers`
    promote.toml:6:20: `../signers` is not a valid ssh key or path of a file of allowed signers: it has the part `..`
      hint: write it like `ssh-ed25519 AAAA...` or `.promote/allowed_signers`
    promote.toml:6:20: `ssh-ed25519 AAAA` is not a valid ssh key or path of a file of allowed signers: it is no public key
      hint: write it like `ssh-ed25519 AAAA...` or `.promote/allowed_signers`
    ");
}
