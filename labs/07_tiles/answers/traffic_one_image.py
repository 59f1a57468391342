"""Counts one image, as all first examples have."""

earns = {"traffic": 0}
told = {"traffic": "batch left out"}


# %% traffic_answer
def traffic(layer, tile, order):
    N, M, C, P, Q, R, S, stride = (layer[name] for name in (*"NMCPQRS", "stride"))
    steps = {d: -(-layer[d] // tile[d]) for d in "MCP"}
    cut = [d for d in order.split() if steps[d] > 1]  # outermost first
    stays = cut[-1] if cut else ""  # the tensor that this letter does not index stays while it runs
    through = {d: 1 if d == stays else steps[d] for d in "MCP"}
    rows = (P - 1) * stride + R
    if "C" in cut and "P" in cut and cut.index("C") > cut.index("P"):
        rows += (steps["P"] - 1) * (R - stride)  # other channels come between, and the halo with them
    ifmap = C * rows * ((Q - 1) * stride + S) * through["M"]
    sums = M * P * Q * (2 * through["C"] - 1)
    return {"ifmap": ifmap, "filter": M * C * R * S * through["P"], "ofmap": sums}
