"""Whether memory ran out is told from what libraries say, and from nothing else."""

import errno

import pytest

from cipa.errors import OUT_OF_MEMORY, CipaError, DataError, UsageError, is_out_of_memory


@pytest.mark.parametrize("kind", [RuntimeError, OSError, ImportError])
@pytest.mark.parametrize("words", OUT_OF_MEMORY)
def test_every_library_s_words_for_it_are_known(kind, words):
    assert is_out_of_memory(kind(f"[enforce fail] {words}: tried 1 GB"))


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOMEM, "x")])
def test_python_and_the_system_say_it_by_class_and_number(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        OSError(errno.ENOSPC, "x"),
        ValueError("out of memory"),
        KeyboardInterrupt(),
    ],
)
def test_another_failure_is_not_taken_for_it(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("is_cause", [True, False])
def test_it_is_found_behind_an_error_that_hides_it(is_cause):
    def fail():
        try:
            raise MemoryError
        except MemoryError as error:
            if is_cause:
                raise DataError("x.nii: damaged") from error
            raise ValueError("while handling")  # noqa: B904 - on purpose

    with pytest.raises((DataError, ValueError)) as caught:
        fail()
    assert is_out_of_memory(caught.value)


def test_a_user_s_mistake_and_a_bad_file_have_codes_of_their_own():
    assert (DataError.exit_code, UsageError.exit_code) == (1, 2)
    assert issubclass(DataError, CipaError)
    assert issubclass(UsageError, CipaError)
