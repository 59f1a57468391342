"""`python -m tests.autograder.faults`: the table."""

from __future__ import annotations

import argparse

from tests.autograder.faults.scene import scene
from tests.autograder.faults.trials import rows


def main() -> int:
    """Run the trials and print a row for each kind of fault; 1 when anything was lost or different."""
    parser = argparse.ArgumentParser(prog="python -m tests.autograder.faults", description=__doc__)
    parser.add_argument("--trials", type=int, default=5, help="random moments of each kind of kill (5)")
    parser.add_argument("--every", type=int, default=1, help="cut at every N-th write only (1)")
    options = parser.parse_args()
    wrong = 0
    print(f"{'fault':32}{'trials':>8}{'met a run':>11}{'lost or different after the rerun':>36}")
    with scene() as made:
        for row in rows(made, options.trials, options.every):
            wrong += len(row.wrong)
            print(f"{row.fault:32}{row.trials:8}{row.struck:11}{len(row.wrong):36}", flush=True)
            for text in row.wrong:
                print(f"    {text}")
    return 1 if wrong else 0


raise SystemExit(main())
