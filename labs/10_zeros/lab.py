# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "intro", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Lab 10: Compression, gating, skipping
#
# About half of the words that flow through a trained network are zeros, and after pruning most of its weights are too. A
# zero need not be stored, fetched or multiplied, but somebody must know **where** the zeros are, and that knowledge takes
# bits and cycles of its own. In this lab you write three codes for tensors with zeros, build PEs that gate and skip, and
# find out when all this loses to a machine that has never heard of zeros. The tensors are real: those of a small network
# that reads handwritten digits (`accelsim.digits`).
#
# About 110 minutes. You need Python, a little NumPy, and [chapter 11 of the book](/static/html/11_zeros.html) beside you.
#
# **How each task goes**
#
# 1. *Predict.* Write a number and run the cell: it is locked. A guess counts once your function is right; a wrong guess
#    teaches more.
# 2. *Write* the function or functions, at most 15 lines.
# 3. *See it.* Your own stream, PEs or walk are drawn, before anyone judges them. Look first.
# 4. *Check.* You learn at once whether the cases shipped with the notebook are right, and where yours part from what is
#    needed. The grader later tries other sizes of the same ideas, empty and all-zero tensors among them.
#
# Values are whole numbers from 0 up. A function marked "leave as it is" joins two of yours into the one that is checked.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from accelsim import widgets
from autograder import check, predict

# %% nbgrader={"grade": false, "grade_id": "given", "locked": true, "schema_version": 3, "solution": false, "task": false}
import machine  # real tensors, and what a filter costs
import show  # draws your answers

# %% [markdown] nbgrader={"grade": false, "grade_id": "bitmask_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1. A bit for each value (12 minutes)
#
# A bit mask stores one bit for each value, 1 where it is not zero, and after the last of these bits the nonzeros alone,
# `width` bits each, highest bit first. Write the stream as text of `0` and `1`, and read such a stream back.
#
# | `bitmask_encode` in | | out | |
# |---|---|---|---|
# | `values` | array of whole numbers | bits | text such as `"0100000101"` |
# | `width` | bits of a value | | (a list or array of bits does too) |
#
# | `bitmask_decode` in | | out | |
# |---|---|---|---|
# | `bits` | text of `0` and `1` | values | list (or array) of `count` whole numbers |
# | `count, width` | how many values, bits of each | | |
#
# Python writes 5 in 8 bits as `f"{5:08b}"`, and reads it with `int("00000101", 2)`. In chapter 11: *The smallest example,
# by hand: one row, several codes*.
#
# **Predict.** 1,000 words of 16 bits, 100 of them not zero. How many bits does the stream have?

