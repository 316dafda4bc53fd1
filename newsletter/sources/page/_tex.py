"""TeX as it leaks into titles, names and abstracts -> Unicode. Pure; text without TeX comes back as it was."""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
            '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
            "b": "\u0331"}  # fmt: skip
_LETTERS = {"l": "ł", "L": "Ł", "o": "ø", "O": "Ø", "aa": "å", "AA": "Å", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ",
            "ss": "ß", "i": "i", "j": "j", "dh": "ð", "th": "þ"}  # fmt: skip
_NAMED = """
alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ nu ν xi ξ
pi π rho ρ sigma σ tau τ upsilon υ phi φ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ
Upsilon Υ Phi Φ Psi Ψ Omega Ω times × sim ~ approx ≈ simeq ≃ leq ≤ le ≤ geq ≥ ge ≥ neq ≠ ne ≠ ll ≪ gg ≫ pm ± mp ∓ to →
rightarrow → leftarrow ← Rightarrow ⇒ leftrightarrow ↔ uparrow ↑ downarrow ↓ infty ∞ cdot · cdots ⋯ ldots … dots … nabla ∇
partial ∂ in ∈ notin ∉ ell ℓ sum ∑ prod ∏ int ∫ forall ∀ exists ∃ subset ⊂ cup ∪ cap ∩ otimes ⊗ oplus ⊕ circ ∘ star ⋆
dagger † perp ⊥ parallel ∥ equiv ≡ propto ∝ langle ⟨ rangle ⟩ emptyset ∅ mid | backslash / textasciitilde ~ textless <
lVert ‖ rVert ‖ Vert ‖ lvert | rvert | vert | lceil ⌈ rceil ⌉ lfloor ⌊ rfloor ⌋ setminus ∖ wedge ∧ vee ∨ cong ≅ lesssim ≲
gtrsim ≳ lambda λ textgreater > textbar | textendash – textemdash — copyright © S § degree ° prime ′
"""
_SILENT = ("quad", "qquad", "left", "right", "bigl", "bigr", "big", "displaystyle", "rm", "bf", "it", "em", "tt", "sc", "cal",
           "sf", "protect", "relax")  # fmt: skip
_WORDS = _NAMED.split()
_SYMBOLS = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True)) | dict.fromkeys(_SILENT, "")
_FONTS = {"textit", "textbf", "texttt", "textsc", "textrm", "textsf", "textup", "textsl", "text", "emph", "mathbf", "mathcal",
          "mathrm", "mathit", "mathsf", "mathtt", "mathscr", "mathfrak", "boldsymbol", "operatorname", "mbox", "underline",
          "url", "footnotesize", "small", "ensuremath"}  # fmt: skip
_DOUBLE = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "E": "𝔼", "P": "ℙ"}
_RAISED = str.maketrans("0123456789+-=()abcdefghijklmnoprstuvwxyzT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀ")
_LOWERED = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_MARKS = {"hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304", "overline": "\u0304",
          "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308", "check": "\u030c", "breve": "\u0306"}  # fmt: skip

_HINT = re.compile(r"[\\$~^{}]|``|''|\bsim\d")
_DOUBLED_URL = re.compile(r"(https?://[^\s{}]{3,400})\{\s*https?://[^\s{}]{3,400}\s*\}")
_BRACED_URL = re.compile(r"\{\s*(https?://[^\s{}]{3,400})\s*\}")
_HREF = re.compile(r"\\href\s*\{([^{}]{0,400})\}\s*\{([^{}]{0,400})\}")
_ACCENT = re.compile(r"\{?\\(?:([`'^~=.\"])\s*|([uvHckdbr])(?:\s+|(?=\{)))(?:\{\s*(\\?[A-Za-z])\s*\}|(\\?[A-Za-z]))(\}?)")
_LETTER = re.compile(r"\{\\([A-Za-z]{1,2})\s*\}|\\(ss|aa|AA|ae|AE|oe|OE|dh|th|[lLoOij])(?![A-Za-z])(?:\{\}|\s+(?=[a-z])|)")
_MATHS = re.compile(r"(?<!\\)\$\$?(?=\S)([^$]{1,300}?)(?<=\S)\$\$?(?!\d)")
_COMMAND_OF = re.compile(r"\\([A-Za-z]{1,20})\*?\s*\{([^{}]{0,2000})\}")
_BARE_FONT = re.compile(r"\b(textit|textbf|texttt|textsc|emph|mathbf|mathcal|mathrm|mathbb)\{([^{}]{0,2000})\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{0,80})\}\s*\{([^{}]{0,80})\}")
_SCRIPT = re.compile(r"([\^_])(?:\{([^{}]{0,80})\}|(?<=[\^])([0-9+-]|[A-Za-z](?![A-Za-z])))")
_GROUPED_FONT = re.compile(r"\{\\(?:em|bf|it|tt|rm|sc|sl|sf|bfseries|itshape)\s+([^{}]{0,2000})\}")
_CAPITALS = re.compile(r"(?<![\w^}\\])\{([A-Z][A-Z0-9]{0,9})\}(?![{}])")  # BibTeX keeps capitals so: {B}ayesian
_NOTHING = re.compile(r"\\(?:begin|end|cite[pt]?|label|ref|eqref|footnote)\*?\s*\{[^{}]{0,200}\}")
_SYMBOL_ALONE = re.compile(r"(?<!\\)\$(\\[A-Za-z]{2,12})\$")
_MARKED = re.compile(rf"\\({'|'.join(_MARKS)})(?:\s*\{{\s*(\\?[A-Za-z]{{1,12}})\s*\}}|\s+([A-Za-z])(?![A-Za-z]))")
_COMMAND = re.compile(r"\\([A-Za-z]{1,30})\*?(?:\{\}|[ ]?(?=[A-Za-z]))?")


