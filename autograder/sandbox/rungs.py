"""The rungs of the ladder, best first: what each needs, and the command that starts a worker on it."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import accelsim
import autograder
from autograder.sandbox import confine, landlock, seccomp
from autograder.sandbox.limits import Limits

HOME = "/home/student"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "fonts", "alternatives", "localtime")
IMAGE = "autograder-worker"


@dataclass(frozen=True)
class Rung:
    """One way to run a worker.

    `kind` is what the worker does to itself, `command` the command line for folders to be hidden. `official` rungs
    may decide a grade. `needs` says what is missing before anything is tried, "" if nothing is. `warm` rungs serve
    many submissions from one process; the others start anew and talk through standard input and output.
    """

    name: str
    kind: str
    official: bool
    command: Callable[[Sequence[Path], Limits], list[str]]
    needs: Callable[[], str]
    warm: bool = True
    home: str = ""


def environment(home: str = HOME) -> dict[str, str]:
    """The few variables a worker sees."""
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "IPYTHONDIR": f"{home}/.ipython",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def python(executable: str = sys.executable, parents: Sequence[str] | None = None) -> list[str]:
    """Isolated from the user's environment and the working directory; the packages need not be installed."""
    found = sorted({str(package.parent) for package in packages()}) if parents is None else list(parents)
    code = f"import sys; sys.path += {found}; from autograder.worker import main; main()"
    return [executable, "-I", "-X", "utf8", "-c", code]


def packages() -> list[Path]:
    """Where the two packages are that a worker imports."""
    return [Path(module.__file__).resolve().parent for module in (accelsim, autograder) if module.__file__]


def seen() -> list[Path]:
    """What a worker must see, read-only, besides the system: this Python and the two packages."""
    prefixes = [Path(prefix) for prefix in (sys.base_prefix, sys.prefix)]
    outer = [p for p in dict.fromkeys((*prefixes, *(p.resolve() for p in prefixes))) if not _inside(p, [Path("/usr")])]
    return [*outer, *(p for p in packages() if not _inside(p, [*outer, Path("/usr")]))]


def visible() -> list[Path]:
    """All that a worker may read where nothing else hides the rest."""
    return [*(Path(p) for p in SYSTEM), *(Path("/etc") / name for name in SETTINGS), *seen()]


def _inside(path: Path, parents: Sequence[Path]) -> bool:
    return any(path.is_relative_to(parent) for parent in parents)


def covered(hidden: Sequence[Path]) -> list[Path]:
    """Those folders to be hidden that lie inside what a worker sees."""
    return [p for p in hidden if _inside(p.resolve(), [*seen(), Path("/usr")])]


def bubblewrap(hidden: Sequence[Path], limits: Limits) -> list[str]:
    """bwrap: own namespaces, no network, the system read-only, scratch space of its own."""
    scratch = ["--size", str(limits.scratch_bytes), "--tmpfs"]
    return [
        *("bwrap", "--die-with-parent", "--new-session", "--hostname", "sandbox", "--unshare-uts"),
        *_privileges(),
        *("--clearenv", *(part for pair in environment().items() for part in ("--setenv", *pair))),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev", *scratch, "/dev/shm"),
        *("--perms", "1777", *scratch, "/tmp", "--perms", "0777", *scratch, HOME),
        *_ways(seen()),
        *(part for p in seen() for part in ("--ro-bind", str(p), str(p))),
        *(part for p in covered(hidden) for part in ("--tmpfs", str(p))),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME, "--", *python()),
    ]


