"""The parameters of the recorder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wam_core.options import parameter
from wam_data.episode import Settings
from wam_data.recording import Limits
from wam_nodes.recorder_topics import Choice

MB: Final = 1024 * 1024


@dataclass(frozen=True)
class Parameters:
    """Of config/recorder.yaml."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    root: str = parameter('episodes', 'directory of all episodes; relative: to the working one')
    jpeg_quality: int = parameter(95, 'of recorded camera frames', lower=1, upper=100)
    raw_images: bool = parameter(False, 'record camera frames as they come, not as JPEG')
    frame_set_pixels: bool = parameter(False, 'record the resized frames of /frame_set too')
    clock: bool = parameter(False, 'record /clock too')
    compression: str = parameter(
        'zstd', 'of the chunks of the recording', allowed=('zstd', 'lz4', 'none')
    )
    encoders: int = parameter(2, 'threads that make JPEGs', lower=1, upper=32)
    queue_mb: int = parameter(
        96, 'messages that wait for encoder or disk', unit='MB', lower=1, upper=16384
    )
    min_free_mb: int = parameter(
        500, 'free space below which recording ends', unit='MB', lower=0, upper=1048576
    )
    flush_s: float = parameter(
        0.3, 'time between syncs to disk: what a crash may lose', unit='s', lower=0.05, upper=1.0
    )

    def settings(self) -> Settings:
        """What wam_data wants to know."""
        limits = Limits(self.queue_mb * MB, self.min_free_mb * MB, self.flush_s, self.encoders)
        return Settings(Path(self.root).absolute(), self.compression, limits)

    def choice(self) -> Choice:
        """What is recorded, and how."""
        return Choice(self.jpeg_quality, self.raw_images, self.frame_set_pixels, self.clock)
