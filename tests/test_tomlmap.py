"""Design files as text: syntax errors, unreadable files, the way keys and values are shown."""

from pathlib import Path

import pytest
from good_design import GOOD

from hwgen.spec import DesignFileError, load, parse
from hwgen.tomlmap import as_toml, join, split

SYNTAX = {
    "no value": ('[design]\nname =\nkind = "fir"\n', 2, "Invalid value"),
    "open bracket": ("[design\n", 1, "Expected ']'"),
    "key twice": ("[design]\nname = 1\nname = 2\n", 3, "Cannot overwrite"),
    "table twice": ("[design]\n[design]\n", 2, "twice"),
    "open list": ("[response]\nbands = [ 1\n", 2, "Unclosed array"),
    "empty": ("", None, "empty"),
    "blank": (" \n\n", None, "empty"),
    "deep": ("a = " + "[" * 5000, None, "deeply"),
    "digits": ("a = " + "9" * 5000, None, "digits"),
}


@pytest.mark.parametrize("case", SYNTAX)
def test_syntax_error(case: str) -> None:
    text, line, reason = SYNTAX[case]
    with pytest.raises(DesignFileError) as caught:
        parse(text, "bad.toml")
    assert (caught.value.file, caught.value.line) == ("bad.toml", line)
    assert reason in caught.value.reason
    assert "\n  Try: " in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [(None, None, "no such file"), (b"[design]\nname = '\xe9'\n", 2, "0xe9"), (b"#" * (1 << 20 | 1), None, "bytes")],
    ids=["missing", "Latin-1", "huge"],
)
def test_unreadable_file(tmp_path: Path, content: bytes | None, line: int | None, reason: str) -> None:
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DesignFileError, match=reason) as caught:
        load(path)
    assert (caught.value.file, caught.value.line, caught.value.key) == (str(path), line, "")


def test_folder_is_no_design_file(tmp_path: Path) -> None:
    with pytest.raises(DesignFileError, match="folder"):
        load(tmp_path)


def test_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).digest == parse(GOOD, "good.toml").digest
    path.write_bytes(path.read_bytes().replace(b"seed = 1", b"seed = x"))
    with pytest.raises(DesignFileError) as caught:
        load(path)
    assert caught.value.line == 33


@pytest.mark.parametrize("key", [("a",), ("response", "bands", 1, "stop"), ("a-b", 0, 3, "c_d")])
def test_keys_are_written_and_read(key: tuple[str | int, ...]) -> None:
    assert split(join(key)) == key


def test_long_values_are_cut() -> None:
    assert as_toml("x" * 100) == '"' + "x" * 56 + "..."
    assert as_toml([1, True, {"a b": "c"}]) == '[1, true, { "a b" = "c" }]'
