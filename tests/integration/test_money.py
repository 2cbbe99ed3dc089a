# SPDX-License-Identifier: MIT
"""What a paid mount says of its money, and what becomes of calls that may be paid:
.cost, status, quote, unknown, settle, rm. Paid to the local cloud, so in play money."""
import errno
import json
import os
import re
import subprocess

import mountfix
import paidfix
from mountfix import load, read

PRICE = 0.025  # imagen-3, one picture, no fallback


class Money(paidfix.PaidCase):
    catalogue = None  # the prices are the built-in ones
    options = ("budget=10/month+1/day", "budget_uid=0.9/day", "fallback=off",
               "max_cost=0.1", "retries=0")

    def said(self, *args, status=0, **more):
        done = self.mount.command(*args, check=False, **more)
        both = (done.stdout + done.stderr).decode()
        self.assertEqual(done.returncode, status, both)
        return both

    def root(self):
        mountfix.time.sleep(mountfix.SNAPSHOT_S)
        return load(self.mount.path(".cost"))

    def lose(self, label):
        """A file whose call was accepted and whose answer was lost; the call's number."""
        path = self.mount.fresh(label, model="imagen-3")
        self.cloud.fault("drop", method="predict")
        self.assertErrno(errno.EIO, read, path)
        calls = [line for line in self.mount.unknown() if os.path.basename(
            os.path.dirname(os.path.dirname(path))) in line]
        self.assertEqual(len(calls), 1, calls)
        return path, calls[0].split()[0]

    def test_budget_of_a_file_and_of_the_root(self):
        before = self.root()
        path, _ = self.mount.generate(model="imagen-3")
        cost = self.cost(path)
        self.assertEqual(cost["state"], "generated")
        self.assertEqual(cost["charged_usd"], PRICE)
        after = self.root()
        self.assertAlmostEqual(after["spent_usd"] - before["spent_usd"], PRICE)
        budget = after["budget"]
        self.assertEqual(budget, cost["budget"])
        # The user's own limit is the tightest; it stands first, and all are listed.
        tightest = {k: v for k, v in budget.items() if k != "limits"}
        self.assertEqual(tightest, {
            "limit_usd": 0.9, "period": "day", "user": os.getuid(),
            "spent_usd": after["spent_usd"], "reserved_usd": 0})
        limits = [(m["limit_usd"], m["period"], m.get("user")) for m in budget["limits"]]
        self.assertEqual(limits, [(10, "month", None), (1, "day", None),
                                  (0.9, "day", os.getuid())])
        self.assertEqual(list(after["by_user"]), [str(os.getuid())])
        self.assertEqual(len(after["by_day"]), 1)

    def test_quote_tells_what_is_left(self):
        made, _ = self.mount.generate(model="imagen-3")
        fresh = self.mount.fresh(model="imagen-3")
        left = 0.9 - self.root()["budget"]["spent_usd"]
        said = self.said("quote", made, fresh)
        self.assertRegex(said, rf"(?m)^total +{PRICE} +{PRICE} ")
        told = re.search(r"(?m)^left of the budget: ([0-9.]+) of 0\.9 USD \(day\)$", said)
        self.assertAlmostEqual(float(told[1]), left, places=6)
        many = [self.mount.fresh(model="imagen-3") for _ in range(40)]
        self.assertIn("less than the worst case", self.said("quote", *many))
        self.assertEqual(self.calls("predict"), 1)

    def test_quote_knows_what_a_file_may_cost(self):
        dear = self.mount.path("videos/waves at night/veo-2/8s.mp4")
        said = self.said("quote", dear, status=1)
        self.assertIn("a file may cost 0.1 USD; raise it with -o max_cost=", said)
        self.assertIn("1 of 1 cannot be made", said)
        self.assertErrno(errno.EDQUOT, read, dear)

    def test_quote_in_order_of_value(self):
        name = f"a kite in order {next(self.mount.counter)}"
        paths = [self.mount.path("prompts", name, model, "1.png")
                 for model in ("imagen-3", "imagen-2")]
        self.assertIn("--order is given or value",
                      self.said("quote", "--order=price", *paths, status=2))
        given, value = ([line.split()[2] for line in self.said(
            "quote", f"--order={order}", *paths).splitlines() if line.startswith("not gen")]
            for order in ("given", "value"))
        self.assertEqual(given, ["imagen-3", "imagen-2"])
        rows = [load(self.mount.path("models", f"{m}.json")) for m in given]
        quoted = [r["quality"] / load(p + ".cost")["estimate_usd"]
                  for r, p in zip(rows, paths)]
        self.assertEqual(value, given if quoted[0] >= quoted[1] else given[::-1])

    def test_a_lost_call_is_told(self):
        before = self.root()
        path, call = self.lose("a lost letter")
        self.assertEqual(self.cost(path)["state"], "unknown")
        root = self.root()
        self.assertAlmostEqual(root["unknown_usd"] - before["unknown_usd"], PRICE)
        self.assertAlmostEqual(root["spent_usd"] - before["spent_usd"], PRICE)
        # Not sent again, whoever asks.
        self.assertErrno(errno.EIO, read, path)
        self.assertEqual(self.calls("predict"), 1)
        money = self.mount.control("status.json")["money"]
        self.assertEqual(money["ledger"], "sound")
        self.assertEqual(money["unknown_usd"], root["unknown_usd"])
        said = self.said("status", self.mount.root)
        self.assertRegex(said, r"may have been paid, [0-9.]+ USD; see promptfs unknown")
        self.assertRegex(said, r"spent today [0-9.]+ USD, held 0 USD; budget 0\.9 USD")
        self.said("settle", call, "--not-paid", self.mount.root)

    def test_it_was_not_paid(self):
        before = self.root()
        path, call = self.lose("a letter that came back")
        self.assertIn(f"call {call}: 0 USD, not paid",
                      self.said("settle", call, "--not-paid", self.mount.root))
        self.assertEqual(self.cost(path)["state"], "not generated")
        self.assertEqual(read(path + ".error"), b"")
        root = self.root()
        for name in ("spent_usd", "unknown_usd", "reserved_usd"):
            self.assertAlmostEqual(root[name], before[name], msg=name)
        read(path)
        self.assertEqual(self.cost(path)["state"], "generated")
        self.assertEqual(self.calls("predict"), 2)

    def test_it_was_paid(self):
        before = self.root()
        first, one = self.lose("a letter that was read")
        second, two = self.lose("a letter half read")
        self.assertIn(f"call {one}: {PRICE} USD spent",
                      self.said("settle", "--paid", one, self.mount.root))
        self.assertIn("0.01 USD spent",
                      self.said("settle", "--paid=0.01", two, self.mount.root))
        root = self.root()
        self.assertAlmostEqual(root["spent_usd"] - before["spent_usd"], PRICE + 0.01)
        self.assertAlmostEqual(root["unknown_usd"], before["unknown_usd"])
        for path in (first, second):
            self.assertEqual(self.cost(path)["state"], "not generated")
            read(path)

    def test_several_at_once(self):
        calls = [self.lose(f"letters, part {i}")[1] for i in range(2)]
        said = self.said("unknown", self.mount.root)
        self.assertRegex(said, r"(?m)^2 calls, 0\.05 USD counted as spent")
        said = self.said("settle", "--not-paid", *calls, "999999", self.mount.root, status=1)
        self.assertEqual(said.count("not paid"), 2)
        self.assertIn("there is no call 999999", said)
        self.assertIn("no call of unknown outcome (google)",
                      self.said("unknown", self.mount.root))

    def test_rm_writes_off(self):
        before = self.root()
        path, _ = self.lose("a letter thrown away")
        os.unlink(path)
        root = self.root()
        self.assertAlmostEqual(root["spent_usd"] - before["spent_usd"], PRICE)
        self.assertAlmostEqual(root["unknown_usd"], before["unknown_usd"])
        self.assertIn("no call of unknown", self.said("unknown", self.mount.root))
        read(path)

    def test_settled_wrongly(self):
        _, call = self.lose("a letter misread")
        at = self.mount.root
        for args, why in ((("--paid",), "which calls?"),
                          ((call,), "either --paid or --not-paid"),
                          ((call, "--paid", "--not-paid"), "either --paid or --not-paid"),
                          ((call, "--paid=lots"), "is not an amount"),
                          ((call, "--paid", "x", "y"), "not the number of a call"),
                          ((call, "--nosuch"), "bad usage")):
            with self.subTest(args):
                self.assertIn(why, self.said("settle", *args, status=2))
        self.assertIn("it cannot have cost more",
                      self.said("settle", call, "--paid=5", at, status=1))
        self.said("settle", call, "--not-paid", at)
        self.assertIn("not unknown but settled",
                      self.said("settle", call, "--paid", at, status=1))

    def test_config_shows_no_secret(self):
        config = json.dumps(self.mount.control("config.json"))
        for secret in (self.cloud.env().get("GOOGLE_API_KEY", "local-api-key"), "PRIVATE"):
            self.assertNotIn(secret, config)
        self.assertEqual(self.mount.control("config.json")["budget"], "10/month+1/day")


