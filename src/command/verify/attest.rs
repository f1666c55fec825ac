//! `verify --attest COMMIT`: an in-toto statement of one promotion.

use serde_json::{Map, Value, json};

use crate::audit::{self, Claims};
use crate::gate::short_id;
use crate::git::{Carrier, Signature};
use crate::model::{Pin, Promotion};
use crate::output;

use super::super::{Answer, Context, Exit, Failure, Remark, Workspace};
use super::compare::Comparison;
use super::line::Verifying;
use super::{VerifyArgs, commit, revision};

/// The type of the statement (in-toto attestation framework 1.0).
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The type of the predicate; `docs/verify.md` describes it.
const PREDICATE: &str = "https://github.com/git-promote/git-promote/attestation/promotion/v1";

/// Verifies one commit and states what it promoted.
pub(super) fn run(
    context: &Context,
    workspace: &Workspace,
    (args, name): (&VerifyArgs, &str),
) -> Result<Answer, Failure> {
    let repo = &workspace.repo;
    let id = revision(repo, name)?;
    let carrier = repo.carrier(id)?;
    let records = audit::claims(&carrier.message);
    let short = id.to_string();
    let short = short_id(&short);
    let (Some(parent), [record]) = (carrier.parent, records.as_slice()) else {
        let what = if records.is_empty() { "no record" } else { "several records" };
        return Err(Failure::not_found(format!(
            "the commit {short} carries {what} of a promotion"
        ))
        .hint("git log --grep=Promote-Id --format=%h"));
    };
    let mut verifying = Verifying::new(workspace, args, name);
    let counting = verifying.configs.at(repo, parent)?.ok_or_else(|| {
        Failure::not_found(format!("there is no config before {short} to verify it by"))
    })?;
    let config = counting.config;
    let changes = commit::moved(repo, &config, (parent, id))?.planned;
    let seconds = carrier.seconds;
    let judged = commit::Judged { config: &config, parent, id, seconds, reverts: false };
    let open = verifying.carrier(&judged, (&records, &changes))?.len();
    verifying.signature(id, carrier.seconds, true)?;
    let wrong: Vec<String> = verifying
        .report
        .rows
        .iter()
        .map(|row| format!("{}: {}", row.flaw.word(), row.message))
        .collect();
    if open > 0 || !wrong.is_empty() {
        let why =
            if wrong.is_empty() { "it changes more than it says".into() } else { wrong.join("; ") };
        let failure = Failure::new(Exit::Differs, format!("{short} is not attested: {why}"));
        return Err(failure.hint(format!("git promote verify {short}^..{short}")));
    }
    let promotions = Comparison::of(record, &changes).promotions();
    let signature = if carrier.is_signed { Some(repo.signature(id)?) } else { None };
    let statement = statement((&carrier, record), &promotions, signature.as_ref());
    let text = output::pretty(&statement);
    let Some(file) = &args.file else { return Ok(Answer::done(text)) };
    let path = context.directory.join(file);
    std::fs::write(&path, text).map_err(|error| {
        Failure::new(Exit::Invalid, format!("cannot write `{}`: {error}", file.display()))
            .hint(format!("git promote verify --attest {short}"))
    })?;
    let note = Remark::Note(format!("wrote {}", file.display()));
    Ok(Answer { remarks: vec![note], ..Answer::done(String::new()) })
}

fn statement(
    (carrier, record): (&Carrier, &Claims),
    promotions: &[Promotion],
    signature: Option<&Signature>,
) -> Value {
    let id = carrier.id.to_string();
    let mut subjects = vec![json!({"name": format!("commit {id}"), "digest": {"gitCommit": id}})];
    for promotion in promotions {
        let digest = promotion.version.digest.as_ref().map(ToString::to_string);
        if let Some((algorithm, hex)) = digest.as_deref().and_then(|digest| digest.split_once(':'))
        {
            let name = promotion.repository.as_deref().unwrap_or(&promotion.image);
            let digest: Map<String, Value> =
                [(algorithm.to_owned(), json!(hex))].into_iter().collect();
            subjects.push(json!({"name": name, "digest": digest}));
        }
    }
    let from =
        record.from.iter().map(|(name, commit)| json!({"environment": name, "commit": commit}));
    let gates = record.gates.iter().map(|(rule, result)| json!({"rule": rule, "result": result}));
    let overrides = record.waivers.iter();
    let overrides = overrides.map(|w| json!({"rule": w.rule.to_string(), "reason": w.reason}));
    let lines = record.lines.iter().map(|(key, value)| json!({"key": key, "value": value}));
    json!({
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {
            "to": record.to,
            "from": from.collect::<Vec<_>>(),
            "promotions": promotions.iter().map(moved).collect::<Vec<_>>(),
            "gates": gates.collect::<Vec<_>>(),
            "overrides": overrides.collect::<Vec<_>>(),
            "rollback": record.rollback,
            "id": record.id,
            "committed": output::day(carrier.seconds),
            "signer": match signature {
                Some(Signature::Good(signer)) => json!(signer),
                _ => Value::Null,
            },
            "record": lines.collect::<Vec<_>>(),
        },
    })
}

fn moved(promotion: &Promotion) -> Value {
    let tag = |pin: &Pin| pin.tag.as_ref().map(ToString::to_string);
    let digest = |pin: &Pin| pin.digest.as_ref().map(ToString::to_string);
    json!({
        "app": promotion.app.to_string(),
        "image": promotion.image,
        "previous": tag(&promotion.previous),
        "version": tag(&promotion.version),
        "previousDigest": digest(&promotion.previous),
        "digest": digest(&promotion.version),
    })
}
