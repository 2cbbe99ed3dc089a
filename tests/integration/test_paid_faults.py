# SPDX-License-Identifier: MIT
"""Whatever a provider does wrong: the errno and sentence of design.md, section 4, the
money that the mount says, and never a second bill for one file.

All cases of a table run at the same time on one mount; each has a prompt of its own, by
which its faults and its calls are found.
"""
import dataclasses
import errno
import os
import time

import mountfix
import paidfix
from mountfix import errname, load, text
from paidfix import at_once, outcome

TIMEOUT = round(2 * mountfix.SLOW)
# What the mount says was spent for a file that is not there.
FREE, CHARGED, UNKNOWN = "nothing", "the price of the file", "what was held"


@dataclasses.dataclass
class Case:
    kind: str
    error: int = 0       # of the open; 0: the file is there, and paid once
    says: str = ""       # a part of its sentence
    money: str = FREE
    calls: int = 1       # that reach the server
    again: int = 0       # by a second open, the fault still there
    times: int = 0       # that the fault strikes; 0: always
    fields: dict = dataclasses.field(default_factory=dict)
    number: int = 0

    @property
    def tag(self):
        return f"case number {self.number:03}."

    @property
    def name(self):
        return f"{self.kind} x{self.times}" if self.times else self.kind


def unknown(kind, says="may be paid", **fields):
    return Case(kind, errno.EIO, says, UNKNOWN, fields=fields)


def unusable(kind, says="provider", **fields):
    return Case(kind, errno.EPROTO, says, CHARGED, fields=fields)


def denied(kind, says):
    return Case(kind, errno.EACCES, says, again=1)


def busy(kind, says="overloaded", again=3, **fields):
    return Case(kind, errno.EBUSY, says, calls=3, again=again, fields=fields)


# What all services have in common.
COMMON = [
    Case("429", times=2, calls=3),
    Case("429_retryinfo", times=1, calls=2, fields={"seconds": 0.2}),
    Case("429_retry_after", times=1, calls=2, fields={"seconds": 1}),
    Case("401_expired", times=1, calls=2),
    Case("drip", fields={"seconds": 0.0001, "bytes": 2000}),
    busy("429"),
    Case("400", errno.EINVAL, "rejected the request", again=1),
    Case("401_expired", errno.EACCES, "credentials", calls=2, again=2),
    denied("403_permission", "denies access"),
    unknown("500", "answered 500"),
    unknown("502_html", "answered 502"),
    unknown("503_bare", "answered 503"),
    unknown("504", "answered 504"),
    unknown("html", "answered 500"),
    unknown("reset_after"),
    unknown("drop"),
    unknown("truncated"),
    unknown("truncated", bytes=1),
    unknown("reset_body"),
    unknown("stall", seconds=TIMEOUT + 2),
    unknown("stall_body", seconds=TIMEOUT + 2),
]
GOOGLE = [
    denied("403_service_disabled", "not enabled"),
    denied("403_billing_disabled", "billing"),
    denied("403_key", "denies access"),
    Case("503", times=2, calls=3),
    Case("refused_prompt", errno.EPERM, "refused the prompt (danger)"),
    busy("503"),
    busy("quota_minute", "quota", seconds=0.1),
    Case("quota_day", errno.EBUSY, "used up for today", again=1, fields={"seconds": 0.1}),
]
READABLE = [
    unusable("truncated_json", "not readable JSON"),
    unusable("malformed", "not readable JSON"),
]


