"""What lab 1 asks, what a right answer is, and what each wrong one usually means. Students never see this file.

References walk the loops word by word and share no line with the solutions in `lab.py`. Every mistake is a whole
wrong model: a student whose answers equal the model's on every case tried is told that mistake's text.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from autograder.questions import Case, Mistake, Question

PAGE = "02_tensor_computations.html"
SHAPES = f'"A layer is a box of points" in chapter 2 ({PAGE}#sec-shapes)'
SIZES = f'"Output size" in chapter 2 ({PAGE}#output-size)'
STRIDES = f'"Stride and padding" in chapter 2 ({PAGE}#sec-stride-padding)'
GROUPS = f'"Groups and depthwise layers" in chapter 2 ({PAGE}#sec-groups)'
CONNECTED = f'"Fully connected layers" in chapter 2 ({PAGE}#sec-fc)'
MACS = f'"Counting work" in chapter 2 ({PAGE}#sec-counting)'
WORDS = f'"Parameters and footprints" in chapter 2 ({PAGE}#sec-params-footprints)'

Array = Any
Layer = dict[str, Any]
Rng = np.random.Generator


# ---------------------------------------------------------------------------------------------- 1. output_shape


def positions(size: int, kernel: int, stride: int, pad: int) -> int:
    """How many windows lie wholly inside, found by sliding one until it sticks out."""
    return sum(1 for start in range(-pad, size + pad, stride) if start + kernel <= size + pad)


def output_shape(H: int, W: int, R: int, S: int, stride: int, pad: int) -> tuple[int, int]:
    """The reference: rows and columns of windows."""
    return positions(H, R, stride, pad), positions(W, S, stride, pad)


def both(rule: Any) -> Any:
    """A model of `output_shape` that applies `rule(size, kernel, stride, pad)` to rows and to columns."""
    return lambda H, W, R, S, stride, pad: (rule(H, R, stride, pad), rule(W, S, stride, pad))


def sliding(rng: Rng, stride: int, padded: bool) -> tuple[int, int, int, int, int, int]:
    """A random window that fits its input: H, W, R, S, stride, pad."""
    R, S = (int(x) for x in rng.integers(2, 7, 2))
    pad = int(rng.integers(1, min(R, S))) if padded else 0
    H, W = R + int(rng.integers(2, 14)), S + int(rng.integers(2, 14))
    return H, W, R, S, stride, pad


def hidden_shapes(rng: Rng) -> list[Case]:
    """Other sizes of each public kind, and the corners: one word, nothing to slide, a stride beyond the filter."""
    h, w, stride = (int(x) for x in (*rng.integers(8, 20, 2), rng.integers(2, 5)))
    drawn = [
        Case(sliding(rng, step, padded), kind)
        for kind, step, padded in zip(SLIDES, (1, stride, 1, stride), (False, False, True, True), strict=True)
        for _ in range(3)
    ]
    return [
        *drawn,
        Case((1, 1, 1, 1, 1, 0), "a single word"),
        Case((h, w, h, w, 2, 0), "a filter as large as the input"),
        Case((h, w + 1, 1, 2, 3, 0), "a stride larger than the filter"),
        Case((224, 160, 7, 7, 2, 3), "a real layer"),
    ]


SLIDES = ("stride 1, no padding", "a stride that may leave rows over", "padding", "stride and padding together")
SHAPES_SHOWN = ((5, 7, 3, 2, 1, 0), (8, 12, 3, 2, 3, 0), (6, 9, 3, 5, 1, 1), (6, 13, 3, 4, 2, 1))

OUTPUT_SHAPE = Question(
    name="output_shape",
    function="output_shape",
    prediction="AlexNet's first layer slides an 11x11 filter over 227x227 words with stride 4 and no padding. "
    "How many output rows P does it make?",
    answer=55,
    because="the filter has (227 - 11) / 4 = 54 steps to go, and the first window needs none.",
    reference=output_shape,
    public=tuple(Case(shape, kind) for shape, kind in zip(SHAPES_SHOWN, SLIDES, strict=True)),
    hidden=hidden_shapes,
    mistakes=(
        Mistake(
            "one position too few",
            both(lambda size, kernel, stride, pad: (size + 2 * pad - kernel) // stride),
            "You counted the steps between windows. There is one more window than there are steps, because the first "
            "window needs no step: a 3-row filter on 3 rows moves zero times and still fits once. Add the 1 after the "
            "division.",
            SIZES,
        ),
        Mistake(
            "the 1 added before dividing",
            both(lambda size, kernel, stride, pad: (size + 2 * pad - kernel + 1) // stride),
            "The 1 went inside the division. At stride 1 nobody notices; at stride 2 or more the picture shows a "
            "window missing at the end whenever the last one lands exactly on the edge. Divide the distance "
            "that is left to slide by the stride first, then add the first window.",
            SIZES,
        ),
        Mistake(
            "a last window that sticks out",
            both(lambda size, kernel, stride, pad: -(-(size + 2 * pad - kernel) // stride) + 1),
            "You rounded up, so the last window hangs over the edge: look for the ! marks in your picture. A "
            "convolution keeps only whole windows, and rows left over at the end are simply not used. Round down.",
            SIZES,
        ),
        Mistake(
            "division that leaves fractions",
            both(lambda size, kernel, stride, pad: (size + 2 * pad - kernel) / stride + 1),
            "You divided with /, which in Python gives a fraction even where it comes out even (6 / 2 is 3.0). A "
            "number of windows is whole: divide with //, which also drops the window that does not fit.",
            SIZES,
        ),
        Mistake(
            "padding on one side only",
            both(lambda size, kernel, stride, pad: (size + pad - kernel) // stride + 1),
            "You added the padding once. pad rows of zeros stand above the input and pad more below it, so the "
            "filter slides over H + 2*pad rows. Your picture shows the padding at the far end left uncovered.",
            SIZES,
        ),
        Mistake(
            "padding left out",
            both(lambda size, kernel, stride, pad: (size - kernel) // stride + 1),
            "Your sizes are those of the layer without padding. The filter may also start on the rows of zeros, so "
            "it slides over H + 2*pad rows. Compare the cases with pad 0 (yours are right) and with pad 1.",
            SIZES,
        ),
        Mistake(
            "stride left out",
            both(lambda size, kernel, stride, pad: size + 2 * pad - kernel + 1),
            "You counted a window at every row. With stride 2 the filter visits every second one only: divide the "
            "distance it slides by the stride.",
            SIZES,
        ),
        Mistake(
            "'same' padding assumed",
            both(lambda size, kernel, stride, pad: -(-size // stride)),
            "You returned the input size divided by the stride. Frameworks offer that as 'same' padding, and they "
            "choose the padding to make it come true; here pad is given and need not be that one. Try a case with "
            "pad 0: the filter cannot start beyond row H - R.",
            SIZES,
        ),
        Mistake(
            "P and Q swapped",
            lambda *sizes: output_shape(*sizes)[::-1],
            "Both numbers are right, in the wrong order. P counts rows (it comes from H and R) and is given first; Q "
            "counts columns (from W and S). On square layers nobody notices, which is why none here is square.",
            SIZES,
        ),
        Mistake(
            "square only",
            lambda H, W, R, S, stride, pad: (output_shape(H, W, R, S, stride, pad)[0],) * 2,
            "You worked out the rows and returned the same number for the columns. Images from cameras are wider "
            "than high, and filters of 1x7 exist: work Q out from W and S.",
            SIZES,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------------ 2. conv


def place(out: int, tap: int, stride: int, pad: int) -> int:
    """The input row (or column) under filter row `tap` when the window is at output row `out`."""
    return out * stride + tap - pad


def word(image: Array, h: int, w: int) -> float:
    """A word of a channel, zero outside."""
    inside = 0 <= h < image.shape[0] and 0 <= w < image.shape[1]
    return float(image[h, w]) if inside else 0.0


def plus(total: float, x: float) -> float:
    """What a MAC does with its product."""
    return total + x


def convolve(ifmap, weights, bias, stride, pad, *, at=place, read=word, add=plus, start=0.0, shape=None):
    """The seven loops, one word at a time; the keywords let a mistake change one thing."""
    (N, C, H, W), (M, _, R, S) = ifmap.shape, weights.shape
    P, Q = shape or output_shape(H, W, R, S, stride, pad)
    ofmap = np.zeros((N, M, P, Q))
    for n, m, p, q in np.ndindex(N, M, P, Q):
        total = start
        for c, r, s in np.ndindex(C, R, S):
            x = read(ifmap[n, c], at(p, r, stride, pad), at(q, s, stride, pad))
            total = add(total, x * float(weights[m, c, r, s]))
        ofmap[n, m, p, q] = total + float(bias[m])
    return ofmap


def conv(ifmap: Array, weights: Array, bias: Array, stride: int, pad: int) -> Array:
    """The reference."""
    return convolve(ifmap, weights, bias, stride, pad)


def scaled_bias(factor: Any) -> Any:
    """A model that adds each bias `factor(weights)` times."""
    return lambda x, weights, bias, stride, pad: conv(x, weights, bias * factor(weights), stride, pad)


def conv_square(ifmap, weights, bias, stride, pad):
    """Rows' sizes used for columns too."""
    P, _ = output_shape(*ifmap.shape[2:], *weights.shape[2:], stride, pad)
    return convolve(ifmap, weights[:, :, :, : weights.shape[2]], bias, stride, pad, shape=(P, P))