def to_unicode(text: str) -> str:
    """Accents, fonts, symbols, simple scripts and fractions; an unknown command keeps its name or its argument.

    Also what a page makes of TeX when it loses a character: `sim6%` -> ~6%, `textit{x}` -> x, `\\1.49M` -> $1.49M.
    Braces of prose ("{time}{place}") stay.
    """
    if not _HINT.search(text):
        return text
    text = _HREF.sub(r"\2 (\1)", text)
    text = _BRACED_URL.sub(r" \1", _DOUBLED_URL.sub(r"\1", text.replace("\\url{", "{")))
    text = _CAPITALS.sub(r"\1", _GROUPED_FONT.sub(r"\1", _NOTHING.sub(" ", text)))
    text = _SYMBOL_ALONE.sub(lambda found: _commands(found[1]), text)
    text = _LETTER.sub(_letter, _ACCENT.sub(_accent, text))
    text = re.sub(r"\\([%&#_])", r"\1", text)
    text = re.sub(r"\^\\circ\b", "°", text)
    text = _MATHS.sub(lambda found: _groups(_commands(found[1])), text)
    text = re.sub(r"\\\$|\\(?=\d)", "$", _commands(text))
    text = re.sub(r"\bsim(?=\d)", "~", re.sub(r"\^\\?circ(?![a-su-z])", "°", text))
    text = re.sub(r"(?<=[\d°])times(?=\d)", "×", text)
    text = re.sub(r"(?<=[A-Za-z.])~(?=[\w\[(])(?!\S*://)", " ", text) if "://" not in text else text
    return text.replace("``", "“").replace("''", "”") if "``" in text else text


def _accent(found: re.Match[str]) -> str:
    mark = found[1] or found[2]
    letter = (found[3] or found[4]).lstrip("\\")
    opened, closed = found[0].startswith("{"), bool(found[5])
    body = unicodedata.normalize("NFC", letter + _ACCENTS[mark])
    return ("{" if opened and not closed else "") + body + ("}" if closed and not opened else "")


def _letter(found: re.Match[str]) -> str:
    name = found[1] or found[2]
    return _LETTERS.get(name, found[0])


def _commands(text: str) -> str:
    """Innermost first, eight levels deep: deeper nesting is no title."""
    for _ in range(8):
        before = text
        text = _MARKED.sub(_marked, text)
        text = _FRACTION.sub(r"\1/\2", text)
        text = _SCRIPT.sub(_script, text)
        text = _BARE_FONT.sub(_argument, _COMMAND_OF.sub(_argument, text))
        if text == before:
            break
    text = re.sub(r"\\[,;: ]|\\\\", " ", text)
    text = text.replace("\\|", "‖")
    text = re.sub(r"\\([!/<>@*\-\[\]()])", lambda found: found[1] if found[1] in "[]()" else "", text)
    return re.sub(r"\\([{}])", r"\1", _COMMAND.sub(_symbol, text))


def _argument(found: re.Match[str]) -> str:
    name, body = found[1], found[2]
    if name == "mathbb":
        return _DOUBLE.get(body, body)
    if name == "sqrt":
        return f"√{body}" if len(body) == 1 else f"√({body})"
    if name in _FONTS or name not in _SYMBOLS:
        return body
    return f"\\{name} {body}"


def _script(found: re.Match[str]) -> str:
    body = (found[2] if found[2] is not None else found[3]) or ""
    table = _RAISED if found[1] == "^" else _LOWERED
    turned = body.translate(table)
    if body and all(ord(char) in table for char in body):
        return turned
    if found[1] == "^" and len(body) > 1 and body not in {"\\circ", "\\prime"}:
        return f"^({body})"
    return {"\\circ": "°", "\\prime": "′"}.get(body, f"{found[1]}{body}" if body else "")


def _marked(found: re.Match[str]) -> str:
    """One letter gets its mark, more keep their name alone."""
    body = found[2] or found[3]
    letter = _SYMBOLS.get(body[1:], "") if body.startswith("\\") else body
    return unicodedata.normalize("NFC", letter + _MARKS[found[1]]) if len(letter) == 1 else body


def _symbol(found: re.Match[str]) -> str:
    """An unknown command is a word (log, max) and keeps the blank after it."""
    name = found[1]
    return _SYMBOLS[name] if name in _SYMBOLS else name + " " * found[0].endswith(" ")


def _groups(text: str) -> str:
    """Inside maths a group's braces say nothing more."""
    return re.sub(
        r"\{([^{}]*)\}", r"\1", re.sub(r"_([0-9aehijklmnoprstuvx])(?!\w)", lambda found: found[1].translate(_LOWERED), text)
    )
