"""Text as LaTeX prints it literally, in ASCII."""

import re
import unicodedata

BREAKS = "\n\r\t\v\f\u2028\u2029"  # what would end a line of a table
UNBROKEN = "\u00a0"
_SHORT = 12  # letters of a word in which no line ends
_LONGEST = 24  # letters between two places where a line may end

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\u202f": r"\,",
    "\u2009": r"\,",
    UNBROKEN: "~",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "ł": r"\l{}",
    "ı": r"\i{}",
}
_MATHEMATICS = {
    "λ_max": r"\lambda_{\max}",
    "λ_min": r"\lambda_{\min}",
    "‖_F": r"\Vert_F",
    "±": r"\pm",
    "−": "-",
    "≥": r"\geq",
    "≤": r"\leq",
    "≈": r"\approx",
    "×": r"\times",
    "·": r"\cdot",
    "⊙": r"\odot",
    "†": r"\dagger",
    "√": r"\surd",
    "∞": r"\infty",
    "∂": r"\partial",
    "∇": r"\nabla",
    "∫": r"\smallint",
    "Σ": r"\Sigma",
    "‖": r"\Vert",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "⊥": r"\perp",
    "⟂": r"\perp",
    "→": r"\to",
    "←": r"\gets",
    "↦": r"\mapsto",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "½": r"\frac12",
    "ℓ": r"\ell",
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "Γ": r"\Gamma",
    "Δ": r"\Delta",
    "ε": r"\varepsilon",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "Λ": r"\Lambda",
    "μ": r"\mu",
    "µ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma",
    "τ": r"\tau",
    "φ": r"\varphi",
    "Φ": r"\Phi",
    "χ": r"\chi",
    "ψ": r"\psi",
    "ω": r"\omega",
    "Ω": r"\Omega",
}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᵀ", "0123456789-+nT", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_TOKEN = re.compile(
    "|".join(
        (
            *(re.escape(word) for word in _MATHEMATICS if len(word) > 1),
            f"[{''.join(_RAISED)}]+",
            f"[{''.join(_LOWERED)}]+",
            ".",
        )
    ),
    re.DOTALL,
)
# After these signs a line may end inside a word, but neither in a number nor in a formula.
_ENDS = re.compile(r"(?<=[_/=&?;:+@-])(?<![λ‖L]_)(?=\S)|(?<=[.,])(?=[^\d\s])")


def escape_latex(text: str) -> str:
    """``text`` as LaTeX prints it, on one line; a ? for a sign that has no form in ASCII."""
    escaped = "".join(map(_escaped, _TOKEN.findall(text)))
    return re.sub(r"(?<!\\)\$\$", "", escaped)  # formulas side by side are one


def breakable(text: str) -> str:
    """The same, where a line may also end within long names, such as those of files."""
    escaped = (r"\allowbreak{}".join(map(escape_latex, pieces_of(word))) for word in words_of(text))
    return " ".join(escaped).replace(r"-\allowbreak{}", "-")  # where TeX breaks by itself


def words_of(text: str) -> list[str]:
    """What spaces separate, those aside that hold a number together."""
    flat = "".join(" " if sign in BREAKS else sign for sign in text)
    return [word for word in flat.split(" ") if word]


def pieces_of(word: str) -> list[str]:
    """Parts of a word that are not torn apart."""
    if UNBROKEN in word or len(word) <= _SHORT:
        return [word]
    return [
        piece[i : i + _LONGEST]
        for piece in _ENDS.split(word)
        for i in range(0, len(piece), _LONGEST)
    ]


def _escaped(token: str) -> str:
    if token in BREAKS:
        return " "
    if token in _SPECIAL:
        return _SPECIAL[token]
    if token in _MATHEMATICS:
        return f"${_MATHEMATICS[token]}$"
    for signs, mark in ((_RAISED, "^"), (_LOWERED, "_")):
        if token[0] in signs:
            return f"${mark}{{{''.join(signs[sign] for sign in token)}}}$"
    if token.isascii():
        return token if token.isprintable() else "?"
    return _spelled(token)


def _spelled(sign: str) -> str:
    """A letter with its accents, or what Unicode calls compatible with the sign."""
    base, *marks = list(unicodedata.normalize("NFKD", sign))
    if marks and all(mark in _ACCENTS for mark in marks) and base.isascii() and base.isalpha():
        for mark in marks:
            base = f"\\{_ACCENTS[mark]}{{{base}}}"
        return base
    plain = unicodedata.normalize("NFKC", sign)
    return escape_latex(plain) if plain.isascii() else "?"