def conv_unpadded(ifmap, weights, bias, stride, pad):
    """The padding forgotten altogether."""
    return conv(ifmap, weights, bias, stride, 0)


def conv_wrapping(ifmap, weights, bias, stride, pad):
    """Only the far edge is guarded, so index -1 reads the last row."""

    def read(image: Array, h: int, w: int) -> float:
        return float(image[h, w]) if h < image.shape[0] and w < image.shape[1] else 0.0

    return convolve(ifmap, weights, bias, stride, pad, read=read)


def conv_truncated(ifmap, weights, bias, stride, pad):
    """Sums kept in an array of whole numbers: the fraction is dropped with the bias and at every step."""
    unbiased = np.zeros(len(bias))
    sums = [
        convolve(ifmap, weights[m : m + 1], unbiased, stride, pad, add=lambda total, x: math.trunc(total + x), start=b)
        for m, b in enumerate(np.trunc(bias))
    ]
    return np.concatenate(sums, axis=1).astype(int)


def conv_first_image(ifmap, weights, bias, stride, pad):
    """The batch loop missing."""
    ofmap = conv(ifmap, weights, bias, stride, pad)
    ofmap[1:] = 0
    return ofmap


def numbered(*shape: int, first: float = 1.0) -> Array:
    """first, first + 1, ... in the shape asked, so that every word of a drawn case can be told apart."""
    return first + np.arange(math.prod(shape), dtype=float).reshape(shape)


def halves(rng: Rng, *shape: int) -> Array:
    """Random multiples of one half: sums of their products are exact in float32 too."""
    return rng.integers(-6, 7, shape) / 2


def random_conv(rng: Rng, N, C, H, W, M, R, S, stride, pad, kind) -> Case:
    """A case with random words."""
    return Case((halves(rng, N, C, H, W), halves(rng, M, C, R, S), halves(rng, M), stride, pad), kind)


