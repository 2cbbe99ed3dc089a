# SPDX-License-Identifier: MIT
"""Video clips: made once by ffmpeg for each length, size and sound, then kept.

A clip is ffmpeg's test card with a 440 Hz tone. Ten boxes in the top left corner
spell the number of the frame in binary, lowest bit left, so that a test can tell
which frames it sees.
"""
import asyncio
import os
import shutil
import stat
import tempfile

from wire import ApiError

FPS = 24
BOX = 32
MAX_KEPT = 12  # clips held in memory


def default_dir():
    return os.path.join(tempfile.gettempdir(), f"promptfs-cloud-{os.getuid()}")


def command(out, seconds, width, height, audio):
    boxes = [f"drawbox=x=0:y=0:w={BOX * 10}:h={BOX}:color=black:t=fill"]
    boxes += [f"drawbox=x={BOX * k}:y=0:w={BOX}:h={BOX}:color=white:t=fill:"
              f"enable='eq(mod(floor(n/{1 << k}),2),1)'" for k in range(10)]
    card = f"testsrc=size={width}x{height}:rate={FPS}:duration={seconds}:decimals=2"
    words = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i", card]
    if audio:
        tone = f"sine=frequency=440:sample_rate=48000:duration={seconds}"
        words += ["-f", "lavfi", "-i", tone, "-c:a", "aac", "-b:a", "64k"]
    return words + [
        "-vf", ",".join(boxes), "-c:v", "libx264", "-preset", "ultrafast", "-crf", "34",
        "-pix_fmt", "yuv420p", "-g", str(FPS), "-threads", "2",
        "-movflags", "+faststart", "-f", "mp4", out]


class Clips:
    def __init__(self, directory):
        self.dir = directory
        self.has_ffmpeg = shutil.which("ffmpeg") is not None
        self.kept = {}
        self.busy = asyncio.Lock()

    def need_ffmpeg(self):
        if not self.has_ffmpeg:
            raise ApiError(500, "this local server cannot make videos: the program "
                                "ffmpeg is not installed")

    async def get(self, seconds, width, height, audio):
        """The bytes of a clip."""
        seconds = f"{seconds:.6g}"
        name = f"{seconds}s-{width}x{height}{'-audio' if audio else ''}.mp4"
        async with self.busy:
            if name not in self.kept:
                while len(self.kept) >= MAX_KEPT:
                    del self.kept[next(iter(self.kept))]
                self.kept[name] = await self.load(name, seconds, width, height, audio)
            return self.kept[name]

    async def load(self, name, seconds, width, height, audio):
        # Another user could have put rubbish under the well-known name.
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        info = os.lstat(self.dir)
        if info.st_uid != os.getuid() or not stat.S_ISDIR(info.st_mode):
            raise ApiError(500, f"{self.dir} belongs to someone else")
        path = os.path.join(self.dir, name)
        if not os.path.exists(path):
            part = f"{path}.{os.getpid()}"
            process = await asyncio.create_subprocess_exec(
                *command(part, seconds, width, height, audio),
                stderr=asyncio.subprocess.PIPE)
            try:
                _, told = await process.communicate()
            except asyncio.CancelledError:
                process.kill()
                raise
            if process.returncode != 0:
                raise ApiError(500, f"ffmpeg failed: {told.decode()[:200]}")
            os.replace(part, path)
        with open(path, "rb") as file:
            return file.read()