def _privileges() -> list[str]:
    """What the process needs that makes a namespace per submission; none of it is left to student code.

    As root it keeps the right to make namespaces and to become another user (limits on processes do not bind root);
    as an ordinary user it makes user namespaces.
    """
    if os.getuid() == 0:
        spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-cgroup-try", "--cap-drop", "ALL"]
        return [
            *spaces,
            *(w for c in ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL") for w in ("--cap-add", f"CAP_{c}")),
        ]
    return ["--unshare-all", "--unshare-user", "--cap-drop", "ALL"]


def _system() -> Iterator[str]:
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for name in SETTINGS:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _ways(folders: Sequence[Path]) -> Iterator[str]:
    """The directories above what is visible, which bubblewrap would otherwise close to the worker's user."""
    for parent in sorted({parent for path in folders for parent in path.parents if parent != Path("/")}):
        yield from ("--perms", "0755", "--dir", str(parent))


def _no_bubblewrap() -> str:
    if sys.platform != "linux":
        return f"bubblewrap needs Linux, this is {sys.platform}: grade on Linux, in a container, or in WSL on Windows"
    if not shutil.which("bwrap"):
        install = "sudo apt install bubblewrap (Debian, Ubuntu) or sudo dnf install bubblewrap"
        return f"bubblewrap is not installed: {install}"
    return _no_filter()


def _no_filter() -> str:
    import platform

    known = " or ".join(sorted(seccomp.ARCHES))
    return "" if seccomp.arch() else f"the filter of system calls knows {known}, this is {platform.machine()}"


def process(hidden: Sequence[Path], limits: Limits) -> list[str]:
    """A process like any other; what it may reach is what it does to itself."""
    return python()


def _no_landlock() -> str:
    if sys.platform != "linux":
        return f"Landlock needs Linux 6.2 or newer, this is {sys.platform}"
    version = landlock.abi()
    if version < landlock.OLDEST:
        got = f"has version {version} of it" if version else "has none"
        return f"Landlock needs Linux 6.2 or newer with landlock in its list of security modules; this kernel {got}"
    return _no_filter()


def engine() -> str:
    """The container engine's command: docker or podman, whichever is installed; "" if neither."""
    return next((name for name in ("podman", "docker") if shutil.which(name)), "")


def container(hidden: Sequence[Path], limits: Limits, command: str = "") -> list[str]:
    """A container per submission: no network, no capabilities, read-only, limits kept by the engine."""
    scratch = f"rw,nosuid,nodev,size={limits.scratch_bytes}"
    user = f"{os.getuid() or 65534}:{os.getgid() or 65534}"
    return [
        *(command or engine() or "docker", "run", "--rm", "--interactive", "--init", "--pull", "never"),
        *("--network", "none", "--ipc", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--read-only", "--tmpfs", f"/tmp:{scratch},mode=1777", "--tmpfs", f"{HOME}:{scratch},mode=1777"),
        *("--memory", str(limits.total_memory), "--memory-swap", str(limits.total_memory)),
        *("--pids-limit", str(limits.processes), "--cpus", "1", "--ulimit", "core=0", "--ulimit", "nofile=256"),
        *("--ulimit", f"nproc={_most_processes()}"),  # an engine's own default may be more than this user can allow
        *("--user", user, "--workdir", HOME, "--hostname", "sandbox", "--stop-timeout", "1"),
        *(part for pair in environment().items() for part in ("--env", "=".join(pair)) if pair[0] != "PATH"),
        *(part for p in packages() for part in ("--volume", f"{p}:/opt/course/{p.name}:ro")),
        *(IMAGE, *python("python3", ["/opt/course"])),
    ]


def image_command(name: str) -> list[str]:
    """What builds the image that workers run in: this Python's version, and what labs import as it is installed here.

    >>> image_command("podman")[:4]
    ['podman', 'build', '--tag', 'autograder-worker']
    """
    parts = ("numpy", "ipython", "matplotlib", "matplotlib-inline")
    packages = " ".join(f"{part}=={importlib.metadata.version(part)}" for part in parts)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    arguments = ["--build-arg", f"PYTHON={version}", "--build-arg", f"'PACKAGES={packages}'"]
    return [name, "build", "--tag", IMAGE, *arguments, shlex.quote(str(Path(__file__).parent / "image"))]


def _most_processes() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 4096
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)


def _no_container() -> str:
    name = engine()
    if not name:
        return "no container engine is installed: sudo apt install podman (or docker)"
    try:
        got = subprocess.run([name, "image", "inspect", IMAGE], capture_output=True, timeout=20, text=True, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"{name} is installed, but its engine does not answer"
    if got.returncode == 0:
        return ""
    said = (got.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
    if "no such image" in said.lower() or "not known" in said.lower():
        return f"{name} has no image named {IMAGE}; make it once: {' '.join(image_command(name))}"
    return f"{name} is installed, but no engine answers: {said}"


BUBBLEWRAP = Rung("bubblewrap", confine.BUBBLEWRAP, True, bubblewrap, functools.cache(_no_bubblewrap), home=HOME)
LANDLOCK = Rung("Landlock", confine.LANDLOCK, True, process, functools.cache(_no_landlock))
CONTAINER = Rung("container", confine.CONTAINER, True, container, functools.cache(_no_container), warm=False, home=HOME)
PLAIN = Rung("plain process", confine.PLAIN, False, process, lambda: "")
RUNGS = (BUBBLEWRAP, LANDLOCK, CONTAINER, PLAIN)


def worker_uid() -> int:
    """A user id that no account has, one per grading process; 0 where one cannot become another user."""
    return 2_000_000 + os.getpid() % 1_000_000 if hasattr(os, "getuid") and os.getuid() == 0 else 0
