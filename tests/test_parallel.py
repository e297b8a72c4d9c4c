import os
from operator import neg

import pytest

from cipa.parallel import processors, runner


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_is_done_once_by_any_number_of_processes(workers):
    with runner(workers) as run:
        assert sorted(run(neg, [1, 2, 3])) == [-3, -2, -1]


def test_what_a_job_raises_is_raised_here():
    with pytest.raises(ValueError, match="x"), runner(2) as run:
        list(run(int, ["1", "x"]))


def test_processors_are_those_that_may_be_used():
    assert 1 <= processors() <= (os.cpu_count() or 1)
