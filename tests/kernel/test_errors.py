from __future__ import annotations

import inspect

import pytest

from rollcall.kernel import errors
from rollcall.kernel.errors import (
    Compacted,
    InvalidInput,
    MissingExtra,
    OutcomeUnknown,
    RollcallError,
    StoreInUse,
    StoreUnavailable,
    Unavailable,
)


def test_every_error_of_the_kernel_is_a_rollcall_error() -> None:
    classes = [
        one
        for one in vars(errors).values()
        if inspect.isclass(one) and one.__module__ == errors.__name__
    ]

    assert len(classes) > 1
    assert all(issubclass(one, RollcallError) for one in classes)


def test_invalid_input_is_a_value_error_that_names_the_field() -> None:
    with pytest.raises(ValueError, match=r"^capabilities\.0\.name: must not be empty$") as caught:
        raise InvalidInput("capabilities.0.name", "must not be empty")

    assert isinstance(caught.value, InvalidInput)
    assert caught.value.field == "capabilities.0.name"
    assert caught.value.problem == "must not be empty"


def test_a_missing_extra_is_an_import_error_that_says_what_to_install() -> None:
    error = MissingExtra("semantic search", "semantic")

    assert isinstance(error, ImportError)
    assert "semantic search" in str(error)
    assert "pip install 'rollcall-ai[semantic]'" in str(error)
    assert (error.feature, error.extra) == ("semantic search", "semantic")


@pytest.mark.parametrize("error", [StoreUnavailable, OutcomeUnknown])
def test_what_may_work_later_is_unavailable(error: type[RollcallError]) -> None:
    assert issubclass(error, Unavailable)


def test_an_unknown_outcome_is_not_taken_for_nothing_written() -> None:
    assert not issubclass(OutcomeUnknown, StoreUnavailable)


def test_a_store_in_use_names_its_folder() -> None:
    error = StoreInUse("/srv/rollcall")

    assert "/srv/rollcall" in str(error)
    assert error.path == "/srv/rollcall"


def test_a_compacted_log_says_from_where_it_can_be_read() -> None:
    error = Compacted(asked=7, oldest=40)

    assert (error.asked, error.oldest) == (7, 40)
    assert "7" in str(error)
    assert "40" in str(error)
