import pytest
import torch

from cipa.ops.scan.triton.plan import SCAN_REGISTERS, Plan, plan_backward, plan_scan, require_indexable

CPU = torch.device("cpu")  # two multiprocessors


def test_enough_programs_walk_in_one_piece():
    assert plan_scan(8, 4096, 64, 4, 16, CPU) == Plan(4096, 1, 1)


def test_few_programs_cut_their_walk_into_chunks_that_cover_it():
    plan = plan_scan(1, 1000, 32, 1, 16, CPU)
    assert plan.chunks > 1
    assert plan.chunk * (plan.chunks - 1) < 1000 <= plan.chunk * plan.chunks


def test_many_short_walks_share_a_program():
    plan = plan_scan(10_000, 16, 32, 4, 16, CPU)
    assert (plan.chunk, plan.chunks) == (16, 1)
    assert plan.images > 1


def test_the_way_back_is_cut_at_kept_states():
    plan = plan_backward(1, 1000, 32, 1, 64, CPU)
    assert plan.chunks > 1
    assert plan.chunk % 64 == 0
    assert plan.chunk * (plan.chunks - 1) < 1000 <= plan.chunk * plan.chunks
    assert plan_backward(1, 64, 32, 1, 64, CPU).chunks == 1


def test_a_map_too_large_to_address_is_named():
    require_indexable(1024 * 1024, 192, 4, 16)
    with pytest.raises(ValueError, match="4194304 pixels in 4 directions of 192 channels"):
        require_indexable(2048 * 2048, 192, 4, 16)


@pytest.mark.parametrize(("length", "states"), [(128, 4), (1000, 16), (100_000, 16)])
def test_chunks_fill_whole_waves_of_programs_and_no_part_of_another(length, states):
    plan = plan_scan(1, length, 32, 1, states, CPU)
    at_once = 2 * (65536 // (32 * SCAN_REGISTERS[states >= 16]))
    waves = -(-plan.chunks // at_once)
    assert plan.chunk % 16 == 0
    assert waves * at_once - plan.chunks <= at_once // 2 or plan.chunk == 16
