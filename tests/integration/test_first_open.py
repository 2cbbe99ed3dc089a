# SPDX-License-Identifier: MIT
"""Every program gets the whole file at its first open of a path nobody opened before,
though its size was not known when the program looked."""
import ctypes
import io
import mmap
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
import unittest

import mountfix
from mountfix import OPENER, read, run


class FirstOpen(mountfix.MountCase):
    def setUp(self):
        self.out = tempfile.mkdtemp(prefix="promptfs-out-")
        self.addCleanup(shutil.rmtree, self.out, ignore_errors=True)
        self.path = self.mount.fresh()
        self.copy = os.path.join(self.out, "copy")

    def assertWhole(self, got):
        """`got` came from the first open of self.path."""
        want = read(self.path)
        self.assertEqual(want[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(os.stat(self.path).st_size, len(want))
        self.assertEqual(len(got), len(want))
        self.assertTrue(got == want, "the first and the second read differ")

    def need(self, program):
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")

    def to_stdout(self, *cmd):
        self.need(cmd[0])
        self.assertWhole(run(*cmd).stdout)

    def to_copy(self, *cmd):
        self.need(cmd[0])
        run(*cmd)
        self.assertWhole(read(self.copy))

    def test_cat(self):
        self.to_stdout("cat", self.path)

    def test_cp(self):
        self.to_copy("cp", self.path, self.copy)

    def test_cp_sparse(self):
        self.to_copy("cp", "--sparse=always", self.path, self.copy)

    def test_install(self):
        self.to_copy("install", "-m", "644", self.path, self.copy)

    def test_dd(self):
        self.to_copy("dd", "bs=64k", f"if={self.path}", f"of={self.copy}")

    def test_dd_odd_blocks(self):
        self.to_copy("dd", "bs=777", f"if={self.path}", f"of={self.copy}")

    def test_base64(self):
        done = run("sh", "-c", 'base64 -w0 "$1" | base64 -d', "sh", self.path)
        self.assertWhole(done.stdout)

    def test_tail(self):
        got = run("tail", "-c", "1000", self.path).stdout
        self.assertEqual(got, read(self.path)[-1000:])

    def test_tail_from_the_start(self):
        self.to_stdout("tail", "-c", "+1", self.path)

    def test_head(self):
        got = run("head", "-c", "1000", self.path).stdout
        self.assertEqual(got, read(self.path)[:1000])

    def test_wc(self):
        got = int(run("wc", "-c", self.path).stdout.split()[0])
        self.assertEqual(got, len(read(self.path)))

    def test_cmp(self):
        other = self.mount.fresh()
        done = run("cmp", self.path, other, check=False)
        self.assertEqual(done.returncode, 1)  # they differ, and neither is cut short
        self.assertNotIn(b"EOF", done.stderr)

    def test_rsync(self):
        self.to_copy("rsync", self.path, self.copy)

    def test_rsync_archive(self):
        self.to_copy("rsync", "-a", "--checksum", self.path, self.copy)

    def test_tar(self):
        where, name = os.path.split(self.path)
        done = run("tar", "-cf", "-", "-C", where, name)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            self.assertWhole(archive.extractfile(name).read())

    def test_python_read(self):
        self.assertWhole(read(self.path))

    def test_python_copyfile(self):
        shutil.copyfile(self.path, self.copy)
        self.assertWhole(read(self.copy))

    def test_python_seek_and_pread(self):
        with open(self.path, "rb") as f:
            size = f.seek(0, os.SEEK_END)
            got = os.pread(f.fileno(), size + 100, 0)
        self.assertWhole(got)

    def test_python_mmap(self):
        with open(self.path, "rb") as f:
            with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
                got = m[:]
        self.assertWhole(got)

    def test_mmap_without_stat(self):
        got = run(OPENER, "mmap", self.path).stdout
        self.assertEqual(got, read(self.path)[:4096])

    def test_sendfile_without_stat(self):
        self.to_stdout(OPENER, "sendfile", self.path)

    def test_splice_without_stat(self):
        self.to_stdout(OPENER, "splice", self.path)

    def test_copy_file_range(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with open(self.path, "rb") as src, open(self.copy, "wb") as dst:
            while True:
                n = libc.copy_file_range(src.fileno(), None, dst.fileno(), None,
                                         ctypes.c_size_t(1 << 26), 0)
                if n <= 0:
                    break
        if n < 0:
            self.skipTest(f"copy_file_range: {os.strerror(ctypes.get_errno())}")
        self.assertWhole(read(self.copy))

    def test_busybox_cat(self):
        self.to_stdout("busybox", "cat", self.path)

    def test_busybox_cp(self):
        self.to_copy("busybox", "cp", self.path, self.copy)

    def test_perl(self):
        self.to_stdout("perl", "-e", "local $/; open(F,'<:raw',$ARGV[0]); print <F>",
                       self.path)

    def test_o_nonblock(self):
        self.assertWhole(read(self.path, os.O_NONBLOCK))

    def test_identify(self):
        self.need("identify")
        got = run("identify", "-format", "%m %w %h", self.path).stdout.split()
        ihdr = read(self.path)[16:24]
        want = [b"PNG", b"%d" % int.from_bytes(ihdr[:4], "big"),
                b"%d" % int.from_bytes(ihdr[4:], "big")]
        self.assertEqual(got, want)

    def test_ffprobe_picture(self):
        self.need("ffprobe")
        got = run("ffprobe", "-v", "error", "-show_entries", "stream=codec_name",
                  "-of", "csv=p=0", self.path).stdout
        self.assertEqual(got.strip(), b"png")

    def test_ffprobe_video(self):
        self.need("ffprobe")
        path = self.mount.path("videos", "waves on a beach", "veo-2", "res=720p", "2s.mp4")
        got = run("ffprobe", "-v", "error", "-show_entries", "format=duration",
                  "-of", "csv=p=0", path).stdout
        self.assertAlmostEqual(float(got), 2, delta=0.1)

    def test_two_readers_at_once(self):
        got = [None, None]

        def reader(i):
            got[i] = read(self.path)

        threads = [threading.Thread(target=reader, args=(i,)) for i in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60 * mountfix.SLOW)
        self.assertWhole(got[0])
        self.assertWhole(got[1])

    def test_stat_first_then_open(self):
        self.assertGreaterEqual(os.stat(self.path).st_size, 64 << 20)
        self.assertWhole(run("cat", self.path).stdout)

    def test_looked_up_and_kept_open_elsewhere(self):
        """A descriptor from O_PATH has the placeholder; the size reaches it as well."""
        fd = os.open(self.path, os.O_PATH)
        self.addCleanup(os.close, fd)
        self.assertWhole(read(self.path))
        self.assertEqual(os.fstat(fd).st_size, len(read(self.path)))


class Spellings(mountfix.MountCase):
    def test_all_spellings_get_the_size(self):
        """Openers of one file under different spellings are hard links of each other."""
        one = self.mount.path("prompts/a red kite/imagen-3/aspect=16:9/seed=4/1.png")
        two = self.mount.path("prompts/a red kite/imagen-3/seed=4/aspect=16x9/1.png")
        fd = os.open(two, os.O_PATH)
        self.addCleanup(os.close, fd)
        size = len(run(OPENER, "sendfile", one).stdout)
        self.assertEqual(os.fstat(fd).st_size, size)
        self.assertEqual(run(OPENER, "sendfile", two).stdout, read(one))

    def test_a_second_program_sees_the_first_ones_file(self):
        path = self.mount.fresh()
        first = subprocess.Popen(["cat", path], stdout=subprocess.PIPE)
        second = subprocess.Popen(["busybox", "cat", path], stdout=subprocess.PIPE)
        got = [p.communicate(timeout=60 * mountfix.SLOW)[0] for p in (first, second)]
        self.assertEqual(got[0], got[1])
        self.assertGreater(len(got[0]), 1000)


class PageCache(unittest.TestCase):
    """FUSE's own debug log lists every request that reaches the process."""

    def test_a_second_read_asks_for_no_bytes(self):
        mount = mountfix.Mount(flags=("-d",))
        self.addCleanup(mount.discard)
        path, data = mount.generate()
        before = self.requests(mount)
        self.assertGreater(before["READ"], 0)
        self.assertEqual(read(path), data)
        after = self.requests(mount)
        self.assertEqual(after["READ"], before["READ"])
        self.assertEqual(after["FLUSH"], before["FLUSH"])
        self.assertEqual(after["OPEN"], before["OPEN"] + 1)

    def requests(self, mount):
        with open(mount.log, encoding="utf-8", errors="replace") as f:
            log = f.read()
        return {name: log.count(f"opcode: {name} (") for name in ("READ", "OPEN", "FLUSH")}


if __name__ == "__main__":
    mountfix.main()
