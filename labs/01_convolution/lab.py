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
# # Lab 1: Convolution, counted
#
# A chip for deep learning spends its life on one thing: convolutions. Before anyone can make one cheap, two questions
# need exact answers: **what does a layer compute**, and **how much of it is there**? In this lab you write the layer
# as seven loops, show that fully connected and grouped layers are the same loops, and count the work, the weights and
# the words of memory that the loops touch. Every later lab rests on these counts.
#
# About 75 minutes. You need Python, a little NumPy, and [chapter 2 of the book](/static/html/02_tensor_computations.html) beside you.
#
# **The words of this course**
#
# | name | meaning | name | meaning |
# |---|---|---|---|
# | `N` | images in a batch | `P`, `Q` | output rows, output columns |
# | `M` | output channels (one filter each) | `R`, `S` | filter rows, filter columns |
# | `C` | input channels | `H`, `W` | input rows, input columns |
# | `G` | groups | `stride`, `pad` | step of the window; zeros added on each side |
#
# The three tensors are the `ifmap` (input), the `filter` (weights) and the `ofmap` (output). The seven loops go in
# the order N M P Q C R S; one trip through the innermost is one **MAC**, a multiplication and an addition. Indices
# are the same letters in lower case: output word `(n, m, p, q)`.
#
# **How each task goes**
#
# 1. *Predict.* Write a number and run the cell: it is locked. A guess counts once your function is right; a wrong
#    guess teaches more.
# 2. *Write* the function, at most 15 lines.
# 3. *See it.* Your own answer is drawn, before anyone judges it. Look first.
# 4. *Check.* You learn at once whether the cases shipped with the notebook are right, and which idea a wrong answer
#    looks like. The grader later tries other sizes of the same ideas.
#
# Nothing below is square by accident: rows and columns differ, so that swapping them shows.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from autograder import check, predict

# %% nbgrader={"grade": false, "grade_id": "given", "locked": true, "schema_version": 3, "solution": false, "task": false}
import layers  # real layers, with their sources
import show  # draws your answers

# %% [markdown] nbgrader={"grade": false, "grade_id": "output_shape_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1. How many windows? (8 minutes)
#
# A filter of `R` x `S` words slides over `H` x `W` words with `pad` rows and columns of zeros added on every side,
# moving `stride` words at a time from the top left corner; only windows that lie wholly inside count. Return how many
# there are from top to bottom (`P`) and from left to right (`Q`).
#
# | in | | out | |
# |---|---|---|---|
# | `H, W` | input rows, columns | `(P, Q)` | two whole numbers |
# | `R, S` | filter rows, columns | | |
# | `stride, pad` | the same for rows and columns | | |
#
# In chapter 2: *Output size*.
#
# **Predict.** AlexNet's first layer slides an 11x11 filter over 227x227 words with stride 4 and no padding. How many
# output rows P does it make?

