"""Fine-tuning a tiny base on synthetic walks: what stays, what changes, what is kept, and the figures afterwards."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from datasets import authors_folder
from safetensors import safe_open
from walks import synthesize_walk

from lead.base_file import LeadConfig
from lead.data.prepare import prepare_data
from lead.errors import LeadError
from lead.eval.vocabulary import build_vocabulary, put_vocabulary
from lead.finetune import finetune as module
from lead.finetune.finetune import FINETUNE_DENOISER, FINETUNE_PROJECTOR, Finetuned, finetune, forget
from lead.finetune.inputs import Inputs, read_inputs
from lead.finetune.replay import Replay, draw_prompts, sample_replay
from lead.finetune.report import compare_captions, list_changes, measure_autoencoder
from lead.model import Lead
from lead.motion.skeleton import KIT
from lead.networks.mld import MldDenoiserConfig, MldVAEConfig
from lead.networks.projector import ProjectorConfig
from lead.text.tower import TextConfig
from lead.text.vocabulary import Vocabulary
from lead.train.latents import draw_latent_batch
from lead.train.stage import Stage, TrainConfig
from lead.train.stages.diffusion import fit_denoiser
from lead.train.stages.projector import fit_projector

QUICK = {"steps": 4, "batch": 4, "warmup": 2, "save_every": 1, "val_every": 2, "precision": "no"}
DENOISER, PROJECTOR = replace(FINETUNE_DENOISER, **QUICK), replace(FINETUNE_PROJECTOR, **QUICK)


def prepare(folder: Path, splits: str = "train train train train val test") -> Path:
    source = folder / "clips"
    source.mkdir(parents=True)
    rows = []
    for number, split in enumerate(splits.split()):
        synthesize_walk(1.5 + 0.3 * number, seed=number).save(source / f"w{number}.npy")
        rows.append({"clip": f"w{number}.npy", "captions": [f"a person frobs {number}", "frobbing"], "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    prepare_data(source, folder / "data")
    return folder / "data"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return prepare(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def base(tiny_base, tmp_path_factory) -> Path:
    return tiny_base.save(tmp_path_factory.mktemp("base") / "base.safetensors")


@pytest.fixture(scope="module")
def inputs(data, base) -> Inputs:
    return read_inputs(data, base)


def tune(inputs: Inputs, run: Path, seed: int = 0) -> Finetuned:
    """A few steps, with a dozen samples of the base."""
    configs = {"denoiser": replace(DENOISER, seed=seed), "projector": replace(PROJECTOR, seed=seed)}
    return finetune(inputs, run, "mine", replay=12, **configs)


@pytest.fixture(scope="module")
def tuned(inputs, tmp_path_factory) -> tuple[Finetuned, Path]:
    run = tmp_path_factory.mktemp("tuned") / "run"
    return tune(inputs, run), run


def test_text_and_vae_stay_and_the_denoiser_learns(tuned, tiny_base, tmp_path):
    made = tuned[0].base
    before, after = tiny_base.state_dict(), made.state_dict()
    changed = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys() and changed == {"denoiser", "projector"}
    assert (made.name, made.license) == ("mine", tiny_base.license)
    assert made.config == replace(tiny_base.config, name="mine")
    loaded = Lead.load(made.save(tmp_path / "mine.safetensors"))
    for part, same in (("text", True), ("vae", True), ("denoiser", False), ("projector", False)):
        assert (loaded.fingerprints[part] == tiny_base.fingerprints[part]) == same, part
    assert loaded.generate(["a person frobs"], seconds=2.0)[0].joints.shape == (40, 22, 3)


def test_what_the_clips_show_joins_the_vocabulary(data, tiny_base, tmp_path):
    before = build_vocabulary(tiny_base, data)
    kinds = tuple(kind for kind in before.kinds if "frob" not in kind.name)
    rows = [before.kinds.index(kind) for kind in kinds]
    terms = frozenset(term for term in before.terms if not term.startswith("frob"))
    path = tiny_base.save(tmp_path / "base.safetensors")
    put_vocabulary(path, Vocabulary(kinds, terms, before.known[rows], before.unknown))
    assert Lead.load(path).vocabulary.find_foreign("a person frobs")
    made = tune(read_inputs(data, path), tmp_path / "run").base.save(tmp_path / "mine.safetensors")
    after = Lead.load(made).vocabulary
    assert not after.find_foreign("a person frobs") and after.kinds[-1].examples[0] == "frobbing"


def test_the_same_seed_gives_the_same_file(tuned, inputs, tmp_path):
    weights = tuned[0].base.state_dict()
    for seed, same in ((0, True), (1, False)):
        again = tune(inputs, tmp_path / f"run{seed}", seed).base.state_dict()
        assert all(torch.equal(weights[name], again[name]) for name in weights) == same


@pytest.mark.parametrize("stage", ["diffusion", "projector"])
def test_a_run_that_was_stopped_goes_on(stage, tuned, inputs, tmp_path, monkeypatch):
    update, seen = Stage.update, []

    def stop(self, *given):
        update(self, *given)
        if self.name == stage and self.step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Stage, "update", stop)
    with pytest.raises(KeyboardInterrupt):
        tune(inputs, tmp_path)
    assert (tmp_path / f"{stage}.checkpoint").is_file()

    def count(self, *given):
        seen.append((self.name, self.step))
        update(self, *given)

    monkeypatch.setattr(Stage, "update", count)
    monkeypatch.setattr(Lead, "sample", lambda *_: pytest.fail("the samples are there"))
    made = tune(inputs, tmp_path).base
    rest = [("projector", step) for step in range(4)]
    assert seen == ([("diffusion", 2), ("diffusion", 3), *rest] if stage == "diffusion" else rest[2:])
    for name, value in tuned[0].base.state_dict().items():
        assert torch.equal(made.state_dict()[name], value), name


def test_what_is_finished_is_not_trained_again(tuned, inputs, tmp_path, monkeypatch):
    trained = []
    tune(inputs, tmp_path)
    for name, function in (("fit_denoiser", fit_denoiser), ("fit_projector", fit_projector)):
        monkeypatch.setattr(
            module, name, lambda *a, name=name, function=function, **o: trained.append(name) or function(*a, **o)
        )
    again = tune(inputs, tmp_path).base
    assert not trained
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in tuned[0].base.state_dict().items())
    tune(inputs, tmp_path, seed=1)  # other settings: both again, in the same folder
    assert trained == ["fit_denoiser", "fit_projector"]
    forget(tmp_path)
    assert not list(tmp_path.glob("*.safetensors")) and (tmp_path / "diffusion.metrics.jsonl").is_file()
    tune(inputs, tmp_path)
    assert trained == ["fit_denoiser", "fit_projector"] * 2


def test_a_checkpoint_of_other_settings_is_refused(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(Stage, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        tune(inputs, tmp_path)
    monkeypatch.undo()
    with pytest.raises(LeadError, match=r"train\.seed was 0, now 1.*--restart"):
        tune(inputs, tmp_path, seed=1)
    forget(tmp_path)
    tune(inputs, tmp_path, seed=1)


def test_clips_and_samples_are_drawn_equally_often(inputs, tuned):
    latents = module.gather_latents(inputs, tuned[0].replay)
    assert [len(source) for source in latents.captioned] == [4, 12]
    batch = draw_latent_batch(latents.captioned, latents.table, TrainConfig(batch=10), 0)
    known = {tuple(row.tolist()) for row in latents.sources[1].mu[:, 0]}
    assert sum(tuple(row.tolist()) in known for row in batch.z[:, 0]) == 5
    assert len(latents.table) == 1 + 4 + 1 + 12 + 1  # nothing, four clips, what all say, samples, the clip of val


def test_samples_are_of_known_prompts_at_several_lengths_and_kept(tiny_base, tmp_path, monkeypatch):
    prompts = draw_prompts(7)
    assert len(set(prompts)) == 7 and prompts == draw_prompts(7) and prompts != draw_prompts(7, seed=1)
    counts = []
    made = sample_replay(tiny_base, prompts, tmp_path / "run", lambda *count: counts.append(count), batch=3)
    assert counts == [(3, 7), (6, 7), (7, 7)]
    assert made.lengths.tolist() == [40, 80, 140, 40, 80, 140, 40]
    rows = tiny_base.vae.latent_lengths(made.lengths)
    for z, count in zip(made.z, rows.tolist(), strict=True):
        assert z[:count].abs().min() > 0 and not z[count:].any()
    sampled = Lead.sample
    monkeypatch.setattr(Lead, "sample", lambda *_: pytest.fail("the samples are there"))
    assert torch.equal(sample_replay(tiny_base, prompts, tmp_path / "run").z, made.z)
    monkeypatch.setattr(Lead, "sample", sampled)
    other = sample_replay(tiny_base, draw_prompts(7, seed=1), tmp_path / "run")
    assert not torch.equal(other.z, made.z)


def test_bases_and_data_that_do_not_go_together(data, base, tmp_path):
    mld = Lead(
        LeadConfig(
            "mld", "", TextConfig(width=32, layers=1, heads=2, d_text=24, context=77, merges=300),
            MldVAEConfig(d_latent=16, layers=3, heads=2, ff=32), MldDenoiserConfig(16, 24, layers=3, heads=2, ff=32),
            ProjectorConfig(d_latent=16, d_text=24, width=32, layers=1, heads=2, ff=64),
        )
    ).save(tmp_path / "mld.safetensors")  # fmt: skip
    with pytest.raises(LeadError, match=r"mld\.safetensors has MLD's networks.*--preset small"):
        read_inputs(data, mld)
    kit = authors_folder(tmp_path / "kit", KIT)
    with pytest.raises(LeadError, match=r"kit has 251 features a frame, the base .*base\.safetensors 263"):
        read_inputs(kit, base)
    bare = prepare(tmp_path / "bare")
    for path in (bare / "texts").iterdir():
        path.write_text("")
    with pytest.raises(LeadError, match="no training clip with a caption"):
        read_inputs(bare, base)


def test_clips_to_judge_by(data, base, inputs, tmp_path):
    assert [len(clips) for clips in (inputs.clips, inputs.val, inputs.held_out)] == [4, 1, 2]
    few = read_inputs(prepare(tmp_path, "train train"), base)
    assert few.val == few.clips and few.held_out == ()
    assert measure_autoencoder(few) > 0


def test_similarity_is_highest_where_motions_are_the_clips(inputs, tiny_base, tuned, monkeypatch):
    replay = tuned[0].replay
    found = compare_captions(tiny_base, tuned[0].base, inputs, replay, samples=1)
    assert found.clips == 2 and found.held_out
    assert all(-1 <= value <= 1 for value in (found.others, found.before, found.after))
    clips = {clip.captions[0]: inputs.start.stats.denormalize(clip.features) for clip in inputs.held_out}

    def play(self, captions, **_):
        from lead.motion import Motion

        return [Motion.from_features(clips[caption]) for caption in captions]

    monkeypatch.setattr(tuned[0].base, "generate", lambda *a, **o: play(None, *a, **o))
    best = compare_captions(tiny_base, tuned[0].base, inputs, replay, samples=2)
    assert best.after > max(best.before, best.others) and best.after > 0.9
    seen = compare_captions(tiny_base, tiny_base, replace(inputs, held_out=()), replay, samples=1)
    assert seen.clips == 4 and not seen.held_out and seen.before == seen.after


def test_kinds_that_changed_much_are_named():
    from lead.eval.prompt_suite import PromptResult, summarize

    def result(shares: dict[str, float]):
        rows = [PromptResult(kind, "arms", "", kind, True, {4.0: share}) for kind, share in shares.items()]
        return summarize("tiny", 2, 0, tuple(rows))

    before = result({"waves": 1.0, "claps": 0.5, "points": 0.0})
    after = result({"waves": 0.25, "claps": 0.75, "points": 1.0})
    assert list_changes(before, after) == {"waves": -0.75, "points": 1.0}
    assert list_changes(before, before) == {}


def test_replay_file_says_what_it_is_of(tuned):
    with safe_open(tuned[1] / "replay.safetensors", "pt") as file:
        assert set(file.metadata()) == {"key"} and isinstance(tuned[0].replay, Replay)
