#!/usr/bin/env bash
# The long checks, one after the other; the reports go to the folder named first (default runs/nightly).
#   bash benchmarks/robustness/nightly.sh [FOLDER]
# The variables INPUTS, CALLS, POINTS and KILLS are for fewer damaged files, calls of the extension, moments of Ctrl-C and
# of kill -9. CASES names a folder of motion files for `benchmarks.robustness.cases`.
# Ends with 1 if any of them failed, after all have run. The faults of disks need root on Linux.
set -u
python="${PYTHON:-python}" out="${1:-runs/nightly}" failed=0
mkdir -p "$out"
check() {  # NAME COMMAND...
    local name="$1"
    shift
    echo "== $name"
    "$@" >"$out/$name.txt" 2>&1 || { failed=1; echo "failed, see $out/$name.txt"; }
}
check lint "$python" -m ruff check
check types "$python" -m mypy
check tests "$python" -m pytest -m "not gpu"
check fuzz "$python" -m benchmarks.robustness.fuzz --inputs "${INPUTS:-220000}" --seed "$(date +%Y%m%d)" --output "$out/fuzz.json"
check extension "$python" -m benchmarks.robustness.fuzz_extension --sanitize --inputs "${CALLS:-20000}" --seed "$(date +%Y%m%d)"
if [ -n "${CASES:-}" ]; then check cases "$python" -m benchmarks.robustness.cases "$CASES"; fi
check faults "$python" -m benchmarks.robustness.faults --points "${POINTS:-10}" --kills "${KILLS:-5}" --output "$out/faults.json"
check heavy "$python" -m benchmarks.robustness.heavy
check library "$python" -m benchmarks.robustness.library
exit "$failed"
