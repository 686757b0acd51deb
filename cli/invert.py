"""`lead-invert`: learn a word from clips, generate motions with it, judge it, show what files hold, convert them.

Each command is: read the inputs, one call into the packages, write the result. torch and the packages are
imported inside the commands, so that `--help` answers at once. What is not here has a module of its own.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.blend import blend, negate
from cli.commands.card import card
from cli.commands.check import check
from cli.commands.convert import convert
from cli.commands.describe import describe
from cli.commands.evaluate import evaluate
from cli.commands.exchange import export, import_word
from cli.commands.learn import learn
from cli.commands.library import add, list_words, remove, rename
from cli.commands.share import pull, push
from cli.commands.verify import verify
from cli.commands.view import view
from cli.console import Device, Json, Seed, UsageError, command, counted, progress, run_script, say, table
from cli.jobs.prompts_file import read_jobs
from cli.jobs.ranks import Ranks
from cli.load_models import (
    AllowBaseMismatch,
    Base,
    check_base,
    concept_file,
    is_token,
    load_base,
    load_concept,
    preview,
    words_for,
)  # fmt: skip
from cli.read_inputs import OnRig, OutputFolder, RigMap

if TYPE_CHECKING:
    from concepts import Concept

MOST_AT_ONCE = 1000
"""Motions without --prompts."""
app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def about() -> None:
    """Teach a text-to-motion model a new word from a few clips, and make new motions with it.

    \b
    lead-invert check clips/
    lead-invert learn clips/ --token "<moonwalk>" --init "walks backward"
    lead-invert generate "a person turns around like <moonwalk>"
    lead-invert evaluate "<moonwalk>" --clips other-takes/
    lead-invert list
    lead-invert verify moonwalk.safetensors
    lead-invert card moonwalk.safetensors
    lead-invert convert takes/ --to bvh,glb
    lead-invert view takes/
    """


app.command()(check)
app.command()(learn)


@app.command()
@command
def generate(
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT", help="What the person does; learned words too.")
    ] = None,
    prompts_file: Annotated[
        Path | None,
        typer.Option(
            "--prompts",
            metavar="FILE",
            help="Prompts for thousands of motions: one a line, or JSON lines with prompt, seconds, seed.",
        ),
    ] = None,
    concept: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A concept file, again for each (default: words from the library)."),
    ] = None,
    number: Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Motions for each prompt.")] = 1,
    seconds: Annotated[float, typer.Option(metavar="S", help="Length of each motion.")] = 4.0,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Sampling steps (default: the base model's own).")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(metavar="G", help="How strictly to follow the prompt (default: the base model's own)."),
    ] = None,
    seed: Seed = 0,
    lock_feet: Annotated[
        bool, typer.Option("--foot-lock/--no-foot-lock", help="Hold standing feet in place; legs follow by IK.")
    ] = True,
    rig: OnRig = None,
    rig_map: RigMap = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="LIST",
            help="Any of bvh,npz,amass,npy,glb (data), png,html,mp4,gif (views; not with --prompts). "
            "Default: bvh,png; bvh with --prompts.",
        ),
    ] = None,
    base: Base = None,
    allow_base_mismatch: AllowBaseMismatch = False,
    output: OutputFolder = Path("out"),
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Generate motions from prompts.

    Words in angle brackets are those of the files given with --concept, else those in the library. Each motion becomes
    a file of each data format; views (a contact sheet, a page that plays, a video) show all of them, beside an exemplar
    of each word.

    With --prompts the motions go into shards, folders of 64 with an index.jsonl each; the same command goes on where it
    was stopped, and a launcher's processes share the work.

    \b
    lead-invert generate "a person walks in a circle"
    lead-invert generate "a person walks in <elderly> style" -n 4
    lead-invert generate "a person does <spin-kick>" --concept spin-kick.safetensors --rig my-character.bvh
    lead-invert generate "a person waves" --seconds 6 --format bvh,html --output results
    lead-invert generate --prompts prompts.txt -n 10 --format npz --output many
    accelerate launch --multi_gpu --num_processes 2 --no_python lead-invert generate --prompts prompts.txt
    """
    from cli.atomic_folder import check_writable
    from cli.jobs.generate_batch import Settings, Word, check_data_formats, generate_batch, sha256_of, tell
    from cli.write_outputs import DATA_ENDINGS, parse_formats, read_rig, write_motions

    if not math.isfinite(seconds):
        raise UsageError(f"--seconds {seconds}: expected a number of seconds, as 4.0.")
    if bool(prompts) == bool(prompts_file):
        raise UsageError('give prompts, as "a person walks", or a file of them with --prompts: one of the two.')
    wanted = parse_formats(formats or ("bvh" if prompts_file else "bvh,png"))
    if prompts_file:
        check_data_formats(wanted)
    check_writable(output)
    target_rig = read_rig(rig, wanted, rig_map)
    jobs = read_jobs(prompts_file, number, seconds, seed) if prompts_file else []
    _check_number(prompts or [], number)
    prompts = prompts or list(dict.fromkeys(job.prompt for job in jobs))
    concepts = words_for(prompts, concept or [])
    model = load_base(base, Ranks.found().device(device) if prompts_file else device)
    for path, one in concepts.items():
        concepts[path] = check_base(one, path, model, allow_base_mismatch)
    words = _joined_words(concepts)
    if prompts_file:
        rig_sha256 = sha256_of(*filter(None, (rig, rig_map)))
        settings = Settings(model.fingerprints, steps, guidance, lock_feet, wanted, rig_sha256)
        known = {one.token: Word(words[one.token], sha256_of(path)) for path, one in concepts.items()}
        result = generate_batch(model, jobs, known, settings, output, target_rig)
        if not as_json:
            tell(result)
        return result
    every = [prompt for prompt in prompts for _ in range(number)]
    started = time.perf_counter()
    with progress(f"generating {counted(len(every), 'motion')}") as report:
        motions = model.generate(
            every, seconds=seconds, words=words, seed=seed, steps=steps, guidance=guidance, clean_feet=lock_feet,
            progress=report,
        )  # fmt: skip
    spent = time.perf_counter() - started
    exemplars = [shown for one in concepts.values() if (shown := preview(one, f"exemplar of {one.token}"))]
    *groups, views = write_motions(motions, every, wanted, output, seed, target_rig, exemplars)
    if not as_json:
        rows = [
            (path, prompt, f"{motion.seconds:.1f}")
            for motion, prompt, group in zip(motions, every, groups, strict=True)
            for path in group
        ]
        rows += [(path, "all of them", "") for path in views]
        table(rows, ("file", "prompt", "seconds"))
        if not views:
            say("For a picture add --format " + ",".join(f for f in wanted if f in DATA_ENDINGS) + ",png")
    return {
        "motions": [
            {"prompt": prompt, "seconds": round(motion.seconds, 3), "files": [str(path) for path in group]}
            for motion, prompt, group in zip(motions, every, groups, strict=True)
        ],
        "views": [str(path) for path in views],
        "seed": seed,
        "seconds": round(spent, 3),
    }


