"""Reading ONNX models: real ones, small ones built here, and files that are neither."""

import builtins
import contextlib
import random
from pathlib import Path

import pytest

from accelsim import AccelsimError, catalog
from accelsim.errors import WorkloadError
from accelsim.workload import from_onnx

onnx = pytest.importorskip("onnx", reason="needs the package onnx: pip install 'accelsim[onnx]'")
helper, FLOAT, INT64 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64

# Real architectures that the package onnx ships for its own tests, with weights that are made, not stored.
SHIPPED = Path(onnx.__file__).parent / "backend" / "test" / "data"


def constant(name, *shape, kind=FLOAT):
    size = 1
    for side in shape:
        size *= side
    return helper.make_tensor(name, kind, shape, [1] * size)


def save(folder, nodes, inputs, outputs, constants=(), name="model.onnx", **options):
    """Write a model; inputs: (name, shape), a string in a shape being an open axis."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(given, FLOAT, shape) for given, shape in inputs],
        [helper.make_tensor_value_info(made, FLOAT, None) for made in outputs],
        list(constants),
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("org.example", 1)]
    path = folder / name
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, **options).SerializeToString())
    return path


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(), [output], name=attributes.pop("name", f"{op}_{output}"), **attributes)


def small_cnn(folder):
    """A stem, a depthwise layer whose result is added to its input, pooling, and a Gemm."""
    return save(
        folder,
        [
            node("Conv", "x w1 b1", "a", strides=[2, 2], pads=[1, 1, 1, 1], name="stem"),
            node("Relu", "a", "b"),
            node("Conv", "b w2", "c", group=8, dilations=[2, 1], pads=[2, 1, 2, 1], name="depthwise"),
            node("Add", "b c", "d"),
            node("GlobalAveragePool", "d", "e"),
            node("Flatten", "e", "f"),
            node("Gemm", "f w3 b3", "y", transB=1, name="fc"),
        ],
        [("x", ["batch", 3, 32, 32])],
        ["y"],
        [constant("w1", 8, 3, 3, 3), constant("b1", 8), constant("w2", 8, 1, 3, 3), constant("w3", 10, 8),
         constant("b3", 10)],
    )  # fmt: skip


def test_a_small_cnn_is_read_layer_by_layer(tmp_path):
    network = from_onnx(small_cnn(tmp_path)).network
    assert [str(layer) for layer in network.layers] == [
        "stem: ofmap[N M P Q] += ifmap[N C 2P+R 2Q+S] * filter[M C R S]  (N=1 M=8 C=3 P=16 Q=16 R=3 S=3)",
        "depthwise: ofmap[N G M P Q] += ifmap[N G C P+2R Q+S] * filter[G M C R S]  (N=1 G=8 M=1 C=1 P=16 Q=16 R=3 S=3)",
        "fc: ofmap[N M] += ifmap[N C] * filter[M C]  (N=1 M=10 C=8)",
    ]
    assert network.macs == 8 * 27 * 256 + 8 * 9 * 256 + 80
    assert network.params == 8 * 27 + 8 + 8 * 9 + 80 + 10


def test_what_is_left_out_is_named_and_weighed(tmp_path):
    imported = from_onnx(small_cnn(tmp_path))
    assert {part.op: (part.nodes, part.outputs) for part in imported.left_out} == {
        "Relu": (1, 2048), "Add": (1, 2048), "GlobalAveragePool": (1, 8), "Flatten": (1, 8)
    }  # fmt: skip
    assert imported.share_of_nodes == 4 / 7
    assert imported.share_of_work == 4112 / (4112 + imported.network.macs)
    assert "left out: 4 of 7 nodes, 5.28% of the work" in str(imported)


def test_an_open_batch_is_one_or_what_is_asked_for(tmp_path):
    path = small_cnn(tmp_path)
    assert from_onnx(path, batch=5).network.macs == 5 * from_onnx(path).network.macs


def attention(folder):
    return save(
        folder,
        [
            node("MatMul", "x wq", "q", name="q"),
            node("MatMul", "x wk", "k", name="k"),
            node("Reshape", "q heads", "q4"),
            node("Transpose", "q4", "qh", perm=[0, 2, 1, 3]),
            node("Reshape", "k heads", "k4"),
            node("Transpose", "k4", "kh", perm=[0, 2, 3, 1]),
            node("MatMul", "qh kh", "scores", name="qk"),
            node("Softmax", "scores", "y", axis=-1),
        ],
        [("x", ["n", "tokens", 64])],
        ["y"],
        [
            constant("wq", 64, 64),
            constant("wk", 64, 64),
            helper.make_tensor("heads", INT64, [4], [0, 0, 4, 16]),
        ],
    )


def test_attention_is_read_as_batched_products_without_parameters(tmp_path):
    network = from_onnx(attention(tmp_path), batch=2, sizes={"tokens": 10}).network
    assert [str(layer) for layer in network.layers] == [
        "q: ofmap[N L M] += ifmap[N L C] * filter[M C]  (N=2 L=10 M=64 C=64)",
        "k: ofmap[N L M] += ifmap[N L C] * filter[M C]  (N=2 L=10 M=64 C=64)",
        "qk: ofmap[N H L M] += ifmap[N H L C] * filter[N H M C]  (N=2 H=4 L=10 M=10 C=16)",
    ]
    assert ("qk",) == network.products
    assert network.params == 2 * 64 * 64


@pytest.mark.parametrize(
    ("a", "b", "text", "macs"),
    [
        ([7, 8], [8, 9], "ofmap[N M] += ifmap[N C] * filter[M C]", 7 * 8 * 9),
        ([8], [8, 9], "ofmap[N M] += ifmap[N C] * filter[M C]", 72),
        ([7, 8], [8], "ofmap[N M] += ifmap[N C] * filter[M C]", 56),
        ([5, 7, 8], [1, 8, 9], "ofmap[N L M] += ifmap[N L C] * filter[M C]", 5 * 7 * 8 * 9),
        ([1, 7, 8], [5, 8, 9], "ofmap[N L M] += ifmap[L C] * filter[N M C]", 5 * 7 * 8 * 9),
        ([6, 7, 8], [5, 1, 8, 9], "ofmap[N H L M] += ifmap[H L C] * filter[N M C]", 5 * 6 * 7 * 8 * 9),
        ([2, 3, 4, 7, 8], [8, 9], "ofmap[N AA H L M] += ifmap[N AA H L C] * filter[M C]", 24 * 7 * 8 * 9),
    ],
)
def test_products_broadcast_their_leading_axes(tmp_path, a, b, text, macs):
    path = save(tmp_path, [node("MatMul", "a b", "y", name="mm")], [("a", a), ("b", b)], ["y"])
    layer = from_onnx(path).network.layers[0]
    assert (text, macs) == (str(layer).partition(": ")[2].partition("  ")[0], layer.macs)


def test_a_constant_first_operand_is_the_filter(tmp_path):
    path = save(tmp_path, [node("MatMul", "w x", "y")], [("x", [8, 5])], ["y"], [constant("w", 7, 8)])
    network = from_onnx(path).network
    assert str(network.layers[0]).endswith("ofmap[N M] += ifmap[N C] * filter[M C]  (N=5 M=7 C=8)")
    assert (56, 56 * 5) == (network.params, network.macs)


def test_a_gemm_turns_its_operands_as_it_says(tmp_path):
    path = save(tmp_path, [node("Gemm", "x w", "y", transA=1)], [("x", [8, 5])], ["y"], [constant("w", 8, 7)])
    assert from_onnx(path).network.layers[0].dims == {"N": 5, "M": 7, "C": 8}


def test_a_convolution_over_one_axis_has_one_row(tmp_path):
    path = save(tmp_path, [node("Conv", "x w", "y", strides=[2])], [("x", [1, 4, 21])], ["y"], [constant("w", 6, 4, 3)])
    layer = from_onnx(path).network.layers[0]
    assert layer.dims == {"N": 1, "M": 6, "C": 4, "P": 1, "Q": 10, "R": 1, "S": 3}
    assert layer.words("ifmap") == 4 * 21


def test_weights_used_twice_are_counted_once(tmp_path):
    path = save(
        tmp_path,
        [node("MatMul", "x w", "a", name="one"), node("Transpose", "w", "t"), node("MatMul", "a t", "y", name="two")],
        [("x", [1, 8])],
        ["y"],
        [constant("w", 8, 9)],
    )
    imported = from_onnx(path)
    assert (72, 2, ("two",)) == (imported.network.params, imported.nodes, imported.network.products)


def test_layers_of_one_name_are_told_apart(tmp_path):
    nodes = [node("MatMul", "x w", "a", name="mm"), node("MatMul", "a w", "y", name="mm")]
    path = save(tmp_path, nodes, [("x", [1, 8])], ["y"], [constant("w", 8, 8)])
    assert ["mm", "mm_2"] == [layer.name for layer in from_onnx(path).network.layers]


def test_a_function_of_the_model_itself_is_read_through(tmp_path):
    body = [helper.make_node("MatMul", ["a", "b"], ["c"]), helper.make_node("Relu", ["c"], ["d"])]
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function("org.example", "Dense", ["a", "b"], ["d"], body, opsets)
    nodes = [helper.make_node("Dense", ["x", "w"], ["y"], domain="org.example")]
    path = save(tmp_path, nodes, [("x", [2, 8])], ["y"], [constant("w", 8, 9)], functions=[function])
    assert 144 == from_onnx(path).network.macs


def shipped(name):
    path = SHIPPED / "light" / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip(f"this version of onnx does not ship {path.name}")
    return from_onnx(path)


def shapes(network):
    return [(layer.macs, *(layer.words(name) for name in ("ifmap", "filter", "ofmap"))) for layer in network.layers]


def test_a_real_resnet50_is_the_catalog_s_layer_by_layer():
    """Made from Caffe2's ResNet-50 by the ONNX project, so from another source than the catalog's rules."""
    theirs, ours = shipped("resnet50").network, catalog.resnet50()
    assert sorted(shapes(theirs)) == sorted(shapes(ours))
    assert (4_089_184_256, 25_557_032) == (theirs.macs, theirs.params) == (ours.macs, ours.params)


def test_real_models_have_their_published_parameters():
    """AlexNet: Caffe's bvlc_alexnet; VGG-19 and SqueezeNet 1.1: torchvision's weight metadata."""
    expected = {"bvlc_alexnet": 60_965_224, "vgg19": 143_667_240, "squeezenet": 1_235_496}
    assert expected == {name: shipped(name).network.params for name in expected}


def test_activations_pooling_and_norms_are_about_a_hundredth_of_resnet50():
    imported = shipped("resnet50")
    assert 122 / 176 == imported.share_of_nodes
    assert 0.006 < imported.share_of_work < 0.007


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (node("ConvTranspose", "x w", "y"), "ConvTranspose multiplies and accumulates"),
        (node("Einsum", "x x", "y", equation="nchw,nchw->n"), "Einsum multiplies and accumulates"),
        (node("FusedConv", "x w", "y", domain="org.example"), "FusedConv of org.example is no standard operator"),
        (node("Convolve", "x w", "y"), "Convolve is no standard operator"),
    ],
    ids=lambda value: getattr(value, "op_type", ""),
)
def test_operators_that_would_be_a_wrong_number_are_refused(tmp_path, op, said):
    path = save(tmp_path, [op], [("x", [1, 3, 8, 8])], ["y"], [constant("w", 3, 4, 3, 3)])
    with pytest.raises(WorkloadError, match=said):
        from_onnx(path)


def test_a_branch_with_layers_inside_is_refused(tmp_path):
    def branch(name):
        made = helper.make_tensor_value_info(name, FLOAT, [1, 9])
        return helper.make_graph([helper.make_node("MatMul", ["x", "w"], [name])], name, [], [made])

    path = save(
        tmp_path,
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Cast", ["sum"], ["which"], to=onnx.TensorProto.BOOL),
            helper.make_node("If", ["which"], ["y"], then_branch=branch("p"), else_branch=branch("q")),
        ],
        [("x", [1, 8])],
        ["y"],
        [constant("w", 8, 9)],
    )
    with pytest.raises(WorkloadError, match="If runs MatMul some number of times or not at all"):
        from_onnx(path)


def test_a_convolution_over_three_axes_is_refused_with_its_shapes(tmp_path):
    path = save(tmp_path, [node("Conv", "x w", "y")], [("x", [1, 3, 4, 4, 4])], ["y"], [constant("w", 2, 3, 1, 1, 1)])
    with pytest.raises(WorkloadError, match=r"one or two axes is read, got input \(1, 3, 4, 4, 4\)"):
        from_onnx(path)


def test_open_axes_are_all_named_at_once(tmp_path):
    path = save(tmp_path, [node("Relu", "x", "y")], [("x", ["n", "tokens", None])], ["y"])
    with pytest.raises(WorkloadError) as error:
        from_onnx(path, sizes={"token": 3})
    said = str(error.value)
    assert "axis 1 of input x is open: give its size by sizes={'tokens': ...}" in said
    assert "axis 2 of input x is open: give its size by sizes={'x.2': ...}" in said
    assert "sizes names 'token', no open axis; there is n, tokens, x.2; did you mean tokens?" in said
    assert from_onnx(path, sizes={"tokens": 4, "x.2": 5}).left_out[0].outputs == 20


@pytest.mark.parametrize("size", [0, -1])
def test_an_axis_of_no_size_is_open(tmp_path, size):
    path = save(tmp_path, [node("Relu", "x", "y")], [("x", [size, 5])], ["y"])
    assert 15 == from_onnx(path, batch=3).left_out[0].outputs


@pytest.mark.parametrize("batch", [0, -1, 1.5, "4", True])
def test_a_batch_is_a_whole_number(tmp_path, batch):
    with pytest.raises(WorkloadError, match="batch must be a whole number of 1 or more"):
        from_onnx(small_cnn(tmp_path), batch=batch)


def test_a_batch_that_the_model_fixes_cannot_be_set():
    path = SHIPPED / "light" / "light_squeezenet.onnx"
    with pytest.raises(WorkloadError, match="batch=4 cannot be set"):
        from_onnx(path, batch=4)


def test_a_file_that_is_missing_or_no_model_is_told_in_a_sentence(tmp_path):
    text, empty = tmp_path / "notes.onnx", tmp_path / "empty.onnx"
    text.write_text("AlexNet has five CONV layers.\n")
    empty.write_bytes(b"")
    for path, said in [
        (tmp_path / "none.onnx", "No such file"), (tmp_path, "cannot read"), (text, "is no ONNX model"),
        (empty, "it holds no operators"), (3, "expected the path of an ONNX file, got 3"),
    ]:  # fmt: skip
        with pytest.raises(WorkloadError, match=said):
            from_onnx(path)


def test_shapes_that_cannot_be_inferred_are_named(tmp_path):
    nodes = [node("NonZero", "x", "i"), node("Cast", "i", "f", to=FLOAT), node("MatMul", "f w", "y", name="mm")]
    path = save(tmp_path, nodes, [("x", [4])], ["y"], [constant("w", 4, 4)])
    with pytest.raises(WorkloadError, match="node 'mm': the shape of 'f' is unknown"):
        from_onnx(path)


def test_shapes_that_contradict_each_other_are_refused(tmp_path):
    path = save(tmp_path, [node("MatMul", "x w", "y")], [("x", [4, 5])], ["y"], [constant("w", 6, 7)])
    with pytest.raises(WorkloadError):
        from_onnx(path)


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    found = builtins.__import__

    def without(name, *rest, **options):
        if name.partition(".")[0] == "onnx":
            raise ImportError(f"No module named {name!r}")
        return found(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AccelsimError, match=r"pip install 'accelsim\[onnx\]'"):
        from_onnx(tmp_path / "any.onnx")


def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path):
    """500 files with bytes changed, cut or put in."""
    chance, path = random.Random(20261122), tmp_path / "damaged.onnx"
    whole = [small_cnn(tmp_path).read_bytes(), attention(tmp_path).read_bytes()]
    for _ in range(500):
        content = bytearray(chance.choice(whole))
        for _ in range(chance.choice([1, 2, 5])):
            at = chance.randrange(len(content))
            content[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
        path.write_bytes(content)
        with contextlib.suppress(AccelsimError):
            assert str(from_onnx(path))
