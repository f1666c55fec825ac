#!/bin/sh
# Runs `git promote check` in a job of a CI system, and brings what a shallow
# clone lacks: first the two commits that are compared, then the history
# without its files, then the files of the past.
#
# Each step is taken only where the answer asks for it, and once. Whatever can
# not be fetched stays unproven, and the check says so.
#
# All that it is told comes by the environment:
#   PROMOTE_BASE, PROMOTE_HEAD   revisions, where the CI system names none
#   PROMOTE_SARIF, PROMOTE_JUNIT, PROMOTE_CODEQUALITY, PROMOTE_MARKDOWN
#                                files for reports
#   PROMOTE_ADOPT, PROMOTE_EXIT_ZERO
#                                `true` adds --adopt, --exit-zero
#   PROMOTE_REMOTE               where to fetch from; origin
#   PROMOTE_PROGRAM              the program; git-promote
# The verdict and both ids are written to GITHUB_OUTPUT, where that is set.
set -eu

program=${PROMOTE_PROGRAM:-git-promote}
remote=${PROMOTE_REMOTE:-origin}
export GIT_TERMINAL_PROMPT=0

if ! command -v "$program" >/dev/null 2>&1; then
    echo "error: $program is not installed; nothing was checked" >&2
    exit 127
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

set -- check
if [ -n "${PROMOTE_BASE:-}" ]; then set -- "$@" "--base=$PROMOTE_BASE"; fi
if [ -n "${PROMOTE_HEAD:-}" ]; then set -- "$@" "--head=$PROMOTE_HEAD"; fi
if [ "${PROMOTE_ADOPT:-}" = true ]; then set -- "$@" --adopt; fi

# Asks for the verdict: `code`, and the answer in files.
probe() {
    code=0
    "$program" "$@" --ci none --output json </dev/null >"$work/json" 2>"$work/error" || code=$?
}

# A field at the top of the answer. What is quoted in a text within it has
# backslashes, and stands further in.
field() {
    sed -n "s/^  \"$1\": \"\\([0-9a-z]*\\)\",\\{0,1\\}\$/\\1/p" "$work/json" | head -n 1
}

# The base or head that is not there.
missing_end() {
    sed -n 's/^ *"message": "the [a-z]* \([0-9a-f]*\) is not in this clone",$/\1/p' \
        "$work/json" | head -n 1
}

lacks_history() {
    grep -A 1 '^ *"rule": "GP010",$' "$work/json" | grep -q '"result": "unverifiable"'
}

is_shallow() {
    [ "$(git rev-parse --is-shallow-repository)" = true ]
}

# Fetches and says what; whether that succeeds, the next answer tells.
fetch() {
    echo "git promote check: fetching $what" >&2
    git fetch --quiet --no-tags --no-recurse-submodules "$@" >&2 || true
}

# The branch that is merged into, as the CI system names it, as a full refspec.
target() {
    branch=${GITHUB_BASE_REF:-${CI_MERGE_REQUEST_TARGET_BRANCH_NAME:-}}
    branch=${branch:-${SYSTEM_PULLREQUEST_TARGETBRANCH:-}}
    branch=${branch:-${BITBUCKET_PR_DESTINATION_BRANCH:-${CHANGE_TARGET:-}}}
    branch=${branch#refs/heads/}
    if [ -n "$branch" ] && git check-ref-format "refs/heads/$branch"; then
        echo "+refs/heads/$branch:refs/remotes/$remote/$branch"
    fi
}

# Fetches commits with nothing behind them. A depth would cut off a clone that
# is whole.
fetch_ends() {
    if is_shallow; then set -- --depth=1 "$remote" "$@"; else set -- "$remote" "$@"; fi
    fetch "$@"
}

# Fetches the objects that the history of base and head lacks, at once.
fetch_missing() {
    git rev-list --objects --missing=print "$(field base)" "$(field head)" -- | sed -n 's/^?//p' >"$work/missing" || true
    if [ -s "$work/missing" ]; then
        what="$(wc -l <"$work/missing" | tr -d ' ') files of the past"
        fetch --filter=blob:none --stdin "$remote" <"$work/missing"
    fi
}

target=$(target)
# GitHub's event names the base. The others name a branch, and what is there of
# it may be old.
if [ -n "$target" ] && [ -z "${GITHUB_BASE_REF:-}${PROMOTE_BASE:-}" ]; then
    what='the branch that is merged into'
    fetch_ends "$target"
fi
probe "$@"
for end in base head merge; do
    id=$(missing_end)
    if [ -z "$id" ] && [ "$code" -ne 5 ]; then break; fi
    what="the $end: ${id:-the branch that is merged into}"
    if [ -n "$id" ]; then fetch_ends "$id"; elif [ -n "$target" ]; then fetch_ends "$target"; fi
    probe "$@"
done
if lacks_history && is_shallow; then
    what='the history, without its files'
    fetch --unshallow --filter=blob:none "$remote" "$(field base)" "$(field head)" \
        ${target:+"$target"}
    if is_shallow; then
        what='the history'
        fetch --unshallow "$remote" ${target:+"$target"}
    fi
    probe "$@"
fi
if lacks_history; then
    fetch_missing
    probe "$@"
fi

if [ -n "${GITHUB_OUTPUT:-}" ]; then
    verdict=$(field verdict)
    printf 'verdict=%s\nbase=%s\nhead=%s\n' "${verdict:-error}" "$(field base)" "$(field head)" \
        >>"$GITHUB_OUTPUT"
fi
if [ "${PROMOTE_EXIT_ZERO:-}" = true ]; then set -- "$@" --exit-zero; fi
if [ -n "${PROMOTE_SARIF:-}" ]; then set -- "$@" "--report=sarif=$PROMOTE_SARIF"; fi
if [ -n "${PROMOTE_JUNIT:-}" ]; then set -- "$@" "--report=junit=$PROMOTE_JUNIT"; fi
if [ -n "${PROMOTE_CODEQUALITY:-}" ]; then
    set -- "$@" "--report=codequality=$PROMOTE_CODEQUALITY"
fi
if [ -n "${PROMOTE_MARKDOWN:-}" ]; then set -- "$@" "--report=markdown=$PROMOTE_MARKDOWN"; fi
code=0
"$program" "$@" </dev/null || code=$?
exit "$code"
