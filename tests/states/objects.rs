//! How objects are kept, and objects that are not there.

use std::fs;
use std::path::PathBuf;

use crate::matrix::{After, State, hold, nothing, works};
use crate::place::{Place, TARGET};

type Made = Result<Place, &'static str>;

fn made(with: impl FnOnce(&mut Place)) -> Made {
    let mut place = Place::new();
    with(&mut place);
    Ok(place)
}

/// A clone made with these arguments, in which the commands are run.
fn cloned(args: &[&str]) -> Made {
    made(|p| {
        p.git(["config", "uploadpack.allowFilter", "true"]);
        p.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let url = format!("file://{}", p.root.display());
        let clone = p.home.join("clone");
        let command = ["clone", "-q"].into_iter().chain(args.iter().copied());
        p.git(command.chain([url.as_str(), clone.to_str().unwrap()]));
        p.root = clone;
    })
}

#[test]
fn stores() {
    hold(&[
        works("packed", || made(|p| _ = p.git(["gc", "-q"]))),
        works("packed without deltas", || {
            made(|p| _ = p.git(["repack", "-q", "-a", "-d", "-f", "--depth=0"]))
        }),
        works("several packs and a multi-pack-index", || {
            made(|p| {
                p.git(["repack", "-q", "-a", "-d"]);
                p.write("notes/a", "more\n");
                p.save("more");
                p.git(["repack", "-q", "-d"]);
                p.git(["multi-pack-index", "write"]);
            })
        }),
        works("a commit-graph", || {
            made(|p| _ = p.git(["commit-graph", "write", "--reachable", "--changed-paths"]))
        }),
        works("a chain of commit-graphs", || {
            made(|p| {
                p.git(["commit-graph", "write", "--reachable", "--split"]);
                p.save("more");
                p.git(["commit-graph", "write", "--reachable", "--split=no-merge"]);
            })
        }),
        works("bitmaps", || made(|p| _ = p.git(["repack", "-q", "-a", "-d", "-b"]))),
        works("alternates", || cloned(&["--shared"])),
        works("alternates by a relative path", || {
            cloned(&["--shared"]).inspect(|p| {
                p.write(".git/objects/info/alternates", "../../../repo/.git/objects\n");
            })
        }),
        works("core.compression=0", || made(|p| _ = p.git(["config", "core.compression", "0"]))),
        works("core.fsync=all", || made(|p| _ = p.git(["config", "core.fsync", "all"]))),
        works("core.fsync=none", || made(|p| _ = p.git(["config", "core.fsync", "none"]))),
        works("shallow", || cloned(&["--depth=1"])),
        works("shallow, and not at its end", || cloned(&["--depth=2"])),
        works("partial, without blobs", || cloned(&["--filter=blob:none"])),
        nothing(
            "partial, without trees",
            || cloned(&["--filter=tree:0"]),
            (5, "the tree [ID] is not in this clone"),
        ),
        works("partial, without trees, after what the hint says", || {
            cloned(&["--filter=tree:0"]).inspect(|p| {
                let fetch = ["fetch", "-q", "--no-auto-maintenance", "--refetch"];
                p.git(fetch.iter().chain(&["--no-filter", "origin"]));
            })
        }),
        works("one branch", || cloned(&["--single-branch", "--no-tags"])),
        works("replaced", || {
            made(|p| {
                let tree = p.git(["rev-parse", "HEAD^{tree}"]);
                let other = p.git(["commit-tree", "-m", "other", tree.trim()]);
                p.git(["replace", "HEAD", other.trim()]);
                p.env("GIT_NO_REPLACE_OBJECTS", "1");
            })
        }),
        works("a blob of the target is replaced", || {
            made(|p| {
                let id = p.git(["rev-parse", &format!("HEAD:{TARGET}")]);
                let other = p.git(["rev-parse", "HEAD:notes/a"]);
                p.git(["replace", id.trim(), other.trim()]);
                p.env("GIT_NO_REPLACE_OBJECTS", "1");
            })
        }),
        works("grafts", || {
            made(|p| {
                let head = p.git(["rev-parse", "HEAD"]);
                p.write(".git/info/grafts", &head);
            })
        }),
    ]);
}

/// The file of a loose object.
fn loose(place: &Place, spec: &str) -> PathBuf {
    let id = place.git(["rev-parse", spec]);
    let (dir, file) = id.trim().split_at(2);
    place.root.join(".git/objects").join(dir).join(file)
}

fn without(spec: &str) -> Made {
    made(|p| fs::remove_file(loose(p, spec)).unwrap())
}

fn broken(spec: &str) -> Made {
    made(|p| {
        let file = loose(p, spec);
        fs::remove_file(&file).unwrap();
        fs::write(file, "garbage").unwrap();
    })
}

#[test]
fn missing_and_broken_objects() {
    const NO_COMMIT: &str = "the commit [ID] is not in this clone";
    hold(&[
        nothing("the commit is missing", || without("HEAD"), (5, NO_COMMIT)),
        nothing("the commit is broken", || broken("HEAD"), (128, "cannot read commit [ID]: …")),
        nothing(
            "the root tree is missing",
            || without("HEAD^{tree}"),
            (5, "the tree [ID] is not in this clone"),
        ),
        nothing(
            "the config is missing",
            || without("HEAD:promote.toml"),
            (5, "cannot read `promote.toml`: the blob [ID] is not in this clone"),
        ),
        State { after: After::NoFsck, ..works("a note is missing", || without("HEAD:notes/a")) },
        nothing(
            "the target is missing",
            || without(&format!("HEAD:{TARGET}")),
            (
                5,
                "cannot read `apps/web/overlays/staging/kustomization.yaml`: the blob [ID] is not in this clone",
            ),
        ),
        nothing(
            "the target is broken",
            || broken(&format!("HEAD:{TARGET}")),
            (8, "cannot read `apps/web/overlays/staging/kustomization.yaml`: …"),
        ),
        nothing(
            "what dev runs is missing",
            || without("HEAD:apps/web/overlays/dev/kustomization.yaml"),
            (
                5,
                "cannot read `apps/web/overlays/dev/kustomization.yaml`: the blob [ID] is not in this clone",
            ),
        ),
        nothing(
            "the commit before is missing",
            || without("HEAD^"),
            (128, "cannot read commit [ID]: An object with id [ID] could not be found"),
        ),
    ]);
}
