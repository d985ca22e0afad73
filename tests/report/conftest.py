"""A result and its evidence as a finished run has them."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def result() -> dict:
    return json.loads((HERE / "example_result.json").read_text())


@pytest.fixture
def evidence() -> dict:
    return json.loads((HERE / "example_evidence.json").read_text())