def _check_number(prompts: Sequence[str], number: int) -> None:
    """UsageError for what has no prompt, and for more motions than are held in memory at once."""
    if not all(map(str.strip, prompts)):
        raise UsageError('a prompt is empty; say what the person does, as "a person walks".')
    if len(prompts) * number > MOST_AT_ONCE:
        raise UsageError(
            f"{len(prompts) * number:,} motions, at most {MOST_AT_ONCE:,} at once. Put the prompts into a file, a line "
            "each, and give it with --prompts: that makes any number, in shards."
        )


app.command()(evaluate)
app.command()(describe)
app.command()(blend)
app.command()(negate)
app.command()(convert)
app.command()(view)
app.command()(verify)
app.command()(card)
app.command("list")(list_words)
for library_command in (add, remove, rename, push, pull, export):
    app.command()(library_command)
app.command("import")(import_word)


@app.command()
@command
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE_OR_TOKEN", help="A concept file, or a word in the library.")],
    device: Device = "auto",
    as_json: Json = False,
) -> dict[str, Any]:
    """Show what a concept file holds.

    The word, its base model, how and from what it was learned. The file is verified while it is read; nothing
    in it is ever run.

    \b
    lead-invert show "<elderly>"
    lead-invert show elderly.safetensors --json
    """
    del device  # nothing is computed here; the option is there because every command has it
    path = concept_file(file)
    concept = load_concept(path)
    kept = {name: list(tensor.shape) for name, tensor in concept.tensors.items()}
    tensors = {"token_embedding": list(concept.token_embedding.shape), **kept}
    record = concept.record() | {"file": str(path), "bytes": path.stat().st_size, "tensors": tensors}
    if not as_json:
        table(_shown(concept, record), ("field", "value"))
        place = "" if is_token(file) else f" --concept {file}"
        say(f'Try: lead-invert generate "{concept.probe_prompt}"{place}')
    return record


def _shown(concept: "Concept", record: dict[str, Any]) -> list[tuple[str, str]]:
    """A concept's rows for people; what is empty is left out."""
    learned = f"{concept.objective} objective, {concept.steps} steps, seed {concept.seed}"
    loss = f", loss {concept.loss[0]:.4f} -> {concept.loss[-1]:.4f}" if concept.loss else ""
    seconds = sum(exemplar.frames / exemplar.fps for exemplar in concept.exemplars)
    licenses = ", ".join(sorted({e.license for e in concept.exemplars if e.license})) or "license not stated"
    plain = {name: shape for name, shape in record["tensors"].items() if not name.startswith("adapter.")}
    layers = (len(record["tensors"]) - len(plain)) // 2
    adapter = f", an adapter of {counted(layers, 'layer')}" if layers else ""
    rows = [
        ("token", concept.token),
        ("title", concept.title),
        ("kind", concept.kind),
        ("starts from", concept.init),
        ("description", concept.description),
        ("author", concept.author),
        ("license", concept.license),
        ("date", concept.date),
        ("base model", concept.base),
        ("fingerprints", ", ".join(f"{part} {digest[:12]}" for part, digest in concept.fingerprints.items())),
        ("learned by", learned + loss),
        ("learned from", f"{counted(len(concept.exemplars), 'clip')}, {seconds:.1f} s in all, {licenses}"),
        ("prompts", "; ".join(concept.templates)),
        ("scores", ", ".join(f"{name} {score:.3g}" for name, score in concept.scores.items())),
        ("motion", f"{concept.skeleton}, {concept.fps:g} fps"),
        ("tensors", ", ".join(f"{name} {shape}" for name, shape in plain.items()) + adapter),
        ("file", f"{record['file']}, {record['bytes'] / 1024:.1f} KB"),
    ]
    return [(name, value) for name, value in rows if value]


def _joined_words(concepts: dict[Path, "Concept"]) -> dict[str, Any]:
    """Token -> vectors of all concepts; UsageError where two have the same token."""
    words: dict[str, Any] = {}
    for path, concept in concepts.items():
        if concept.token in words:
            raise UsageError(f"{path}: another --concept has the token {concept.token} too; give one of them.")
        words |= concept.words
    return words


def main() -> None:
    """The console script `lead-invert`."""
    run_script(app)


if __name__ == "__main__":
    main()
