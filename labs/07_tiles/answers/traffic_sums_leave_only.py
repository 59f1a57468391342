"""Forgets that unfinished sums come back."""

earns = {"traffic": 0}
told = {"traffic": "sums never read back"}


# %% traffic_answer
def traffic(layer, tile, order):
    N, M, C, P, Q, R, S, stride = (layer[name] for name in (*"NMCPQRS", "stride"))
    steps = {d: -(-layer[d] // tile[d]) for d in "MCP"}
    cut = [d for d in order.split() if steps[d] > 1]
    stays = cut[-1] if cut else ""
    through = {d: 1 if d == stays else steps[d] for d in "MCP"}
    rows = (P - 1) * stride + R
    if "C" in cut and "P" in cut and cut.index("C") > cut.index("P"):
        rows += (steps["P"] - 1) * (R - stride)
    ifmap = N * C * rows * ((Q - 1) * stride + S) * through["M"]
    sums = N * M * P * Q * (through["C"])
    return {"ifmap": ifmap, "filter": M * C * R * S * through["P"], "ofmap": sums}