# %%
predict("bitmask", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "bitmask_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bitmask_encode(values, width):
    ### BEGIN SOLUTION
    mask = "".join("1" if value else "0" for value in values)
    return mask + "".join(f"{value:0{width}b}" for value in values if value)
    ### END SOLUTION


def bitmask_decode(bits, count, width):
    ### BEGIN SOLUTION
    values, at = [], count  # the words begin where the mask ends
    for bit in bits[:count]:
        values.append(int(bits[at : at + width], 2) if bit == "1" else 0)
        at += width * int(bit)
    return values
    ### END SOLUTION


def bitmask(values, width, bits, count):  # leave as it is
    return bitmask_encode(values, width), bitmask_decode(bits, count, width)


# %% [markdown]
# *See it.* Your stream, cut into mask and values. What would a reader who has lost the mask make of the rest?

# %%
show.bits(bitmask_encode, [0, 0, 5, 0, 9, 0, 0, 0], width=4)

# %% nbgrader={"grade": true, "grade_id": "bitmask", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("bitmask")

# %% [markdown] nbgrader={"grade": false, "grade_id": "rlc_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2. Runs that fit their field (18 minutes)
#
# Run lengths store pairs: how many zeros come first, then one value. The run field has `run_bits` bits, so a run is at most
# 2^`run_bits` - 1; where more zeros stand, a full run with the value 0 covers them all *and one zero more* (that value),
# and the count begins again. Zeros at the end are covered too: the last pair then has the value 0.
#
# | `rlc_encode` in | | out | |
# |---|---|---|---|
# | `values` | array of whole numbers | pairs | list of `(run, value)`, as few as will do |
# | `run_bits` | bits of the run field | | |
#
# | `rlc_decode` in | | out | |
# |---|---|---|---|
# | `pairs` | list of `(run, value)` | values | list of whole numbers |
#
# With runs of 2 bits, `0 0 7 0 0 0 0 0 9` is `(2, 7) (3, 0) (1, 9)`. In chapter 11: *Runs*.
#
# **Predict.** 40 zeros and then a 7, with a run field of 4 bits. How many pairs?

# %%
predict("rlc", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "rlc_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rlc_encode(values, run_bits):
    ### BEGIN SOLUTION
    pairs, run = [], 0
    for at, value in enumerate(values):
        if value or run == 2**run_bits - 1 or at == len(values) - 1:
            pairs.append((run, int(value)))
            run = 0
        else:
            run += 1
    return pairs
    ### END SOLUTION


def rlc_decode(pairs):
    ### BEGIN SOLUTION
    return [x for run, value in pairs for x in [0] * run + [value]]
    ### END SOLUTION


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)


# %% [markdown]
# *See it.* What each of your pairs covers. Do they cover every value, the last zeros too? Try `run_bits=1`.

# %%
show.runs(rlc_encode, [0, 0, 7, 0, 0, 0, 0, 0, 9, 0, 0], run_bits=2)

# %% nbgrader={"grade": true, "grade_id": "rlc", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("rlc")

# %% [markdown] nbgrader={"grade": false, "grade_id": "csr_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3. Where each row starts (15 minutes)
#
# Compressed sparse rows (CSR) keep the nonzeros of a matrix row by row, the column of each, and `row_ptr`: row `r` has the
# values from place `row_ptr[r]` up to, not including, `row_ptr[r + 1]`. Write the three lists, columns rising within each
# row, and read them back.
#
# | `csr_encode` in | | out | |
# |---|---|---|---|
# | `matrix` | array (rows, columns) | `(values, columns, row_ptr)` | three lists of whole numbers |
#
# | `csr_decode` in | | out | |
# |---|---|---|---|
# | `values, columns, row_ptr` | three lists | matrix | rows of whole numbers (list of lists or array) |
# | `width` | columns of the matrix | | |
#
# In chapter 11: *Coordinates*.
#
# **Predict.** A matrix has 100 rows of 50 words; 7 of the rows are all zero. How long is `row_ptr`?

# %%
predict("csr", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "csr_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def csr_encode(matrix):
    ### BEGIN SOLUTION
    rows, columns = np.nonzero(matrix)
    row_ptr = [0, *np.cumsum((matrix != 0).sum(axis=1)).tolist()]
    return matrix[rows, columns].tolist(), columns.tolist(), row_ptr
    ### END SOLUTION


def csr_decode(values, columns, row_ptr, width):
    ### BEGIN SOLUTION
    matrix = np.zeros((len(row_ptr) - 1, width), int)
    for row in range(len(row_ptr) - 1):
        for at in range(row_ptr[row], row_ptr[row + 1]):
            matrix[row, columns[at]] = values[at]
    return matrix
    ### END SOLUTION


def csr(matrix, values, columns, row_ptr, width):  # leave as it is
    return csr_encode(matrix), csr_decode(values, columns, row_ptr, width)


# %% [markdown]
# *See it.* What your pointers give to each row. The second row is all zero: what do its two pointers say?

# %%
show.rows(csr_encode, [[0, 5, 0, 0], [0, 0, 0, 0], [7, 0, 8, 0]])

# %% nbgrader={"grade": true, "grade_id": "csr", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("csr")

# %% [markdown] nbgrader={"grade": false, "grade_id": "sizes_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4. Size against density (12 minutes)
#
# Count the bits of a matrix in four formats, *everything* that is stored: values take `width` bits; the bit mask is that of
# task 1; run lengths store `pairs` pairs of a run (`run_bits`) and a value; CSR stores its values, a column for each, and its
# pointers. A field that must tell n things apart takes ceil(log2 n) bits: a column one of `columns`, a pointer one of
# `rows * columns + 1`.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `rows, columns` | shape of the matrix | `"dense" "bitmask" "RLC" "CSR"` | bits, whole numbers |
# | `nonzeros` | words that are not zero | `"best"` | the name of the smallest; of equals the first of these four |
# | `pairs` | pairs of its run lengths | | |
# | `width, run_bits` | bits of a value, of a run | | |
#
# `(n - 1).bit_length()` is ceil(log2 n). In chapter 11: *Coordinates*.
#
# **Predict.** Values of 8 bits. Below which density, in percent, is the bit mask smaller than the dense tensor?

# %%
predict("sizes", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "sizes_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    ### BEGIN SOLUTION
    pointer, column = (rows * columns).bit_length(), (columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": rows * columns + nonzeros * width,
        "RLC": pairs * (run_bits + width),
        "CSR": (rows + 1) * pointer + nonzeros * (column + width),
    }
    return bits | {"best": min(bits, key=bits.get)}
    ### END SOLUTION


# %% [markdown]
# *See it.* Your sizes for real tensors, from dense to nearly empty. Try `width=8`, `run_bits=2`, or `layer="conv1"`.

# %%
show.real_sizes(sizes, layer="conv2", width=16, run_bits=4)

# %% [markdown]
# *See it again.* The book's lens: the two densities and how the zeros lie. Find a setting where no code is smaller than dense.

# %%
widgets.sparse_lens(0.85, 0.5)

# %% nbgrader={"grade": true, "grade_id": "sizes", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("sizes")

# %% [markdown] nbgrader={"grade": false, "grade_id": "array_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5. Gate or skip (18 minutes)
#
# PE `p` multiplies `weights[p, k]` by `activations[k]` for k = 0, 1, 2 ... A **dense** PE multiplies every pair, a cycle each.
# A **gating** PE also spends a cycle on every pair, and leaves its multiplier still when an operand is zero. A **skipping** PE
# spends cycles only on pairs in which both are nonzero; all PEs work side by side, and the array is done when its slowest PE is.
#
# | in | | out | |
# |---|---|---|---|
# | `weights` | array (PEs, K) | lines | one text per PE, a letter per cycle of the array: |
# | `activations` | array (K,) | | `m` a MAC, `g` gated, `.` idle: done, waiting for the others |
# | `mode` | `"dense"`, `"gate"` or `"skip"` | | all lines of one length |
#
# In chapter 11: *Gate or skip*, and *The slowest decides*.
#
# **Predict.** 8 PEs with 16 pairs each. All activations and all weights of PE 0 are nonzero; the other PEs have one nonzero
# weight each, so 18 % of the pairs matter. How many times as fast as dense is skipping?

# %%
predict("array", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "array_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def array(weights, activations, mode):
    ### BEGIN SOLUTION
    matters = (weights != 0) & (activations != 0)
    if mode == "dense":
        return ["m" * len(activations) for _ in weights]
    if mode == "gate":
        return ["".join("m" if pair else "g" for pair in row) for row in matters]
    macs = matters.sum(axis=1)
    return ["m" * n + "." * (max(macs) - n) for n in macs]
    ### END SOLUTION


# %% [markdown]
# *See it.* Your PEs, cycle by cycle. Play it, then change the mode. What does gating save, if not cycles?

# %%
w = [[3, 0, 2, 1, 0, 4], [0, 0, 5, 0, 0, 0], [1, 1, 0, 0, 2, 0], [0, 6, 0, 0, 0, 0]]
show.pes(array, w, [2, 0, 1, 3, 0, 1], mode="skip")

# %%
show.pes(array, w, [2, 0, 1, 3, 0, 1], mode="gate")

# %% [markdown]
# *See it again.* Real filters on a real window. Does skipping deliver what the densities promise? Try `pruned=0` and `pruned=95`.

# %%
show.cycles(array, pruned=80)

# %% nbgrader={"grade": true, "grade_id": "array", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("array")

# %% [markdown] nbgrader={"grade": false, "grade_id": "intersect_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6. Two lists (12 minutes)
#
# A skipping PE must find the pairs that matter. It has two rising lists of coordinates, those of the nonzero weights and of the
# nonzero activations; each cycle it compares the two heads, drops the smaller one, or both where they agree (that is a MAC),
# and it stops as soon as a list has ended. Return what it compares, cycle by cycle.
#
# | in | | out | |
# |---|---|---|---|
# | `a`, `b` | lists of rising whole numbers | steps | list of `(head of a, head of b)`, one per cycle |
#
# In chapter 11: *Two operands*.
#
# **Predict.** Of 8 positions the weights are nonzero at 0, 2, 4, 6 and the activations at 1, 3, 5, 7: density one half each. How
# many MACs are left?

# %%
predict("intersect", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "intersect_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def intersect(a, b):
    ### BEGIN SOLUTION
    steps, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        steps.append((a[i], b[j]))
        i, j = i + (a[i] <= b[j]), j + (b[j] <= a[i])
    return steps
    ### END SOLUTION


# %% [markdown]
# *See it.* Your walk. How many cycles go into finding each pair? Try two lists that never meet, and a list of all positions.

# %%
show.walk(intersect, [0, 3, 4, 9], [1, 3, 6, 7, 9, 12])

# %% nbgrader={"grade": true, "grade_id": "intersect", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("intersect")

# %% [markdown] nbgrader={"grade": false, "grade_id": "plan_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7. Never worse than dense (18 minutes, open)
#
# Filters of one layer, a row of `weights` each, all meet the same `activations`. For each filter choose how it is taken,
# `"dense"` or `"skip"`, and which of `pes` PEs takes it, so that the last PE is done as early as possible. A PE does its filters
# one after another; `machine.costs(weights, activations, start)` gives two lists, the cycles of every filter dense and of every
# filter skipped.
#
# | in | | out | |
# |---|---|---|---|
# | `weights` | array (filters, K) | choices | list of `(mode, PE)`, one per filter |
# | `activations` | array (K,) | | PEs count from 0 |
# | `pes`, `start` | PEs; cycles before each walk | | |
# | `best` | the fewest cycles known, 0 if unknown | | you may use it or not |
#
# Any legal plan earns 40 % of this task, one within 1.5 times the fewest cycles known 80 %, one within 1.1 times all of it. A plan
# is also held against a bound that none beats: each filter the quicker way, shared out evenly. In chapter 11: *When sparse loses*.
#
# **Predict.** A filter of 144 words, none of them zero. Half of the activations are nonzero, the last one among them; `start` is 8.
# How many cycles does it take to skip this filter?

# %%
predict("plan", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "plan_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def plan(weights, activations, pes, start, best):
    dense, skip = machine.costs(weights, activations, start)
    ### BEGIN SOLUTION
    busy, choices = [0] * pes, [None] * len(dense)
    quicker = [min((skip[i], "skip"), (dense[i], "dense")) for i in range(len(dense))]
    for i in sorted(range(len(dense)), key=lambda i: -quicker[i][0]):  # the longest first
        cycles, mode = quicker[i]
        pe = busy.index(min(busy))  # to the PE that is free first
        busy[pe] += cycles
        choices[i] = (mode, pe)
    return choices
    ### END SOLUTION


# %% [markdown]
# *See it.* The load of each PE under your plan. Then try `pruned=0`: what happens to a plan that skips everything?

# %%
weights, activations = machine.real("conv2", pruned=50)
show.shares(plan, weights, activations, pes=6, start=8)

# %% nbgrader={"grade": true, "grade_id": "plan", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("plan")

# %% [markdown] nbgrader={"grade": false, "grade_id": "claim_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8. A claim (10 minutes, read by a person)
#
# A vendor writes: *"Pruned to 20 % density, your network runs five times as fast on our accelerator, and needs a fifth of the
# memory."* In the cell below, in at most 150 words: say what must be true of the hardware, of the zeros and of the storage for each
# half of the sentence; use at least two numbers that you saw in this lab; and name two questions that you would ask.

# %% [markdown] nbgrader={"grade": true, "grade_id": "claim", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# Your answer here.

# %% [markdown] nbgrader={"grade": false, "grade_id": "end", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## What you have now
#
# Three codes whose sizes count all that is stored, a PE that saves energy (gating), one that saves time where the zeros let it
# (skipping), what it costs to look for pairs, and the habit of asking how sparse a thing must be before any of it pays.
#
# **What this leaves out.** Unpacking a stream takes circuits, energy and time that are not counted here. PEs of real machines have
# queues that let a fast one run ahead. And a filter's zeros may be put where they help: structured pruning trades accuracy for
# the regular shape that a dense machine can use.
