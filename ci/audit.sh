#!/bin/sh
# Keeps one issue that lists what `git promote audit` finds: opens it, renews
# it, closes it. It is found again by its label. Needs `gh`, and a token that
# may write issues in GH_TOKEN.
#
#   PROMOTE_LABEL    the label; promote-audit
#   PROMOTE_TITLE    the title
#   PROMOTE_HISTORY  `true` adds --history
#   PROMOTE_PROGRAM  the program; git-promote
# GH_REPO or the checkout says in which repository.
set -eu

program=${PROMOTE_PROGRAM:-git-promote}
label=${PROMOTE_LABEL:-promote-audit}
title=${PROMOTE_TITLE:-Versions that skipped an environment}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

set -- audit --output markdown
if [ "${PROMOTE_HISTORY:-}" = true ]; then set -- "$@" --history; fi
code=0
"$program" "$@" </dev/null >"$work/table" || code=$?
if [ "$code" -gt 1 ]; then
    echo "error: git promote audit ended with $code; the issue is left as it is" >&2
    exit "$code"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$work/table" >>"$GITHUB_STEP_SUMMARY"; fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    if [ "$code" -eq 1 ]; then found=true; else found=false; fi
    echo "found=$found" >>"$GITHUB_OUTPUT"
fi

# The oldest, should somebody have given the label to others.
number=$(gh issue list --state open --label "$label" --limit 100 --json number \
    --jq 'map(.number) | min // empty')

if [ "$code" -eq 0 ]; then
    if [ -n "$number" ]; then
        gh issue close "$number" --comment 'Nothing is found any more.'
    fi
    exit 0
fi

# An issue holds 65 536 characters.
{
    echo 'Each of these runs in an environment and not in the one before it.'
    echo
    head -c 60000 "$work/table"
    if [ "$(wc -c <"$work/table")" -gt 60000 ]; then
        printf '\n\nThe list is cut off here.\n'
    fi
    echo
    echo 'This text is written anew by each run, and the issue is closed once nothing is found.'
} >"$work/body"

if [ -n "$number" ]; then
    gh issue view "$number" --json body --jq .body | tr -d '\r' >"$work/old"
    if ! cmp -s "$work/old" "$work/body"; then
        gh issue edit "$number" --body-file "$work/body"
    fi
else
    gh label create "$label" --force --description 'Found by git promote audit'
    gh issue create --title "$title" --label "$label" --body-file "$work/body"
fi
