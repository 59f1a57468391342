"""Filters along the rows where the reference has them along the columns, words as lists, entries sorted backwards."""


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    def place(m, c):
        tile = m // rows * -(-C // columns) + c // columns
        return tile * (P + 1), [m % rows, c % columns]

    schedule = []
    for p in reversed(range(P)):
        for c in range(C):
            for m in range(M):
                begin, pe = place(m, c)
                if p == 0:
                    schedule.append([begin, pe, "load", ["filter", m, c]])  # a cycle for the weight alone
                schedule.append([begin + 1 + p, pe, "mac", [m, c, p]])
                schedule.append([begin + 1 + p, pe, "load", ["ifmap", c, p]])
                schedule.append([begin + 1 + p, pe, "store", ["ofmap", m, p]])
    return schedule


# %% os_answer
def output_stationary(M, C, P, rows, columns):
    schedule = []
    for number in range(M * P):
        turn, place = divmod(number, rows * columns)  # sums dealt out to the PEs like cards, row by row
        pe, (m, p) = divmod(place, columns), divmod(number, P)
        for c in range(C):
            cycle = turn * C + c
            schedule += [(cycle, pe, "load", ("ifmap", c, p)), (cycle, pe, "load", ("filter", m, c))]
            schedule += [(cycle, pe, "mac", (m, c, p))]
        schedule += [(turn * C + C - 1, pe, "store", ("ofmap", m, p))]
    return schedule


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    schedule, pes = [], [(r, q) for q in range(columns) for r in range(rows)]
    words = [(c, p) for p in range(P) for c in range(C)]
    for first in range(0, len(words), len(pes)):
        begin = first // len(pes) * M
        for pe, (c, p) in zip(pes, words[first:]):
            schedule.append((begin, pe, "load", ("ifmap", c, p)))
            for m in range(M):
                steps = (("load", ("filter", m, c)), ("mac", (m, c, p)), ("store", ("ofmap", m, p)))
                schedule += [(begin + m, pe, op, word) for op, word in steps]
    return schedule


# %% multicast_answer
from itertools import groupby


def multicast(schedule):
    loads = sorted(((cycle, list(word), list(pe)) for cycle, pe, op, word in schedule if op == "load"))
    kept = [entry for entry in schedule if entry[2] != "load"]
    for (cycle, word), same in groupby(loads, key=lambda load: load[:2]):
        kept.insert(0, [cycle, [pe for _, _, pe in same], "load", word])
    return kept


# %% traffic_answer
from collections import Counter


def traffic(schedule):
    loads = Counter(operands[0] for _, _, op, operands in schedule if op == "load")
    stores = [tuple(operands) for _, _, op, operands in schedule if op == "store"]
    reads = len(stores) - len(set(stores))
    return {"writes": len(stores), "reads": reads, "ifmap": loads["ifmap"], "filter": loads["filter"]}


# %% reduction_answer
def reduction(M, C, P, rows, columns):
    schedule, top = [], rows - C  # at the bottom of the column, and the words come early
    for m in range(M):
        for c in range(C):
            pe = (top + c, m)
            schedule.append((0, pe, "load", ("filter", m, c)))
            for p in range(P):
                schedule.append((p + c + 1, pe, "load", ("ifmap", c, p)))
                schedule.append((p + c + 1, pe, "mac", (m, c, p)))
                if c + 1 < C:
                    schedule.append((p + c + 1, pe, "pass", (("ofmap", m, p), (top + c + 1, m))))
                else:
                    schedule.append((p + c + 1, pe, "store", ("ofmap", m, p)))
    return schedule


# %% use_answer
import math


def use(M, C, P, rows, columns):
    last = max(p + r + c for p in (0, P - 1) for r in (0, rows - 1) for c in (0, columns - 1))
    busy, cycles = 0, 0
    for m in range(0, M, columns):
        for c in range(0, C, rows):
            cycles += rows + last + 1
            busy += min(columns, M - m) * min(rows, C - c) * P
    return dict(utilization=busy / math.prod((rows, columns, cycles)), cycles=cycles)


# %% best_answer
def best(M, C, P, rows, columns, known):
    pes = [(r, c) for c in range(columns) for r in range(rows)]
    cost = {}
    for a in range(1, len(pes) + 1):
        b = len(pes) // a
        cost[C * (sum(min(a, M - m) for m in range(0, M, a)) * -(-P // b) + P * -(-M // a))] = a, b
    a, b = cost[min(cost)]
    schedule = []
    for m in range(M):
        for p in range(P):
            pe = pes[(m % a) * b + p % b]
            begin = (m // a * -(-P // b) + p // b) * (C + 1)
            for c in range(C):
                schedule.append([begin + c, pe, "mac", [m, c, p]])
                if p % b == 0:
                    near = [pes[(m % a) * b + other % b] for other in range(p, min(p + b, P))]
                    schedule.append([begin + c, near, "load", ["filter", m, c]])
                if m % a == 0:
                    near = [pes[(other % a) * b + p % b] for other in range(m, min(m + a, M))]
                    schedule.append([begin + c, near, "load", ["ifmap", c, p]])
            schedule.append([begin + C - 1, pe, "store", ["ofmap", m, p]])
    return schedule
