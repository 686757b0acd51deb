import threading

import pytest
import torch

from lead.threads import side_by_side


@pytest.fixture(params=[1, 2, 4])
def threads(request, set_threads):
    set_threads(request.param)
    return request.param


def test_results_come_in_the_parts_order_and_threads_are_given_back(threads):
    with side_by_side(2) as each:
        assert torch.get_num_threads() == max(threads // 2, 1)
        assert each(lambda part: (part * 2, torch.get_num_threads()), range(5)) == [
            (part * 2, max(threads // 2, 1)) for part in range(5)
        ]
    assert torch.get_num_threads() == threads


def test_two_parts_are_worked_on_at_once(threads):
    if threads == 1:
        pytest.skip("one thread has nobody to meet")
    meeting = threading.Barrier(2, timeout=30)
    with side_by_side(2) as each:
        assert sorted(each(lambda part: meeting.wait(), range(2))) == [0, 1]


@pytest.mark.parametrize("recording", [True, False])
def test_gradients_are_recorded_where_the_caller_records_them(threads, recording):
    x = torch.ones(3, requires_grad=True)
    with torch.set_grad_enabled(recording), side_by_side(2) as each:
        assert [y.requires_grad for y in each(lambda part: part * x, (1.0, 2.0))] == [recording] * 2


def test_an_error_reaches_the_caller_and_threads_are_given_back(threads):
    with pytest.raises(ZeroDivisionError), side_by_side(2) as each:
        each(lambda part: 1 // part, (1, 0))
    assert torch.get_num_threads() == threads
