"""Numbers of one's own: which sizes and densities a student sees, and which hidden cases are asked, from one secret.

A course has a secret, `.autograder/secret`, made when its first lab is released and never changed. From it a lab has a
key, which ships with the lab: from key and student follows which of `VARIANTS` sets of own cases a student is shown, at
the desk and when graded, the first time and every other. Hidden cases follow from the secret itself, which never ships.

    Question(..., own=lambda rng: [Case((int(rng.integers(5, 9)), 3), "your own layer")])

At the desk a student is who `student.txt` beside the notebook, JupyterHub, or the computer's account says;
`mine("name")` gives the arguments of the first own case of a question, to compute with. Who is taken for somebody else
there sees other numbers and loses nothing: what is graded is the function, on the numbers of who handed in.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from autograder.errors import AutograderError

VARIANTS, SECRET, STUDENT = 16, Path(".autograder") / "secret", "student.txt"


def make_secret(root: Path) -> str:
    """The secret of a course, made if it has none: whole, or not at all.

    Raises AutograderError when it cannot be written, or is there and cannot be used.
    """
    from autograder.course import write  # not at the top: students' notebooks import this module, and have no course

    path = root / SECRET
    try:
        if not path.exists():
            write(path, secrets.token_hex(16) + "\n", 0o600)
    except OSError as error:
        raise AutograderError(f"{path} cannot be written: {error.strerror}") from error
    return read_secret(root)


def read_secret(root: Path) -> str:
    """The secret of a course; nothing where no lab was released since courses have one.

    Raises AutograderError when it is there and cannot be used: all cases would silently be others.
    """
    path = root / SECRET
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AutograderError(f"{path}, from which students' cases follow, cannot be read: {why}") from error
    if not text:
        raise AutograderError(f"{path} is empty: put your copy of it back, or delete it and release the labs again")
    return text


def lab_key(secret: str, lab: str) -> str:
    """The key of a lab, which ships and says nothing of the secret; nothing without one."""
    return hmac.new(secret.encode(), lab.encode(), hashlib.sha256).hexdigest()[:32] if secret else ""


def variant(key: str, student: str) -> int:
    """Which set of own cases a student has, 0 to VARIANTS - 1.

    >>> variant("a key", "ada"), variant("a key", "bob"), variant("another", "ada")
    (12, 13, 5)
    """
    return int.from_bytes(hmac.new(key.encode(), student.encode(), hashlib.sha256).digest()[:8], "big") % VARIANTS


def variant_seed(question: str, number: int) -> int:
    """The seed of one set of own cases: the same wherever and whenever it is made."""
    return int.from_bytes(hashlib.sha256(f"own/{question}/{number}".encode()).digest()[:8], "big")


def whoami(folder: Path = Path()) -> str:
    """Who works at this desk, as far as it can be told; nothing where it cannot."""
    named = folder / STUDENT
    try:
        if text := named.read_text("utf-8").strip()[:100]:
            return text
    except (OSError, ValueError):
        pass
    if hub := os.environ.get("JUPYTERHUB_USER"):
        return hub
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a browser has no accounts
        return ""
