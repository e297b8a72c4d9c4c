import pytest
from numba.core.caching import CacheImpl

from cipa.ops.scan.cpu.compiled import compiled


def test_a_compiled_function_is_cached():
    assert type(compiled(lambda x: x + 1)._cache).__name__ == "FunctionCache"


def test_without_a_writable_folder_it_is_compiled_all_the_same(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    double = compiled(lambda x: 2 * x)
    assert type(double._cache).__name__ == "NullCache"
    assert double(21) == 42


def test_division_by_zero_is_ieee():
    assert compiled(lambda x: 1.0 / x)(0.0) == pytest.approx(float("inf"))
