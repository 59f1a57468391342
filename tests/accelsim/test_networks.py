"""Networks: totals equal the published ones to the unit, and what the totals are made of."""

import pytest

from accelsim import catalog, conv, einsum
from accelsim.errors import CatalogError, WorkloadError
from accelsim.workload import Network

# Parameters: torchvision 0.19's weight metadata (`num_params`) for vgg16, resnet50, mobilenet_v2, efficientnet_b0 and
# vit_b_16; Howard et al. 2017 for MobileNetV1 (4.2 M, 569 M MACs), recomputed from its table; Caffe's bvlc_alexnet;
# Hugging Face's bert-base-uncased, gpt2 and Llama-2-7b-hf. MACs: recomputed layer by layer from the papers' shapes;
# torchvision's metadata (`_ops`, in 1e9) agrees: 15.47, 4.089, 0.301, 0.386, 17.564.
PUBLISHED = {
    "alexnet": (catalog.alexnet(N=1, fc=True), 724_406_816, 60_965_224),
    "vgg16": (catalog.vgg16(), 15_470_264_320, 138_357_544),
    "resnet50": (catalog.resnet50(), 4_089_184_256, 25_557_032),
    "resnet50 v1": (catalog.resnet50(v1=True), 3_857_973_248, 25_557_032),
    "mobilenet_v1": (catalog.mobilenet_v1(), 568_740_352, 4_231_976),
    "mobilenet_v1 0.5 128": (catalog.mobilenet_v1(width=0.5, side=128), 49_160_192, 1_331_592),
    "mobilenet_v2": (catalog.mobilenet_v2(), 300_774_272, 3_504_872),
    "efficientnet_b0": (catalog.efficientnet_b0(), 385_814_752, 5_288_548),
    "bert_base 128": (catalog.bert_base(L=128), 11_174_215_680, 109_482_240),
    "bert_base 512": (catalog.bert_base(L=512), 48_318_971_904, 109_482_240),
    "vit_b16": (catalog.vit_b16(), 17_563_828_224, 86_567_656),
    "gpt2 prefill 1024": (catalog.gpt2(), 145_824_153_600, 124_439_808),
    "gpt2 decode 1024": (catalog.gpt2(L=1, context=1024), 142_406_400, 124_439_808),
    "llama2_7b prefill 2048": (catalog.llama2_7b(), 14_630_806_093_824, 6_738_415_616),
    "llama2_7b decode 2048": (catalog.llama2_7b(L=1, context=2048), 7_143_948_288, 6_738_415_616),
}
IN_BILLIONS = {"vgg16": 15.47, "resnet50": 4.089, "mobilenet_v2": 0.301, "efficientnet_b0": 0.386, "vit_b16": 17.564}


@pytest.mark.parametrize("name", PUBLISHED)
def test_macs_and_parameters_are_the_published_ones_to_the_unit(name):
    network, macs, params = PUBLISHED[name]
    assert (macs, params) == (network.macs, network.params)


@pytest.mark.parametrize("name", IN_BILLIONS)
def test_macs_round_to_what_torchvision_prints(name):
    digits = len(str(IN_BILLIONS[name]).partition(".")[2])
    assert IN_BILLIONS[name] == round(catalog.network(name).macs / 1e9, digits)


@pytest.mark.parametrize("name", catalog.NETWORKS)
def test_the_batch_multiplies_macs_and_leaves_parameters(name):
    one, three = catalog.NETWORKS[name](N=1), catalog.NETWORKS[name](N=3)
    assert (3 * one.macs, one.params) == (three.macs, three.params)


@pytest.mark.parametrize("name", catalog.NETWORKS)
def test_each_layer_has_the_three_tensors_that_machines_and_nests_name(name):
    for layer in catalog.network(name).layers:
        assert ["ifmap", "filter", "ofmap"] == [tensor.name for tensor in layer.tensors]


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "mobilenet_v1", "mobilenet_v2", "efficientnet_b0"])
def test_each_layer_of_a_cnn_reads_channels_that_some_layer_before_it_wrote(name):
    made = {3}
    for layer in catalog.network(name).layers:
        groups = layer.dims.get("G", 1)
        assert layer.dims["C"] * groups in made
        made.add(layer.dims["M"] * groups)


@pytest.mark.parametrize("network", [catalog.bert_base(), catalog.vit_b16(), catalog.gpt2(), catalog.llama2_7b()],
                         ids=lambda network: network.name)  # fmt: skip
def test_attention_holds_no_parameters_and_everything_else_does(network):
    for layer in network.layers:
        assert ("H" in layer.dims) == (layer.name in network.products)


def test_attention_reads_as_it_is_written():
    scores, mix = (catalog.bert_base().layer(f"block3_{part}") for part in ("qk", "av"))
    assert str(scores) == ("block3_qk: ofmap[N H L K] += ifmap[N H L D] * filter[N H K D]  (N=1 H=12 L=128 K=128 D=64)")
    assert scores.words("ofmap") == mix.words("ifmap")
    assert (scores.reduced, mix.reduced) == (("D",), ("K",))


def test_decode_reads_the_cache_where_prefill_reads_its_own_keys():
    """One token against 1,024: its keys and values are the cache, 2 x 12 x 1,024 x 768 words in all."""
    step = catalog.gpt2(L=1, context=1024)
    assert 2 * 12 * 1024 * 768 == sum(step.layer(name).words("filter") for name in step.products)
    assert step.layer("block0_qkv").words("filter") == catalog.gpt2().layer("block0_qkv").words("filter")


def test_weights_dominate_the_words_of_a_decoding_step():
    step = catalog.llama2_7b(L=1, context=2048)
    weights = sum(layer.words("filter") for layer in step.layers if layer.name not in step.products)
    assert 1.0 <= (step.macs - 2 * 32 * 2048 * 4096) / weights < 1.0001


@pytest.mark.parametrize("sizes", [dict(L=0), dict(L=1025), dict(L=2, context=1), dict(L=1.0), dict(L=1, context=4096)])
def test_positions_that_the_network_does_not_have_are_refused(sizes):
    with pytest.raises(WorkloadError, match="1 <= L <= context <= 1024"):
        catalog.gpt2(**sizes)


def test_a_layer_of_unknown_name_gets_a_suggestion():
    with pytest.raises(CatalogError, match="did you mean conv3_1_3x3"):
        catalog.resnet50().layer("conv3_1_3x")


def test_a_network_refuses_two_layers_of_one_name_and_products_it_lacks():
    layer = conv("a", M=2)
    with pytest.raises(WorkloadError) as error:
        Network("toy", (layer, layer), products=("b",))
    assert "2 layers are called a" in str(error.value)
    assert "products names b, no layer" in str(error.value)


def test_extra_parameters_are_added_and_computed_filters_are_not():
    scores = einsum("qk", "ofmap[L K] += ifmap[L D] * filter[K D]", L=2, K=3, D=4)
    assert 8 + 5 == Network("toy", (conv("a", M=8), scores), extra=(("biases", 5),), products=("qk",)).params
