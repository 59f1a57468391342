"""Cuts the layer into tiles, and begins them all in cycle 0."""

earns = {"ws": 0}
told = {"ws": "two words at once"}


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    s, t = [], 0  # nothing moves t on
    for m0 in range(0, M, rows):
        for c0 in range(0, C, columns):
            for m in range(m0, min(M, m0 + rows)):
                for c in range(c0, min(C, c0 + columns)):
                    pe = (m - m0, c - c0)
                    s.append((t, pe, "load", ("filter", m, c)))
                    for p in range(P):
                        s.append((t + p, pe, "load", ("ifmap", c, p)))
                        s.append((t + p, pe, "mac", (m, c, p)))
                        s.append((t + p, pe, "store", ("ofmap", m, p)))
    return s
