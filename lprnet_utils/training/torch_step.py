"""One training step on torch that never waits for the device.

Keras' own step copies every plain number in it to the device, and waits each time: for the statistics of batch
normalisation, the optimizer and the metrics, several hundred times a step. Here the same arithmetic is done with
torch's functions on lists of tensors. The variables stay Keras', so checkpoints are the same on all backends.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import torch

from .compiled import on_cuda
from .optimizer import Muon

Tensor = torch.Tensor


class TorchStep:
    """Forward pass, gradients and update of a compiled network, whose optimizer is :class:`Muon` or Keras' Adam.

    Attributes
    ----------
    average : list of tensors
        The running average of the weights.
    """

    def __init__(self, model: keras.Model, loss: Callable[[Tensor, Tensor], Tensor]):
        self.model, self.optimizer, self._loss = model, model.optimizer, loss
        self._variables = [v.value for v in model.trainable_variables]
        self.clip = self.optimizer.global_clipnorm
        if isinstance(self.optimizer, Muon):
            momenta, velocities = self.optimizer.momentums, self.optimizer.adam_velocities
            betas = self.optimizer.adam_beta_1, self.optimizer.adam_beta_2
        else:
            momenta, velocities = self.optimizer._momentums, self.optimizer._velocities
            betas = self.optimizer.beta_1, self.optimizer.beta_2
        self._betas, self._momenta = betas, [m.value for m in momenta]
        self._velocities = [None if v is None else v.value for v in velocities]
        self._adam = [k for k, v in enumerate(self._velocities) if v is not None]
        self._decay = self.optimizer.weight_decay or 0.0  # of Muon, equal for all variables
        self._groups: dict[tuple[int, ...], list[int]] = {}  # matrices of one shape are updated together
        for k, variable in enumerate(self._variables):
            if self._velocities[k] is None:
                self._groups.setdefault(tuple(variable.shape[-2:]), []).append(k)
        self._weights = [w.value for w in model.weights]
        self.average = [w.detach().clone() for w in self._weights]

    def __call__(self, crops: Tensor, codes: Tensor, rate: float, momentum: float, step: int) -> Tensor:
        """Do step ``step``, from 0, at a learning rate; returns the loss, on the device.

        The average then moves by ``1 - momentum`` of the way toward the weights.
        """
        numbers = torch.tensor(self.numbers(rate, momentum, step), pin_memory=on_cuda())
        for variable in self._variables:
            variable.grad = None
        loss = self._loss(codes, self.model(crops, training=True)).mean()
        loss.backward()
        self._update(*numbers.to(crops.device, non_blocking=True))
        return loss.detach()

    def numbers(self, rate: float, momentum: float, step: int) -> tuple[float, float, float]:
        """The learning rates of Muon and, without its bias, of Adam, and the share that the average moves."""
        one, two = self._betas
        return rate, rate * (1 - two ** (step + 1)) ** 0.5 / (1 - one ** (step + 1)), 1 - momentum

    @torch.no_grad()
    def _update(self, rate: Tensor, adam_rate: Tensor, share: Tensor) -> None:
        gradients = [v.grad for v in self._variables]
        if self.clip:
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
            torch._foreach_mul_(gradients, torch.clamp(self.clip / (norm + 1e-12), max=1.0))
        if self._decay:
            torch._foreach_mul_(self._variables, 1 - self._decay * rate)
        self._adam_update([gradients[k] for k in self._adam], adam_rate)
        for shape, rows in self._groups.items():
            self._muon_update(shape, rows, [gradients[k] for k in rows], rate)
        differences = torch._foreach_sub(self._weights, self.average)
        torch._foreach_mul_(differences, share)
        torch._foreach_add_(self.average, differences)

    def _adam_update(self, gradients: list[Tensor], rate: Tensor) -> None:
        """Adam (Kingma and Ba, ICLR 2015), as Keras computes it."""
        variables, momenta, velocities = ([all_[k] for k in self._adam]
                                          for all_ in (self._variables, self._momenta, self._velocities))  # fmt: skip
        one, two = self._betas
        torch._foreach_lerp_(momenta, gradients, 1 - one)
        torch._foreach_mul_(velocities, two)
        torch._foreach_addcmul_(velocities, gradients, gradients, 1 - two)
        roots = torch._foreach_sqrt(velocities)
        torch._foreach_add_(roots, self.optimizer.epsilon)
        steps = torch._foreach_div(momenta, roots)
        torch._foreach_mul_(steps, rate)
        torch._foreach_sub_(variables, steps)

    def _muon_update(self, shape: tuple[int, ...], rows: list[int], gradients: list[Tensor], rate: Tensor) -> None:
        """Muon, as :class:`lprnet_utils.training.optimizer.Muon` computes it, of all matrices of a shape at once."""
        muon, variables = self.optimizer, [self._variables[k] for k in rows]
        momenta = [self._momenta[k] for k in rows]
        torch._foreach_mul_(momenta, muon.momentum)
        torch._foreach_add_(momenta, gradients)
        gradients = torch._foreach_add(gradients, momenta, alpha=muon.momentum)
        x = torch.stack([g.reshape(shape) for g in gradients])
        wide = shape[0] <= shape[1]
        x = x if wide else x.mT
        x = x / (torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) + 1e-7)
        for _ in range(muon.ns_steps):
            square = x @ x.mT
            x = muon.muon_a * x + (muon.muon_b * square + muon.muon_c * square @ square) @ x
        x = (x if wide else x.mT) * (rate * muon.rms_rate * max(shape) ** 0.5)
        torch._foreach_sub_(variables, [s.reshape(v.shape) for s, v in zip(x.unbind(), variables, strict=True)])
