#!/usr/bin/env python3
"""How often, how fast and how often back, told from diffs alone.

    metrics.py REPO UNTIL

An independent count to hold `git promote log --metrics -o json` against, over
the records of derive.py and by the words of docs/history.md. UNTIL is the time
that frequencies are counted to, RFC 3339. The repository has no audit records:
what goes back is told by the trees.

Prints one JSON object a line: environment, app, month (null: all), deployments,
perWeek, rollbacks, leadTime and timeToRestore as [count, median, p90].
"""

import datetime
import json
import re
import subprocess
import sys
from collections import defaultdict

import derive

FIRST = ("development", "staging")
WEEK = 7 * 86400


def times(repo):
    """Commit -> its committer time, in seconds."""
    command = ["git", "-C", repo, "log", "--first-parent", "--format=%H %ct"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[0]: int(line.split()[1]) for line in lines.splitlines()}


def number(version):
    """The tag of a version as a sortable number; None where it is none."""
    tag = version.split("@")[0]
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?",
                         tag)
    if found:
        major, minor, patch, pre = found.groups()
        parts = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in (pre or "").split(".") if p]
        return "dotted", (int(major), int(minor), int(patch or 0)), pre is None, parts
    if re.fullmatch(r"v?\d{1,6}", tag):
        return "build", (int(tag.lstrip("v")),), True, []
    return None


def newer(a, b):
    """Whether a is newer than b by its number; None where numbers do not tell."""
    a, b = number(a), number(b)
    if a is None or b is None or a[0] != b[0] or a[1:] == b[1:]:
        return None
    return a[1:] > b[1:]


def deployments(records, when):
    """One a commit, environment and app: time, and what is told of it."""
    # When was it first in a first environment? By the order of the line; what
    # comes into several environments at once was in the first, too.
    place_of = {commit: at for at, commit in enumerate(reversed(when))}
    begun = {}
    for record in reversed(records):
        if record["environment"] in FIRST:
            key = (record["app"], record["image"], record["version"])
            begun.setdefault(key, record["commit"])
    arrived, since = set(), {}
    ran, undone = defaultdict(set), {}
    found = {}
    for record in reversed(records):
        environment, app, image = record["environment"], record["app"], record["image"]
        version, previous = record["version"], record["previous"]
        now, place = when[record["commit"]], (environment, app, image)
        # Does it go back?
        ran[place].add(previous)
        back = False
        if previous is not None and version in ran[place]:
            order = newer(version, previous)
            back = not order if order is not None else undone.get(place) != version
        undone[place] = previous if back else None
        ran[place].add(version)
        # Is it new here, and since when was there what stood here?
        fresh = (place, version) not in arrived
        arrived.add((place, version))
        stood, since[place] = since.get(place), now
        if previous is None:
            continue
        one = found.setdefault((record["commit"], environment, app),
                               {"time": now, "back": False, "lead": [], "restore": []})
        one["back"] |= back
        start = begun.get((app, image, version))
        known = start is not None and place_of[start] <= place_of[record["commit"]]
        if known and fresh and not back and environment not in FIRST:
            one["lead"].append(now - when[start])
        if back and stood is not None:
            one["restore"].append(now - stood)
    return found


def spans(values):
    values = sorted(values)
    if not values:
        return None
    count = len(values)
    low, high = values[(count - 1) // 2], values[count // 2]
    nine_tenths = next(v for v in values if 10 * sum(w <= v for w in values) >= 9 * count)
    return [count, low + (high - low) // 2, nine_tenths]


def main():
    repo = sys.argv[1]
    until = int(datetime.datetime.fromisoformat(sys.argv[2].replace("Z", "+00:00")).timestamp())
    found = deployments(derive.records(repo), times(repo))
    begin = min(one["time"] for one in found.values())
    groups = defaultdict(list)
    for (_, environment, app), one in found.items():
        day = datetime.datetime.fromtimestamp(one["time"], datetime.timezone.utc)
        month = day.strftime("%Y-%m")
        for key in ((None, None), (None, month), (app, None), (app, month)):
            groups[(environment, *key)].append(one)
    for (environment, app, month), those in groups.items():
        hundredths = len(those) * 100 * WEEK // max(until - begin, WEEK)
        print(json.dumps({
            "environment": environment, "app": app, "month": month,
            "deployments": len(those),
            "perWeek": hundredths / 100 if month is None else None,
            "rollbacks": sum(one["back"] for one in those),
            # The images of an app that move together arrive with the last of them.
            # What ends before it began tells of clocks, and of nothing else.
            "leadTime": spans([max(one["lead"]) for one in those
                               if max(one["lead"], default=-1) >= 0 and not one["back"]]),
            "timeToRestore": spans([max(one["restore"]) for one in those
                                    if max(one["restore"], default=-1) >= 0]),
        }))


if __name__ == "__main__":
    main()
