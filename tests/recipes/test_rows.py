"""The recipes of the sarcoma table: what a row says is what is trained."""

import pytest
from recipes.sts.rows import RECIPE, ROWS, recipe_of

from cipa.errors import UsageError
from cipa.models.config import VARIANTS


def test_every_row_of_cipa_is_a_recipe_that_chooses_nothing_on_the_test_patients():
    rows = [name for name, changes in ROWS.items() if changes.get("model", "tiny") in VARIANTS]
    for name in rows:
        recipe = recipe_of(name, 3, {})
        assert recipe.validation.validation == "none"
        assert recipe.optimisation.seed == 3
    assert "tiny" in rows


def test_rows_differ_in_what_they_say_and_in_nothing_else():
    plain, bare = recipe_of("tiny", 0, {}), recipe_of("tiny-neither", 0, {})
    assert {name for name, _, _ in bare.difference(plain)} == {"crm", "dcim"}
    robust = recipe_of("tiny-robust", 0, {})
    changed = {name.removeprefix("augmentation.") for name, _, _ in robust.difference(plain)}
    assert changed == set(ROWS["tiny-robust"])


def test_a_field_is_changed_whichever_group_it_is_in():
    recipe = recipe_of("tiny", 0, {"lr": 1e-4, "workers": 2, "affine": 0.1})
    assert (recipe.optimisation.lr, recipe.running.workers, recipe.augmentation.affine) == (1e-4, 2, 0.1)


@pytest.mark.parametrize(
    ("row", "changes", "said"), [("tinny", {}, "row 'tinny'"), ("tiny", {"rl": 1}, "rl: no field")]
)
def test_an_unknown_row_or_field_is_named(row, changes, said):
    with pytest.raises(UsageError, match=said):
        recipe_of(row, 0, changes)


def test_the_recipe_file_is_one_that_the_command_line_takes():
    assert RECIPE.is_file()
    assert recipe_of("tiny", 42, {}).network.image_size == 256
