"""What people script instead: each function returns the preparation of a peer for an input.

Preparing brings an image into the form that the library likes, contiguous, and is not timed. Results that come in a
form of their own are read as arrays (H, W, C) only where they are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.agreement import Result
from benchmarks.rows import Call, Prepare

Array = Any
Size = Callable[[Array], tuple[int, int]]


def numpy(function: Callable[[Array], Any]) -> Prepare:
    """Return a line of NumPy, or of what else takes its arrays."""
    return lambda image: lambda: function(image)


def numpy_slices(function: Any) -> Prepare:
    """Return the slices of windows of 2 x 2, joined by a function of two arrays."""
    return numpy(lambda x: function(function(x[::2, ::2], x[::2, 1::2]), function(x[1::2, ::2], x[1::2, 1::2])))


def block_reduce(function: Any, kernel_size: int = 2) -> Prepare:
    """Return scikit-image's pool."""

    def prepare(image: Array) -> Call:
        from skimage.measure import block_reduce

        block = (kernel_size, kernel_size, 1)[: image.ndim]
        return lambda: block_reduce(image, block, function)

    return prepare


def opencv(function: Callable[[Any, Array], Any]) -> Prepare:
    """Return a call of OpenCV, whose module the function is given."""

    def prepare(image: Array) -> Call:
        import cv2

        return lambda: function(cv2, image)

    return prepare


def opencv_dense(function: Callable[[Any, Array], Array], kernel_size: int, stride: int, first: bool = True) -> Prepare:
    """Return a filter of OpenCV at every pixel, and of that the windows inside, S apart.

    Its windows begin at a pixel if `first`, else they lie around it.
    """
    skip = 0 if first else kernel_size // 2

    def sliced(cv2: Any, image: Array) -> Array:
        rows, columns = (n - kernel_size + 1 + skip for n in image.shape[:2])
        return function(cv2, image)[skip:rows:stride, skip:columns:stride]

    return opencv(sliced)


def dilate(kernel_size: int, stride: int = 1) -> Prepare:
    """Return OpenCV's maximum."""
    window = np.ones((kernel_size, kernel_size), np.uint8)
    return opencv_dense(lambda cv2, image: cv2.dilate(image, window, anchor=(0, 0)), kernel_size, stride)


def erode(kernel_size: int, stride: int = 1) -> Prepare:
    """Return OpenCV's minimum."""
    window = np.ones((kernel_size, kernel_size), np.uint8)
    return opencv_dense(lambda cv2, image: cv2.erode(image, window, anchor=(0, 0)), kernel_size, stride)


def box_blur(kernel_size: int) -> Prepare:
    """Return OpenCV's average at every pixel."""
    window = (kernel_size, kernel_size)
    return opencv_dense(lambda cv2, image: cv2.blur(image, window, anchor=(0, 0)), kernel_size, 1)


def median_blur(kernel_size: int, stride: int = 1) -> Prepare:
    """Return OpenCV's median."""
    return opencv_dense(lambda cv2, image: cv2.medianBlur(image, kernel_size), kernel_size, stride, first=False)


def opencv_resize(size: Size, how: str) -> Prepare:
    """Return OpenCV's interpolation to a size."""
    return opencv(lambda cv2, image: cv2.resize(image, size(image)[::-1], interpolation=getattr(cv2, f"INTER_{how}")))


def torch(function: Callable[[Any, Any], Any], channels_last: bool = False) -> Prepare:
    """Return an operator of PyTorch, which is given `torch.nn.functional` and the tensor (N, C, H, W)."""

    def prepare(image: Array) -> Call:
        from torch.nn import functional

        tensor = tensor_of(image, channels_last)
        return lambda: Result(function(functional, tensor), array_of)

    return prepare


def torch_backward(function: Callable[[Any, Any], Any], gradient: Callable[[tuple[int, ...]], Array],
                   channels_last: bool) -> Prepare:  # fmt: skip
    """Return PyTorch's backward pass of an operator alone."""

    def prepare(image: Array) -> Call:
        import torch
        from torch.nn import functional

        memory = torch.channels_last if channels_last else torch.contiguous_format
        tensor = tensor_of(image, channels_last).requires_grad_()
        out = function(functional, tensor)
        shape = np.moveaxis(np.empty(out.shape, bool), 1, -1)[() if image.ndim > 3 else 0].shape
        grad = tensor_of(gradient(shape), channels_last).contiguous(memory_format=memory)
        return lambda: Result(torch.autograd.grad(out, tensor, grad, retain_graph=True)[0], array_of)

    return prepare


