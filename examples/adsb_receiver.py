"""Aircraft transponders from an intermediate frequency: makes the samples, decodes frames, counts them.

    python examples/adsb_receiver.py make      # examples/data/adsb_if.npy, what adsb_receiver.toml receives
    hwgen run examples/adsb_receiver.toml --out build/adsb
    python examples/adsb_receiver.py count build/adsb            # frames that the bit-true model decodes
    python examples/adsb_receiver.py count build/adsb --rtl      # the Verilog in Verilator, the whole recording
    python examples/adsb_receiver.py count build/adsb --icarus   # in Icarus, up to the third frame

The recording (2 MS/s, complex) is interpolated to 16 MS/s, shifted to 4.1 MHz, and its real part rounded to 12 bits. A
receiver brings it back to 2 MS/s; frames are found by their preamble and by CRC-24, whatever their scale.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, resample_poly, upfirdn

import hwgen
from hwgen.check.bulk import simulate_bulk
from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.finished.receiver import Receiver

HERE = Path(__file__).parent
RECORDING, SAMPLES = HERE / "data" / "adsb_2msps.cu8", HERE / "data" / "adsb_if.npy"
RATE, UP, CARRIER = 16e6, 8, 4.1e6
GENERATOR = 0xFFF409  # of the CRC-24, its leading 1 left out
SHORT, LONG = 56, 112  # bits of a frame
PULSES = (0, 2, 7, 9)  # of the preamble, in samples of half a microsecond; between them it is quiet
GAPS = (1, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15)


def recorded() -> NDArray[np.complex128]:
    """The recording, in -1..1."""
    pairs = (np.fromfile(RECORDING, dtype=np.uint8).astype(np.float64) - 128) / 128
    return np.asarray(pairs[0::2] + 1j * pairs[1::2])


def intermediate() -> NDArray[np.float64]:
    """The recording as a converter at the intermediate frequency samples it: 12 bits, in -1..1."""
    fast = resample_poly(recorded(), UP, 1, window=firwin(UP * 48 + 1, 0.95 / UP, window=("kaiser", 8.0)))
    carried = np.real(fast * np.exp(2j * np.pi * CARRIER / RATE * np.arange(len(fast))))
    return np.clip(np.round(carried * 2048), -2048, 2047) / 2048


def received(samples: NDArray[np.float64]) -> NDArray[np.complex128]:
    """What a float receiver with a windowed-sinc filter makes of them, at 2 MS/s."""
    mixed = samples * np.exp(-2j * np.pi * CARRIER / RATE * np.arange(len(samples)))
    return np.asarray(upfirdn(firwin(129, 1e6, fs=RATE), mixed, down=UP))


# ---------------------------------------------------------------------------------------------------------- detector
def remainders() -> NDArray[np.uint32]:
    """CRC-24 of each single bit of a long frame, the first bit first; the remainder of a frame is their sum."""
    found, value = [], GENERATOR
    for _ in range(LONG - 24):
        found.append(value)
        value = (value << 1) ^ ((1 << 24 | GENERATOR) if value & 1 << 23 else 0)
    return np.array([*found[::-1], *(1 << np.arange(24)[::-1])], dtype=np.uint32)


def frames(word: NDArray[np.complex128]) -> list[tuple[int, str]]:
    """Start, and hexadecimal digits, of every frame of DF 11, 17 or 18 whose CRC-24 checks; samples of 1/2 us."""
    size = np.abs(word)
    span = 16 + 2 * LONG
    size = np.concatenate([size, np.zeros(span)])
    count = len(size) - span
    pulse = np.min([size[k : k + count] for k in PULSES], axis=0)
    quiet = np.mean([size[k : k + count] for k in GAPS], axis=0)
    starts = np.flatnonzero(pulse > 1.2 * quiet)
    bits = size[starts[:, None] + 16 + 2 * np.arange(LONG)] > size[starts[:, None] + 17 + 2 * np.arange(LONG)]
    kind = bits[:, :5] @ (1 << np.arange(5)[::-1])
    table = remainders()
    found: list[tuple[int, str]] = []
    for length, kinds, mask in ((LONG, (17, 18), 0xFFFFFF), (SHORT, (11,), 0xFFFF80)):
        rows = np.flatnonzero(np.isin(kind, kinds))
        weights = table[LONG - length :]
        rest = np.bitwise_xor.reduce(np.where(bits[rows][:, :length], weights, 0).astype(np.uint32), axis=1)
        for row in rows[(rest & mask) == 0]:
            digits = np.packbits(bits[row, :length]).tobytes().hex()
            found.append((int(starts[row]), digits))
    kept: list[tuple[int, str]] = []
    for start, digits in sorted(found):
        if not kept or start >= kept[-1][0] + 16 + 8 * len(kept[-1][1]) or digits != kept[-1][1]:
            kept.append((start, digits))
    return kept


def common(one: list[tuple[int, str]], other: list[tuple[int, str]]) -> int:
    """Frames of one receiver that another has, too, at about the same time. Weak ones come through by chance."""
    return sum(any(digits == d and abs(start - s) < 16 + SHORT for s, d in other) for start, digits in one)


# ---------------------------------------------------------------------------------------------------------- receiver
def through(design: Receiver, samples: NDArray[np.float64], how: str) -> NDArray[np.complex128]:
    """Samples through the model, or through the Verilog, which must agree with the model on every clock."""
    chain = design.chain
    words = np.floor(samples * 2.0**chain.input.fraction + 0.5).astype(np.int64)[None]
    if how != "model":
        top = design.core
        made = script(words, np.random.default_rng(0), gap_probability=0.0, drain=top.span + 8)
        wanted = top.expected(made, design.words)
        verdict = (simulate_bulk if how == "verilator" else simulate)(design.verilog, top, made, wanted)
        if not verdict.bit_true:
            raise SystemExit(f"the Verilog differs from the model: {verdict.first}")
        print(f"{verdict.simulator}: {verdict.samples:,} outputs of {words.shape[1]:,} samples, no mismatch")
        y = wanted.data[:, wanted.valid]
    else:
        y = design.words(words)
    return np.asarray(y[0] + 1j * y[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "count"])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--rtl", action="store_true", help="the Verilog in Verilator, over the whole recording")
    parser.add_argument("--icarus", action="store_true", help="the Verilog in Icarus, up to the third frame")
    given = parser.parse_args()
    samples = intermediate()
    if given.what == "make":
        np.save(SAMPLES, samples.astype(np.float32))
        print(f"{len(samples):,} samples to {SAMPLES}")
        return 0
    wanted = frames(received(samples))
    print(f"float receiver: {len(wanted)} frames")
    if given.folder is None:
        return 0
    design = hwgen.load(given.folder)
    how = "verilator" if given.rtl else "icarus" if given.icarus else "model"
    if given.icarus:
        samples = samples[: UP * (frames(through(design, samples, "model"))[2][0] + 400)]
        found = frames(through(design, samples, how))
        print(f"{design.name}: {len(found)} frames")
        return 0 if len(found) >= 3 else 1
    found = frames(through(design, samples, how))
    share, same = 100 * len(found) / len(wanted), common(wanted, found)
    print(f"{design.name}: {len(found)} frames, {share:.1f} % of the float receiver's; {same} are the same")
    return 0 if share >= 99 else 1


if __name__ == "__main__":
    sys.exit(main())
