"""Loads what stays, and leaves a tensor that comes by to the machine."""

earns = {"os": 0, "is": 0}
told = {"os": "operand not in the PE", "is": "operand not in the PE"}


# %% os_answer
def output_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for m0 in range(0, M, rows):
        for p0 in range(0, P, columns):
            for m in range(m0, min(m0 + rows, M)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (m - m0, p - p0)
                    for c in range(C):
                        schedule.append((start + c, pe, "load", ("ifmap", c, p)))
                        schedule.append((start + c, pe, "mac", (m, c, p)))
                    schedule.append((start + C - 1, pe, "store", ("ofmap", m, p)))
            start += C
    return schedule


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for c0 in range(0, C, rows):
        for p0 in range(0, P, columns):
            for c in range(c0, min(c0 + rows, C)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (c - c0, p - p0)
                    schedule.append((start, pe, "load", ("ifmap", c, p)))
                    for m in range(M):
                        schedule.append((start + m, pe, "mac", (m, c, p)))
                        schedule.append((start + m, pe, "store", ("ofmap", m, p)))
            start += M
    return schedule
