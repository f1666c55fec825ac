#!/usr/bin/env bash
# How long `git promote registry copy` takes beside `skopeo copy --all` for the
# same image between two registries on loopback, and how much memory it needs.
# Both begin with an empty destination each time.
#
#   benches/registry.sh [MEGABYTES]     default: 200
#
#   RUNS=7        measured runs of each command
#   PROGRAM=DIR   use the git-promote in this directory, build none
#
# Needs docker-registry, skopeo, python3 and cargo. Times are the medians; each
# run has new registries, so that nothing is there already.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
megabytes=${1:-200} runs=${RUNS:-7}
program=${PROGRAM:-}
if [ -z "$program" ]; then
    (cd "$here" && cargo build --release --quiet)
    program=$here/target/release
fi
dir=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT

# Starts a registry on a port, with its data in a directory of its own.
start() {
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
        "$dir/$2" "$1" >"$dir/$2.yml"
    docker-registry serve "$dir/$2.yml" >/dev/null 2>&1 &
    pids+=($!)
    last=$!
    for _ in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.02
    done
    echo "no registry on $1" >&2
    exit 1
}

# An index of three platforms as a directory that skopeo reads: each platform
# has two layers of its own.
python3 - "$dir/image" "$megabytes" <<'PYTHON'
import hashlib, json, os, sys
root, size = sys.argv[1], int(sys.argv[2]) * 1_000_000 // 6
os.makedirs(root + "/blobs/sha256")
def blob(data, kind):
    name = hashlib.sha256(data).hexdigest()
    open(f"{root}/blobs/sha256/{name}", "wb").write(data)
    return {"mediaType": kind, "digest": "sha256:" + name, "size": len(data)}
base, kind = "application/vnd.oci.image.", None
manifests = []
for name in ["amd64", "arm64", "s390x"]:
    layers = [blob(os.urandom(size), base + "layer.v1.tar+gzip") for _ in range(2)]
    config = {"os": "linux", "architecture": name, "rootfs": {"type": "layers", "diff_ids": []}}
    config = blob(json.dumps(config).encode(), base + "config.v1+json")
    one = {"schemaVersion": 2, "mediaType": base + "manifest.v1+json", "config": config, "layers": layers}
    one = blob(json.dumps(one).encode(), base + "manifest.v1+json")
    manifests.append({**one, "platform": {"os": "linux", "architecture": name}})
index = {"schemaVersion": 2, "mediaType": base + "index.v1+json", "manifests": manifests}
top = blob(json.dumps(index).encode(), base + "index.v1+json")
top["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
json.dump({"schemaVersion": 2, "manifests": [top]}, open(root + "/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(root + "/oci-layout", "w"))
PYTHON
start 57101 source
skopeo copy --quiet --all --dest-tls-verify=false "oci:$dir/image:v1" docker://127.0.0.1:57101/acme/web:v1

# Runs a command against an empty destination: seconds and the most memory in kB.
measure() {
    start 57102 target
    python3 - "$@" <<'PYTHON'
import os, resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - begin
print(f"{seconds:.3f} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
PYTHON
    kill "$last"
    wait "$last" 2>/dev/null || true
    rm -rf "$dir/target"
}
export HOME=$dir
for _ in $(seq "$runs"); do
    measure skopeo copy --quiet --all --src-tls-verify=false --dest-tls-verify=false \
        docker://127.0.0.1:57101/acme/web:v1 docker://127.0.0.1:57102/acme/web:v1 >>"$dir/skopeo"
    measure "$program/git-promote" registry copy acme/web:v1 --no-referrers \
        --source-registry 127.0.0.1:57101 --dest-registry 127.0.0.1:57102 >>"$dir/promote"
    measure "$program/git-promote" registry copy acme/web:v1 \
        --source-registry 127.0.0.1:57101 --dest-registry 127.0.0.1:57102 >>"$dir/whole"
done
median() { sort -n "$1" | awk '{t[NR] = $1; if ($2 > m) m = $2} END {printf "%.3f s, at most %.1f MB", t[int((NR + 1) / 2)], m / 1000}'; }
echo "$megabytes MB, three platforms, two registries on loopback, $runs runs each, medians:"
echo "skopeo copy --all                         $(median "$dir/skopeo")"
echo "git promote registry copy --no-referrers  $(median "$dir/promote")"
echo "git promote registry copy                 $(median "$dir/whole")"
