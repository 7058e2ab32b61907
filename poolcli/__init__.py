"""Every pooling, global-reduction and upsampling operator of convolutional networks, over arrays and image files."""

from poolcli.backward import downsample_backward, reduce_backward, resize_backward, upsample_backward
from poolcli.downsample import MODES, downsample
from poolcli.images import ImageError, read_image, write_image
from poolcli.pyramid import pyramid
from poolcli.reduce import REDUCTIONS, reduce
from poolcli.resize import resize
from poolcli.upsample import UPSAMPLINGS, upsample

__all__ = [
    "MODES",
    "REDUCTIONS",
    "UPSAMPLINGS",
    "ImageError",
    "downsample",
    "downsample_backward",
    "pyramid",
    "read_image",
    "reduce",
    "reduce_backward",
    "resize",
    "resize_backward",
    "upsample",
    "upsample_backward",
    "write_image",
]
__version__ = "0.1.0"
