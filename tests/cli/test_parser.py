from argparse import BooleanOptionalAction

import pytest

from cipa.cli.parser import Parser
from cipa.errors import UsageError


@pytest.fixture
def parser():
    made = Parser(prog="cipa verb", description="First paragraph.\n\nSecond one.\n")
    made.explain("DATA -o OUT", "cipa verb DATA -o OUT\ncipa verb DATA -o OUT --lr 1e-3")
    add = made.add_argument_group("network").add_argument
    add("data", metavar="DATA", nargs="?")
    add("--model", choices=["tiny", "nano"], default="tiny", help="which network")
    add("--lr", type=float, default=0.1, metavar="X", help="learning rate")
    add("--epochs", type=int, metavar="N", default=0)
    add("--image-size", type=int, default=512, metavar="N")
    add("--ct-window", type=float, nargs=2, metavar=("LOW", "HIGH"))
    add("--masks", action=BooleanOptionalAction, default=True, help="write masks")
    made.add_argument_group("output").add_argument("-o", "--out", metavar="OUT", required=True)
    return made


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--model", "huge"], "--model huge is not possible: it must be one of tiny, nano"),
        (["--model", "nan"], "it must be one of tiny, nano; did you mean nano?"),
        (["--lr", "fast"], "--lr fast is not possible: it must be a number"),
        (["--epochs", "1.5"], "--epochs 1.5 is not possible: it must be a whole number"),
        (["-o", "x", "--speed", "9"], "--speed: no such option"),
        (["-o", "x", "--epoch", "9"], "--epoch: no such option; did you mean --epochs?"),
        (["-o", "x", "DATA", "OUT"], "OUT: one word too many; the output is named by -o"),
        (["DATA"], "-o OUT is missing"),
        (["--lr"], "--lr: expected one argument"),
    ],
)
def test_a_mistake_is_named_in_one_line_with_what_was_meant(parser, words, complaint):
    with pytest.raises(UsageError) as caught:
        parser.parse_words(words)
    assert complaint in str(caught.value)
    assert "cipa verb --help" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_spelled_with_dashes_and_negative_numbers_are_values(parser):
    arguments = parser.parse_words(
        ["-o", "x", "--image-size=128", "--ct-window", "-1e3", "-.5", "--no-masks"]
    )
    assert (arguments.image_size, arguments.ct_window, arguments.masks) == (128, [-1000, -0.5], False)


def test_help_groups_options_says_defaults_once_and_ends_with_examples(parser, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as left:
        parser.parse_words(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: cipa verb DATA -o OUT [options]\n\nFirst paragraph.\n\nSecond one.\n")
    for part in (
        "\nnetwork:\n",
        "\noutput:\n",
        "learning rate (default: 0.1)",
        "-o, --out OUT",
        "(default: yes)",
    ):
        assert part in shown
    assert shown.endswith("examples:\n\n  cipa verb DATA -o OUT\n  cipa verb DATA -o OUT --lr 1e-3\n")
    assert max(map(len, shown.splitlines())) < 80


def test_an_option_of_old_with_underscores_is_the_one_with_dashes():
    parser = Parser("cipa test")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--plain", type=str)
    assert parser.parse_words(["--image_size", "128", "--plain", "a_b"]).image_size == 128
    with pytest.raises(UsageError, match="--image_sizes: no such option"):
        Parser("cipa test").parse_words(["--image_sizes", "1"])
