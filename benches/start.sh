# shellcheck shell=bash
# What the benchmarks that measure with hyperfine have in common: their tools, the program, a
# place for the repositories. Sourced, with `here` set.

for tool in git awk hyperfine; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
if [ -z "${PROGRAM:-}" ]; then
    cargo build --release --quiet --manifest-path "$here/Cargo.toml"
    PROGRAM=${CARGO_TARGET_DIR:-$here/target}/release
fi
PATH=$PROGRAM:$PATH

# Nothing of the machine's settings.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat

work=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
