"""Cuts the layer into tiles, and begins them all in cycle 0."""

earns = {"os": 0}
told = {"os": "two words at once"}


# %% os_answer
def output_stationary(M, C, P, rows, columns):
    s, t = [], 0  # nothing moves t on
    for m0 in range(0, M, rows):
        for p0 in range(0, P, columns):
            for m in range(m0, min(M, m0 + rows)):
                for p in range(p0, min(P, p0 + columns)):
                    pe = (m - m0, p - p0)
                    for c in range(C):
                        s += [(t + c, pe, "load", ("filter", m, c)), (t + c, pe, "load", ("ifmap", c, p))]
                        s.append((t + c, pe, "mac", (m, c, p)))
                    s.append((t + C - 1, pe, "store", ("ofmap", m, p)))
    return s
