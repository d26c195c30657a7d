import pytest
import torch
from torch.testing import assert_close

from landscape.data.dataset import cut
from landscape.objective.losses import mse
from landscape.objective.pair import Loss, prediction
from landscape.objective.risk import EmpiricalRisk


def test_loss_and_gradient_do_not_depend_on_the_batches(kind, make_risk):
    ragged, whole = make_risk(kind, batch_size=3), make_risk(kind, batch_size=10)
    assert ragged.evaluate().loss == pytest.approx(whole.evaluate().loss, rel=1e-12)
    assert ragged.evaluate().accuracy == whole.evaluate().accuracy
    assert_close(ragged.gradient(), whole.gradient())


def test_gradient_is_that_of_the_mean_loss(make_risk, whole_batch):
    risk = make_risk("smooth")
    batch = whole_batch(risk)
    loss = torch.nn.functional.cross_entropy(risk.model(batch.inputs), batch.targets)
    grads = torch.autograd.grad(loss, list(risk.model.parameters()))
    assert_close(risk.gradient(), risk.layout.flatten(grads))
    assert risk.evaluate().loss == pytest.approx(loss.item(), rel=1e-12)


def test_evaluating_elsewhere_leaves_the_network_alone(kind, make_risk):
    risk = make_risk(kind)
    before = {n: t.clone() for n, t in risk.model.state_dict().items()}
    moved = risk.evaluate(risk.theta + 1.0)
    assert moved.loss != risk.evaluate().loss
    assert all(torch.equal(t, before[n]) for n, t in risk.model.state_dict().items())


def test_mean_losses_of_users_are_weighted_by_batch_size():
    model = torch.nn.Linear(2, 1).double()
    x, y = torch.randn(5, 2).double(), torch.randn(5, 1).double()
    mean = Loss("mine", lambda f, t: (f - t).square().mean())
    own = EmpiricalRisk(model, mean, cut(x, y, 2)).evaluate().loss
    assert own == pytest.approx(
        EmpiricalRisk(model, Loss("mse", mse), cut(x, y, 5)).evaluate().loss, rel=1e-12
    )


def test_shared_weights_count_once():
    layer = torch.nn.Linear(3, 3).double()
    model = torch.nn.Sequential(layer, torch.nn.Tanh(), layer)
    x, y = torch.randn(4, 3).double(), torch.randn(4, 3).double()
    risk = EmpiricalRisk(model, Loss("mse", mse), cut(x, y, 2))
    assert risk.num_params == 12
    loss = (model(x) - y).square().mean()
    grads = torch.autograd.grad(loss, list(model.parameters()))
    assert_close(risk.gradient(), risk.layout.flatten(grads))


def test_a_network_without_free_parameters_is_refused(make_risk):
    risk = make_risk()
    risk.model.requires_grad_(False)
    with pytest.raises(ValueError, match="frozen"):
        EmpiricalRisk(risk.model, risk.objective, risk.batches)


@pytest.mark.parametrize(
    "wrap", [lambda t: {"logits": t}, lambda t: (t, None), lambda t: {"out": t, "aux": t + 1}]
)
def test_predictions_are_found_in_what_networks_return(wrap):
    t = torch.ones(2, 3)
    found = prediction(wrap(t))
    assert found is not None
    assert found.tensor is t


class _Talks(torch.nn.Linear):
    def forward(self, x):
        return "text"


def test_outputs_without_a_tensor_are_refused_with_the_way_out():
    x, y = torch.ones(2, 3), torch.ones(2, 3)
    risk = EmpiricalRisk(_Talks(3, 3), Loss("mse", mse), cut(x, y, 2))
    with pytest.raises(ValueError, match=r"returned a str.*function of \(outputs, targets\)"):
        risk.evaluate()
