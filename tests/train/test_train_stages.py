"""The stages on a tiny data set: they make a base, resume after a kill, share their batches, keep the best weights."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import train
from walks import synthesize_walk

import lead.train.stages.vae as train_module
from lead.checkpoint import load_part, save_part
from lead.data.prepare import prepare_data
from lead.data.vary import vary_data
from lead.errors import LeadError
from lead.model import Lead
from lead.networks.denoiser import DenoiserConfig
from lead.networks.mld import MLD_DIFFUSION, MldDenoiserConfig, MldVAEConfig
from lead.train import latents
from lead.train.assemble import assemble, load_speaker, load_style_tokens, load_tower, load_vae
from lead.train.clips import ClipBatches
from lead.train.logs import read_result
from lead.train.losses import mean_of_share
from lead.train.processes import launch
from lead.train.stage import Stage, TrainConfig
from lead.train.stages.diffusion import train_diffusion
from lead.train.stages.vae import VAE_PRESETS, train_vae

STAGES = ("text", "vae", "decoder", "language", "diffusion", "projector", "evaluator")
PROGRAM = [sys.executable, str(Path(__file__).parents[1] / "tiny_training.py")]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    source = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(8):
        synthesize_walk(1.5 + 0.2 * number, seed=number).save(source / f"w{number}.npy")
        split = "train" if number < 6 else "val"
        captions = ["a person walks", f"walks {number}"] if number % 2 else [f"somebody {number}"]
        rows.append({"clip": f"w{number}.npy", "captions": captions, "split": split})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path_factory.mktemp("out") / "data"
    prepare_data(source, out)
    vary_data(out, copies=2)
    return out


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A run folder with every stage trained for a few steps; treat it as read-only."""
    run = tmp_path_factory.mktemp("run")
    for stage in STAGES:
        train(stage, data, run)
    return run


def copy_parts(run: Path, to: Path, *parts: str) -> Path:
    to.mkdir()
    for part in parts:
        shutil.copy(run / part, to)
    return to


def losses(run: Path, stage: str) -> list[float]:
    return [row["loss"] for row in metrics(run, stage) if "loss" in row]


def metrics(run: Path, stage: str) -> list[dict]:
    return [json.loads(line) for line in (run / f"{stage}.metrics.jsonl").read_text().splitlines()]


