"""Every kind of circuit has all that a kind must have."""

import inspect

import pytest

from hwgen.finished import Finished
from hwgen.kinds import Kind, kind_of
from hwgen.rules import OF_KIND, RULES
from hwgen.tables import DesignFile


@pytest.mark.parametrize("name", RULES)
def test_a_kind_is_whole(name: str) -> None:
    """Each function of the protocol is there and takes the same arguments."""
    kind = kind_of(name)
    for member, wanted in inspect.getmembers(Kind, inspect.isfunction):
        if not member.startswith("_"):
            given = list(inspect.signature(getattr(kind, member)).parameters)
            assert given == list(inspect.signature(wanted).parameters)[1:], (name, member)


def test_the_tables_of_kinds_exist() -> None:
    """What belongs to a kind is a table of the design file, and the kinds are known."""
    for table, kinds in OF_KIND.items():
        assert table in DesignFile.model_fields
        assert set(kinds) <= set(RULES)


def test_a_design_is_of_its_kind() -> None:
    """Every finished design names a kind that gives it back."""
    assert {made.kind for made in Finished.__subclasses__()} <= set(RULES)
