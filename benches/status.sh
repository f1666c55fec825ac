#!/usr/bin/env bash
# How long `git promote status` takes beside `git grep newTag HEAD`, in
# generated repositories of N apps with three overlays each.
#
#   benches/status.sh [APPS...]         default: 10000
#
#   RUNS=10      measured runs of each command
#   COMMITS=100  commits of history: each moves one app in one environment
#   KEEP=DIR     keep the repositories there, and use those that are there
#   PROGRAM=DIR  use the git-promote in this directory, build none
#
# `first` is a commit that was never looked at, and none before it; `next` one
# that comes after one that was; `again` one that was. Needs git, cargo,
# hyperfine and awk.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(10000)
runs=${RUNS:-10} commits=${COMMITS:-100}

. "$here/benches/start.sh"

# A stream for git fast-import: N apps with a base and three overlays; then
# commits that deploy to dev.
stream() {
    awk -v apps="$1" -v commits="$2" '
    function file(path, text) {
        printf "M 100644 inline %s\ndata %d\n%s\n", path, length(text), text
    }
    function overlay(app, env, tag) {
        file("apps/" app "/overlays/" env "/kustomization.yaml", \
             "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" \
             "namespace: " env "\nresources:\n- ../../base\nimages:\n# pinned by promotion\n" \
             "- name: registry.example/acme/" app "\n  newTag: " tag "\n")
    }
    function start(n) {
        printf "commit refs/heads/main\nmark :%d\n", n
        printf "committer Bench <bench@example.org> %d +0000\ndata 4\nMove\n", 1600000000 + n * 60
        if (n > 1) printf "from :%d\n", n - 1
    }
    BEGIN {
        split("dev staging prod", envs, " ")
        start(1)
        file("promote.toml", "version = 1\n[layout]\npaths = [\"apps/{app}/overlays/{env}\"]\n" \
             "[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"staging\"\n" \
             "[[environment]]\nname = \"prod\"\n")
        for (n = 1; n <= apps; n++) {
            file("apps/app-" n "/base/kustomization.yaml", "resources:\n- deployment.yaml\n")
            for (e = 1; e <= 3; e++) overlay("app-" n, envs[e], "v1.0.0")
        }
        for (n = 2; n <= commits + 1; n++) {
            start(n)
            overlay("app-" (n * 7919 % apps + 1), "dev", "v1." n ".0")
        }
    }'
}

median() {
    awk -F, 'FNR == 2 { printf "%.1f", $4 * 1000 }' "$1"
}

measure() {
    hyperfine --shell=none --warmup 1 --runs "$runs" --export-csv "$work/times.csv" "$@" \
        >/dev/null 2>"$work/hyperfine.log" || { cat "$work/hyperfine.log" >&2; exit 1; }
    median "$work/times.csv"
}

for apps in "${sizes[@]}"; do
    repo=$work/status-$apps-$commits.git
    if [ ! -d "$repo" ]; then
        git init -q --bare -b main "$repo.new"
        stream "$apps" "$commits" | git -C "$repo.new" fast-import --quiet
        git -C "$repo.new" repack -adq
        mv "$repo.new" "$repo"
    fi
    cd "$repo"
    grep=$(measure "git grep newTag HEAD")
    first=$(measure --prepare "rm -rf promote/status" "git promote status")
    tip=$(git rev-parse main)
    git update-ref refs/heads/main main~1
    rm -rf promote/status "$work/before"
    git promote status >/dev/null
    cp -r promote/status "$work/before"
    git update-ref refs/heads/main "$tip"
    next=$(measure --prepare "sh -c 'rm -rf promote/status && cp -r $work/before promote/status'" "git promote status")
    again=$(measure "git promote status")
    all=$(measure "git promote status -o tsv")
    awk -v apps="$apps" -v commits="$commits" -v theirs="$grep" -v first="$first" -v after="$next" \
        -v again="$again" -v all="$all" 'BEGIN {
        printf "%d apps, %d commits: git grep %.0f ms, first %.0f ms (%.2f), next %.0f ms (%.2f), again %.0f ms (%.2f), every row %.0f ms (%.2f)\n", \
            apps, commits, theirs, first, first / theirs, after, after / theirs, again, again / theirs, all, all / theirs }'
done