def tensor_of(image: Array, channels_last: bool = False) -> Any:
    """Return a tensor (N, C, H, W) in one of PyTorch's two memory formats."""
    import torch

    batch = image if image.ndim > 3 else image[None]
    memory = torch.channels_last if channels_last else torch.contiguous_format
    return torch.from_numpy(np.moveaxis(batch, -1, 1)).contiguous(memory_format=memory)


def array_of(tensor: Any) -> Array:
    """Return an array (N, H, W, C), or what a reduction gives."""
    array = tensor.detach().numpy()
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array


def interpolate(size: Size, mode: str, channels_last: bool = False, antialias: bool = False) -> Prepare:
    """Return PyTorch's interpolation to a size, in the dtype of the image."""

    def prepare(image: Array) -> Call:
        from torch.nn import functional

        tensor, sides = tensor_of(image, channels_last), size(image)
        return lambda: Result(functional.interpolate(tensor, sides, mode=mode, antialias=antialias), array_of)

    return prepare


def vips(function: Callable[[Any, Array], Any]) -> Prepare:
    """Return an operation of libvips on an image in memory, to an array."""

    def prepare(image: Array) -> Call:
        import pyvips

        picture = pyvips.Image.new_from_array(image)
        return lambda: function(picture, image).numpy()

    return prepare


def vips_resize(size: Size, kernel: str) -> Prepare:
    """Return libvips's resampling to a size."""

    def resize(picture: Any, image: Array) -> Any:
        height, width = size(image)
        return picture.resize(width / picture.width, vscale=height / picture.height, kernel=kernel)

    return vips(resize)


def pillow(function: Callable[[Any, Array], Any]) -> Prepare:
    """Return a method of Pillow's images."""

    def prepare(image: Array) -> Call:
        from PIL import Image

        picture = Image.fromarray(image)
        return lambda: function(picture, image)

    return prepare


def pillow_resize(size: Size, how: str) -> Prepare:
    """Return Pillow's resampling to a size."""
    from PIL import Image

    return pillow(lambda picture, image: picture.resize(size(image)[::-1], Image.Resampling[how]))


def fast_image_resize(size: Size, how: str) -> Prepare:
    """Return the resampling to a size of Rust's fast_image_resize, which is as wide as the output's pixels."""

    def prepare(image: Array) -> Call:
        import cykooz_resizer as fir

        height, width = size(image)
        source = fir.ImageData(image.shape[1], image.shape[0], fir.PixelType.U8x3, image.tobytes())
        options = fir.ResizeOptions(
            resize_alg=fir.ResizeAlg.convolution(fir.FilterType[how]),
            thread_pool=fir.ResizerThreadPool(machine.threads),
        )
        resizer = fir.Resizer()

        def call() -> Result:
            target = fir.ImageData(width, height, fir.PixelType.U8x3)
            resizer.resize(source, target, options)
            return Result(target, lambda made: np.frombuffer(made.get_buffer(), np.uint8).reshape(height, width, -1))

        return call

    return prepare


def tinybrain(kernel_size: int) -> Prepare:
    """Return tinybrain's majority of labels: of windows of 2 x 2, and of these again where windows are larger."""

    def prepare(image: Array) -> Call:
        from tinybrain import downsample_segmentation

        ordered = np.asfortranarray(image)
        return lambda: downsample_segmentation(ordered, (2, 2), num_mips=kernel_size.bit_length() - 1)[-1]

    return prepare


def tensorstore(method: str, kernel_size: int) -> Prepare:
    """Return TensorStore's downsampling."""

    def prepare(image: Array) -> Call:
        import tensorstore

        context = tensorstore.Context({"data_copy_concurrency": {"limit": machine.threads}})
        factors = [kernel_size, kernel_size, 1][: image.ndim]
        source = tensorstore.array(image, context=context)
        return lambda: tensorstore.downsample(source, factors, method).read().result()

    return prepare
