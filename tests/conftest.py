"""Every test process has a data folder of its own, made before Django reads the settings."""

import atexit
import os
import shutil
import tempfile

_DATA = tempfile.mkdtemp(prefix="pr-test-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ["PAPERROUND_DATA"] = _DATA
os.environ.setdefault("SECRET_KEY", "tests-only-" + "x" * 40)
os.environ["MAIL_URL"] = "file:"
os.environ.pop("PUBLIC_URL", None)
