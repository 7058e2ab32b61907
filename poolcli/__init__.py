"""Every pooling, global-reduction and upsampling operator of convolutional networks, over arrays and picture files."""

from poolcli.downsample import MODES, downsample
from poolcli.images import ImageError, read_image, write_image

__all__ = ["MODES", "ImageError", "downsample", "read_image", "write_image"]
__version__ = "0.1.0"
