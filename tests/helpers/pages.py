"""The pages of the documentation, and what a reader would type from them."""

import glob
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(
    r"(?:<!-- not run: (?P<why>[^\n]+) -->\n+)?```(?P<language>\w*)\n(?P<text>.*?)```", re.S
)
_LAUNCHERS = ("srun", "torchrun")
_OTHERS = (".", "make", "pip", "python", "sed", "cd")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block; ``why`` is the reason for not running it, where its comment gives one."""

    page: str
    line: int
    language: str
    text: str
    why: str | None

    @property
    def commands(self) -> list[list[str]]:
        """The words of each ``landscape`` command; those of a launcher likewise.

        Raises
        ------
        ValueError
            For a line that is neither such a command nor one that the suite leaves alone.
        """
        found = []
        for line in self.text.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words and (words[0] == "landscape" or words[0] in _LAUNCHERS):
                    found.append(_after_launcher(words))
                elif words and words[0] not in _OTHERS:
                    raise ValueError(f"{self.page}, block at line {self.line}: what is {part!r}?")
        return found

    @property
    def launched(self) -> bool:
        """Whether a command of the block is started by a launcher, in several processes."""
        return any(line.startswith(_LAUNCHERS) for line in self.text.splitlines())


def _after_launcher(words: list[str]) -> list[str]:
    start = next(i for i, w in enumerate(words) if w in ("landscape", "cli.py"))
    return ["landscape", *words[start + 1 :]]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of ``page``, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=page.name,
            line=text.count("\n", 0, m.start("text")),
            language=m["language"],
            text=m["text"],
            why=m["why"],
        )
        for m in _FENCE.finditer(text)
    ]


def expanded(words: list[str]) -> list[str]:
    """``words`` as a shell passes them on: patterns replaced by the files that fit."""
    return [
        name
        for word in words
        for name in (sorted(glob.glob(word)) if "*" in word and "=" not in word else [word])
    ]
