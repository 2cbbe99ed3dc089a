# SPDX-License-Identifier: MIT
"""unittest that speaks TAP, so that each case is counted and each skip has a reason."""
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    """One TAP line per case; what went wrong stands in comments before it."""

    def __init__(self):
        super().__init__()
        self.lines = 0
        self.bad = 0
        self.has_verdict = False

    def startTest(self, test):
        super().startTest(test)
        self.has_verdict = False

    def verdict(self, ok, test, note=""):
        self.lines += 1
        self.bad += not ok
        self.has_verdict = True
        name = test.id().split(".", 1)[-1].replace("#", " ")
        print(f"{'ok' if ok else 'not ok'} {self.lines} - {name}{note}", flush=True)

    def explain(self, test, err):
        text = "".join(traceback.format_exception(*err))
        print(f"# {test.id()}", *(f"#   {x}" for x in text.splitlines()), sep="\n",
              flush=True)

    def addSuccess(self, test):
        self.verdict(True, test)

    def addFailure(self, test, err):
        self.explain(test, err)
        self.verdict(False, test)

    def addError(self, test, err):
        self.addFailure(test, err)

    def addSkip(self, test, reason):
        self.verdict(True, test, f" # SKIP {reason}")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.explain(subtest, err)

    def stopTest(self, test):
        if not self.has_verdict:  # a subTest failed: unittest says nothing more
            self.verdict(False, test)
        super().stopTest(test)


def main(module="__main__"):
    """Runs the cases of `module`, or those whose names contain an argument."""
    loader = unittest.TestLoader()
    if len(sys.argv) > 1:
        loader.testNamePatterns = [f"*{word}*" for word in sys.argv[1:]]
    result = TapResult()
    loader.loadTestsFromModule(sys.modules[module]).run(result)
    print(f"1..{result.lines}", flush=True)
    sys.exit(1 if result.bad else 0)
