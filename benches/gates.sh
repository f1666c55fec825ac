#!/usr/bin/env bash
# How long `git promote check` takes for a change that moves every app, with all
# gates on beside a config that has none of them: soak, windows, freezes, holds,
# policies and required trailers.
#
#   benches/gates.sh [APPS]             default: 1000
#
#   RUNS=15      measured runs of each config
#   PROGRAM=DIR  use the git-promote in this directory, build none
#
# Needs git, cargo, hyperfine and awk.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
apps=${1:-1000} runs=${RUNS:-15}

. "$here/benches/start.sh"

plain='version = 1
[layout]
paths = ["apps/{app}/overlays/{env}"]
[[environment]]
name = "dev"
[[environment]]
name = "staging"
'
gates="$plain"'soak = "24h"
windows = [
    { allow = "Mon-Fri 10:00-16:00", timezone = "Europe/Berlin" },
    { cron = "0 8-18 * * *", duration = "2h", timezone = "America/New_York" },
    { deny = "Fri 14:00-24:00", timezone = "Europe/Berlin" },
]
freezes = [{ from = "2023-12-20", to = "2024-01-04", timezone = "Europe/Berlin" }]
require-trailers = ["Ticket"]
[[policy]]
name = "steps"
expression = "promotion.step in ['"'patch', 'minor'"'] || promotion.rollback"
[[policy]]
name = "a day before"
expression = "from.all(f, now - f.since >= duration('"'24h'"')) && promotion.app.matches('"'^app[0-9]+$'"')"
'

# A stream for git fast-import: N apps; dev has v1.1.0, and the branch `change`
# brings it to staging. 500 of other apps are held.
stream() {
    awk -v apps="$1" -v config="$2" '
    function file(path, text) {
        printf "M 100644 inline %s\ndata %d\n%s\n", path, length(text), text
    }
    function overlay(app, env, tag) {
        file("apps/" app "/overlays/" env "/kustomization.yaml", \
             "resources:\n- ../../base\nimages:\n- name: registry.example/acme/" app "\n  newTag: " tag "\n")
    }
    function start(ref, mark, from, time, message) {
        printf "commit refs/heads/%s\nmark :%d\n", ref, mark
        printf "committer Bench <bench@example.org> %d +0000\n", time
        printf "data %d\n%s\n", length(message), message
        if (from) printf "from :%d\n", from
    }
    BEGIN {
        start("main", 1, 0, 1699000000, "Start")
        file("promote.toml", config)
        for (n = 1; n <= 500; n++)
            held = held "[[hold]]\nenvironment = \"staging\"\napp = \"other" n "\"\nreason = \"x\"\n\n"
        if (config ~ /soak/) file(".promote/holds.toml", held)
        for (n = 1; n <= apps; n++) {
            app = "app" n
            file("apps/" app "/base/kustomization.yaml", "resources:\n- deployment.yaml\n")
            file("apps/" app "/base/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: " app "\nspec:\n  selector:\n    matchLabels: {app: " app "}\n  template:\n    metadata:\n      labels: {app: " app "}\n    spec:\n      containers:\n      - name: " app "\n        image: registry.example/acme/" app "\n")
            overlay(app, "dev", "v1.1.0"); overlay(app, "staging", "v1.0.0")
        }
        for (n = 2; n <= 500; n++) {
            start("main", n, n - 1, 1699000000 + n * 60, "Deploy")
            overlay("app" (n % apps + 1), "dev", "v1." n ".0")
            n++
            start("main", n, n - 1, 1699000000 + n * 60, "Deploy back")
            overlay("app" ((n - 1) % apps + 1), "dev", "v1.1.0")
        }
        start("change", 1001, n - 1, 1699500000, "Promote all\n\nTicket: OPS-42\n")
        for (n = 1; n <= apps; n++) overlay("app" n, "staging", "v1.1.0")
    }'
}

for kind in plain gates; do
    dir="$work/$kind"
    git init -q -b main "$dir"
    if [ "$kind" = plain ]; then config=$plain; else config=$gates; fi
    stream "$apps" "$config" | git -C "$dir" fast-import --quiet
    git -C "$dir" symbolic-ref HEAD refs/heads/main
    # Thursday, 2023-11-16, 11:00 in Berlin.
    (cd "$dir" && git-promote check main..change --at 2023-11-16T10:00:00Z | head -1)
done
hyperfine --warmup 2 --runs "$runs" --shell=none --export-json "$work/gates.json" \
    "git-promote -C $work/plain check main..change --at 2023-11-16T10:00:00Z -q" \
    "git-promote -C $work/gates check main..change --at 2023-11-16T10:00:00Z -q"
