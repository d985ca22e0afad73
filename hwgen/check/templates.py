"""Verilog, C++ and shell scripts, rendered from ``rtl_templates``."""

from importlib.resources import files

import jinja2

from hwgen.check import words
from hwgen.check.vectors import Top


def environment() -> jinja2.Environment:
    """Where templates are found; a block's own line leaves none, and an undefined name is an error."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: files("hwgen.rtl_templates").joinpath(name).read_text("utf-8")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(name: str, top: Top, **values: object) -> str:
    """Render template `name` for a module.

    The template sees ``top``, ``inputs`` and ``outputs`` (`words.Field` of each port), ``stimulus_bits`` and
    ``response_bits`` (widths of the words), and `values`.
    """
    return (
        environment()
        .get_template(name)
        .render(
            top=top,
            inputs=words.fields(top.inputs),
            outputs=words.fields(top.outputs),
            stimulus_bits=words.width(top.inputs),
            response_bits=words.width(top.outputs),
            **values,
        )
    )
