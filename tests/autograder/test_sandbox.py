"""The ladder of rungs: which is taken, what each is started with, what is said where none holds."""

from __future__ import annotations

import os
import shlex
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograder import cli, doctor, sandbox
from autograder.sandbox import (
    BUBBLEWRAP,
    CONTAINER,
    LANDLOCK,
    PLAIN,
    RUNGS,
    Limits,
    Warm,
    WorkerGone,
    landlock,
    probe,
    rungs,
    scratch,
    seccomp,
)

LIMITS = Limits(total_memory=1 << 30, processes=8)


def after(command, word):
    return [command[at + 1] for at, part in enumerate(command) if part == word]


def test_a_container_gets_no_network_no_privileges_and_the_limits():
    command = rungs.container((), LIMITS, "docker")
    assert ["docker", "run", "--rm"] == command[:3]
    assert ["none"] == after(command, "--network") == after(command, "--ipc")
    assert ["ALL"] == after(command, "--cap-drop")
    assert ["no-new-privileges"] == after(command, "--security-opt")
    assert ["1073741824"] == after(command, "--memory") == after(command, "--memory-swap")
    assert ["8"] == after(command, "--pids-limit")
    assert "--read-only" in command
    assert not {"--privileged", "--device", "host"} & set(command)


def test_a_container_sees_the_two_packages_read_only_and_nothing_else():
    shown = after(rungs.container((), LIMITS, "docker"), "--volume")
    assert {"accelsim", "autograder"} == {Path(volume.split(":")[0]).name for volume in shown}
    assert all(volume.endswith(":ro") for volume in shown)