class Table:
    options = ("budget=1000/day", "max_concurrent=200", f"timeout={TIMEOUT}",
               "fallback=off")
    where = ""
    method = ""
    cases = ()
    exact = True  # the catalogue's price is what the server bills, to the micro-dollar

    def path(self, case):
        return self.mount.path(self.where.format(f"a lake in winter, {case.tag}"))

    def money(self, case):
        """(spent, unknown, reserved) below the prompt, micro-USD."""
        tree, prompt = self.path(case)[len(self.mount.root) + 1:].split("/")[:2]
        got = load(self.mount.path(tree, prompt, ".cost"))
        return tuple(round(got[n] * 1e6)
                     for n in ("spent_usd", "unknown_usd", "reserved_usd"))

    def called(self, case):
        """(calls, what they were billed) at the server."""
        calls = self.cloud.requests(contains=case.tag, method=self.method, bodies=0)
        return len(calls), sum(c["billed_udollars"] for c in calls)

    def strike(self):
        for number, case in enumerate(self.cases):
            case.number = number
            self.cloud.fault(case.kind, method=self.method, prompt=case.tag,
                             times=case.times, **case.fields)

    def open_all(self, cases):
        return at_once(lambda case: outcome(self.path(case)), cases)

    def first(self, case, error, data):
        self.assertEqual(errname(error), errname(case.error))
        calls, billed = self.called(case)
        spent, unknown_ud, reserved = self.money(case)
        self.assertEqual(calls, case.calls, "calls that reached the server")
        self.assertEqual(reserved, 0)
        self.assertGreaterEqual(spent, billed, "a bill that the mount does not know of")
        self.assertEqual(load(self.path(case) + ".cost")["state"],
                         {FREE: "failed", CHARGED: "failed", UNKNOWN: "unknown"}[case.money]
                         if case.error else "generated")
        if not case.error:
            self.assertTrue(data)
            self.assertEqual((spent if self.exact else billed, unknown_ud), (billed, 0))
            self.assertEqual(text(self.path(case) + ".error"), "")
            return
        sentence = text(self.path(case) + ".error")
        self.assertIn(case.says, sentence)
        self.assertEqual(sentence.count("\n"), 1)
        self.assertIn(sentence.strip(), text(self.mount.path(".promptfs/errors.log")))
        if case.money is FREE:
            self.assertEqual((spent, unknown_ud, billed), (0, 0, 0))
        elif case.money is CHARGED:
            self.assertGreater(spent, 0)
            self.assertEqual(unknown_ud, 0)
        else:
            self.assertGreater(spent, 0)
            self.assertEqual(unknown_ud, spent)

    def test_faults(self):
        """Errno, sentence, money, calls: of the first open, of a second one with the fault
        still there, and of a third after rm and without it."""
        self.strike()
        for case, (error, data) in zip(self.cases, self.open_all(self.cases)):
            with self.subTest(case.name, open=1):
                self.first(case, error, data)
        before = {case.number: self.money(case) for case in self.cases}
        for case, (error, data) in zip(self.cases, self.open_all(self.cases)):
            with self.subTest(case.name, open=2):
                self.assertEqual(errname(error), errname(case.error))
                self.assertEqual(self.called(case)[0], case.calls + case.again)
                self.assertEqual(self.money(case), before[case.number])
        self.cloud.control("faults", verb="DELETE")
        failed = [case for case in self.cases if case.error]
        time.sleep(mountfix.SNAPSHOT_S)
        for case in failed:
            os.unlink(self.path(case))
        for case, (error, data) in zip(failed, self.open_all(failed)):
            with self.subTest(case.name, open=3):
                self.assertEqual(errname(error), "0")
                calls, billed = self.called(case)
                self.assertEqual(calls, case.calls + case.again + 1)
        time.sleep(mountfix.SNAPSHOT_S)
        for case in failed:
            with self.subTest(case.name, after="rm"):
                spent, unknown_ud, _ = self.money(case)
                self.assertEqual(unknown_ud, 0)
                self.assertGreater(spent, before[case.number][0], "it stays spent")
        counters = self.cloud.counters()
        self.assertEqual(counters["internal_errors"], 0)
        self.assertEqual(counters["leaked_credentials"], 0)
        self.assertGreaterEqual(self.spent_ud(), counters["billed_udollars"])


