"""lit's suite: what tools print, checked by FileCheck."""

# ruff: noqa: F821 (lit defines `config`)

import os
from pathlib import Path

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "qzc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["unit", "golden", "kernels", "EndToEnd", "Inputs", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.qzc_build_dir, "test")

# With QZC_VERIFY_ROUNDTRIP=1 every module that passes through qzc-opt is also
# printed, parsed again and compared.
bin_dir = Path(config.qzc_build_dir) / "bin"
roundtrip = ["--verify-roundtrip"] if os.environ.get("QZC_VERIFY_ROUNDTRIP") == "1" else []
tools = [ToolSubst("%qzc-opt", str(bin_dir / "qzc-opt"), extra_args=roundtrip)]
for name in ("qz-interpret", "qzc-runtime", "qzc"):
    path = bin_dir / name
    if path.exists():
        config.available_features.add(name)
    tools.append(ToolSubst(f"%{name}", str(path)))
for name in ("FileCheck", "not", "count"):
    tools.append(ToolSubst(name, os.path.join(config.llvm_tools_dir, name)))
llvm_config.add_tool_substitutions(tools, [str(bin_dir), config.llvm_tools_dir])
