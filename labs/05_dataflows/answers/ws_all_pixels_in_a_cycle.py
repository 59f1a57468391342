"""A tile takes one cycle, in which each PE meets every pixel."""

earns = {"ws": 0}
told = {"ws": "two words at once"}


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    s, t = [], 0
    for m0 in range(0, M, rows):
        for c0 in range(0, C, columns):
            for m in range(m0, min(M, m0 + rows)):
                for c in range(c0, min(C, c0 + columns)):
                    pe = (m - m0, c - c0)
                    s.append((t, pe, "load", ("filter", m, c)))
                    for p in range(P):
                        s.append((t, pe, "load", ("ifmap", c, p)))
                        s.append((t, pe, "mac", (m, c, p)))
                        s.append((t, pe, "store", ("ofmap", m, p)))
            t += 1
    return s
