"""Gives a MAC its point as m, p, c, as the output is indexed first."""

earns = {"ws": 0}
told = {"ws": "operand not in the PE"}


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
                        schedule.append((start + p, pe, "mac", (m, p, c)))
                        schedule.append((start + p, pe, "store", ("ofmap", m, p)))
            start += P  # the next tile begins when the last pixel has passed
    return schedule
