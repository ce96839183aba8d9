"""Where a model computes and how exactly: what its card asks for, and what the process has."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from matdisc.cards import ModelCard, model_hash
from matdisc.errors import CardError
from matdisc.models import load_potential
from matdisc.models.devices import device_of, gpu_in_use, round_products, rounds_products

CARD = ModelCard(
    key="toy", name="Toy", version="1", kind="potential", summary="A model.", gives=("energy", "forces"),
    loader="toy_net:load", protocol="relax", level_of_theory="toy", energy_scale="own",
    licence={"code": "MIT"}, authors=({"name": "Nobody"},),
)  # fmt: skip


def with_(**fields):
    return CARD.model_copy(update=fields)


@pytest.fixture
def heard(monkeypatch):
    """Loaders of a module `toy_net` by name, and the devices that they were called with."""
    from ase.calculators.emt import EMT

    devices = []

    def load(device="what the package likes"):
        devices.append(device)
        return EMT()

    def load_any(**options):
        devices.append(options.get("device"))
        return EMT()

    def load_rounding(device="cpu"):
        torch.set_float32_matmul_precision("medium")
        return EMT()

    toy = ModuleType("toy_net")
    for loader in (load, load_any, load_rounding):
        setattr(toy, loader.__name__, loader)
    monkeypatch.setitem(sys.modules, "toy_net", toy)
    yield devices
    round_products("float32")


@pytest.fixture
def gpu(monkeypatch):
    """A torch that says it sees a GPU, as in a worker that Ray has given one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", lambda *size, device: None)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "zeros", _no_zeros)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def _no_zeros(*size, device):
    raise RuntimeError("No CUDA GPUs are available\nsecond line")


def test_auto_is_the_gpu_of_a_worker_whose_card_asks_for_one(gpu):
    assert device_of(with_(gpus=0.25)) == "cuda"
    assert device_of(CARD) == "cpu"


def test_auto_is_the_processor_where_no_gpu_is_seen(no_gpu):
    assert device_of(with_(gpus=1)) == "cpu"


def test_a_device_on_the_card_is_taken_by_its_name(gpu):
    assert [device_of(with_(device=name, gpus=1)) for name in ("cpu", "cuda", "mps")] == ["cpu", "cuda", "mps"]
    assert device_of(with_(options={"device": "cuda:1"})) == "cuda:1"


def test_a_gpu_that_is_not_there_is_named_with_reason_and_remedy(no_gpu, heard):
    with pytest.raises(CardError) as caught:
        load_potential(with_(device="cuda"))
    for part in (
        "model 'toy': 'device' is 'cuda'",
        "No CUDA GPUs are available; CUDA_VISIBLE_DEVICES is ''",
        "--device",
    ):
        assert part in str(caught.value)
    assert "second line" not in str(caught.value)


def test_a_loader_hears_of_the_device_that_was_chosen(gpu, heard):
    load_potential(CARD)
    load_potential(with_(gpus=1))
    load_potential(with_(gpus=1, device="cpu"))
    load_potential(with_(options={"device": "auto"}, gpus=1))
    assert heard == ["cpu", "cuda", "cpu", "cuda"]


def test_a_loader_that_takes_anything_hears_of_a_gpu_only(gpu, heard):
    load_potential(with_(loader="toy_net:load_any"))
    load_potential(with_(loader="toy_net:load_any", gpus=1))
    assert heard == [None, "cuda"]


def test_a_loader_that_does_not_tell_what_it_takes_is_called_without_device(gpu, heard):
    sys.modules["toy_net"].load_plain = dict
    with pytest.raises(CardError, match="a dict and no ASE calculator"):
        load_potential(with_(loader="toy_net:load_plain"))


def test_a_loader_without_device_computes_on_the_processor_and_says_so_if_a_gpu_is_named(gpu):
    emt = with_(loader="matdisc.models.potentials.emt:load")
    load_potential(emt.model_copy(update={"device": "cpu"}))
    load_potential(emt.model_copy(update={"gpus": 1}))
    with pytest.raises(CardError, match="takes no option 'device'"):
        load_potential(emt.model_copy(update={"device": "cuda"}))


@pytest.mark.parametrize(
    ("fields", "gpus"),
    [({}, 0), ({"gpus": 0.5}, 0.5), ({"gpus": 0.5, "device": "cuda"}, 0.5), ({"device": "cuda"}, 1),
     ({"gpus": 2, "device": "cpu"}, 0), ({"options": {"device": "cuda:1"}}, 1)],
)  # fmt: skip
def test_a_worker_asks_for_a_gpu_where_its_device_is_one(fields, gpus):
    assert with_(**fields).gpus_of_worker == gpus


def test_answers_of_another_device_are_answers_of_the_same_model_and_of_another_precision_of_another():
    assert model_hash(with_(device="cuda", gpus=1)) == model_hash(CARD)
    assert model_hash(with_(precision="tf32")) != model_hash(CARD)


def test_products_of_float32_are_not_rounded_unless_the_card_says_so(heard):
    torch.set_float32_matmul_precision("high")  # as another model of the process, or its user, may have left it
    load_potential(CARD)
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    load_potential(with_(precision="tf32"))
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_a_loader_that_lowers_the_precision_is_refused_and_leaves_no_trace(heard):
    with pytest.raises(CardError, match=r"toy_net:load_rounding.* round products .* precision = \"tf32\""):
        load_potential(with_(loader="toy_net:load_rounding"))
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.skipif(not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="an older torch")
def test_precision_that_was_lowered_by_a_newer_name_is_seen(heard):
    assert not rounds_products()
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    assert rounds_products()


def test_the_gpu_in_use_is_told_with_its_memory_and_an_idle_one_is_not(monkeypatch):
    names, used = ["NVIDIA L4", "NVIDIA H200"], [0, 5]
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        memory_allocated=lambda number: used[number],
        get_device_properties=lambda number: SimpleNamespace(name=names[number], total_memory=22.5 * 2**30),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert gpu_in_use() == "NVIDIA H200, 22.5 GiB"
    used[0] = 1
    assert gpu_in_use() == "NVIDIA L4, 22.5 GiB + NVIDIA H200, 22.5 GiB"
    cuda.is_initialized = lambda: False
    assert gpu_in_use() is None


@pytest.mark.ray
def test_workers_without_a_gpu_compute_on_the_processor_or_say_what_the_card_lacks(board, ray_session):
    from matdisc.run import predict

    card = board.model("get-emt-alloys")
    run = predict(board, card.model_copy(update={"gpus": 1}), "discovery", "emt-alloys", limit=2, workers=1)
    assert run.counts == {"ok": 2}
    with pytest.raises(CardError, match=r"'get-emt-alloys': 'device' is 'cuda', which torch cannot use here"):
        predict(
            board, card.model_copy(update={"device": "cuda"}), "discovery", "emt-alloys",
            limit=2, workers=1, restart=True,
        )  # fmt: skip


def test_the_command_asks_a_model_on_the_device_that_is_named(board, monkeypatch, capsys):
    from matdisc.cli import main

    def ended(device):
        ask = "matdisc predict get-emt-alloys discovery --dataset emt-alloys --limit 1 --workers 0 --restart"
        monkeypatch.setattr("sys.argv", [*ask.split(), "--board", str(board.root), "--device", device])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, capsys.readouterr().err

    assert ended("cpu")[0] == 0
    for device, said in (("cuda", "'device' is 'cuda'"), ("gpu", "'gpu' is no device; known: auto, cpu, cuda")):
        code, error = ended(device)
        assert (code, said in error) == (2, True), error
