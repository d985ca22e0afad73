"""What a design takes on a device, and how each target is counted (the same for hwgen and for every peer)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from hwgen.cost import yosys


@dataclass(frozen=True)
class Resources:
    """Cells on `target`, and the tool that counted them (None for an estimate)."""

    target: str
    lut: float
    ff: float
    carry: float
    dsp: float = 0
    bram: float = 0
    tool: str | None = None

    def figures(self) -> dict[str, float]:
        """The five counts alone, as integers."""
        return {
            key: round(value) for key, value in asdict(self).items() if key in ("lut", "ff", "carry", "dsp", "bram")
        }


@dataclass(frozen=True)
class Target:
    """A device family: the synthesis command, what is added without and with DSP blocks, the weight of each cell."""

    synth: str
    no_dsp: str
    with_dsp: str
    lut: Mapping[str, int]
    carry: tuple[str, ...]
    dsp: tuple[str, ...]
    bram: tuple[str, ...]
    ff: tuple[str, ...]


_RAM = {"RAM32M": 4, "RAM64M": 4, "RAM32X1S": 1, "RAM64X1S": 1, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4}

TARGETS: Mapping[str, Target] = {
    "ice40": Target(
        "synth_ice40", "", "-dsp", {"SB_LUT4": 1}, ("SB_CARRY",), ("SB_MAC16",), ("SB_RAM40",), ("SB_DFF",)
    ),
    "ecp5": Target(
        "synth_ecp5", "-nodsp", "", {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        ("CCU2C",), ("MULT18X18D", "ALU54B"), ("DP16KD", "PDPW16KD"), ("TRELLIS_FF",),
    ),
    "xc7": Target(
        "synth_xilinx -flatten -family xc7 -noiopad", "-nodsp", "",
        {**{f"LUT{k}": 1 for k in range(1, 7)}, "SRL16E": 1, "SRLC32E": 1, "SRLC16E": 1, **_RAM},
        ("CARRY4",), ("DSP48E1",), ("RAMB18E1", "RAMB36E1"), ("FDRE", "FDSE", "FDCE", "FDPE"),
    ),
    "gowin": Target(
        "synth_gowin -noiopads", "-nodsp", "", {**{f"LUT{k}": 1 for k in range(1, 5)}, "ALU": 1, "RAM16SDP4": 4},
        ("ALU",), ("MULT", "PADD", "ALU54D"), ("SP", "SDP", "DP", "ROM", "pROM"), ("DFF",),
    ),
}  # fmt: skip


def synthesise(verilog: str, top: str, target: str, dsp: bool = False, timeout: float = 1200) -> Resources:
    """Resources of `verilog` by Yosys for `target`, flattened, in a process of its own (safe to send to an executor).

    Raises ``YosysError`` where Yosys fails or passes `timeout` seconds.
    """
    command = synthesis_command(top, target, dsp)
    report = yosys.run({"design.v": verilog}, ["read_verilog design.v", command, "tee -q -o stat.json stat -json"],
                       "stat.json", timeout)  # fmt: skip
    return count(json.loads(report)["modules"]["\\" + top]["num_cells_by_type"], target)


def synthesis_command(top: str, target: str, dsp: bool) -> str:
    """The Yosys command that synthesises module `top` for `target`."""
    family = TARGETS[target]
    parts = (family.synth, family.with_dsp if dsp else family.no_dsp, f"-top {top}")
    return " ".join(part for part in parts if part)


def count(cells: Mapping[str, int], target: str) -> Resources:
    """Count Yosys cells by type as ``design.md`` says for `target`: a LUT carry pair counts both its LUTs."""
    family = TARGETS[target]

    def total(names: tuple[str, ...]) -> int:
        return sum(n for cell, n in cells.items() if cell in names)

    def starting(names: tuple[str, ...]) -> int:
        return sum(n for cell, n in cells.items() if cell.startswith(names))

    return Resources(
        target=target,
        lut=sum(family.lut.get(cell, 0) * n for cell, n in cells.items()),
        ff=starting(family.ff),
        carry=total(family.carry),
        dsp=starting(family.dsp),
        bram=starting(family.bram),
        tool=yosys.version(),
    )
