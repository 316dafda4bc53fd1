"""Reads what a catalogue should hold (templates and code of the mail room) and what it does hold (.po, .mo)."""

import ast
import gettext
from pathlib import Path

from newsletter.mail import _templates

ROOT = Path(_templates.__file__).resolve().parents[2]
LOCALE = ROOT / "newsletter" / "locale"
CALLS = {"gettext", "ngettext", "pgettext", "marked", "name"}  # `name` is what the room calls a bound gettext


def wanted():
    """(context or None, msgid, plural or None) of every text of the mail room."""
    found = set()
    for path in sorted((ROOT / "templates" / "email").rglob("*.*")):
        if path.suffix in {".html", ".txt"}:
            found |= _of_template(path)
    for path in sorted((ROOT / "newsletter" / "mail").glob("*.py")):
        found |= _of_code(path)
    return found


def _of_template(path):
    environment = _templates.html("en")
    calls = environment.extract_translations(path.read_text("utf-8"))
    return {_message(function, message) for _, function, message in calls}


def _of_code(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and _called(node.func) in CALLS:
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if _called(node.func) == "marked":
                found |= {(None, text, None) for text in texts}
            elif texts:
                found.add(_message(_called(node.func), tuple(texts)))
    return found


def _called(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _message(function, message):
    texts = (message,) if isinstance(message, str) else tuple(text for text in message if text is not None)
    if function == "ngettext":
        return None, texts[0], texts[1]
    return (texts[0], texts[1], None) if function == "pgettext" else (None, texts[0], None)


def po(locale):
    """{(context, msgid, plural): [translations]}; the header stands under (None, "", None)."""
    entries, entry, field = {}, {}, ""
    lines = (LOCALE / locale / "LC_MESSAGES" / "django.po").read_text("utf-8").splitlines()
    for line in [*lines, ""]:
        if line.startswith('"'):
            entry[field] += ast.literal_eval(line)
        elif line.startswith("msg"):
            field, _, text = line.partition(" ")
            entry[field] = ast.literal_eval(text)
        elif not line and "msgid" in entry:
            said = [text for name, text in sorted(entry.items()) if name.startswith("msgstr")]
            entries[entry.get("msgctxt"), entry["msgid"], entry.get("msgid_plural")] = said
            entry = {}
    return entries


def mo(locale):
    """The compiled catalogue in the same form, without plurals' second msgid."""
    with (LOCALE / locale / "LC_MESSAGES" / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    found = {}
    for key, text in catalogue.items():
        msgid, place = key if isinstance(key, tuple) else (key, 0)
        context, glued, rest = msgid.partition("\x04")
        found.setdefault((context, rest) if glued else (None, msgid), {})[place] = text
    return {key: [texts[n] for n in sorted(texts)] for key, texts in found.items()}
