"""Broken hardware: emitted Verilog with one place changed, for checks that must see it."""


def mutated(verilog: str, text: str, replacement: str) -> str:
    """The Verilog with the one place that has `text` changed; a test that no longer finds it must choose another."""
    assert verilog.count(text) == 1, f"the emitted Verilog has changed; choose {text!r} anew"
    return verilog.replace(text, replacement)
