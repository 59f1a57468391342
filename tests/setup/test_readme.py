"""What the README says is so."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import make

ROOT = Path(make.__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_examples_print_what_it_prints():
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=options)
    assert 0 == result.failed
    assert result.attempted >= 5


def test_the_readme_names_verbs_that_exist():
    named = set(re.findall(r"(?:make|make\.py) (start|build|test|check|format|lock|clean|[a-z]+)(?=[ `\n)])", README))
    verbs = {action.dest for action in make.parser()._subparsers._group_actions[0]._choices_actions}
    assert named <= verbs
    assert {"start", "test", "build"} <= named


def test_the_readme_names_folders_and_modules_that_exist():
    named = re.findall(r"^\| `([^`]+)`", README, flags=re.MULTILINE)
    modules = [name for name in named if name.startswith("tests.")]
    folders = [name for name in named if name not in (*modules, "python -m")]
    paths = [ROOT / n for n in folders] + [ROOT / (n.split()[0].replace(".", "/") + ".py") for n in modules]
    assert [] == [path for path in paths if not path.exists()]
    assert len(folders) > 4
    assert len(modules) > 4


def test_makefile_and_make_py_have_the_same_verbs():
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    verbs = {action.dest for action in make.parser()._subparsers._group_actions[0]._choices_actions}
    assert verbs == set(targets[1].split())


def test_both_licences_are_at_the_root():
    assert "BSD 3-Clause License" in (ROOT / "LICENSE").read_text()
    prose = (ROOT / "LICENSE-PROSE").read_text(encoding="utf-8")
    assert "Creative Commons Attribution 4.0 International Public License" in prose
    assert "Section 8" in prose


def test_the_lock_names_no_place():
    lock = (ROOT / "constraints.txt").read_text()
    pins = [line for line in lock.splitlines() if not line.startswith("#")]
    assert [] == [line for line in pins if not re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; [^/:@]+)?", line)]
    assert "/" not in lock.replace("index-url", "")
