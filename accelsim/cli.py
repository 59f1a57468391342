"""The command `accelsim`: run a network on a machine and print what it costs; find a layer's best mapping."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence

from accelsim import catalog
from accelsim.errors import AccelsimError, CatalogError, suggest
from accelsim.mapping import Mapping, nest
from accelsim.report import NetworkReport, evaluate_network


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 for a request that cannot be met."""
    options = _parser().parse_args(argv)
    try:
        print(options.act(options), flush=True)
    except AccelsimError as error:
        print(f"accelsim: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as error:
        print(f"accelsim: cannot write the result: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(machine: str, network: str, nests: Sequence[str] = ()) -> NetworkReport:
    """Evaluate a network of the catalog on a machine, with recorded mappings or `LAYER=NEST` texts.

    >>> print(round(run("eyeriss", "alexnet").accesses_per_mac, 4))
    0.0043
    """
    _known(machine, network)
    net = catalog.network(network)
    recorded = catalog.mappings(machine, network) if (machine, network) in catalog.MAPPINGS else {}
    mappings = recorded | _given(nests, [layer.name for layer in net.layers])
    if missing := [layer.name for layer in net.layers if layer.name not in mappings]:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more layers" if len(missing) > 3 else "")
        raise CatalogError(
            f"no mapping is recorded on {machine} for {some} of {network}; "
            f"give each one, as in --nest '{missing[0]}=DRAM: ... | ...'"
        )
    return evaluate_network(network, net.layers, catalog.machine(machine), mappings)


def _known(machine: str, network: str) -> None:
    known = ((machine, catalog.MACHINES, "machine"), (network, catalog.NETWORKS, "network"))
    faults = [
        f"no {what} {name!r}; there is {', '.join(names)}{suggest(name, names)}"
        for name, names, what in known
        if name not in names
    ]
    if faults:
        raise CatalogError("\n  ".join(faults))


def _given(nests: Sequence[str], layers: list[str]) -> dict[str, Mapping]:
    given: dict[str, Mapping] = {}
    faults: list[str] = []
    for text in nests:
        layer, equals, loops = text.partition("=")
        if not equals:
            faults.append(f"--nest reads LAYER=NEST, as in 'conv3=DRAM: M6 | ...', got {text!r}")
        elif layer.strip() in given:
            faults.append(f"two nests for {layer.strip()}; give one")
        elif layer.strip() not in layers:
            faults.append(f"no layer {layer.strip()!r}; there is {', '.join(layers)}{suggest(layer, layers)}")
        else:
            try:
                given[layer.strip()] = nest(loops)
            except AccelsimError as error:
                faults.append(str(error))
    if faults:
        raise AccelsimError("\n  ".join(faults))
    return given


def _run(options: argparse.Namespace) -> str:
    report = run(options.machine, options.network, options.nest)
    return json.dumps(report.to_dict(), indent=2) if options.json else str(report)


def _map(options: argparse.Namespace) -> str:
    from accelsim.mapper import keeping, search, space  # NumPy: the other verbs do without

    _known(options.machine, options.network)
    layer, arch = catalog.network(options.network).layer(options.layer), catalog.machine(options.machine)
    some = next(iter(catalog.mappings(options.machine, "alexnet").values()))
    template = keeping(arch, some) if options.template is None else options.template
    where = space(layer, arch, template, options.imperfect)
    show = sys.stderr.isatty()
    found = search(where, options.objective, options.seconds, options.seed, show=show, within=options.within / 100)
    if options.json:
        return json.dumps(found.to_dict(), indent=2)
    fronts = [f"  {p.energy:,.6g} {arch.unit}, {p.cycles:,.0f} cycles: {p.mapping}" for p in found.front]
    front = ["", "front:", *fronts] if options.objective == "pareto" else []
    return "\n".join([str(found), "", found.mapping.pretty(), *front])


def _seconds(text: str) -> float:
    return _number(text, text, "a number of seconds, such as 10")


def _percent(text: str) -> float:
    return _number(text.removesuffix("%"), text, "a percentage, such as 1")


def _number(plain: str, text: str, what: str) -> float:
    try:
        number = float(plain)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"needs {what}, got {text!r}")
    return number


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"needs a whole number of 0 or more, got {text!r}")
    return int(text)


def _list(options: argparse.Namespace) -> str:
    return f"machines: {', '.join(catalog.MACHINES)}\nnetworks: {', '.join(catalog.NETWORKS)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="accelsim", description="Simulate deep-learning accelerators.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    one = verbs.add_parser("run", help="run a network on a machine and print a table per layer")
    one.add_argument("machine", help="for instance eyeriss")
    one.add_argument("network", help="for instance alexnet")
    one.add_argument("--json", action="store_true", help="the same as data, for programs")
    one.add_argument("--nest", action="append", default=[], metavar="LAYER=NEST", help="another mapping for a layer")
    one.set_defaults(act=_run)
    best = verbs.add_parser("map", help="find the best mapping of a layer on a machine, and how good it can be at most")
    best.add_argument("machine", help="for instance eyeriss")
    best.add_argument("network", help="for instance alexnet")
    best.add_argument("layer", help="for instance conv3")
    best.add_argument("--objective", default="edp", help="energy, cycles, edp (their product, the default) or pareto")
    best.add_argument(
        "--template", metavar="NEST", help="a nest with holes, as in 'DRAM: ? | GLB: M? ?@x | spad: S3 ?'"
    )
    best.add_argument("--imperfect", action="store_true", help="also bounds that do not divide; rarely with a proof")
    best.add_argument("--seconds", type=_seconds, help="stop then, with the best so far; so does Ctrl-C")
    best.add_argument(
        "--within", type=_percent, default=0.0, metavar="PERCENT", help="stop once the gap is at most this"
    )
    best.add_argument("--seed", type=_seed, default=0, help="of random mappings, if any are drawn")
    best.add_argument("--json", action="store_true", help="the same as data, for programs")
    best.set_defaults(act=_map)
    names = verbs.add_parser("list", help="list the machines and networks of the catalog")
    names.set_defaults(act=_list)
    return parser


if __name__ == "__main__":
    sys.exit(main())
