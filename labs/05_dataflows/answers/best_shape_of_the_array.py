"""Multicast, with tiles of rows x columns."""

earns = {"best": 0.84}
told = {"best": "tile in the shape of the array"}


# %% best_answer
def best(M, C, P, rows, columns, known):
    a, b = rows, columns
    schedule, corners = [], [(m, p) for m in range(0, M, a) for p in range(0, P, b)]
    for number, (m0, p0) in enumerate(corners):
        deep, wide = range(M)[m0 : m0 + a], range(P)[p0 : p0 + b]
        tile = {(m, p): divmod(m % a * b + p % b, columns) for m in deep for p in wide}  # any a x b PEs
        for c, cycle in enumerate(range(number * C, number * C + C)):
            for m in deep:
                schedule.append((cycle, [tile[m, p] for p in wide], "load", ("filter", m, c)))
            for p in wide:
                schedule.append((cycle, [tile[m, p] for m in deep], "load", ("ifmap", c, p)))
            schedule += [(cycle, pe, "mac", (m, c, p)) for (m, p), pe in tile.items()]
        schedule += [(number * C + C - 1, pe, "store", ("ofmap", *at)) for at, pe in tile.items()]
    return schedule
