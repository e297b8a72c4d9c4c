import threading

import pytest
import torch

from cipa.ops import ss2d
from cipa.ops.scan.cpu.threads import run_in_threads
from op_inputs import ss2d_inputs


def test_every_task_runs_once():
    done = []
    run_in_threads(lambda share, first, last: done.extend(range(first, last)), 17)
    assert sorted(done) == list(range(17))


def test_an_error_in_a_thread_reaches_the_caller():
    def fail(share, first, last):
        if last == 8:
            raise RuntimeError("last share")

    with pytest.raises(RuntimeError, match="last share"):
        run_in_threads(fail, 8)


def test_several_threads_may_scan_at_once():
    inputs = ss2d_inputs(batch=4, height=16, width=16)
    expected = ss2d(*inputs)
    results = [None] * 6

    def scan(place):
        results[place] = ss2d(*inputs)

    threads = [threading.Thread(target=scan, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(result, expected) for result in results)
