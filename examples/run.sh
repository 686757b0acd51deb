#!/usr/bin/env bash
# The main job on a fresh machine: sets up .venv, makes the clips of a motion that no caption describes, learns a concept
# from them, and generates new motions with it. Everything is written to out/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 -m venv .venv
.venv/bin/python -m pip install --quiet -c constraints-cpu.txt .

.venv/bin/python examples/make_concept.py out/zombie-march
.venv/bin/lead-invert learn out/zombie-march --token "<zombie>" --kind style --license "CC0 1.0" \
    --output out/zombie.safetensors --replace
.venv/bin/lead-invert generate "a person walks in <zombie> style" "a person raises both hands in <zombie> style" \
    "a person walks forward and turns left in <zombie> style" \
    --concept out/zombie.safetensors --seconds 5 --format bvh,png,html --output out/generated
