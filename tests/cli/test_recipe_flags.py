import dataclasses

import pytest

from cipa.cli.parser import Parser
from cipa.cli.recipe_flags import add_recipe_flags, with_flags
from cipa.errors import UsageError
from cipa.training.recipe import TrainRecipe


def parse(*words):
    parser = Parser(prog="cipa train")
    add_recipe_flags(parser)
    return parser.parse_words(words)


def fields_of(recipe):
    return {
        (group.name, item.name)
        for group in dataclasses.fields(recipe)
        for item in dataclasses.fields(getattr(recipe, group.name))
    }


@pytest.fixture
def changed():
    recipe = TrainRecipe()
    return dataclasses.replace(
        recipe, optimisation=dataclasses.replace(recipe.optimisation, lr=0.3, epochs=7)
    )


def test_no_flag_changes_nothing(changed):
    assert with_flags(changed, parse()) == changed


def test_a_flag_goes_before_what_the_recipe_says_also_where_it_is_the_default(changed):
    arguments = parse(
        "--lr", "6e-5", "--ct-window", "-160", "240", "--no-crm", "--hd95", "--micro-batch", "2"
    )
    recipe = with_flags(changed, arguments)
    assert (recipe.optimisation.lr, recipe.optimisation.epochs, recipe.optimisation.micro_batch) == (
        6e-5,
        7,
        2,
    )
    assert (recipe.network.crm, recipe.network.ct_window) == (False, (-160.0, 240.0))
    assert recipe.validation.hd95 is True


def test_none_takes_a_number_back(changed):
    recipe = dataclasses.replace(
        changed, optimisation=dataclasses.replace(changed.optimisation, clip_norm=1.0)
    )
    assert with_flags(recipe, parse("--clip-norm", "none")).optimisation.clip_norm is None
    with pytest.raises(UsageError, match="--clip-norm tight is not possible: it must be a number"):
        parse("--clip-norm", "tight")


def test_augmentation_keeps_its_group_in_front():
    recipe = with_flags(TrainRecipe(), parse("--augmentation.pet-gain", "0.4"))
    assert recipe.augmentation.pet_gain == 0.4


def test_a_value_out_of_range_is_refused_by_its_flag():
    with pytest.raises(UsageError, match="--batch-size 0 is not possible: it must be 1 or more"):
        with_flags(TrainRecipe(), parse("--batch-size", "0"))


def test_every_field_is_a_flag_with_dashes_and_an_explanation(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        parse("--help")
    shown = capsys.readouterr().out
    flags = {line.split()[0].rstrip(",") for line in shown.splitlines() if line.startswith("  --")}
    names = {
        f"{group}.{name}" if group == "augmentation" else name for group, name in fields_of(TrainRecipe())
    }
    assert flags == {"--" + name.replace("_", "-") for name in names} | {"--debug"}


def test_choices_that_may_be_left_open_are_choices(capsys):
    assert with_flags(TrainRecipe(), parse("--slices", "3")).network.slices == 3
    with pytest.raises(UsageError, match="--slices 2 is not possible: it must be one of 1, 3"):
        parse("--slices", "2")
    with pytest.raises(
        UsageError, match="--pet-scaling log is not possible: it must be one of linear, arcsinh"
    ):
        parse("--pet-scaling", "log")
