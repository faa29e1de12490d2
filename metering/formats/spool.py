"""Frames that wait in a temporary file, so that a large file of readings needs little memory."""

from io import SEEK_END, BytesIO
from tempfile import SpooledTemporaryFile
from typing import Final

import polars as pl

_KEPT_IN_MEMORY: Final = 2**20
_FRAMES_AT_HAND: Final = 3
_SMALL_FRAMES: Final = 64


def keep(frames: list[pl.DataFrame], frame: pl.DataFrame) -> None:
    """Appends a small frame. Many are put together: each takes some kilobytes beside its rows."""
    frames.append(frame)
    if len(frames) >= _SMALL_FRAMES:
        frames[:] = [pl.concat(frames, rechunk=True)]


class FrameSpool:
    """Frames by number, in the order in which they were appended; the last ones read stay at hand."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile[bytes](max_size=_KEPT_IN_MEMORY)
        self._places: list[tuple[int, int]] = []
        self._at_hand: dict[int, pl.DataFrame] = {}

    def __len__(self) -> int:
        return len(self._places)

    def append(self, frame: pl.DataFrame) -> int:
        """Keeps the frame and returns its number."""
        packed = BytesIO()
        frame.write_ipc_stream(packed, compression="lz4")
        start = self._file.seek(0, SEEK_END)
        self._file.write(packed.getbuffer())
        self._places.append((start, packed.tell()))
        return len(self._places) - 1

    def read(self, number: int) -> pl.DataFrame:
        """The frame of this number."""
        frame = self._at_hand.pop(number, None)
        if frame is None:
            start, size = self._places[number]
            self._file.seek(start)
            frame = pl.read_ipc_stream(BytesIO(self._file.read(size)))
        self._at_hand[number] = frame
        if len(self._at_hand) > _FRAMES_AT_HAND:
            del self._at_hand[next(iter(self._at_hand))]
        return frame

    def close(self) -> None:
        """Removes the temporary file."""
        self._at_hand.clear()
        self._file.close()
