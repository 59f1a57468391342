"""Mappings worth keeping: one nest for each layer of a network on a machine."""

from __future__ import annotations

# Row stationary as the chip ran it, from the parameters (n m e p q r t) of JSSC 2017, table III. A PE keeps p filter
# rows of q channels; filter rows go up the array's columns (R@y), output rows across (P@x), r and t PE sets beside.
_ROW_STATIONARY = {
    "conv1": "DRAM: N4 P8 C3 | GLB[ifmap ofmap]: M3 Q55 P7@x M2@x R11@y | spad: M16 S11",
    "conv2": "DRAM: G2 N4 M2 C24 | GLB[ifmap ofmap]: M4 Q27 P2@y P14@x R5@y | spad: M16 C2 S5",
    "conv3": "DRAM: M6 C64 | GLB[ifmap ofmap]: N4 Q13 M4@y P13@x R3@y | spad: M16 C4 S3",
    "conv4": "DRAM: G2 M3 C32 | GLB[ifmap ofmap]: M2 N4 Q13 M2@y C2@y P13@x R3@y | spad: M16 C3 S3",
    "conv5": "DRAM: G2 M2 C32 | GLB[ifmap ofmap]: M2 N4 Q13 M2@y C2@y P13@x R3@y | spad: M16 C3 S3",
}

# Weight stationary: input channels (and filter rows or columns, where channels are few) down the array's rows, output
# channels across its columns; up to 4,096 outputs of each pass by a tile of weights. Ours, after ISCA 2017's text.
_SYSTOLIC = {
    "conv1": "DRAM: | UB[ifmap ofmap]: P5 S2 | acc[ofmap]: N4 P11 Q55 C3@y R11@y S7@y M96@x | reg[filter]:",
    "conv2": "DRAM: | UB[ifmap ofmap]: G2 S5 | acc[ofmap]: N4 P27 Q27 C48@y R5@y M128@x | reg[filter]:",
    "conv3": "DRAM: | UB[ifmap ofmap]: M2 R3 S3 | acc[ofmap]: N4 P13 Q13 C256@y M192@x | reg[filter]:",
    "conv4": "DRAM: | UB[ifmap ofmap]: G2 R3 S3 | acc[ofmap]: N4 P13 Q13 C192@y M192@x | reg[filter]:",
    "conv5": "DRAM: | UB[ifmap ofmap]: G2 R3 S3 | acc[ofmap]: N4 P13 Q13 C192@y M128@x | reg[filter]:",
}

# NVDLA's order: a stripe of up to 32 outputs while weights stay, then the filter's columns and rows, then groups of 64
# channels, then kernels. conv1 has 3 channels, so columns stand beside them. Ours, after the Unit Description.
_ATOMS = {
    "conv1": "DRAM: N4 | CBUF[ifmap filter]: M3 P55 Q2 R11 | CACC[ofmap]: Q28 C3@x S11@x M32@y | reg[filter]:",
    "conv2": "DRAM: G2 N4 | CBUF[ifmap filter]: M4 P27 R5 S5 | CACC[ofmap]: Q27 C48@x M32@y | reg[filter]:",
    "conv3": "DRAM: M3 N4 | CBUF[ifmap filter]: M4 P7 C4 R3 S3 | CACC[ofmap]: P2 Q13 C64@x M32@y | reg[filter]:",
    "conv4": "DRAM: G2 N4 | CBUF[ifmap filter]: M6 P7 C3 R3 S3 | CACC[ofmap]: P2 Q13 C64@x M32@y | reg[filter]:",
    "conv5": "DRAM: G2 N4 | CBUF[ifmap filter]: M4 P7 C3 R3 S3 | CACC[ofmap]: P2 Q13 C64@x M32@y | reg[filter]:",
}

# Output stationary: an 8 x 8 patch of one output map at a time, each PE its own output until it is done. Ours.
_PATCHES = {
    "conv1": "DRAM: N4 P7 M2 | NB: M48 Q7 C3 R11 | window[ifmap]: S11 P8@y Q8@x | PE[ofmap]:",
    "conv2": "DRAM: G2 N4 P2 M4 | NB: M32 P2 Q4 C48 R5 | window[ifmap]: S5 P8@y Q8@x | PE[ofmap]:",
    "conv3": "DRAM: M16 N4 P2 Q2 | NB: M24 C256 R3 | window[ifmap]: S3 P8@y Q8@x | PE[ofmap]:",
    "conv4": "DRAM: G2 M6 N4 P2 | NB: M32 Q2 C192 R3 | window[ifmap]: S3 P8@y Q8@x | PE[ofmap]:",
    "conv5": "DRAM: G2 M4 N4 P2 | NB: M32 Q2 C192 R3 | window[ifmap]: S3 P8@y Q8@x | PE[ofmap]:",
}

# What fits in 256 words: some filters whole, their windows, and one output of each, summed up before it leaves. Ours.
_ALONE = {
    "conv1": "DRAM: N4 M96 P55 Q55 C3 | spad: R11 S11",
    "conv2": "DRAM: G2 N4 M32 P27 Q27 C24 | spad: M4 C2 R5 S5",
    "conv3": "DRAM: N4 M96 P13 Q13 C64 | spad: M4 C4 R3 S3",
    "conv4": "DRAM: G2 N4 M48 P13 Q13 C48 | spad: M4 C4 R3 S3",
    "conv5": "DRAM: G2 N4 M32 P13 Q13 C48 | spad: M4 C4 R3 S3",
}

MAPPINGS = {
    ("eyeriss", "alexnet"): _ROW_STATIONARY,
    ("tpu_v1", "alexnet"): _SYSTOLIC,
    ("nvdla", "alexnet"): _ATOMS,
    ("shidiannao", "alexnet"): _PATCHES,
    ("one_pe", "alexnet"): _ALONE,
}