def test_a_container_engine_that_does_not_answer_is_named(monkeypatch, tmp_path):
    fake = tmp_path / "podman"
    fake.write_text("#!/bin/sh\necho 'Cannot connect to Podman' >&2\nexit 125\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert "podman is installed, but no engine answers: Cannot connect to Podman" == rungs._no_container()


def test_no_container_engine_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no container engine is installed: sudo apt install podman (or docker)" == rungs._no_container()


def test_an_image_that_is_missing_is_named(monkeypatch, tmp_path):
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\necho 'Error: No such image: autograder-worker' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(rungs, "engine", lambda: "docker")
    said = rungs._no_container()
    assert "docker has no image named autograder-worker; make it once: docker build --tag autograder-worker" in said
    assert f"numpy=={np.__version__}" in said
    assert (Path(shlex.split(said)[-1]) / "Dockerfile").is_file()


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_told_where_to_grade(monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    assert f"needs Linux, this is {system}" in rungs._no_bubblewrap()
    assert f"this is {system}" in rungs._no_landlock()


def test_the_sandbox_imports_without_linux():
    """Neither C's library nor `resource` nor `fcntl` is needed to import it, so a student's machine may be any."""
    hide = "import sys; sys.modules['resource'] = sys.modules['fcntl'] = None; sys.platform = 'win32'; import ctypes; "
    code = hide + "ctypes.CDLL = None; import autograder.sandbox, autograder.worker, autograder.doctor; print('fine')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "fine\n" == ran.stdout, ran.stderr


def lines(text):
    return list(struct.iter_unpack("=HBBI", text))


def verdict(text, arch, number, *arguments):
    """What the filter says: the kernel's interpreter for the four instructions that it uses."""
    words, at, held = {0: number, 4: arch} | {16 + 8 * n: a for n, a in enumerate(arguments)}, 0, 0
    program = lines(text)
    while True:
        code, yes, no, value = program[at]
        if code == seccomp.RETURN:
            return value
        if code == seccomp.LOAD:
            held = words.get(value, 0)
        else:
            test = {seccomp.EQUAL: held == value, seccomp.AT_LEAST: held >= value, seccomp.ANY_BIT: bool(held & value)}
            at += yes if test[code] else no
        at += 1


NAMES = "read socket clone ioctl prlimit64 kill mode ptrace".split()
ARCHES = {
    "x86_64": dict(zip(NAMES, (0, 41, 56, 16, 302, 62, 90, 101), strict=True)),
    "aarch64": dict(zip(NAMES, (63, 198, 220, 29, 261, 129, 52, 117), strict=True)),
}


@pytest.mark.parametrize("machine", ARCHES)
def test_the_filter_refuses_what_it_says_and_nothing_else(machine):
    (token, column), number = seccomp.ARCHES[machine], ARCHES[machine]
    text = seccomp.program(token, column)
    refused = seccomp.REFUSE | 1
    assert seccomp.ALLOW == verdict(text, token, number["read"])
    assert refused == verdict(text, token, number["socket"]) == verdict(text, token, number["ptrace"])
    assert seccomp.ALLOW == verdict(text, token, number["clone"], 0x1200011)
    assert refused == verdict(text, token, number["clone"], 0x10000011)
    assert refused == verdict(text, token, number["ioctl"], 0, 0x5412)
    assert seccomp.ALLOW == verdict(text, token, number["ioctl"], 0, 0x5401)
    assert seccomp.ALLOW == verdict(text, token, number["prlimit64"], 0)
    assert refused == verdict(text, token, number["prlimit64"], 77)
    assert seccomp.KILL == verdict(text, token ^ 1, number["read"])
    assert seccomp.REFUSE | 38 == verdict(text, token, seccomp.NEWEST + 1) == verdict(text, token, 0x40000000)


@pytest.mark.parametrize("machine", ARCHES)
def test_signals_and_changes_of_mode_are_refused_where_nothing_else_does(machine):
    (token, column), number = seccomp.ARCHES[machine], ARCHES[machine]
    for switch, call in (("signalling", number["kill"]), ("owning", number["mode"])):
        assert seccomp.ALLOW == verdict(seccomp.program(token, column), token, call)
        assert seccomp.REFUSE | 1 == verdict(seccomp.program(token, column, **{switch: True}), token, call)


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_landlock_knows_as_many_rights_as_its_version():
    assert 13 == landlock.rights(1).bit_count()
    assert 16 == landlock.rights(landlock.abi() if landlock.abi() >= 5 else 5).bit_count()


def test_the_highest_rung_that_holds_is_taken(monkeypatch):
    monkeypatch.setattr(sandbox, "missing", lambda: "")
    for holding, taken in (({BUBBLEWRAP, LANDLOCK}, BUBBLEWRAP), ({LANDLOCK}, LANDLOCK), ({CONTAINER}, CONTAINER)):
        monkeypatch.setattr(sandbox, "holds", lambda rung, holding=holding: "" if rung in holding else "no")
        assert taken == sandbox.best()
    monkeypatch.setattr(sandbox, "missing", lambda: "nothing holds")
    assert PLAIN == sandbox.best()


def finding(kept_in):
    return probe.Finding("read a file of yours", kept_in, "it read a file of yours")


@pytest.mark.parametrize(
    ("needs", "kept_in", "status", "says"),
    [
        ("", True, 0, "Grading uses bubblewrap."),
        ("", False, 1, "it read a file of yours"),
        ("bubblewrap is not installed", True, 1, "not here: bubblewrap is not installed"),
    ],
    ids=["holds", "leaks", "not-there"],
)
def test_the_doctor_says_what_holds(monkeypatch, capsys, needs, kept_in, status, says):
    rung = rungs.Rung("bubblewrap", "bubblewrap", True, rungs.bubblewrap, lambda: needs)
    monkeypatch.setattr(doctor, "RUNGS", (rung,))
    monkeypatch.setattr(doctor, "diagnose", lambda r: doctor.Diagnosis(r, needs, (finding(kept_in),)))
    assert status == doctor.doctor((rung,))
    assert says in capsys.readouterr().out


def test_the_doctor_is_a_command_and_survives_a_rung_that_does_not_start(monkeypatch, capsys):
    def fails(rung):
        raise WorkerGone("its process ended (status 1)")

    monkeypatch.setattr(doctor, "diagnose", lambda rung: doctor_diagnose(rung, fails))
    assert 1 == cli.main(["doctor"])
    assert "does not start here: its process ended" in capsys.readouterr().out


doctor_diagnose = doctor.diagnose


@pytest.mark.sandbox
@pytest.mark.parametrize("rung", [BUBBLEWRAP, LANDLOCK], ids=["bubblewrap", "landlock"])
def test_a_server_that_is_lost_is_started_again(rung):
    if why := sandbox.holds(rung):
        pytest.skip(why)
    with Warm(rung, (), LIMITS) as warm, scratch() as folder:
        first = warm.ready().process.pid
        os.kill(first, 9)
        with warm.worker(folder) as worker:
            assert {"predictions": {}} == worker.exchange({"do": "predictions"}, 10)
        assert first != warm.ready().process.pid


@pytest.mark.sandbox
@pytest.mark.parametrize("rung", [r for r in RUNGS if r.warm], ids=lambda rung: rung.kind)
def test_a_worker_sees_copies_of_its_files_and_the_originals_stay(rung):
    if why := rung.official and sandbox.holds(rung):
        pytest.skip(why)
    with Warm(rung, (), LIMITS) as warm, scratch() as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text("given")
        (folder / "empty").touch()
        with warm.worker(folder) as worker:
            source = "import os\nprint(open('deep/a.txt').read(), sorted(os.listdir()))\nopen('deep/a.txt', 'w')"
            told = worker.exchange({"do": "run", "source": source, "seconds": 5}, 10)
        assert "given ['deep', 'empty']\n" == told["outputs"][0]["text"]
        assert "given" == (folder / "deep" / "a.txt").read_text()


BELOW_TMP = """
from autograder import sandbox
from autograder.sandbox import BUBBLEWRAP, LANDLOCK, RUNGS, Limits, Warm, scratch
import sys
rung = next(rung for rung in RUNGS if rung.kind == sys.argv[1])
with Warm(rung, (), Limits()) as warm, scratch() as folder, warm.worker(folder) as worker:
    source = "import accelsim\\ntry: open(accelsim.__file__, 'a')\\nexcept OSError: print('closed')"
    print(worker.exchange({"do": "run", "source": source, "seconds": 5}, 10)["outputs"][0]["text"], end="")
"""


@pytest.mark.sandbox
@pytest.mark.parametrize("rung", [BUBBLEWRAP, LANDLOCK], ids=["bubblewrap", "landlock"])
def test_a_project_below_tmp_sees_its_packages_and_cannot_change_them(rung):
    if why := sandbox.holds(rung):
        pytest.skip(why)
    project = Path("/tmp") / f"a project {os.getpid()}"
    try:
        for package in rungs.packages():
            shutil.copytree(package, project / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-c", BELOW_TMP, rung.kind]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=100)
        assert ("closed\n", "") == (done.stdout, done.stderr)
    finally:
        shutil.rmtree(project, ignore_errors=True)
