"""A finished design read back from its folder."""

import json
from dataclasses import replace
from pathlib import Path

from hwgen.finished import Finished, NotADesign
from hwgen.kinds import thawed


def load(folder: str | Path) -> Finished:
    """Give back the finished design in `folder`, as `hwgen run` or `hwgen search` left it.

    Raises `NotADesign` where the folder has none.
    """
    folder = Path(folder)
    try:
        checkpoint = json.loads((folder / "checkpoint").read_text(encoding="utf-8"))
        digest, found = checkpoint["owner"]["digest"], checkpoint["steps"]["search"]
        frozen, known = found["design"], {"bits": found["bits"], "quality": found["quality"]}
    except OSError:
        raise NotADesign(f"{folder} holds no hwgen design: no file 'checkpoint' can be read there") from None
    except (ValueError, KeyError, TypeError):
        raise NotADesign(
            f"{folder} holds no finished design: its search has not ended; run hwgen search again"
        ) from None
    try:
        bare = thawed(frozen)
    except (ValueError, KeyError, TypeError) as error:
        raise NotADesign(f"{folder} holds a damaged checkpoint ({error}); delete it and run hwgen again") from None
    # Verilog and result may be another design's, which was in this folder before the search.
    verilog = _text(folder / f"{bare.name}.v")
    try:
        result = json.loads(_text(folder / "result.json"))
        told = (result["name"], result["coefficients"], result["bits"])
        current = told == (bare.name, bare.decimals, found["bits"])
    except (ValueError, KeyError, TypeError):
        current = False
    return replace(
        bare, result=result if current else known, verilog=verilog if f"Design hash: {digest}" in verilog else ""
    )


def _text(path: Path) -> str:
    """Content of a text file; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
