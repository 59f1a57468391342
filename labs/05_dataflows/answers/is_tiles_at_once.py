"""Cuts the layer into tiles, and begins them all in cycle 0."""

earns = {"is": 0}
told = {"is": "two words at once"}


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    s, t = [], 0  # nothing moves t on
    for c0 in range(0, C, rows):
        for p0 in range(0, P, columns):
            for c in range(c0, min(C, c0 + rows)):
                for p in range(p0, min(P, p0 + columns)):
                    pe = (c - c0, p - p0)
                    s.append((t, pe, "load", ("ifmap", c, p)))
                    for m in range(M):
                        s += [(t + m, pe, "load", ("filter", m, c)), (t + m, pe, "mac", (m, c, p))]
                        s.append((t + m, pe, "store", ("ofmap", m, p)))
    return s
