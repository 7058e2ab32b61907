"""Formats that Pillow reads with the help of another package, which an extra brings."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import BinaryIO, ClassVar

from poolcli.images.pillow import MODERN, Pillow
from poolcli.images.types import ImageError, Reading


class Plugin(Pillow):
    """A format that a package teaches Pillow."""

    density = MODERN
    module: ClassVar[str]
    usual: ClassVar[str]  # name among people
    package: ClassVar[str]
    extra: ClassVar[str]

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        try:
            self._register(import_module(self.module))
        except ImportError:
            way = f"pip install 'poolcli-image[{self.extra}]' brings it"
            raise ImageError(f"{self.usual} needs the package {self.package}: {way}") from None
        super().__init__(file, reading)

    def _register(self, module: ModuleType) -> None:
        """Make the format known to Pillow, where the import has not done so."""


class Heif(Plugin):
    """HEIC, of telephones."""

    name, usual = "HEIF", "HEIC"
    module, package, extra = "pillow_heif", "pillow-heif", "heif"

    def _register(self, module: ModuleType) -> None:
        module.register_heif_opener()


class Jxl(Plugin):
    """JPEG XL."""

    name, usual = "JXL", "JPEG XL"
    module, package, extra = "pillow_jxl", "pillow-jxl-plugin", "jxl"
