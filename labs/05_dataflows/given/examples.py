"""Two small schedules to work on: data, as your own functions return it."""

PES = [(row, column) for row in range(2) for column in range(3)]

# Weights stay: PE (c, m) keeps filter[m c]; two pixels come by. 2 x 3 PEs, M=3, C=2, P=2.
separate = [
    entry
    for p in (0, 1)
    for c, m in PES
    for entry in (
        *([(0, (c, m), "load", ("filter", m, c))] if p == 0 else []),
        (p, (c, m), "load", ("ifmap", c, p)),
        (p, (c, m), "mac", (m, c, p)),
        (p, (c, m), "store", ("ofmap", m, p)),
    )
]

# One row of three PEs, M=3, C=2, P=1: each ifmap word is one multicast. Sums leave after every MAC.
shared = [
    entry
    for c in (0, 1)
    for entry in (
        (c, [(0, 0), (0, 1), (0, 2)], "load", ("ifmap", c, 0)),
        *((c, (0, m), "load", ("filter", m, c)) for m in range(3)),
        *((c, (0, m), "mac", (m, c, 0)) for m in range(3)),
        *((c, (0, m), "store", ("ofmap", m, 0)) for m in range(3)),
    )
]
