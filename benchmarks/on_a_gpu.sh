#!/bin/sh
# Measure on a GPU what a CPU cannot: benchmarks/on_a_gpu.sh DATA OUT [PART...]
#
# DATA holds cifar10, tiny-imagenet-100 and grocery-photos, each with train/CLASS/FILE and test/CLASS/FILE, or as
# NAME.tar.xz or NAME.tar. OUT keeps the results, so the same command continues where it stopped; PART names parts, by default all in the order of their
# value (python3 -m benchmarks.on_a_gpu list). A part may take PART_SECONDS, 180 by default, and all of them
# TOTAL_SECONDS, 720; what is not done then is done by the next call. PYTHON is the interpreter, python3 by default.
# WHEELS names a folder of wheels to install into OUT/site first, for a machine without a package registry. SMALLEST=1
# takes a few images and updates, to try the script on a CPU, and keeps its results in OUT/smallest.
#
# Afterwards: python3 -m benchmarks.on_a_gpu document --out OUT --page docs/paper.md
set -u
[ $# -ge 2 ] || { sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 2; }
data=$(cd "$1" && pwd) && mkdir -p "$2" && out=$(cd "$2" && pwd) || exit 1
shift 2
python=${PYTHON:-python3}
[ -z "${SMALLEST:-}" ] || out=$out/smallest
mkdir -p "$out"
cd "$(dirname "$0")/.." || exit 1
if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install -q --no-index --no-deps --upgrade --target "$out/site" "$WHEELS"/*.whl || exit 1
    export PYTHONPATH="$out/site${PYTHONPATH:+:$PYTHONPATH}"
fi
for packed in "$data"/*.tar.xz "$data"/*.tar; do
    name=$(basename "${packed%.xz}" .tar)
    if [ -e "$packed" ] && [ ! -e "$data/$name" ]; then tar xf "$packed" -C "$data" || exit 1; fi
done
[ $# -gt 0 ] || set -- $("$python" -m benchmarks.on_a_gpu list)
began=$(date +%s) failed=0
for part in "$@"; do
    [ -e "$out/$part.json" ] && { echo "$part: done before"; continue; }
    left=$((${TOTAL_SECONDS:-720} - ($(date +%s) - began)))
    [ "$left" -gt 0 ] || { echo "$part: no time left; the same command continues"; failed=1; break; }
    [ "$left" -lt "${PART_SECONDS:-180}" ] || left=${PART_SECONDS:-180}
    timeout "$left" "$python" -m benchmarks.on_a_gpu run "$part" --data "$data" --out "$out" ${SMALLEST:+--smallest} \
        || { echo "$part: not done (status $?); the same command continues"; failed=1; }
done
exit $failed
