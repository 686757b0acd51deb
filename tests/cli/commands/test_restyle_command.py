"""`restyle`, as a user runs it on a tiny base."""

import json
from dataclasses import replace
from pathlib import Path

from commands import fails

from concepts import Concept
from lead.motion import Motion


def test_clips_are_written_on_their_own_rigs(run, clips, concept_path):
    result = run("restyle", clips, concept_path, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    sources = sorted(Path(clips).glob("*.bvh"))
    assert [one["clip"] for one in found["motions"]] == [path.stem for path in sources]
    for source, one in zip(sources, found["motions"], strict=True):
        clip, (file,) = Motion.read(source), one["files"]
        made = Motion.read(file)
        assert made.rig and clip.rig and made.rig.names == clip.rig.names and made.fps == clip.fps
    (sheet,) = found["views"]
    assert Path(sheet).is_file()
    said = {json.loads(line)["prompt"] for line in Path("out/prompts.jsonl").read_text().splitlines()}
    assert said == {f"{path.stem} in <limp> style" for path in sources}


def test_an_action_and_an_unknown_word_are_errors(run, clips, concept_path, tmp_path):
    replace(Concept.load(concept_path), kind="action", schedule=None, tensors={}).save(tmp_path / "kick.safetensors")
    fails(run("restyle", clips, tmp_path / "kick.safetensors"), "is an action")
    fails(run("restyle", clips, "<nobody>"), "<nobody>")
    for strength in ("nan", "-1"):
        assert run("restyle", clips, concept_path, "--strength", strength).exit_code == 2
    assert not Path("out").exists()


def test_captions_beside_the_clips_are_read(run, clips, concept_path):
    for number in range(2):
        (Path(clips) / f"take-{number}.txt").write_text(f"a person jumps {number}\n")
    found = json.loads(run("restyle", clips, concept_path, "--format", "npz", "--json").stdout)
    assert [one["captions"] for one in found["motions"]] == [["a person jumps 0"], ["a person jumps 1"]]
    found = json.loads(run("restyle", clips, concept_path, "--format", "npz", "--caption", "he runs", "--json").stdout)
    assert [one["captions"] for one in found["motions"]] == [["a person runs"]] * 2
