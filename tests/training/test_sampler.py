"""Order of slices: every process's share of one permutation, whatever the number of processes."""

from itertools import chain

import pytest

from cipa.errors import UsageError
from cipa.training.sampler import EpochSampler, micro_batch_size, steps_per_epoch


def flat(lists):
    return list(chain.from_iterable(lists))


def epoch_of(processes, micro_batch, epoch=0, start=0, slices=50):
    """Batches of an epoch as the union of what the processes read."""
    shares = []
    for rank in range(processes):
        sampler = EpochSampler(slices, 12, micro_batch, seed=7, rank=rank, processes=processes)
        sampler.epoch, sampler.start = epoch, start
        read = list(sampler)
        assert len(read) == len(sampler)
        assert {len(batch) for batch in read} == {micro_batch}
        per_step = 12 // processes // micro_batch
        shares.append([flat(read[i : i + per_step]) for i in range(0, len(read), per_step)])
    return [flat(batch) for batch in zip(*shares, strict=True)]


def test_an_epoch_reads_no_slice_twice_and_drops_the_incomplete_batch():
    batches = epoch_of(1, 12)
    read = flat(batches)
    assert len(batches) == steps_per_epoch(50, 12) == 4
    assert len(set(read)) == len(read) == 48
    assert set(read) <= set(range(50))


@pytest.mark.parametrize(("processes", "micro_batch"), [(1, 4), (2, 6), (2, 3), (3, 2), (12, 1)])
def test_processes_share_the_batches_of_one(processes, micro_batch):
    assert epoch_of(processes, micro_batch) == epoch_of(1, 12)


def test_a_start_within_the_epoch_goes_on_with_the_same_order():
    assert epoch_of(2, 3, start=3) == epoch_of(1, 12)[3:]


def test_epochs_differ_in_order_and_in_what_they_leave_out():
    epochs = [flat(epoch_of(1, 12, epoch=number)) for number in range(4)]
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert len({frozenset(epoch) for epoch in epochs}) > 1


def test_the_named_batch_is_the_one_that_is_read():
    sampler = EpochSampler(50, 12, 12, seed=7)
    assert [sampler.batch(0, step) for step in range(4)] == epoch_of(1, 12)


@pytest.mark.parametrize(
    ("batch_size", "processes", "expected"), [(16, 4, 4), (16, 1, 4), (6, 1, 3), (14, 2, 1), (2, 1, 2)]
)
def test_the_default_micro_batch_divides_the_share(batch_size, processes, expected):
    assert micro_batch_size(batch_size, processes, None) == expected


def test_what_does_not_divide_is_refused_by_name():
    with pytest.raises(UsageError, match="--batch-size 16 does not divide among 3"):
        micro_batch_size(16, 3, None)
    with pytest.raises(UsageError, match=r"--micro-batch 3 does not divide .* 8 slices"):
        micro_batch_size(16, 2, 3)
    with pytest.raises(UsageError, match="5 training slices make no batch of 16"):
        steps_per_epoch(5, 16)
