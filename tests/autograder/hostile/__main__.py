"""`python -m tests.autograder.hostile`: run the corpus on every rung that holds here, and print the table.

--rung NAME   only this rung (the beginning of its name); `plain` runs what cannot harm the machine, to see it succeed
--kind KIND   only attacks of this kind, or with this name; may be given again
--quick       one attack of each kind, in seconds
--markdown    print the table as Markdown
--stock       print what stock nbgrader does beside it, and how that was found out

exit status: 0 no undeserved point and no harm; 1 some; 2 bad input
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from autograder import sandbox
from autograder.sandbox import RUNGS, Rung, Warm
from tests.autograder.hostile.corpus import TAME, TIGHT, Attack, Came, attacks, ground, run, stock


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    rungs = [rung for rung in RUNGS if rung.name.lower().startswith(options.rung.lower())]
    if not options.rung:
        rungs = [rung for rung in rungs if rung.official and not sandbox.holds(rung)]
    chosen = [a for a in attacks() if not options.kind or {a.kind, a.name} & set(options.kind)]
    if options.quick:
        chosen = list({a.kind: a for a in reversed(chosen)}.values())
    if not rungs or not chosen:
        print("no such rung, none that holds here, or no such attack", file=sys.stderr)
        return 2
    came = [one for rung in rungs for one in _on(rung, chosen)]
    print(_table(chosen, rungs, came, options))
    for rung in rungs:
        print(_summary(rung, [one for one in came if one.rung == rung.name]))
    return 0 if all(one.held for one in came) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("hostile", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rung", default="")
    parser.add_argument("--kind", action="append", default=[])
    for flag in ("--quick", "--markdown", "--stock"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args(arguments)


def _on(rung: Rung, chosen: Sequence[Attack]) -> list[Came]:
    tame = [a for a in chosen if rung.official or a.kind in TAME]
    started, made = time.monotonic(), []
    with ground() as place, Warm(rung, place.hidden, TIGHT) as warm:
        for attack in tame:
            made.append(run(place, warm, attack))
            if not made[-1].held:
                print(
                    f"{rung.name}: {attack.name}: {made[-1].points:g} points; {'; '.join(made[-1].harms)}", flush=True
                )
    print(f"{rung.name}: {len(made)} attacks in {time.monotonic() - started:.0f} s", flush=True)
    return made


def _table(chosen: Sequence[Attack], rungs: Sequence[Rung], came: Sequence[Came], options: argparse.Namespace) -> str:
    known = stock() if options.stock else {}
    got = {(one.attack.name, one.rung): "held" if one.held else "FAILED" for one in came}
    head = ["kind", "attack", *(["stock nbgrader"] if known else []), *(rung.name for rung in rungs), "what it tries"]
    rows = [
        [
            a.kind,
            a.name,
            *([known.get(a.name, ("", ""))[0]] if known else []),
            *(got.get((a.name, r.name), "not run") for r in rungs),
            a.tries,
        ]
        for a in chosen
    ]
    if options.markdown:
        return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head) - 1)]
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]) for row in [head, *rows]
    )


def _summary(rung: Rung, came: Sequence[Came]) -> str:
    won, harmful = sum(bool(one.points) for one in came), sum(bool(one.harms) for one in came)
    return f"{rung.name}: {len(came)} attacks, {won} won points, {harmful} did harm"


if __name__ == "__main__":
    sys.exit(main())
