"""Find the line that keystone failed on, since keystone does not say."""

from __future__ import annotations

from rom.assembler import LIMIT, Program, run_keystone, text_of
from rom.child import ChildError, Progress, run_in_child
from rom.dialect import SYMBOLS, AssemblyError, names_in
from rom.source import Statement

_SYMBOL_MISSING = 144
_REASONS = {
    "KS_ERR_ASM_FIXUP_INVALID": "the value does not fit the field",
    "KS_ERR_ASM_FRAGMENT_INVALID": ".org goes backwards: what stands before it is too long",
    "KS_ERR_ASM_DIRECTIVE_VALUE_RANGE": "the value does not fit the field",
}
_KEPT = SYMBOLS | {".code16", ".code32"}


def after_error(program: Program, base: int, error: int) -> AssemblyError:
    """The error for a program that keystone refused with number `error` (0: no output)."""
    missing = _undefined(program)
    if missing:
        return missing
    try:
        index, error = run_in_child(lambda tell: _search(program, base, error, tell), LIMIT)
    except ChildError as failure:
        return after_crash(program, base, failure)
    return AssemblyError(program.lines[index], _reason(error))


def after_crash(program: Program, base: int, failure: ChildError) -> AssemblyError:
    """The error for a program on which keystone crashed or did not return."""
    if failure.progress is None:
        try:
            run_in_child(lambda tell: _alone(program, base, tell), LIMIT)
        except ChildError as again:
            failure = again
    if failure.progress is None:
        return AssemblyError(program.lines[0], f"keystone {failure.reason} on this program")
    return AssemblyError(program.lines[failure.progress], f"keystone {failure.reason} on this line")


def _undefined(program: Program) -> AssemblyError | None:
    known = set(program.labels)
    for statement in program.statements:
        for part, word in zip(statement.parts, statement.words, strict=True):
            if word in SYMBOLS:
                known.add(part[len(word) :].partition(",")[0].strip())
    for line, statement in zip(program.lines, program.statements, strict=True):
        for part, word in zip(statement.parts, statement.words, strict=True):
            if word in {".globl", ".global", ".type", ".size"}:
                continue
            for name in names_in(part):
                if name not in known and not _is_prefix(word):
                    return AssemblyError(line, f"symbol {name} is not defined")
    return None


def _is_prefix(word: str) -> bool:
    return word in {"rep", "repe", "repne", "repz", "repnz", "lock"}


def _alone(program: Program, base: int, tell: Progress) -> tuple[int, list[bytes | int]]:
    """Assemble each line by itself; the bits of the code are kept. Returns the first bad index."""
    results: list[bytes | int] = []
    settings = ""
    for index, statement in enumerate(program.statements):
        tell(index)
        text = text_of(Statement((), statement.parts)).replace("@BASE@", hex(base))
        result = run_keystone(settings + text + "\n", base) if text else b""
        if isinstance(result, int) and result != _SYMBOL_MISSING:
            # keystone may say something else of labels that are missing: give it those, too.
            named = {name for part in statement.parts for name in names_in(part)}
            labels = "".join(f"{name}:\n" for name in sorted(named.intersection(program.labels)))
            result = run_keystone(f"{settings}{text}\n{labels}", base) if labels else result
        if isinstance(result, int) and result != _SYMBOL_MISSING:
            return index, results
        results.append(result)
        if statement.parts and statement.words[0] in _KEPT and isinstance(result, bytes):
            settings += text + "\n"
    return -1, results


def _search(program: Program, base: int, error: int, tell: Progress) -> tuple[int, int]:
    """The index of the bad line and keystone's number for it."""
    bad, results = _alone(program, base, tell)
    if bad >= 0:
        text = text_of(program.statements[bad])
        again = run_keystone(text.replace("@BASE@", hex(base)), base)
        return bad, again if isinstance(again, int) and again else error
    # Every line is good alone, so the fault shows only with the labels known. Replace the lines
    # after a point by as many zeros: the first point from which the program fails is the bad line.
    low, high = 0, len(program.statements)
    while high - low > 1:
        middle = (low + high) // 2
        tell(middle)
        if _fails(program, base, results, middle):
            high = middle
        else:
            low = middle
    return low, error


def _fails(program: Program, base: int, sizes: list[bytes | int], count: int) -> bool:
    text = []
    for index, statement in enumerate(program.statements):
        if index < count or set(statement.words) & _KEPT:
            text.append(text_of(statement))
            continue
        size = sizes[index]
        space = 5 if isinstance(size, int) else len(size)
        parts = (f".skip {space}",) if space else ()
        text.append(text_of(Statement(statement.labels, parts)))
    output = run_keystone("\n".join(text).replace("@BASE@", hex(base)) + "\n", base)
    return isinstance(output, int) and output != 0


def _reason(error: int) -> str:
    import keystone

    for name, value in vars(keystone.keystone_const).items():
        if name.startswith("KS_ERR_ASM") and value == error and name in _REASONS:
            return _REASONS[name]
    if error == 0:
        return "keystone produces nothing for it"
    said = str(keystone.KsError(error)).partition(" (KS_")[0]
    return said[:1].lower() + said[1:]
