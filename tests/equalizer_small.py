"""A small equaliser's design file."""

TOML = """\
[design]
name = "tiny"
kind = "equalizer"
[input]
format = "s1.7"
sample_rate = 1e6
[output]
format = "s2.6"
[equalizer]
taps = 3
constellation = "bpsk"
step = 0.25
delay = 1
training = 300
judged = 900
channel = [0.3, 1.0, -0.2]
snr_db = 15
[goal]
minimise = "luts"
evm_loss_db = 0.5
[search]
evaluations = 1200
"""
