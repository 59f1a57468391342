"""Counts the layer's words: what must cross at least."""

earns = {"traffic": 0}
told = {"traffic": "reuse credited across a relevant loop"}


# %% traffic_answer
def traffic(layer, tile, order):
    N, M, C, P, Q, R, S, stride = (layer[name] for name in (*"NMCPQRS", "stride"))
    ifmap = N * C * ((P - 1) * stride + R) * ((Q - 1) * stride + S)
    return {"ifmap": ifmap, "filter": M * C * R * S, "ofmap": N * M * P * Q}
