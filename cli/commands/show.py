"""`lead-invert show`: what a concept file holds. Without torch."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.command import JsonObject, accept_device, command
from cli.console import count_noun, echo, print_table
from cli.load_models import find_concept, is_token, load_concept, suggest_prompt
from cli.options import FileOrToken, Json

if TYPE_CHECKING:
    from concepts import Concept

Shapes = dict[str, list[int]]


@command
@accept_device
def show(file: FileOrToken, as_json: Json = False) -> JsonObject:
    """Show the content of a concept file.

    Its token, its base model, how and from what it was learned. The file is verified while it is read; nothing in it is
    ever run.

    \b
    lead-invert show "<elderly>"
    lead-invert show elderly.safetensors --json
    """
    path = find_concept(file)
    concept, size = load_concept(path), path.stat().st_size
    shapes = {name: list(tensor.shape) for name, tensor in concept.tensors.items()}
    shapes = {"token_embedding": list(concept.token_embedding.shape), **shapes}
    if not as_json:
        rows = [*_rows(concept), ("tensors", _describe_tensors(shapes))]
        rows += [("style schedule", _describe_schedule(concept)), ("file", f"{path}, {size / 1024:.1f} KB")]
        print_table([(name, value) for name, value in rows if value], ("field", "value"))
        echo(suggest_prompt(concept, None if is_token(file) else file))
    return concept.record() | {"file": str(path), "bytes": size, "tensors": shapes}


def _rows(concept: "Concept") -> list[tuple[str, str]]:
    """The fields of a concept for people; some are empty."""
    learned = f"{concept.objective} objective, {concept.steps} steps, seed {concept.seed}"
    loss = f", loss {concept.loss[0]:.4f} -> {concept.loss[-1]:.4f}" if concept.loss else ""
    seconds = sum(exemplar.frames / exemplar.fps for exemplar in concept.exemplars)
    licenses = ", ".join(sorted({e.license for e in concept.exemplars if e.license})) or "license not stated"
    return [
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
        ("learned from", f"{count_noun(len(concept.exemplars), 'clip')}, {seconds:.1f} s in all, {licenses}"),
        ("prompts", "; ".join(concept.templates)),
        ("scores", ", ".join(f"{name} {score:.3g}" for name, score in concept.scores.items())),
        ("motion", f"{concept.skeleton}, {concept.fps:g} fps"),
    ]


def _describe_schedule(concept: "Concept") -> str:
    """How strongly a style acts; empty for a concept without a schedule."""
    if concept.schedule is None:
        return ""
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in asdict(concept.schedule).items())


def _describe_tensors(shapes: Shapes) -> str:
    """The shapes of the tensors; the two matrices a layer of an adapter are only counted."""
    plain = {name: shape for name, shape in shapes.items() if not name.startswith("adapter.")}
    layers = (len(shapes) - len(plain)) // 2
    adapter = f", an adapter of {count_noun(layers, 'layer')}" if layers else ""
    return ", ".join(f"{name} {shape}" for name, shape in plain.items()) + adapter
