"""What the tile packer must show, from `accelsim.count`, and how to read what it does show."""

import random

from accelsim import Arch, Level, catalog, conv, einsum
from accelsim.widgets import figures
from accelsim.widgets.loops import orders
from accelsim.widgets.packing import Packing, sentence, table_rows

CONV3 = catalog.alexnet(N=1).layer("conv3")
LAYERS = [
    CONV3,
    catalog.alexnet().layer("conv2"),
    conv("strided", N=2, M=10, C=6, P=14, Q=9, R=5, S=3, stride=2),
    conv("dilated", M=4, C=3, P=11, Q=7, R=3, S=3, stride=(3, 1), dilation=(1, 2)),
    einsum("scores", "s[H I J] += q[H I D] * k[H J D]", H=4, I=20, J=30, D=16),
]
CAPACITY = 8192


def states(layer, count):
    """Some states of the view: tiles, order of the loops over tiles, double buffering, wide partial sums."""
    chance = random.Random(layer.name)
    choices = [" ".join(loops) for loops in orders(layer)]
    return [
        {
            "tile": {dim: chance.choice([1, size, chance.randint(1, size)]) for dim, size in layer.bounds},
            "order": chance.choice(choices),
            "double": chance.random() < 0.5,
            "wide": chance.random() < 0.5,
            "swept": chance.choice([dim for dim, size in layer.bounds if size > 1]),
        }
        for _ in range(count)
    ]


def packing(layer, state, **tile):
    levels = (Level("DRAM"), Level("buffer", capacity=CAPACITY, double=state["double"]))
    arch = Arch("tile packer", levels, bits={layer.output.name: 32} if state["wide"] else {})
    return Packing(layer, arch, state["tile"] | tile, tuple(state["order"].split()))


def expected(layer, state):
    packed = packing(layer, state)
    return {
        "say": sentence(packed),
        "nest": f"{packed.mapping}\n\n{packed.mapping.pretty()}",
        "table": table_rows(packed),
        "curve": curve(layer, state),
        "ring": figures.short(packed.traffic),
    }


def curve(layer, state):
    dim, size = state["swept"], layer.dims[state["swept"]]
    tiles = {-(-size // count) for count in range(1, size + 1)} | {state["tile"][dim]}
    packed = {tile: packing(layer, state, **{dim: tile}) for tile in sorted(tiles)}
    return [
        [str(tile), str(-(-size // tile)), f"{p.need:,}", "no" if p.faults else "yes", f"{p.traffic:,}"]
        for tile, p in packed.items()
    ]


# Runs in the page: sets each state with the view's own controls and reads what it shows.
WALK = """(states) => {
  const group = document.querySelector('.tile-packer');
  const slider = (label) => [label.textContent.split(' ')[2][0], label.querySelector('input')];
  const sliders = [...group.querySelectorAll('.ranged')].map(slider);
  const [order, swept] = group.querySelectorAll('select');
  const [double, wide] = group.querySelectorAll('input[type=checkbox]');
  const text = (row) => [...row.cells].map((cell) => cell.textContent);
  const cells = (name) => [...group.querySelectorAll(`.${name} tbody tr`)].map(text);
  const set = (control, value, kind) => {
    control.value = value;
    control.dispatchEvent(new Event(kind, { bubbles: true }));
  };
  return states.map((state) => {
    for (const [dim, slider] of sliders) set(slider, state.tile[dim], 'input');
    set(order, state.order, 'change');
    set(swept, state.swept, 'change');
    for (const [box, on] of [[double, state.double], [wide, state.wide]]) if (box.checked !== on) box.click();
    const ring = group.querySelector('.here').dataset.words;
    return { say: group.querySelector('.say').textContent, nest: group.querySelector('.nest').textContent,
      table: cells('words'), curve: cells('curve-table'), ring };
  });
}"""


def shown(tab, wanted):
    return tab.evaluate(WALK, wanted)
