import pytest

from cipa.cli.parser import Parser
from cipa.errors import UsageError


@pytest.fixture
def parser():
    from typing import Literal

    made = Parser(prog="cipa verb")
    made.add_argument("--model", type=Literal["tiny", "nano"], default="tiny")
    made.add_argument("--lr", type=float, default=0.1)
    made.add_argument("--epochs", type=int, default=1)
    made.add_argument("--image_size", type=int, default=512)
    made.add_argument("--batch-size", type=int, default=4)
    return made


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--model", "huge"], "--model huge is not possible: it must be one of tiny, nano"),
        (["--lr", "fast"], "--lr fast is not possible: it must be a number"),
        (["--epochs", "1.5"], "--epochs 1.5 is not possible: it must be a whole number"),
        (["--speed", "9"], "--speed"),
    ],
)
def test_a_wrong_option_is_named_in_one_line_with_what_it_may_be(parser, words, complaint):
    with pytest.raises(UsageError) as caught:
        parser.parse_words(words)
    assert complaint in str(caught.value)
    assert "cipa verb --help" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("words", [["--image-size", "128"], ["--image_size=128"], ["--image-size=128"]])
def test_dashes_and_underscores_are_the_same_option(parser, words):
    assert parser.parse_words([*words, "--batch_size", "2"]).image_size == 128
    assert parser.parse_words([*words, "--batch_size", "2"]).batch_size == 2
