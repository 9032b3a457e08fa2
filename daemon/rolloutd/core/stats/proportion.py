"""The evidence of a gate on a proportion or on events, as the core uses it; it must not decide anything.

Three values, each replaced by a new one at every tick: `HarmEvidence` (worse than the champion and the margin),
`LimitEvidence` (above an absolute limit) and `SafeEvidence` (better than the margin). Each has `log_e`: harm is shown
once log_e >= log(1/alpha), safety while log_e >= log(1/beta), at any tick, however often one looks.
`encode` gives what JSON can hold and `decode` the same value again, bit for bit.
"""

from rolloutd.core.stats.harm import HarmEvidence
from rolloutd.core.stats.limit import LimitEvidence
from rolloutd.core.stats.safe import SafeEvidence

__all__ = ["HarmEvidence", "LimitEvidence", "SafeEvidence"]
