"""Weights go into the model that they fit, and only there."""

import pytest
import safetensors.torch
import torch
from torch import nn

from landscape.checkpoint.load import load_checkpoint
from landscape.checkpoint.match import check_range, load_into
from landscape.checkpoint.models import model_of
from landscape.factories import MODELS, load_factory


@pytest.fixture
def saved(tmp_path):
    """Save a value and read it back as a checkpoint."""

    def save(value):
        torch.save(value, tmp_path / "lif.pt")
        return load_checkpoint(tmp_path / "lif.pt")

    return save


def fresh():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_weights_arrive(saved, net, same):
    model = fresh()
    assert load_into(model, saved(net.state_dict())) == ()
    same(model.state_dict(), net.state_dict())


@pytest.mark.parametrize("zipped", [torch.float64, torch.float16, torch.bfloat16])
def test_dtypes_are_converted_and_noted(saved, zipped, net):
    stored = {n: t.to(zipped) if t.is_floating_point() else t for n, t in net.state_dict().items()}
    model = fresh()
    (note,) = load_into(model, saved(stored))
    assert note == f"6 tensors converted from {str(zipped).removeprefix('torch.')} to float32"
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, stored[name].to(tensor.dtype))


def test_values_beyond_the_models_dtype_are_refused(saved, refused):
    model = nn.Linear(1, 1, bias=False).half()
    refused(lambda: load_into(model, saved({"weight": torch.tensor([[1e6]])})), "beyond", "float16")


def test_misfits_are_listed_with_shapes_and_close_names(saved, refused, net, same):
    state = net.state_dict()
    state["0.wieght"] = state.pop("0.weight")
    state["1.bias"] = torch.zeros(5)
    state["extra"] = torch.zeros(1)
    model = fresh()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    message = refused(lambda: load_into(model, saved(state)), "lif.pt: its tensors do not fit")
    assert "missing, expected by the model: '0.weight' (2, 3); close to '0.wieght'" in message
    assert "unexpected, not in the model: '0.wieght' (2, 3); close to '0.weight'" in message
    assert "unexpected, not in the model: 'extra' (1,)" in message
    assert "shape of '1.bias': (5,) in the file, (2,) in the model" in message
    assert "--model" in message
    same(model.state_dict(), before)


def test_long_lists_are_cut(saved, refused):
    checkpoint = saved({f"layer{i}.weight": torch.ones(1) for i in range(100)})
    message = refused(lambda: load_into(fresh(), checkpoint), "… and 94 more")
    assert message.count("\n") < 20


def _named(rename):
    return {rename(name): tensor for name, tensor in fresh().state_dict().items()}


def test_adapters_are_told_to_be_merged(saved, refused):
    adapters = {f"base_model.model.0.lora_{part}.weight": torch.ones(2, 2) for part in "AB"}
    whole = _named(lambda name: f"base_model.model.{name.replace('0.', '0.base_layer.')}")
    for state in (adapters, whole | adapters):
        message = refused(lambda state=state: load_into(fresh(), saved(state)), "merge_and_unload")
        assert "--state-key" not in message  # no entry of such a file is the network


def test_weights_that_a_library_renames_are_told_to_be_saved_by_it(saved, refused, same):
    renamed = _named(lambda name: f"vit.encoder.layer_{name.replace('.', '_')}")
    model = fresh()
    refused(lambda: load_into(model, saved(renamed)), "from_pretrained", "model.state_dict()")
    load_into(model, saved(fresh().state_dict()))  # as the message says
    partly = _named(lambda name: name.replace("0.", "first."))
    assert "from_pretrained" not in refused(lambda: load_into(model, saved(partly)))


def test_same_names_other_width(saved, refused):
    checkpoint = saved(nn.Linear(3, 4).state_dict())
    refused(lambda: load_into(nn.Linear(3, 2), checkpoint), "saved with another width?")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["0.weight", "1.running_var"])
def test_weights_that_are_not_finite_are_refused(saved, refused, net, value, name):
    state = net.state_dict()
    state[name].view(-1)[0] = value
    refused(lambda: load_into(fresh(), saved(state)), f"'{name}' holds 1 NaN or infinite")


