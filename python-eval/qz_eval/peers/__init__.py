"""Other packages beside qzc: the same folder and text through transformers, bitsandbytes and
llama.cpp.

They have an environment of their own (--peer-python). What runs there (`models`, `llama`) is a
program each, with nothing of qz_eval's other dependencies; `measure` starts them and needs none of
the packages.
"""

# The version of xllamacpp whose library is called.
XLLAMACPP = "2026.10.11549"
