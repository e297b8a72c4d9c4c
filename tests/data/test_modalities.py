import torch

from cipa.data.modalities import keep_inputs


def test_what_is_kept_is_itself_and_what_is_not_is_black():
    ct, pet = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    black = torch.full_like(ct, -1.6)
    assert keep_inputs(ct, pet, "ct+pet") == (ct, pet)
    for inputs, first, second in (("ct", ct, black), ("pet", black, pet)):
        kept = keep_inputs(ct, pet, inputs)
        assert torch.equal(kept[0], first)
        assert torch.equal(kept[1], second)
