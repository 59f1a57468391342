"""nbgrader's own commands, as an instructor or a student types them."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path


def nbgrader(folder: Path, *arguments: str, **environment: str) -> str:
    """What one command says, run in a folder; fails with that when the command fails."""
    scripts = sysconfig.get_path("scripts")
    path = {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    done = subprocess.run(
        [f"{scripts}/nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, **path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
