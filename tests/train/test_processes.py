"""Processes that train together: how their group ends."""

import sys
import textwrap

import pytest

from lead.train.processes import launch

ENDS = """
    import os
    import torch
    from lead.train.processes import _leave_group, gather, make_accelerator

    def count_gloo_threads():
        names = [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
        return sum("gloo" in name for name in names)

    accelerator = make_accelerator("cpu")
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(3))])
    gather(torch.zeros(2, requires_grad=True), accelerator).sum().backward()
    before = count_gloo_threads()
    _leave_group()
    print(before > 0, count_gloo_threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_thread_of_the_group_is_left(tmp_path):
    """A thread that is left may free a tensor while Python ends, which aborts the process."""
    program = tmp_path / "ends.py"
    program.write_text(textwrap.dedent(ENDS))
    assert launch([sys.executable, str(program)], processes=2) == (0, "True 0\n")
