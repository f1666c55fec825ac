#!/usr/bin/env python3
"""Which versions entered which environment, told from diffs alone.

    derive.py REPO [FILE]

An independent reading of a history, to hold `git promote log` against: nothing
but the text of `git log -p --first-parent` with whole files as context, the
`images:` entries of kustomizations and the images of containers in it (PyYAML). A version enters where a
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


CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
IMAGE = re.compile(r"([^@]+?)(?::([A-Za-z0-9_][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$")


def containers(node):
    """The images of all containers below a node."""
    if isinstance(node, list):
        for item in node:
            yield from containers(item)
    elif isinstance(node, dict):
        # An operation of a JSON patch.
        if "op" in node and str(node.get("path")).endswith("/image"):
            if isinstance(node.get("value"), str):
                yield node["value"]
        for key, value in node.items():
            if key in CONTAINERS and isinstance(value, list):
                for item in value:
                    if isinstance(item, dict) and isinstance(item.get("image"), str):
                        yield item["image"]
            yield from containers(value)


def images(text):
    """Image -> versions of the containers of a manifest; None: no YAML."""
    found = {}
    try:
        documents = list(yaml.load_all(text, LOADER))
    except yaml.YAMLError:
        return None
    for image in containers(documents):
        name, tag, digest = IMAGE.match(image).groups()
        version = "@".join(part for part in (tag, digest) if part)
        if version and version not in found.setdefault(name, []):
            found[name].append(version)
    return {name: versions for name, versions in found.items() if versions}


def patches(text):
    """Image -> versions of the containers in inline patches of a kustomization."""
    document = yaml.load(text, LOADER) if text else {}
    found = {}
    for patch in (document or {}).get("patches") or []:
        if isinstance(patch, dict) and isinstance(patch.get("patch"), str):
            found.update(images(patch["patch"]) or {})
    return found


def read(path, text):
    """Entries and images of a file; None where it is no YAML."""
    if path.rsplit("/", 1)[1] in NAMES:
        entries = pins(text)
        return None if entries is None else (entries, patches(text))
    found = images(text)
    return None if found is None else ({}, found)


def commits(repo):
    """Each commit of the first-parent line and the files that it changed, each
    with its whole text before and after."""
    command = ["git", "-C", repo, "-c", "core.quotePath=false", "log", "--first-parent", "-p",
               "--diff-merges=first-parent", "--no-renames", "--no-color", "--no-ext-diff",
               "--no-textconv", "-U10000000", "--src-prefix=a/", "--dst-prefix=b/",
               "--format=%x00%H", "HEAD", "--"]
    command += [f":(glob)components/*/{env}/**/*.y*ml" for env in ENVIRONMENTS]
    command += [f":(glob)components/*/{env}/**/Kustomization" for env in ENVIRONMENTS]
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


def held(files, entries, only=None):
    """Image -> versions of files; an `image:` that an entry of the overlay
    rewrites does not count."""
    found = {}
    for path in sorted(files):
        if only is None or path in only:
            strong, weak = files[path]
            for image, versions in strong.items():
                found.setdefault(image, []).extend(versions)
            for image, versions in weak.items():
                if image not in entries:
                    found.setdefault(image, []).extend(versions)
    return found


def entries_of(files):
    return {image for strong, _ in files.values() for image in strong}


def records(repo):
    """The records, newest first."""
    state, found = {}, []
    # From the oldest on: a file that cannot be read counts for what it last was.
    for commit, files in reversed(list(commits(repo))):
        overlays = {}
        for path, old, new in files:
            _, app, environment, *_ = path.split("/")
            overlays.setdefault((environment, app), {})[path] = new
        here = []
        for overlay, texts in overlays.items():
            was = state.setdefault(overlay, {})
            now = dict(was)
            for path, text in texts.items():
                known = read(path, text) if text else ({}, {})
                if known is not None:
                    now[path] = known
            old_entries, new_entries = entries_of(was), entries_of(now)
            before = held(was, old_entries, texts)
            everything = held(was, old_entries)
            for image, versions in held(now, new_entries, texts).items():
                old = before.get(image) or everything.get(image) or []
                for version in dict.fromkeys(versions):
                    if version not in old:
                        here.append({"commit": commit, "environment": overlay[0],
                                     "app": overlay[1], "image": image,
                                     "previous": (old or [None])[0], "version": version})
            state[overlay] = now
        found.append(here)
    return [record for here in reversed(found) for record in here]


def main():
    for record in records(sys.argv[1]):
        print(json.dumps(record))


if __name__ == "__main__":
    main()
