"""The process's environment, in the one place that may name it.

Owns the mapping that the rest of the package takes as an argument. Refuses to read from it.
"""

import os
from collections.abc import Mapping

ENVIRON: Mapping[str, str] = os.environ  # noqa: TID251  # the one reader that the ban leaves
