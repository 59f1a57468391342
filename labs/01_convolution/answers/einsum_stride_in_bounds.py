"""Sees the 2 of 2P+R and multiplies the size of P by it."""

earns = {"einsum": 0}
told = {"einsum": "stride multiplied into P and Q"}


# %% einsum_answer
def einsum_bounds(layer):
    G = layer["G"]
    return dict(
        N=layer["N"],
        G=G,
        M=layer["M"] // G,
        C=layer["C"] // G,
        P=layer["P"] * layer["stride"],
        Q=layer["Q"] * layer["stride"],
        R=layer["R"],
        S=layer["S"],
    )
