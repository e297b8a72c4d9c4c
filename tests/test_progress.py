"""What a run shows: lines now and then, a bar on a terminal, nothing where silent."""

import io

import pytest
import torch
from rich.console import Console

from cipa.progress import Display
from cipa.training.log import memory_mib


def shown(*, terminal, silent=False):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120, highlight=False, quiet=silent)
    with Display(100, 10, console=console) as display:
        display.phase("epoch 2/10")
        for step in range(11, 101):
            display.numbers(step, 0.5, 1e-4, 12.0, 2048.0)
        display.line("epoch 2  validation: [best]")
    return text.getvalue()


def test_without_a_terminal_there_are_a_few_plain_lines():
    lines = shown(terminal=False).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("step 11/100  loss 0.5000  lr 1.00e-04  12.0 slices/s  2,048 MiB")
    assert lines[1].startswith("step 100/100")
    assert lines[1].endswith("0:00:00 left")
    assert lines[2] == "epoch 2  validation: [best]"


def test_on_a_terminal_there_is_a_bar_with_the_numbers_and_the_lines_above_it():
    text = shown(terminal=True)
    for part in ("epoch 2/10", "100/100", "loss 0.5000", "slices/s", "left", "epoch 2  validation: [best]"):
        assert part in text


def test_silence_is_silent():
    assert shown(terminal=True, silent=True) == ""


def test_memory_is_that_of_this_process():
    assert memory_mib(torch.device("cpu")) == pytest.approx(memory_mib(torch.device("cpu")), rel=0.1)
    assert 50 < memory_mib(torch.device("cpu")) < 50_000
