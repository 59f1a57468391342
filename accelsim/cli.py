"""The command `accelsim`: run a network on a machine and print what it costs."""

from __future__ import annotations

import argparse
import json
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
    known = ((machine, catalog.MACHINES, "machine"), (network, catalog.NETWORKS, "network"))
    faults = [
        f"no {what} {name!r}; there is {', '.join(names)}{suggest(name, names)}"
        for name, names, what in known
        if name not in names
    ]
    if faults:
        raise CatalogError("\n  ".join(faults))
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
    names = verbs.add_parser("list", help="list the machines and networks of the catalog")
    names.set_defaults(act=_list)
    return parser


if __name__ == "__main__":
    sys.exit(main())
