"""Records which exported calls the tests of a language make, at the boundary of the library.

    recorder.py make LIBRARY MODULE FOLDER       makes FOLDER/libnghisu.so
    recorder.py compare MODULE FOLDER LANGUAGE…  fails unless the tests of each language have made every call

What it makes stands in the place of the library: each function of the surface counts itself and jumps to the real
one, which lies beside it as `libnghisu_real.so`, and the methods that an app implements are counted on their way
out. Processes that find `NGHISU_CALLS` count in that file, also those that are killed. MODULE is the generated
Python module, from which names are read. It is written for x86-64 and gcc.
"""

import mmap
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

PREFIX = "uniffi_nghisu_fn_"
VTABLE = re.compile(r"class _UniffiVTableCallbackInterfaceNghisu(\w+)\(.*?_fields_ = \[(.*?)\]", re.S)


def callbacks(module: str) -> dict[str, list[str]]:
    """Returns the methods of each trait that an app implements, in the order in which the library has them."""
    return {
        name.lower(): [field for field in re.findall(r'\("(\w+)"', fields) if not field.startswith("uniffi_")]
        for name, fields in VTABLE.findall(module)
    }


def functions(module: str) -> list[str]:
    """Returns the exported functions, without those of memory and of traits that an app implements."""
    found = set(re.findall(rf"\b{PREFIX}(?:func|constructor|method)_\w+", module))
    of_app = tuple(f"{PREFIX}method_{trait}_" for trait in callbacks(module))
    return sorted(name for name in found if not name.startswith(of_app))


def surface(module: str) -> list[str]:
    """Returns everything that is counted: a function by its symbol, a callback as `trait.method`."""
    methods = [f"{trait}.{method}" for trait, names in callbacks(module).items() for method in names]
    return functions(module) + methods


def source(module: str) -> str:
    """Returns the library that counts, in C."""
    own, out = functions(module), callbacks(module)
    counters = len(surface(module))
    lines = [
        "#define _GNU_SOURCE",
        "#include <dlfcn.h>",
        "#include <fcntl.h>",
        "#include <stdint.h>",
        "#include <stdio.h>",
        "#include <stdlib.h>",
        "#include <sys/mman.h>",
        "#include <unistd.h>",
        f"enum {{ COUNTERS = {counters}, BYTES = 8 * COUNTERS }};",
        "static uint64_t unrecorded[COUNTERS];",
        "#define SEEN __attribute__((visibility(\"hidden\")))",
        "SEEN uint64_t *recorder_counters = unrecorded;",
        "SEEN void *recorder_real[COUNTERS];",
        # r11 belongs to nobody between a caller and its callee.
        '#define COUNTED(name, at) __asm__(".text\\n.globl " name "\\n.type " name ", @function\\n" name ":\\n" \\',
        '    "movq recorder_counters(%rip), %r11\\n" "lock incq 8*" #at "(%r11)\\n" \\',
        '    "jmpq *recorder_real+8*" #at "(%rip)\\n")',
        "static void *of(const char *name) {",
        '    void *real = dlopen("libnghisu_real.so", RTLD_NOLOAD | RTLD_NOW);',
        "    void *found = real ? dlsym(real, name) : 0;",
        '    if (!found) { fprintf(stderr, "recorder: no %s\\n", name); abort(); }',
        "    return found;",
        "}",
    ]
    lines += [f'COUNTED("{name}", {at});' for at, name in enumerate(own)]
    at = len(own)
    for trait, methods in out.items():
        first = at
        for method in methods:
            lines += [f'COUNTED("recorder_{trait}_{method}", {at});', f"SEEN void recorder_{trait}_{method}(void);"]
            at += 1
        # The first two are for memory.
        init = f"{PREFIX}init_callback_vtable_{trait}"
        lines += [
            f"void {init}(void **app) {{",
            f"    static void *counted[{2 + len(methods)}];",
            "    counted[0] = app[0]; counted[1] = app[1];",
            f"    for (int i = 0; i < {len(methods)}; i++) recorder_real[{first} + i] = app[2 + i];",
            *(f"    counted[{2 + i}] = recorder_{trait}_{method};" for i, method in enumerate(methods)),
            f'    ((void (*)(void **)) of("{init}"))(counted);',
            "}",
        ]
    names = ", ".join(f'"{name}"' for name in own)
    lines += [
        f"static const char *const names[] = {{ {names} }};",
        "__attribute__((constructor)) static void begin(void) {",
        f"    for (int i = 0; i < {len(own)}; i++) recorder_real[i] = of(names[i]);",
        '    const char *path = getenv("NGHISU_CALLS");',
        "    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;",
        "    if (file < 0) return;",
        "    void *shared = ftruncate(file, BYTES) ? MAP_FAILED :",
        "        mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);",
        "    if (shared != MAP_FAILED) recorder_counters = shared;",
        "    close(file);",
        "}",
    ]
    return "\n".join(lines) + "\n"


def make(library: Path, module: str, folder: Path) -> None:
    """Makes the library that counts, beside a copy of the real one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(library, folder / "libnghisu_real.so")
    code = folder / "recorder.c"
    code.write_text(source(module))
    linked = ["-Wl,--no-as-needed,-rpath,$ORIGIN", "-L", folder, "-l:libnghisu_real.so", "-ldl"]
    built = folder / "libnghisu.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-shared", "-fPIC", "-o", built, code, *linked], check=True)


def compare(module: str, folder: Path, languages: list[str]) -> int:
    """Prints what was counted, and returns how many calls some language has not made."""
    names, missing = surface(module), 0
    for language in languages:
        with (folder / f"{language}.calls").open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as counted:
            counts = dict(zip(names, struct.unpack(f"={len(names)}Q", counted[:]), strict=True))
        never = [name for name, count in counts.items() if count == 0]
        print(f"{language}: {len(names) - len(never)} of {len(names)} exported calls made, {sum(counts.values())} times in all")
        for name in never:
            print(f"  never: {name.removeprefix(PREFIX)}")
        missing += len(never)
    return missing


def main(order: str, *arguments: str) -> int:
    if order == "make":
        library, module, folder = map(Path, arguments)
        make(library, module.read_text(), folder)
        return 0
    if order == "compare":
        module, folder, *languages = arguments
        return 1 if compare(Path(module).read_text(), Path(folder), languages) else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or [""])))