# %%
predict("output_shape", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "output_shape_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_shape(H, W, R, S, stride, pad):
    ### BEGIN SOLUTION
    P = (H + 2 * pad - R) // stride + 1  # whole steps that fit, and the first window, which needs none
    Q = (W + 2 * pad - S) // stride + 1
    return P, Q
    ### END SOLUTION


# %% [markdown]
# *See it.* One line per window. Does every window fit, and is there room for one more? Change the numbers and look
# again.

# %%
show.windows(output_shape, H=7, W=9, R=3, S=4, stride=2, pad=1)

# %% nbgrader={"grade": true, "grade_id": "output_shape", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("output_shape")

# %% [markdown] nbgrader={"grade": false, "grade_id": "conv_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2. Seven loops (15 minutes)
#
# Each output word is a bias plus the sum, over `C` channels and an `R` x `S` window, of an input word times the
# filter word that lies on it; word `(0, 0)` of the filter lies on the top left word of the window. Write it as seven
# loops in the order N M P Q C R S.
#
# | in | | out | |
# |---|---|---|---|
# | `ifmap` | array `(N, C, H, W)` | `ofmap` | array `(N, M, P, Q)` |
# | `weights` | array `(M, C, R, S)`, the filter | | |
# | `bias` | array `(M,)` | | |
# | `stride, pad` | as above; padding is zeros | | |
#
# Loops are slow in Python and that is fine: they are what the hardware will do, in an order you can read. If you
# prefer NumPy's own operations, any way to the right array counts.
#
# In chapter 2: *A layer is a box of points; Stride and padding*.
#
# **Predict.** A 3x3 filter slides over 5x5 words without padding. At stride 1 that is 9 windows and 81
# multiplications. How many multiplications at stride 2?

# %%
predict("conv", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "conv_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv(ifmap, weights, bias, stride, pad):
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    ### BEGIN SOLUTION
    P, Q = (H + 2 * pad - R) // stride + 1, (W + 2 * pad - S) // stride + 1
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    ofmap = np.zeros((N, M, P, Q)) + bias.reshape(M, 1, 1)  # every sum starts from its bias
    for n in range(N):
        for m in range(M):
            for p in range(P):
                for q in range(Q):
                    for c in range(C):
                        for r in range(R):
                            for s in range(S):
                                word = padded[n, c, p * stride + r, q * stride + s]
                                ofmap[n, m, p, q] += word * weights[m, c, r, s]
    return ofmap
    ### END SOLUTION


# %% [markdown]
# *See it.* Your `conv` is asked about one input word at a time. Each table is the input as one output word sees it: a
# letter is the filter word that meets this input word. Should neighbouring tables show the same letters? Moved by how
# much? Try `pad=1` too.

# %%
show.taps(conv, H=5, W=7, R=2, S=3, stride=2, pad=0)

# %% [markdown]
# *See it again.* How many multiplications use each input word? One row is never used: why? Try `stride=1`, then
# `R=1, S=1, stride=2`, and remember it for task 7.

# %%
show.uses(conv, H=5, W=7, R=2, S=3, stride=2, pad=0)

# %% nbgrader={"grade": true, "grade_id": "conv", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("conv")

# %% [markdown] nbgrader={"grade": false, "grade_id": "fc_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3. Fully connected is a convolution (7 minutes)
#
# A fully connected layer joins every word of a `C` x `H` x `W` ifmap to every output: `weights @ ifmap[n].ravel()`,
# where `ravel` takes channel after channel, each row by row. Rearrange its weights into the filter with which `conv`
# (stride 1, no padding) gives the same outputs.
#
# | in | | out | |
# |---|---|---|---|
# | `weights` | array `(M, C*H*W)` | `filter` | array `(M, C, R, S)` |
# | `C, H, W` | shape of one image | | you choose R and S |
#
# In chapter 2: *Fully connected layers*.
#
# **Predict.** AlexNet's fc6 joins all words of a 256x6x6 ifmap to 4096 outputs. Run as a convolution, how many output
# positions (P times Q) does each filter have?

# %%
predict("fc", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "fc_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fc_filter(weights, C, H, W):
    ### BEGIN SOLUTION
    return weights.reshape(-1, C, H, W)  # the filter covers the whole ifmap: R = H, S = W, one window
    ### END SOLUTION


# %% [markdown]
# *See it.* The weights 0, 1, 2... of one output, where you put them, and your `conv` with your filter beside the
# matrix product.

# %%
show.fc(fc_filter, conv, C=2, H=2, W=3)

# %% nbgrader={"grade": true, "grade_id": "fc", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("fc")

# %% [markdown] nbgrader={"grade": false, "grade_id": "groups_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4. Groups, seen by a chip that knows none (10 minutes)
#
# With `G` groups the channels are cut into `G` equal runs of neighbours, and the outputs of a group see the inputs of
# that group only; a depthwise layer has one input channel per group. Return the dense filter with which your `conv`
# computes the same layer: zeros for every pair of channels that do not meet.
#
# | in | | out | |
# |---|---|---|---|
# | `weights` | array `(M, C/G, R, S)`, as grouped layers store it | `filter` | array `(M, C, R, S)` |
# | `groups` | `G`, a divisor of `M` and `C` | | |
#
# AlexNet's conv2 has two groups because it was trained on two GPUs; MobileNet's depthwise layers have as many groups
# as channels, to save work. A chip without support for groups computes the layer you return here, zeros and all.
#
# In chapter 2: *Groups and depthwise layers*.
#
# **Predict.** A depthwise layer has 32 channels, each a group of its own. Written as one dense layer, how many of its
# 32 x 32 = 1024 channel pairs (m, c) have a filter that is not zero?

# %%
predict("groups", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "groups_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def dense_filter(weights, groups):
    M, own, R, S = weights.shape  # own = C/G, the channels of one group
    ### BEGIN SOLUTION
    filters = np.zeros((M, own * groups, R, S))
    outs = M // groups
    for g in range(groups):
        m, c = g * outs, g * own  # where this group's outputs and inputs begin
        filters[m : m + outs, c : c + own] = weights[m : m + outs]
    return filters
    ### END SOLUTION


# %% [markdown]
# *See it.* Which output channels (down) listen to which input channels (across)? Try `M=8, C=8, groups=8` (depthwise)
# and `groups=1`.

# %%
show.blocks(dense_filter, M=8, C=12, groups=4)

# %% nbgrader={"grade": true, "grade_id": "groups", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("groups")

# %% [markdown] nbgrader={"grade": false, "grade_id": "macs_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5. MACs (8 minutes)
#
# From here on a layer is a dictionary with the names above, such as `layers.conv2`. Return how many MACs the layer
# does for its whole batch: trips through its loops, those that meet a zero of the padding included.
#
# | in | | out | |
# |---|---|---|---|
# | `layer` | dictionary `N G M C H W P Q R S stride pad bias` | MACs | a whole number |
# | | `M`, `C`: channels of the whole layer, all groups | | |
#
# 1 MAC is 2 operations. Data sheets quote operations; this course counts MACs.
#
# In chapter 2: *Counting work*.
#
# **Predict.** MobileNet's first depthwise layer has 32 channels. How many times more MACs would a dense layer of the
# same shape (32 in, 32 out) do?

# %%
layers.conv2

# %%
predict("macs", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "macs_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def macs(layer):
    ### BEGIN SOLUTION
    outputs = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    window = layer["C"] // layer["G"] * layer["R"] * layer["S"]  # what one output word sums over
    return outputs * window
    ### END SOLUTION


# %% [markdown]
# *See it.* Your count for each layer of AlexNet, one image.

# %%
show.bars(macs, layers.alexnet, "MACs")

# %% [markdown]
# *See it again.* MobileNet replaces a dense 3x3 layer by this pair. Which of the two is the expensive one?

# %%
show.bars(macs, layers.mobilenet_pair, "MACs")

# %% nbgrader={"grade": true, "grade_id": "macs", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("macs")

# %% [markdown] nbgrader={"grade": false, "grade_id": "params_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6. Parameters (6 minutes)
#
# Parameters are the numbers that training set: the words of the filter, and a bias for each output channel if the
# layer has biases. Return how many the layer stores.
#
# | in | | out | |
# |---|---|---|---|
# | `layer` | as in task 5; `layer["bias"]` is True or False | parameters | a whole number |
#
# In chapter 2: *Parameters and footprints*.
#
# **Predict.** AlexNet's conv2 has 307,456 parameters and does 224 million MACs per image. fc6 does 38 million MACs
# per image. How many million parameters has fc6 (256 x 6 x 6 words to 4096)?

# %%
predict("params", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "params_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def params(layer):
    ### BEGIN SOLUTION
    weights = layer["M"] * (layer["C"] // layer["G"]) * layer["R"] * layer["S"]
    return weights + (layer["M"] if layer["bias"] else 0)
    ### END SOLUTION


# %% [markdown]
# *See it.* The same layers of AlexNet. Compare the shares with those of the MACs: which layers are mostly work, and
# which mostly memory?

# %%
show.bars(params, layers.alexnet, "parameters")

# %% nbgrader={"grade": true, "grade_id": "params", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("params")

# %% [markdown] nbgrader={"grade": false, "grade_id": "footprint_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7. Footprint: the words that must be fetched (12 minutes)
#
# The footprint of a layer is the number of different words of each tensor that its loops touch; zeros of the padding
# are in no memory, so they are not fetched. List the input rows and columns that at least one window touches, and
# count the words of the whole batch.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `layer` | as in task 5 | `"rows"` | list of the input rows touched, each once, in order |
# | | | `"columns"` | the same for columns |
# | | | `"ifmap"` | words of the input that are fetched |
# | | | `"filter"` | words of the filter, without biases |
# | | | `"ofmap"` | words of the output |
#
# In chapter 2: *Points, not spans, and Padding is not data, under Stride and padding*.
#
# **Predict.** ResNet-50 has shortcuts with a 1x1 filter and stride 2 on 56x56 words. What percentage of the ifmap's
# words do they touch?

# %%
predict("footprint", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "footprint_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def footprint(layer):
    ### BEGIN SOLUTION
    def touched(size, outputs, kernel):
        under = {o * layer["stride"] + k - layer["pad"] for o in range(outputs) for k in range(kernel)}
        return sorted(under & set(range(size)))  # what lies outside is padding

    rows = touched(layer["H"], layer["P"], layer["R"])
    columns = touched(layer["W"], layer["Q"], layer["S"])
    ifmap = layer["N"] * layer["C"] * len(rows) * len(columns)
    weights = layer["M"] * (layer["C"] // layer["G"]) * layer["R"] * layer["S"]
    ofmap = layer["N"] * layer["M"] * layer["P"] * layer["Q"]
    return {"rows": rows, "columns": columns, "ifmap": ifmap, "filter": weights, "ofmap": ofmap}
    ### END SOLUTION


# %% [markdown]
# *See it.* The rows and columns you listed, on one channel of a small layer with padding round it (a 2x2 filter,
# stride 3). Below it, what your own `conv` touches there. Do they agree?

# %%
show.touched(footprint, layers.tiny)

# %%
show.uses(conv, H=5, W=8, R=2, S=2, stride=3, pad=1)

# %% nbgrader={"grade": true, "grade_id": "footprint", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("footprint")

# %% [markdown] nbgrader={"grade": false, "grade_id": "einsum_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8. One line for the simulator (8 minutes)
#
# The course's simulator, `accelsim`, takes any layer as one line, `ofmap[N G M P Q] += ifmap[N G C P+R Q+S] *
# filter[G M C R S]`, and a size for each letter in it; the stride is a coefficient (`2P+R`), and `M` and `C` count
# the channels *within* a group. Return the eight sizes for a layer.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `layer` | as in task 5 | `"N" "G" "M" "C" "P" "Q" "R" "S"` | how far each letter runs, a whole number (`G` is 1 without groups) |
#
# In chapter 2: *A layer is a box of points; Groups and depthwise layers*.
#
# **Predict.** In AlexNet's conv2 (P = Q = 27) with a batch of 4, how many MACs use each word of the filter?

# %%
predict("einsum", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "einsum_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def einsum_bounds(layer):
    ### BEGIN SOLUTION
    bounds = {name: layer[name] for name in "NGPQRS"}
    return bounds | {"M": layer["M"] // layer["G"], "C": layer["C"] // layer["G"]}
    ### END SOLUTION


# %% [markdown]
# *See it.* Your sizes make a layer of the simulator; its counts stand beside those of your `macs` and `footprint`.
# One row differs for `layers.conv2`, none for `layers.shortcut`: which row, and why?

# %%
show.simulator(einsum_bounds, macs, footprint, layers.conv2)

# %% nbgrader={"grade": true, "grade_id": "einsum", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("einsum")

# %% [markdown] nbgrader={"grade": false, "grade_id": "end", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## What you have now
#
# Counts that hold for any layer of this family, whatever chip runs it: work (MACs), what is stored (parameters), and
# what must move at least once (footprint). The row that differed in task 8 is the ifmap: `accelsim` takes the padded
# input as its ifmap, 31x31 words where conv2 has 27x27; the book's page of assumptions says why.
#
# **What this leaves out.** MACs are not time and not energy. Words are read more than once, and a read from DRAM
# costs about 200 times a MAC (Chen et al., ISCA 2016, 65 nm; chapter 5 shows the table). How often each word is read
# depends on the order of the loops you wrote in task 2, and choosing that order is most of this course.
