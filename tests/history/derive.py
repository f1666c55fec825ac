#!/usr/bin/env python3
"""Which versions entered which environment, told from diffs alone.

    derive.py REPO [FILE]

An independent reading of a history, to hold `git promote log` against: nothing
but the text of `git log -p --first-parent` with whole files as context, and
the `images:` entries of kustomizations in it (PyYAML). A version enters where a
commit writes it into a file that did not hold it, unless it is new in that file
and another file of the overlay has it already. Layout:
components/{app}/{env}, environments development, staging, production.

Prints one JSON object a line: commit, environment, app, image, previous,
version; newest first. Nothing is shared with the program.
"""

import json
import re
import subprocess
import sys

import yaml

ENVIRONMENTS = ("development", "staging", "production")
NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def pins(text):
    """Image -> versions, in the order of the file; None where it is no YAML."""
    try:
        document = yaml.load(text, LOADER) if text else {}
    except yaml.YAMLError:
        return None
    found = {}
    if not isinstance(document, dict):
        return found
    for entry in document.get("images") or []:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        tag, digest = entry.get("newTag"), entry.get("digest")
        # A number or a date is no tag: kustomize refuses it too.
        tag = tag if isinstance(tag, str) and tag else None
        if tag is None and entry.get("newTag") is not None:
            continue
        version = "@".join(part for part in (tag, digest) if part)
        if version:
            found.setdefault(entry["name"], [])
            if version not in found[entry["name"]]:
                found[entry["name"]].append(version)
    return found


def commits(repo):
    """Each commit of the first-parent line and the files that it changed, each
    with its whole text before and after."""
    command = ["git", "-C", repo, "-c", "core.quotePath=false", "log", "--first-parent", "-p",
               "--diff-merges=first-parent", "--no-renames", "--no-color", "--no-ext-diff",
               "--no-textconv", "-U10000000", "--src-prefix=a/", "--dst-prefix=b/",
               "--format=%x00%H", "HEAD", "--"]
    command += [f":(glob)components/*/{env}/**/{name}" for env in ENVIRONMENTS for name in NAMES]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    for block in output.decode("utf-8", "replace").split("\0")[1:]:
        commit, _, rest = block.partition("\n")
        files = []
        for part in re.split(r"^diff --git ", rest, flags=re.M)[1:]:
            lines = part.split("\n")
            path = re.match(r"a/(.*) b/\1$", lines[0])
            before, after, inside = [], [], False
            for line in lines[1:]:
                if line.startswith("@@"):
                    inside = True
                elif not inside:
                    continue
                elif line.startswith("-"):
                    before.append(line[1:])
                elif line.startswith("+"):
                    after.append(line[1:])
                elif line.startswith(" "):
                    before.append(line[1:])
                    after.append(line[1:])
            if path:
                files.append((path.group(1), "\n".join(before), "\n".join(after)))
        yield commit, files


def records(repo):
    """The records, newest first."""
    history = list(commits(repo))
    last = {}
    found = []
    # Each overlay's files, and what they hold.
    state = {}
    # From the oldest on: a file that cannot be read counts for what it last was.
    for commit, files in reversed(history):
        before, after, order, changed = {}, {}, [], {}
        for path, old, new in files:
            _, app, environment, *_ = path.split("/")
            read = pins(new)
            was = pins(old)
            if was is None:
                was = last.get(path, {})
            if read is None:
                last.setdefault(path, was)
                continue
            last[path] = read
            changed.setdefault((environment, app), {})[path] = read
            for image in list(was) + list(read):
                key = (environment, app, image)
                if key not in order:
                    order.append(key)
                before.setdefault(key, []).extend(was.get(image, []))
                after.setdefault(key, []).extend(read.get(image, []))
        here = []
        for key in order:
            overlay = state.setdefault(key[:2], {})
            if not before[key]:
                # New in these files: what did the others of the overlay hold?
                others = [path for path in sorted(overlay) if path not in changed[key[:2]]]
                before[key] = [pin for path in others for pin in overlay[path].get(key[2], [])]
            told = []
            for version in after[key]:
                if version not in before[key] and version not in told:
                    told.append(version)
                    here.append({"commit": commit, "environment": key[0], "app": key[1],
                                 "image": key[2], "previous": (before[key] or [None])[0],
                                 "version": version})
        found.append(here)
        for overlay, files_now in changed.items():
            state.setdefault(overlay, {}).update(files_now)
    return [record for here in reversed(found) for record in here]


def main():
    for record in records(sys.argv[1]):
        print(json.dumps(record))


if __name__ == "__main__":
    main()
