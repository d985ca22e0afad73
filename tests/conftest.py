"""One finished design for the tests of the whole way, and what makes runs short in the others."""

import json
import subprocess
from collections.abc import Iterator

import pytest
from finished import DESIGN, HWGEN, Finished
from short_runs import hastened, threaded


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """`DESIGN` on its whole way through the installed command, with two processes. Leave its folder as it is."""
    place = tmp_path_factory.mktemp("finished")
    (place / "halfband.toml").write_text(DESIGN)
    command = [HWGEN, "run", "halfband.toml", "--out", "made", "--jobs", "2"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((place / "made" / "result.json").read_text())
    return Finished(place / "made", result, done.stdout, done.stderr)


@pytest.fixture(autouse=True, scope="session")
def nothing_remembered() -> Iterator[None]:
    """Every test measures anew, and leaves no results in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWGEN_CACHE", "off")
        yield


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """`threaded` for one test."""
    threaded(monkeypatch)


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """`hastened` for one test."""
    hastened(monkeypatch)