def test_infinite_mask_in_a_buffer_is_noted(saved):
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.full((2, 2), -float("inf")).triu(1))
    (note,) = load_into(model, saved(model.state_dict()))
    assert note == "buffer 'mask' holds 1 NaN or infinite values"


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.bool])
def test_integers_for_weights_are_refused(saved, refused, dtype):
    checkpoint = saved({"weight": torch.ones(2, 2, dtype=dtype), "bias": torch.ones(2)})
    refused(lambda: load_into(nn.Linear(2, 2), checkpoint), "Quantised weights have no curvature")


def test_floats_for_integers_are_refused(saved, refused, net):
    state = net.state_dict()
    for value in (1.5, float("nan"), 1e30):
        state["1.num_batches_tracked"] = torch.tensor(value)
        refused(
            lambda: load_into(fresh(), saved(state)),
            "'1.num_batches_tracked' holds float32, with values that are not exact in the model's "
            "int64",
            "left out of the file",
        )


def test_whole_numbers_are_taken_in_any_dtype(saved, net, same):
    """Casting a whole state dict, ``{k: v.double() …}``, casts a norm's counter with it."""
    state = {name: tensor.double() for name, tensor in net.state_dict().items()}
    model = fresh()
    notes = load_into(model, saved(state))
    same(model.state_dict(), net.state_dict())
    assert "1 tensors converted from float64 to int64" in notes


@pytest.mark.parametrize("prefix", ["model.", "net.", "backbone."])
def test_network_inside_a_trainers_module(saved, net, same, prefix):
    state = {prefix + name: t for name, t in net.state_dict().items()}
    state["loss.weight"] = torch.ones(10)
    model = fresh()
    (note,) = load_into(model, saved({"state_dict": state}))
    assert note == f"the network is the part under '{prefix}'; ignored beside it: 'loss.weight'"
    same(model.state_dict(), net.state_dict())


def test_stripped_prefix_is_put_back_for_a_model_that_has_it(saved, net, same):
    model = nn.ModuleDict({"model": fresh()})
    (note,) = load_into(model, saved({"model." + n: t for n, t in net.state_dict().items()}))
    assert "put back" in note
    same(model["model"].state_dict(), net.state_dict())


class Stateful(nn.Module):
    """A neuron that keeps its membrane as a buffer, as older libraries do."""

    def __init__(self, membrane):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.lif = nn.Module()
        self.lif.register_buffer("threshold", torch.tensor(1.0))
        if membrane is not None:
            self.lif.register_buffer("mem", membrane)


@pytest.mark.parametrize("own", [None, torch.zeros(1)])
def test_neuron_state_of_the_last_batch_is_left_out(saved, own):
    checkpoint = saved(Stateful(torch.ones(64, 2)).state_dict())
    model = Stateful(own)
    (note,) = load_into(model, checkpoint)
    assert note == "neuron state not loaded, it starts at zero: 'lif.mem'"
    if own is not None:
        assert torch.equal(model.lif.mem, torch.zeros(1))


def test_parameter_with_a_state_name_is_a_weight(saved, refused):
    model = nn.Module()
    model.attention = nn.Module()
    model.attention.v = nn.Parameter(torch.ones(2))
    refused(lambda: load_into(model, saved({"other": torch.ones(2)})), "missing", "attention.v")
    load_into(model, saved({"attention.v": torch.full((2,), 3.0)}))
    assert torch.equal(model.attention.v, torch.full((2,), 3.0))


def test_shared_weights(saved, same):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    load_into(model, saved(model.state_dict()))
    assert model[1].weight is model[0].weight