def hidden_convs(rng: Rng) -> list[Case]:
    """Other shapes of each public kind, and one word, all zeros, a stride larger than the filter."""
    h, w = (int(x) for x in rng.integers(0, 3, 2))
    cases = [
        random_conv(rng, 1, 1, 5 + h, 4 + w, 1, 3, 2, 1, 0, "stride 1, no padding"),
        random_conv(rng, 1, 1, 9 + h, 7 + w, 1, 2, 3, 2, 0, "stride above 1"),
        random_conv(rng, 1, 1, 10, 8 + w, 1, 3, 2, 3, 0, "stride above 1"),
        random_conv(rng, 1, 1, 5 + h, 6 + w, 1, 5, 3, 1, 2, "padding"),
        random_conv(rng, 2 + h, 2, 4, 3, 3, 2, 3, 1, 0, "several images, channels and filters"),
        random_conv(rng, 2, 3, 8 + h, 6, 2 + w, 3, 2, 2, 1, "everything together"),
        random_conv(rng, 3, 1, 5, 8, 1, 1, 2, 3, 0, "a stride larger than the filter"),
        random_conv(rng, 1, 1, 1, 1, 1, 1, 1, 1, 0, "a single word"),
        random_conv(rng, 2, 4, 3, 2, 3, 3, 2, 1, 0, "a filter as large as the input"),
    ]
    zeros = (np.zeros((1, 2, 5, 4)), halves(rng, 2, 2, 2, 2), halves(rng, 2), 1, 1)
    return [*cases, Case(zeros, "an input of zeros, which leaves the bias")]


CONV = Question(
    name="conv",
    function="conv",
    prediction="A 3x3 filter slides over 5x5 words without padding. At stride 1 that is 9 windows and 81 "
    "multiplications. How many multiplications at stride 2?",
    answer=36,
    because="2 windows fit down and 2 across, 4 in all, and each does 9 multiplications.",
    reference=conv,
    public=(
        Case((numbered(1, 1, 3, 4), numbered(1, 1, 2, 2), np.array([0.5]), 1, 0), "stride 1, no padding"),
        Case((numbered(1, 1, 5, 7), numbered(1, 1, 2, 3), np.array([0.0]), 2, 0), "stride above 1"),
        Case((numbered(1, 1, 3, 4), numbered(1, 1, 2, 3), np.array([-1.0]), 1, 1), "padding"),
        Case(
            (
                numbered(2, 3, 2, 2),
                numbered(2, 3, 1, 2),
                np.array([0.5, 2.5]),
                1,
                0,
            ),
            "several images, channels and filters",
        ),
        Case((numbered(2, 2, 5, 7), numbered(2, 2, 2, 3), np.array([3.5, 1.0]), 2, 1), "everything together"),
    ),
    hidden=hidden_convs,
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "kernel flipped",
            lambda x, weights, *rest: conv(x, weights[:, :, ::-1, ::-1], *rest),
            "You computed the convolution of signal processing, which turns the filter round before it slides. "
            "Deep-learning layers do not: word (0, 0) of the filter meets the top left word of the window. In your "
            "picture the taps run backwards, from the last letter to a. Take out the minus sign or the [::-1].",
            SHAPES,
        ),
        Mistake(
            "stride multiplies the filter index",
            lambda *args: convolve(*args, at=lambda out, tap, stride, pad: out + tap * stride - pad),
            "Your windows are stretched instead of moved: the letters in your picture stand stride words apart, and "
            "neighbouring windows start one word apart. The stride says how far the window moves, so it belongs to "
            "the output index. (Stretching the filter is a real layer too, called dilation.)",
            STRIDES,
        ),
        Mistake(
            "stride used for the size only",
            lambda *args: convolve(*args, at=lambda out, tap, stride, pad: out + tap - pad),
            "Your ofmap has the right size, but the windows still move one word at a time, so it holds only the "
            "top left part of the answer. Where does output row p start reading when the stride is 2?",
            STRIDES,
        ),
        Mistake(
            "bias added once per input channel",
            scaled_bias(lambda weights: weights.shape[1]),
            "Your answers are right with one channel, and with C channels they are off by C - 1 times the bias: "
            "it is added inside the loop over c. An output word has one bias. Start the sum from it, or add it after "
            "the three inner loops.",
            SHAPES,
        ),
        Mistake(
            "bias added with every product",
            scaled_bias(lambda weights: math.prod(weights.shape[1:])),
            "The bias is added in the innermost loop, so it enters C*R*S times. An output word has one bias. Start "
            "the sum from it, or add it after the three inner loops.",
            SHAPES,
        ),
        Mistake(
            "bias left out",
            scaled_bias(lambda weights: 0),
            "Every output word is off by the same amount, and that amount is the bias of its filter. Start each sum "
            "from bias[m] instead of from zero.",
            SHAPES,
        ),
        Mistake(
            "padding left out",
            conv_unpadded,
            "Your ofmap is the one of the layer without padding: it has fewer rows and columns than pad asks for. "
            "Surround the ifmap with zeros, or skip the products that fall outside, and let the windows start "
            "pad words before the first.",
            STRIDES,
        ),
        Mistake(
            "padding all at the end",
            lambda *args: convolve(*args, at=lambda out, tap, stride, pad: out * stride + tap),
            "Your windows start at row 0 and run over the far edge, as if all the zeros stood at the bottom and on "
            "the right. Half of them stand before the first row: output row 0 starts reading at input row -pad.",
            STRIDES,
        ),
        Mistake(
            "an index of -1 wraps round",
            conv_wrapping,
            "Along the top and left edges you read words from the opposite edge: in NumPy index -1 is the last row, "
            "so nothing complains. Guard both ends (0 <= h < H), or pad the array with zeros first.",
            STRIDES,
        ),
        Mistake(
            "only the last product kept",
            lambda *args: convolve(*args, add=lambda total, x: x),
            "Each output word holds one product instead of a sum: your picture shows a single letter in each window. "
            "An = in the innermost loop overwrites what came before; a MAC accumulates, +=.",
            SHAPES,
        ),
        Mistake(
            "only the first channel used",
            lambda x, weights, *rest: conv(x[:, :1], weights[:, :1], *rest),
            "You are right with one channel; with more, the others never enter the sum. An output word sums over all "
            "C input channels, so c is one of the three inner loops.",
            SHAPES,
        ),
        Mistake(
            "only the first image computed",
            conv_first_image,
            "The first image of the batch is right and the others are zeros. n is the outermost loop: every image "
            "passes through the same filters.",
            SHAPES,
        ),
        Mistake(
            "rows and columns swapped",
            lambda *args: conv(*args).swapaxes(2, 3),
            "Your ofmap is the right one, transposed: rows run where columns should. The order is N, M, P, Q, and P "
            "comes from H and R. Square layers hide this.",
            SHAPES,
        ),
        Mistake(
            "square only",
            conv_square,
            "You used the number of rows for columns as well, so your ofmap is P by P. Work Q out from W and S, and "
            "let s run to S.",
            SHAPES,
        ),
        Mistake(
            "sums kept in whole numbers",
            conv_truncated,
            "Your ofmap is an array of whole numbers, and NumPy drops the fraction each time you add to a word of "
            "it, without a warning. Make it with np.zeros(shape), which holds fractions, or give it the dtype of "
            "the ifmap.",
            SHAPES,
        ),
    ),
)


