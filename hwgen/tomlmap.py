"""A design file as text: its values, the line of every key, and the error that points at one of them.

`tomllib` gives the values but forgets where they stood; tree-sitter's TOML grammar gives the places.
"""

import json
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

LARGEST = 1 << 20  # bytes; a list of 4096 coefficients takes a tenth of this
ABSENT: Any = object()

Key = tuple[str | int, ...]


class DesignFileError(ValueError):
    """A mistake in a design file, told so that its author can mend it.

    `file` as it was given, `line` from 1 (None when it is unknown), `key` such as ``response.bands[1].stop`` ("" for
    the whole file), `value` (None when the key is absent), `reason` and `remedy` as sentences without a full stop.
    """

    def __init__(self, file: str, line: int | None, key: str, value: Any, reason: str, remedy: str) -> None:
        super().__init__(file, line, key, value, reason, remedy)
        self.file, self.line, self.key, self.value, self.reason, self.remedy = file, line, key, value, reason, remedy

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        shown = "" if self.value is None else f" = {as_toml(self.value)}"
        reason = f"{self.key}{shown}\n  {self.reason}" if self.key else self.reason
        return f"{place}: {reason}\n  Try: {self.remedy}"


@dataclass(frozen=True)
class Source:
    """What was read: the file's name, its text, its values and the line of every key."""

    path: Path
    text: str
    values: dict[str, Any]
    lines: dict[Key, int]

    def value(self, key: Key) -> Any:
        """The value written in the file for `key`, or `ABSENT`."""
        found: Any = self.values
        for part in key:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return ABSENT
        return found

    def line(self, key: Key) -> int | None:
        """Line of `key`, or of the nearest table around it that the file has."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return self.lines[key[:length]]
        return None

    def error(self, key: Key, reason: str, remedy: str, default: Any = None) -> DesignFileError:
        """The error that blames `key`; `default` is the value shown when the file does not give one."""
        value = self.value(key) if key else None  # "" blames the whole file, which is not shown
        shown = default if value is ABSENT else value
        return DesignFileError(str(self.path), self.line(key), join(key), shown, reason, remedy)


def require_file(path: Path) -> None:
    """Raise an `OSError` whose text says what is wrong unless `path` is a regular file that may be read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            path.open("rb").close()
            return
        trouble = "it is a folder, not a file" if stat.S_ISDIR(mode) else "it is not a regular file"
    except FileNotFoundError:
        trouble = "there is no such file"
    except OSError as error:
        trouble = error.strerror or str(error)
    except ValueError as error:  # a NUL in the name
        trouble = str(error)
    raise OSError(trouble)


def read_bytes(path: Path, largest: int) -> bytes:
    """Content of a regular file of at most `largest` bytes. Raises `OSError` as `require_file` does."""
    require_file(path)
    if (size := path.stat().st_size) > largest:
        raise OSError(f"it has {size} bytes, more than the {largest} that are read")
    return path.read_bytes()


def read(path: Path) -> str:
    """Text of the design file `path`. Raises `DesignFileError`."""
    try:
        data = read_bytes(path, LARGEST)
    except OSError as error:
        reason = f"cannot read the design file: {error}"
        raise DesignFileError(str(path), None, "", None, reason, "give the name of a design file (TOML)") from None
    try:
        return data.decode("utf-8-sig")  # Windows editors put a byte-order mark first
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        raise DesignFileError(str(path), line, "", None, reason, "save the file as UTF-8") from None