def test_shared_weight_may_be_stored_once(tmp_path, same):
    """As safetensors.torch.save_model stores a transformer's tied output layer."""
    model = nn.ModuleDict({"embedding": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    model["head"].weight = model["embedding"].weight
    safetensors.torch.save_model(model, tmp_path / "tied.safetensors")
    expected = {name: t.clone() for name, t in model.state_dict().items()}
    nn.init.zeros_(model["head"].weight)
    (note,) = load_into(model, load_checkpoint(tmp_path / "tied.safetensors"))
    assert "shared with another weight" in note
    same(model.state_dict(), expected)


def test_batch_norm_without_counter(saved, net, same):
    state = net.state_dict()
    del state["1.num_batches_tracked"]
    model = fresh()
    (note,) = load_into(model, saved(state))
    assert "num_batches_tracked" in note
    same(model.state_dict(), net.state_dict())


class Holder(nn.Module):
    """A user's wrapper, which gives every tensor another name."""

    def __init__(self, inner):
        super().__init__()
        self.held = nn.ModuleDict({"net": inner})


def test_model_with_a_prefix_of_its_own(saved, net, same):
    model = Holder(fresh())
    (note,) = load_into(model, saved(net.state_dict()))
    assert note == "prefix 'held.net.' put before every name: the model's names have it"
    same(model.held["net"].state_dict(), net.state_dict())


def test_file_with_a_prefix_of_its_own(saved, net, same):
    model = fresh()
    (note,) = load_into(model, saved({"student." + n: t for n, t in net.state_dict().items()}))
    assert note == "prefix 'student.' taken off every name"
    same(model.state_dict(), net.state_dict())


def test_several_networks_in_a_file_need_a_choice(tmp_path, saved, net, same, refused):
    """The model's names are those of a part: whether it is meant, only the user knows."""
    parts = {"student": net.state_dict(), "teacher": fresh().state_dict()}
    state = {f"{part}.{n}": t for part, sd in parts.items() for n, t in sd.items()}
    message = refused(lambda: load_into(fresh(), saved({"state_dict": state})), "lif.pt")
    assert "--state-key student or --state-key teacher" in message
    for key in ("student", "state_dict.student"):
        model = fresh()
        load_into(model, load_checkpoint(tmp_path / "lif.pt", state_key=key))
        same(model.state_dict(), net.state_dict())


def test_prefix_is_kept_where_names_would_not_fit(saved, net, refused):
    state = {"student." + n: t for n, t in net.state_dict().items()}
    del state["student.0.bias"]
    refused(lambda: load_into(fresh(), saved(state)), "unexpected, not in the model: 'student.0.w")


@pytest.mark.parametrize(
    "mark", ["_fsdp_wrapped_module.", "_orig_mod.", "_checkpoint_wrapped_module."]
)
@pytest.mark.parametrize("of_all", [True, False])
def test_marks_of_wrapped_parts(saved, net, same, mark, of_all):
    """In the file's names, in the model's, and in both."""
    marked = {mark + n if of_all else n.replace(".", f".{mark}", 1) for n in net.state_dict()}
    state = dict(
        zip(sorted(marked), map(net.state_dict().get, sorted(net.state_dict())), strict=True)
    )
    model = fresh()
    load_into(model, saved(state))
    same(model.state_dict(), net.state_dict())
    wrapped = nn.Module()
    if of_all:
        wrapped.add_module(mark[:-1], fresh())
    else:
        for name, part in fresh().named_children():
            wrapped.add_module(name, nn.ModuleDict({mark[:-1]: part}))
    for file in (state, net.state_dict()):
        load_into(wrapped, saved(file))
        for name, tensor in wrapped.state_dict().items():
            assert torch.equal(tensor, net.state_dict()[name.replace(mark, "")])


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("prefix", ["", "part."])
def test_older_names_of_weight_norm(saved, prefix):
    old = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 2)), nn.Linear(2, 2))
    norm = nn.utils.parametrizations.weight_norm
    model = nn.Sequential(norm(nn.Linear(3, 2)), nn.Linear(2, 2))
    notes = load_into(model, saved({prefix + n: t for n, t in old.state_dict().items()}))
    assert any("older names" in note for note in notes)
    torch.testing.assert_close(model(torch.eye(3)), old(torch.eye(3)))


