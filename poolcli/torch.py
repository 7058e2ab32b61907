"""Layers for PyTorch: the operators of poolcli as modules over tensors (N, C, H, W) in the memory of the CPU.

They call the functions of poolcli forward and backward, and compute nothing themselves. Tensors in the memory format
channels_last are not copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from poolcli.backward import check_gradient, downsample_backward, reduce_backward, upsample_backward
from poolcli.downsample import MODES, downsample
from poolcli.parameters import PARAMETERS, find
from poolcli.reduce import arguments_of, reduce
from poolcli.upsample import UPSAMPLINGS, upsample

try:
    import torch
except ImportError as error:
    raise ImportError("poolcli.torch needs PyTorch: pip install 'poolcli-image[torch]' brings it") from error

__all__ = ["Downsample", "Reduce", "Upsample"]


class _Layer(torch.nn.Module):
    """An operator with its arguments; those that are learned are parameters of the module, under their names."""

    forwards: Callable[..., Any]
    backwards: Callable[..., Any]
    selects = False  # values at indices, by which its gradient goes back

    def __init__(
        self, mode: str, takes: Iterable[str], learns: Iterable[str], learn: Iterable[str], arguments: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.mode, self.arguments = mode, dict(arguments)
        self.draws = "seed" in takes and "seed" not in arguments
        learn = (learn,) if isinstance(learn, str) else tuple(learn)
        for name in learn:
            if name not in learns:
                able = " or ".join(learns) or "nothing"
                raise ValueError(f"learn={name!r} is not allowed: mode {mode!r} learns {able}")
            self._register(name, self.arguments.pop(name, PARAMETERS[name].of(mode).default))

    def _register(self, name: str, value: Any) -> None:
        """Make an argument a parameter, or several where it is a mapping of arrays."""
        if value is None or isinstance(value, str):
            raise ValueError(f"{name}={value!r} is not learned: give the numbers to begin with")
        if isinstance(value, Mapping):
            fixed = {part: one for part, one in value.items() if part == "bound"}
            if fixed:
                self.arguments[name] = fixed
            parts = {part.replace(".", "_"): _parameter(one) for part, one in value.items() if part not in fixed}
            self.register_module(name, torch.nn.ParameterDict(parts))
        else:
            self.register_parameter(name, _parameter(value))

    def extra_repr(self) -> str:
        """Return the mode and the arguments, for printing."""
        return ", ".join([repr(self.mode), *(f"{name}={value!r}" for name, value in self.arguments.items())])

    def _apply_to(self, image: torch.Tensor, **given: Any) -> Any:
        arguments = {**self.arguments, **given}
        if self.draws:  # so that torch.manual_seed repeats them
            arguments["seed"] = int(torch.randint(2**63 - 1, ()))
        learned = [*self.named_parameters()]
        names = tuple(name for name, _ in learned)
        return _Function.apply(self, arguments, names, image, *(tensor for _, tensor in learned))


def _parameter(value: Any) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.as_tensor(value, dtype=torch.get_default_dtype()))


class _Function(torch.autograd.Function):
    """A call of an operator, with its gradient."""

    @staticmethod
    def forward(ctx: Any, layer: _Layer, arguments: Any, names: tuple[str, ...], image: Any, *learned: Any) -> Any:
        array, layout = _array(image)
        ctx.save_for_backward(image, *learned)
        ctx.layer, ctx.names, ctx.layout = layer, names, layout
        ctx.arguments = arguments
        given = _with(arguments, names, learned)
        if layer.selects and ctx.needs_input_grad[3]:
            given["return_indices"] = True
        result = type(layer).forwards(array, layer.mode, **given, layout=layout)
        if not isinstance(result, tuple):
            return _tensor(result, layout).to(image.dtype)
        ctx.arguments = {name: value for name, value in arguments.items() if name not in ("return_indices", "joint")}
        ctx.arguments["indices"] = result[1]
        values, indices = (_tensor(one, layout) for one in result)
        ctx.mark_non_differentiable(indices)
        return (values, indices) if arguments.get("return_indices") else values

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Any, *others: Any) -> Any:
        image, *learned = ctx.saved_tensors
        array, _ = _array(image, ctx.layout)
        arguments = {name: value for name, value in ctx.arguments.items() if name != "dtype"}
        given = _with(arguments, ctx.names, learned)
        grads = grad.detach().numpy()
        if ctx.layout == "hwc" and grads.ndim > 2:
            grads = np.moveaxis(grads, -3, -1)

        def found(wrt: str) -> Any:
            return type(ctx.layer).backwards(grads, array, ctx.layer.mode, **given, layout=ctx.layout, wrt=wrt)

        needs_image, *needed = ctx.needs_input_grad[3:]
        of_image = _tensor(found("image"), ctx.layout).to(image.dtype) if needs_image else None
        wanted = {name.partition(".")[0] for name, needs in zip(ctx.names, needed, strict=True) if needs}
        of_names = {name: found(name) for name in wanted}
        of_learned = [
            torch.as_tensor(_part(of_names[name.partition(".")[0]], name)).to(tensor) if needs else None
            for name, tensor, needs in zip(ctx.names, learned, needed, strict=True)
        ]
        return None, None, None, of_image, *of_learned


def _part(found: Any, name: str) -> Any:
    """Return the array of a mapping that a parameter `weights.conv_weight` is; what is no mapping as it is."""
    part = name.partition(".")[2]
    return found[part.replace("_", ".")] if part else found


def _with(arguments: Mapping[str, Any], names: tuple[str, ...], learned: Iterable[Any]) -> dict[str, Any]:
    """Return the arguments with the present values of those that are learned."""
    values = dict(arguments)
    for name, tensor in zip(names, learned, strict=True):
        first, _, part = name.partition(".")
        array = tensor.detach().numpy()
        if part:
            values[first] = {**values.get(first, {}), part.replace("_", "."): array}
        else:
            values[first] = array if array.ndim else float(array)
    return values


def _array(image: torch.Tensor, layout: str = "") -> tuple[Any, str]:
    """Return a tensor as an array without a copy, and where its channels are; or raise a ValueError."""
    if image.device.type != "cpu":
        raise ValueError(f"the tensor is on {image.device}, and poolcli computes on the CPU: give image.cpu()")
    if image.dtype == torch.bfloat16:
        raise ValueError("NumPy has no bfloat16: give image.float()")
    if image.dim() != 4:
        raise ValueError(f"the tensor is of shape {tuple(image.shape)}: it must be (N, C, H, W)")
    first = image.is_contiguous() if not layout else layout == "chw"
    array = image.detach().numpy()
    return (array, "chw") if first else (np.moveaxis(array, 1, -1), "hwc")


def _tensor(array: Any, layout: str) -> torch.Tensor:
    """Return a result as a tensor with channels where PyTorch has them; a vector as it is."""
    tensor = torch.from_numpy(array)
    return tensor.movedim(-1, -3) if layout == "hwc" and array.ndim > 2 else tensor


class Downsample(_Layer):
    """Pool images, as `poolcli.downsample` does.

    Args:
        mode: a key of `poolcli.MODES`.
        learn: names of parameters that are learned: "p" of gem and lp, "lam" of mixed, "beta" of soft, "weights" of
            lip. They begin with the values that are given, or the defaults.
        **arguments: of `poolcli.downsample`, by name: kernel_size, stride, padding, p, ... With `return_indices` the
            module returns the pair of values and indices, as `torch.nn.MaxPool2d` does. Without `seed`, random and
            stochastic draw anew each time, as `torch.manual_seed` says.

    Raises:
        ValueError: there is no such mode, it has no gradient, or a parameter is not learned.

    >>> pool = Downsample("gem", kernel_size=3, stride=2, p=3.0, learn="p")  # doctest: +SKIP
    >>> pool(torch.rand(8, 64, 28, 28)).shape  # doctest: +SKIP
    torch.Size([8, 64, 13, 13])
    """

    forwards, backwards = staticmethod(downsample), staticmethod(downsample_backward)

    def __init__(self, mode: str, *, learn: Iterable[str] = (), **arguments: Any) -> None:
        row = find(MODES, mode)
        check_gradient(row)
        super().__init__(mode, row.parameters, row.learns, learn, arguments)
        self.selects = row.finds and not row.blends(arguments)

    def forward(self, image: torch.Tensor) -> Any:
        """Return the pooled images."""
        return self._apply_to(image)


class Reduce(_Layer):
    """Reduce each image to a vector, as `poolcli.reduce` does: (N, C, H, W) becomes (N, length), of the same dtype.

    Args:
        mode: a key of `poolcli.REDUCTIONS`.
        learn: names of parameters that are learned, as of `Downsample`.
        **arguments: of `poolcli.reduce`, by name.

    Raises:
        ValueError: there is no such mode, it has no gradient, or a parameter is not learned.
    """

    forwards, backwards = staticmethod(reduce), staticmethod(reduce_backward)

    def __init__(self, mode: str, *, learn: Iterable[str] = (), **arguments: Any) -> None:
        row, values = arguments_of(mode, arguments)
        if applied := row.applied(values):
            check_gradient(applied)
        super().__init__(mode, values, row.learns(values), learn, arguments)

    def forward(self, image: torch.Tensor) -> Any:
        """Return the vectors."""
        return self._apply_to(image, dtype=str(image.dtype).removeprefix("torch."))


class Upsample(_Layer):
    """Enlarge images, as `poolcli.upsample` does.

    Args:
        mode: a key of `poolcli.UPSAMPLINGS`.
        learn: "weights" of transposed, resize-conv and subpixel, which begin with those that are given.
        **arguments: of `poolcli.upsample`, by name: scale, size, weights, ...

    Raises:
        ValueError: there is no such mode, or a parameter is not learned.
    """

    forwards, backwards = staticmethod(upsample), staticmethod(upsample_backward)

    def __init__(self, mode: str, *, learn: Iterable[str] = (), **arguments: Any) -> None:
        row = find(UPSAMPLINGS, mode)
        super().__init__(mode, row.parameters, row.learns, learn, arguments)

    def forward(self, image: torch.Tensor, indices: torch.Tensor | None = None) -> Any:
        """Return the enlarged images; unpool takes the indices that `Downsample` returned."""
        if indices is None:
            return self._apply_to(image)
        array = indices.numpy() if _array(image)[1] == "chw" else np.moveaxis(indices.numpy(), 1, -1)
        return self._apply_to(image, indices=array)