class Imagen(Table, paidfix.PaidCase):
    where, method = "prompts/{}/imagen-3/1.png", "predict"
    cases = COMMON + GOOGLE + READABLE + [
        Case("jpeg_for_png"),
        unusable("bad_base64", "neither PNG nor JPEG"),
        unusable("not_media", "neither PNG nor JPEG"),
        Case("filtered_some", errno.EPERM, "safety filter withheld the picture"),
        Case("filtered_all", errno.EPERM, "(a person or face)"),
        Case("filtered_silent", errno.EPERM, "withheld the picture"),
        Case("empty", errno.EPERM, "withheld the picture"),
    ]


class GeminiPicture(Table, paidfix.PaidCase):
    where, method = "prompts/{}/gemini-nano-banana-2.1/1.png", "generateContent"
    cases = COMMON + GOOGLE + READABLE + [
        Case("jpeg_for_png"),
        Case("thought_first"),
        unusable("bad_base64", "neither PNG nor JPEG"),
        unusable("not_media", "neither PNG nor JPEG"),
        unusable("empty", "no picture"),
        Case("text_only", errno.EPERM, "I cannot draw this picture.", CHARGED),
        Case("filtered_all", errno.EPERM, "withheld the picture", CHARGED),
        Case("blocked", errno.EPERM, "PROHIBITED_CONTENT", CHARGED),
    ]


class GeminiText(Table, paidfix.PaidCase):
    where, method = "prompts/{}/gemini-pro/1.txt", "generateContent"
    cases = COMMON + GOOGLE + READABLE + [
        Case("thought_first"),
        unusable("empty", "no text"),
        Case("filtered_all", errno.EPERM, "withheld the answer", CHARGED),
        Case("blocked", errno.EPERM, "PROHIBITED_CONTENT", CHARGED),
    ]


class Veo(Table, paidfix.PaidCase):
    """A broken answer to its start leaves open whether a video is in the making."""
    where, method = "videos/{}/veo-3.1-lite/res=720p/4s.mp4", "predictLongRunning"
    cases = COMMON + GOOGLE + [
        unknown("truncated_json", "named no operation"),
        unknown("malformed", "named no operation"),
        unknown("op_lost", "does not know the operation"),
        unusable("bad_base64", "not MP4"),
        unusable("not_media", "not MP4"),
        unusable("empty", "without a video"),
        unusable("no_videos", "without a video"),
        unusable("op_empty", "without a video"),
        unusable("op_error", "operation failed (13)", message="Internal error."),
        unusable("filtered_silent", "without a video"),
        Case("op_error", errno.EBUSY, "operation failed (8)", CHARGED, fields={"rpc": 8}),
        Case("filtered_all", errno.EPERM, "withheld the video (a celebrity)", CHARGED),
        Case("blocked", errno.EPERM, "refused the prompt", CHARGED),
    ]


class OpenaiPicture(Table, paidfix.PaidCase):
    backend, catalogue = "openai", paidfix.OPENAI
    where, method = "prompts/{}/gpt-image-1/1.png", "openai.images"
    cases = COMMON + READABLE + [
        busy("503"),  # an error object: turned away, as with google.rpc
        Case("jpeg_for_png"),
        Case("blocked", errno.EPERM, "refused the prompt"),
        unusable("bad_base64", "PNG or JPEG"),
        unusable("not_media", "PNG or JPEG"),
        unusable("empty", "PNG or JPEG"),
    ]


class OpenaiText(Table, paidfix.PaidCase):
    backend, catalogue = "openai", paidfix.OPENAI
    where, method = "prompts/{}/gpt-4o-mini/1.txt", "openai.chat"
    cases = COMMON + READABLE + [
        busy("503"),
        Case("blocked", errno.EPERM, "withheld the answer", CHARGED),
        unusable("empty", "no text"),
    ]


class DeveloperVeo(Veo):
    """Operations and files by API key."""
    backend = "gemini"
    cases = [dataclasses.replace(c) for c in Veo.cases
             if c.kind not in ("bad_base64", "not_media")]


if __name__ == "__main__":
    mountfix.main()