def test_tied_weights_that_differ_are_refused(saved, refused):
    """One of the two would be taken silently."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    state = {"0.weight": torch.eye(2), "1.weight": 2 * torch.eye(2)}
    refused(lambda: load_into(model, saved(state)), "'0.weight' and '1.weight' differ", "tied")


def test_weights_that_would_become_infinite_are_told(saved):
    model = nn.Linear(1, 1, bias=False).double()
    load_into(model, saved({"weight": torch.tensor([[1e40]], dtype=torch.float64)}))
    check_range("lif", model, torch.float64)
    with pytest.raises(ValueError, match=r"'weight' holds 1e\+40, which is infinite"):
        check_range("lif", model, torch.float32)


def _filter(value=1 + 2j, dtype=torch.complex64):
    module = nn.Module()
    module.weight = nn.Parameter(torch.full((3,), value, dtype=dtype))
    return module


def test_complex_weights_arrive(saved):
    model = _filter()
    assert load_into(model, saved({"weight": torch.full((3,), 3 - 1j)})) == ()
    assert torch.equal(model.weight, torch.full((3,), 3 - 1j))


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (torch.full((3,), complex(1, float("nan"))), "3 NaN or infinite values of 6"),
        (torch.ones(3), "holds float32, the model expects complex64"),
        (
            torch.full((3,), 1e60 + 0j, dtype=torch.complex128),
            "holds values beyond the model's float32",
        ),
    ],
)
def test_complex_weights_that_are_none_are_refused(saved, stored, message):
    with pytest.raises(ValueError, match=message):
        load_into(_filter(), saved({"weight": stored}))


def test_complex_weights_beyond_the_range_are_refused():
    model = _filter(1e60j, torch.complex128)
    with pytest.raises(ValueError, match="infinite in float32"):
        check_range("filter", model, torch.float32)


class Trainer(nn.Module):
    """Several networks of one kind side by side, and something of its own."""

    def __init__(self, *names, **own):
        super().__init__()
        self.nets = nn.ModuleDict({name: fresh() for name in names})
        for name, tensor in own.items():
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(name, tensor)
            else:
                self.register_buffer(name, tensor)


def test_weights_find_the_part_of_the_network_that_they_are_of(saved, net, same):
    model = Trainer("student", mean=torch.ones(3))
    (note,) = load_into(model, saved(net.state_dict()))
    assert note == (
        "weights put into the part 'nets.student.' of the network; as the factory made them: 'mean'"
    )
    same(model.nets["student"].state_dict(), net.state_dict())
    assert torch.equal(model.mean, torch.ones(3))


@pytest.mark.parametrize(
    ("model", "choices"),
    [
        (lambda: Trainer("student", "teacher"), "--part nets.student or --part nets.teacher"),
        (lambda: Trainer("student", scale=nn.Parameter(torch.ones(1))), "--part nets.student"),
    ],
)
def test_part_that_only_the_user_can_choose(model, choices, tmp_path, saved, net, refused, same):
    """Of several; and of a network with parameters that no file gives."""
    checkpoint = saved(net.state_dict())
    refused(lambda: load_into(model(), checkpoint), choices)
    (tmp_path / "mine.py").write_text("made = None\ndef make():\n    return made\n")
    spec = f"{tmp_path / 'mine.py'}:make"
    build = load_factory(spec, group=MODELS, builtin={})
    build.function.__globals__["made"] = made = model()
    before = {name: t.clone() for name, t in made.state_dict().items()}
    _, notes = model_of(checkpoint, spec, part="nets.student")
    assert notes[0].startswith("weights put into the part 'nets.student' of the network, as asked")
    same(made.nets["student"].state_dict(), net.state_dict())
    for name, tensor in made.state_dict().items():
        assert name.startswith("nets.student.") or torch.equal(tensor, before[name])
    refused(lambda: model_of(checkpoint, spec, part="nets.studnet"), "Did you mean 'nets.student'")


def test_part_of_a_file_is_told_by_its_shapes(saved, net, same):
    """Of two networks in the file one alone has the model's."""
    other = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    parts = {"student": net.state_dict(), "teacher": other.state_dict()}
    state = {f"{part}.{n}": t for part, sd in parts.items() for n, t in sd.items()}
    model = fresh()
    (note,) = load_into(model, saved({"state_dict": state}))
    assert note.startswith("the network is the part under 'student.'; ignored beside it: 'teacher.")
    same(model.state_dict(), net.state_dict())


def test_weights_that_the_factory_loads_itself(saved, net, same, tmp_path):
    checkpoint = saved({f"other.{name}": t for name, t in net.state_dict().items()})
    (tmp_path / "ready.py").write_text("made = None\ndef make():\n    return made\n")
    spec = f"{tmp_path / 'ready.py'}:make"
    build = load_factory(spec, group=MODELS, builtin={})
    for ready, count in ((net, 7), (nn.Sequential(nn.Linear(5, 4)), 0)):
        build.function.__globals__["made"] = ready
        before = {name: t.clone() for name, t in ready.state_dict().items()}
        model, (note,) = model_of(checkpoint, spec, weights_loaded=True)
        assert f"of the file's 7 tensors {count} are in the network" in note
        same(model.state_dict(), before)
