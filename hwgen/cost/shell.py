"""What the AXI4-Stream shell adds to its core, by its sizes alone."""

from hwgen.axi_stream import Shell

# For each bit of a word: LUTs of distributed RAM as `resources` counts them, for the rows that one cell has.
_MEMORY = {"ice40": (0.0, 256), "ecp5": (1.5, 16), "xc7": (4 / 6, 32), "gowin": (1.0, 16)}
_BLOCK_BITS = 16  # of a word that a block RAM of an iCE40 holds


def estimate(shell: Shell, target: str) -> dict[str, int]:
    """LUTs, flip-flops, carries, DSP and RAM blocks.

    Within 15 LUTs of Yosys 0.70 for words up to 32 bits.
    """
    word = sum(port.width for port in shell.core.outputs)
    per_bit, rows = _MEMORY[target]
    used, address = shell.depth.bit_length(), shell.address_bits
    paced = 2 * (max(shell.core.decimate, shell.core.interpolate) - 1).bit_length()
    memory = per_bit * word * -(-shell.rows // rows)
    return {
        "lut": round(6 + 2 * used + 2 * address + 0.6 * shell.depth + paced + memory),
        "ff": 3 + used + shell.depth + 2 * address + paced // 2 + (0 if target == "ice40" else word),
        "carry": 0,
        "dsp": 0,
        "bram": -(-word // _BLOCK_BITS) if target == "ice40" else 0,
    }