# -------------------------------------------------------------------------------------------------------- 3. fc


def fc_filter(weights: Array, C: int, H: int, W: int) -> Array:
    """The reference: weight k of a row belongs to the k-th word of the ifmap, read channel by channel, row by row."""
    filters = np.zeros((len(weights), C, H, W))
    for m, row in enumerate(weights):
        for k, where in enumerate(itertools.product(range(C), range(H), range(W))):
            filters[(m, *where)] = row[k]
    return filters


def hidden_fcs(rng: Rng) -> list[Case]:
    """Other sizes of the same idea."""

    def case(M: int, C: int, H: int, W: int, kind: str) -> Case:
        return Case((halves(rng, M, C * H * W), C, H, W), kind)

    return [
        case(2, 1, 4, 3, "one channel"),
        case(2, 3, 2, 5, "several channels"),
        case(3, 2, 4, 3, "several channels"),
        case(18, 3, 2, 3, "as many outputs as inputs"),
        case(2, 3, 1, 5, "a single row"),
        case(1, 1, 1, 1, "a single word"),
        case(4, 6, 1, 1, "channels only, as after global pooling"),
        Case((np.zeros((2, 12)), 3, 2, 2), "all weights zero"),
    ]


FC = Question(
    name="fc",
    function="fc_filter",
    prediction="AlexNet's fc6 joins all words of a 256x6x6 ifmap to 4096 outputs. Run as a convolution, how many "
    "output positions (P times Q) does each filter have?",
    answer=1,
    because="the filter is as large as the ifmap, so there is one place where it fits.",
    reference=fc_filter,
    public=(
        Case((numbered(1, 6, first=0), 1, 2, 3), "one channel"),
        Case((numbered(2, 12, first=0), 2, 2, 3), "several channels"),
        Case((numbered(12, 12, first=0), 2, 2, 3), "as many outputs as inputs"),
    ),
    hidden=hidden_fcs,
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "channels counted fastest",
            lambda weights, C, H, W: weights.reshape(-1, H, W, C).transpose(0, 3, 1, 2),
            "Your numbers jump from channel to channel: you laid the weights out as height, width, channel. In this "
            "course (and in the ifmap[n].ravel() of the statement) a channel is complete before the next begins. The "
            "shape is right either way, so only the order gives it away.",
            CONNECTED,
        ),
        Mistake(
            "read column by column",
            lambda weights, C, H, W: weights.reshape(-1, C, W, H).swapaxes(2, 3),
            "Within each channel your numbers run down the columns. NumPy's ravel goes along a row before it takes the "
            "next, so the last index, w, moves fastest.",
            CONNECTED,
        ),
        Mistake(
            "R and S swapped",
            lambda weights, C, H, W: weights.reshape(-1, C, W, H),
            "Your filter is W high and H wide. R, its rows, must equal H and S must equal W, so that the filter covers "
            "the ifmap exactly and has one place to stand.",
            CONNECTED,
        ),
        Mistake(
            "1x1 filters on one long column",
            lambda weights, C, H, W: weights.reshape(*weights.shape, 1, 1),
            "You made every input word a channel of its own. That does compute the layer if the ifmap is flattened "
            "first, but here the ifmap keeps its C x H x W form, and your filter does not have C channels. Let the "
            "filter cover the whole ifmap: R = H, S = W.",
            CONNECTED,
        ),
        Mistake(
            "filter turned round",
            lambda weights, C, H, W: fc_filter(weights, C, H, W)[:, :, ::-1, ::-1],
            "You turned each filter by half a turn, which would undo the flip of a signal-processing convolution. The "
            "conv of this course does not flip, so nothing needs undoing: the first weight meets the first word.",
            CONNECTED,
        ),
        Mistake(
            "inputs and outputs swapped",
            lambda weights, C, H, W: weights.T.reshape(-1, C, H, W),
            "You read the matrix by columns. Row m of weights holds everything that output m needs; some libraries "
            "store the transpose, this table says M rows of C*H*W.",
            CONNECTED,
        ),
    ),
)


