"""A small uplink that tests share."""

import numpy as np

from hwgen.designs.uplink import Uplink
from hwgen.problems.channels import rayleigh

CHANNEL = rayleigh(8, 2, 3.0, np.random.default_rng(5))
BITS = (3, 2, 0, 4, 1, 3, 0, 2)
LINK = Uplink(CHANNEL, BITS)