def parse(text: str, path: Path) -> Source:
    """Values and lines of the TOML `text`. Raises `DesignFileError` with the line of a syntax error."""
    if not text.strip():
        remedy = "write the tables [design], [input], [output], [response] and [goal]"
        raise DesignFileError(str(path), None, "", None, "the design file is empty", remedy)
    try:
        values = tomllib.loads(text)
        lines: dict[Key, int] = {}
        for key, line in _lines(text):
            lines.setdefault(key, line)
        return Source(path, text, values, lines)
    except RecursionError:
        reason = "arrays or tables are nested too deeply"
        raise DesignFileError(str(path), None, "", None, reason, "remove the needless brackets") from None
    except ValueError as error:  # TOMLDecodeError, or Python's own limit on the digits of an integer
        message = str(error)
        match = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        end = message.endswith(" (at end of document)")
        number = int(match[1]) if match else text.rstrip().count("\n") + 1 if end else None
        reason = f"not valid TOML: {re.sub(r' .at (line|end).*$', '', message)}"
        if match:
            shown = text.split("\n")[int(match[1]) - 1].strip()
            reason += f" at column {match[2]} of: {shown[:60]}"
        remedy = 'mend this line; text needs "quotes", lists need [ ], a key may be given once'
        raise DesignFileError(str(path), number, "", None, reason, remedy) from None


def _lines(text: str) -> Iterator[tuple[Key, int]]:
    """Every key of the document with its line; entries of arrays are numbered from 0."""
    document = Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node
    entries: dict[Key, int] = {}  # how many [[tables]] of this name have begun

    def placed(names: Iterable[str | int]) -> Key:
        key: Key = ()
        for name in names:
            key = (*key, name)
            if key in entries:  # [a.b] below [[a]] belongs to the last entry of a
                key = (*key, entries[key] - 1)
        return key

    for node in document.named_children:
        if node.type == "pair":
            yield from _pair(node, ())
        elif node.type in ("table", "table_array_element"):
            names = _names(node.named_children[0])
            if node.type == "table":
                key = placed(names)
            else:
                array = (*placed(names[:-1]), names[-1])
                entries[array] = entries.get(array, 0) + 1
                yield array, node.start_point[0] + 1
                key = (*array, entries[array] - 1)
            yield key, node.start_point[0] + 1
            for pair in node.named_children[1:]:
                if pair.type == "pair":
                    yield from _pair(pair, key)


def _pair(node: Node, table: Key) -> Iterator[tuple[Key, int]]:
    name, value = (child for child in node.named_children if child.type != "comment")
    key = table
    for part in _names(name):
        key = (*key, part)
        yield key, node.start_point[0] + 1
    yield from _value(value, key)


def _value(node: Node, key: Key) -> Iterator[tuple[Key, int]]:
    children = [child for child in node.named_children if child.type != "comment"]
    if node.type == "inline_table":
        for child in children:
            yield from _pair(child, key)
    elif node.type == "array":
        for index, child in enumerate(children):
            yield (*key, index), child.start_point[0] + 1
            yield from _value(child, (*key, index))


def _names(node: Node) -> list[str]:
    """Parts of a bare, quoted or dotted key, read as TOML reads them."""
    table = tomllib.loads(f"{(node.text or b'').decode()} = 0")
    names = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return names


def join(key: Key) -> str:
    """``("response", "bands", 1, "stop")`` as ``response.bands[1].stop``."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[\w-]+", part, re.ASCII) else json.dumps(part))
    return text


def split(key: str) -> Key:
    """The inverse of `join` for keys that need no quotes."""
    return tuple(int(part[1:-1]) if part[0] == "[" else part for part in re.findall(r"[\w-]+|\[\d+\]", key))


def as_toml(value: Any, width: int = 60) -> str:
    """`value` as TOML would write it, on one line, cut at `width` characters."""
    match value:
        case bool():
            text = str(value).lower()
        case int() if value.bit_length() > 200:  # Python refuses to print thousands of digits
            text = hex(value)
        case str():
            text = json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            text = f"[{', '.join(as_toml(item, width) for item in value[:width])}]"
        case dict():
            text = f"{{ {', '.join(f'{join((name,))} = {as_toml(item, width)}' for name, item in value.items())} }}"
        case _:
            text = str(value)
    return text if len(text) <= width else text[: width - 3] + "..."
