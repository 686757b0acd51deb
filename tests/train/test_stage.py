"""Errors of a stage: numbers that are not finite, damaged checkpoints, an incomplete line of metrics."""

import math

import pytest
import torch

from lead.errors import LeadError
from lead.train.logs import read_result
from lead.train.stage import Stage, TrainConfig

TRAIN = TrainConfig(steps=6, batch=2, warmup=2, report_every=2, save_every=2, precision="no")


def train(run, fault=None, at: int = 3, clips=("walk_01", "walk_02")) -> Stage:
    """A line fitted to ones; `fault` changes its weights' loss at one step."""
    torch.manual_seed(0)
    stage = Stage("line", torch.nn.Linear(3, 1), run, TRAIN)
    for step in stage.steps():
        loss = stage.model(stage.randn_like(torch.ones(2, 3))).square().mean()
        stage.update(fault(loss) if fault and step == at else loss, {"other": loss}, clips)
    stage.finish("line", TRAIN)
    return stage


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (lambda loss: loss * math.nan, "loss nan, other "),
        (lambda loss: loss / 0, "loss inf, other "),
        (lambda loss: torch.sqrt(loss * 0.0), "its gradient's norm (nan|inf), loss 0"),
    ],
)
def test_numbers_that_are_none_stop_training_before_a_weight_moves(tmp_path, fault, found):
    with pytest.raises(LeadError) as told:
        train(tmp_path, fault)
    message = str(told.value)
    assert message.startswith("training line: the loss is not finite at step 3: ")
    assert "The batch is that of step 3 and seed 0 (clips walk_01, walk_02)" in message
    assert "line.checkpoint is as it was before" in message and "--restart" in message
    with pytest.raises(LeadError, match=found):  # the same step again: the same end
        train(tmp_path, fault)
    resumed = train(tmp_path)
    whole = train(tmp_path / "whole")
    assert torch.equal(resumed.average.weight, whole.average.weight)


def test_a_stage_of_several_processes_resumes(tmp_path, monkeypatch):
    """There the device has a number, "cpu:0", which torch's reader of checkpoints does not know."""
    with pytest.raises(LeadError):
        train(tmp_path, lambda loss: loss * math.nan)
    monkeypatch.setattr("accelerate.Accelerator.device", property(lambda self: torch.device("cpu", 0)))
    assert train(tmp_path).step == TRAIN.steps


def test_many_clips_are_told_by_a_few(tmp_path):
    with pytest.raises(LeadError, match=r"\(clips c0, c1, c2, c3, c4, c5, c6, c7 and 92 more\).*nothing was saved yet"):
        train(tmp_path, lambda loss: loss * math.nan, at=0, clips=[f"c{n}" for n in range(100)])


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flip_bit(data: bytes) -> bytes:
    return data[:700] + bytes(64) + data[764:]


@pytest.mark.parametrize("damage", [half, flip_bit, lambda data: b"", lambda data: b"PK\3\4" + data])
def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path, damage):
    with pytest.raises(LeadError, match="not finite"):
        train(tmp_path, lambda loss: loss * math.nan)
    path = tmp_path / "line.checkpoint"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LeadError, match=r"line\.checkpoint is damaged \(.*--restart to begin the stage again"):
        train(tmp_path)
    path.unlink()
    assert train(tmp_path).step == 6


def test_half_a_line_of_metrics_is_left_out(tmp_path):
    with pytest.raises(LeadError, match="not finite"):
        train(tmp_path, lambda loss: loss * math.nan)
    metrics = tmp_path / "line.metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes() + b'{"step": 4, "lo\xff')
    assert read_result(tmp_path, "line") is None
    train(tmp_path)
    last = read_result(tmp_path, "line")
    assert last and last["step"] == 6
    assert b'"lo' not in metrics.read_bytes().replace(b'"loss"', b"")
