"""Order of slices: every process's share of one permutation, whatever the number of processes."""

from itertools import chain

import pytest

from cipa.errors import UsageError
from cipa.training.sampler import EpochSampler, SlicePool, micro_batch_size, pool_slices, steps_per_epoch


def flat(lists):
    return list(chain.from_iterable(lists))


def epoch_of(processes, micro_batch, epoch=0, start=0, slices=50):
    """Batches of an epoch as the union of what the processes read."""
    shares = []
    for rank in range(processes):
        sampler = EpochSampler(
            SlicePool(range(slices)), 12, micro_batch, seed=7, rank=rank, processes=processes
        )
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
    sampler = EpochSampler(SlicePool(range(50)), 12, 12, seed=7)
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


def test_an_epoch_takes_the_stated_share_of_slices_without_tumour_drawn_anew():
    pixels = [5, 0, 0, 7, 0, 0, 9, 0, 0, 0, 0, 0]
    pool = pool_slices(pixels, 0.4)
    assert (len(pool), pool.drawn) == (5, 2)
    epochs = [EpochSampler(pool, 5, 5, seed=3).batch(epoch, 0) for epoch in range(20)]
    assert all(sum(pixels[index] > 0 for index in epoch) == 3 and len(set(epoch)) == 5 for epoch in epochs)
    assert {index for epoch in epochs for index in epoch} == set(range(12))
    assert epochs == [EpochSampler(pool, 5, 5, seed=3).batch(epoch, 0) for epoch in range(20)]
    assert epochs != [EpochSampler(pool, 5, 5, seed=4).batch(epoch, 0) for epoch in range(20)]


@pytest.mark.parametrize(
    ("share", "length"),
    [(None, 6), (0.0, 2), (0.34, 3), (0.9, 6)],
    ids=["all", "none", "a third", "too many"],
)
def test_no_more_slices_without_tumour_are_taken_than_there_are(share, length):
    pool = pool_slices([1, 0, 0, 0, 0, 2], share)
    assert len(pool) == len(set(pool.of_epoch(0, 0))) == length


def test_processes_share_out_the_same_draw():
    pool = pool_slices([1, 0] * 12, 0.33)
    whole = EpochSampler(pool, 6, 3, seed=1).batch(2, 0)
    parts = [EpochSampler(pool, 6, 3, seed=1, rank=rank, processes=2) for rank in range(2)]
    for part in parts:
        part.epoch = 2
    assert [index for part in parts for index in next(iter(part))] == whole
