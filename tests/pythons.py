"""Code in another Python: that of an environment with libraries which ours does not have."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(python: str, *arguments: str, **environment: str) -> None:
    """Run it from the root of the project; who fails says why."""
    done = subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