class Unmounted(paidfix.PaidCase):
    catalogue = None  # the prices are the built-in ones
    """The same without a mount: the command holds the store itself."""

    options = ("fallback=off", "retries=0")

    def test_unknown_and_settle(self):
        path = self.mount.fresh("a letter in a bottle", model="imagen-3")
        self.cloud.fault("drop", method="predict")
        self.assertErrno(errno.EIO, read, path)
        self.assertEqual(self.mount.stop(), 0)
        options = ("-o", f"state={self.mount.state},backend=vertex")
        said = self.mount.command("unknown", *options).stdout.decode()
        call = re.search(r"(?m)^ *(\d+) .*a letter in a bottle", said)[1]
        # Another backend's part of the store knows nothing of it.
        said = self.mount.command(
            "unknown", "-o", f"state={self.mount.state}").stdout.decode()
        self.assertIn("no call of unknown outcome (local)", said)
        self.mount.command("settle", call, "--not-paid", *options)
        said = self.mount.command("unknown", *options).stdout.decode()
        self.assertIn("no call of unknown outcome (google)", said)
        self.mount.start()
        self.assertEqual(self.cost(path)["state"], "not generated")
        read(path)
        self.assertEqual(self.calls("predict"), 2)


class Alert(paidfix.PaidCase):
    catalogue = None  # the prices are the built-in ones
    options = ("budget=0.1/day", "fallback=off", "spenders=4711")

    def test_alert_from_eighty_percent_on(self):
        for made in range(1, 5):
            self.mount.generate(model="imagen-3")
            root = load_now(self.mount)
            self.assertEqual(root["alert"], made * PRICE >= 0.08, root)
        path = self.mount.fresh(model="imagen-3")
        self.assertErrno(errno.EDQUOT, read, path)
        self.assertIn("budget", mountfix.text(path + ".error"))
        self.assertEqual(self.calls("predict"), 4)


class Spenders(paidfix.PaidCase):
    catalogue = None  # the prices are the built-in ones
    """With allow_other everyone may look; only those who are named may spend."""

    options = ("allow_other", "spenders=4711")

    def cat(self, path, uid):
        return subprocess.run(["cat", path], user=uid, group=uid, extra_groups=[],
                              capture_output=True, check=False, timeout=60)

    @mountfix.unittest.skipIf(os.geteuid(), "only root can be several users")
    def test_who_may_spend(self):
        os.chmod(self.mount.base, 0o755)
        path = self.mount.fresh(model="imagen-3")
        done = self.cat(path, 4712)
        self.assertIn(b"Permission denied", done.stderr)
        self.assertEqual(self.calls("predict"), 0)
        self.assertEqual(self.cat(path, 4711).returncode, 0)
        # Once it is there, everyone reads it.
        self.assertEqual(self.cat(path, 4712).stdout, read(path))
        self.assertEqual(self.calls("predict"), 1)
        self.assertEqual(list(load_now(self.mount)["by_user"]), ["4711"])


def load_now(mount):
    mountfix.time.sleep(mountfix.SNAPSHOT_S)
    return load(mount.path(".cost"))


if __name__ == "__main__":
    mountfix.main()
