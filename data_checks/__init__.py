"""What judges: the contract of the exports, the rules and the gate."""

import os

# Great Expectations reads it once, when it is imported: nothing about a run may leave the machine.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
