"""Stores once per tile, after the last pixel, as if the register held a sum for each."""

earns = {"ws": 0}
told = {"ws": "a sum in the way"}


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for m0 in range(0, M, columns):  # a tile: rows x columns words of the filter
        for c0 in range(0, C, rows):
            for m in range(m0, min(m0 + columns, M)):
                for c in range(c0, min(c0 + rows, C)):
                    pe = (c - c0, m - m0)
                    schedule.append((start, pe, "load", ("filter", m, c)))
                    for p in range(P):
                        schedule.append((start + p, pe, "load", ("ifmap", c, p)))
                        schedule.append((start + p, pe, "mac", (m, c, p)))
                    schedule.append((start + P - 1, pe, "store", ("ofmap", m, P - 1)))
            start += P  # the next tile begins when the last pixel has passed
    return schedule