def header_and_bytes(path: Path) -> tuple[dict, bytes]:
    """A safetensors file, its header parsed: the order in which metadata are written is random."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def assert_equal(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name


def test_stages_make_a_base_that_generates(data, run, tmp_path):
    base = assemble(data, run, "tiny", "Apache-2.0")
    path = base.save(tmp_path / "base.safetensors", compact=True)
    loaded = Lead.load(path)
    assert (loaded.name, loaded.license, loaded.config) == ("tiny", "Apache-2.0", base.config)
    assert loaded.generate(["a person walks"], seconds=2.0)[0].joints.shape == (40, 22, 3)
    assert float(loaded.vae.latent_scale) > 0


def test_run_folder_tells_how(run):
    told = json.loads((run / "vae.json").read_text())
    assert told["config"]["d_latent"] == 8 and told["train"]["batch"] == 4 and told["processes"] == 1
    assert {"package", "commit", "python", "torch", "threads", "platform", "cpus"} <= told.keys()
    for stage in STAGES:
        rows = metrics(run, stage)
        reports = [row for row in rows if "loss" in row]
        assert [row["step"] for row in reports] == [2, 4, 6]
        assert all(row["seconds"] > 0 and row["peak_memory_gb"] > 0.1 for row in reports)
        assert [row["step"] for row in rows if "best" in row] == [2, 4, 6]
        last = read_result(run, stage)
        assert last == rows[-1] and last["finished"] and last["minutes"] > 0 and last["best_step"] in (2, 4, 6)
        assert any(key.startswith("val_") for key in last)
    assert not list(run.glob("*.checkpoint"))


def test_a_stage_that_fails_goes_on_as_if_it_had_not(data, tmp_path, monkeypatch):
    whole = train("vae", data, tmp_path / "whole")
    honest, calls = train_module.vae_loss, []

    def fail_at_step_five(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise MemoryError
        return honest(*arguments)

    monkeypatch.setattr(train_module, "vae_loss", fail_at_step_five)
    with pytest.raises(MemoryError):
        train("vae", data, tmp_path / "failed")
    monkeypatch.undo()
    assert_equal(whole, train("vae", data, tmp_path / "failed"))
    told = [[(r["step"], r.get("loss")) for r in metrics(tmp_path / name, "vae")] for name in ("whole", "failed")]
    assert told[0] == told[1]


def test_killed_at_any_step_a_run_ends_in_the_same_bytes(data, tmp_path):
    options = {"steps": 60, "save_every": 7, "report_every": 1, "val_every": 20}
    train("vae", data, tmp_path / "whole", **options)
    killed_after = random.Random(time.time()).randrange(8, 40)
    child = subprocess.Popen([*PROGRAM, "vae", str(data), str(tmp_path / "killed"), json.dumps(options)])
    rows = tmp_path / "killed" / "vae.metrics.jsonl"
    while child.poll() is None and (not rows.is_file() or rows.read_bytes().count(b'"loss"') < killed_after):
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, killed_after
    assert (tmp_path / "killed" / "vae.checkpoint").is_file()
    train("vae", data, tmp_path / "killed", **options)
    whole, killed = (header_and_bytes(tmp_path / name / "vae.safetensors") for name in ("whole", "killed"))
    assert whole == killed, killed_after


def test_ctrl_c_ends_the_step_and_saves(data, tmp_path, monkeypatch):
    honest, calls = train_module.vae_loss, []

    def interrupt_at_step_three(*arguments):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(*arguments)

    monkeypatch.setattr(train_module, "vae_loss", interrupt_at_step_three)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"vae stopped at step 3 of 6; the same command goes on from .*vae\."):
        train("vae", data, tmp_path / "stopped", save_every=1000)
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) == handler
    assert torch.load(tmp_path / "stopped" / "vae.checkpoint", weights_only=True)["step"] == 3
    whole = train("vae", data, tmp_path / "whole", save_every=1000)
    assert_equal(whole, train("vae", data, tmp_path / "stopped", save_every=1000))


def test_a_checkpoint_of_another_run_is_refused(data, tmp_path, monkeypatch):
    honest = Stage.update

    def fail(stage, loss, parts, clips):
        if stage.step == 3:
            raise MemoryError
        honest(stage, loss, parts, clips)

    monkeypatch.setattr(Stage, "update", fail)
    with pytest.raises(MemoryError):
        train("vae", data, tmp_path)
    monkeypatch.undo()
    with pytest.raises(LeadError, match=r"vae\.checkpoint \(step 2\).*train\.lr was 0\.0005, now 0\.1.*--restart"):
        train("vae", data, tmp_path, lr=0.1)
    moved = tmp_path / "other"
    shutil.copytree(data, moved)
    with pytest.raises(LeadError, match=r"inputs\.data was \w+, now \w+"):
        train("vae", moved, tmp_path)
    train("vae", data, tmp_path, report_every=1)  # what changes no weights may change


def test_two_processes_train_as_one(data, run, tmp_path):
    """The same losses to a relative 1e-5 in float32, and averaged weights to 1e-4: sums are in another order."""
    shared = copy_parts(run, tmp_path / "shared", "text.safetensors")
    whole = copy_parts(run, tmp_path / "whole", "text.safetensors")
    stages = ("vae", "decoder", "diffusion", "projector", "evaluator")
    code, _ = launch([*PROGRAM, ",".join(stages), str(data), str(shared), "{}"], processes=2)
    assert code == 0
    for stage in stages:
        train(stage, data, whole)
        assert losses(shared, stage) == pytest.approx(losses(whole, stage), rel=1e-5), stage
        assert json.loads((shared / f"{stage}.json").read_text())["processes"] == 2
        part = {"diffusion": "denoiser"}.get(stage, stage)
        ours, theirs = (load_file(folder / f"{part}.safetensors") for folder in (shared, whole))
        assert_close_weights(ours, theirs, stage)
        shutil.copy(shared / f"{part}.safetensors", whole)  # the next stage begins with the same bits


def test_a_batch_in_parts_is_the_same_step(data, run, tmp_path):
    for stage in ("vae", "diffusion"):
        folders = [copy_parts(run, tmp_path / f"{stage}{n}", "text.safetensors", "vae.safetensors") for n in (1, 2)]
        for accumulate, folder in zip((1, 2), folders, strict=True):
            train(stage, data, folder, accumulate=accumulate)
        assert losses(folders[0], stage) == pytest.approx(losses(folders[1], stage), rel=1e-5)
        part = {"diffusion": "denoiser"}.get(stage, stage)
        whole, parts = (load_file(folder / f"{part}.safetensors") for folder in folders)
        assert_close_weights(parts, whole, stage)


def assert_close_weights(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], stage: str) -> None:
    """All weights to 1e-4; of the autoencoder's .99 at least.

    Adam moves a weight whose gradient is nothing but rounding by the whole rate, one way or the other.
    """
    for name, value in theirs.items():
        close = torch.isclose(ours[name], value, rtol=1e-4, atol=1e-4).float().mean()
        assert close >= (0.99 if stage in ("vae", "decoder") else 1.0), f"{stage} {name}: {close}"


def test_batches_that_cannot_be_shared(data, tmp_path):
    with pytest.raises(LeadError, match=r"4 clips cannot be shared equally by 1 processes x 3 parts.*--batch"):
        train("vae", data, tmp_path, accumulate=3)
    with pytest.raises(LeadError, match=r"evaluator: its loss compares all clips.*leave --accumulate out"):
        train("evaluator", data, tmp_path, accumulate=2)


def test_shares_means_are_the_batchs():
    values, lengths = torch.randn(6, 9, 3), torch.tensor([9, 2, 5, 1, 9, 4])
    whole = mean_of_share(values, lengths, lengths)
    shares = [mean_of_share(values[i : i + 2], lengths[i : i + 2], lengths) for i in (0, 2, 4)]
    torch.testing.assert_close(torch.stack(shares).mean(), whole)
    naive = torch.cat([row[:length] for row, length in zip(values, lengths, strict=True)]).mean()
    torch.testing.assert_close(whole, naive)


def test_an_epoch_has_every_clip_once(data):
    clips, _ = train_module.load_training_clips(data, train_module.Stats.read(data))
    config = TrainConfig(batch=3)
    batches = ClipBatches(clips, config)
    seen = [clip.id for step in range(batches.groups) for clip in batches.draw(step).clips]
    assert len(seen) == len(set(seen)) == len(clips) // 3 * 3
    again = ClipBatches(clips, config).draw(batches.groups + 1)
    assert (again.features == batches.draw(batches.groups + 1).features).all()
    assert len(ClipBatches(clips[:2], config).draw(0).clips) == 3


def test_the_best_by_validation_is_kept(data, tmp_path, monkeypatch):
    errors = {2: 0.3, 4: 0.1, 6: 0.2}

    def train_and_keep(keep: str) -> tuple[Path, list[torch.Tensor]]:
        seen, judged = [], iter(errors.values())

        def judge(vae, *_):
            seen.append(vae.fold.weight.clone())
            return next(judged)

        monkeypatch.setattr(train_module, "reconstruction_error", judge)
        train("vae", data, tmp_path / keep, keep=keep)
        return tmp_path / keep, seen

    for keep, place in (("best", 1), ("last", 2)):
        folder, seen = train_and_keep(keep)
        assert torch.equal(load_part(folder / "vae.safetensors", "vae")[0]["fold.weight"], seen[place])
        assert [row["best"] for row in metrics(folder, "vae") if "best" in row] == [True, True, False]
        assert read_result(folder, "vae")["best_step"] == 4
        assert read_result(folder, "vae")["val_joint_error_cm"] == pytest.approx(10)


def test_latents_are_made_once_and_kept(data, run, tmp_path, monkeypatch):
    assert len(list(run.glob("latents-*.safetensors"))) == len(list(run.glob("captions-*.safetensors"))) == 1
    folder = copy_parts(run, tmp_path / "run")
    parts = (load_vae(run), load_tower(run), load_style_tokens(run))
    made = latents.load_latents(data, folder, *parts, "cpu")
    monkeypatch.setattr(latents, "_encode_data", lambda *_: pytest.fail("the latents are there"))
    kept = latents.load_latents(data, folder, *parts, "cpu")
    assert kept.fingerprint == made.fingerprint and torch.equal(kept.table, made.table)
    for a, b in zip((*made.sources, made.val), (*kept.sources, kept.val), strict=True):
        assert torch.equal(a.mu, b.mu) and torch.equal(a.std, b.std) and a.texts == b.texts
    assert [len(rows) for rows in made.val.texts] == [1, 2] and len(made.sources) == 3
    monkeypatch.undo()
    parts[0].latent_scale.mul_(2)
    other = latents.load_latents(data, folder, *parts, "cpu")
    assert other.fingerprint != made.fingerprint
    torch.testing.assert_close(other.val.mu, 2 * made.val.mu)
    assert [path.name for path in folder.glob("captions-*")] == [f"captions-{other.fingerprint}.safetensors"]
    assert len(list(folder.glob("latents-*"))) == 1


def test_captions_come_back_from_their_tensors_and_encode_row_by_row(data, run):
    tower, tokens = load_tower(run), load_style_tokens(run)
    kept = latents.load_latents(data, run, load_vae(run), tower, tokens, "cpu")
    captions = latents.Captions.unpack(kept.captions.pack())
    assert captions.sentences == kept.captions.sentences and captions.sentences[0] == ""
    styled = [row for row, text in enumerate(captions.sentences) if latents.STYLE_TOKEN in text]
    rows = [0, *styled[:2], 1]
    assert styled
    torch.testing.assert_close(captions.encode_rows(rows, tower, tokens), kept.table[rows], rtol=0, atol=0.05)


def test_the_language_stage_moves_the_tower_and_the_diffusion_goes_on_from_its_denoiser(data, run, tmp_path):
    before, after = load_tower(run, spoken=False), load_tower(run)
    assert not torch.equal(before.encode(["a person walks"]), after.encode(["a person walks"]))
    assert_equal(after, assemble(data, run, "tiny", "Apache-2.0").text)
    parts = (f"{part}.safetensors" for part in ("text", "vae", "language", "manners"))
    folder = copy_parts(run, tmp_path / "run", *parts)
    untrained = train_diffusion(data, folder, train=TrainConfig(steps=1, batch=4, lr=0.0, precision="no"))
    assert_equal(untrained, load_speaker(run).denoiser)


def test_a_latent_batch_follows_from_its_step(data, run):
    kept = latents.load_latents(data, run, load_vae(run), load_tower(run), load_style_tokens(run), "cpu")
    batches = [latents.draw_latent_batch(kept.sources, kept.table, TrainConfig(batch=8), step) for step in (3, 4, 3)]
    assert all(len(batch.z) == 8 for batch in batches)
    assert torch.equal(batches[0].z, batches[2].z) and not torch.equal(batches[0].text, batches[1].text)


def test_mlds_networks_train_too(data, run, tmp_path):
    copy_parts(run, tmp_path / "run", "text.safetensors")
    quick = TrainConfig(steps=2, batch=4, warmup=1, precision="no")
    size = {"layers": 3, "heads": 2, "ff": 32}
    weights = VAE_PRESETS["mld"][2]
    assert (weights.features, weights.joints, weights.joints_smooth, weights.speed, weights.kl) == (1, 0, 1, 0, 1e-4)
    vae = train_vae(data, tmp_path / "run", MldVAEConfig(d_latent=16, **size), quick, weights)
    assert float(vae.latent_scale) == 1
    config = MldDenoiserConfig(d_latent=1, d_text=1, **size)
    with pytest.raises(LeadError, match="--preset mld as well"):
        train_diffusion(data, run, config, quick, MLD_DIFFUSION)
    denoiser = train_diffusion(data, tmp_path / "run", config, quick, MLD_DIFFUSION)
    assert (denoiser.config.d_latent, denoiser.config.d_text) == (16, 24)
    assert read_result(tmp_path / "run", "diffusion")["val_loss"] > 0


def test_a_tracker_gets_the_figures(data, tmp_path, monkeypatch):
    from accelerate.utils import LoggerType

    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(LeadError, match=r"pip install 'lead-invert\[trackio\]'"):
        train("vae", data, tmp_path / "a", tracker="trackio")
    begun, drawn = [], []

    class FakeRun:
        def log(self, values: dict, step: int) -> None:
            drawn.extend((name, step) for name in values)

        def finish(self) -> None:
            drawn.append("end")

    fake = ModuleType("trackio")
    fake.__spec__ = ModuleSpec("trackio", None)
    fake.init = lambda project, **given: begun.append((project, given)) or FakeRun()
    fake.config = type("Config", (dict,), {"update": lambda self, values, allow_val_change: begun.append(values)})()
    monkeypatch.setitem(sys.modules, "trackio", fake)
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", lambda: [LoggerType.TRACKIO])
    train("vae", data, tmp_path / "b", tracker="trackio")
    assert begun[0] == ("lead-invert", {"name": "b-vae"}) and begun[1]["train.steps"] == 6
    assert {("loss", 2), ("loss", 6), ("val_joint_error_cm", 4), ("kl", 4)} <= set(drawn) and drawn[-1] == "end"

    def no_login(project: str, **given: object) -> None:
        raise RuntimeError("no login\nand more")

    fake.init = no_login
    with pytest.raises(LeadError, match=r"--tracker trackio did not start \(RuntimeError: no login\)"):
        train("vae", data, tmp_path / "c", tracker="trackio")


def test_a_loss_that_is_not_finite_stops_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "vae_loss", lambda *a: (torch.tensor(float("nan"), requires_grad=True), {}))
    with pytest.raises(LeadError, match="step 0"):
        train("vae", data, tmp_path)


def test_parts_are_checked(run, tmp_path):
    with pytest.raises(LeadError, match="lead train vae DATA"):
        load_part(tmp_path / "vae.safetensors", "vae")
    with pytest.raises(LeadError, match="holds 'vae'; expected the part 'text'"):
        load_part(run / "vae.safetensors", "text")
    (tmp_path / "text.safetensors").write_bytes(b"PK\x03\x04 not this")
    with pytest.raises(LeadError, match="not a readable"):
        load_part(tmp_path / "text.safetensors", "text")


def test_save_part_leaves_one_file(tmp_path):
    save_part(tmp_path / "x.safetensors", torch.nn.Linear(2, 2), "x", DenoiserConfig())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_processes_that_fail_are_told_of():
    code = "import os, sys, time; rank = os.environ['RANK']\n"
    fails = code + "sys.exit('no room left' if rank == '1' else time.sleep(60))"
    with pytest.raises(LeadError, match="process 1 of 2 failed: no room left"):
        launch([sys.executable, "-c", fails], 2)
    says = code + "print('sorry' if rank == '1' else ''); sys.exit(1) if rank == '1' else time.sleep(60)"
    assert launch([sys.executable, "-c", says], 2) == (1, "sorry\n")
    told = "print(rank, os.environ['WORLD_SIZE'], os.environ['LOCAL_RANK']); sys.exit(3 if rank == '0' else 0)"
    assert launch([sys.executable, "-c", code + told], 2) == (3, "0 2 0\n")
    assert launch([sys.executable, "-c", "import os; print(os.environ.get('RANK'))"]) == (0, "None\n")


@pytest.mark.gpu
def test_a_gpu_trains_every_stage(data, tmp_path):
    quick = TrainConfig(steps=2, batch=4, warmup=1)
    vae = train_vae(data, tmp_path, train=quick, device="cuda")
    assert next(vae.parameters()).is_cuda
    last = read_result(tmp_path, "vae")
    assert last["peak_gpu_gb"] > 0 and last["val_joint_error_cm"] > 0


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_is_handed_on_and_waited_for(processes, tmp_path):
    worker = (
        "import os, sys, time, pathlib\n"
        f"pathlib.Path({str(tmp_path)!r}, os.environ.get('RANK', '0')).touch()\n"
        "try: time.sleep(60)\nexcept KeyboardInterrupt: time.sleep(0.2); print('saved'); sys.exit(130)"
    )
    launcher = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); from lead.train.processes import launch\n"
        f"print(launch([sys.executable, '-c', {worker!r}], {processes}))"
    )
    child = subprocess.Popen([sys.executable, "-c", launcher], stdout=subprocess.PIPE, text=True)
    while len(list(tmp_path.iterdir())) < processes and child.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60)[0] == "(130, 'saved\\n')\n"
