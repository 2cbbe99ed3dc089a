# SPDX-License-Identifier: MIT
"""The sums that contrib/test.sh prints: a crash, a hang and an empty log are failures."""
import contextlib
import io
import json
import tempfile
import unittest

import tally
import tapcase


def total(*tests):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        for name, result, out in tests:
            f.write(json.dumps({"name": name, "result": result, "stdout": out}) + "\n")
        f.flush()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            tally.main(f.name)
    return said.getvalue().splitlines()[-1]


class Tally(unittest.TestCase):
    def test_sums(self):
        for want, *tests in (
                ("1 0 0", ("a", "OK", "")),
                ("0 1 0", ("a", "FAIL", "")),
                ("0 0 1", ("a", "SKIP", "")),
                ("0 0 1", ("a", "SKIP", "1..0 # SKIP no /dev/fuse\n")),
                ("2 0 0", ("a", "OK", "1..2\nok 1 - x\nok 2 - y\n")),
                ("1 1 1", ("a", "ERROR", "ok 1 - x\nnot ok 2 - y\nok 3 - z # SKIP so\n1..3")),
                ("1 1 0", ("killed", "ERROR", "1..2\nok 1 - x\n")),
                ("1 1 0", ("hangs", "TIMEOUT", "1..2\nok 1 - x\n")),
                ("1 0 0", ("a", "OK", "# ok so far\nok 1 - x\nokay\n")),
                ("3 1 0", ("a", "OK", "ok 1\nok 2\n"), ("b", "FAIL", ""), ("c", "OK", "")),
                ("0 1 0",)):
            with self.subTest(tests):
                self.assertEqual(total(*tests), want)


if __name__ == "__main__":
    tapcase.main()
