"""The two questions every student asks: why is x.grad None, and where did this NaN come from?"""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor


@pytest.fixture
def x():
    return Tensor([1.0, 2.0], requires_grad=True, name="x")


class TestWhyNoGrad:
    def test_never_asked_for(self):
        x = Tensor([1.0])
        w = Tensor([1.0], requires_grad=True)
        assert "requires_grad=True" in ag.why_no_grad((w * x).sum(), x)

    def test_backward_was_not_called(self, x):
        assert "loss.backward()" in ag.why_no_grad((x * 2).sum(), x)

    def test_not_a_leaf(self, x):
        h = x * 2
        assert "retain_grad" in ag.why_no_grad(h.sum(), h)

    def test_everything_is_fine(self, x):
        loss = x.sum()
        loss.backward()
        assert "not None" in ag.why_no_grad(loss, x)

    def test_a_comparison_breaks_the_path(self, x):
        w = Tensor([1.0, 1.0], requires_grad=True)
        loss = ((x > 1.5) * w).sum()
        answer = ag.why_no_grad(loss, x)
        assert "greater" in answer and "smooth" in answer

    def test_detach_is_found_with_its_line(self, x):
        w = Tensor([1.0, 1.0], requires_grad=True)
        with ag.debug():
            loss = (x.detach() * w).sum()
        answer = ag.why_no_grad(loss, x)
        assert "detach" in answer and "test_questions.py:" in answer and "x.detach() * w" in answer

    def test_no_grad_is_found_with_its_line(self, x):
        w = Tensor([1.0, 1.0], requires_grad=True)
        with ag.debug():
            with ag.no_grad():
                h = x * 3
            loss = (h * w).sum()
        answer = ag.why_no_grad(loss, x)
        assert "no_grad" in answer and "h = x * 3" in answer
        loss.backward()
        assert x.grad is None and w.grad.tolist() == [3.0, 6.0]

    def test_what_debug_cannot_see_is_not_promised_a_second_time(self, x):
        w = Tensor([1.0, 1.0], requires_grad=True)
        outside = (x.numpy() * w).sum()
        with ag.debug():
            inside = (x.numpy() * w).sum()
        assert "with ag.debug()" in ag.why_no_grad(outside, x)
        answer = ag.why_no_grad(inside, x)
        assert ".numpy()" in answer and "not see" in answer and "ask again" not in answer

    def test_no_graph_at_all(self, x):
        with ag.no_grad():
            loss = (x * 2).sum()
        assert "no_grad" in ag.why_no_grad(loss, x)

    def test_a_name_bound_anew(self, x):
        loss = (Tensor([1.0, 1.0], requires_grad=True, name="x") * 2).sum()
        assert "bound anew" in ag.why_no_grad(loss, x)

    def test_a_step_of_training_that_binds_the_name_anew(self, x):
        w = x - 0.1 * np.ones(2)
        answer = ag.why_no_grad((w * w).sum(), w)
        assert "'subtract'" in answer and "(w -= ...)" in answer and "retain_grad" in answer
        with ag.no_grad():
            w = x - 0.1 * np.ones(2)
        assert "(w -= ...)" in ag.why_no_grad((w * x).sum(), w)
        with ag.debug(), ag.no_grad():
            w = x - 0.1 * np.ones(2)
        answer = ag.why_no_grad((w * x).sum(), w)
        assert "under no_grad(): " in answer and "w = x - 0.1" in answer and "smooth" not in answer

    def test_an_unrelated_loss(self, x):
        loss = Tensor([1.0], requires_grad=True).sum()
        assert "does not depend" in ag.why_no_grad(loss, x)


class TestTraceNaN:
    @pytest.fixture(autouse=True)
    def _quiet(self):
        with np.errstate(all="ignore"):
            yield

    def test_the_dead_branch_of_where_is_recognised(self):
        x = Tensor([4.0, 0.0], requires_grad=True)
        with ag.trace_nan(), pytest.raises(ag.NaNError) as caught:
            np.where(x > 0, np.sqrt(x), 0.0).sum().backward()
        message = str(caught.value)
        assert "backward" in message and "'sqrt'" in message and "index (1,)" in message
        assert "where" in message and "where(condition, x, 1.0)" in message and "test_questions.py" in message

    def test_the_cure_works(self):
        x = Tensor([4.0, 0.0], requires_grad=True)
        with ag.trace_nan():
            np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0).sum().backward()
        assert x.grad.tolist() == [0.25, 0.0]

    def test_forward(self):
        x = Tensor([1.0, -1.0], requires_grad=True)
        with (
            ag.trace_nan(),
            pytest.raises(ag.NaNError, match=r"forward: 'log'.*index \(1,\).*-1\.0.*not NaN"),
        ):
            np.log(x)

    def test_data_that_holds_a_nan(self):
        x = Tensor([1.0, np.nan], requires_grad=True)
        with ag.trace_nan(), pytest.raises(ag.NaNError, match="already holds a NaN"):
            x * 2

    def test_nothing_is_raised_outside(self):
        x = Tensor([-1.0], requires_grad=True)
        y = np.log(x).sum()
        y.backward()
        assert np.isnan(y.item()) and x.grad == [-1.0]
