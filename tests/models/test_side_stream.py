import pytest
import torch

from cipa.models.side_stream import Branches


def test_without_a_gpu_tasks_run_where_they_are_started_and_join_in_that_order():
    ran = []
    branches = Branches(None)
    for number in range(6):
        branches.start(lambda value: ran.append(value) or value * value, number)
        assert ran[-1] == number
    assert branches.join() == [0, 1, 4, 9, 16, 25]


@pytest.mark.gpu
def test_more_tasks_than_streams_wait_for_their_inputs_and_are_waited_for():
    x = torch.randn(2048, 2048, device="cuda")
    expected = [float((x + i).sum()) for i in range(9)]
    for _ in range(3):
        branches, parts = Branches(x.device), x
        for i in range(9):
            parts = x @ torch.eye(2048, device="cuda") + i  # exact, and still under way when the task starts
            branches.start(lambda part: part.sum(), parts)
        assert [float(total) for total in branches.join()] == pytest.approx(expected, rel=1e-4)