# ---------------------------------------------------------------------------------------------------- 4. groups


def dense_filter(weights: Array, groups: int) -> Array:
    """The reference: output m belongs to group m // (M/G), whose channels start at group * (C/G)."""
    M, own, R, S = weights.shape
    filters = np.zeros((M, own * groups, R, S))
    for m in range(M):
        first = m // (M // groups) * own
        for c in range(own):
            filters[m, first + c] = weights[m, c]
    return filters


def scattered(channel: Any) -> Any:
    """A model that puts channel c of output m at `channel(m, c, own, groups, M)`."""

    def model(weights: Array, groups: int) -> Array:
        M, own, R, S = weights.shape
        filters = np.zeros((M, own * groups, R, S))
        for m, c in np.ndindex(M, own):
            filters[m, channel(m, c, own, groups, M)] = weights[m, c]
        return filters

    return model


def diagonal_only(weights: Array, groups: int) -> Array:
    """Right for depthwise layers, where a group has one channel; elsewhere the rest of the group is lost."""
    M, own, R, S = weights.shape
    filters = np.zeros((M, own * groups, R, S))
    for m in range(M):
        filters[m, m // (M // groups) * own] = weights[m, 0]
    return filters


def hidden_groups(rng: Rng) -> list[Case]:
    """Other splits, the two ends of the scale, and filters of zeros."""

    def case(M: int, own: int, R: int, S: int, groups: int, kind: str) -> Case:
        return Case((halves(rng, M, own, R, S) + 0.25, groups), kind)

    return [
        case(6, 3, 2, 3, 2, "two groups"),
        case(8, 2, 1, 3, 4, "more than two groups"),
        case(3, 4, 1, 2, 1, "a single group"),
        case(5, 1, 3, 2, 5, "depthwise"),
        case(8, 1, 2, 2, 4, "depthwise with two outputs per channel"),
        case(2, 3, 1, 1, 2, "more inputs than outputs"),
        case(1, 1, 1, 1, 1, "a single word"),
        Case((np.zeros((4, 2, 2, 2)), 2), "all weights zero"),
    ]


GROUPED = Question(
    name="groups",
    function="dense_filter",
    prediction="A depthwise layer has 32 channels, each a group of its own. Written as one dense layer, how many of "
    "its 32 x 32 = 1024 channel pairs (m, c) have a filter that is not zero?",
    answer=32,
    because="each output channel meets one input channel, its own: the 32 pairs on the diagonal.",
    reference=dense_filter,
    public=(
        Case((numbered(4, 3, 1, 2), 2), "two groups"),
        Case((numbered(3, 1, 2, 2), 3), "depthwise"),
        Case((numbered(2, 3, 1, 2), 1), "a single group"),
        Case((numbered(9, 2, 1, 1), 3), "more than two groups"),
    ),
    hidden=hidden_groups,
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "leakage between groups",
            lambda weights, groups: np.tile(weights, (1, groups, 1, 1)),
            "Your picture has no zeros: every output channel listens to every group. Groups are sealed off from one "
            "another; output m has weights for the channels of its own group and zeros everywhere else.",
            GROUPS,
        ),
        Mistake(
            "every group reads the first channels",
            scattered(lambda m, c, own, groups, M: c),
            "All blocks stand at the left edge: channel c of the group was taken for channel c of the layer. Group g "
            "begins at channel g * C/G, so its block moves to the right by that much.",
            GROUPS,
        ),
        Mistake(
            "input channels dealt out in turn",
            scattered(lambda m, c, own, groups, M: c * groups + m // (M // groups)),
            "You dealt the input channels to the groups like cards: 0, G, 2G... to the first. A group owns "
            "neighbouring channels: the first C/G, then the next C/G. (Dealing them out is what ShuffleNet adds "
            "between two grouped layers.)",
            GROUPS,
        ),
        Mistake(
            "output channels dealt out in turn",
            scattered(lambda m, c, own, groups, M: m % groups * own + c),
            "Your output channels take turns between groups (m % G). The first M/G outputs all belong to the first "
            "group, the next M/G to the second: m // (M/G).",
            GROUPS,
        ),
        Mistake(
            "one channel per group kept",
            diagonal_only,
            "You are right for depthwise layers, where a group has one channel. Where it has more, you kept only "
            "the first: each output needs a block of C/G filters, not one.",
            GROUPS,
        ),
        Mistake(
            "groups ignored",
            lambda weights, groups: weights.copy(),
            "You returned the filter as it came, with C/G channels. A dense layer has one filter for every one of "
            "its C input channels; most of them will be zero.",
            GROUPS,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ layers as data


def layer(N, C, H, W, M, R, S, stride=1, pad=0, G=1, bias=True) -> Layer:
    """A layer as students get it: whole-layer channels, with P and Q worked out."""
    P, Q = output_shape(H, W, R, S, stride, pad)
    return dict(N=N, G=G, M=M, C=C, H=H, W=W, P=P, Q=Q, R=R, S=S, stride=stride, pad=pad, bias=bias)


TINY = layer(N=1, C=3, H=4, W=5, M=2, R=3, S=2)
SMALL = layer(N=2, C=4, H=5, W=10, M=6, R=2, S=4, stride=3, pad=1, G=2)
CONV2 = layer(N=4, C=96, H=27, W=27, M=256, R=5, S=5, pad=2, G=2)
DEPTHWISE = layer(N=1, C=32, H=112, W=96, M=32, R=3, S=3, stride=2, pad=1, G=32, bias=False)
SHORTCUT = layer(N=2, C=6, H=8, W=6, M=4, R=1, S=1, stride=2, bias=False)
CONNECTED_LAYER = layer(N=3, C=8, H=3, W=2, M=5, R=3, S=2)
LAYERS = (
    Case((TINY,), "one group, stride 1, no padding"),
    Case((SMALL,), "groups, stride, padding and a batch"),
    Case((CONV2,), "a real layer (AlexNet's conv2 has two groups)"),
    Case((DEPTHWISE,), "depthwise, without bias"),
    Case((SHORTCUT,), "a 1x1 filter with a stride, without bias"),
    Case((CONNECTED_LAYER,), "fully connected"),
)


def hidden_layers(rng: Rng) -> list[Case]:
    """Other sizes of each public kind, and the corners of the space."""
    n, g, c, m, h, w = (int(x) for x in rng.integers(2, 6, 6))
    kinds = [case.kind for case in LAYERS]
    fresh = (
        layer(1, c, 4 + h, 7 + w, m, 3, 2),
        layer(n, g * c, 3 * h + 3, 3 * w + 4, g * m, 3, 4, stride=3, pad=1, G=g),
        layer(n, 384, 13, 13, 256, 3, 3, pad=1, G=2),
        layer(1, 4 * c, 10 + h, 8 + w, 4 * c, 5, 3, stride=2, pad=2, G=4 * c, bias=False),
        layer(n, c, 9 + h, 5 + w, m, 1, 1, stride=2 + n % 2, bias=False),
        layer(n, c, h, w, m, h, w),
    )
    return [
        *(Case((of,), kind) for of, kind in zip(fresh, kinds, strict=True)),
        Case((layer(1, 1, 1, 1, 1, 1, 1),), "a single word"),
        Case((layer(n, 2 * g, 7, 9, 4 * g, 3, 1, G=2 * g),), "depthwise with two outputs per channel"),
        Case((layer(2, 3, 10, 11, m, 2, 1, stride=3),), "a stride larger than the filter"),
        Case((layer(1, c, 2 * h + 4, 2 * w + 5, m, 3, 4, stride=2),), "rows and columns left over at the end"),
        Case((layer(1, c, 12, 7, m, 3, 3, stride=2, pad=2),), "more padding than a filter needs"),
        Case((layer(2, 64, 56, 48, 128, 3, 3, stride=2, pad=1),), "stride 2 on even sizes"),
    ]


def pick(of: Layer, names: str) -> list[int]:
    """The values of some names: pick(layer, "N M")."""
    return [of[name] for name in names.split()]


# ------------------------------------------------------------------------------------------------------ 5. macs


def macs(layer: Layer) -> int:
    """The reference: outputs, times the window each of them sums."""
    outputs = math.prod(pick(layer, "N M P Q"))
    window = layer["C"] // layer["G"] * layer["R"] * layer["S"]
    return outputs * window


def inside(layer: Layer, size: str, outputs: str, kernel: str) -> list[int]:
    """Input rows (or columns) visited, one entry for each visit, padding left out."""
    visits = visited(layer, outputs, kernel)
    return [x for x in visits if 0 <= x < layer[size]]


def visited(layer: Layer, outputs: str, kernel: str) -> list[int]:
    """Input rows (or columns) visited, one entry for each visit, rows of padding included."""
    pairs = itertools.product(range(layer[outputs]), range(layer[kernel]))
    return [place(o, k, layer["stride"], layer["pad"]) for o, k in pairs]


def macs_on_data(layer: Layer) -> int:
    """Only the MACs whose input word is no padding."""
    rows, columns = inside(layer, "H", "P", "R"), inside(layer, "W", "Q", "S")
    return math.prod(pick(layer, "N M C")) // layer["G"] * len(rows) * len(columns)


COUNT_MACS = Question(
    name="macs",
    function="macs",
    prediction="MobileNet's first depthwise layer has 32 channels. How many times more MACs would a dense layer of the "
    "same shape (32 in, 32 out) do?",
    answer=32,
    because="a dense layer sums each output word over 32 channels, a depthwise layer over one.",
    reference=macs,
    public=LAYERS,
    hidden=hidden_layers,
    mistakes=(
        Mistake(
            "operations instead of MACs",
            lambda layer: 2 * macs(layer),
            "Every count is twice the right one. A MAC is one multiplication and one addition, 2 operations; data "
            "sheets count operations because the number is larger, this course counts MACs and says so.",
            MACS,
        ),
        Mistake(
            "grouped layer counted as dense",
            lambda layer: macs(layer) * layer["G"],
            "You are right with one group, and G times too high elsewhere. An output channel sums over the C/G "
            "channels of its own group. For a depthwise layer that is one channel, not C.",
            GROUPS,
        ),
        Mistake(
            "both channel counts divided by G",
            lambda layer: macs(layer) // layer["G"],
            "You divided M and C by G, which counts one group. There are G of them: either multiply by G again, or "
            "divide only C. All M outputs exist; each has fewer inputs.",
            GROUPS,
        ),
        Mistake(
            "batch left out",
            lambda layer: macs(layer) // layer["N"],
            "You are right for one image and N times too low for a batch. The loop over n is one of the seven.",
            MACS,
        ),
        Mistake(
            "input size instead of output size",
            lambda layer: macs(layer) // (layer["P"] * layer["Q"]) * layer["H"] * layer["W"],
            "You counted a window for every input word (H x W). There is one for every output word: P x Q. At stride "
            "2 that is about a quarter as many.",
            MACS,
        ),
        Mistake(
            "multiplications by padding left out",
            macs_on_data,
            "You left out the MACs that meet a zero of the padding. A machine could skip them, and chapter 11 does. "
            "The MACs of a layer are the trips through its seven loops, zeros included; that is what papers print.",
            MACS,
        ),
        Mistake(
            "the window left out",
            lambda layer: math.prod(pick(layer, "N M P Q")),
            "You counted output words. Each of them costs a whole window of MACs: C/G x R x S.",
            MACS,
        ),
    ),
)


# ---------------------------------------------------------------------------------------------------- 6. params


def params(layer: Layer) -> int:
    """The reference: one filter per output channel, and one bias each where the layer has them."""
    own = layer["C"] // layer["G"]
    return layer["M"] * own * layer["R"] * layer["S"] + (layer["M"] if layer["bias"] else 0)


def with_bias(words: Any) -> Any:
    """A model that counts `words(layer)` bias words where the layer has a bias."""

    def model(layer: Layer) -> int:
        weights = params({**layer, "bias": False})
        return weights + (words(layer) if layer["bias"] else 0)

    return model


PARAMS = Question(
    name="params",
    function="params",
    prediction="AlexNet's conv2 has 307,456 parameters and does 224 million MACs per image. fc6 does 38 million MACs "
    "per image. How many million parameters has fc6 (256 x 6 x 6 words to 4096)?",
    answer=37.75,
    because="256 x 6 x 6 x 4096 weights and 4,096 biases are 37,752,832: 123 times conv2's, for a sixth of its MACs.",
    reference=params,
    public=LAYERS,
    hidden=hidden_layers,
    mistakes=(
        Mistake(
            "bias left out",
            with_bias(lambda layer: 0),
            "You are right for layers without bias and M too low elsewhere. A bias is learned like a weight: one per "
            "output channel.",
            WORDS,
        ),
        Mistake(
            "a bias where there is none",
            lambda layer: params({**layer, "bias": True}),
            "You added M biases to every layer. Where bias is False there are none: a batch normalisation that "
            "follows would cancel it.",
            WORDS,
        ),
        Mistake(
            "a bias for every output word",
            with_bias(lambda layer: math.prod(pick(layer, "M P Q"))),
            "You gave each output word its own bias. All P x Q words of an output channel share one, as they share "
            "one filter. Sharing is what makes the layer a convolution.",
            WORDS,
        ),
        Mistake(
            "a bias for every input channel",
            with_bias(lambda layer: layer["M"] * layer["C"] // layer["G"]),
            "You counted a bias for every pair of channels. The bias is added once, after the sum over input "
            "channels: M of them.",
            WORDS,
        ),
        Mistake(
            "grouped layer counted as dense",
            lambda layer: params({**layer, "G": 1}),
            "You are right with one group. With G groups a filter has C/G channels: the zeros you drew in the groups "
            "task are not stored.",
            GROUPS,
        ),
        Mistake(
            "both channel counts divided by G",
            lambda layer: params({**layer, "bias": False}) // layer["G"] + layer["M"] * layer["bias"],
            "You divided M and C by G, which counts the filters of one group. There are G groups: all M filters "
            "exist, and each has C/G channels.",
            GROUPS,
        ),
        Mistake(
            "batch multiplied in",
            lambda layer: params(layer) * layer["N"],
            "Your count grows with the batch. All N images pass through the same filters; that is why batching "
            "saves memory traffic.",
            WORDS,
        ),
        Mistake(
            "MACs counted instead",
            lambda layer: macs(layer) + (layer["M"] if layer["bias"] else 0),
            "You counted how often weights are used. A parameter is stored once, however many of the N x P x Q windows "
            "use it.",
            WORDS,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------- 7. footprint


def footprint(layer: Layer, rows: Any = None, columns: Any = None) -> dict[str, Any]:
    """The reference: walk the windows, note which rows and columns of data they touch, count the words."""
    rows = sorted(set(inside(layer, "H", "P", "R"))) if rows is None else rows
    columns = sorted(set(inside(layer, "W", "Q", "S"))) if columns is None else columns
    return dict(
        rows=rows,
        columns=columns,
        ifmap=layer["N"] * layer["C"] * len(rows) * len(columns),
        filter=params({**layer, "bias": False}),
        ofmap=math.prod(pick(layer, "N M P Q")),
    )


def touching(rule: Any) -> Any:
    """A model whose rows and columns are `rule(layer, size, outputs, kernel)`."""
    return lambda layer: footprint(layer, rule(layer, "H", "P", "R"), rule(layer, "W", "Q", "S"))


def but(tensor: str, words: Any) -> Any:
    """A model that is right except for one tensor, `words(layer, right)`."""

    def model(layer: Layer) -> dict[str, Any]:
        right = footprint(layer)
        return {**right, tensor: words(layer, right[tensor])}

    return model


def footprint_of_one_image(layer: Layer) -> dict[str, Any]:
    """The batch forgotten."""
    return footprint({**layer, "N": 1})


def span(layer: Layer, size: str, outputs: str, kernel: str) -> list[int]:
    """From the first row touched to the last, gaps included."""
    touched = inside(layer, size, outputs, kernel)
    return list(range(min(touched), max(touched) + 1))


FOOTPRINT = Question(
    name="footprint",
    function="footprint",
    prediction="ResNet-50 has shortcuts with a 1x1 filter and stride 2 on 56x56 words. What percentage of the ifmap's "
    "words do they touch?",
    answer=25,
    because="every other row and every other column is touched: 28 x 28 of 56 x 56 words.",
    reference=footprint,
    public=LAYERS,
    hidden=hidden_layers,
    mistakes=(
        Mistake(
            "padding counted as data",
            touching(lambda layer, size, outputs, kernel: sorted(set(visited(layer, outputs, kernel)))),
            "Your rows run outside the ifmap (below 0, or to H and beyond). Those are zeros of the padding: no "
            "memory holds them and nothing fetches them. Keep the rows from 0 to H - 1.",
            STRIDES,
        ),
        Mistake(
            "the whole ifmap counted",
            touching(lambda layer, size, outputs, kernel: list(range(layer[size]))),
            "You listed every row and column. With a stride above 1 some are never under the filter: those at the "
            "end that no window reaches, and with a filter smaller than its stride those in between. List the rows "
            "the windows touch.",
            STRIDES,
        ),
        Mistake(
            "the span counted",
            touching(span),
            "You counted everything between the first row touched and the last. When the filter is smaller than the "
            "stride there are gaps: a 1x1 filter at stride 2 touches every other row, so a quarter of the words.",
            STRIDES,
        ),
        Mistake(
            "visits counted instead of words",
            touching(inside),
            "Rows appear more than once in your lists: windows overlap, and you counted each visit. That is how often "
            "a word is read (chapter 5 will charge for it). The footprint counts each word once: make a set.",
            WORDS,
        ),
        Mistake(
            "batch left out",
            footprint_of_one_image,
            "Your ifmap and ofmap are those of one image. Every image of the batch has its own words; only the "
            "filter is shared.",
            WORDS,
        ),
        Mistake(
            "filter counted once per image",
            but("filter", lambda layer, right: right * layer["N"]),
            "Your filter grows with the batch. All N images use the same words; that sharing is what a batch is for.",
            WORDS,
        ),
        Mistake(
            "grouped layer counted as dense",
            but("filter", lambda layer, right: right * layer["G"]),
            "Your filter is right with one group and G times too large elsewhere. A filter has weights for the C/G "
            "channels of its own group only.",
            GROUPS,
        ),
        Mistake(
            "ifmap divided by G",
            but("ifmap", lambda layer, right: right // layer["G"]),
            "You counted the ifmap of one group. The groups together read all C channels; what groups save is "
            "weights and MACs, not input words.",
            GROUPS,
        ),
        Mistake(
            "bias counted with the filter",
            but("filter", lambda layer, right: right + layer["M"] * layer["bias"]),
            "Your filter holds the biases too. They are parameters, so params counts them; the footprint's three "
            "tensors are ifmap, filter and ofmap.",
            WORDS,
        ),
        Mistake(
            "ofmap at the size of the ifmap",
            but("ofmap", lambda layer, right: math.prod(pick(layer, "N M H W"))),
            "Your ofmap has H x W words per channel. It has one word per window: P x Q.",
            WORDS,
        ),
    ),
)


# ---------------------------------------------------------------------------------------------------- 8. einsum


def einsum_bounds(layer: Layer) -> dict[str, int]:
    """The reference: the eight loops' trip counts; m and c count within a group."""
    G = layer["G"]
    return {**{name: layer[name] for name in "NGPQRS"}, "M": layer["M"] // G, "C": layer["C"] // G}


EINSUM_BOUNDS = Question(
    name="einsum",
    function="einsum_bounds",
    prediction="In AlexNet's conv2 (P = Q = 27) with a batch of 4, how many MACs use each word of the filter?",
    answer=2916,
    because="each image and each output position uses it once: N P Q = 4 x 27 x 27.",
    reference=einsum_bounds,
    public=LAYERS,
    hidden=hidden_layers,
    mistakes=(
        Mistake(
            "grouped layer counted as dense",
            lambda layer: {**einsum_bounds(layer), "M": layer["M"], "C": layer["C"]},
            "You gave M and C of the whole layer and G groups of them, G times G too many pairs. In this einsum m and "
            "c count within a group: M/G and C/G.",
            GROUPS,
        ),
        Mistake(
            "only the inputs divided by G",
            lambda layer: {**einsum_bounds(layer), "M": layer["M"]},
            "C is right, but M is still that of the whole layer, and G such groups make G times too many output "
            "channels. Within a group there are M/G.",
            GROUPS,
        ),
        Mistake(
            "G left at 1",
            lambda layer: {**einsum_bounds(layer), "G": 1, "M": layer["M"]},
            "With G = 1, M whole and C/G the MACs come out right by luck, but the ifmap has C/G channels that all "
            "outputs share. Give G its own bound, then M/G and C/G within it: tensors and MACs agree.",
            GROUPS,
        ),
        Mistake(
            "input size instead of output size",
            lambda layer: {**einsum_bounds(layer), "P": layer["H"], "Q": layer["W"]},
            "p and q count output words, so they run to P and Q. The input's size is not a bound at all: it follows "
            "from the axis stride*P + R.",
            SHAPES,
        ),
        Mistake(
            "stride multiplied into P and Q",
            lambda layer: {
                **einsum_bounds(layer),
                "P": layer["P"] * layer["stride"],
                "Q": layer["Q"] * layer["stride"],
            },
            "You multiplied P and Q by the stride. The stride is a coefficient in the ifmap's axis (2P+R), where it "
            "spreads the windows; it does not make more of them.",
            STRIDES,
        ),
        Mistake(
            "batch left out",
            lambda layer: {**einsum_bounds(layer), "N": 1},
            "N is 1 whatever the batch. n indexes the ifmap and the ofmap, so it is a loop like any other.",
            SHAPES,
        ),
    ),
)


questions = (OUTPUT_SHAPE, CONV, FC, GROUPED, COUNT_MACS, PARAMS, FOOTPRINT, EINSUM_BOUNDS)
