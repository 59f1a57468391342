"""Takes a tile of inputs to be as large as the tile of outputs."""

earns = {"footprint": 0}
told = {"footprint": "output size for the input"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = P
    columns = Q
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}
